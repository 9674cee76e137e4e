/** The desk's smaller pages: how things stand, a redrive, a letter, and what was found. */
import type { Hold } from '../holds.ts';
import { bidirectional, html, type Markup } from '../markup.ts';
import type { OrderLine } from '../orders.ts';
import type { Redrive } from '../redrives.ts';
import { byReason } from './dead-letters.ts';
import { badge, count, moment, type Page, page } from './page.ts';

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

/** A redrive in two lines, with the way to it. */
export function redriveLine(redrive: Redrive): Markup {
  const { id, operator, reason, type, matched, putBack, accepted, failed, underWay, createdAt } = redrive;
  const which = [reason, type].filter((one) => one !== null).join(', ');
  return html`<section>
<p><a href="/admin/redrives/${id}">Redrive of ${count(matched, 'letter')}${which ? ` (${which})` : ''}</a> ${badge(stateOf(redrive))} <span class="quiet">by ${operator},</span> ${moment(createdAt)}</p>
<progress max="${String(Math.max(matched, 1))}" value="${String(putBack)}" aria-label="Put back"></progress>
<p class="quiet">${putBack.toLocaleString('en')} put back. Of the last ones ${accepted.toLocaleString('en')} accepted, ${failed.toLocaleString('en')} dead again, ${underWay.toLocaleString('en')} on their way.</p>
</section>`;
}

const stateOf = ({ ended, passedAt }: Redrive): string => ended ?? (passedAt ? 'under way' : 'first ones');

const ENDS: Readonly<Record<NonNullable<Redrive['ended']>, string>> = {
  done: 'All that could be put back was, and all of it has come to an end.',
  failures:
    'Stopped by itself: too many of those that were put back are dead again. The others are where they were.',
  cancelled: 'Cancelled. What had been put back goes its way; the others are where they were.',
};

/** @param watched whether the browser asks again by itself. */
export function redrivePage(redrive: Redrive, acts: boolean, watched: boolean, told: Page['told']): string {
  const { id, canary, perSecond, note, ended, passedAt, endedAt } = redrive;
  const words = ended
    ? ENDS[ended]
    : passedAt
      ? `${perSecond.toLocaleString('en')} a second follow the first ones, never more than ten seconds ahead of the letters.`
      : `The first ${canary === 1 ? 'one is' : `${canary.toLocaleString('en')} are`} on the way. When four in five are accepted the others follow.`;
  return page({
    ...{ title: 'Redrive', here: 'dead letters', told: told ?? null },
    body: html`
<h1>Redrive</h1>
${redriveLine(redrive)}
<p>${words}</p>
${ended ? '' : watched ? html`<p><a href="/admin/redrives/${id}">Stop watching</a></p>` : html`<p><a href="/admin/redrives/${id}?watch">Watch: look again every two seconds</a></p>`}
${note ? html`<p class="quiet">${bidirectional(note)}</p>` : ''}
${endedAt ? html`<p class="quiet">Ended ${moment(endedAt)}</p>` : ''}
${!ended && acts ? html`<form method="post" action="/admin/redrives/${id}/cancel"><button>Cancel</button></form>` : ''}
<p><a href="/admin/dead-letters">Dead letters</a></p>`,
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
<div class="wide"><table><tbody>
${orders.map(
  ({ id, status, createdAt, customer, dead }) =>
    html`<tr><td>${moment(createdAt)}</td><td><a class="id" href="/admin/orders/${id}">${id}</a></td><td>${badge(status)} ${dead > 0 ? badge('dead') : ''}</td><td>${bidirectional(customer)}</td></tr>`,
)}
</tbody></table></div>`,
  });
}
