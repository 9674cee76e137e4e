/** Limits: how many orders a key and a customer may have, what clients are told of it, and that processes share their counts. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCounter, createLimits, type Limits, networkOf, rateLimitHeaders } from '../src/limits.ts';
import { openQueue } from '../src/queue.ts';
import { startProxy } from './support/proxy.ts';
import { type Ask, anonymous, blamed, openWeb, signedIn, withKey } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

const HOUR = 3_600;
/** Far from the beginning of a window, and standing still. */
const NOON = Date.UTC(2026, 0, 1, 12) + 1_500;

describe('a counter', () => {
  let now = NOON;
  const open = (most: number, capacity = 100) => {
    now = NOON;
    return createCounter({ name: 'x', most, windowSeconds: 60 }, capacity, () => now);
  };

  it('allows so many in a window, and says how many are left and for how long', () => {
    const counter = open(2);
    expect(counter.take('ada')).toMatchObject({ allowed: true, left: 1, seconds: 59 });
    expect(counter.take('ada')).toMatchObject({ allowed: true, left: 0, seconds: 59 });
    expect(counter.take('ada')).toMatchObject({ allowed: false, left: 0, seconds: 59 });
    expect(counter.take('bob').allowed).toBe(true);
    now += 59_000;
    expect(counter.take('ada')).toMatchObject({ allowed: true, left: 1, seconds: 60 });
  });

  it('does not count what is refused, nor what is given back', () => {
    const counter = open(1);
    const place = counter.take('ada');
    const refused = counter.take('ada');
    refused.giveBack();
    expect(counter.take('ada').allowed).toBe(false);
    place.giveBack();
    expect([counter.take('ada').allowed, counter.take('ada').allowed]).toEqual([true, false]);
  });

  it('takes nothing from a window for what was counted in the one before', () => {
    const counter = open(1);
    const before = counter.take('ada');
    now += 60_000;
    expect(counter.take('ada').allowed).toBe(true);
    before.giveBack();
    expect(counter.take('ada').allowed).toBe(false);
  });

  it('remembers so many at most, and forgets the one that it met first', () => {
    const counter = open(1, 2);
    for (const who of ['ada', 'bob', 'eve']) expect(counter.take(who).allowed).toBe(true);
    expect(counter.take('bob').allowed).toBe(false);
    expect(counter.take('ada').allowed).toBe(true);
  });

  it('forgets nobody for those whose orders came to nothing', () => {
    const counter = open(1, 2);
    counter.take('ada');
    for (let i = 0; i < 5; i += 1) counter.take(`nobody ${i}`).giveBack();
    expect(counter.take('ada').allowed).toBe(false);
  });

  it('tells what it has counted once, and counts what others have', () => {
    const counter = open(10);
    const told = () => counter.pending().counts.map(({ by }) => by);
    counter.take('ada');
    const second = counter.take('ada');
    counter.take('ada').giveBack();
    const first = counter.pending();
    expect(first.counts.map(({ by }) => by)).toEqual([2]);
    expect(JSON.stringify(first)).not.toContain('ada');
    const third = counter.take('ada'); // meanwhile
    first.merge([9]);
    expect(told()).toEqual([1]);
    // Ten in all, of which seven are others': none is left.
    expect(counter.take('ada').allowed).toBe(false);
    second.giveBack();
    third.giveBack();
    expect(told()).toEqual([-2]);
    // Nothing is new, but others may have counted.
    expect(told()).toEqual([0]);
  });

  it('tells nothing twice, also when nobody has answered: it may have been heard', () => {
    const counter = open(10);
    counter.take('ada');
    counter.pending();
    const again = counter.pending();
    expect(again.counts.map(({ by }) => by)).toEqual([0]);
    again.merge([1]);
    expect(counter.take('ada').left).toBe(8);
  });

  it('tells of a thousand at a time, and of many only those that were asked for since', () => {
    const counter = open(10, 5_000);
    for (let i = 0; i < 2_500; i += 1) counter.take(`customer ${i}`);
    const told = () => {
      const { counts, more } = counter.pending();
      return [counts.length, more];
    };
    expect([told(), told(), told(), told()]).toEqual([
      [1_000, true],
      [1_000, true],
      [500, false],
      [0, false],
    ]);
    counter.take('customer 7');
    expect(told()).toEqual([1, false]);
  });

  it('begins anew with the window, whatever others had counted', () => {
    const counter = open(5);
    counter.take('ada');
    counter.pending().merge([5]);
    expect(counter.take('ada').allowed).toBe(false);
    now += 60_000;
    expect(counter.pending().counts).toEqual([]);
    expect(counter.take('ada').allowed).toBe(true);
  });
});

