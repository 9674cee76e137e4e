/** A database of its own for a test file: a copy of the migrated template. */
import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';
import { type Database, openDatabase } from '../../src/database.ts';

export interface Ledger {
  readonly url: string;
  readonly db: Database;
  /** Drops the database, whoever is still connected. */
  close(): Promise<void>;
}

export interface EmptyDatabase {
  readonly url: string;
  /** Drops it, whoever is still connected. */
  close(): Promise<void>;
}

export async function createLedger(): Promise<Ledger> {
  const database = await createDatabase(inject('template'));
  const { db, close } = openDatabase(database.url, 'test', 8);
  return {
    url: database.url,
    db,
    async close() {
      await close();
      await database.close();
    },
  };
}

/** A database without any table: what a release finds the first time. */
export async function createEmptyDatabase(): Promise<EmptyDatabase> {
  return createDatabase('template0');
}

async function createDatabase(template: string): Promise<EmptyDatabase> {
  const name = `order_notifications_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(inject('databaseUrl'));
  url.pathname = `/${name}`;
  await onServer((server) => server.unsafe(`create database ${name} template ${template}`));
  return {
    url: url.href,
    close: () => onServer((server) => server.unsafe(`drop database ${name} with (force)`)),
  };
}

async function onServer(act: (server: postgres.Sql) => Promise<unknown>): Promise<void> {
  const server = postgres(inject('databaseUrl'), { max: 1, onnotice: () => {} });
  try {
    await act(server);
  } finally {
    await server.end();
  }
}

/** The Redis database of this test worker: no two files that run at the same time share one. */
export function workersRedisUrl(): string {
  const url = new URL(inject('redisUrl'));
  url.pathname = `/${process.env.VITEST_POOL_ID ?? 1}`; // `openStage` has those from 4 on
  return url.href;
}
