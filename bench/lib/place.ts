/** Where everything is measured: private stores, migrated, with customers and the tables of the peers. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sql } from 'drizzle-orm';
import { runMigrations } from 'graphile-worker';
import { Redis } from 'ioredis';
import { PgBoss } from 'pg-boss';
import { openStores } from '../../local/stores.ts';
import { type Database, openDatabase, run } from '../../src/database.ts';
import { ROOT } from './root.ts';
import { API_KEY, addCustomers } from './shop.ts';

export const JOB = 'order.created';

export interface Place {
  readonly db: Database;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly customers: readonly string[];
  /** For scripts and the like. */
  readonly directory: string;
  /** What every process is started with. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function openPlace(): Promise<Place> {
  const directory = join(ROOT, '.data/bench');
  mkdirSync(directory, { recursive: true });
  const stores = await openStores({ directory });
  const { databaseUrl, redisUrl } = stores;
  const env = {
    ...{ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, HOST: '127.0.0.1', API_KEY },
    ...{
      API_KEYS: `bench:${API_KEY}`,
      ORDER_RATE_PER_MINUTE: '1000000000',
      RECIPIENT_RATE_PER_HOUR: '1000000000',
    },
  };
  const { db, close } = openDatabase(databaseUrl, 'bench', 4);
  try {
    await promisify(execFile)(process.execPath, ['dist/src/release.js'], {
      ...{ cwd: ROOT, env: { PATH: process.env.PATH, ...env } },
    });
    await preparePeers(db, databaseUrl);
    const customers = await addCustomers(db);
    const closeAll = async () => {
      await close();
      await stores.close();
    };
    return { db, databaseUrl, redisUrl, customers, directory, env, close: closeAll };
  } catch (error) {
    await stores.close();
    throw error;
  }
}

/** Tables like ours, without the trigger that asks for a message: theirs are elsewhere. */
async function preparePeers(db: Database, databaseUrl: string): Promise<void> {
  await run(db, sql`create schema if not exists peer`);
  for (const table of ['orders', 'order_items'])
    await run(
      db,
      sql.raw(`create table if not exists peer.${table} (like public.${table} including all)`) as never,
    );
  await run(
    db,
    sql`create table if not exists peer.outbox (
          id uuid primary key, event_type text not null, payload jsonb not null, status text not null default 'PENDING',
          retry_count int not null default 0, created_at timestamptz not null, processed_at timestamptz
        )`,
  );
  await run(db, sql`create index if not exists outbox_pending on peer.outbox (status, created_at)`);
  await runMigrations({ connectionString: databaseUrl });
  const boss = new PgBoss({
    connectionString: databaseUrl,
    supervise: false,
    schedule: false,
    useListenNotify: true,
  });
  await boss.start();
  await boss.createQueue(JOB, { notify: true });
  await boss.stop();
}

/** Empties Redis and the tables of orders, ours and the peers': a run begins with what it brings itself. */
export async function forgetOrders({ db, redisUrl }: Place): Promise<void> {
  await run(
    db,
    sql`truncate orders, order_items, outbox, notifications, envelopes, idempotency_keys, epochs, leases, holds, peer.orders, peer.order_items, peer.outbox,
      graphile_worker._private_jobs`,
  );
  await run(db, sql.raw(`delete from pgboss.job`) as never);
  const redis = new Redis(redisUrl);
  await redis.flushdb();
  await redis.quit();
}
