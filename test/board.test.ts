/** The dashboard's gate: who gets in, from where, to what; and what Retry and Retry all do to the ledger. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { appRoutes } from '@bull-board/api/dist/routes.js';
import { sql } from 'drizzle-orm';
import type { FastifyInstance } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, run } from '../src/database.ts';
import { discardMessage } from '../src/outbox.ts';
import { jobId } from '../src/queue.ts';
import type { Relay } from '../workers/relay.ts';
import { until } from './support/until.ts';
import { type Ask, anonymous, openWeb, registeredRoutes, signedIn } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

const QUEUES = '/admin/queues';
const BOARD = `${QUEUES}/api/queues/order-notifications`;
const NOBODY = '01a206b8-82f0-7023-9978-0ae66dfecce9';

let world: World;
let app: FastifyInstance;
let ask: Ask;
let relay: Relay;
let hints = 0;
const countHint = () => {
  hints += 1;
};
beforeAll(async () => {
  world = await openWorld({ NOTIFICATION_ATTEMPTS: '2' });
  app = await openWeb(world, { onStaged: countHint });
  ask = signedIn(app);
  relay = await world.relay();
});
afterAll(() => world.close());

interface MessageRow {
  readonly id: string;
  readonly run: number;
  readonly dead: boolean;
}
async function message(orderId: string): Promise<MessageRow> {
  const [row] = await run<MessageRow>(
    world.db,
    sql`select id, run, dead_at is not null as dead from outbox where order_id = ${orderId}`,
  );
  if (!row) throw new Error('no such message');
  return row;
}

const actions = (messageId: string) =>
  run(
    world.db,
    sql`select operator, action, run from operator_actions where message_id = ${messageId} order by id`,
  );

/** An order whose letter the provider has refused for good; its message. */
async function deadLetter(
  email = 'refused@example.com',
): Promise<{ orderId: string; id: string; run: number }> {
  const orderId = await world.order(email);
  await working(() => world.untilLetter(orderId, 'dead'));
  const { id, run: dead } = await message(orderId);
  await until(async () => (await world.queue.look([{ id, run: dead }]))[0]?.state === 'failed');
  return { orderId, id, run: dead };
}

/** Relay and notifier work while `act` waits for what they do, and rest again after it. */
async function working<T>(act: () => Promise<T>): Promise<T> {
  await relay.lead(); // its lease may have ended while nothing was to do
  const draining = world.draining(relay);
  const notifier = world.notifier();
  try {
    return await act();
  } finally {
    await notifier.stop();
    await draining.stop();
  }
}

const retry = (job: string) => ask('PUT', `${BOARD}/${job}/retry`);

