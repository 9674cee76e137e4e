/** The processes of the Procfile while a store or the provider is down: they start, serve, wait and end all the same. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../src/database.ts';
import { type Company, company, type RunningProcess } from './support/processes.ts';
import { type Proxy as StoreProxy, startProxy } from './support/proxy.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

const well = { code: 0, signal: null };

let world: World;
let redis: StoreProxy;
let postgres: StoreProxy;
let processes: Company;

beforeEach(async () => {
  world = await openWorld();
  redis = await startProxy(world.config.redisUrl);
  postgres = await startProxy(world.config.databaseUrl);
  processes = company({
    ...world.environment,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    LOCK_DURATION_MS: '1000',
    STALLED_INTERVAL_MS: '500',
    RELAY_POLL_MS: '20',
    MONITOR_INTERVAL_MS: '200',
    SHUTDOWN_GRACE_MS: '2000',
  });
});
afterEach(async () => {
  await processes.end();
  await redis.close();
  await postgres.close();
  await world.close();
});

const headers = { authorization: 'Bearer test-key', 'content-type': 'application/json' };

async function post({ port }: RunningProcess, path: string, body: object) {
  const url = `http://127.0.0.1:${port}${path}`;
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, json: (await response.json()) as Record<string, string> }; // ids and messages
}

async function order(web: RunningProcess) {
  const customerId = await world.customer({ email: 'ada@example.com', name: 'Ada' });
  const items = [{ sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 }];
  return post(web, '/orders', { customerId, currency: 'EUR', items });
}

async function endAll(all: readonly RunningProcess[]) {
  for (const each of all) each.signal('SIGTERM');
  return Promise.all(all.map(({ ended }) => ended));
}

const cutRedis = () => redis.cut();
const freezeRedis = () => redis.freeze();
const cutPostgres = () => postgres.cut();
const freezePostgres = () => postgres.freeze();

describe('SIGTERM', () => {
  const outages = [
    { outage: 'Redis is cut off', begin: cutRedis },
    { outage: 'Redis is a black hole', begin: freezeRedis },
    { outage: 'Postgres is cut off', begin: cutPostgres },
    { outage: 'Postgres is a black hole', begin: freezePostgres },
  ];

  it.each(outages)('ends every process with 0 while $outage', async ({ begin }) => {
    const { web, ...workers } = await processes.startReady('web', 'relay', 'notifier', 'monitor');
    const all = [web, ...Object.values(workers)];
    begin();
    await world.order(); // work for those who can see it
    const asked = Promise.allSettled([
      order(web),
      ...all.map(({ port }) => fetch(`http://127.0.0.1:${port}/readyz`)),
    ]);
    expect(await endAll(all)).toEqual([well, well, well, well]);
    await asked; // whatever has become of them
  });

  it('ends every process with 0 while the provider hangs and both stores are black holes, and loses nothing', async () => {
    world.mailbox.intercept(() => 'hang');
    const { web, ...workers } = await processes.startReady('web', 'relay', 'notifier', 'monitor');
    const orderId = await world.order();
    await until(() => world.mailbox.requests().length === 1, 'a request');
    redis.freeze();
    postgres.freeze();
    const asked = order(web).catch(() => undefined); // in flight, for those who can see it
    expect(await endAll([web, ...Object.values(workers)])).toEqual([well, well, well, well]);
    await asked;
    redis.mend();
    postgres.mend();
    world.mailbox.intercept(null);
    await processes.startReady('relay', 'notifier');
    await world.untilLetter(orderId, 'sent');
    expect(world.mailbox.letters().filter(({ subject }) => subject.includes(orderId))).toHaveLength(1);
  });

  it('ends a notifier with 0 while the provider hangs, and its letter is sent by another one, once', async () => {
    world.mailbox.intercept(() => 'hang');
    const { notifier } = await processes.startReady('relay', 'notifier');
    const orderId = await world.order();
    await until(() => world.mailbox.requests().length === 1, 'a request');
    expect(await endAll([notifier])).toEqual([well]);
    world.mailbox.intercept(null);
    await processes.start('notifier');
    await world.untilLetter(orderId, 'sent');
    expect(world.mailbox.letters()).toHaveLength(1);
  });

  it('lets a notifier finish the letter in its hands', async () => {
    const { relay } = await processes.startReady('relay');
    const notifier = await processes.start('notifier', { SHUTDOWN_GRACE_MS: '20000' });
    await notifier.ready();
    const orderId = await world.order('slow@example.com');
    await until(() => world.mailbox.requests().length === 1, 'a request');
    expect(await endAll([notifier, relay])).toEqual([well, well]);
    expect((await world.read(orderId)).notifications).toMatchObject([{ status: 'sent' }]);
    expect(notifier.output()).not.toMatch(/left behind|cleanly/);
  });
});

describe('processes that are started while Redis and Postgres are down', () => {
  it('come up, and work as soon as both are there', async () => {
    redis.cut();
    postgres.cut();
    const names = ['web', 'relay', 'notifier', 'monitor'] as const;
    // Without hints an order would wait for ten minutes.
    const [web, ...workers] = await Promise.all(
      names.map((name) => processes.start(name, { RELAY_POLL_MS: '600000' })),
    );
    if (!web) throw new Error('no web process');
    const all = [web, ...workers];
    for (const { port } of all) {
      await until(async () => (await fetch(`http://127.0.0.1:${port}/livez`)).ok, 'a living process');
      expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503);
    }
    postgres.mend();
    redis.mend();
    for (const each of all) await each.ready();
    await until(() => all.some(({ output }) => output().includes('"leading"')), 'a leading relay');
    const listening = sql`select from pg_stat_activity where datname = current_database() and query ilike 'listen%'`;
    await until(async () => (await run(world.db, listening)).length === 1, 'a listening relay');
    const { json, status } = await order(web);
    expect(status).toBe(201);
    await world.untilLetter(json.orderId ?? '', 'sent');
    expect(await endAll(all)).toEqual([well, well, well, well]);
  });
});

describe('the web process', () => {
  it.each([
    { outage: 'Redis is cut off', begin: cutRedis },
    { outage: 'Redis is a black hole', begin: freezeRedis },
  ])('answers POST /orders with 201 and stays ready while $outage', async ({ begin }) => {
    const { web } = await processes.startReady('web');
    begin();
    for (let i = 0; i < 3; i += 1) expect((await order(web)).status).toBe(201);
    await web.ready();
  });

  it('starts and answers POST /orders with 201 when Redis was never there', async () => {
    redis.cut();
    const { web } = await processes.startReady('web');
    expect((await order(web)).status).toBe(201);
  });

  it('answers 503 while Postgres is cut off, and 201 again when it is back', async () => {
    const { web } = await processes.startReady('web');
    postgres.cut();
    expect((await order(web)).status).toBe(503);
    postgres.mend();
    await until(async () => (await order(web)).status === 201, 'an order');
  });
});
