/** HTML with values in it, every one of them escaped. */

/** A value from outside, in whichever direction it runs, without reordering what stands around it. */
export function bidirectional(value: string): Markup {
  return html`<bdi dir="auto">${value}</bdi>`;
}

/** HTML that needs no more escaping. Only `html` makes it. */
export interface Markup {
  readonly markup: string;
}

/** Puts values between the tags of a fixed text and escapes every one that is not markup itself. */
export function html(
  fixed: TemplateStringsArray,
  ...values: (string | Markup | readonly Markup[])[]
): Markup {
  return { markup: String.raw({ raw: fixed }, ...values.map(markupOf)) };
}

function markupOf(value: string | Markup | readonly Markup[]): string {
  if (typeof value === 'string') return escapeHtml(value);
  return 'markup' in value ? value.markup : value.map((part) => part.markup).join('\n');
}

function escapeHtml(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
