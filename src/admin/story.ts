/** One order's story as a page: whose it is, what became of each letter and why, and beside a dead one what can be done. */
import { bidirectional, html, type Markup } from '../markup.ts';
import { formatMoney, isCurrency } from '../money.ts';
import type { Customer, Order } from '../orders.ts';
import type { LetterFacts } from '../outbox.ts';
import { jobId, QUEUE } from '../queue.ts';
import { badge, field, masked, moment, noteField, page } from './page.ts';

export interface Story {
  readonly order: Order;
  readonly customer: Customer | undefined;
  readonly letters: readonly LetterFacts[];
  /** Operators see addresses and letters, and act. */
  readonly acts: boolean;
  readonly told: Parameters<typeof page>[0]['told'];
}

export function storyPage({ order, customer, letters, acts, told }: Story): string {
  const address = (email: string) => (acts ? email : masked(email));
  return page({
    ...{ title: `Order ${order.id}`, here: null, told: told ?? null },
    body: html`
<h1>Order <span class="id">${order.id}</span> ${badge(order.status)}</h1>
<dl>
<dt>Placed</dt><dd>${moment(order.createdAt)}</dd>
<dt>Customer</dt><dd>${customer ? html`${bidirectional(customer.name)} · ${bidirectional(address(customer.email))}` : 'none'}<br><span class="id">${order.customerId}</span></dd>
<dt>Total</dt><dd>${amount(order.total, order.currency)}</dd>
</dl>
<h2>Letters</h2>
${order.notifications.map((notification) =>
  letterSection(
    notification,
    letters.find(({ id }) => id === notification.id),
    acts,
  ),
)}
<h2>Items</h2>
<div class="wide" tabindex="0"><table>
<thead><tr><th scope="col">Item</th><th scope="col">SKU</th><th scope="col" class="number">Quantity</th><th scope="col" class="number">Price</th></tr></thead>
<tbody>
${order.items.map(
  (item) =>
    html`<tr><td>${bidirectional(item.name)}</td><td>${bidirectional(item.sku)}</td><td class="number">${String(item.quantity)}</td><td class="number">${amount(item.unitPrice, order.currency)}</td></tr>`,
)}
</tbody></table></div>`,
  });
}

type Notification = Order['notifications'][number];

function letterSection(notification: Notification, letter: LetterFacts | undefined, acts: boolean): Markup {
  const { id, type, status, reason, timeline } = notification;
  return html`<section id="${id}" aria-label="${type}">
<h3>${type} ${badge(status)}${reason ? html` <span class="quiet">${reason}</span>` : ''}</h3>
<p class="id">${id}</p>
${letter ? facts(letter, acts) : ''}
<div class="wide" tabindex="0"><table aria-label="What happened">
<tbody>
${timeline.map(
  ({ at, event, reason: why, by }) =>
    html`<tr><td class="time">${moment(at)}</td><td>${event}${why ? `: ${why}` : ''}</td><td class="quiet">${by ?? ''}</td></tr>`,
)}
</tbody></table></div>
${acts && letter && reason && status === 'dead' ? cures(letter, reason) : ''}
</section>`;
}

function facts({ id, run, recipient, frozen, detail }: LetterFacts, acts: boolean): Markup {
  return html`<p>To ${bidirectional(acts ? (recipient ?? '–') : masked(recipient))} ·
${acts && frozen ? html`<a href="/admin/messages/${id}/letter">the letter</a> ·` : ''}
<a href="/admin/queues/queue/${QUEUE}/${jobId({ id, run })}">its job</a></p>
${acts && detail ? html`<p class="quiet">The provider said: ${bidirectional(detail)}</p>` : ''}`;
}

/** What can be done now, the likeliest first. */
function cures(letter: LetterFacts, reason: string): Markup {
  const form = (act: string, button: string, fields: Markup | readonly Markup[] = []) =>
    html`<form class="line" method="post" action="/admin/messages/${letter.id}/${act}">${fields}<button>${button}</button></form>`;
  const retry = html`<form class="line" method="post" action="/admin/messages/${letter.id}/retry"><input type="hidden" name="run" value="${String(letter.run)}"><button>Retry</button>
<span class="quiet">The same letter again, to the same address, with all its attempts.</span></form>`;
  const correct = html`<details${reason === 'refused' || reason === 'suppressed' ? OPEN : ''}><summary>Correct the address and send</summary>
${form('correct', 'Send to this address', [
  field(
    'Address',
    html`<input name="email" type="email" required maxlength="254" value="${letter.recipient ?? ''}">`,
  ),
  noteField('How you know it'),
])}</details>`;
  const confirm = html`<details open><summary>Say what became of it</summary>
<p class="quiet">It may have been accepted. Look for it at the provider: it carries the tag <code>message_id</code> with the id above.</p>
${form('confirm', 'It was sent: finish it', [html`<input type="hidden" name="outcome" value="sent">`, noteField('How you know')])}
${form('confirm', 'It was not sent: write a new one', [html`<input type="hidden" name="outcome" value="not_sent">`, noteField('How you know')])}</details>`;
  const unsuppress = html`<details><summary>Allow its address again</summary>
<p class="quiet">It bounced for good, or somebody there complained. Retry the letter afterwards.</p>
${form('unsuppress', 'Allow', noteField('How you know that it may get letters'))}</details>`;
  const discard = html`<details><summary>Discard</summary>${form('discard', 'Give it up', noteField('Why, for those who come after you'))}</details>`;
  if (reason === 'outcome_unknown') return html`${confirm}${discard}`;
  return html`${retry}${correct}${reason === 'suppressed' ? unsuppress : ''}${discard}`;
}

const OPEN = html` open`;

/** What was written by hand may be in no currency of ours. */
const amount = (minor: number, currency: string): string =>
  isCurrency(currency) ? formatMoney(BigInt(minor), currency) : `${minor} ${currency}`;
