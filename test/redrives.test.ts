/** Many dead letters put back: a few first, then at a rate, until all are, or too many die again; whoever makes the steps. */
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../src/database.ts';
import {
  ANY_DEAD,
  deadCounts,
  markEnqueued,
  markSent,
  openCalls,
  retryMessage,
  settleAttempts,
  takeLease,
} from '../src/outbox.ts';
import {
  cancelRedrive,
  findRedrives,
  type Redrive,
  type RedriveRequest,
  startRedrive,
  stepRedrive,
  tallyOf,
} from '../src/redrives.ts';
import type { DeadReason } from '../src/schema.ts';
import { outboxRow, stageDead } from './support/rows.ts';
import { openWorld, type World } from './support/world.ts';

const RELAY = '01a206af-489f-72c1-b407-c572e1b1ebdb';
const REQUEST: RedriveRequest = {
  filter: ANY_DEAD,
  canary: 10,
  perSecond: 50,
  operator: 'eve',
  note: 'mended',
};

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await run(world.db, sql`truncate outbox, notifications, operator_actions, redrives, message_events`);
  await takeLease(world.db, 'relay', RELAY);
});

const dead = (count: number, reason: DeadReason = 'attempts_exhausted') => stageDead(world.db, count, reason);

async function start(request: Partial<RedriveRequest> = {}): Promise<string> {
  const started = await startRedrive(world.db, { ...REQUEST, ...request });
  if (started.outcome !== 'started') throw new Error(started.outcome);
  return started.id;
}

async function found(id: string): Promise<Redrive> {
  const [redrive] = await findRedrives(world.db, { id, limit: 1 });
  if (!redrive) throw new Error('no such redrive');
  return redrive;
}

/** Those on their way are accepted, or die again. */
async function fare(how: 'accepted' | DeadReason, most = 1_000_000): Promise<void> {
  const messages = await run<{ id: string; run: number }>(
    world.db,
    sql`select id, run from outbox where sent_at is null and dead_at is null order by id limit ${most}`,
  );
  await markEnqueued(world.db, RELAY, messages);
  if (how === 'accepted') await accept(messages);
  else {
    const fate = { call: null, answer: 'no_answer', detail: null, notAccepted: false, dead: how } as const;
    await settleAttempts(
      world.db,
      messages.map((message) => ({ ...message, ...fate })),
    );
  }
}

async function accept(messages: readonly { id: string; run: number }[]): Promise<void> {
  const letter = { recipient: 'ada@example.com', body: 'the letter' };
  await openCalls(
    world.db,
    messages.map(({ id, run }) => ({ id, run, account: 'shop', letter: { ...letter, id } })),
  );
  await markSent(
    world.db,
    messages.map(({ id }) => ({ messageId: id, letterId: id, providerId: `re_${id}` })),
  );
}

/** As if the last step were long ago: then the next one is worth two seconds, and no more. */
const later = () => run(world.db, sql`update redrives set stepped_at = stepped_at - interval '1 minute'`);

async function step(): Promise<number | undefined> {
  const moved = await stepRedrive(world.db);
  await later();
  return moved;
}

