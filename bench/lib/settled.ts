/** A database beside the others' on the same server, full of orders whose letters were accepted in the last eighty days. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type postgres from 'postgres';
import { connect, type Database, openDatabase } from '../../src/database.ts';
import type { Place } from './place.ts';
import { ROOT } from './root.ts';
import { addCustomers } from './shop.ts';

export interface Settled {
  readonly db: Database;
  readonly env: Place['env'];
  /** Removes what was enqueued since, and every trace of it in the indexes: a run begins as the first one did. */
  forgetOthers(): Promise<void>;
  /** Removes the database. */
  close(): Promise<void>;
}

const NAME = 'settled';
const TABLES = ['orders', 'outbox', 'notifications'];
const PAGE = 50_000;
/** At a time: as many as keep two cores busy. */
const FILLERS = 2;
/** Younger than what is purged. */
const DAYS = 80;

/** @param count of orders, each with a message and its letter. */
export async function openSettled({ databaseUrl, env }: Place, count: number): Promise<Settled> {
  const url = Object.assign(new URL(databaseUrl), { pathname: NAME }).href;
  await outside(databaseUrl, async (server) => {
    await server.unsafe(`drop database if exists ${NAME}`); // of a run that was killed
    await server.unsafe(`create database ${NAME}`);
  });
  const own = { ...env, DATABASE_URL: url };
  await promisify(execFile)(process.execPath, ['dist/src/release.js'], {
    ...{ cwd: ROOT, env: { PATH: process.env.PATH, ...own } },
  });
  const { db, close } = openDatabase(url, 'bench', 2);
  await fill(url, db, count);
  return {
    db,
    env: own,
    forgetOthers: () => outside(url, forget),
    async close() {
      await close();
      await outside(databaseUrl, (server) => server.unsafe(`drop database ${NAME}`));
    },
  };
}

/** On a connection without the product's time limits. */
export async function outside(url: string, work: (client: postgres.Sql) => Promise<unknown>): Promise<void> {
  const client = connect(url, 'bench');
  try {
    await client`set statement_timeout = 0`;
    await work(client);
  } finally {
    await client.end();
  }
}

async function fill(url: string, db: Database, count: number): Promise<void> {
  const customers = (await addCustomers(db)).length;
  let next = 0;
  const work = async (client: postgres.Sql) => {
    // Neither triggers nor foreign keys are looked at, and no page waits for its commit.
    await client`set session_replication_role = replica`;
    await client`set synchronous_commit = off`;
    while (next < count) {
      const first = next;
      next = Math.min(count, first + PAGE);
      await client.unsafe(pageOf(first, next, count, customers));
    }
  };
  await Promise.all(Array.from({ length: FILLERS }, () => outside(url, work)));
  // Or the server would do it by itself, while it is measured.
  await outside(url, async (client) => {
    await client.unsafe(`vacuum analyze ${TABLES.join()}`);
    await client`checkpoint`;
  });
}

/** Those from the first to before the last, of so many, evenly over the days. */
const pageOf = (first: number, last: number, count: number, customers: number): string => `
  with made as materialized (
    select uuidv7(at - now()) as id, uuidv7(at - now()) as message, uuidv7(at - now()) as letter, at,
      ('00000000-0000-7000-8000-' || lpad((n % ${customers} + 1)::text, 12, '0'))::uuid as customer
    from (
      select n, now() - make_interval(secs => ${DAYS} * 86400.0 * (1 - n / ${count}.0)) as at from generate_series(${first}, ${last - 1}) as n
    ) as moment
  ), placed as (
    insert into orders (id, customer_id, status, currency, total, created_at) select id, customer, 'CREATED', 'EUR', 5200, at from made
  ), accepted as (
    insert into notifications (id, message_id, recipient, body, account, attempts, created_at, answer, answered_at, accepted_at, provider_id)
    select letter, message, 'customer@example.com', '{"subject":"Order Confirmation"}', 'https://api.resend.com example.com', 1, at,
      'accepted', at, at, letter::text
    from made
  )
  insert into outbox (id, type, order_id, payload, created_at, enqueued_at, sent_at)
  select message, 'order.created', id, jsonb_build_object('orderId', id, 'customerId', customer, 'orderTotal', 5200, 'timestamp', at), at, at, at
  from made`;

async function forget(client: postgres.Sql): Promise<void> {
  await client`set session_replication_role = replica`;
  await client`
    with gone as (
      delete from outbox where enqueued_at is not null and sent_at is null and dead_at is null returning order_id
    )
    delete from orders o using gone where o.id = gone.order_id`;
  await client`vacuum (index_cleanup on) orders, outbox`;
}
