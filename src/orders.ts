/**
 * Customers and orders: what the API does to the ledger. Everything that writes is one data-modifying statement, order,
 * items, message and idempotency key together, and those of concurrent orders with them: postgres.js can run the rest of an interactive transaction on another
 * connection in autocommit when the backend dies in between.
 */

import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { type Database, recordset, run } from './database.ts';
import { UUID } from './fields.ts';
import type { MessageTypeName } from './messages.ts';
import { orderTotal } from './money.ts';
import {
  consume,
  findReplay,
  type IdempotencyKey,
  mayAct,
  type Replay,
  type StoredAnswer,
} from './replays.ts';
import { type DeadReason, writer } from './schema.ts';

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

export type Added =
  | { readonly outcome: 'added'; readonly customerId: string; readonly answer: StoredAnswer }
  | Replay;

/**
 * Stores a customer, and its idempotency key with it. An address may belong to several customers.
 * @param answerFor the answer to a customer of that id; it is stored with the key.
 */
export async function createCustomer(
  db: Database,
  { email, name }: { email: string; name: string },
  key: IdempotencyKey | null,
  answerFor: (customerId: string) => StoredAnswer,
): Promise<Added> {
  const customerId = uuidv7();
  const answer = answerFor(customerId);
  const [row] = await run<{ added: boolean }>(
    db,
    sql`with key as (
          ${consume(key, answer, sql`(values (1)) as one (n)`)}
        ), added as (
          insert into customers (id, email, name) select ${customerId}, ${email}, ${name} where ${mayAct(key)} returning 1
        )
        select exists (select 1 from added) as added`,
    'createCustomer',
  );
  if (row?.added || !key) return { outcome: 'added', customerId, answer };
  return (await findReplay(db, key)) ?? { outcome: 'key_vanished' };
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

export type Placed =
  | { readonly outcome: 'placed'; readonly orderId: string; readonly answer: StoredAnswer }
  | { readonly outcome: 'customer_missing' }
  | Replay;

/** An order to be placed. */
export interface Placing {
  readonly order: OrderRequest;
  readonly key: IdempotencyKey | null;
  /** The answer to an order of that id; it is stored with the key. */
  readonly answerFor: (orderId: string) => StoredAnswer;
}

/** Places one order, as `placeOrders` does. */
export async function placeOrder(
  db: Database,
  order: OrderRequest,
  key: IdempotencyKey | null,
  answerFor: (orderId: string) => StoredAnswer,
): Promise<Placed> {
  const [placed] = await placeOrders(db, [{ order, key, answerFor }]);
  if (!placed) throw new Error('the ledger did not answer');
  return placed;
}

/**
 * Places orders: each with its items, its message and its idempotency key, all in one statement, or nothing at all. A key that exists already
 * places nothing; of twins in one statement the first is placed, and one in another statement waits for that to commit. Keys are taken in
 * their order: unordered, opposed statements deadlock.
 */
export async function placeOrders(db: Database, placings: readonly Placing[]): Promise<Placed[]> {
  const type: MessageTypeName = 'order.created';
  const wanted = placings.map(({ order, key, answerFor }, n) => {
    const orderId = uuidv7();
    return { n, orderId, messageId: uuidv7(), order, key, answer: answerFor(orderId) };
  });
  const keyed = wanted.some(({ key }) => key !== null); // without keys there is less to do, and most orders come alone
  const rows = await run<{ n: number; placed: boolean }>(
    db,
    sql`with given as (
          select g.* from ${recordset(wanted.map(asRow), GIVEN)} join customers c on c.id = g.customer
        ), ${keyed ? MAY_BY_KEY : MAY}, placed as (
          insert into orders (id, customer_id, status, currency, total)
          select id, customer, 'CREATED', currency, total from given where id in (select id from may) order by n
          returning id, customer_id, total, created_at
        ), items as (
          insert into order_items (order_id, position, sku, name, quantity, unit_price)
          select placed.id, i.position, i.sku, i.name, i.quantity, i."unitPrice"
          from placed join given using (id),
            rows from (json_to_recordset(given.items) as (sku text, name text, quantity int, "unitPrice" bigint))
              with ordinality as i (sku, name, quantity, "unitPrice", position)
        ), message as (
          insert into outbox (id, type, order_id, payload)
          select given.message, ${type}, placed.id, ${payloadOf('placed')} from placed join given using (id) order by given.n
        )
        select n, id in (select id from placed) as placed from given`,
    'placeOrder',
  );
  const found = new Map(rows.map(({ n, placed }) => [n, placed]));
  return Promise.all(
    wanted.map(async ({ n, orderId, key, answer }): Promise<Placed> => {
      if (found.get(n)) return { outcome: 'placed', orderId, answer };
      const replay = key && (await findReplay(db, key));
      return replay ?? { outcome: found.has(n) ? 'key_vanished' : 'customer_missing' };
    }),
  );
}

/** Which of the given orders may be placed: all, or those without a key and the first of each key that is new. */
const MAY = sql`may as (select id from given)`;
const MAY_BY_KEY = sql`keys as (
          insert into idempotency_keys (client, route, key_hash, fingerprint, status, body, location)
          select client, route, key, print, status, body, location from given where key is not null order by client, route, key, n
          on conflict do nothing returning client, route, key_hash
        ), may as (
          select id from given where key is null
          union all
          select * from (
            select distinct on (g.client, g.route, g.key) g.id
            from given g join keys k on k.client = g.client and k.route = g.route and k.key_hash = g.key
            order by g.client, g.route, g.key, g.n
          ) as first
        )`;

const GIVEN = `g (n int, id uuid, message uuid, customer uuid, currency text, total bigint, items json,
  client text, route text, key bytea, print bytea, status smallint, body text, location text)`;

interface WantedOrder {
  readonly n: number;
  readonly orderId: string;
  readonly messageId: string;
  readonly order: OrderRequest;
  readonly key: IdempotencyKey | null;
  readonly answer: StoredAnswer;
}

/** As a row of `GIVEN`. What belongs to a key is missing where there is none. */
const asRow = ({ n, orderId, messageId, order, key, answer }: WantedOrder) => ({
  n,
  id: orderId,
  message: messageId,
  customer: order.customerId,
  currency: order.currency,
  total: orderTotal(order.items).toString(),
  items: order.items,
  ...(key && {
    client: key.client,
    route: key.route,
    key: asBytea(key.keyHash),
    print: asBytea(key.fingerprint),
    ...answer,
  }),
});

const asBytea = (bytes: Buffer): string => `\\x${bytes.toString('hex')}`;

/** The payload of a message about the order in that row. */
const payloadOf = (row: string) =>
  sql.raw(`jsonb_build_object('orderId', ${row}.id, 'customerId', ${row}.customer_id, 'orderTotal', ${row}.total,
    'timestamp', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`);

export type OrderStatus = 'CREATED' | 'SHIPPED' | 'CANCELLED';

/**
 * What became of moving an order: it has that status now (also when it had it before), or may not have it. The answer's body is
 * the order as it is then.
 */
export type Moved =
  | { readonly outcome: 'moved' | 'was_so'; readonly answer: StoredAnswer }
  | { readonly outcome: 'forbidden' | 'order_missing' }
  | Replay;

export const shipOrder = (db: Database, id: string, key: IdempotencyKey | null = null): Promise<Moved> =>
  moveOrder(db, { id, status: 'SHIPPED', type: 'order.shipped' }, key);
export const cancelOrder = (db: Database, id: string, key: IdempotencyKey | null = null): Promise<Moved> =>
  moveOrder(db, { id, status: 'CANCELLED', type: 'order.cancelled' }, key);

interface Move {
  readonly id: string;
  readonly status: OrderStatus;
  /** Of the message that tells of it. */
  readonly type: MessageTypeName;
}

/**
 * CREATED → that status, with the message that tells of it and the idempotency key, in one statement. No part of a statement sees
 * what another has changed, so the answer is made of the order as it will be.
 */
async function moveOrder(db: Database, move: Move, key: IdempotencyKey | null): Promise<Moved> {
  const { id, status, type } = move;
  const messageId = uuidv7();
  const [row] = await run<{ status: OrderStatus; moved: boolean; body: string | null }>(
    db,
    sql`with k as materialized (select * from orders where id = ${id} for update),
        o as (
          select id, customer_id, ${status}::text as status, currency, total, created_at from k where status = 'CREATED'
        ), letters as (
          select * from outbox where order_id = ${id}
          union all
          select m.* from o, jsonb_populate_record(null::outbox, jsonb_build_object('id', ${messageId}::text, 'type', ${type}::text,
            'order_id', o.id, 'created_at', now(), 'created_by', ${writer}, 'seq', ${LAST_SEQ}::bigint)) as m
        ), shown as (
          ${shown('o', 'letters')}
        ), key as (
          ${consume(key, { status: 200, body: sql`body`, location: null }, sql`shown`)}
        ), moved as (
          update orders o set status = ${status},
            shipped_at = case when ${status} = 'SHIPPED' then now() end, cancelled_at = case when ${status} = 'CANCELLED' then now() end
          from k where o.id = k.id and k.status = 'CREATED' and ${mayAct(key)}
          returning o.id, o.customer_id, o.total
        ), message as (
          insert into outbox (id, type, order_id, payload)
          select ${messageId}, ${type}, id, ${payloadOf('moved')} from moved
        )
        select status, exists (select 1 from moved) as moved, (select body from shown) as body from k`,
    'moveOrder',
  );
  if (row?.moved && row.body) return { outcome: 'moved', answer: found(row.body) };
  // The key goes before the order's state: it may be this very request that has moved it.
  const replay = key && (await findReplay(db, key));
  if (replay) return replay;
  if (!row) return { outcome: 'order_missing' };
  if (row.status === 'CREATED') return { outcome: 'key_vanished' };
  return row.status === status ? answerAgain(db, id, key) : { outcome: 'forbidden' };
}

/** The order was there already: nothing changes, but a key is consumed all the same. */
async function answerAgain(db: Database, id: string, key: IdempotencyKey | null): Promise<Moved> {
  const [row] = await run<{ body: string; may: boolean }>(
    db,
    sql`with shown as (
          ${shown('orders', 'outbox', sql`where o.id = ${id}`)}
        ), key as (
          ${consume(key, { status: 200, body: sql`body`, location: null }, sql`shown`)}
        )
        select body, ${mayAct(key)} as may from shown`,
    'answerAgain',
  );
  if (!row) return { outcome: 'order_missing' };
  if (row.may || !key) return { outcome: 'was_so', answer: found(row.body) };
  return (await findReplay(db, key)) ?? { outcome: 'key_vanished' };
}

const found = (body: string): StoredAnswer => ({ status: 200, body, location: null });

/** A message that is being stored has no number yet, and comes after those that have one. */
const LAST_SEQ = '9223372036854775807';

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
  /** Of a death. */
  readonly reason?: DeadReason;
  /** Which process it was, or which operator. */
  readonly by?: string;
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

/** The furthest that a sent letter is known to have come. */
const reported = (message: string) =>
  sql.raw(`select case when max(n.complained_at) is not null then 'complained' when max(n.bounced_at) is not null then 'bounced'
    when max(n.delivered_at) is not null then 'delivered' else 'sent' end from notifications n where n.message_id = ${message}.id`);

/** A process as people read it: without the name that all of ours have in front. */
const processOf = (column: string) => sql.raw(`replace(${column}, 'order-notifications ', '')`);

/** What people did, as an event. */
const ACTED =
  sql.raw(`case a.action when 'retry' then 'retried' when 'correct' then 'address corrected' when 'confirm_sent' then 'confirmed as sent'
  when 'confirm_not_sent' then 'confirmed as not sent' else 'address allowed again' end`);

/** @param messages the table with the order's messages. */
const orderColumns = (
  messages: 'outbox' | 'letters',
) => sql`o.id, o.customer_id as "customerId", o.status, o.currency, to_json(o.total) as total, ${iso('o.created_at')} as "createdAt",
  (select coalesce(json_agg(json_build_object('sku', i.sku, 'name', i.name, 'quantity', i.quantity, 'unitPrice', i.unit_price) order by i.position), '[]')
    from order_items i where i.order_id = o.id) as items,
  (select coalesce(json_agg(json_strip_nulls(json_build_object(
      'id', m.id, 'type', m.type, 'reason', m.dead_reason,
      'status', case when m.sent_at is not null then (${reported('m')}) when m.discarded_at is not null then 'discarded'
        when m.dead_at is not null then 'dead' when m.enqueued_at is not null then 'enqueued' else 'staged' end,
      'timeline', (
        select json_agg(json_build_object('at', ${iso('e.at')}, 'event', e.event, 'reason', e.reason, 'by', e.by) order by e.at, e.place) from (
          values (1, 'staged', null, m.created_at, ${processOf('m.created_by')}), (3, 'enqueued', null, m.enqueued_at, ${processOf('m.enqueued_by')}),
            (5, 'sent', null, m.sent_at, (select ${processOf('max(n.accepted_by)')} from notifications n where n.message_id = m.id)),
            (7, 'discarded', null, m.discarded_at, (select max(a.operator) from operator_actions a where a.message_id = m.id and a.action = 'discard'))
          union all
          select case h.event when 'answered' then 4 when 'dead' then 6 else 2 end, case h.event when 'answered' then 'answered: ' || h.code else h.event end,
            case h.event when 'dead' then h.code end, h.at, ${processOf('h.by')} from message_events h where h.message_id = m.id
          union all
          -- What an earlier release wrote down, which knew of no such events: they bear the time of their statement.
          select 6, 'dead', m.dead_reason, m.dead_at, null
            where not exists (select from message_events h where h.message_id = m.id and h.event = 'dead' and h.at = m.dead_at)
          union all
          select 4, 'answered: ' || n.answer, null, n.answered_at, null from notifications n where n.message_id = m.id and n.answer <> 'accepted'
            and not exists (select from message_events h where h.message_id = m.id and h.event = 'answered' and h.at = n.answered_at)
          union all
          select r.place, r.event, null, r.at, null from notifications n,
            lateral (values (8, 'delivered', n.delivered_at), (9, 'bounced', n.bounced_at), (10, 'complained', n.complained_at)) as r (place, event, at)
            where n.message_id = m.id
          union all
          select 2, ${ACTED}, null, a.at, a.operator from operator_actions a where a.message_id = m.id and a.action <> 'discard'
        ) as e (place, event, reason, at, by) where e.at is not null)
    )) order by m.seq), '[]')
    from ${sql.raw(messages)} m where m.order_id = o.id) as notifications`;

/** The orders of that table as the text of an answer, in a column `body`. */
const shown = (orders: 'orders' | 'o', messages: 'outbox' | 'letters', where = sql``) =>
  sql`select json_strip_nulls(row_to_json(t))::text as body from (select ${orderColumns(messages)} from ${sql.raw(orders)} o ${where}) t`;

export async function findOrder(db: Database, id: string): Promise<Order | undefined> {
  const [order] = await run<Order>(
    db,
    sql`select ${orderColumns('outbox')} from orders o where o.id = ${id}`,
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
    sql`select ${orderColumns('outbox')} from (select * from orders o ${where} order by o.id desc limit ${limit}) o order by o.id desc`,
    'listOrders',
  );
}

/** An order in a list of what was found. */
export interface OrderLine {
  readonly id: string;
  readonly status: OrderStatus;
  readonly createdAt: string;
  readonly customer: string;
  readonly dead: number;
}

/** So many orders are found at most, of so many customers with the same address. */
const MOST_FOUND = 50;

/**
 * The newest orders that `words` may mean: the id of an order, of a message or of a customer, or an address, whole, in any case.
 * Asked for by people, who hold but a piece of paper or a log line.
 */
export async function searchOrders(db: Database, words: string): Promise<OrderLine[]> {
  const isId = UUID.test(words);
  if (!isId && !words.includes('@')) return [];
  const ids = isId
    ? sql`select id from orders where id = ${words}::uuid union select order_id from outbox where id = ${words}::uuid
          union (select id from orders where customer_id = ${words}::uuid order by id desc limit ${MOST_FOUND})`
    : sql`select f.id from (select id from customers where lower(email) = lower(${words}::text) limit ${MOST_FOUND}) c,
            lateral (select o.id from orders o where o.customer_id = c.id order by o.id desc limit ${MOST_FOUND}) f`;
  return run<OrderLine>(
    db,
    sql`select o.id, o.status, ${iso('o.created_at')} as "createdAt", c.name as customer,
          (select count(*)::int from outbox m where m.order_id = o.id and m.dead_at is not null and m.discarded_at is null) as dead
        from orders o join customers c on c.id = o.customer_id where o.id in (${ids}) order by o.id desc limit ${MOST_FOUND}`,
    'searchOrders',
  );
}
