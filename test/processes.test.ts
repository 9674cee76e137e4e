/** The processes of the Procfile, as they are built: an order's whole way, kills at the worst moments, two of a kind. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../local/server.ts';
import { run } from '../src/database.ts';
import { openHold } from '../src/holds.ts';
import { jobId, QUEUE } from '../src/queue.ts';
import {
  type Company,
  company,
  freeBase,
  type RunningNode,
  type RunningProcess,
  startNode,
} from './support/processes.ts';
import { type Proxy as StoreProxy, startProxy } from './support/proxy.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

const ROOT = join(import.meta.dirname, '..');
const well = { code: 0, signal: null };

let world: World;
let processes: Company;

beforeEach(async () => {
  world = await openWorld({ RELAY_POLL_MS: '20', LOCK_DURATION_MS: '1000', STALLED_INTERVAL_MS: '500' });
  processes = company(world.environment);
});
afterEach(async () => {
  await processes.end();
  await world.close();
});

const headers = { authorization: 'Bearer test-key', 'content-type': 'application/json' };
const items = [{ sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 }];

/** Makes what the path names, and returns its id. */
async function create(port: number, path: string, body: object): Promise<string> {
  const url = `http://127.0.0.1:${port}${path}`;
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.status).toBe(201);
  const { orderId, customerId } = (await response.json()) as Record<string, string>; // as its status says
  return orderId ?? customerId ?? '';
}

async function orderOverHttp(port: number): Promise<string> {
  const customerId = await create(port, '/customers', { email: 'ada@example.com', name: 'Ada' });
  return create(port, '/orders', { customerId, currency: 'EUR', items });
}

async function messageOf(orderId: string): Promise<string> {
  const [row] = await run<{ id: string }>(world.db, sql`select id from outbox where order_id = ${orderId}`);
  if (!row) throw new Error('no such message');
  return row.id;
}

const hasJob = async (messageId: string) =>
  (await world.redis.exists(`bull:${QUEUE}:${jobId({ id: messageId, run: 1 })}`)) === 1;

const nothingStaged = async () =>
  (await run(world.db, sql`select from outbox where enqueued_at is null`)).length === 0;

/** Nothing is staged and no job is on its way any more: what has not been sent by now never will be. */
const quiet = () =>
  until(async () => {
    const { completed, failed, ...underway } = await world.queue.queue.getJobCounts();
    return (await nothingStaged()) && Object.values(underway).every((count) => count === 0);
  }, 'a quiet queue');

/** The message ids that wait in Redis, in the order in which they will be taken. */
async function waiting(): Promise<string[]> {
  const ids = await world.redis.lrange(`bull:${QUEUE}:wait`, 0, -1);
  return ids.reverse();
}

async function jobsInOrder(): Promise<string[]> {
  const rows = await run<{ id: string }>(world.db, sql`select id from outbox order by seq`);
  return rows.map(({ id }) => jobId({ id, run: 1 }));
}

async function metric({ port }: RunningProcess, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const [, value] = new RegExp(`^${name}{.*} (\\d+)$`, 'm').exec(await response.text()) ?? [];
  return Number(value);
}

const leads = async (relay: RunningProcess) => (await metric(relay, 'relay_leader')) === 1;

/** A relay that was killed gives no lease back. This is the end of it. */
const endLeases = () => run(world.db, sql`update leases set until = now()`);

describe('all processes together', () => {
  it('turn an order over HTTP into one letter, and leave nothing behind on SIGTERM', async () => {
    const running = await processes.startReady('web', 'relay', 'notifier', 'monitor');
    const orderId = await orderOverHttp(running.web.port);
    await world.untilLetter(orderId, 'sent');
    await quiet();
    expect(world.mailbox.letters().map(({ to, subject }) => ({ to, subject }))).toEqual([
      { to: ['ada@example.com'], subject: `Order Confirmation #${orderId}` },
    ]);

    const all = Object.values(running);
    for (const each of all) each.signal('SIGTERM');
    expect(await Promise.all(all.map(({ ended }) => ended))).toEqual([well, well, well, well]);
    for (const { output } of all) expect(output()).not.toMatch(/left behind|cleanly|"level":[56]0/);
    expect(await run(world.db, sql`select name from leases`)).toEqual([]);
  });

  it('are not held up at their end by connections on which nothing is asked', async () => {
    const { web, relay } = await processes.startReady('web', 'relay');
    const silent = [web, relay].map(({ port }) => connect(port, '127.0.0.1'));
    await Promise.all(silent.map((connection) => once(connection, 'connect')));
    for (const each of [web, relay]) each.signal('SIGTERM');
    expect(await Promise.all([web.ended, relay.ended])).toEqual([well, well]);
    for (const { output } of [web, relay]) expect(output()).not.toContain('left behind');
    for (const connection of silent) connection.destroy();
  });

  it('say nothing of a customer in their logs', async () => {
    const all = Object.values(await processes.startReady('web', 'relay', 'notifier'));
    for (const email of ['ada@example.com', 'refused@example.com', 'hangup@example.com']) {
      await world.untilLetter(await world.order(email), email.startsWith('refused') ? 'dead' : 'sent');
    }
    for (const { output } of all) expect(output()).not.toMatch(/@example\.com|Ada\b/);
  });
});

