/** What operations receive: the exact JSON, through every webhook that works, and never again without a reason. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../local/server.ts';
import { type Alert, type Condition, compose, createDelivery, tell } from '../src/alerts.ts';
import { readConfig } from '../src/config.ts';
import { run } from '../src/database.ts';
import { createLedger, type Ledger } from './support/ledger.ts';
import { until } from './support/until.ts';

const KEY = '0192f0c0-0000-7000-8000-000000000001';
const PLACE = {
  queue: 'order-notifications',
  site: 'https://shop.example',
};
const LINK = 'https://shop.example/admin/dead-letters';
const CONDITION: Condition = {
  name: 'dead_letters',
  severity: 'warning',
  count: 5,
  reasons: [
    { reason: 'refused', count: 4, oldest: '2026-01-01T00:00:00.000Z', messageIds: ['a', 'b', 'c'] },
    { reason: 'customer_missing', count: 1, oldest: '2026-01-02T00:00:00.000Z', messageIds: [] },
  ],
  firing: '5 messages in the dead letters of order-notifications',
  resolved: 'No dead letters in order-notifications any more',
  page: '/admin/dead-letters',
  news: true,
};
const OVER: Condition = { ...CONDITION, count: 0, reasons: [], news: false };
const ALERT = compose(CONDITION, PLACE, 'firing', KEY);

const logged: string[] = [];
const log = pino({ level: 'debug' }, { write: (line) => void logged.push(line) });
beforeEach(() => {
  logged.length = 0;
});

interface Received {
  readonly method: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A webhook that answers with a status, or never; it keeps what it was sent. */
async function webhook(status: number | 'never', headers: Record<string, string> = {}) {
  const received: Received[] = [];
  const server: Server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    received.push({ method: request.method, headers: request.headers, body });
    if (status !== 'never') response.writeHead(status, headers).end('noted');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // neither a pipe nor closed
  return { url: `http://127.0.0.1:${port}/hook`, received };
}

describe('compose', () => {
  it('writes the JSON that operators script against', () => {
    expect(JSON.parse(JSON.stringify(ALERT))).toEqual({
      severity: 'warning',
      status: 'firing',
      message: '5 messages in the dead letters of order-notifications',
      source: 'notification-service',
      queue: 'order-notifications',
      count: 5,
      reasons: CONDITION.reasons,
      link: LINK,
      dedupKey: KEY,
      text: [
        '[warning] 5 messages in the dead letters of order-notifications',
        '• refused: 4, oldest 2026-01-01T00:00:00.000Z, for example a',
        '• customer_missing: 1, oldest 2026-01-02T00:00:00.000Z, for example –',
        LINK,
      ].join('\n'),
    });
  });

  it('writes a recovery under the same key', () => {
    expect(compose(OVER, PLACE, 'resolved', KEY)).toEqual({
      ...ALERT,
      status: 'resolved',
      message: OVER.resolved,
      count: 0,
      reasons: [],
      text: `[resolved] ${OVER.resolved}\n${LINK}`,
    });
  });
});

describe('a delivery', () => {
  it('posts the alert as JSON', async () => {
    const hook = await webhook(200);
    expect(await createDelivery([hook.url], log)(ALERT)).toBe(true);
    expect(hook.received).toMatchObject([
      { method: 'POST', headers: { 'content-type': 'application/json' } },
    ]);
    expect(JSON.parse(hook.received[0]?.body ?? '')).toEqual(ALERT);
  });

  it('counts when one of several webhooks has taken it, and says which error the others gave', async () => {
    const [good, bad] = [await webhook(204), await webhook(503)];
    const nobody = `http://127.0.0.1:${await freePort()}/hook`;
    expect(await createDelivery([nobody, bad.url, good.url], log)(ALERT)).toBe(true);
    expect(good.received).toHaveLength(1);
    expect(logged.filter((line) => line.includes('an alert was not delivered'))).toHaveLength(2);
    expect(logged.join('')).toContain('the webhook answered 503');
  });

  it.each([302, 307, 400, 404, 500])('does not count when the only webhook answers %i', async (status) => {
    const elsewhere = await webhook(200);
    const hook = await webhook(status, { location: elsewhere.url });
    expect(await createDelivery([hook.url], log)(ALERT)).toBe(false);
    expect(elsewhere.received).toEqual([]);
  });

  it('reaches the other webhooks while one never answers, and ends all the same', async () => {
    const [silent, good] = [await webhook('never'), await webhook(200)];
    const alone = createDelivery([silent.url], log)(ALERT);
    const together = createDelivery([silent.url, good.url], log)(ALERT);
    await until(() => good.received.length === 1);
    expect(await alone).toBe(false);
    expect(await together).toBe(true);
  });

  it('without any webhook is the log line, and counts', async () => {
    expect(await createDelivery([], log)(ALERT)).toBe(true);
    expect(logged).toHaveLength(1);
    expect(JSON.parse(logged[0] ?? '')).toMatchObject({
      msg: ALERT.message,
      dedupKey: KEY,
      status: 'firing',
    });
  });

  it('does not put a webhook into the log: its address is its password', async () => {
    const hook = await webhook(500);
    const nobody = `http://127.0.0.1:${await freePort()}`;
    await createDelivery([`${hook.url}/s3cr3t`, `${nobody}/s3cr3t`], log)(ALERT);
    expect(logged.join('')).not.toContain('s3cr3t');
  });
});

