/** The ledger's rows, for tests of what moves them: messages staged many at once, and what has become of each. */
import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { array, type Database, run } from '../../src/database.ts';
import type { StagedMessage } from '../../src/outbox.ts';
import type { DeadReason } from '../../src/schema.ts';

const DAY_MS = 86_400_000;

/** Stages so many messages as of `daysAgo`, each of an order of its own, and returns them in the order of their `seq`. */
export async function stage(db: Database, count: number, daysAgo = 0): Promise<StagedMessage[]> {
  const ids = Array.from({ length: count }, () => uuidv7({ msecs: Date.now() - daysAgo * DAY_MS }));
  const orderIds = ids.map(() => uuidv7());
  return run<StagedMessage>(
    db,
    sql`with given as (
          select * from unnest(${array(ids, 'uuid')}, ${array(orderIds, 'uuid')}) with ordinality as g (id, order_id, i)
        ), customer as (
          insert into customers (id, email, name) values (${uuidv7()}, 'ada@example.com', 'Ada') returning id
        ), placed as (
          insert into orders (id, customer_id, status, currency, total)
          select g.order_id, customer.id, 'CREATED', 'EUR', 900 from given g, customer
        ), items as (
          insert into order_items (order_id, position, sku, name, quantity, unit_price)
          select g.order_id, 1, 'TEA', 'Tea', 2, 450 from given g
        )
        insert into outbox (id, type, order_id, payload, created_at)
        select g.id, 'order.created', g.order_id, jsonb_build_object('orderId', g.order_id), now() - make_interval(days => ${daysAgo})
        from given g order by g.i
        returning id, seq, run, type, order_id as "orderId"`,
  );
}

/** Stages one message as of `daysAgo`. */
export async function stageOne(db: Database, daysAgo = 0): Promise<StagedMessage> {
  const [message] = await stage(db, 1, daysAgo);
  if (!message) throw new Error('nothing was staged');
  return message;
}

/** So many messages that are dead as of now, each with a job once and without a letter; their ids in order, the oldest first. */
export async function stageDead(db: Database, count: number, reason: DeadReason): Promise<string[]> {
  const ids = (await stage(db, count)).map(({ id }) => id).toSorted();
  await run(
    db,
    sql`update outbox set enqueued_at = now(), dead_at = now(), dead_reason = ${reason} where id = any (${array(ids, 'uuid')})`,
  );
  return ids;
}

/** Moves a message's finish so far into the past, if it is finished. */
export async function finishedDaysAgo(db: Database, id: string, days: number): Promise<void> {
  const later = sql`make_interval(days => ${days})`;
  await run(
    db,
    sql`update outbox set sent_at = sent_at - ${later}, discarded_at = discarded_at - ${later} where id = ${id}`,
  );
}

/** A message's columns as the ledger prints them, times exact to the microsecond. */
export interface OutboxRow {
  readonly id: string;
  readonly run: number;
  readonly starts: number;
  readonly lone_starts: number;
  readonly enqueue_failures: number;
  readonly enqueued_at: string | null;
  readonly sent_at: string | null;
  readonly dead_at: string | null;
  readonly dead_reason: string | null;
  readonly discarded_at: string | null;
  readonly alerted_at: string | null;
}

export async function outboxRow(db: Database, id: string): Promise<OutboxRow> {
  const [row] = await run<{ row: OutboxRow }>(
    db,
    sql`select to_jsonb(o) as row from outbox o where o.id = ${id}`,
  );
  if (!row) throw new Error('no such message');
  return row.row;
}

/** One frozen letter's columns. */
export interface LetterRow {
  readonly id: string;
  readonly recipient: string | null;
  readonly body: string | null;
  readonly attempts: number;
  readonly first_unknown_at: string | null;
  readonly answer: string | null;
  readonly answer_detail: string | null;
  readonly accepted_at: string | null;
  readonly provider_id: string | null;
}

/** A message's letters, the oldest first. */
export async function letterRows(db: Database, messageId: string): Promise<LetterRow[]> {
  const rows = await run<{ row: LetterRow }>(
    db,
    sql`select to_jsonb(n) as row from notifications n where n.message_id = ${messageId} order by n.created_at, n.id`,
  );
  return rows.map(({ row }) => row);
}
