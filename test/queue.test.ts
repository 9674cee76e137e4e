/** The door to BullMQ: what a job is, what Redis gets to see of it, and that no call waits for ever. */
import { Backoffs, Queue } from 'bullmq';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Config, readConfig } from '../src/config.ts';
import { deadline } from '../src/deadline.ts';
import {
  type Consumer,
  consume,
  type Enqueueable,
  type JobEnd,
  jobId,
  openQueue,
  parseJobId,
  QUEUE,
  type QueueDoor,
  retryPolicy,
  type TakenJob,
} from '../src/queue.ts';
import { workersRedisUrl } from './support/ledger.ts';
import { type Proxy as Outage, startProxy } from './support/proxy.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

const key = (suffix: string) => `bull:${QUEUE}:${suffix}`;
const message = (rest: Partial<Enqueueable> = {}): Enqueueable => ({
  id: uuidv7(),
  run: 1,
  type: 'order.created',
  orderId: uuidv7(),
  ...rest,
});
const messages = (count: number) => Array.from({ length: count }, () => message());

describe('a job id', () => {
  it('names one run of one message, and is read back as it was written', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 999_999_999 }), (id, run) => {
        expect(parseJobId(jobId({ id, run }))).toEqual({ id, run });
      }),
    );
  });

  const ID = '0191e5f0-1111-7222-8333-444455556666';
  it.each([
    '',
    '1',
    '-1',
    ID,
    `${ID}-`,
    `${ID}-0`,
    `${ID}-01`,
    `${ID}--1`,
    `${ID}-1.5`,
    `${ID}-1e3`,
    `${ID}-0x1`,
    `${ID}-1234567890`,
    `${ID}-1\n`,
    `${ID}-1 `,
    ` ${ID}-1`,
    `${ID}-1-1`,
    `${ID}:1`,
    `x${ID}-1`,
    `${ID.toUpperCase()}X-1`,
    ID.replaceAll('-', '').concat('-1'),
    `${ID.slice(0, -1)}-1`,
    '__proto__',
    "'; drop table outbox; --",
  ])('that the relay has not made names none: %j', (id) => {
    expect(parseJobId(id)).toBeUndefined();
  });

  it('of any other text names none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseJobId(text)).toBeUndefined();
      }),
    );
  });
});

describe('the retry policy', () => {
  const policy = retryPolicy(readConfig([], {}));
  /** The pause before the n-th retry as BullMQ computes it. */
  function pause(retry: number): number {
    const backoff = Backoffs.normalize(policy.backoff ?? 0);
    if (!backoff) throw new Error('no backoff');
    return Number(Backoffs.calculate(backoff, retry, new Error(), undefined as never)); // a strategy of theirs: it asks for no job
  }

  it('is three retries after 30–60, 60–120 and 120–240 seconds', () => {
    const schedule = Array.from({ length: Number(policy.attempts) - 1 }, (_, i) => {
      const pauses = Array.from({ length: 2_000 }, () => pause(i + 1));
      for (const ms of pauses) {
        expect(ms).toBeGreaterThanOrEqual(30_000 * 2 ** i);
        expect(ms).toBeLessThanOrEqual(60_000 * 2 ** i);
      }
      expect(new Set(pauses).size).toBeGreaterThan(100); // a crowd of failures does not come back as a crowd
      return `retry ${i + 1} after ${30 * 2 ** i}–${60 * 2 ** i} s`;
    });
    expect(schedule).toMatchInlineSnapshot(`
      [
        "retry 1 after 30–60 s",
        "retry 2 after 60–120 s",
        "retry 3 after 120–240 s",
      ]
    `);
  });

  it('keeps failed jobs for ever, completed ones for an hour, and no stacks', () => {
    expect(policy).toMatchObject({
      removeOnFail: false,
      removeOnComplete: { age: 3_600 },
      stackTraceLimit: 0,
    });
  });

  it('is what the environment says', () => {
    const config = readConfig([], { NOTIFICATION_ATTEMPTS: '7', NOTIFICATION_BACKOFF_MS: '1500' });
    expect(retryPolicy(config)).toMatchObject({
      attempts: 7,
      backoff: { type: 'exponential', delay: 1_500 },
    });
  });
});

