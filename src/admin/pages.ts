/** The desk's smaller pages: how things stand, a letter, and what was found. */
import type { Hold } from '../holds.ts';
import { bidirectional, html } from '../markup.ts';
import type { OrderLine } from '../orders.ts';
import type { Redrive } from '../redrives.ts';
import { byReason } from './dead-letters.ts';
import { badge, count, moment, type Page, page } from './page.ts';
import { redriveLine } from './redrives.ts';

export interface Overview {
  readonly counts: readonly { readonly reason: string; readonly count: number }[];
  readonly hold: Hold | undefined;
  /** Whether one of each leads. */
  readonly relay: boolean;
  readonly monitor: boolean;
  /** The newest. */
  readonly redrive: Redrive | undefined;
  readonly told: Page['told'];
}

export function overviewPage({ counts, hold, relay, monitor, redrive, told }: Overview): string {
  const dead = counts.reduce((sum, one) => sum + one.count, 0);
  const led = (is: boolean, without: string) =>
    is ? html`${badge('well')} one leads` : html`${badge('trouble')} none leads: ${without}`;
  return page({
    ...{ title: 'Overview', here: 'overview', told: told ?? null },
    body: html`
<h1>How it stands</h1>
<dl>
<dt>Sending</dt><dd>${hold ? html`${badge('trouble')} held: ${hold.reason}, since ${moment(hold.openedAt)}` : html`${badge('well')} not held`}</dd>
<dt>Relay</dt><dd>${led(relay, 'staged messages stay where they are')}</dd>
<dt>Monitor</dt><dd>${led(monitor, 'nobody hears of dead letters')}</dd>
</dl>
<h2>${dead === 0 ? 'No dead letters' : count(dead, 'dead letter')}</h2>
${dead === 0 ? html`<p>Every message is finished, or on its way.</p>` : byReason({ reason: null }, counts, false)}
${redrive ? html`<h2>The latest redrive</h2>${redriveLine(redrive)}` : ''}`,
  });
}

/** A frozen letter: what the provider was given, as text. */
export function letterPage({ orderId, body }: { readonly orderId: string; readonly body: string }): string {
  const letter: { from?: unknown; to?: unknown; subject?: unknown; text?: unknown } = JSON.parse(body); // our own
  const line = (name: string, value: unknown) =>
    html`<dt>${name}</dt><dd>${bidirectional(String(value ?? '–'))}</dd>`;
  return page({
    ...{ title: 'Letter', here: null },
    body: html`
<h1>The letter</h1>
<p><a href="/admin/orders/${orderId}">Its order</a></p>
<dl>${line('From', letter.from)}${line('To', letter.to)}${line('Subject', letter.subject)}</dl>
<pre>${String(letter.text ?? '')}</pre>`,
  });
}

export function searchPage(words: string, orders: readonly OrderLine[]): string {
  return page({
    ...{ title: 'Search', here: null },
    body: html`
<h1>Found: ${count(orders.length, 'order')}</h1>
<p class="quiet">For ${bidirectional(words || '–')}. Ids and addresses are looked for whole, and the newest orders shown, 50 at most.</p>
<div class="wide" tabindex="0"><table><tbody>
${orders.map(
  ({ id, status, createdAt, customer, dead }) =>
    html`<tr><td>${moment(createdAt)}</td><td><a class="id" href="/admin/orders/${id}">${id}</a></td><td>${badge(status)} ${dead > 0 ? badge('dead') : ''}</td><td>${bidirectional(customer)}</td></tr>`,
)}
</tbody></table></div>`,
  });
}