describe('the door', () => {
  const PATHS = [
    '/admin',
    '/admin/',
    '/admin?x',
    '/admin/nowhere',
    '/admin/queues',
    '/admin/queues/',
    '/admin/queues/nowhere',
    '/admin/queues/queue/order-notifications',
    '/admin/queues/static/favicon-32x32.png',
    '/admin/queues/static/nowhere.js',
    '/admin/queues/static/../../../../package.json',
    '/admin/queues/static/%2e%2e/%2e%2e/package.json',
    '/admin/queues/static/..%2f..%2fpackage.json',
    '/admin/queues/api/queues',
    '/admin/queues/api/redis/stats',
    `${BOARD}/${NOBODY}-1`,
    '/admin/orders/7',
    '/admin/../admin/queues',
    '/admin/./queues',
    '/admin/%71ueues',
    '/admin/queues%2fapi%2fqueues',
    '/admin/queues;x',
    '/admin//queues',
  ];
  const CROOKED = [
    '/admin%2Fqueues',
    '/admin%2fqueues%2fapi%2fqueues',
    '//admin/queues',
    '/%61dmin/queues',
    '/%61dmin%2fqueues',
    '/x/../admin/queues',
    '/docs/../admin/queues/api/queues',
    '/docs/static/../../admin/queues',
    '/ADMIN/queues',
    '/admin\\queues',
    '/admin.json',
    '/adminqueues',
    '/admin;/queues',
    '/%E0%A4%A/admin/queues',
    'http://127.0.0.1/admin%2fqueues',
  ];
  let port: number;
  beforeAll(async () => {
    await app.listen({ host: '127.0.0.1', port: 0 });
    port = (app.server.address() as AddressInfo).port; // it listens on TCP
  });

  /** Sends a path as it is written: fetch and inject would straighten it. */
  async function raw(method: string, path: string, headers: Record<string, string> = {}) {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false });
    sent.end();
    const [response] = await once(sent, 'response');
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await once(response, 'end');
    return { status: response.statusCode, challenge: response.headers['www-authenticate'], text };
  }

  /** Of a problem in our words, or of a failure in those of Bull Board, all that a stranger may read. */
  const WORDS = ['type', 'title', 'status', 'detail', 'instance', 'error', 'message'];
  const expectOnlyRefusal = (text: string) =>
    expect(WORDS).toEqual(expect.arrayContaining(Object.keys(JSON.parse(text))));

  it.each(PATHS)('is shut at %s to those without credentials: 401', async (path) => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const { status, challenge, text } = await raw(method, path);
      expect([method, status, challenge]).toEqual([
        method,
        401,
        'Basic realm="Order Notifications", charset="UTF-8"',
      ]);
      if (method !== 'HEAD') expectOnlyRefusal(text);
    }
  });

  it.each(CROOKED)('is not passed by the crooked path %s', async (path) => {
    for (const method of ['GET', 'PUT', 'OPTIONS', 'PROPFIND']) {
      const { status, text } = await raw(method, path);
      expect([400, 401, 403, 404]).toContain(status);
      expectOnlyRefusal(text);
    }
  });

  it.each(boardRoutes())('is shut at %s %s', async (method, path) => {
    const { status } = await raw(method, path);
    expect(status).toBe(401);
  });

  it.each<[what: string, authorization: string]>([
    ['a wrong password', basic('operator:operator-passwore')],
    ['a shorter password', basic('operator:operator-passwor')],
    ['an empty password', basic('operator:')],
    ['a wrong name', basic('operators:operator-password')],
    ['an empty name', basic(':operator-password')],
    ['another case', basic('Operator:operator-password')],
    ['no colon', basic('operator')],
    ['an API key', 'Bearer test-key'],
    ['an API key as password', basic('test:test-key')],
    ['no base64', 'Basic operator:operator-password'],
    ['nothing', 'Basic '],
  ])('is shut to %s', async (_what, authorization) => {
    for (const path of ['/admin', QUEUES, `${QUEUES}/api/queues`])
      expect((await raw('GET', path, { authorization })).status).toBe(401);
  });

  it('is open to the operator', async () => {
    const page = await ask('GET', QUEUES);
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.text).toContain('<title>Order Notifications</title>');
    const icon = await ask('GET', `${QUEUES}/static/favicon-32x32.png`);
    expect([icon.status, icon.headers['content-type']]).toEqual([200, 'image/png']);
    expect((await ask('GET', '/admin/nowhere')).status).toBe(404);
  });

  it('serves nothing from outside of its files to the operator either', async () => {
    const authorization = basic('operator:operator-password');
    for (const path of PATHS.filter((one) => one.includes('package.json'))) {
      const { status, text } = await raw('GET', path, { authorization });
      expect([403, 404]).toContain(status);
      expect(text).not.toContain('"version"');
    }
  });

  it('is shut to everybody when no operator is named', async () => {
    const process = { ...world.process, config: { ...world.config, admin: undefined } };
    const closed = await openWeb({ ...world, process });
    for (const [name, password] of [
      ['operator', 'operator-password'],
      ['', ''],
      ['undefined', 'undefined'],
    ])
      expect((await signedIn(closed, name, password)('GET', QUEUES)).status).toBe(401);
  });
});

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

/** All that Bull Board can be asked by its own list, with a name in the place of each parameter. */
function boardRoutes(): [method: string, path: string][] {
  return appRoutes.api.flatMap(({ method, route }) =>
    [method]
      .flat()
      .flatMap((m) => [route].flat().map((path): [string, string] => [m.toUpperCase(), at(path)])),
  );
}

function at(route: string, job = `${NOBODY}-1`): string {
  const path = route
    .replace(':queueName', 'order-notifications')
    .replace(':jobId', job)
    .replace(':queueStatus', 'failed')
    .replace(':schedulerId', 'x');
  return path.startsWith(QUEUES) ? path : `${QUEUES}${path}`;
}