describe('a notifier', () => {
  it('says while a hold stands that it holds and why, and is ready all the same, and works again after it', async () => {
    const { notifier } = await processes.startReady('relay', 'notifier');
    const readyz = async () => {
      const response = await fetch(`http://127.0.0.1:${notifier.port}/readyz`);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    const works = { status: 200, body: { status: 'ok', failed: [] } };
    await until(async () => !(await readyz()).body.holding, 'clocks that were compared');
    expect(await readyz()).toEqual(works);

    await openHold(world.db, 'quota_exceeded', 3_600);
    await until(async () => (await metric(notifier, 'notifier_holding')) === 1, 'a notifier that holds');
    expect(await readyz()).toEqual({ ...works, body: { ...works.body, holding: 'quota_exceeded' } });
    const orderId = await world.order();
    await world.untilLetter(orderId, 'enqueued');
    expect(world.mailbox.requests()).toEqual([]);

    await run(world.db, sql`delete from holds`); // as operators are told
    await until(async () => (await metric(notifier, 'notifier_holding')) === 0, 'a notifier that works');
    expect(await readyz()).toEqual(works);
    await world.untilLetter(orderId, 'sent');
  });
});

describe('a process that is killed', () => {
  it('as relay, between the queue and the mark, leads to one letter', async () => {
    const orderId = await world.order();
    const messageId = await messageOf(orderId);
    await world.db.transaction(async (holder) => {
      await holder.execute(sql`select from outbox where id = ${messageId} for update`);
      const relay = await processes.start('relay');
      await until(() => hasJob(messageId), 'a job');
      const marking = sql`select pid from pg_stat_activity
        where datname = current_database() and application_name like '% relay %' and wait_event_type = 'Lock'`;
      await until(async () => (await run(world.db, marking)).length === 1, 'a mark that waits for the row');
      relay.signal('SIGKILL');
      await relay.ended;
      // The server would carry out the dead relay's last words as soon as it has the row.
      await run(world.db, sql`select pg_terminate_backend(pid) from (${marking}) as marking`);
      await until(async () => (await run(world.db, marking)).length === 0, 'no mark any more');
    });
    expect((await world.read(orderId)).notifications).toMatchObject([{ status: 'staged' }]);

    await endLeases();
    await processes.start('relay');
    await world.untilLetter(orderId, 'enqueued');
    await processes.start('notifier');
    await world.untilLetter(orderId, 'sent');
    await quiet();
    expect(world.mailbox.requests()).toHaveLength(1);
  });

  it('as notifier, between the acceptance and the mark, leads to one letter', async () => {
    world.mailbox.intercept(() => 'accept-and-hang');
    const orderId = await world.order();
    const { notifier } = await processes.startReady('relay', 'notifier');
    await until(() => world.mailbox.letters().length === 1, 'an accepted letter');
    notifier.signal('SIGKILL');
    await notifier.ended;
    world.mailbox.intercept(null);
    expect((await world.read(orderId)).notifications).toMatchObject([{ status: 'enqueued' }]);

    await processes.start('notifier');
    await world.untilLetter(orderId, 'sent');
    await quiet();
    expect(world.mailbox.letters()).toHaveLength(1);
    const [first, second, ...others] = world.mailbox.requests();
    expect(others).toEqual([]);
    expect(second).toMatchObject({ idempotencyKey: first?.idempotencyKey, body: first?.body, status: 200 });
  });
});

describe('two relays', () => {
  /** A new Redis is marked once, and until then it may have lost everything. */
  const untilMarked = () =>
    until(async () => (await world.redis.exists(`bull:${QUEUE}:epoch`)) === 1, 'a mark in Redis');

  it('at once keep the order and enqueue nothing twice', async () => {
    const settings = { RELAY_BATCH: '7' };
    const relays = await Promise.all([
      processes.start('relay', settings),
      processes.start('relay', settings),
    ]);
    await untilMarked();
    const ORDERS = 200;
    // One after another: of two at once the one with the lower number may be committed later.
    for (let placed = 0; placed < ORDERS; placed += 1) await world.order();
    await until(async () => (await waiting()).length === ORDERS, 'all jobs');
    await until(nothingStaged, 'nothing staged');
    expect(await waiting()).toEqual(await jobsInOrder());
    const counts = await Promise.all(relays.map((relay) => metric(relay, 'relay_enqueued_total')));
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, ORDERS]);
    const leaders = await Promise.all(relays.map(leads));
    expect(leaders.toSorted()).toEqual([false, true]);
  });

  describe('of which the leading one freezes with a message in its hands', () => {
    let proxy: StoreProxy;
    beforeEach(async () => {
      proxy = await startProxy(world.config.redisUrl);
    });
    afterEach(() => proxy.close());

    it('the other takes over, and the first one changes nothing when it wakes', async () => {
      const first = await processes.start('relay', { REDIS_URL: proxy.url });
      await until(() => leads(first), 'a leading relay');
      await untilMarked();
      proxy.freeze();
      const orderId = await world.order();
      const [{ now } = { now: '' }] = await run<{ now: string }>(world.db, sql`select now()::text as now`);
      const hasRead = sql`select from pg_stat_activity where datname = current_database()
        and application_name like '% relay %' and query like '%enqueued_at is null%'
        and query_start > ${now}::timestamptz and state = 'idle'`;
      await until(async () => (await run(world.db, hasRead)).length > 0, 'a relay that has read the message');
      first.signal('SIGSTOP');
      proxy.mend();

      const { relay: second } = await processes.startReady('relay', 'notifier');
      await world.untilLetter(orderId, 'sent');
      first.signal('SIGCONT');
      await until(async () => !(await leads(first)), 'a relay that stands by');
      const next = await world.order();
      await world.untilLetter(next, 'sent');
      await quiet();
      expect(world.mailbox.letters().map(({ subject }) => subject)).toEqual(
        [orderId, next].map((id) => `Order Confirmation #${id}`),
      );
      expect(world.mailbox.requests()).toHaveLength(2);
      expect(await leads(second)).toBe(true);
      for (const relay of [first, second]) relay.signal('SIGTERM');
      expect(await Promise.all([first.ended, second.ended])).toEqual([well, well]);
    });
  });
});

