/**
 * Customers and orders: what the API does to the ledger. Everything that writes is one data-modifying statement, order,
 * items, message and idempotency key together: postgres.js can run the rest of an interactive transaction on another
 * connection in autocommit when the backend dies in between.
 */
import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { type Database, recordset, run } from './database.ts';
import type { MessageTypeName } from './messages.ts';
import { orderTotal } from './money.ts';
import type { DeadReason } from './schema.ts';

export interface Customer {
  readonly customerId: string;
  readonly email: string;
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/** A timestamp as the API prints it: ISO 8601, UTC, milliseconds. */
const iso = (column: string) =>
  sql.raw(`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);

/** Stores a customer and answers its id. An address may belong to several customers. */
export async function createCustomer(
  db: Database,
  { email, name }: { email: string; name: string },
): Promise<string> {
  const id = uuidv7();
  await run(
    db,
    sql`insert into customers (id, email, name) values (${id}, ${email}, ${name})`,
    'createCustomer',
  );
  return id;
}

export async function findCustomer(db: Database, id: string): Promise<Customer | undefined> {
  const [customer] = await run<Customer>(
    db,
    sql`select id as "customerId", email, name, ${iso('created_at')} as "createdAt" from customers where id = ${id}`,
    'findCustomer',
  );
  return customer;
}

export interface OrderRequest {
  readonly customerId: string;
  readonly currency: string;
  readonly items: readonly OrderRequestItem[];
}
export interface OrderRequestItem {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  /** Minor units. */
  readonly unitPrice: number;
}

/** An answer as it was given, to be given again. */
export interface StoredAnswer {
  readonly status: number;
  readonly body: string;
  readonly location: string | null;
}

/** An idempotency key with what it is bound to. Both digests are SHA-256. */
export interface IdempotencyKey {
  readonly client: string;
  readonly keyHash: Buffer;
  readonly fingerprint: Buffer;
}

export type Placed =
  | { readonly outcome: 'placed'; readonly orderId: string; readonly answer: StoredAnswer }
  | { readonly outcome: 'replayed'; readonly answer: StoredAnswer }
  | { readonly outcome: 'key_reused' }
  | { readonly outcome: 'customer_missing' };

const PLACE_ROUTE = 'POST /orders';

/**
 * Places an order: the order, its items, its message and its idempotency key, all in one statement, or nothing. A key
 * that exists already places nothing; a concurrent twin waits for the first to commit.
 * @param answerFor the answer to an order of that id; it is stored with the key.
 */
export async function placeOrder(
  db: Database,
  order: OrderRequest,
  key: IdempotencyKey | null,
  answerFor: (orderId: string) => StoredAnswer,
): Promise<Placed> {
  const orderId = uuidv7();
  const answer = answerFor(orderId);
  const { items } = order;
  const type: MessageTypeName = 'order.created';
  const [row] = await run<{ customer: boolean; placed: boolean }>(
    db,
    sql`with customer as materialized (
          select id from customers where id = ${order.customerId}
        ), key as (
          insert into idempotency_keys (client, route, key_hash, fingerprint, status, body, location)
          select ${key?.client ?? null}, ${PLACE_ROUTE}, ${key?.keyHash ?? null}::bytea, ${key?.fingerprint ?? null}::bytea, ${answer.status}, ${answer.body}, ${answer.location}
          from customer where ${key !== null}::boolean
          on conflict do nothing returning 1
        ), placed as (
          insert into orders (id, customer_id, status, currency, total)
          select ${orderId}, id, 'CREATED', ${order.currency}, ${orderTotal(items).toString()}::bigint
          from customer where ${key === null}::boolean or exists (select 1 from key)
          returning id, customer_id, total, created_at
        ), items as (
          insert into order_items (order_id, position, sku, name, quantity, unit_price)
          select placed.id, i.position, i.sku, i.name, i.quantity, i."unitPrice"
          from placed, ${recordset(
            items.map((item, position) => ({ position: position + 1, ...item })),
            'i (position smallint, sku text, name text, quantity int, "unitPrice" bigint)',
          )}
        ), message as (
          insert into outbox (id, type, order_id, payload)
          select ${uuidv7()}, ${type}, id, ${payloadOf('placed')} from placed
        )
        select exists (select 1 from customer) as customer, exists (select 1 from placed) as placed`,
    'placeOrder',
  );
  if (row?.placed) return { outcome: 'placed', orderId, answer };
  if (!row?.customer || !key) return { outcome: 'customer_missing' };
  return storedAnswer(db, key);
}

/** The payload of a message about the order in that row. */
const payloadOf = (row: string) =>
  sql.raw(`jsonb_build_object('orderId', ${row}.id, 'customerId', ${row}.customer_id, 'orderTotal', ${row}.total,
    'timestamp', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`);

async function storedAnswer(db: Database, { client, keyHash, fingerprint }: IdempotencyKey): Promise<Placed> {
  const [stored] = await run<StoredAnswer & { same: boolean }>(
    db,
    sql`select status, body, location, fingerprint = ${fingerprint}::bytea as same from idempotency_keys
        where client = ${client} and route = ${PLACE_ROUTE} and key_hash = ${keyHash}::bytea`,
    'storedAnswer',
  );
  // The key stood in the way a moment ago and lives for days: it can only have been purged right now.
  if (!stored) throw new Error('an idempotency key vanished');
  const { same, ...answer } = stored;
  return same ? { outcome: 'replayed', answer } : { outcome: 'key_reused' };
}

export type OrderStatus = 'CREATED' | 'SHIPPED' | 'CANCELLED';

/** What became of moving an order: it has that status now (also when it had it before), or may not have it. */
export type Moved = 'moved' | 'was_so' | 'forbidden' | 'order_missing';

export const shipOrder = (db: Database, id: string): Promise<Moved> =>
  moveOrder(db, id, 'SHIPPED', 'order.shipped');
export const cancelOrder = (db: Database, id: string): Promise<Moved> =>
  moveOrder(db, id, 'CANCELLED', 'order.cancelled');

/** CREATED → that status, with the message that tells of it, in one statement. */
async function moveOrder(
  db: Database,
  id: string,
  status: OrderStatus,
  type: MessageTypeName,
): Promise<Moved> {
  const [row] = await run<{ status: OrderStatus }>(
    db,
    sql`with k as materialized (select id, status from orders where id = ${id} for update),
        moved as (
          update orders o set status = ${status},
            shipped_at = case when ${status} = 'SHIPPED' then now() end, cancelled_at = case when ${status} = 'CANCELLED' then now() end
          from k where o.id = k.id and k.status = 'CREATED'
          returning o.id, o.customer_id, o.total
        ), message as (
          insert into outbox (id, type, order_id, payload)
          select ${uuidv7()}, ${type}, id, ${payloadOf('moved')} from moved
        )
        select status from k`,
    'moveOrder',
  );
  if (!row) return 'order_missing';
  if (row.status === 'CREATED') return 'moved';
  return row.status === status ? 'was_so' : 'forbidden';
}

type NotificationStatus =
  | 'staged'
  | 'enqueued'
  | 'sent'
  | 'delivered'
  | 'bounced'
  | 'complained'
  | 'dead'
  | 'discarded';

interface TimelineEvent {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly event: string;
}

export interface Order {
  readonly id: string;
  readonly customerId: string;
  readonly status: OrderStatus;
  readonly currency: string;
  /** Minor units. */
  readonly total: number;
  readonly createdAt: string;
  readonly items: OrderRequestItem[];
  readonly notifications: {
    readonly id: string;
    readonly type: string;
    readonly status: NotificationStatus;
    /** Why it is dead. */
    readonly reason?: DeadReason;
    readonly timeline: TimelineEvent[];
  }[];
}

const orderColumns = sql`o.id, o.customer_id as "customerId", o.status, o.currency, o.total::float8 as total, ${iso('o.created_at')} as "createdAt",
  (select json_agg(json_build_object('sku', i.sku, 'name', i.name, 'quantity', i.quantity, 'unitPrice', i.unit_price) order by i.position)
    from order_items i where i.order_id = o.id) as items,
  (select coalesce(json_agg(json_strip_nulls(json_build_object(
      'id', m.id, 'type', m.type, 'reason', m.dead_reason,
      'status', case when m.sent_at is not null then 'sent' when m.discarded_at is not null then 'discarded'
        when m.dead_at is not null then 'dead' when m.enqueued_at is not null then 'enqueued' else 'staged' end,
      'timeline', (
        select json_agg(json_build_object('at', ${iso('e.at')}, 'event', e.event) order by e.at, e.place) from (
          values (1, 'staged', m.created_at), (3, 'enqueued', m.enqueued_at), (5, 'sent', m.sent_at), (6, 'dead', m.dead_at), (7, 'discarded', m.discarded_at)
          union all
          select 4, 'answered: ' || n.answer, n.answered_at from notifications n where n.message_id = m.id and n.answer <> 'accepted'
          union all
          select 2, 'retried', a.at from operator_actions a where a.message_id = m.id and a.action = 'retry'
        ) as e (place, event, at) where e.at is not null)
    )) order by m.seq), '[]')
    from outbox m where m.order_id = o.id) as notifications`;

export async function findOrder(db: Database, id: string): Promise<Order | undefined> {
  const [order] = await run<Order>(
    db,
    sql`select ${orderColumns} from orders o where o.id = ${id}`,
    'findOrder',
  );
  return order;
}

export interface OrderQuery {
  readonly customerId: string | null;
  readonly status: OrderStatus | null;
  readonly limit: number;
  /** The last order of the page before. */
  readonly before: string | null;
}

/** Orders, the newest first (ids begin with their time). */
export async function listOrders(
  db: Database,
  { customerId, status, limit, before }: OrderQuery,
): Promise<Order[]> {
  const conditions = [
    customerId && sql`o.customer_id = ${customerId}`,
    status && sql`o.status = ${status}`,
    before && sql`o.id < ${before}`,
  ].filter((condition) => condition !== null && condition !== '');
  const where = conditions.length > 0 ? sql`where ${sql.join(conditions, sql` and `)}` : sql``;
  return run<Order>(
    db,
    sql`select ${orderColumns} from (select * from orders o ${where} order by o.id desc limit ${limit}) o order by o.id desc`,
    'listOrders',
  );
}
