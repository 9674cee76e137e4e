/** The layout that all letters share: one kind's wording around an order's facts, as HTML and as plain text. */

import { formatMoney } from '../money.ts';
import { htmlPage } from './html.ts';
import type { Letter, OrderFacts, Sheet, SheetRow, Wording } from './letter.ts';
import { plainText } from './text.ts';

/**
 * Writes a letter.
 *
 * @throws RangeError when the order's currency is not one of ours.
 */
export function writeLetter(facts: OrderFacts, wording: Wording): Letter {
  const sheet = sheetOf(facts, wording);
  return { subject: oneLine(wording.subject), html: htmlPage(sheet), text: plainText(sheet) };
}

function sheetOf(facts: OrderFacts, wording: Wording): Sheet {
  return {
    ...wording,
    customerName: oneLine(facts.customerName),
    orderId: oneLine(facts.orderId),
    placedOn: utcDate(facts.createdAt),
    rows: facts.items.map((item) => rowOf(item, facts.currency)),
    total: formatMoney(facts.total, facts.currency),
    reason: 'You receive this letter because an order was placed with this e-mail address.',
  };
}

function rowOf(item: OrderFacts['items'][number], currency: string): SheetRow {
  return {
    name: oneLine(item.name),
    sku: oneLine(item.sku),
    quantity: String(item.quantity),
    unitPrice: formatMoney(item.unitPrice, currency),
    amount: formatMoney(BigInt(item.quantity) * item.unitPrice, currency),
  };
}

/** `9 Nov 2026, 03:47 UTC`, cut from the one date format whose words the language standard itself prescribes. */
function utcDate(date: Date): string {
  const [, day, month, year, time] = date.toUTCString().split(' ');
  return `${Number(day)} ${month} ${year}, ${time?.slice(0, 5)} UTC`;
}

/**
 * Makes a value one line. A name with line breaks could write lines of its own into the plain text or headers into the subject,
 * one with direction overrides could turn round the amounts beside it. Joiners stay: emoji and many scripts need them.
 */
function oneLine(value: string): string {
  return value
    .replace(DIRECTION_CONTROLS, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
}

/** Embeddings, overrides and isolates, which reorder their neighbours; the layout isolates names itself. */
const DIRECTION_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;