describe('a webhook with a password in its address', () => {
  it('is refused at the start: nothing can be sent there, and the error would print the password', () => {
    const url = 'https://operator:s3cr3t@alerts.example/hook';
    expect(() => readConfig([], { ALERT_WEBHOOK_URL: url })).toThrow(
      'ALERT_WEBHOOK_URL must not contain a user name or a password',
    );
    expect(() => readConfig([], { ALERT_WEBHOOK_URL: url })).not.toThrow('s3cr3t');
  });
});

describe('tell', () => {
  let ledger: Ledger;
  let heard: Alert[];
  beforeAll(async () => {
    ledger = await createLedger();
  });
  beforeEach(async () => {
    heard = [];
    await run(ledger.db, sql`delete from alerts`);
  });
  afterAll(() => ledger.close());

  const hear = async (alert: Alert): Promise<boolean> => heard.push(alert) > 0;
  const refuse = async (alert: Alert): Promise<boolean> => heard.push(alert) < 0;
  const quiet: Condition = { ...CONDITION, news: false };
  const say = (condition: Condition, deliver = hear) => tell(ledger.db, condition, PLACE, deliver);
  const passed = (interval: string) =>
    run(ledger.db, sql`update alerts set notified_at = now() - ${interval}::interval`);
  const statuses = () => heard.map(({ status }) => status);

  it('tells of a condition when it begins, with or without news, and then of news alone', async () => {
    expect(await say(quiet)).toBe(true);
    expect(await say(quiet)).toBe(false);
    expect(await say(CONDITION)).toBe(true);
    expect(await say(quiet)).toBe(false);
    expect(statuses()).toEqual(['firing', 'firing']);
    expect(new Set(heard.map(({ dedupKey }) => dedupKey)).size).toBe(1);
  });

  it('reminds after an hour, and not before', async () => {
    await say(CONDITION);
    await passed('59 minutes');
    expect(await say(quiet)).toBe(false);
    await passed('61 minutes');
    expect(await say(quiet)).toBe(true);
    expect(await say(quiet)).toBe(false);
    expect(heard).toHaveLength(2);
  });

  it('tells of the end once; what begins afterwards is another incident', async () => {
    await say(CONDITION);
    expect(await say(OVER)).toBe(false);
    expect(await say(OVER)).toBe(false);
    await say(CONDITION);
    expect(statuses()).toEqual(['firing', 'resolved', 'firing']);
    const [first, end, second] = heard.map(({ dedupKey }) => dedupKey);
    expect(end).toBe(first);
    expect(second).not.toBe(first);
  });

  it('tells again, under the same key, what nobody took', async () => {
    expect(await say(CONDITION, refuse)).toBe(false);
    expect(await say(quiet)).toBe(true);
    expect(await say(OVER, refuse)).toBe(false);
    await say(OVER);
    expect(statuses()).toEqual(['firing', 'firing', 'resolved', 'resolved']);
    expect(new Set(heard.map(({ dedupKey }) => dedupKey)).size).toBe(1);
  });

  it('tells of the end also when no notice of the beginning is on record: it may have gone out', async () => {
    await say(CONDITION, refuse);
    await say(OVER);
    expect(statuses()).toEqual(['firing', 'resolved']);
  });

  it('keeps alerts of different names apart', async () => {
    await say(CONDITION);
    await say({ ...CONDITION, name: 'sending_held', severity: 'critical' });
    await say({ ...OVER, name: 'sending_held' });
    expect(await say(quiet)).toBe(false);
    expect(heard.map(({ severity, status }) => `${severity} ${status}`)).toEqual([
      'warning firing',
      'critical firing',
      'warning resolved',
    ]);
  });
});
