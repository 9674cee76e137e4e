/** How the page looks: its style sheet and its icon. */

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">
<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop stop-color="#6d7cff"/><stop offset="1" stop-color="#3b4fd8"/></linearGradient></defs>
<rect width="48" height="48" rx="12" fill="url(#g)"/>
<rect x="10" y="14" width="28" height="20" rx="3.5" fill="#fff"/>
<path d="M11.500 16.500 24 26.500 36.500 16.500" fill="none" stroke="#4a5de0" stroke-width="2.600" stroke-linecap="round" stroke-linejoin="round"/>
</svg>
`;

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f3f4f8; --surface: #ffffff; --raised: #f8f9fc; --line: #e2e5ee;
  --ink: #1b2030; --soft: #5b6378; --accent: #3b4fd8; --chosen: #e9ecff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1219; --surface: #171b25; --raised: #1d2230; --line: #2a3041;
    --ink: #e7eaf3; --soft: #9aa3b8; --accent: #98a5ff; --chosen: #262d4d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; height: 100dvh; display: grid; grid-template: auto minmax(0, 1fr) / minmax(17rem, 25rem) minmax(0, 1fr);
  background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
a { color: var(--accent); }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .88em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; border-radius: 6px; }

.bar {
  grid-column: 1 / -1; display: flex; align-items: center; gap: .9rem; padding: .7rem 1.2rem;
  background: var(--surface); border-bottom: 1px solid var(--line);
}
.brand { display: flex; align-items: center; gap: .6rem; color: inherit; font-weight: 650; font-size: 1.05rem; text-decoration: none; }
.count { padding: .1rem .6rem; border-radius: 1rem; background: var(--chosen); color: var(--accent); font-size: .8rem; font-weight: 600; }
.promise { margin-left: auto; color: var(--soft); font-size: .85rem; }

.list { display: flex; flex-direction: column; overflow: auto; background: var(--surface); border-right: 1px solid var(--line); }
.list ol { flex: 1; margin: 0; padding: .4rem; list-style: none; }
.item {
  display: grid; grid-template: "avatar who time" "avatar subject subject" "avatar preview preview" / 2.4rem minmax(0, 1fr) auto;
  column-gap: .75rem; padding: .65rem .7rem; border-radius: 10px; color: inherit; text-decoration: none;
}
.item:hover { background: var(--raised); }
.item[aria-current] { background: var(--chosen); }
.avatar {
  grid-area: avatar; width: 2.4rem; height: 2.4rem; margin-top: .15rem; border-radius: 50%;
  display: grid; place-items: center; color: #fff; font-weight: 600;
}
.tint-0 { background: #4a5de0; } .tint-1 { background: #0f7f76; } .tint-2 { background: #b0477f; }
.tint-3 { background: #a5591c; } .tint-4 { background: #6b4fc4; } .tint-5 { background: #2f6f9f; }
.who, .subject, .preview { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.who { grid-area: who; font-weight: 600; }
.item time { grid-area: time; color: var(--soft); font-size: .8rem; line-height: 1.9; }
.subject { grid-area: subject; font-size: .92rem; }
.preview { grid-area: preview; color: var(--soft); font-size: .85rem; }
.pager {
  position: sticky; bottom: 0; display: grid; grid-template-columns: 1fr auto 1fr; padding: .6rem 1.1rem;
  background: var(--surface); border-top: 1px solid var(--line); color: var(--soft); font-size: .88rem;
}
.pager :last-child { text-align: right; }
.empty { align-items: center; justify-content: center; padding: 2.5rem 2rem; text-align: center; color: var(--soft); }
.empty h2 { margin: 1.2rem 0 .2rem; color: var(--ink); font-size: 1.15rem; }
.empty p { margin: .4rem 0; max-width: 22rem; }

.reader { display: flex; flex-direction: column; min-width: 0; overflow: auto; padding: 1.6rem 2rem 1.4rem; }
.reader h1 { margin: 0 0 .9rem; font-size: 1.45rem; line-height: 1.3; overflow-wrap: anywhere; }
.back { display: none; }
.facts { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .2rem 1rem; margin: 0; font-size: .92rem; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.tag {
  display: inline-block; max-width: 100%; margin: .1rem .35rem .1rem 0; padding: 0 .55rem; border: 1px solid var(--line);
  border-radius: 1rem; background: var(--surface); font-size: .82rem;
}
.tabs { display: flex; gap: 1.4rem; margin: 1.1rem 0 0; border-bottom: 1px solid var(--line); }
.tabs a { padding: .5rem 0; color: var(--soft); font-weight: 550; text-decoration: none; border-bottom: 2px solid transparent; margin-bottom: -1px; }
.tabs a:hover { color: var(--ink); }
.tabs a[aria-current] { color: var(--accent); border-bottom-color: var(--accent); }
.sheet {
  flex: 1 0 auto; width: 100%; min-height: 18rem; margin: 1rem 0 0; background: var(--surface); border: 1px solid var(--line);
  border-radius: 12px; box-shadow: 0 1px 3px rgb(0 0 0 / 6%);
}
iframe.sheet { flex: 1 1 0; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
pre.sheet { padding: 1.4rem 1.6rem; overflow: visible; }
.raw { padding: 1.2rem 1.4rem; }
.raw pre { margin-top: 1.1rem; padding: 1rem 1.1rem; border-radius: 8px; background: var(--raised); border: 1px solid var(--line); }

.about > * { max-width: 46rem; }
.about h2 { margin: 1.4rem 0 .3rem; font-size: 1.1rem; }
.about p { margin: .4rem 0 .6rem; color: var(--soft); }
.about table { width: 100%; margin: .6rem 0 1rem; border-collapse: collapse; background: var(--surface); border-radius: 12px; box-shadow: 0 0 0 1px var(--line); }
.about th, .about td { padding: .6rem 1rem; text-align: left; vertical-align: top; font-weight: 400; border-bottom: 1px solid var(--line); }
.about th { color: var(--accent); white-space: nowrap; }
.about tr:last-child > * { border-bottom: 0; }
.about .fine { font-size: .88rem; }
.button { display: inline-block; padding: .5rem 1rem; border-radius: 8px; background: #3b4fd8; color: #fff; text-decoration: none; }

body:not(:has(.list)) .reader { grid-column: 1 / -1; }
@media (max-width: 46rem) {
  body { display: block; height: auto; min-height: 100dvh; }
  .promise { display: none; }
  .count { margin-left: auto; }
  .list { border-right: 0; border-bottom: 1px solid var(--line); overflow: visible; }
  .reading .list { display: none; }
  .reader { padding: 1.2rem 1.1rem; overflow: visible; }
  .reader h1 { font-size: 1.25rem; }
  .back { display: block; margin: -.2rem 0 .7rem; font-size: .92rem; text-decoration: none; }
  .back::before { content: "← "; }
  iframe.sheet { flex: none; height: calc(100dvh - 6rem); }
  .sheet, .about table { border-radius: 10px; }
  pre.sheet { padding: 1rem; }
  .about th, .about td { display: block; padding: .5rem 1rem; }
  .about th { border-bottom: 0; padding-bottom: 0; }
}
`;
