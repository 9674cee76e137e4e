/**
 * What a person is called, where they get their letters, and every secret of this installation: planted, and then searched for in the
 * logs, in Redis, in metrics and in alerts of real processes, after a run in which all goes wrong that can.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../src/database.ts';
import { QUEUE } from '../src/queue.ts';
import { type Company, company, type RunningProcess } from './support/processes.ts';
import { redisDump } from './support/redis-dump.ts';
import { report, signed } from './support/reports.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

const NAME = 'Zebulon Hemlock';
const DOMAIN = 'zebulon-hemlock.example';
const SECRETS = {
  ...{ name: NAME, address: DOMAIN, item: 'Planted Teapot', sku: 'PLANTED-SKU-77' },
  ...{ query: 'planted-in-a-query', key: 'planted-api-key-0123456789', password: 'planted-operator-pass' },
  ...{
    viewer: 'planted-viewer-pass',
    provider: 're_planted_provider_key',
    idempotency: 'planted-idempotency-key',
  },
  ...{ wrong: 'planted-wrong-credential', note: 'planted words of the provider', header: 'planted-header' },
};

/** However a text may have been written down. */
const forms = (secret: string): string[] => {
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  // A text that is encoded together with others keeps its middle only.
  return [
    ...[
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('hex'),
    ],
    ...[
      base64,
      base64.slice(0, -2),
      Buffer.from(secret.slice(1)).toString('base64').slice(0, -4),
      Buffer.from(secret.slice(2)).toString('base64').slice(0, -4),
    ],
  ].map((form) => form.toLowerCase());
};

/** Which of them stand in that text. */
function foundIn(text: string): string[] {
  const low = text.toLowerCase();
  return Object.entries(SECRETS).flatMap(([what, secret]) =>
    forms(secret).some((form) => low.includes(form)) ? [what] : [],
  );
}

/** As the monitor counts them. */
const DEAD = /^dead_letters\{[^}]*reason="refused"/m;

let world: World;
let processes: Company;
let web: RunningProcess;
const alerts: string[] = [];
const pager = createServer((request, response) => {
  request.on('data', (part) => alerts.push(String(part)));
  request.on('end', () => response.end());
});
const outputs: (() => string)[] = [];
let metrics = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => pager.listen(0, '127.0.0.1', resolve));
  world = await openWorld({
    ALERT_WEBHOOK_URL: `http://127.0.0.1:${(pager.address() as AddressInfo).port}`, // neither a pipe nor closed
    ...{
      API_KEYS: `test:${SECRETS.key}`,
      ADMIN_PASSWORD: SECRETS.password,
      RESEND_API_KEY: SECRETS.provider,
    },
    ...{ VIEWER_USERNAME: 'viewer', VIEWER_PASSWORD: SECRETS.viewer, LOG_LEVEL: 'trace' },
    ...{
      NOTIFICATION_ATTEMPTS: '2',
      NOTIFICATION_BACKOFF_MS: '10',
      MONITOR_INTERVAL_MS: '200',
      RELAY_POLL_MS: '20',
    },
  });
  // A provider that repeats whom it was asked for.
  world.mailbox.intercept(({ body }) => {
    const { to } = body as { to: string[] };
    if (!to[0]?.startsWith('wordy')) return undefined;
    return {
      status: 422,
      body: { statusCode: 422, name: `no ${to[0]}`, message: `${NAME}: ${SECRETS.note} ${to[0]}` },
    };
  });
  processes = company(world.environment);
  const all = await processes.startReady('web', 'relay', 'notifier', 'monitor');
  web = all.web;
  for (const { output } of Object.values(all)) outputs.push(output);
  await goThroughAll();
  const metricsOf = async ({ port }: RunningProcess) =>
    (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  await until(async () => DEAD.test(await metricsOf(all.monitor)), 'a count of the dead');
  for (const one of Object.values(all)) metrics += await metricsOf(one);
}, 240_000);
afterAll(async () => {
  await processes.end();
  await world.close();
  pager.closeAllConnections();
  pager.close();
});