describe('the door', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());
  beforeEach(() => world.redis.flushdb());

  /**
   * Jobs outlive a release, and during one two releases share them. So a change of this must keep the id, which says
   * what the job stands for, and the name, which is the message's type; may add to the data; and may neither take away nor
   * rename what is there, before no release is left that reads it. Nothing personal is ever added: Redis holds ids only.
   */
  it('makes jobs of a type and ids, and of nothing else', async () => {
    const one = message({ run: 3 });
    await world.queue.enqueue([one]);
    const job = await world.redis.hgetall(key(`${one.id}-3`));
    expect(job.name).toBe('order.created');
    expect(JSON.parse(job.data ?? '')).toEqual({ messageId: one.id, orderId: one.orderId, run: 3 });
    expect(await world.redis.lrange(key('wait'), 0, -1)).toEqual([`${one.id}-3`]);
  });

  it('adds in the order given, and an id that exists changes nothing', async () => {
    const all = messages(100);
    await world.queue.enqueue(all.slice(0, 60));
    await world.queue.enqueue(all);
    expect((await world.redis.lrange(key('wait'), 0, -1)).reverse()).toEqual(all.map(jobId));
    await world.queue.enqueue([]);
  });

  it('adds each alone and says which one Redis refuses', async () => {
    const all = messages(5);
    await world.redis.set(key(jobId(all[2] ?? message())), 'not a job');
    await expect(world.queue.enqueue(all)).rejects.toThrow('WRONGTYPE');
    expect(await world.queue.enqueueEach(all)).toEqual(['added', 'added', 'refused', 'added', 'added']);
  });

  it('calls Redis unavailable, not the messages refused, when it may not write', async () => {
    const url = new URL(workersRedisUrl());
    const name = `reader-${uuidv7()}`;
    await world.redis.acl('SETUSER', name, 'on', '>password', '~*', '&*', '+@all', '-evalsha', '-eval');
    onTestFinished(async () => void (await world.redis.acl('DELUSER', name)));
    url.username = name;
    url.password = 'password';
    const door = openQueue({ ...world.config, redisUrl: url.href }, world.log);
    onTestFinished(door.close);
    expect(await door.enqueueEach(messages(2))).toEqual(['unavailable', 'unavailable']);
  });

  it('sees what has become of each job, in the order asked', async () => {
    const [lost, waits, completed, failed, ruined] = messages(5);
    if (!lost || !waits || !completed || !failed || !ruined) throw new Error('five were made');
    await world.queue.enqueue([completed, failed]);
    const value = { letterId: uuidv7(), providerId: 're_1' };
    await consumed([completed, failed], (job) =>
      job.id === completed.id
        ? { end: 'completed', value }
        : { end: 'failed', code: 'refused', forGood: true },
    );
    await world.queue.enqueue([waits]);
    await world.redis.set(key(jobId(ruined)), 'not a job');
    expect(await world.queue.look([failed, ruined, completed, waits, lost])).toEqual([
      { state: 'failed' },
      { state: 'lost' },
      { state: 'completed', value },
      { state: 'unfinished' },
      { state: 'lost' },
    ]);
    expect(await world.queue.look([])).toEqual([]);
  });

  it.each([
    ['data that are no JSON', { data: '{"messageId":' }],
    ['data that are null', { data: 'null' }],
    ['no data', { data: '' }],
    ['options that are no JSON', { opts: '{' }],
    ['no options', { opts: '' }],
    ['no time', { timestamp: '' }],
  ])('sees that a job with %s is corrupt', async (_, ruins) => {
    const [ruined, sound] = messages(2);
    if (!ruined || !sound) throw new Error('two were made');
    await world.queue.enqueue([ruined, sound]);
    await world.redis.hset(key(jobId(ruined)), ruins);
    expect(await world.queue.look([ruined, sound])).toEqual([{ state: 'corrupt' }, { state: 'unfinished' }]);
  });

  it.each([
    ['waits', 'wait', (one: Enqueueable) => world.queue.enqueue([one])],
    ['waits behind all', 'prioritized', (one: Enqueueable) => world.queue.enqueueEach([one], 'behind all')],
    [
      'is delayed',
      'delayed',
      async (one: Enqueueable) => {
        await world.queue.enqueue([one]);
        await delay(one, 200_000);
      },
    ],
    [
      'has failed',
      'failed',
      async (one: Enqueueable) => {
        await world.queue.enqueue([one]);
        await consumed([one], () => ({ end: 'failed', code: 'refused', forGood: true }));
      },
    ],
  ])('sees that a job which %s is astray when its list is gone (%s)', async (_, list, bring) => {
    const one = message();
    await bring(one);
    expect(await world.queue.look([one])).not.toEqual([{ state: 'astray' }]);
    expect(await world.redis.del(key(list))).toBe(1);
    expect(await world.queue.look([one])).toEqual([{ state: 'astray' }]);
    expect(await world.queue.remove([one])).toEqual([]);
    expect(await world.queue.look([one])).toEqual([{ state: 'lost' }]);
  });

  it('sees that a job is astray that is delayed for longer than any job is', async () => {
    const [hour, minutes] = messages(2);
    if (!hour || !minutes) throw new Error('two were made');
    await world.queue.enqueue([hour, minutes]);
    await delay(hour, 3_600_000);
    await delay(minutes, 200_000);
    expect(await world.queue.look([hour, minutes])).toEqual([{ state: 'astray' }, { state: 'unfinished' }]);
  });

  it('calls nobody astray while the waiting list is longer than what is read of it', async () => {
    const all = messages(1_002);
    await world.queue.enqueue(all);
    const [first] = all;
    if (!first) throw new Error('some were made');
    expect(await world.queue.look([first])).toEqual([{ state: 'unfinished' }]);
    expect(await world.redis.lrem(key('wait'), 0, jobId(first))).toBe(1);
    expect(await world.queue.look([first])).toEqual([{ state: 'unfinished' }]);
    await world.redis.ltrim(key('wait'), 0, 999);
    expect(await world.queue.look([first])).toEqual([{ state: 'astray' }]);
  });

  it('calls corrupt what a worker takes, cannot read, and never fails', async () => {
    const [ruined, sound] = messages(2);
    if (!ruined || !sound) throw new Error('two were made');
    await world.queue.enqueue([ruined, sound]);
    await world.redis.hset(key(jobId(ruined)), 'data', '{');
    const taken: string[] = [];
    const consumer = consume({ ...world.config, notifierConcurrency: 1 }, world.log, async ({ id }) => {
      taken.push(id);
      return { end: 'completed', value: null };
    });
    await until(async () => (await world.queue.look([sound]))[0]?.state === 'completed', 'the one behind it');
    expect(taken).toEqual([sound.id]);
    expect(await world.redis.lrange(key('active'), 0, -1)).toEqual([jobId(ruined)]);
    expect(await world.queue.look([ruined])).toEqual([{ state: 'corrupt' }]);
    await consumer.close();
  });

  it.each([
    '',
    'null',
    '1',
    '[]',
    '{',
    '{"letterId":1,"providerId":"re_1"}',
    '{"providerId":"re_1"}',
    '"re_1"',
  ])('takes %j for no value of a completed job', async (text) => {
    const one = message();
    await world.redis.hset(key(jobId(one)), { timestamp: '1', finishedOn: '2', returnvalue: text });
    expect(await world.queue.look([one])).toEqual([{ state: 'completed', value: null }]);
  });

  it('removes jobs in whatever state, absent ones too, and answers those that are locked', async () => {
    const [waits, failed, locked, absent] = messages(4);
    if (!waits || !failed || !locked || !absent) throw new Error('four were made');
    await world.queue.enqueue([failed]);
    await consumed([failed], () => ({ end: 'failed', code: 'refused', forGood: true }));
    await world.queue.enqueue([waits, locked]);
    await world.redis.set(key(`${jobId(locked)}:lock`), 'somebody');
    expect(await world.queue.remove([waits, failed, locked, absent])).toEqual([locked]);
    expect(await world.queue.look([waits, failed, locked])).toEqual([
      { state: 'lost' },
      { state: 'lost' },
      { state: 'unfinished' },
    ]);
  });

  it("pages through the failed set from the newest on, and marks what is no message's", async () => {
    const all = messages(5);
    for (const [i, one] of all.entries()) await world.redis.zadd(key('failed'), i, jobId(one));
    await world.redis.zadd(key('failed'), 2.5, 'somebody-elses');
    const runs = all.map(({ id }) => ({ id, run: 1 }));
    expect(await world.queue.failedRuns(0, 3)).toEqual([runs[4], runs[3], undefined]);
    expect(await world.queue.failedRuns(3, 3)).toEqual([runs[2], runs[1], runs[0]]);
    expect(await world.queue.failedRuns(6, 3)).toEqual([]);
  });

  it('keeps the epoch until Redis loses it', async () => {
    expect(await world.queue.readEpoch()).toBeNull();
    await world.queue.writeEpoch('an epoch');
    expect(await world.queue.readEpoch()).toBe('an epoch');
    await world.redis.flushdb();
    expect(await world.queue.readEpoch()).toBeNull();
  });

  /** As a worker does that has waited for its turn. */
  async function delay(one: Enqueueable, ms: number): Promise<void> {
    await world.redis.lrem(key('wait'), 1, jobId(one));
    await world.redis.zadd(key('delayed'), (Date.now() + ms) * 4_096, jobId(one));
  }

  /** Consumes until all these jobs have had that end. */
  async function consumed(jobs: readonly Enqueueable[], end: (job: TakenJob) => JobEnd): Promise<void> {
    const consumer = consume(world.config, world.log, async (job) => end(job));
    await until(async () => (await world.queue.look(jobs)).every(({ state }) => state !== 'unfinished'));
    await consumer.close();
  }
});