it('the headers name every limit, and of what is left the nearest first', () => {
  const orders = { name: 'orders', most: 6_000, windowSeconds: 60 };
  const recipient = { name: 'recipient', most: 600, windowSeconds: HOUR };
  expect(
    rateLimitHeaders([
      { limit: orders, taken: { allowed: true, left: 5_999, seconds: 42 } },
      { limit: recipient, taken: { allowed: true, left: 3, seconds: 1_800 } },
    ]),
  ).toEqual({
    'ratelimit-policy': '"orders";q=6000;w=60, "recipient";q=600;w=3600',
    ratelimit: '"recipient";r=3;t=1800, "orders";r=5999;t=42',
  });
});

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0db8:0001:0002::9', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('of the address %s %s counts', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

describe('POST /orders', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  const item = { sku: 'TEA', name: 'Tea', quantity: 1, unitPrice: 450 };
  const order = (customerId: string) => ({ customerId, currency: 'EUR', items: [item] });
  const customer = () => world.customer({ email: 'ada@example.com', name: 'Ada' });

  /** A web process with such limits, whose windows don't end meanwhile. */
  async function open(
    orders: number,
    recipient: number,
    addCounts: Parameters<typeof createLimits>[1] = world.queue.addCounts,
  ): Promise<{ ask: Ask; app: FastifyInstance; limits: Limits }> {
    const made = createLimits({ orderRatePerMinute: orders, recipientRatePerHour: recipient }, addCounts);
    const standing = (limit: Limits['orders']['limit']) => createCounter(limit, 1_000, () => NOON);
    const counters = { orders: standing(made.orders.limit), recipient: standing(made.recipient.limit) };
    const limits: Limits = {
      ...made,
      ...counters,
      async exchange() {
        for (const counter of [counters.orders, counters.recipient]) {
          const { key, counts, merge } = counter.pending();
          if (counts.length > 0) merge(await addCounts(`${run}:${key}`, counts, 60));
        }
        return false;
      },
    };
    const app = await openWeb(world, { limits });
    return { ask: withKey(app), app, limits };
  }
  /** Redis remembers the counts of the tests before. */
  let run = randomUUID();
  afterEach(() => {
    run = randomUUID();
  });

  it('tells of both limits, and refuses a key that has had its orders', async () => {
    const { ask, app } = await open(2, 100);
    const id = await customer();
    const first = await ask('POST', '/orders', order(id));
    expect([first.status, first.headers.ratelimit, first.headers['ratelimit-policy']]).toEqual([
      201,
      '"orders";r=1;t=59, "recipient";r=99;t=3599',
      '"orders";q=2;w=60, "recipient";q=100;w=3600',
    ]);
    // Also what is refused was asked for.
    const invalid = await ask('POST', '/orders', {});
    expect([invalid.status, invalid.headers.ratelimit]).toEqual([400, '"orders";r=0;t=59']);
    const refused = await ask('POST', '/orders', order(id));
    expect(blamed(refused, 429)).toEqual([]);
    expect([refused.headers['retry-after'], refused.headers.ratelimit]).toEqual(['59', '"orders";r=0;t=59']);
    // Other keys and other routes go on.
    expect((await withKey(app, 'test-key')('GET', '/orders')).status).toBe(200);
  });

  it('refuses a customer who has had so many orders, and no other', async () => {
    const { ask } = await open(100, 2);
    const [ada, bob] = [await customer(), await customer()];
    for (let i = 0; i < 2; i += 1) expect((await ask('POST', '/orders', order(ada))).status).toBe(201);
    const refused = await ask('POST', '/orders', order(ada.toUpperCase()));
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '3599']);
    expect((await ask('POST', '/orders', order(bob))).status).toBe(201);
  });

  it('charges the customer for no replay, no refusal, and nothing that fails', async () => {
    const { ask } = await open(100, 2);
    const id = await customer();
    const key = { 'idempotency-key': randomUUID() };
    for (let i = 0; i < 4; i += 1) expect((await ask('POST', '/orders', order(id), key)).status).toBe(201);
    expect((await ask('POST', '/orders', { ...order(id), currency: 'USD' }, key)).status).toBe(422);
    expect((await ask('POST', '/orders', { ...order(id), items: [] })).status).toBe(400);
    expect((await ask('POST', '/orders', order(randomUUID()))).status).toBe(404);
    expect((await ask('POST', '/orders', order(id))).status).toBe(201);
    expect((await ask('POST', '/orders', order(id))).status).toBe(429);
  });

  it('gives a replay also to a customer who has had so many, and twins take no place', async () => {
    const { ask } = await open(1_000, 2);
    const id = await customer();
    const key = { 'idempotency-key': randomUUID() };
    const twins = Array.from({ length: 20 }, () => ask('POST', '/orders', order(id), key));
    const statuses = (await Promise.all(twins)).map(({ status, json }) => `${status} ${json.orderId}`);
    expect([...new Set(statuses)]).toEqual([expect.stringMatching(/^201 /)]);
    expect((await ask('POST', '/orders', order(id))).status).toBe(201);
    expect((await ask('POST', '/orders', order(id))).status).toBe(429);
    const replay = await ask('POST', '/orders', order(id.toUpperCase()), key);
    expect([replay.status, replay.headers['idempotency-replayed']]).toEqual([201, 'true']);
    expect((await ask('POST', '/orders', { ...order(id), currency: 'USD' }, key)).status).toBe(422);
  });

  it('consumes no key with a refusal for the rate', async () => {
    const { ask } = await open(100, 1);
    const other = await open(100, 100);
    const id = await customer();
    await ask('POST', '/orders', order(id));
    const key = { 'idempotency-key': randomUUID() };
    expect((await ask('POST', '/orders', order(id), key)).status).toBe(429);
    const placed = await other.ask('POST', '/orders', { ...order(id), currency: 'USD' }, key);
    expect([placed.status, placed.headers['idempotency-replayed']]).toEqual([201, undefined]);
  });

  it('is limited for two processes together, as soon as they have told each other', async () => {
    const one = await open(100, 3);
    const two = await open(100, 3);
    const id = await customer();
    for (let i = 0; i < 2; i += 1) expect((await one.ask('POST', '/orders', order(id))).status).toBe(201);
    expect((await two.ask('POST', '/orders', order(id))).status).toBe(201);
    for (const { limits } of [one, two, one]) await limits.exchange();
    for (const { ask } of [one, two]) expect((await ask('POST', '/orders', order(id))).status).toBe(429);
  });

  it('is counted in Redis under no name and no id, and not for ever', async () => {
    const limits = createLimits({ orderRatePerMinute: 10, recipientRatePerHour: 10 }, world.queue.addCounts);
    const id = await customer();
    await withKey(await openWeb(world, { limits }))('POST', '/orders', order(id));
    await limits.exchange();
    const keys = await world.redis.keys('order-notifications:limits:*');
    expect(keys.length).toBeGreaterThanOrEqual(2);
    for (const key of keys) {
      expect(await world.redis.ttl(key)).toBeGreaterThan(0);
      expect(JSON.stringify([key, await world.redis.hgetall(key)])).not.toMatch(
        new RegExp(`${id}|test-key|"test"`),
      );
    }
  });

  it('is answered as ever while Redis is away: each process counts for itself', async () => {
    const proxy = await startProxy(world.config.redisUrl);
    const queue = openQueue({ ...world.config, redisUrl: proxy.url }, world.log);
    try {
      const { ask, limits } = await open(100, 2, queue.addCounts);
      await queue.ping();
      proxy.cut();
      const id = await customer();
      expect((await ask('POST', '/orders', order(id))).status).toBe(201);
      await expect(limits.exchange()).rejects.toThrow();
      expect((await ask('POST', '/orders', order(id))).status).toBe(201);
      expect((await ask('POST', '/orders', order(id))).status).toBe(429);
    } finally {
      await queue.close();
      await proxy.close();
    }
  });
});

