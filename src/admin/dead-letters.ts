/** The dead letters as a page: how many of which kind, each with its reason, and what is done about one, some or all of them. */
import { bidirectional, html, type Markup } from '../markup.ts';
import { messageTypes } from '../messages.ts';
import type { DeadFilter, DeadLetter } from '../outbox.ts';
import { CANARY, LARGEST_CANARY, MOST_PER_SECOND, PER_SECOND, type Redrive } from '../redrives.ts';
import { DEAD_REASONS } from '../schema.ts';
import { positionText } from './forms.ts';
import { count, field, masked, moment, type Page, page } from './page.ts';
import { redriveLine } from './redrives.ts';

export interface DeadLettersView {
  readonly filter: DeadFilter;
  /** Of all, whatever the filter. */
  readonly counts: readonly { readonly reason: string; readonly count: number }[];
  /** By the filter. */
  readonly matched: number;
  readonly retriable: number;
  readonly letters: readonly DeadLetter[];
  readonly more: boolean;
  readonly redrives: readonly Redrive[];
  readonly acts: boolean;
  readonly told: Page['told'];
}

export function deadLettersPage(view: DeadLettersView): string {
  const { filter, counts, matched, letters, told } = view;
  return page({
    ...{ title: 'Dead letters', here: 'dead letters', told: told ?? null },
    body: html`
<h1>Dead letters</h1>
${counts.length === 0 ? html`<p>None. Every message is finished, or on its way.</p>` : byReason(filter, counts)}
${search(filter)}
${redriving(view)}
${letters.length === 0 ? (counts.length > 0 ? html`<p>None matches.</p>` : '') : html`<h2>${count(matched, 'letter')}, the oldest first</h2>${list(view)}`}`,
  });
}

/** The counts, each leading to its letters. */
export function byReason(
  filter: Pick<DeadFilter, 'reason'>,
  counts: DeadLettersView['counts'],
  every = true,
): Markup {
  const all = counts.reduce((sum, one) => sum + one.count, 0);
  const item = (reason: string | null, words: string, n: number) =>
    html`<li><a href="/admin/dead-letters${reason === null ? '' : `?reason=${reason}`}"${filter.reason === reason && every ? html` aria-current="true"` : ''}>${words} <strong>${n.toLocaleString('en')}</strong></a></li>`;
  return html`<ul class="counts">${every ? item(null, 'all', all) : ''}${counts.map(({ reason, count: n }) => item(reason, reason, n))}</ul>`;
}

const option = (value: string, chosen: string | null, words = value): Markup =>
  html`<option value="${value}"${value === (chosen ?? '') ? html` selected` : ''}>${words}</option>`;

function search({ reason, type, since, until }: DeadFilter): Markup {
  const local = (at: string | null) => at?.slice(0, 16) ?? '';
  return html`<form class="line" action="/admin/dead-letters">
${field('Reason', html`<select name="reason">${option('', reason, 'any')}${DEAD_REASONS.map((one) => option(one, reason))}</select>`)}
${field('Type', html`<select name="type">${option('', type, 'any')}${messageTypes.map((one) => option(one.type, type))}</select>`)}
${field('Dead since (UTC)', html`<input type="datetime-local" name="since" value="${local(since)}">`)}
${field('until (UTC)', html`<input type="datetime-local" name="until" value="${local(until)}">`)}
<button class="second">Show</button>
</form>`;
}

/** Many at once: how many there are first, and then whether. */
function redriving({ filter, matched, retriable, redrives, acts }: DeadLettersView): Markup {
  const [latest] = redrives;
  const underWay = latest && latest.ended === null ? latest : undefined;
  const hidden = Object.entries(filter)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => html`<input type="hidden" name="${name}" value="${String(value)}">`);
  const left = matched - retriable;
  const form = html`<details><summary>Retry ${retriable === 1 ? 'the one' : `all ${retriable.toLocaleString('en')}`} that ${retriable === 1 ? 'matches' : 'match'}</summary>
<p class="quiet">A few go first. When four in five of them are accepted the others follow, so many a second; it stops by itself when letters die again.
${left > 0 ? `${count(left, 'letter')} of unknown outcome ${left === 1 ? 'is' : 'are'} left alone: somebody must say first what became of ${left === 1 ? 'it' : 'them'}.` : ''}</p>
<form class="line" method="post" action="/admin/redrives">${hidden}
${field('First', html`<input type="number" name="canary" min="1" max="${String(LARGEST_CANARY)}" value="${String(CANARY)}" required>`)}
${field('Then, a second', html`<input type="number" name="perSecond" min="1" max="${String(MOST_PER_SECOND)}" value="${String(PER_SECOND)}" required>`)}
${field('Why (if you like)', html`<input name="note" maxlength="500" autocomplete="off">`)}
<button>Begin</button></form></details>`;
  return html`${underWay ? redriveLine(underWay) : acts && retriable > 0 ? form : ''}
${redrives.length > (underWay ? 1 : 0) ? html`<details><summary>Earlier redrives</summary>${redrives.filter((one) => one !== underWay).map(redriveLine)}</details>` : ''}`;
}

function list({ filter, letters, more, acts }: DeadLettersView): Markup {
  const last = letters.at(-1);
  const next = new URLSearchParams(
    Object.entries({ ...filter, after: more && last ? positionText(last) : null }).flatMap(([name, value]) =>
      value === null ? [] : [[name, value] as [string, string]],
    ),
  );
  return html`<form method="post" action="/admin/dead-letters/retry">
<div class="wide" tabindex="0"><table>
<thead><tr>${acts ? html`<th scope="col"><span class="unseen">Retry</span></th>` : ''}<th scope="col">Dead since</th><th scope="col">Reason</th><th scope="col">Type</th><th scope="col">To</th><th scope="col" class="number">Calls</th><th scope="col">Story</th></tr></thead>
<tbody>
${letters.map((letter) => row(letter, acts))}
</tbody></table></div>
<p class="line">${acts ? html`<button>Retry those that are ticked</button>` : ''}${more ? html`<a href="/admin/dead-letters?${next.toString()}">Later ones</a>` : ''}</p>
</form>`;
}

function row(
  { id, at, reason, answer, type, recipient, attempts, orderId }: DeadLetter,
  acts: boolean,
): Markup {
  const tick =
    reason === 'outcome_unknown'
      ? html`<td></td>`
      : html`<td><input type="checkbox" name="id" value="${id}" aria-label="Retry ${id}"></td>`;
  return html`<tr>${acts ? tick : ''}<td>${moment(at)}</td><td>${reason}${answer && answer !== reason ? html`<br><span class="quiet">${answer}</span>` : ''}</td><td>${type}</td><td>${bidirectional(masked(recipient))}</td><td class="number">${String(attempts)}</td><td><a href="/admin/orders/${orderId}#${id}">Order …${orderId.slice(-8)}</a></td></tr>`;
}
