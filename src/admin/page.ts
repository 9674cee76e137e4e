/** The frame of the operator's pages: no script, light and dark, for a phone as well. */
import { html, type Markup } from '../markup.ts';

export interface Page {
  readonly title: string;
  /** Where in the navigation it stands. */
  readonly here: 'overview' | 'dead letters' | null;
  /** What was just done, or refused. */
  readonly told?: { readonly kind: 'done' | 'refused'; readonly words: string } | null;
  readonly body: Markup | readonly Markup[];
}

/** The whole page. */
export function page({ title, here, told, body }: Page): string {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Order Notifications</title>
<link rel="icon" href="data:,">
${STYLE}
</head>
<body>
<a class="skip" href="#main">To the content</a>
<header>
<nav aria-label="Pages">
${link('/admin', 'Overview', here === 'overview')}
${link('/admin/dead-letters', 'Dead letters', here === 'dead letters')}
${link('/admin/queues', 'Queue', false)}
</nav>
<form class="search" method="post" action="/admin/search" role="search">
<label class="unseen" for="q">Order, message, customer or address</label>
<input id="q" name="q" type="search" placeholder="Order, message, customer, address" maxlength="254" required>
<button>Find</button>
</form>
</header>
<main id="main">
${told ? html`<p class="told ${told.kind}" role="status">${told.words}</p>` : ''}
${body}
</main>
</body>
</html>
`.markup;
}

const link = (href: string, words: string, isHere: boolean): Markup =>
  isHere ? html`<a href="${href}" aria-current="page">${words}</a>` : html`<a href="${href}">${words}</a>`;

export const badge = (status: string): Markup =>
  html`<span class="badge ${status.toLowerCase()}">${status.toLowerCase()}</span>`;

/** `2026-11-26T16:40:00.131Z`, or as Postgres writes it, as it is read. */
export const moment = (at: string): Markup =>
  html`<time>${`${at.replace('T', ' ').slice(0, 19)} UTC`}</time>`;

/** `2,000 letters`, `1 letter`. */
export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

/** `g•••@example.com`: enough to tell addresses apart, not to write to one. */
export const masked = (address: string | null): string =>
  address === null ? '–' : address.replace(/^(.)[^@]*/, '$1•••');

/** A field with its label. */
export const field = (label: string, control: Markup): Markup => html`<label>${label}${control}</label>`;

export const noteField = (why: string): Markup =>
  field(why, html`<input name="note" required maxlength="500" autocomplete="off">`);

const STYLE = html`<style>
:root { color-scheme: light dark; --ink: #1d2733; --quiet: #566170; --rule: #d9dde3; --page: #f3f4f6; --card: #fff; --link: #1f4fa3; --act: #1f4fa3; --on-act: #fff;
  --good: #cfeee3; --on-good: #0e4a3b; --bad: #fbd9d6; --on-bad: #7a1a12; --plain: #e2e5ea; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --quiet: #a5b0bc; --rule: #333d49; --page: #101418; --card: #1a2027; --link: #9cc2ff; --act: #9cc2ff; --on-act: #0d1b30;
  --good: #134437; --on-good: #c8f1e2; --bad: #57201b; --on-bad: #ffdeda; --plain: #333d49; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: center; max-width: 1080px; margin: 0 auto; padding: 12px 16px 0; }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; flex: 1; } nav a { padding: 8px 0; text-decoration: none; } nav a[aria-current] { font-weight: 600; color: var(--ink); border-bottom: 2px solid; }
main { max-width: 1080px; margin: 12px auto 32px; padding: 8px 32px 32px; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; overflow-wrap: anywhere; }
@media (max-width: 640px) { main { padding: 4px 16px 24px; border-left: 0; border-right: 0; border-radius: 0; } .search { width: 100%; } .search input { flex: 1; } }
h1 { font-size: 22px; } h2 { font-size: 18px; margin-top: 32px; } h3 { font-size: 16px; margin-bottom: 0; }
a { color: var(--link); } .skip { position: absolute; left: -9999px; } .skip:focus { left: 8px; top: 8px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.id { font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; color: var(--quiet); } h1 .id { font-size: inherit; color: inherit; } p.id { margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; } dt { color: var(--quiet); } dd { margin: 0; }
section { border-top: 1px solid var(--rule); padding: 8px 0 16px; }
.wide { overflow-x: auto; } .wide td, .wide th { overflow-wrap: break-word; } table { border-collapse: collapse; width: 100%; font-size: 14px; } td, th { text-align: left; padding: 6px 16px 6px 0; vertical-align: top; }
th { color: var(--quiet); font-weight: 400; border-bottom: 1px solid var(--rule); } tbody tr + tr td { border-top: 1px solid var(--rule); } .number { text-align: right; white-space: nowrap; } .time, time { color: var(--quiet); white-space: nowrap; font-variant-numeric: tabular-nums; } td.time { width: 1%; }
.quiet { color: var(--quiet); }
.badge { font-size: 13px; font-weight: 600; padding: 2px 8px; border-radius: 10px; background: var(--plain); white-space: nowrap; }
.sent, .delivered, .shipped, .done, .well { background: var(--good); color: var(--on-good); } .dead, .bounced, .complained, .failures, .refused, .trouble { background: var(--bad); color: var(--on-bad); }
.told { padding: 8px 16px; border-radius: 6px; font-weight: 600; }
form { margin: 0; } .line { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: end; margin: 12px 0; } .line > .quiet { align-self: center; } label { display: block; font-size: 14px; color: var(--quiet); }
.search { display: flex; gap: 8px; } input, select, button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--quiet); border-radius: 6px; padding: 6px 10px; min-height: 38px; max-width: 100%; }
label input, label select { display: block; margin-top: 2px; } input[type=checkbox] { min-height: 0; width: 18px; height: 18px; margin: 2px 0 0; } .search input { min-width: min(320px, 60vw); }
button { background: var(--act); border-color: var(--act); color: var(--on-act); font-weight: 600; cursor: pointer; } button.second { background: none; color: var(--link); }
a:focus-visible, input:focus-visible, select:focus-visible, button:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
details { border: 1px solid var(--rule); border-radius: 6px; padding: 8px 12px; margin: 8px 0; } summary { cursor: pointer; font-weight: 600; }
.counts { display: flex; flex-wrap: wrap; gap: 8px; list-style: none; padding: 0; } .counts a { display: block; padding: 6px 12px; border: 1px solid var(--rule); border-radius: 16px; text-decoration: none; color: var(--ink); } .counts a[aria-current] { border-color: var(--link); font-weight: 600; }
progress { width: 100%; height: 12px; } pre { white-space: pre-wrap; font: 14px/1.5 ui-monospace, Menlo, Consolas, monospace; border: 1px solid var(--rule); border-radius: 6px; padding: 12px; }
</style>`;
