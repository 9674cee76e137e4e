/** Holds: how long sending pauses, who lengthens the pause, who probes, and who may end it. Times are read from the row, never waited for. */
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase, run } from '../src/database.ts';
import {
  currentHold,
  endIdleHold,
  giveProbeBack,
  type Hold,
  liftHold,
  openHold,
  takeProbe,
} from '../src/holds.ts';
import { createLedger, type Ledger } from './support/ledger.ts';
import { stageOne } from './support/rows.ts';

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

/** Its end, exact. */
async function end(): Promise<string | undefined> {
  const [row] = await run<{ until: string }>(db, sql`select until::text as until from holds`);
  return row?.until;
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
    expect(await hold()).toMatchObject({ reason: 'rate_limited', ahead: true, probed: false, pauses: 1 });
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
    const until = await end();
    await openHold(db, 'rate_limited', 5);
    await openHold(db, 'provider_denied', null);
    expect(await end()).toBe(until);
    expect(await hold()).toMatchObject({ pauses: 1, reason: 'provider_denied' });
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

  it('keeps its beginning while it is opened again', async () => {
    await openHold(db, 'quota_exceeded', 10);
    const { openedAt } = await hold();
    expect(openedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    await passPause();
    expect(await hold()).toMatchObject({ ahead: false, openedAt });
    await openHold(db, 'quota_exceeded', null);
    expect((await hold()).openedAt).toBe(openedAt);
    await pass(63);
    expect((await hold()).openForSeconds).toBeGreaterThanOrEqual(63);
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

describe('a probe', () => {
  const [ada, bob] = [randomUUID(), randomUUID()];

  it('is nobody’s before the pause is over, or where nothing is held', async () => {
    expect(await takeProbe(db, ada, 10)).toBe(false);
    await openHold(db, 'rate_limited', null);
    expect(await takeProbe(db, ada, 10)).toBe(false);
    expect((await hold()).probed).toBe(false);
  });

  it('is one notifier’s at a time, of many that ask at once', async () => {
    await openHold(db, 'rate_limited', null);
    await passPause();
    const won = await Promise.all(Array.from({ length: 20 }, () => takeProbe(db, randomUUID(), 10)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await hold()).toMatchObject({ ahead: false, probed: true });
  });

  it('that succeeds ends the hold for good', async () => {
    await openHold(db, 'rate_limited', null);
    await passPause();
    await takeProbe(db, ada, 10);
    await liftHold(db, ada);
    expect(await currentHold(db)).toBeUndefined();
    expect(await pauseOf()).toBe(1);
  });

  it('that fails makes the hold grow, and is the next one’s then', async () => {
    await openHold(db, 'rate_limited', null);
    await passPause();
    await takeProbe(db, ada, 10);
    expect(await pauseOf()).toBe(2);
    expect(await hold()).toMatchObject({ ahead: true, probed: false, pauses: 2 });
    await passPause();
    expect(await takeProbe(db, bob, 10)).toBe(true);
  });

  it('that learned nothing is the next one’s at once', async () => {
    await openHold(db, 'rate_limited', null);
    await passPause();
    await takeProbe(db, ada, 10);
    await giveProbeBack(db, bob); // not his to give
    expect(await takeProbe(db, bob, 10)).toBe(false);
    await giveProbeBack(db, ada);
    expect(await takeProbe(db, bob, 10)).toBe(true);
  });

  it('whose notifier is killed ends with its time, and its late success lifts nothing', async () => {
    await openHold(db, 'rate_limited', null);
    await passPause();
    await takeProbe(db, ada, 10);
    await run(db, sql`update holds set probe_until = now() - interval '1 ms'`);
    expect(await takeProbe(db, bob, 10)).toBe(true);
    await liftHold(db, ada);
    expect((await hold()).probed).toBe(true);
  });

  it('does not lift what has grown meanwhile', async () => {
    await openHold(db, 'rate_limited', null);
    await passPause();
    await takeProbe(db, ada, 10);
    await openHold(db, 'rate_limited', 30); // a call from before the hold has just failed too
    await liftHold(db, ada);
    expect(await hold()).toMatchObject({ ahead: true, pauses: 2 });
  });
});

describe('a hold whose pause is over', () => {
  const enqueue = (id: string) => run(db, sql`update outbox set enqueued_at = now() where id = ${id}`);

  it('ends by itself when there is no message to probe with', async () => {
    await openHold(db, 'rate_limited', null);
    await endIdleHold(db);
    expect((await hold()).ahead).toBe(true);
    await passPause();
    const message = await stageOne(db);
    await enqueue(message.id);
    await endIdleHold(db);
    expect((await hold()).ahead).toBe(false);
    await run(db, sql`update outbox set sent_at = now() where id = ${message.id}`);
    await endIdleHold(db);
    expect(await currentHold(db)).toBeUndefined();
  });

  it('stays while somebody probes', async () => {
    await openHold(db, 'rate_limited', null);
    await passPause();
    await takeProbe(db, randomUUID(), 10);
    await endIdleHold(db);
    expect((await hold()).probed).toBe(true);
  });
});
