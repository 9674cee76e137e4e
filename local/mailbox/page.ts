/** The mailbox as a person sees it: one document with the list of letters and the chosen one, or what this place is. */

import { TROUBLES } from './addresses.ts';
import type { AcceptedLetter } from './letter.ts';
import { html, type Markup } from './markup.ts';
import { KEPT } from './recent.ts';

/** Letters on one page of the list. */
export const PAGE_SIZE = 50;

const REFRESH_SECONDS = 5;

export type View = 'html' | 'text' | 'raw';

/** One page of the list, newest first; pages count from 1. */
export interface Inbox {
  letters: readonly AcceptedLetter[];
  page: number;
  total: number;
}

const COUNT = new Intl.NumberFormat('en-GB');
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' });
const MOMENT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'medium' });

/** The list beside an explanation of this mailbox; its first page looks for new letters by itself. */
export function inboxPage(inbox: Inbox): string {
  const refresh = html`<meta http-equiv="refresh" content="${REFRESH_SECONDS}">`;
  return documentOf({
    title: inbox.total === 0 ? 'Local mailbox' : `Local mailbox (${COUNT.format(inbox.total)})`,
    head: inbox.page === 1 ? refresh : html``,
    kind: 'choosing',
    body: html`${listPane(inbox, null)}${aboutPane()}`,
    total: inbox.total,
  });
}

/** The list with one letter opened. */
export function letterPage(inbox: Inbox, letter: AcceptedLetter, view: View): string {
  return documentOf({
    title: letter.subject,
    head: html``,
    kind: 'reading',
    body: html`${listPane(inbox, letter.id)}${letterPane(letter, view, inbox.page)}`,
    total: inbox.total,
  });
}

/** For a letter that never was, or that newer ones have pushed out. */
export function missingPage(total: number): string {
  return documentOf({
    title: 'No such letter',
    head: html``,
    kind: 'reading',
    body: html`<main class="reader about"><h1>This letter is not here</h1>
<p>The mailbox keeps the last ${COUNT.format(KEPT)} letters and forgets all of them when it stops.</p>
<p><a class="button" href="/">All letters</a></p></main>`,
    total,
  });
}

function documentOf(page: {
  title: string;
  head: Markup;
  kind: string;
  body: Markup;
  total: number;
}): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${page.head}
<title>${page.title}</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/mailbox.css">
</head>
<body class="${page.kind}">
<header class="bar">
<a class="brand" href="/"><img src="/icon.svg" alt="" width="28" height="28"> Local mailbox</a>
<span class="count">${lettersCount(page.total)}</span>
<span class="promise">Nothing here leaves this machine</span>
</header>
${page.body}
</body>
</html>
`.markup;
}

function lettersCount(total: number): string {
  return total === 1 ? '1 letter' : `${COUNT.format(total)} letters`;
}

function listPane(inbox: Inbox, chosen: string | null): Markup {
  if (inbox.letters.length === 0) return emptyPane();
  return html`<nav class="list" aria-label="Letters">
<ol>${inbox.letters.map((letter) => listItem(letter, letter.id === chosen))}</ol>
${pager(inbox)}
</nav>`;
}

function emptyPane(): Markup {
  return html`<section class="list empty"><img src="/icon.svg" alt="" width="72" height="72">
<h2>No letters yet</h2>
<p>Every letter that the API accepts shows up here within seconds: who it is for, what it says, and the exact request
that brought it.</p>
<p>Place an order, and its confirmation will be the first.</p></section>`;
}

function listItem(letter: AcceptedLetter, chosen: boolean): Markup {
  const recipient = letter.to.join(', ');
  return html`<li><a href="/letters/${letter.id}" class="item"${chosen ? html` aria-current="true"` : html``}>
<span class="avatar tint-${tintOf(recipient)}" aria-hidden="true">${initialOf(recipient)}</span>
<span class="who">${recipient}</span>
<time datetime="${letter.acceptedAt}">${shortTime(letter.acceptedAt)}</time>
<span class="subject">${letter.subject}</span>
<span class="preview">${previewOf(letter)}</span>
</a></li>`;
}

function pager({ page, total }: Inbox): Markup {
  const pages = Math.ceil(total / PAGE_SIZE);
  if (pages < 2) return html``;
  const newer = page > 1 ? html`<a href="/?page=${page - 1}" rel="prev">Newer</a>` : html`<span></span>`;
  const older = page < pages ? html`<a href="/?page=${page + 1}" rel="next">Older</a>` : html`<span></span>`;
  return html`<div class="pager">${newer}<span>${page} of ${pages}</span>${older}</div>`;
}

function letterPane(letter: AcceptedLetter, view: View, page: number): Markup {
  const tags = letter.tags.map(({ name, value }) => html`<span class="tag">${name}: ${value}</span>`);
  return html`<main class="reader">