describe('a consumer', () => {
  let world: World;
  const consumers: Consumer[] = [];
  beforeAll(async () => {
    world = await openWorld({ NOTIFICATION_ATTEMPTS: '3', NOTIFICATION_BACKOFF_MS: '10' });
  });
  afterAll(() => world.close());
  beforeEach(() => world.redis.flushdb());
  afterEach(async () => {
    for (const consumer of consumers.splice(0)) await consumer.close();
  });

  function start(handle: (job: TakenJob) => Promise<JobEnd>, config: Partial<Config> = {}): Consumer {
    const consumer = consume({ ...world.config, ...config }, world.log, handle);
    consumers.push(consumer);
    return consumer;
  }

  async function enqueued(count = 1): Promise<Enqueueable[]> {
    const all = messages(count);
    await world.queue.enqueue(all);
    return all;
  }

  async function enqueuedOne(): Promise<Enqueueable> {
    const [one] = await enqueued();
    if (!one) throw new Error('one was enqueued');
    return one;
  }

  it('gives a job its attempts and pauses though Redis has lost its options', async () => {
    const one = await enqueuedOne();
    await world.redis.hset(key(jobId(one)), 'opts', '{}');
    const attempts: boolean[] = [];
    start(async ({ lastAttempt }) => {
      attempts.push(lastAttempt);
      return { end: 'failed', code: 'unknown_outcome', forGood: false };
    });
    await untilFailed(one);
    expect(attempts).toEqual([false, false, true]);
  });

  const seen = async (one: Enqueueable) => (await world.queue.look([one]))[0];
  const untilFailed = (one: Enqueueable) => until(async () => (await seen(one))?.state === 'failed');

  /** Every value under every key. */
  async function everythingInRedis(): Promise<string> {
    const texts = [];
    for (const name of await world.redis.keys('*')) {
      const type = await world.redis.type(name);
      if (type === 'string') texts.push(await world.redis.get(name));
      else if (type === 'hash') texts.push(await world.redis.hgetall(name));
      else if (type === 'list') texts.push(await world.redis.lrange(name, 0, -1));
      else if (type === 'set') texts.push(await world.redis.smembers(name));
      else if (type === 'zset') texts.push(await world.redis.zrevrange(name, 0, -1));
      else if (type === 'stream') texts.push(await world.redis.xrange(name, '-', '+'));
      else throw new Error(`nobody has read a ${type}`);
      texts.push(name);
    }
    return JSON.stringify(texts);
  }

  it("hands over the run of a message that the job's id names, whatever the job's data say", async () => {
    const one = message({ run: 4 });
    const taken: TakenJob[] = [];
    await world.queue.enqueue([one]);
    await world.redis.hset(key(jobId(one)), 'data', '{"messageId":"another","run":9}');
    start(async (job) => {
      taken.push(job);
      return { end: 'completed', value: null };
    });
    await until(() => taken.length === 1);
    expect(taken).toEqual([{ id: one.id, run: 4, lastAttempt: false }]);
  });

  it.each<[string, string, object]>([
    ['the first release', 'order.created', { messageId: 'a', orderId: 'b', run: 4 }],
    [
      'a release that says more',
      'order.created',
      { messageId: 'a', orderId: 'b', run: 4, trace: ['c'], v: 2 },
    ],
    ['a release that says less', 'order.created', {}],
    ['a release with another type', 'order.returned', { messageId: 'a', orderId: 'b', run: 4 }],
  ])('takes a job of %s for what its id says', async (_, name, data) => {
    const { id } = message();
    const taken: TakenJob[] = [];
    // By BullMQ's own hand, and not by today's door.
    const another = new Queue(QUEUE, { connection: world.redis, skipVersionCheck: true });
    onTestFinished(() => another.close());
    await another.add(name, data, { jobId: `${id}-4`, attempts: 2 });
    start(async (job) => {
      taken.push(job);
      return { end: 'completed', value: null };
    });
    await until(() => taken.length === 1);
    expect(taken).toEqual([{ id, run: 4, lastAttempt: false }]);
  });

  it("keeps a completed job's value, and not for long", async () => {
    const one = await enqueuedOne();
    const value = { letterId: uuidv7(), providerId: 're_1' };
    start(async () => ({ end: 'completed', value }));
    await until(async () => (await seen(one))?.state === 'completed');
    expect(await seen(one)).toEqual({ state: 'completed', value });
    expect(JSON.parse((await world.redis.hget(key(jobId(one)), 'opts')) ?? '').removeOnComplete).toEqual({
      age: 3_600,
    });
  });

  it('lets a job fail for good with its code, and Redis knows no more than that', async () => {
    const one = await enqueuedOne();
    start(async () => ({ end: 'failed', code: 'refused: validation_error', forGood: true }));
    await untilFailed(one);
    const job = await world.redis.hgetall(key(jobId(one)));
    expect(job).toMatchObject({ failedReason: 'refused: validation_error', stacktrace: '[]', atm: '1' });
    expect(await everythingInRedis()).not.toMatch(/\bat .*\.(ts|js):\d+/);
  });

  it('lets a job fail until its last attempt, and says which one that is', async () => {
    const one = await enqueuedOne();
    const last: boolean[] = [];
    start(async ({ lastAttempt }) => {
      last.push(lastAttempt);
      return { end: 'failed', code: 'no_answer', forGood: false };
    });
    await untilFailed(one);
    expect(last).toEqual([false, false, true]);
    expect(await world.redis.hgetall(key(jobId(one)))).toMatchObject({
      failedReason: 'no_answer',
      stacktrace: '[]',
    });
  });

  it('lets what its handler throws reach the log, and Redis only as internal_error', async () => {
    const one = await enqueuedOne();
    start(async () => {
      throw Object.assign(new Error('no letter for ada@example.com'), { detail: 'ada@example.com' });
    });
    await untilFailed(one);
    expect(await world.redis.hget(key(jobId(one)), 'failedReason')).toBe('internal_error');
    expect(await everythingInRedis()).not.toContain('ada@');
    expect(
      world.logged.filter((line) => line.includes(one.id) && line.includes('no letter for')),
    ).toHaveLength(3);
  });

  it('postpones a job to the tail without spending an attempt', async () => {
    const all = await enqueued(3);
    const order: string[] = [];
    const last: boolean[] = [];
    start(
      async ({ id, lastAttempt }) => {
        order.push(id);
        last.push(lastAttempt);
        // As often as would have spent all attempts.
        const postponed = id === all[0]?.id && order.filter((seenId) => seenId === id).length <= 5;
        return postponed ? { end: 'postponed', ms: 0 } : { end: 'completed', value: null };
      },
      { notifierConcurrency: 1 },
    );
    await until(async () => (await world.queue.look(all)).every(({ state }) => state === 'completed'));
    const [first, second, third] = all.map(({ id }) => id);
    expect(order.slice(0, 3)).toEqual([first, second, third]);
    expect(order.slice(3)).toEqual(Array(5).fill(first));
    expect(last).toEqual(Array(8).fill(false));
    expect(await world.redis.hget(key(jobId(all[0] ?? message())), 'atm')).toBe('1');
  });

  it('leaves a postponed job until its time has come', async () => {
    const one = await enqueuedOne();
    const before = Date.now();
    start(async () => ({ end: 'postponed', ms: 3_600_000 }));
    await until(async () => (await world.redis.zcard(key('delayed'))) === 1);
    // The score is the time in milliseconds with twelve bits behind it.
    const score = Number((await world.redis.zscore(key('delayed'), jobId(one))) ?? 0) / 4096;
    expect(score).toBeGreaterThanOrEqual(before + 3_600_000);
  });

  it('fails a job that the relay has not made, at first sight and without asking anybody', async () => {
    const taken: TakenJob[] = [];
    start(async (job) => {
      taken.push(job);
      return { end: 'completed', value: null };
    });
    const job = await world.queue.queue.add(
      'a prank',
      { messageId: 'x', orderId: 'x', run: 1 },
      { attempts: 3 },
    );
    await until(async () => (await world.redis.zcard(key('failed'))) === 1);
    expect(await world.redis.hgetall(key(String(job.id)))).toMatchObject({
      failedReason: 'not_a_message',
      atm: '1',
    });
    expect(taken).toEqual([]);
  });

  it('that is paused leaves all but a job or two to the others, until it is resumed', async () => {
    const taken = { paused: 0, working: 0 };
    const count = (who: keyof typeof taken) => async (): Promise<JobEnd> => {
      taken[who] += 1;
      return { end: 'completed', value: null };
    };
    const paused = start(count('paused'));
    await enqueued(1);
    await until(() => taken.paused === 1);
    await paused.pause();
    start(count('working'));
    const all = await enqueued(50);
    await until(async () => (await world.queue.look(all)).every(({ state }) => state === 'completed'));
    expect(taken.paused).toBeLessThan(5); // a worker blocked on the empty queue still takes what it waits for
    await Promise.all(consumers.splice(1).map((consumer) => consumer.close()));
    const more = await enqueued(20);
    paused.resume();
    await until(async () => (await world.queue.look(more)).every(({ state }) => state === 'completed'));
  });

  it('takes as many jobs at a time as it may, and no more', async () => {
    await enqueued(12);
    let now = 0;
    let most = 0;
    let done = 0;
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    start(
      async () => {
        now += 1;
        most = Math.max(most, now);
        if (now === 4) open();
        await opened;
        now -= 1;
        done += 1;
        return { end: 'completed', value: null };
      },
      { notifierConcurrency: 4 },
    );
    await until(() => done === 12);
    expect(most).toBe(4);
  });
});