describe('a request from a browser', () => {
  it.each(['cross-site', 'same-site', 'none'])('that comes from %s may look but not act', async (site) => {
    const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'cors' };
    expect((await ask('GET', `${QUEUES}/api/queues`, undefined, headers)).status).toBe(200);
    for (const method of ['PUT', 'POST', 'PATCH', 'DELETE'] as const) {
      const answer = await ask(method, `${BOARD}/${NOBODY}-1/retry`, undefined, headers);
      expect([answer.status, answer.json.detail]).toEqual([403, 'This request came from another site.']);
    }
  });

  it('that comes from our own page may act; so may a tool that says nothing of the kind', async () => {
    for (const headers of [{ 'sec-fetch-site': 'same-origin' }, {}])
      expect((await ask('PUT', `${BOARD}/${NOBODY}-1/retry`, undefined, headers)).status).toBe(404);
  });

  it('that hides where it comes from may not act', async () => {
    const answer = await ask('PUT', `${BOARD}/${NOBODY}-1/retry`, undefined, { 'sec-fetch-mode': 'cors' });
    expect(answer.status).toBe(403);
  });

  it('without credentials is asked for them first', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect((await anonymous(app)('PUT', `${BOARD}/retry/failed`, undefined, headers)).status).toBe(401);
  });
});

describe('what one can do inside', () => {
  let job: string;
  beforeAll(async () => {
    const dead = await deadLetter();
    job = jobId(dead);
  });

  /** All that Redis holds for longer than a moment and all that the ledger knows, as text. */
  async function everything(): Promise<string[]> {
    const all = (await world.redis.keys('*')).sort();
    const lasting = await Promise.all(all.map(async (key) => (await world.redis.ttl(key)) === -1));
    const keys = all.filter((_, i) => lasting[i]);
    const dumps = await Promise.all(keys.map((key) => world.redis.dumpBuffer(key)));
    const ledger = await run(
      world.db,
      sql`select (select json_agg(o order by o.id) from outbox o) as outbox, (select count(*)::int from operator_actions) as actions`,
    );
    return [...keys.map((key, i) => `${key} ${dumps[i]?.toString('hex')}`), JSON.stringify(ledger)];
  }

  const inside = () => registeredRoutes(app).filter((route) => route.includes(` ${QUEUES}/`));
  const RETRIES = [`PUT ${BOARD}`.replace('order-notifications', ':queueName')].flatMap((base) => [
    `${base}/:jobId/retry`,
    `${base}/retry/:queueStatus`,
  ]);

  it('is all that Bull Board has: nothing of it escapes this test', () => {
    const routes = new Set(inside());
    for (const { method, route } of appRoutes.api)
      for (const one of [method].flat())
        for (const path of [route].flat()) expect(routes).toContain(`${one.toUpperCase()} ${QUEUES}${path}`);
  });

  it('is to read', async () => {
    const reads = inside().filter((route) => /^GET .*(?<!\*)$/.test(route));
    expect(reads.length).toBeGreaterThan(12);
    for (const route of reads) {
      const answer = await ask('GET', at(route.slice('GET '.length), job));
      expect([route, answer.status]).toEqual([route, 200]);
    }
  });

  it('shows the dead letter with a code for its reason, and nobody’s address', async () => {
    const answer = await ask('GET', `${QUEUES}/api/queues?activeQueue=order-notifications&status=failed`);
    const [failed] = answer.json.queues[0].jobs;
    expect(failed).toMatchObject({
      id: job,
      name: 'order.created',
      failedReason: 'refused: validation_error',
    });
    expect(failed.stacktrace).toEqual([]);
    expect(answer.text).not.toMatch(/@example|Ada/);
  });

  it('is to retry, and nothing else: every other route is 403 and changes nothing', async () => {
    const acts = inside().filter((route) => !/^(GET|HEAD) /.test(route) && !RETRIES.includes(route));
    expect(acts.length).toBeGreaterThan(18);
    const before = await everything();
    const body = {
      name: 'order.created',
      data: { messageId: NOBODY },
      jobData: { run: 9 },
      force: true,
      concurrency: 1,
      max: 1,
      duration: 1_000,
      priority: 1,
      runAt: Date.now() + 60_000,
      every: 1_000,
    };
    for (const route of acts) {
      const [method, path = ''] = route.split(' ') as ['PUT' | 'POST' | 'PATCH', string];
      for (const sent of [undefined, body]) {
        const answer = await ask(method, at(path, job), sent);
        expect([route, answer.status, answer.json?.title]).toEqual([route, 403, 'Forbidden']);
      }
    }
    expect(await everything()).toEqual(before);
  });

  it('is not to retry what has not failed', async () => {
    const before = await everything();
    for (const status of ['completed', 'active', 'waiting', 'delayed', 'paused', 'latest', 'FAILED'])
      expect([status, (await ask('PUT', `${BOARD}/retry/${status}`)).status]).toEqual([status, 403]);
    expect((await ask('PUT', `${QUEUES}/api/queues/another/retry/failed`)).status).toBe(404);
    expect(await everything()).toEqual(before);
  });
});

