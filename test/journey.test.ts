/** Whole journeys, from the order to the letter, through everything that can go wrong on the way. */
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Interception } from '../local/mailbox.ts';
import { run } from '../src/database.ts';
import type { Order } from '../src/orders.ts';
import { retryMessage } from '../src/outbox.ts';
import type { Relay } from '../workers/relay.ts';
import { type ApiClient, openClient } from './support/client.ts';
import { workersRedisUrl } from './support/ledger.ts';
import { startProxy } from './support/proxy.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

const REFUSED: Interception = {
  status: 422,
  body: { statusCode: 422, name: 'validation_error', message: 'No such address.' },
};
const SERVER_ERROR: Interception = {
  status: 500,
  body: { statusCode: 500, name: 'internal_server_error', message: 'Not now.' },
};

let world: World;
let api: ApiClient;

type Read = Awaited<ReturnType<typeof read>>;

function messageIdOf({ notifications }: Read): string {
  const [first] = notifications;
  if (!first) throw new Error('an order without a message');
  return first.id;
}

const events = ({ notifications }: Read) => notifications[0]?.timeline.map(({ event }) => event);
const subjects = () => world.mailbox.letters().map(({ subject }) => subject);
const recipients = () =>
  world.mailbox
    .letters()
    .flatMap(({ to }) => to)
    .sort();
const TEA = { sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 };

/** Adds a customer with that address and places an order of theirs, as a client program does; returns the order's id. */
async function place(email = 'ada@example.com'): Promise<string> {
  const customer = await api.POST('/customers', { body: { email, name: 'Ada' } });
  if (!customer.data) throw new Error(customer.error.detail);
  const { customerId } = customer.data;
  const placed = await api.POST('/orders', { body: { customerId, currency: 'EUR', items: [TEA] } });
  if (!placed.data) throw new Error(placed.error.detail);
  expect(placed.response.headers.get('location')).toBe(`/orders/${placed.data.orderId}`);
  return placed.data.orderId;
}

async function read(id: string) {
  const { data, error } = await api.GET('/orders/{id}', { params: { path: { id } } });
  if (!data) throw new Error(error.detail);
  return data;
}

/** Waits until the order's first letter has that status. */
const untilLetter = (orderId: string, status: Order['notifications'][number]['status']) =>
  until(async () => {
    const found = await read(orderId);
    return found.notifications[0]?.status === status && found;
  }, `a letter that is ${status}`);

const retry = (id: string) => retryMessage(world.db, { id, run: null, operator: 'ada' });

/** Waits until exactly these messages stand in the failed set. */
const untilFailedAre = (...ids: string[]) =>
  until(async () => {
    const failed = await world.queue.failedRuns(0, 100);
    return failed.length === ids.length && ids.every((id) => failed.some((one) => one?.id === id));
  }, `a failed set of ${ids.length}`);