describe('wrong credentials', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  it('are answered 429 after twenty in a minute, for the API and the dashboard together; right ones always pass', async () => {
    const made = createLimits({ orderRatePerMinute: 10, recipientRatePerHour: 10 }, world.queue.addCounts);
    const wrong = createCounter(made.wrong.limit, 10, () => NOON);
    const app = await openWeb(world, { limits: { ...made, wrong } });
    const bad = [withKey(app, 'wrong'), signedIn(app, 'operator', 'wrong')];
    const paths = ['/orders', '/admin/queues'];
    const answers: number[] = [];
    for (let i = 0; i < 22; i += 1) {
      const answer = await bad[i % 2]?.('GET', paths[i % 2] ?? '');
      answers.push(answer?.status ?? 0);
      if (answer?.status === 429) expect(answer.headers['retry-after']).toBe('59');
    }
    expect(answers).toEqual([...Array.from({ length: 20 }, () => 401), 429, 429]);
    // Who sends none does not guess.
    for (const path of paths) expect((await anonymous(app)('GET', path)).status).toBe(401);
    expect((await withKey(app)('GET', '/orders')).status).toBe(200);
    expect((await signedIn(app)('GET', '/admin/queues')).status).toBe(200);
    expect(JSON.stringify(world.logged)).not.toMatch(/wrong"|:wrong|d3Jvbmc/);
  });
});