// ── Without Redis ──

describe('while Redis does not answer', () => {
  const log = pino({ level: 'silent' });
  let proxy: Outage;
  let config: Config;
  beforeEach(async () => {
    proxy = await startProxy(workersRedisUrl());
    onTestFinished(proxy.close);
    config = readConfig([], { REDIS_URL: proxy.url });
    const redis = new Redis(workersRedisUrl());
    await redis.flushdb();
    redis.disconnect();
  });

  /** Every call of the door that a process waits for. */
  const calls = (door: QueueDoor) => ({
    enqueue: door.enqueue(messages(3)),
    look: door.look(messages(3)),
    remove: door.remove(messages(3)),
    failedRuns: door.failedRuns(0, 10),
    readEpoch: door.readEpoch(),
    writeEpoch: door.writeEpoch('an epoch'),
    ping: door.ping(),
  });

  /** How each call ended, when all of them do within what the door promises and some room. */
  async function ends(door: QueueDoor): Promise<Record<string, string>> {
    const all = Object.entries(calls(door));
    const each = door.enqueueEach(messages(2));
    const settled = Promise.allSettled(all.map(([, call]) => call));
    const [fates, statuses] = await deadline(Promise.all([each, settled]), 9_000, 'every call');
    expect(fates).toEqual(['unavailable', 'unavailable']);
    return Object.fromEntries(all.map(([name], i) => [name, statuses[i]?.status ?? '']));
  }

  const ALL_REJECTED = {
    enqueue: 'rejected',
    look: 'rejected',
    remove: 'rejected',
    failedRuns: 'rejected',
    readEpoch: 'rejected',
    writeEpoch: 'rejected',
    ping: 'rejected',
  };

  it('every call is rejected within its deadline, also when Redis never did answer, and the door closes', async () => {
    const before = openQueue(config, log);
    await before.ping();
    proxy.freeze();
    const after = openQueue(config, log);
    expect(await Promise.all([ends(before), ends(after)])).toEqual([ALL_REJECTED, ALL_REJECTED]);
    await deadline(Promise.all([before.close(), after.close()]), 4_000, 'closing');
  });

  it('every call is rejected while connections are refused, and works again afterwards', async () => {
    const door = openQueue(config, log);
    await door.ping();
    proxy.cut();
    expect(await ends(door)).toEqual(ALL_REJECTED);
    proxy.mend();
    const one = message();
    await until(async () => {
      await door.enqueue([one]);
      return true;
    });
    expect(await door.look([one])).toEqual([{ state: 'unfinished' }]);
    await door.close();
  });

  it('the door closes while connections are refused', async () => {
    const door = openQueue(config, log);
    await door.ping();
    proxy.cut();
    await deadline(door.close(), 4_000, 'closing');
  });

  it('a consumer waits, and goes on when Redis is back', async () => {
    const door = openQueue(config, log);
    onTestFinished(door.close);
    const taken: string[] = [];
    const consumer = consume(config, log, async ({ id }) => {
      taken.push(id);
      return { end: 'completed', value: null };
    });
    const [first, second] = messages(2);
    if (!first || !second) throw new Error('two were made');
    await door.enqueue([first]);
    await until(() => taken.length === 1);
    proxy.cut();
    await expect(door.ping()).rejects.toThrow();
    proxy.mend();
    await until(async () => {
      await door.enqueue([second]);
      return true;
    });
    await until(() => taken.includes(second.id));
    await consumer.close();
  });
});
