/** The release: what brings the schema up to date before anything else runs. */
import { readFileSync } from 'node:fs';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../local/server.ts';
import { applyMigrations } from '../src/release.ts';
import { createEmptyDatabase, type EmptyDatabase } from './support/ledger.ts';
import { type RunningProcess, startProcess } from './support/processes.ts';
import { until } from './support/until.ts';

const journal = new URL('../migrations/meta/_journal.json', import.meta.url);
const MIGRATIONS: number = JSON.parse(readFileSync(journal, 'utf8')).entries.length;

let database: EmptyDatabase;
let client: postgres.Sql;
const running: RunningProcess[] = [];

beforeEach(async () => {
  database = await createEmptyDatabase();
  client = postgres(database.url, { max: 1, onnotice: () => {} });
});
afterEach(async () => {
  for (const release of running.splice(0)) await release.end();
  await client.end();
  await database.close();
});

async function release(url = database.url): Promise<RunningProcess> {
  const started = await startProcess('release', { DATABASE_URL: url });
  running.push(started);
  return started;
}

async function tables(): Promise<string[]> {
  const rows = await client`select tablename from pg_tables where schemaname = 'public' order by tablename`;
  return rows.map(({ tablename }) => tablename);
}

async function migrationsApplied(): Promise<number> {
  const [row] = await client`select count(*)::int as count from drizzle.__drizzle_migrations`;
  return row?.count;
}

const well = { code: 0, signal: null };
const badly = { code: 1, signal: null };

describe('the release', () => {
  it('started three times at once on an empty database succeeds three times', async () => {
    const releases = await Promise.all([release(), release(), release()]);
    expect(await Promise.all(releases.map(({ ended }) => ended))).toEqual([well, well, well]);
    expect(await tables()).toEqual(expect.arrayContaining(['orders', 'outbox']));
    expect(await migrationsApplied()).toBe(MIGRATIONS);
  });

  it('needs DATABASE_URL only, and changes nothing when all is applied', async () => {
    await applyMigrations(database.url);
    const before = await tables();
    const { ended, output } = await release();
    expect(await ended).toEqual(well);
    expect(output()).toContain('the migrations are applied');
    expect(await tables()).toEqual(before);
  });

  it('that fails exits 1 and leaves nothing of its migrations behind', async () => {
    await client`create function order_has_its_message() returns int language sql as 'select 1'`; // the last migration's
    const { ended, output } = await release();
    expect(await ended).toEqual(badly);
    expect(output()).toContain('unexpected error');
    expect(await tables()).toEqual([]);
    expect(await migrationsApplied()).toBe(0);
  });

  it('that does not reach Postgres exits 1', async () => {
    const { ended } = await release(`postgres://127.0.0.1:${await freePort()}/nowhere`);
    expect(await ended).toEqual(badly);
  });

  /** Another release's lock, as this one sees it. */
  const holdLock = () => client`select pg_advisory_lock(7305817)`;
  const untilOneWaits = () =>
    until(async () => {
      const rows = await client`
        select from pg_locks l join pg_database d on d.oid = l.database
        where d.datname = current_database() and l.locktype = 'advisory' and not l.granted`;
      return rows.length === 1;
    }, 'a release that waits');

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'that is asked to end by %s before its end is no success',
    async (signal) => {
      await holdLock();
      const { ended, signal: send } = await release();
      await untilOneWaits();
      send(signal);
      expect(await ended).toEqual({ code: 143, signal: null });
    },
  );

  it('waits for another one, and leaves no lock behind when it is killed meanwhile', async () => {
    await holdLock();
    const first = await release();
    await untilOneWaits();
    first.signal('SIGKILL');
    await first.ended;
    const second = await release();
    await client`select pg_advisory_unlock(7305817)`;
    expect(await second.ended).toEqual(well);
    expect(await migrationsApplied()).toBe(MIGRATIONS);
  });
});
