/** The web process around its API: health while stores are away, documentation, security headers, and its end. */
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpCloser } from '../src/health.ts';
import { startProcess } from './support/processes.ts';
import { startProxy } from './support/proxy.ts';
import { until } from './support/until.ts';
import { type Ask, anonymous, openWeb, signedIn, withKey } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
let app: FastifyInstance;
let ask: Ask;
beforeAll(async () => {
  world = await openWorld();
  app = await openWeb(world);
  ask = anonymous(app);
});
afterAll(() => world.close());

describe('health', () => {
  it('is live and ready, and shows metrics in the format of Prometheus', async () => {
    expect((await ask('GET', '/livez')).json).toEqual({ status: 'ok' });
    const ready = await ask('GET', '/readyz');
    expect([ready.status, ready.json]).toEqual([200, { status: 'ok', failed: [] }]);
    const metrics = await ask('GET', '/metrics');
    expect([metrics.status, metrics.headers['content-type']]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
  });

  it('of the process: ready while Redis is away, not ready while Postgres is, ready again when it is back', async () => {
    const [ledger, queue] = [
      await startProxy(world.config.databaseUrl),
      await startProxy(world.config.redisUrl),
    ];
    const web = await startProcess('web', {
      ...world.environment,
      DATABASE_URL: ledger.url,
      REDIS_URL: queue.url,
    });
    const at = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${web.port}${path}`, init);
    const post = (path: string, body: unknown) =>
      at(path, {
        method: 'POST',
        headers: { authorization: 'Bearer test-key', 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    try {
      await web.ready();
      queue.cut();
      await until(() => web.output().includes('the connection to Redis is lost'));
      expect((await at('/readyz')).status).toBe(200);
      const added = await post('/customers', { email: 'ada@example.com', name: 'Ada' });
      const { customerId } = (await added.json()) as { customerId: string }; // or the next answer is not 201
      const items = [{ sku: 'TEA', name: 'Tea', quantity: 1, unitPrice: 1 }];
      expect((await post('/orders', { customerId, currency: 'EUR', items })).status).toBe(201);

      ledger.cut();
      const unready = await at('/readyz');
      expect([unready.status, await unready.json()]).toEqual([
        503,
        { status: 'unready', failed: ['database'] },
      ]);
      expect((await at('/livez')).status).toBe(200);

      ledger.mend();
      await web.ready();
      const metrics = await (await at('/metrics')).text();
      expect(metrics).toMatch(/^process_resident_memory_bytes\{process="web"\} \d+/m);
      expect(metrics + web.output()).not.toMatch(/@example|Ada/);
    } finally {
      await web.end();
      await ledger.close();
      await queue.close();
    }
  });
});

describe('the documentation', () => {
  it('is a page', async () => {
    const page = await ask('GET', '/docs');
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.text).toContain('<title>Order Notifications: API</title>');
  });
});

describe('the headers of every answer', () => {
  const ANSWERS: [what: string, path: string, status: number][] = [
    ['a page of the documentation', '/docs', 200],
    ['a script of the documentation', '/docs/static/swagger-ui-bundle.js', 200],
    ['an answer of the API', '/orders', 200],
    ['a refusal of the API', '/orders/7', 400],
    ['an address that leads nowhere', '/nowhere', 404],
    ['the dashboard', '/admin/queues', 200],
    ['an address below it that leads nowhere', '/admin/nowhere', 404],
    ['health', '/livez', 200],
    ['metrics', '/metrics', 200],
  ];

  it.each(ANSWERS)('forbid other hosts and foreign scripts: %s', async (_what, path, status) => {
    const by = path.startsWith('/admin') ? signedIn(app) : withKey(app);
    const answer = await by('GET', path);
    expect(answer.status).toBe(status);
    expect(policyOf(answer.headers)).toEqual({
      'default-src': ["'self'"],
      'style-src': ["'self'", "'unsafe-inline'"],
      'img-src': ["'self'", 'data:'],
      'object-src': ["'none'"],
      'base-uri': ["'self'"],
      'form-action': ["'self'"],
      'frame-ancestors': ["'none'"],
    });
    expect(answer.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(answer.headers).not.toHaveProperty('x-powered-by');
  });

  it('come with a refusal for want of credentials too', async () => {
    for (const path of ['/orders', '/admin/queues']) {
      const answer = await ask('GET', path);
      expect(answer.status).toBe(401);
      expect(policyOf(answer.headers)['default-src']).toEqual(["'self'"]);
    }
  });

  it('suit the pages: no script of theirs is inline or from another host', async () => {
    const pages = [await ask('GET', '/docs'), await signedIn(app)('GET', '/admin/queues')];
    for (const { text } of pages) {
      const scripts = [...text.matchAll(/<script\b([^>]*)>([^<]*)/g)];
      expect(scripts.length).toBeGreaterThan(0);
      for (const [, attributes = '', inside = ''] of scripts) {
        if (attributes.includes('type="application/json"')) continue;
        expect(attributes).toMatch(/src="(?!https?:|\/\/)/);
        expect(inside.trim()).toBe('');
      }
      expect(text).not.toMatch(/<[^>]+\son\w+=|javascript:/i);
    }
  });
});

function policyOf(headers: Readonly<Record<string, string>>): Record<string, string[]> {
  const directives = (headers['content-security-policy'] ?? '').split(';').map((one) => one.split(' '));
  return Object.fromEntries(directives.map(([name = '', ...sources]) => [name, sources]));
}

describe('the end of the process', () => {
  it('answers what was asked, and closes a kept-alive connection that becomes idle only then', async () => {
    const closing = await openWeb(world);
    await closing.listen({ host: '127.0.0.1', port: 0 });
    const { port } = closing.server.address() as AddressInfo; // it listens on TCP
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const request = (path: string) => {
      const headers = { authorization: 'Bearer test-key' };
      return get({ host: '127.0.0.1', port, path, agent, headers });
    };
    const statusOf = async (sent: ReturnType<typeof request>): Promise<number> => {
      const [response] = await once(sent, 'response');
      response.resume();
      await once(response, 'end');
      return response.statusCode;
    };
    const blocker = postgres(world.config.databaseUrl, { max: 1 });
    try {
      expect(await statusOf(request('/livez'))).toBe(200);
      await blocker.unsafe('begin; lock table orders in access exclusive mode');
      const slow = request('/orders');
      const answered = statusOf(slow);
      await until(async () => {
        const waiting = await blocker`select 1 from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`;
        return waiting.length > 0;
      }, 'a request that waits');

      let closed = false;
      const close = httpCloser(closing)().then(() => {
        closed = true;
      });
      await until(() => !closing.server.listening);
      expect(closed).toBe(false);
      await blocker.unsafe('rollback');
      expect(await answered).toBe(200);
      await close;
      await until(() => slow.socket?.destroyed);
    } finally {
      agent.destroy();
      await blocker.end();
    }
  });

  it('does not wait for connections that nobody uses', async () => {
    const closing = await openWeb(world);
    await closing.listen({ host: '127.0.0.1', port: 0 });
    const { port } = closing.server.address() as AddressInfo; // it listens on TCP
    const agent = new Agent({ keepAlive: true });
    const sent = get({ host: '127.0.0.1', port, path: '/livez', agent });
    const [response] = await once(sent, 'response');
    response.resume();
    await once(response, 'end');
    await httpCloser(closing)();
    await until(() => sent.socket?.destroyed);
    agent.destroy();
  });

  it('is seen at /readyz, which sends callers elsewhere', async () => {
    const ending = new AbortController();
    const process = { ...world.process, ending: ending.signal };
    const last = anonymous(await openWeb({ ...world, process }));
    expect((await last('GET', '/readyz')).status).toBe(200);
    ending.abort();
    const answer = await last('GET', '/readyz');
    expect([answer.status, answer.json]).toEqual([503, { status: 'unready', failed: ['ending'] }]);
  });
});
