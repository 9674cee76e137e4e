/** A redrive as a page, and as two lines of another one. */
import { bidirectional, html, type Markup } from '../markup.ts';
import type { Redrive } from '../redrives.ts';
import { badge, count, moment, type Page, page } from './page.ts';

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
      : `The first ${canary === 1 ? 'one goes' : `${canary.toLocaleString('en')} go`} ahead. When four in five are accepted the others follow.`;
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
