/** A letter as plain text, in aligned columns. */

import type { Sheet, SheetRow } from './letter.ts';

/** The whole plain-text part. Names in it are one line each; it ends with a line break. */
export function plainText(sheet: Sheet): string {
  const parts = [
    sheet.headline,
    `Hello ${isolated(sheet.customerName)},`,
    sheet.opening,
    `Order number  ${sheet.orderId}\nPlaced on     ${sheet.placedOn}`,
    itemLines(sheet).join('\n'),
    sheet.closing,
    sheet.reason,
  ];
  return `${parts.join('\n\n')}\n`;
}

/** Names stand last in their lines: no script, emoji or length of theirs can push a column out of line. */
function itemLines({ rows, total }: Sheet): string[] {
  const quantity = columnOf('Qty', ...rows.map((row) => row.quantity));
  const unitPrice = columnOf('Unit price', ...rows.map((row) => row.unitPrice));
  const amount = columnOf('Amount', total, ...rows.map((row) => row.amount));
  const line = (...cells: [string, string, string]) =>
    `${quantity(cells[0])}  ${unitPrice(cells[1])}  ${amount(cells[2])}`;
  const heading = line('Qty', 'Unit price', 'Amount');
  return [
    `${heading}  Item`,
    ...rows.map((row) => `${line(row.quantity, row.unitPrice, row.amount)}  ${titleOf(row)}`),
    '-'.repeat(heading.length),
    `Order total${total.padStart(heading.length - 'Order total'.length)}`,
  ];
}

/** Aligns to the right, as wide as the widest of `cells`. */
function columnOf(...cells: string[]): (cell: string) => string {
  const width = Math.max(...cells.map((cell) => cell.length));
  return (cell) => cell.padStart(width);
}

function titleOf(row: SheetRow): string {
  return `${isolated(row.name)} (${isolated(row.sku)})`;
}

/** Fences in a value that holds right-to-left text, so that it does not reorder the rest of its line. */
function isolated(value: string): string {
  return RIGHT_TO_LEFT.test(value) ? `\u2068${value}\u2069` : value;
}

/** The blocks that Unicode reserves for right-to-left scripts: regular expressions know no property for them. */
const RIGHT_TO_LEFT =
  /[\u200f\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
