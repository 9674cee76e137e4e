/** The relay: what is staged arrives in Redis in its order and once, and what Redis loses is put back. */
import { sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { array, openDatabase, run } from '../src/database.ts';
import {
  discardMessage,
  markSent,
  type OpenCall,
  openCalls,
  retryMessage,
  type StagedMessage,
  settleAttempts,
  stagedMessages,
} from '../src/outbox.ts';
import { consume, type JobEnd, jobId, QUEUE, type QueueDoor } from '../src/queue.ts';
import type { DeadReason } from '../src/schema.ts';
import { createRelay, type Relay } from '../workers/relay.ts';
import { workersRedisUrl } from './support/ledger.ts';
import { startProxy } from './support/proxy.ts';
import { finishedDaysAgo, letterRows, outboxRow, stage, stageOne } from './support/rows.ts';
import { until } from './support/until.ts';
import { openWorld, RIGHT_CLOCK, type World } from './support/world.ts';

const key = (suffix: string) => `bull:${QUEUE}:${suffix}`;
const idsOf = (messages: readonly { id: string }[]) => messages.map(({ id }) => id);

let world: World;

async function open(settings: Readonly<Record<string, string>> = {}): Promise<World> {
  world = await openWorld({ RELAY_BATCH: '20', ...settings });
  return world;
}

/** Jobs that wait, the next one first. */
async function waiting(): Promise<string[]> {
  return (await world.redis.lrange(key('wait'), 0, -1)).reverse();
}

async function failed(): Promise<string[]> {
  return (await world.redis.zrevrange(key('failed'), 0, -1)).sort();
}

const rows = (messages: readonly { id: string }[]) =>
  Promise.all(messages.map(({ id }) => outboxRow(world.db, id)));

/** A relay beside the world's own, perhaps with another door to the queue. */
function anotherRelay(door: Partial<QueueDoor> = {}): Relay {
  const { db, config, log, queue } = world;
  return createRelay({
    db,
    queue: { ...queue, ...door },
    config,
    log,
    metrics: new Registry(),
    ending: world.process.ending,
    clock: RIGHT_CLOCK,
  });
}

/** As many turns as it takes. */
async function reconcile(relay: Relay): Promise<void> {
  while (await relay.reconcile());
}

const expireLease = () => run(world.db, sql`update leases set until = now() - interval '1 ms'`);

/** As if enqueued long ago. */
const makeOverdue = (messages: readonly { id: string }[]) =>
  run(
    world.db,
    sql`update outbox set enqueued_at = now() - interval '1 hour' where id = any (${array(idsOf(messages), 'uuid')})`,
  );

async function freeze(message: StagedMessage): Promise<OpenCall> {
  const letter = { id: uuidv7(), recipient: 'ada@example.com', body: '{}' };
  const [call] = await openCalls(world.db, [{ id: message.id, run: message.run, account: 'a', letter }]);
  if (!call) throw new Error('the call was not opened');
  return call;
}

const die = (messages: readonly StagedMessage[], dead: DeadReason = 'refused') =>
  settleAttempts(
    world.db,
    messages.map(({ id, run }) => ({
      id,
      run,
      call: null,
      answer: dead,
      detail: null,
      notAccepted: false,
      dead,
    })),
  );

/** Lets every waiting job end that way, as a notifier would without its part in the ledger. */
async function endJobs(count: number, end: JobEnd): Promise<void> {
  let ended = 0;
  const consumer = consume(world.config, world.log, async () => {
    ended += 1;
    return end;
  });
  // And that Redis knows of it: closing waits for so long and no longer.
  await until(
    async () => ended === count && (await world.redis.llen(key('active'))) === 0,
    'the end of all jobs',
  );
  await consumer.close();
}

afterEach(() => world.close());

describe('draining', () => {
  beforeEach(() => open());

  it('enqueues in the order of seq, also across many batches in flight', async () => {
    const messages = await stage(world.db, 500);
    await (await world.relay()).drain();
    expect(await waiting()).toEqual(messages.map(jobId));
    expect((await rows(messages)).filter(({ enqueued_at }) => enqueued_at === null)).toEqual([]);
  });

  it('enqueues a message whose lower number was committed late, and no other twice', async () => {
    const late = openDatabase(world.config.databaseUrl, 'test', 1);
    onTestFinished(late.close);
    await run(late.db, sql`begin`);
    const [lower] = [await stageOne(late.db)];
    const messages = await stage(world.db, 200);
    // It becomes visible while other batches are in flight.
    let batches = 0;
    let committed: Promise<unknown> | undefined;
    const relay = anotherRelay({
      async enqueue(batch) {
        batches += 1;
        if (batches === 3) committed = run(late.db, sql`commit`);
        await committed; // all from here on wait alike, or the test itself would change their order
        return world.queue.enqueue(batch);
      },
    });
    await relay.lead();
    await relay.drain();
    const ids = await waiting();
    expect(ids.filter((id) => id !== jobId(lower))).toEqual(messages.map(jobId));
    expect(ids).toContain(jobId(lower));
    expect((await rows([lower]))[0]?.enqueued_at).not.toBeNull();
  });

  it('makes one job of a message whose relay was killed between enqueuing and marking', async () => {
    const messages = await stage(world.db, 30);
    await world.queue.enqueue(messages);
    await (await world.relay()).drain();
    expect(await waiting()).toEqual(messages.map(jobId));
    expect((await rows(messages)).filter(({ enqueued_at }) => enqueued_at === null)).toEqual([]);
  });

  it('makes no second job of a message whose job is already completed', async () => {
    const messages = await stage(world.db, 5);
    await world.queue.enqueue(messages);
    await endJobs(5, { end: 'completed', value: null });
    await (await world.relay()).drain();
    expect(await waiting()).toEqual([]);
  });

  it('removes the failed job of the run before', async () => {
    const relay = await world.relay();
    const message = await stageOne(world.db);
    await relay.drain();
    await die([message]);
    await endJobs(1, { end: 'failed', code: 'refused', forGood: true });
    expect(await failed()).toEqual([jobId(message)]);
    await retryMessage(world.db, { id: message.id, run: 1, operator: 'eve' });
    await relay.drain();
    expect(await failed()).toEqual([]);
    expect(await waiting()).toEqual([jobId({ id: message.id, run: 2 })]);
  });
});

describe('of two relays', () => {
  beforeEach(() => open());

  it('one leads and enqueues, and the other takes over at once when it steps down', async () => {
    const messages = await stage(world.db, 10);
    const [first, second] = [anotherRelay(), anotherRelay()];
    expect([await first.lead(), await second.lead()]).toEqual([true, false]);
    await second.drain();
    expect(await waiting()).toEqual([]);
    await first.stepDown();
    expect(await second.lead()).toBe(true);
    await first.drain();
    expect(await waiting()).toEqual([]);
    await second.drain();
    expect(await waiting()).toEqual(messages.map(jobId));
  });

  it('the one that stands by touches neither store', async () => {
    const leader = await world.relay();
    const messages = await stage(world.db, 4, 365);
    const [waits, lost, dead, sent] = messages;
    if (!waits || !lost || !dead || !sent) throw new Error('four were staged');
    await leader.drain();
    await makeOverdue(messages);
    await world.queue.remove([lost, dead]);
    await die([dead]);
    await markSent(world.db, [
      { messageId: sent.id, letterId: (await freeze(sent)).letterId, providerId: 're_1' },
    ]);
    await stage(world.db, 1);

    const everything = async () => [
      await run(world.db, sql`select to_jsonb(o) as row from outbox o order by seq`),
      await run(world.db, sql`select * from epochs`),
      (await world.redis.keys('*')).sort(),
      await waiting(),
    ];
    const before = await everything();
    const standby = anotherRelay();
    expect(await standby.lead()).toBe(false);
    await standby.drain();
    await reconcile(standby);
    await standby.purge();
    expect(await everything()).toEqual(before);
  });

  it('the new leader takes an expired lease, and a late write of the old one changes nothing', async () => {
    const messages = await stage(world.db, 10);
    const second = anotherRelay();
    const stalled = anotherRelay({
      async enqueue(batch) {
        await world.queue.enqueue(batch);
        await expireLease();
        expect(await second.lead()).toBe(true);
      },
    });
    await stalled.lead();
    await stalled.drain();
    expect((await rows(messages)).filter(({ enqueued_at }) => enqueued_at !== null)).toEqual([]);
    await second.drain();
    expect((await rows(messages)).filter(({ enqueued_at }) => enqueued_at === null)).toEqual([]);
    expect(await waiting()).toEqual(messages.map(jobId));
  });

  it('the old leader neither enqueues nor restages nor marks Redis once its lease has expired', async () => {
    const [first, second] = [anotherRelay(), anotherRelay()];
    await first.lead();
    const messages = await stage(world.db, 3);
    await first.drain();
    await makeOverdue(messages);
    await expireLease();
    await second.lead();
    const more = await stage(world.db, 3);
    await world.redis.flushdb();
    await first.drain();
    await reconcile(first);
    expect(await world.redis.keys('*')).toEqual([]);
    expect((await rows(messages)).filter(({ enqueued_at }) => enqueued_at === null)).toEqual([]);
    expect((await rows(more)).filter(({ enqueued_at }) => enqueued_at !== null)).toEqual([]);
  });
});

describe('a message that Redis refuses alone', () => {
  beforeEach(() => open());

  /** Redis answers WRONGTYPE whenever this message's job is touched. */
  const poison = (message: StagedMessage) => world.redis.set(key(jobId(message)), 'not a job');

  it('is dead after five rounds in which others pass', async () => {
    const relay = await world.relay();
    const message = await stageOne(world.db);
    await poison(message);
    for (let round = 1; round <= 5; round += 1) {
      const others = await stage(world.db, 3);
      await relay.drain();
      expect((await rows(others)).filter(({ enqueued_at }) => enqueued_at === null)).toEqual([]);
      expect((await outboxRow(world.db, message.id)).enqueue_failures).toBe(round);
    }
    expect(await outboxRow(world.db, message.id)).toMatchObject({
      dead_reason: 'not_enqueueable',
      enqueued_at: null,
    });
    await relay.drain();
    await reconcile(relay);
    expect((await waiting()).length).toBe(15);
  });

  it('stops nobody and is charged also when it fills a whole batch', async () => {
    await world.close();
    await open({ RELAY_BATCH: '1' });
    const relay = await world.relay();
    const message = await stageOne(world.db);
    await poison(message);
    const others = await stage(world.db, 3);
    await relay.drain();
    expect(await waiting()).toEqual(others.map(jobId));
    expect(await outboxRow(world.db, message.id)).toMatchObject({ enqueue_failures: 1, dead_at: null });
  });

  it('is not charged while nothing else passes', async () => {
    const relay = await world.relay();
    const message = await stageOne(world.db);
    await poison(message);
    for (let round = 0; round < 6; round += 1) await expect(relay.drain()).rejects.toThrow('WRONGTYPE');
    expect(await outboxRow(world.db, message.id)).toMatchObject({ enqueue_failures: 0, dead_at: null });
  });

  it('stops no other, though it stands in the middle of many', async () => {
    const relay = await world.relay();
    const messages = await stage(world.db, 50);
    const [poisoned, ...others] = messages;
    if (!poisoned) throw new Error('fifty were staged');
    await poison(poisoned);
    await relay.drain();
    expect(new Set(await waiting())).toEqual(new Set(others.map(jobId)));
  });

  it('stops no sweep, when its job was ruined after it had been enqueued', async () => {
    const relay = await world.relay();
    const messages = await stage(world.db, 3);
    const [first, ruined] = messages;
    if (!first || !ruined) throw new Error('three were staged');
    await relay.drain();
    await reconcile(relay);
    await makeOverdue(messages);
    await world.queue.remove([first, ruined]);
    await poison(ruined);
    await reconcile(relay);
    expect((await outboxRow(world.db, first.id)).enqueued_at).toBeNull();
  });
});

describe('while Redis is away', () => {
  beforeEach(async () => {
    const proxy = await startProxy(workersRedisUrl());
    onTestFinished(proxy.close);
    await open({ REDIS_URL: proxy.url });
    cut = proxy.cut;
    mend = proxy.mend;
  });
  let cut: () => void;
  let mend: () => void;

  it('a drain throws and charges no message, and all arrive in their order afterwards', async () => {
    const relay = await world.relay();
    cut();
    const messages = await stage(world.db, 100);
    for (let round = 0; round < 2; round += 1) {
      await relay.lead(); // an outage outlasts the lease of a relay whose loops nobody turns
      await expect(relay.drain()).rejects.toThrow();
    }
    for (const row of await rows(messages))
      expect(row).toMatchObject({ enqueue_failures: 0, enqueued_at: null, dead_at: null });
    mend();
    await until(async () => {
      await relay.lead();
      return !(await relay.drain());
    }, 'a drain');
    expect(await waiting()).toEqual(messages.map(jobId));
  });

  it('a connection that is lost in the middle loses nothing and doubles nothing', async () => {
    const messages = await stage(world.db, 400);
    let batches = 0;
    const relay = anotherRelay({
      enqueue(batch) {
        const adding = world.queue.enqueue(batch);
        batches += 1;
        if (batches === 5) cut();
        return adding;
      },
    });
    await relay.lead();
    await expect(relay.drain()).rejects.toThrow();
    mend();
    await until(async () => {
      await relay.lead();
      return !(await relay.drain());
    }, 'a drain');
    expect(await waiting()).toEqual(messages.map(jobId));
  });
});

describe('reconciling', () => {
  let relay: Relay;
  beforeEach(async () => {
    await open({
      NOTIFICATION_ATTEMPTS: '2',
      NOTIFICATION_BACKOFF_MS: '3600000',
      LOCK_DURATION_MS: '1000',
      STALLED_INTERVAL_MS: '500',
    });
    relay = await world.relay();
    await reconcile(relay); // Redis has the ledger's mark
  });

  async function enqueue(count: number): Promise<StagedMessage[]> {
    const messages = await stage(world.db, count);
    await relay.drain();
    return messages;
  }
  async function enqueueOne(): Promise<StagedMessage> {
    const [message] = await enqueue(1);
    if (!message) throw new Error('one was staged');
    return message;
  }

  it('restages a message whose job Redis has lost, and leaves the others alone', async () => {
    const messages = await enqueue(5);
    const lost = messages.slice(1, 3);
    await world.queue.remove(lost);
    await reconcile(relay);
    expect((await rows(messages)).filter(({ enqueued_at }) => enqueued_at === null)).toEqual([]); // too early
    await makeOverdue(messages);
    await reconcile(relay);
    const staged = await stagedMessages(world.db, await leaseHolder(), 10, []);
    expect(staged).toEqual(lost);
    await relay.drain();
    expect(new Set(await waiting())).toEqual(new Set(messages.map(jobId)));
  });

  it('takes over the acceptance of a dead letter whose job is completed', async () => {
    const message = await enqueueOne();
    const call = await freeze(message);
    await endJobs(1, { end: 'completed', value: { letterId: call.letterId, providerId: 're_43' } });
    const { id, run: dead } = message;
    await settleAttempts(world.db, [
      { id, run: dead, call, answer: 'no_answer', detail: null, notAccepted: false, dead: 'outcome_unknown' },
    ]);
    await reconcile(relay);
    expect(await outboxRow(world.db, id)).toMatchObject({ dead_at: null, sent_at: expect.any(String) });
    expect(await letterRows(world.db, id)).toMatchObject([{ provider_id: 're_43' }]);
  });

  it('lets a dead letter that Redis lost stand behind all who wait', async () => {
    const { id, run: dead } = await stageOne(world.db);
    // Dead before the relay could mark it: its job has existed all the same.
    await settleAttempts(world.db, [
      { id, run: dead, call: null, answer: 'refused', detail: null, notAccepted: false, dead: 'refused' },
    ]);
    await reconcile(relay);
    const others = await stage(world.db, 2);
    await relay.drain();
    const order: string[] = [];
    const consumer = consume({ ...world.config, notifierConcurrency: 1 }, world.log, async (job) => {
      order.push(jobId(job));
      return { end: 'completed', value: null };
    });
    await until(() => order.length === 3, 'three jobs');
    await consumer.close();
    expect(order).toEqual([...others.map(jobId), `${id}-${dead}`]);
  });

  it('takes over the acceptance that a completed job tells of, without a call', async () => {
    const message = await enqueueOne();
    const { letterId } = await freeze(message);
    await endJobs(1, { end: 'completed', value: { letterId, providerId: 're_42' } });
    await makeOverdue([message]);
    await reconcile(relay);
    expect((await outboxRow(world.db, message.id)).sent_at).not.toBeNull();
    expect(await letterRows(world.db, message.id)).toMatchObject([{ provider_id: 're_42' }]);
    expect(world.mailbox.requests()).toEqual([]);
  });

  it.each([
    ['that tells of no acceptance', { end: 'completed', value: null } as const],
    [
      'whose value is not ours',
      { end: 'completed', value: JSON.parse('{"letterId":1,"providerId":["re_1"]}') } as const,
    ],
    [
      'whose value names no letter as we name them',
      { end: 'completed', value: { letterId: 'x', providerId: 're_1' } } as const,
    ],
    [
      'whose provider’s id Postgres cannot store',
      { end: 'completed', value: { letterId: uuidv7(), providerId: 're_\u0000' } } as const,
    ],
    [
      'that tells of a letter which is not its message’s',
      { end: 'completed', value: { letterId: uuidv7(), providerId: 're_1' } } as const,
    ],
  ])('enqueues anew what has a completed job %s', async (_title, end) => {
    const message = await enqueueOne();
    await endJobs(1, end);
    await makeOverdue([message]);
    await reconcile(relay);
    await relay.drain();
    expect(await waiting()).toEqual([jobId(message)]);
    expect(await outboxRow(world.db, message.id)).toMatchObject({ sent_at: null, dead_at: null, run: 1 });
  });

  it('makes a corrupt job anew by its age, though a worker has its hands on it, and its letter is sent once', async () => {
    const orderId = await world.order();
    const [message] = await run<StagedMessage>(
      world.db,
      sql`select id, run from outbox where order_id = ${orderId}`,
    );
    if (!message) throw new Error('one was staged');
    await relay.drain();
    await world.redis.hset(key(jobId(message)), 'data', '{"messageId":');
    world.notifier();
    await until(
      async () => (await world.redis.lrange(key('active'), 0, -1)).includes(jobId(message)),
      'a worker',
    );
    await reconcile(relay);
    expect(await world.queue.look([message])).toEqual([{ state: 'corrupt' }]); // too early
    await makeOverdue([message]);
    // Its worker's lock has to end first: nobody takes a job away from under a worker.
    await until(async () => {
      await relay.lead();
      await reconcile(relay);
      return (await outboxRow(world.db, message.id)).enqueued_at === null;
    }, 'a message that is staged again');
    expect(await world.queue.look([message])).toEqual([{ state: 'lost' }]);
    await relay.drain();
    await world.untilLetter(orderId, 'sent');
    await until(async () => (await world.queue.look([message]))[0]?.state === 'completed', 'a completed job');
    expect(world.mailbox.requests()).toHaveLength(1);
    expect(world.logged.filter((line) => line.includes('a job in Redis is corrupt'))).not.toEqual([]);
  });

  it.each(['wait', 'delayed'])('makes jobs anew whose list (%s) was deleted', async (list) => {
    const message = await enqueueOne();
    if (list === 'delayed') {
      await world.redis.lrem(key('wait'), 1, jobId(message));
      await world.redis.zadd(key('delayed'), (Date.now() + 1_000) * 4_096, jobId(message));
    }
    expect(await world.redis.del(key(list))).toBe(1);
    await reconcile(relay);
    expect((await outboxRow(world.db, message.id)).enqueued_at).not.toBeNull(); // too early
    await makeOverdue([message]);
    await reconcile(relay);
    await relay.drain();
    expect(await waiting()).toEqual([jobId(message)]);
    expect(await outboxRow(world.db, message.id)).toMatchObject({ run: 1, dead_at: null });
  });

  it('leaves a failed job to the monitor when the ledger calls its message alive', async () => {
    const message = await enqueueOne();
    await endJobs(1, { end: 'failed', code: 'internal_error', forGood: true });
    await makeOverdue([message]);
    const before = await outboxRow(world.db, message.id);
    await reconcile(relay);
    expect(await outboxRow(world.db, message.id)).toEqual(before);
    expect(await failed()).toEqual([jobId(message)]);
  });

  it('removes failed jobs of finished messages and of earlier runs, and no others', async () => {
    const messages = await enqueue(4);
    const [sent, discarded, retried, dead] = messages;
    if (!sent || !discarded || !retried || !dead) throw new Error('four were staged');
    const { letterId } = await freeze(sent);
    await die(messages);
    await endJobs(4, { end: 'failed', code: 'refused', forGood: true });
    await reconcile(relay);
    expect(await failed()).toHaveLength(4);
    await markSent(world.db, [{ messageId: sent.id, letterId, providerId: 're_1' }]);
    await discardMessage(world.db, { id: discarded.id, operator: 'eve', note: 'no' });
    await retryMessage(world.db, { id: retried.id, run: 1, operator: 'eve' });
    await reconcile(relay);
    expect(await failed()).toEqual([jobId(dead)]);
  });

  it("goes through the whole failed set, also behind a job that is no message's", async () => {
    const discarded = await enqueueOne();
    await die([discarded]);
    await endJobs(1, { end: 'failed', code: 'refused', forGood: true });
    const dead = await enqueue(500);
    await die(dead);
    await endJobs(500, { end: 'failed', code: 'refused', forGood: true });
    await world.redis.zadd(key('failed'), Date.now() + 1_000, 'not-a-message');
    await discardMessage(world.db, { id: discarded.id, operator: 'eve', note: 'no' });
    await reconcile(relay);
    expect((await failed()).sort()).toEqual([...dead.map(jobId), 'not-a-message'].sort());
  });

  it('removes a failed job that is locked as soon as it is free', async () => {
    const message = await enqueueOne();
    await die([message]);
    await endJobs(1, { end: 'failed', code: 'refused', forGood: true });
    await discardMessage(world.db, { id: message.id, operator: 'eve', note: 'no' });
    await world.redis.set(key(`${jobId(message)}:lock`), 'somebody');
    await reconcile(relay);
    expect(await failed()).toEqual([jobId(message)]);
    await world.redis.del(key(`${jobId(message)}:lock`));
    await reconcile(relay);
    expect(await failed()).toEqual([]);
  });

  it('restages everything unfinished when Redis has lost all, and marks it only then', async () => {
    const [waits, later] = await enqueue(2);
    if (!waits || !later) throw new Error('two were staged');
    const sent = await enqueueOne();
    await markSent(world.db, [
      { messageId: sent.id, letterId: (await freeze(sent)).letterId, providerId: 're_1' },
    ]);
    await world.redis.flushdb();
    await reconcile(relay);
    expect((await rows([waits, later, sent])).map(({ enqueued_at }) => enqueued_at === null)).toEqual([
      true,
      true,
      false,
    ]);
    const [epoch] = await run<{ epoch: string }>(world.db, sql`select epoch from epochs`);
    expect(await world.queue.readEpoch()).toBe(epoch?.epoch);
    await relay.drain();
    expect(await waiting()).toEqual([waits, later].map(jobId));
  });

  it('restages everything unfinished when Redis has the mark of another ledger', async () => {
    const message = await enqueueOne();
    await world.queue.writeEpoch(uuidv7());
    await reconcile(relay);
    expect((await outboxRow(world.db, message.id)).enqueued_at).toBeNull();
  });

  it('does so also when it was killed after it had marked the ledger and before it marked Redis', async () => {
    const message = await enqueueOne();
    await world.redis.flushdb();
    const killed = anotherRelay({ writeEpoch: () => Promise.reject(new Error('killed')) });
    await expireLease();
    await killed.lead();
    await expect(reconcile(killed)).rejects.toThrow('killed');
    await run(world.db, sql`update outbox set enqueued_at = now() where id = ${message.id}`);
    await expireLease();
    await relay.lead();
    await reconcile(relay);
    expect((await outboxRow(world.db, message.id)).enqueued_at).toBeNull();
  });

  it('leaves what waits, is delayed, or is dead exactly as it was while Redis has lost nothing', async () => {
    const messages = await enqueue(3);
    await makeOverdue(messages);
    await endJobs(3, { end: 'failed', code: 'no_answer', forGood: false });
    expect(await world.redis.zcard(key('delayed'))).toBe(3);
    const before = [await rows(messages), await world.redis.zrevrange(key('delayed'), 0, -1, 'WITHSCORES')];
    await reconcile(relay);
    await relay.drain();
    expect([await rows(messages), await world.redis.zrevrange(key('delayed'), 0, -1, 'WITHSCORES')]).toEqual(
      before,
    );
  });

  async function leaseHolder(): Promise<string> {
    const [lease] = await run<{ holder: string }>(world.db, sql`select holder from leases`);
    return lease?.holder ?? '';
  }
});

describe('after Redis has lost all', () => {
  it('what was waiting or delayed is sent once, and dead letters stand in the failed set again without a call', async () => {
    await open({ NOTIFICATION_ATTEMPTS: '2', NOTIFICATION_BACKOFF_MS: '3600000' });
    const relay = await world.relay();
    await reconcile(relay);
    const notifier = world.notifier();
    const refused = await world.order('refused@example.com');
    const delayed = await world.order('flaky@example.com');
    await relay.drain();
    const dead = (await world.untilLetter(refused, 'dead')).notifications[0];
    await until(async () => (await world.redis.zcard(key('delayed'))) === 1, 'a delayed job');
    await until(async () => (await failed()).length === 1, 'a failed job');
    await notifier.stop();
    const waits = await world.order();
    await relay.drain();
    await world.redis.flushdb();

    world.mailbox.clear(); // also what it knows of the flaky letter
    world.mailbox.intercept(({ body }) =>
      JSON.stringify(body).includes('flaky@') ? { status: 200, body: { id: 're_flaky' } } : undefined,
    );
    await reconcile(relay);
    await relay.drain();
    world.notifier();
    await world.untilLetter(waits, 'sent');
    await world.untilLetter(delayed, 'sent');
    await until(async () => (await failed()).length === 1, 'a failed job');
    expect(await failed()).toEqual([jobId({ id: dead?.id ?? '', run: 1 })]);
    const addressed = (address: string) =>
      world.mailbox.requests().filter(({ body }) => body.includes(address));
    expect(addressed('refused@')).toEqual([]);
    expect(addressed('ada@')).toHaveLength(1);
    expect(addressed('flaky@')).toHaveLength(1);
    expect((await world.read(refused)).notifications[0]).toMatchObject({ status: 'dead', reason: 'refused' });
    expect(await world.redis.hget(key(jobId({ id: dead?.id ?? '', run: 1 })), 'failedReason')).toContain(
      'refused',
    );
  });
});

describe('purging', () => {
  it('takes what is long finished, by the relay that leads', async () => {
    await open({ RETENTION_DAYS: '1' });
    const relay = await world.relay();
    const [finished, unfinished] = [await stageOne(world.db, 2), await stageOne(world.db, 2)];
    const { letterId } = await freeze(finished);
    await markSent(world.db, [{ messageId: finished.id, letterId, providerId: 're_1' }]);
    await finishedDaysAgo(world.db, finished.id, 2);
    await relay.purge();
    expect(await run(world.db, sql`select id from outbox`)).toEqual([{ id: unfinished.id }]);
  });
});
