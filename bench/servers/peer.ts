/**
 * The same order endpoint on another queue: the same framework, validation and tables, and the queue's own way to add a job within the
 * order's transaction. It has neither idempotency keys nor limits: whatever that costs is to the peer's advantage.
 */
import { fastify } from 'fastify';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { NewOrder } from '../../src/api/schemas.ts';
import { formats } from '../../src/fields.ts';
import { orderTotal } from '../../src/money.ts';
import '../lib/orphan.ts';

/** As many connections as the web process has. */
const CONNECTIONS = 16;

export interface PlacedOrder {
  readonly orderId: string;
  readonly customerId: string;
}

interface PeerOrder extends PlacedOrder {
  readonly currency: string;
  readonly items: readonly { sku: string; name: string; quantity: number; unitPrice: number }[];
}

/** Statements are prepared once per connection by their name, as pg's documentation advises. */
const INSERT = {
  name: 'order',
  text: `with placed as (
      insert into peer.orders (id, customer_id, status, currency, total)
      select $1, id, 'CREATED', $3, $4::bigint from customers where id = $2 returning id
    )
    insert into peer.order_items (order_id, position, sku, name, quantity, unit_price)
    select placed.id, i.position, i.sku, i.name, i.quantity, i."unitPrice"
    from placed, json_to_recordset($5::json) as i (position smallint, sku text, name text, quantity int, "unitPrice" bigint)`,
};

export type AddJob = (client: pg.PoolClient, order: PlacedOrder) => Promise<unknown>;

/** Places an order and adds its job, in one transaction. Answers the order's id. */
export async function placeThere(pool: pg.Pool, order: PeerOrder, add: AddJob): Promise<string> {
  const { orderId, customerId, currency, items } = order;
  const client = await pool.connect();
  let fault: Error | undefined;
  try {
    await client.query('begin');
    const { rowCount } = await client.query({
      ...INSERT,
      values: [
        ...[orderId, customerId, currency, orderTotal(items).toString()],
        JSON.stringify(items.map((item, i) => ({ position: i + 1, ...item }))),
      ],
    });
    if (!rowCount) throw new Error('no such customer');
    await add(client, { orderId, customerId });
    await client.query('commit');
    return orderId;
  } catch (error) {
    fault = error as Error;
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release(fault);
  }
}

/** @param add adds the job on that connection, in its transaction. */
export async function servePeer(pool: pg.Pool, add: AddJob): Promise<void> {
  const app = fastify({
    logger: false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true, formats } },
  });
  app.get('/livez', async () => ({ status: 'ok' }));
  app.post('/orders', { schema: { body: NewOrder } }, async (request, reply) => {
    if (request.headers.authorization !== `Bearer ${process.env.API_KEY}`) return reply.status(401).send();
    const body = request.body as Omit<PeerOrder, 'orderId'>; // as its schema says
    const orderId = await placeThere(pool, { ...body, orderId: uuidv7() }, add);
    return reply.status(201).send({ success: true, orderId, message: 'Order created successfully.' });
  });
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
}

export const openPool = (): pg.Pool =>
  new pg.Pool({ connectionString: process.env.DATABASE_URL, max: CONNECTIONS });
