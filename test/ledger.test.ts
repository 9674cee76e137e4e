/** The ledger as a process holds it: clocks that differ, and a pool that never answers again. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '../src/database.ts';
import { type HeldLedger, openLedger } from '../src/ledger.ts';
import type { Process } from '../src/lifecycle.ts';
import { startProxy } from './support/proxy.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(async () => {
  vi.useRealTimers();
  await world.close();
});

/** A process whose turns are the test's to call. */
function open(databaseUrl = world.config.databaseUrl) {
  const turns: (() => Promise<boolean>)[] = [];
  const checks = new Map<string, () => Promise<unknown>>();
  const statuses = new Map<string, () => string | undefined>();
  const failures: string[] = [];
  const process: Process = {
    ...world.process,
    config: { ...world.config, databaseUrl },
    onReady: (what, check) => void checks.set(what, check),
    onStatus: (what, tell) => void statuses.set(what, tell),
    fail: ({ message }) => void failures.push(message),
    loop(_name, _pauseMs, turn) {
      turns.push(() => turn(new AbortController().signal));
      return { wake: () => undefined, stop: async () => undefined };
    },
  };
  const held: HeldLedger = openLedger(process, 1);
  const look = () => Promise.all(turns.map((turn) => turn()));
  return { ...held, look, checks, statuses, failures };
}

/** As if this machine's clock went ahead by so much. */
function shiftClock(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(Date.now() + ms);
}

describe('a clock', () => {
  it('is not trusted before it was compared', async () => {
    const { clock, look, checks } = open();
    expect(clock.isWrong()).toBe(true);
    await expect(checks.get('clock')?.()).rejects.toThrow('the clock is wrong');
    await look();
    expect(clock.isWrong()).toBe(false);
    await checks.get('clock')?.();
  });

  it.each([
    ['4 s ahead', 4_000, false],
    ['4 s behind', -4_000, false],
    ['an hour ahead', 3_600_000, true],
    ['7 s behind', -7_000, true],
  ])('that is %s is taken as wrong: %3$s', async (_, ms, wrong) => {
    const { clock, look, statuses } = open();
    shiftClock(ms);
    await look();
    expect(clock.isWrong()).toBe(wrong);
    expect(statuses.get('clock')?.() === undefined).toBe(!wrong);
    vi.useRealTimers();
    await look();
    expect(clock.isWrong()).toBe(false);
  });

  it('keeps its last comparison while Postgres is away', async () => {
    const proxy = await startProxy(world.config.databaseUrl);
    world.onClose(proxy.close);
    const { clock, look } = open(proxy.url);
    await look();
    proxy.cut();
    await expect(look()).rejects.toThrow();
    expect(clock.isWrong()).toBe(false);
  });
});

describe('a pool that does not answer any more', () => {
  const many = (look: () => Promise<unknown>) => Promise.allSettled(Array.from({ length: 8 }, look));

  it('ends its process when Postgres answers others', async () => {
    const { db, look, failures } = open();
    await run(db, sql`set statement_timeout = 0`);
    void run(db, sql`select pg_sleep(600)`).catch(() => undefined); // given up by its deadline
    await many(look);
    await until(() => failures.length > 0, 'a failure');
    expect(new Set(failures)).toEqual(
      new Set(['Postgres answers, but not on the connections of this process']),
    );
  });

  it('does not end it while others are answered on it: it is busy', async () => {
    const { db, look, failures } = open();
    for (let round = 0; round < 2; round += 1) {
      await run(db, sql`set statement_timeout = 0`); // of this round's connection
      void run(db, sql`select pg_sleep(600)`).catch(() => undefined); // given up by its deadline
      await Promise.allSettled(Array.from({ length: 6 }, look));
      await run(
        world.db,
        sql`select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()`,
      );
      await until(async () => (await run(db, sql`select 1`)).length === 1, 'an answer');
    }
    expect(failures).toEqual([]);
  });

  it('does not end it when Postgres is away for everybody', async () => {
    const proxy = await startProxy(world.config.databaseUrl);
    world.onClose(proxy.close);
    const { look, failures } = open(proxy.url);
    proxy.cut();
    await many(look);
    await many(look);
    expect(failures).toEqual([]);
  });
});