describe('a redrive', () => {
  it('puts the canary back first, the oldest of all, and waits for it', async () => {
    const ids = await dead(30);
    const id = await start();
    expect([await step(), await step(), await step()]).toEqual([10, 0, 0]);
    expect(await found(id)).toMatchObject({ matched: 30, putBack: 10, underWay: 10, passedAt: null });
    for (const [i, one] of ids.entries())
      expect(await outboxRow(world.db, one)).toMatchObject({ run: i < 10 ? 2 : 1 });
  });

  it('goes on at its rate once the canary is accepted, and is done when nothing is left and nothing on its way', async () => {
    await dead(100);
    const id = await start({ perSecond: 20 });
    await step();
    await fare('accepted');
    expect([await step(), await step(), await step(), await step()]).toEqual([40, 40, 10, 0]);
    expect(await found(id)).toMatchObject({ putBack: 100, underWay: 90, ended: null });
    await fare('accepted');
    await step();
    expect(await found(id)).toMatchObject({ putBack: 100, accepted: 100, underWay: 0, ended: 'done' });
    expect(await step()).toBeUndefined();
  });

  it('stops at the canary when what failed fails again, and leaves all others dead', async () => {
    await dead(2_000);
    const id = await start();
    await step();
    await fare('refused', 3);
    await step();
    await fare('accepted');
    await step();
    expect(await found(id)).toMatchObject({ putBack: 10, ended: 'failures', failed: 3 });
    expect(tallyOf(await deadCounts(world.db))).toEqual({ matched: 1_993, retriable: 1_993 });
  });

  it('forgives a canary one in five', async () => {
    await dead(30);
    const id = await start();
    await step();
    await fare('refused', 2);
    await fare('accepted');
    await step();
    expect(await found(id)).toMatchObject({ putBack: 30, ended: null });
  });

  it('stops later too, when failures return', async () => {
    await dead(200);
    const id = await start({ perSecond: 25 });
    await step();
    await fare('accepted');
    await step();
    await fare('attempts_exhausted');
    await step();
    expect(await found(id)).toMatchObject({ putBack: 60, ended: 'failures' });
  });

  it('is never more than ten seconds ahead of the letters', async () => {
    await dead(100);
    await start({ canary: 1, perSecond: 2 });
    await step();
    await fare('accepted');
    let moved = 0;
    for (let i = 0; i < 30; i += 1) moved += (await step()) ?? 0;
    expect(moved).toBe(20);
  });

  it('takes only what matches and what was dead when it began', async () => {
    const [refused] = await dead(1, 'refused');
    const [exhausted] = await dead(1);
    await start({ filter: { ...ANY_DEAD, reason: 'refused' } });
    const [later] = await dead(1, 'refused');
    await step();
    const runs = await Promise.all(
      [refused, exhausted, later].map(async (id = '') => (await outboxRow(world.db, id)).run),
    );
    expect(runs).toEqual([2, 1, 1]);
  });

  it('leaves letters of unknown outcome where they are, and says how many those are', async () => {
    await dead(3, 'outcome_unknown');
    await dead(2);
    expect(tallyOf(await deadCounts(world.db))).toEqual({ matched: 5, retriable: 2 });
    const id = await start();
    await step();
    expect(await found(id)).toMatchObject({ matched: 2, putBack: 2 });
  });

  it('steps over what somebody else has put back meanwhile', async () => {
    const [first = ''] = await dead(3);
    const id = await start({ canary: 2 });
    await retryMessage(world.db, { id: first, run: 1, operator: 'mallory' });
    await step();
    expect((await outboxRow(world.db, first)).run).toBe(2);
    expect(await found(id)).toMatchObject({ putBack: 2 });
  });

  it('writes down who has put back what, and that it was part of it', async () => {
    const ids = await dead(2);
    const id = await start();
    await step();
    const acts = await run(
      world.db,
      sql`select operator, action, message_id, run, note, redrive_id from operator_actions order by message_id`,
    );
    expect(acts).toEqual(
      ids.map((messageId) => ({
        ...{
          operator: 'eve',
          action: 'retry',
          message_id: messageId,
          run: 1,
          note: 'mended',
          redrive_id: id,
        },
      })),
    );
  });

  it('is one at a time', async () => {
    await dead(2);
    const id = await start();
    expect(await startRedrive(world.db, REQUEST)).toEqual({ outcome: 'under_way', id });
    await cancelRedrive(world.db, id);
    expect((await startRedrive(world.db, REQUEST)).outcome).toBe('started');
  });

  it('of nothing does not begin', async () => {
    await dead(1, 'outcome_unknown');
    expect(await startRedrive(world.db, REQUEST)).toEqual({ outcome: 'nothing_matches' });
  });

  it('that is cancelled puts nothing more back, and is cancelled once', async () => {
    await dead(30);
    const id = await start();
    await step();
    expect([await cancelRedrive(world.db, id), await cancelRedrive(world.db, id)]).toEqual([true, false]);
    expect(await step()).toBeUndefined();
    expect(await found(id)).toMatchObject({ putBack: 10, ended: 'cancelled' });
  });

  it('makes each step once, however many try at the same time', async () => {
    await dead(300);
    const id = await start({ canary: 10, perSecond: 5 });
    await step();
    await fare('accepted');
    const moved = await Promise.all(Array.from({ length: 8 }, () => stepRedrive(world.db)));
    const sum = moved.reduce<number>((total, one) => total + (one ?? 0), 0);
    expect(await found(id)).toMatchObject({ putBack: 10 + sum });
    const [{ twice } = { twice: -1 }] = await run<{ twice: number }>(
      world.db,
      sql`select (count(*) - count(distinct message_id))::int as twice from operator_actions`,
    );
    expect(twice).toBe(0);
  });

  it('is carried on by a relay that leads, and by no other', async () => {
    await dead(5);
    const id = await start();
    const relay = await world.relay(); // `RELAY` has the lease
    expect(await relay.redrive()).toBe(false);
    await run(world.db, sql`delete from leases`);
    await relay.lead();
    expect(await relay.redrive()).toBe(true);
    expect(await found(id)).toMatchObject({ putBack: 5 });
  });
});