<a class="back" href="/?page=${page}">All letters</a>
<h1>${letter.subject}</h1>
<dl class="facts">
<dt>From</dt><dd>${letter.from}</dd>
<dt>To</dt><dd>${letter.to.join(', ')}</dd>
<dt>Date</dt><dd><time datetime="${letter.acceptedAt}">${MOMENT.format(new Date(letter.acceptedAt))}</time></dd>
${tags.length === 0 ? html`` : html`<dt>Tags</dt><dd>${tags}</dd>`}
</dl>
${viewTabs(letter, view)}
${viewOf(letter, view)}
</main>`;
}

function viewTabs(letter: AcceptedLetter, view: View): Markup {
  const tabs: [View, string, boolean][] = [
    ['html', 'Letter', letter.html !== undefined],
    ['text', 'Plain text', letter.text !== undefined],
    ['raw', 'Raw request', true],
  ];
  const links = tabs
    .filter(([, , exists]) => exists)
    .map(([name, label]) => {
      const current = name === view ? html` aria-current="page"` : html``;
      return html`<a href="/letters/${letter.id}?view=${name}"${current}>${label}</a>`;
    });
  return html`<div class="tabs">${links}</div>`;
}

function viewOf(letter: AcceptedLetter, view: View): Markup {
  if (view === 'text') return html`<pre class="sheet">${letter.text ?? ''}</pre>`;
  if (view === 'raw') return rawRequest(letter);
  return html`<iframe class="sheet" title="The letter" sandbox src="/letters/${letter.id}/html"></iframe>`;
}

function rawRequest(letter: AcceptedLetter): Markup {
  const headers = Object.entries(letter.headers ?? {}).map(
    ([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`,
  );
  return html`<div class="sheet raw">
<dl class="facts">
<dt>Answered with id</dt><dd><code>${letter.id}</code></dd>
<dt>Idempotency-Key</dt><dd>${letter.idempotencyKey === null ? 'none' : html`<code>${letter.idempotencyKey}</code>`}</dd>
${headers}
</dl>
<pre>${letter.body}</pre>
</div>`;
}

function aboutPane(): Markup {
  const rows = Object.entries(TROUBLES).map(
    ([name, effect]) => html`<tr><th scope="row"><code>${name}@</code></th><td>${effect}</td></tr>`,
  );
  return html`<main class="reader about">
<h1>A mailbox that delivers nothing</h1>
<p>It speaks Resend’s HTTP API and enforces its documented rules: credentials, required fields, tags, batches of up to 100,
idempotency keys for 24 hours and the rate limit. Letters that it accepts are kept here instead of being sent.</p>
<h2>Addresses that misbehave on purpose</h2>
<p>At any domain, and with anything after a plus sign, such as <code>flaky+7@example.com</code>. Everybody else’s letters
are accepted at once.</p>
<table><tbody>${rows}</tbody></table>
<p class="fine">The last ${COUNT.format(KEPT)} letters are kept, in memory only. As JSON:
<a href="/letters.json">/letters.json</a></p>
</main>`;
}

function previewOf(letter: AcceptedLetter): string {
  return (letter.text ?? '').slice(0, 400).replace(/\s+/g, ' ').trim().slice(0, 140);
}

function initialOf(recipient: string): string {
  return /[\p{L}\p{N}]/u.exec(recipient)?.[0]?.toUpperCase() ?? '?';
}

/** One of the style sheet's six tints, the same one for the same recipient. */
function tintOf(recipient: string): number {
  let sum = 0;
  for (const character of recipient) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 997;
  return sum % 6;
}

function shortTime(iso: string): string {
  const moment = new Date(iso);
  const today = moment.toDateString() === new Date().toDateString();
  return today ? CLOCK.format(moment) : DAY.format(moment);
}