type Headers = Record<string, string>;

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Headers = {},
): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${web.port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${SECRETS.key}`,
      'x-planted': SECRETS.header,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

async function goThroughAll(): Promise<void> {
  const fates = ['fine', 'refused', 'down', 'hangup', 'wordy'];
  const items = [{ sku: SECRETS.sku, name: SECRETS.item, quantity: 1, unitPrice: 450 }];
  for (const fate of fates) {
    const added = await ask('POST', '/customers', { email: `${fate}@${DOMAIN}`, name: NAME });
    const order = { customerId: JSON.parse(added.text).customerId, currency: 'EUR', items };
    const key = { 'idempotency-key': `${SECRETS.idempotency}-${fate}` };
    for (let i = 0; i < 2; i += 1) expect((await ask('POST', '/orders', order, key)).status).toBe(201);
    expect((await ask('POST', '/orders', { ...order, currency: 'USD' }, key)).status).toBe(422);
  }
  await refusals();
  await until(
    async () => {
      const underway = await lettersUnderway();
      const dead = await run(
        world.db,
        sql`select 1 from outbox where dead_at is not null and alerted_at is null`,
      );
      return underway === 0 && dead.length === 0;
    },
    'an end of every letter, and alerts of the dead',
    150_000,
  );
  const operator = {
    authorization: `Basic ${Buffer.from(`operator:${SECRETS.password}`).toString('base64')}`,
    'sec-fetch-site': 'same-origin',
  };
  for (const path of ['/admin/queues', `/admin/queues/api/queues?activeQueue=${QUEUE}&status=failed`])
    expect((await ask('GET', path, undefined, operator)).status).toBe(200);
  expect(
    (await ask('PUT', `/admin/queues/api/queues/${QUEUE}/retry/failed`, undefined, operator)).status,
  ).toBe(200);
  const [letter] = await run<{ provider_id: string; message_id: string }>(
    world.db,
    sql`select provider_id, message_id from notifications where provider_id is not null limit 1`,
  );
  const bounce = JSON.stringify(
    report('email.bounced', {
      email_id: letter?.provider_id,
      to: [`fine@${DOMAIN}`],
      subject: NAME,
      tags: { message_id: letter?.message_id },
      bounce: { message: SECRETS.note },
    }),
  );
  expect((await ask('POST', '/webhooks/resend', bounce, { ...signed(bounce) })).status).toBe(200);
  await until(async () => (await lettersUnderway()) === 0, 'an end of what was retried', 150_000);
  // Redis has heard of the limits.
  await until(async () => (await world.redis.keys('*:limits:*')).length > 0, 'counts in Redis');
}

/** Two letters can look like an outage, and the last one alone cannot show that it is none. The next letter would. */
async function lettersUnderway(): Promise<number> {
  await run(world.db, sql`delete from holds where opened_at < now() - interval '3 seconds'`);
  const rows = await run(world.db, sql`select 1 from outbox where sent_at is null and dead_at is null`);
  return rows.length;
}

/** Requests that are refused, with something planted in each part of them. */
async function refusals(): Promise<void> {
  const q = SECRETS.query;
  const asked: readonly (readonly [string, string, unknown?, Headers?])[] = [
    ['GET', `/orders?${q}=1`],
    ['GET', `/nowhere?x=${q}`],
    ['GET', `/%zz?x=${q}`],
    ['GET', `/orders/${'a'.repeat(200)}?x=${q}`],
    ['DELETE', `/orders?x=${q}`],
    [
      'GET',
      `/admin/queues?x=${q}`,
      undefined,
      { authorization: `Basic ${Buffer.from(`operator:${SECRETS.wrong}`).toString('base64')}` },
    ],
    ['GET', '/orders', undefined, { authorization: `Bearer ${SECRETS.wrong}` }],
    ['POST', '/customers', `{"email":"${NAME}@${DOMAIN}`],
    ['POST', '/customers', { email: `x@${DOMAIN}\n`, name: NAME }],
    ['POST', '/customers', { email: `x@${DOMAIN}`, name: NAME, [NAME]: 1 }],
    ['POST', '/orders', { customerId: randomUUID(), currency: NAME, items: [] }],
    ['POST', '/webhooks/resend', { to: `x@${DOMAIN}` }],
    ['POST', '/customers', NAME, { 'content-type': 'text/plain' }],
  ];
  for (const [method, path, body, headers] of asked)
    expect((await ask(method, path, body, headers)).status, path).toBeGreaterThanOrEqual(400);
}

describe('after all that, no name, no address and no secret stands', () => {
  it('in the log of any process', () => {
    for (const output of outputs) {
      const log = output();
      expect(log.length).toBeGreaterThan(100);
      expect(foundIn(log)).toEqual([]);
    }
    expect(outputs.map((output) => output()).join('')).toContain('"not accepted"'); // it does tell of letters
  });

  it('in Redis', async () => {
    const dump = await redisDump(world.redis);
    expect(dump).toContain('order.created'); // it does look inside
    expect(foundIn(dump)).toEqual([]);
  });

  it('in the metrics of any process', () => {
    expect(metrics).toMatch(DEAD); // it does count
    expect(foundIn(metrics)).toEqual([]);
  });

  it('in an alert', () => {
    expect(alerts.join('')).toContain('dead letters');
    expect(foundIn(alerts.join(''))).toEqual([]);
  });

  it('and each would have been found: they stand in the ledger, in whatever form', async () => {
    const rows = await run(
      world.db,
      sql`select c.email, c.name, i.sku, i.name as item, n.body, n.answer_detail from customers c
      join orders o on o.customer_id = c.id join order_items i on i.order_id = o.id join outbox m on m.order_id = o.id
      left join notifications n on n.message_id = m.id`,
    );
    expect(foundIn(JSON.stringify(rows))).toEqual(
      expect.arrayContaining(['name', 'address', 'item', 'sku', 'note']),
    );
    for (const [what, secret] of Object.entries(SECRETS))
      expect(foundIn(`x${Buffer.from(`${secret}:y`).toString('base64')}`), what).toContain(what);
  });
});