describe('the journey of an order', () => {
  beforeAll(async () => {
    world = await openWorld();
    api = await openClient(world);
    world.draining(await world.relay());
    world.notifier();
  });
  beforeEach(() => world.mailbox.clear());
  afterEach(() => world.mailbox.intercept(null));
  afterAll(() => world.close());

  it('ends with one accepted letter', async () => {
    const orderId = await place();
    const order = await untilLetter(orderId, 'sent');
    expect(order.notifications).toHaveLength(1);
    expect(events(order)).toEqual(['staged', 'enqueued', 'sent']);
    expect(world.mailbox.letters().map(({ to, subject }) => ({ to, subject }))).toEqual([
      { to: ['ada@example.com'], subject: `Order Confirmation #${orderId}` },
    ]);
  });

  it.each(['flaky', 'limited', 'slow', 'hangup'])('to %s@ ends with one letter', async (name) => {
    await untilLetter(await place(`${name}@example.com`), 'sent');
    expect(recipients()).toEqual([`${name}@example.com`]);
  });

  it('to refused@ ends with a dead letter that says why', async () => {
    const order = await untilLetter(await place('refused@example.com'), 'dead');
    expect(order.notifications[0]).toMatchObject({ status: 'dead', reason: 'refused' });
    expect(events(order)).toContain('answered: validation_error');
    expect(recipients()).toEqual([]);
  });

  it.each([
    [
      'shipped',
      '/orders/{id}/ship',
      '/orders/{id}/cancel',
      (id: string) => `Your order #${id} is on its way`,
    ],
    [
      'cancelled',
      '/orders/{id}/cancel',
      '/orders/{id}/ship',
      (id: string) => `Your order #${id} was cancelled`,
    ],
  ] as const)('that is %s goes on with a letter of its own, once', async (what, path, other, subject) => {
    const orderId = await place();
    await untilLetter(orderId, 'sent');
    const params = { path: { id: orderId } };
    const status = what === 'shipped' ? 'SHIPPED' : 'CANCELLED';
    expect((await api.POST(path, { params })).data?.status).toBe(status);
    expect((await api.POST(path, { params })).data?.status).toBe(status);
    expect((await api.POST(other, { params })).error?.status).toBe(409);
    const order = await until(async () => {
      const now = await read(orderId);
      return now.notifications.every((letter) => letter.status === 'sent') && now;
    });
    expect(order.notifications).toHaveLength(2);
    expect(subjects()).toEqual([`Order Confirmation #${orderId}`, subject(orderId)]);
  });

  it('goes on when a dead letter is retried after the address works', async () => {
    world.mailbox.intercept(() => REFUSED);
    const orderId = await place();
    const id = messageIdOf(await untilLetter(orderId, 'dead'));
    world.mailbox.intercept(null);
    expect(await retry(id)).toBe('done');
    const order = await untilLetter(orderId, 'sent');
    expect(events(order)).toContain('retried');
    expect(recipients()).toEqual(['ada@example.com']);
    await until(async () => !(await world.queue.failedRuns(0, 100)).some((one) => one?.id === id));
  });

  it('that is retried a hundred times ends with one letter', async () => {
    world.mailbox.intercept(() => REFUSED);
    const orderId = await place();
    const id = messageIdOf(await untilLetter(orderId, 'dead'));
    world.mailbox.intercept(null);
    const results = await Promise.all(Array.from({ length: 100 }, () => retry(id)));
    expect(results.filter((result) => result === 'done')).toHaveLength(1);
    await untilLetter(orderId, 'sent');
    expect(await retry(id)).toBe('finished');
    expect(recipients()).toEqual(['ada@example.com']);
  });

  it('whose acceptance nobody heard of ends with one letter, however often it died and was retried', async () => {
    world.mailbox.intercept(() => 'accept-and-hang-up');
    const orderId = await place();
    const id = messageIdOf(await untilLetter(orderId, 'dead'));
    for (let retries = 0; retries < 5; retries += 1) {
      expect(await retry(id)).toBe('done');
      const order = await untilLetter(orderId, 'dead');
      expect(order.notifications[0]?.reason).toBe('attempts_exhausted');
    }
    // Each retry has all attempts again: four at first and four every time.
    expect(world.mailbox.requests()).toHaveLength(24);
    world.mailbox.intercept(null);
    expect(await retry(id)).toBe('done');
    await untilLetter(orderId, 'sent');
    expect(recipients()).toEqual(['ada@example.com']);
    expect(new Set(world.mailbox.requests().map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
  });
});

describe('a Redis that loses everything', () => {
  let relay: Relay;
  beforeAll(async () => {
    // Long pauses between attempts: what failed once is found delayed, and only a loss can bring it forward.
    world = await openWorld({ NOTIFICATION_BACKOFF_MS: '600000' });
    api = await openClient(world);
    relay = await world.relay();
    await relay.reconcile();
  });
  afterAll(() => world.close());

  it('loses no letter and repeats none, waiting, delayed or dead', async () => {
    let failing = true;
    world.mailbox.intercept(({ body }) => {
      const { to } = body as { to: string[] };
      return failing && to[0] === 'delayed@example.com' ? SERVER_ERROR : undefined;
    });
    const { stop } = world.notifier();
    const sent = await place('sent@example.com');
    const dead = await place('refused@example.com');
    const delayed = await place('delayed@example.com');
    await relay.drain();
    await untilLetter(sent, 'sent');
    const deadId = messageIdOf(await untilLetter(dead, 'dead'));
    await untilFailedAre(deadId);
    await until(async () => (await world.queue.queue.getDelayedCount()) === 1, 'a delayed job');
    await stop();
    const waiting = await place('waiting@example.com');
    await relay.drain();
    const staged = await place('staged@example.com');
    failing = false;
    const counts = await world.queue.queue.getJobCounts('waiting', 'delayed', 'failed');
    expect(counts).toEqual({ waiting: 1, delayed: 1, failed: 1 });

    await world.redis.flushdb();
    world.notifier();
    await relay.lead();
    await relay.reconcile();
    await relay.drain();

    for (const orderId of [waiting, delayed, staged]) await untilLetter(orderId, 'sent');
    await untilFailedAre(deadId);
    const job = await world.queue.queue.getJob(`${deadId}-1`);
    expect(job?.failedReason).toBe('refused: validation_error');
    expect(recipients()).toEqual(
      ['delayed', 'sent', 'staged', 'waiting'].map((name) => `${name}@example.com`),
    );
    const requestsTo = (name: string) =>
      world.mailbox.requests().filter(({ body }) => body.includes(`${name}@example.com`)).length;
    expect(requestsTo('refused')).toBe(1);
    expect(requestsTo('sent')).toBe(1);
  });
});

describe('a Redis that is away', () => {
  it('delays fifty letters, and no more than that', async () => {
    const proxy = await startProxy(workersRedisUrl());
    world = await openWorld({ REDIS_URL: proxy.url });
    api = await openClient(world);
    try {
      world.redis.on('error', () => undefined); // it is away on purpose
      world.draining(await world.relay());
      world.notifier();
      await untilLetter(await place('before@example.com'), 'sent');

      proxy.cut();
      const orders = await Promise.all(
        Array.from({ length: 50 }, (_, i) => place(`number-${i}@example.com`)),
      );
      const [counted] = await run<{ staged: number }>(
        world.db,
        sql`select count(*)::int as staged from outbox where enqueued_at is null and dead_at is null and enqueue_failures = 0`,
      );
      expect(counted?.staged).toBe(50);
      proxy.mend();

      for (const orderId of orders) await untilLetter(orderId, 'sent');
      expect(recipients()).toEqual(
        ['before', ...orders.map((_, i) => `number-${i}`)].map((name) => `${name}@example.com`).sort(),
      );
    } finally {
      proxy.mend();
      await world.close();
      await proxy.close();
    }
  });
});
