/** One order's story as a page: for people who look at a dead letter and want to know whose it is and what became of it. */
import type { FastifyInstance } from 'fastify';
import type { Database } from './database.ts';
import { bidirectional, html, type Markup } from './markup.ts';
import { formatMoney, isCurrency } from './money.ts';
import { type Customer, findCustomer, findOrder, type Order } from './orders.ts';
import { sendProblem } from './problem.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export async function storyRoutes(app: FastifyInstance, { db }: { db: Database }): Promise<void> {
  app.get<{ Params: { id: string } }>('/orders/:id', { schema: { hide: true } }, async (request, reply) => {
    const { id } = request.params;
    const order = UUID.test(id) ? await findOrder(db, id) : undefined;
    if (!order) return sendProblem(reply, 404, 'There is no such order.');
    const customer = await findCustomer(db, order.customerId);
    return reply.type('text/html; charset=utf-8').send(storyPage(order, customer).markup);
  });
}

/** The whole page, without any script. */
function storyPage(order: Order, customer: Customer | undefined): Markup {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Order ${order.id}</title>
<link rel="icon" href="data:,">
${STYLE}
</head>
<body>
<main>
<p><a href="/admin/queues">Dashboard</a></p>
<h1>Order <span class="id">${order.id}</span> ${badge(order.status)}</h1>
<dl>
<dt>Placed</dt><dd>${moment(order.createdAt)}</dd>
<dt>Customer</dt><dd>${customer ? html`${bidirectional(customer.name)} · ${bidirectional(customer.email)}` : 'none'}<br><span class="id">${order.customerId}</span></dd>
<dt>Total</dt><dd>${amount(order.total, order.currency)}</dd>
</dl>
<h2>Letters</h2>
${order.notifications.map(letter)}
<h2>Items</h2>
<table>
<tr><th scope="col">Item</th><th scope="col">SKU</th><th scope="col" class="number">Quantity</th><th scope="col" class="number">Price</th></tr>
${order.items.map(
  (item) =>
    html`<tr><td>${bidirectional(item.name)}</td><td>${bidirectional(item.sku)}</td><td class="number">${String(item.quantity)}</td><td class="number">${amount(item.unitPrice, order.currency)}</td></tr>`,
)}
</table>
</main>
</body>
</html>
`;
}

function letter({ id, type, status, reason, timeline }: Order['notifications'][number]): Markup {
  return html`<section>
<h3>${type} ${badge(status)}${reason ? html` <span class="reason">${reason}</span>` : ''}</h3>
<p class="id">${id}</p>
<table>
${timeline.map(({ at, event }) => html`<tr><td class="time">${moment(at)}</td><td>${event}</td></tr>`)}
</table>
</section>`;
}

/** What was written by hand may be in no currency of ours. */
const amount = (minor: number, currency: string): string =>
  isCurrency(currency) ? formatMoney(BigInt(minor), currency) : `${minor} ${currency}`;

const badge = (status: string): Markup =>
  html`<span class="badge ${status.toLowerCase()}">${status.toLowerCase()}</span>`;

/** `2026-11-26T16:40:00.131Z` as it is read. */
const moment = (at: string): string => at.replace('T', ' ').replace('Z', ' UTC');

const STYLE = html`<style>
:root { color-scheme: light dark; --ink: #1d2733; --quiet: #5f6b7a; --rule: #e2e5ea; --page: #f3f4f6; --card: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --quiet: #a5b0bc; --rule: #2f3843; --page: #101418; --card: #1a2027; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 760px; margin: 24px auto; padding: 24px 32px 32px; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; overflow-wrap: anywhere; }
h1 { font-size: 22px; } h2 { font-size: 18px; margin-top: 32px; } h3 { font-size: 16px; margin-bottom: 0; }
.id { font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; color: var(--quiet); margin-top: 0; } h1 .id { font-size: inherit; color: inherit; }
dl { display: grid; grid-template-columns: 100px 1fr; gap: 4px 16px; } dt { color: var(--quiet); } dd { margin: 0; }
section { border-top: 1px solid var(--rule); padding: 4px 0 12px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } td, th { text-align: left; padding: 4px 16px 4px 0; vertical-align: top; }
th { color: var(--quiet); font-weight: 400; border-bottom: 1px solid var(--rule); } .number { text-align: right; white-space: nowrap; } .time { color: var(--quiet); white-space: nowrap; width: 1%; }
.badge { font-size: 13px; font-weight: 600; padding: 2px 8px; border-radius: 10px; background: #e2e5ea; color: #1d2733; white-space: nowrap; }
.sent, .delivered, .shipped { background: #cfeee3; color: #0e4a3b; } .dead, .bounced, .complained { background: #fbd9d6; color: #7a1a12; }
.reason { color: var(--quiet); font-weight: 400; }
a { color: inherit; }
</style>`;
