/** Holds: how long sending pauses, who lengthens the pause, and who may end it. Times are read from the row, never waited for. */
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase, run } from '../src/database.ts';
import { currentHold, type Hold, liftHold, openHold } from '../src/holds.ts';
import { createLedger, type Ledger } from './support/ledger.ts';

let ledger: Ledger;
let db: Ledger['db'];
let alone: OpenDatabase;
beforeAll(async () => {
  ledger = await createLedger();
  db = ledger.db;
  alone = openDatabase(ledger.url, 'test', 1);
});
afterAll(async () => {
  await alone.close();
  await ledger.close();
});
beforeEach(() => run(db, sql`delete from holds`));

async function hold(): Promise<Hold> {
  const found = await currentHold(db);
  if (!found) throw new Error('nothing is held');
  return found;
}

/** Opens the hold and answers the pause that this has brought, in seconds. */
async function pauseOf(seconds: number | null = null): Promise<number> {
  // One transaction has one `now()`: the pause is exact.
  await run(alone.db, sql`begin`);
  await openHold(alone.db, 'rate_limited', seconds);
  const [row] = await run<{ seconds: number }>(
    alone.db,
    sql`select extract(epoch from until - now())::float8 as seconds from holds`,
  );
  await run(alone.db, sql`commit`);
  return row?.seconds ?? 0;
}

/** As if so many seconds had gone by. */
const pass = (seconds: number) =>
  run(
    db,
    sql`update holds set until = until - make_interval(secs => ${seconds}), opened_at = opened_at - make_interval(secs => ${seconds})`,
  );

/** As if the pause were just over. */
const passPause = () => run(db, sql`update holds set until = now() - interval '1 ms' where until > now()`);

describe('a hold', () => {
  it('is none before it is opened', async () => {
    expect(await currentHold(db)).toBeUndefined();
  });

  it('begins with a second', async () => {
    expect(await pauseOf()).toBe(1);
    expect(await hold()).toMatchObject({ reason: 'rate_limited', ahead: true, recent: true, pauses: 1 });
  });

  it('doubles its pause each time that it is opened again, up to a minute', async () => {
    const schedule = [];
    for (let i = 0; i < 14; i += 1) {
      schedule.push(await pauseOf());
      await passPause();
    }
    expect(schedule).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60, 60]);
    expect((await hold()).pauses).toBe(14);
  });

  it('does not overflow, however often it was opened', async () => {
    await pauseOf();
    await run(db, sql`update holds set pauses = 2000000000`);
    await passPause();
    expect(await pauseOf()).toBe(60);
  });

  it('counts the many refusals of one moment as one pause', async () => {
    await Promise.all(Array.from({ length: 50 }, () => openHold(db, 'rate_limited', null)));
    expect((await hold()).pauses).toBe(1);
    await passPause();
    await Promise.all(Array.from({ length: 50 }, () => openHold(db, 'rate_limited', null)));
    expect((await hold()).pauses).toBe(2);
  });

  it('lasts as long as the provider wishes, also longer than a minute', async () => {
    expect(await pauseOf(7)).toBe(7);
    await passPause();
    expect(await pauseOf(3_600)).toBe(3_600);
  });

  it('only grows while it stands', async () => {
    await openHold(db, 'rate_limited', 30);
    const { until } = await hold();
    await openHold(db, 'rate_limited', 5);
    await openHold(db, 'provider_denied', null);
    expect(await hold()).toMatchObject({ until, pauses: 1, reason: 'provider_denied' });
    expect(await pauseOf(90)).toBe(90);
  });

  it('ends up with the longest wish of many at the same time', async () => {
    const [before] = await run<{ now: string }>(db, sql`select now()::text as now`);
    await Promise.all(Array.from({ length: 40 }, (_, i) => openHold(db, 'rate_limited', i + 1)));
    expect(
      await run(
        db,
        sql`select until >= ${before?.now ?? ''}::timestamptz + interval '40 s' as longest from holds`,
      ),
    ).toEqual([{ longest: true }]);
  });

  it('is recent for a minute after its end, and keeps its beginning', async () => {
    await openHold(db, 'quota_exceeded', 10);
    const { openedAt } = await hold();
    expect(openedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    await passPause();
    expect(await hold()).toMatchObject({ ahead: false, recent: true, openedAt });
    await openHold(db, 'quota_exceeded', null);
    expect((await hold()).openedAt).toBe(openedAt);
    await pass(63);
    expect(await hold()).toMatchObject({ ahead: false, recent: false });
  });

  it('that was forgotten begins anew', async () => {
    for (let i = 0; i < 5; i += 1) {
      await openHold(db, 'rate_limited', null);
      await passPause();
    }
    await pass(299);
    expect(await pauseOf()).toBe(32); // not forgotten yet
    await passPause();
    await pass(301);
    const { openedAt } = await hold();
    expect(await pauseOf()).toBe(1);
    expect((await hold()).pauses).toBe(1);
    expect((await hold()).openedAt > openedAt).toBe(true);
  });

  it('that was forgotten begins with the wish of the provider', async () => {
    await openHold(db, 'rate_limited', null);
    await pass(400);
    expect(await pauseOf(20)).toBe(20);
  });
});

describe('lifting', () => {
  it('ends a hold that has passed, for good', async () => {
    await openHold(db, 'rate_limited', null);
    await passPause();
    await liftHold(db, (await hold()).until);
    expect(await currentHold(db)).toBeUndefined();
    expect(await pauseOf()).toBe(1);
  });

  it('leaves a hold alone whose end lies ahead', async () => {
    await openHold(db, 'rate_limited', null);
    await liftHold(db, (await hold()).until);
    expect((await hold()).ahead).toBe(true);
  });

  it('leaves a hold alone that has grown since it was seen', async () => {
    await openHold(db, 'rate_limited', null);
    await passPause();
    const { until } = await hold();
    await openHold(db, 'rate_limited', null);
    await passPause();
    await liftHold(db, until);
    expect((await hold()).pauses).toBe(2);
  });

  it('by many at the same time, while others open it, never shortens what was opened', async () => {
    for (let round = 0; round < 20; round += 1) {
      await openHold(db, 'rate_limited', null);
      await passPause();
      const { until } = await hold();
      await Promise.all([
        ...Array.from({ length: 5 }, () => liftHold(db, until)),
        openHold(db, 'rate_limited', 30),
        ...Array.from({ length: 5 }, () => liftHold(db, until)),
      ]);
      expect((await hold()).ahead).toBe(true);
      await run(db, sql`delete from holds`);
    }
  });
});