describe('npm start', () => {
  let command: RunningNode | undefined;
  afterEach(() => command?.end());

  it('with a formation runs the Procfile, and leaves no process and no port behind', async () => {
    const base = await freeBase(4);
    const formation = 'web=1,relay=2,notifier=1,monitor=0';
    const environment = { ...world.environment, PORT: String(base) };
    command = startNode([join(ROOT, 'dist/local/start.js'), formation], environment);
    const { ended, output, signal } = command;
    await until(async () => (await fetch(`http://127.0.0.1:${base}/readyz`)).ok, 'a ready web process');
    const orderId = await orderOverHttp(base);
    await world.untilLetter(orderId, 'sent');
    await until(() => ['relay.1', 'relay.2'].every((name) => startedPid(output(), name)), 'two relays');
    const names = ['release.1', 'web.1', 'relay.1', 'relay.2', 'notifier.1'];
    const pids = names.map((name) => startedPid(output(), name));
    signal('SIGTERM');
    expect(await ended, output()).toEqual(well);
    expect(output()).not.toContain('monitor.1');
    expect(new Set(pids).size).toBe(5);
    for (const pid of pids) expect(() => process.kill(Number(pid), 0)).toThrowError('ESRCH');
    for (const n of [0, 1, 2, 3]) await until(() => freePort(base + 100 * n), 'a free port');
  });

  /** The pid in the first line that the process of this name has logged. */
  const startedPid = (output: string, name: string) =>
    new RegExp(`^${name.replace('.', '\\.')} +\\| .*"pid":(\\d+)`, 'm').exec(output)?.[1];
});