describe('Retry', () => {
  const requestsFor = (address: string) =>
    world.mailbox.requests().filter(({ body }) => body.includes(address));

  it('puts a dead letter back as its next run, in the name of the operator, and tells the relay', async () => {
    const dead = await deadLetter();
    const before = hints;
    const answer = await retry(jobId(dead));
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(await message(dead.orderId)).toEqual({ id: dead.id, run: 2, dead: false });
    expect(await actions(dead.id)).toEqual([{ operator: 'operator', action: 'retry', run: 1 }]);
    expect(hints).toBe(before + 1);
    const story = (await world.read(dead.orderId)).notifications[0];
    expect([story?.status, story?.timeline.at(-1)?.event]).toEqual(['staged', 'retried']);
  });

  it('repeated on the same page changes nothing and is no error', async () => {
    const dead = await deadLetter();
    const clicks = await Promise.all(Array.from({ length: 10 }, () => retry(jobId(dead))));
    expect(clicks.map(({ status }) => status)).toEqual(clicks.map(() => 204));
    expect(await message(dead.orderId)).toEqual({ id: dead.id, run: 2, dead: false });
    expect(await actions(dead.id)).toHaveLength(1);
  });

  it('gives all attempts again, to a new job; the old one goes', async () => {
    const dead = await deadLetter('down@example.com');
    expect(requestsFor('down@example.com')).toHaveLength(2);
    await retry(jobId(dead));
    await relay.lead();
    await relay.drain();
    const [old, anew] = await world.queue.look([dead, { id: dead.id, run: 2 }]);
    expect([old?.state, anew?.state]).toEqual(['lost', 'unfinished']);

    await working(() => world.untilLetter(dead.orderId, 'dead'));
    const requests = requestsFor('down@example.com');
    expect(requests).toHaveLength(4);
    expect(new Set(requests.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
    expect((await retry(jobId(dead))).status).toBe(204);
    expect(await message(dead.orderId)).toEqual({ id: dead.id, run: 2, dead: true });
  });

  it('sends once what the provider takes now, however often it is clicked', async () => {
    world.mailbox.intercept(() => ({ status: 422, body: { name: 'validation_error', message: 'no' } }));
    const dead = await deadLetter('grace@example.com');
    world.mailbox.intercept(null);
    await retry(jobId(dead));
    await working(() => world.untilLetter(dead.orderId, 'sent'));
    const again = await Promise.all([retry(jobId(dead)), retry(jobId({ ...dead, run: 2 }))]);
    expect(again.map(({ status }) => status)).toEqual([409, 409]);
    await relay.lead();
    await relay.drain();
    expect(world.mailbox.letters().filter(({ to }) => to.includes('grace@example.com'))).toHaveLength(1);
  });

  it('is refused with 409 for a discarded message', async () => {
    const dead = await deadLetter();
    await discardMessage(world.db, { id: dead.id, operator: 'grace', note: 'no such person' });
    const answer = await retry(jobId(dead));
    expect([answer.status, answer.headers['content-type']]).toEqual([
      409,
      'application/problem+json; charset=utf-8',
    ]);
    expect(await message(dead.orderId)).toEqual({ id: dead.id, run: 1, dead: true });
    expect(await actions(dead.id)).toHaveLength(1);
  });

  it('is refused with 409 where the letter may have been accepted already', async () => {
    const dead = await deadLetter();
    await run(world.db, sql`update outbox set dead_reason = 'outcome_unknown' where id = ${dead.id}`);
    const answer = await retry(jobId(dead));
    expect([answer.status, answer.json.detail]).toEqual([
      409,
      expect.stringContaining('may have been accepted already'),
    ]);
    expect(await message(dead.orderId)).toEqual({ id: dead.id, run: 1, dead: true });
    expect(await actions(dead.id)).toEqual([]);
  });

  it('is refused with 409 for a message that is on its way', async () => {
    const { id } = await message(await world.order());
    expect((await retry(`${id}-1`)).status).toBe(409);
  });

  it.each([
    ['a message nobody knows', `${NOBODY}-1`],
    ['a job of another kind', '7'],
    ['a run that cannot be', `${NOBODY}-0`],
    ['no run', NOBODY],
    ['an id and SQL', encodeURIComponent(`${NOBODY}-1' or 1=1`)],
  ])('is 404 for %s', async (_what, job) => {
    expect((await retry(job)).status).toBe(404);
  });

  it('is 404 in another queue', async () => {
    const dead = await deadLetter();
    expect((await ask('PUT', `${QUEUES}/api/queues/another/${jobId(dead)}/retry`)).status).toBe(404);
    expect((await message(dead.orderId)).run).toBe(1);
  });
});

describe('Retry all', () => {
  const all = () => ask('PUT', `${BOARD}/retry/failed`);

  /** An array in Postgres' own notation: the driver knows no arrays here. */
  const list = (values: readonly unknown[]) => `{${values.join()}}`;

  /** So many dead letters of one customer, by SQL: every twelfth may have been accepted already. */
  async function bury(count: number): Promise<void> {
    const customerId = await world.customer({ email: 'many@example.com', name: 'Many' });
    const ids = Array.from({ length: count }, () => [uuidv7(), uuidv7()]);
    const payload = JSON.stringify({ orderId: NOBODY, customerId, orderTotal: 1, timestamp: '' });
    const client = connect(world.config.databaseUrl, 'test');
    await client.begin(async (transaction) => {
      await transaction`insert into orders (id, customer_id, status, currency, total)
        select id, ${customerId}, 'CREATED', 'EUR', 1 from unnest(${list(ids.map(([, order]) => order))}::uuid[]) as id`;
      await transaction`insert into outbox (id, type, order_id, payload, enqueued_at, dead_at, dead_reason)
        select id, 'order.created', order_id, ${payload}::jsonb, now(), now() - make_interval(secs => i / 10),
          case when i % 12 = 0 then 'outcome_unknown' else 'refused' end
        from unnest(${list(ids.map(([id]) => id))}::uuid[], ${list(ids.map(([, order]) => order))}::uuid[]) with ordinality as u (id, order_id, i)`;
    });
    await client.end();
  }
  const counts = async () => {
    const [row] = await run<Record<'dead' | 'again' | 'actions', number>>(
      world.db,
      sql`select (select count(*)::int from outbox where dead_at is not null) as dead,
            (select count(*)::int from outbox where run = 2 and enqueued_at is null) as again,
            (select count(distinct message_id)::int from operator_actions
              where operator = 'operator' and action = 'retry' and run = 1) as actions`,
    );
    return row;
  };
  beforeEach(async () => {
    await run(world.db, sql`truncate outbox, orders, order_items, operator_actions, notifications`);
  });

  it('puts back every dead letter but those that may have been accepted, and writes down who did it', async () => {
    await bury(1_200);
    const answer = await all();
    expect([answer.status, answer.json]).toEqual([200, { retried: 1_100, skipped: 100 }]);
    expect(await counts()).toEqual({ dead: 100, again: 1_100, actions: 1_100 });
    expect((await all()).json).toEqual({ retried: 0, skipped: 100 });
    expect(await counts()).toEqual({ dead: 100, again: 1_100, actions: 1_100 });
  });

  it('goes on to the end although somebody else retries one of them meanwhile', async () => {
    await bury(1_200);
    const other = connect(world.config.databaseUrl, 'test');
    await other.unsafe('begin');
    await other`update outbox set dead_at = null, dead_reason = null, enqueued_at = null, run = 2
      where id = (select id from outbox where dead_reason = 'refused' order by dead_at, id limit 1)`;
    const answer = all();
    await until(async () => {
      const waiting = await run(
        world.db,
        sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return waiting.length > 0;
    }, 'a retry that waits for the other');
    await other.unsafe('commit');
    await other.end();
    expect((await answer).json).toMatchObject({ retried: 1_099 });
    expect(await counts()).toEqual({ dead: 100, again: 1_100, actions: 1_099 });
  });

  it('by two operators at once retries each once', async () => {
    await bury(1_200);
    const answers = await Promise.all([all(), all()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers.reduce((sum, { json }) => sum + json.retried, 0)).toBe(1_100);
    expect(await counts()).toEqual({ dead: 100, again: 1_100, actions: 1_100 });
    const [doubled] = await run(
      world.db,
      sql`select message_id from operator_actions group by message_id having count(*) > 1`,
    );
    expect(doubled).toBeUndefined();
  });

  it('has nothing to do where nothing is dead', async () => {
    expect((await all()).json).toEqual({ retried: 0, skipped: 0 });
  });
});
