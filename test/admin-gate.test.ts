/** The dashboard's gate on the wire: however its paths are written, nobody gets past without credentials, from elsewhere, or to act as a viewer. */
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../src/database.ts';
import { jobId, QUEUE } from '../src/queue.ts';
import { outboxRow, stageOne } from './support/rows.ts';
import { openWeb, registeredRoutes } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
let app: Awaited<ReturnType<typeof openWeb>>;
let port: number;

beforeAll(async () => {
  world = await openWorld({ VIEWER_USERNAME: 'viewer', VIEWER_PASSWORD: 'viewer-password' });
  app = await openWeb(world);
  await app.listen({ host: '127.0.0.1', port: 0 });
  port = (app.server.address() as AddressInfo).port; // it listens on TCP
});
afterAll(() => world.close());

interface Heard {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends these very bytes and reads until the server has closed the connection. */
async function say(method: string, target: string, headers: readonly string[] = []): Promise<Heard> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1');
  let text = '';
  socket.on('data', (part) => {
    text += part;
  });
  socket.on('error', () => undefined); // it may close before all was read
  socket.write(
    [`${method} ${target} HTTP/1.1`, 'Host: shop.example', 'Connection: close', ...headers, '', ''].join(
      '\r\n',
    ),
  );
  await once(socket, 'close');
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), head: head.toLowerCase(), body };
}

const basic = (name: string, password = `${name}-password`) =>
  `Authorization: Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

/** Below /admin, however it is written. */
const INSIDE = [
  '/admin',
  '/admin/',
  '/admin?x=1',
  '/admin/nowhere',
  '/admin/queues',
  '/admin/queues/',
  '/admin/queues?x=/',
  '/admin/queues/queue/order-notifications',
  '/admin/queues/static/favicon-32x32.png',
  '/admin/queues/static/../../../package.json',
  '/admin/queues/static/%2e%2e/%2e%2e/package.json',
  '/admin/queues/static/..%2f..%2fpackage.json',
  '/admin/queues/api/queues',
  '/admin/queues//api/queues',
  '/admin/queues/api/redis/stats',
  '/admin/orders/01a206b8-82f0-7023-9978-0ae66dfecce9',
  '/%61dmin/queues',
  '/adm%69n/queues/api/queues',
  '/admin%2Fqueues'.replace('%2F', '/'),
  'http://shop.example/admin/queues',
];

/** Elsewhere: there is nothing. */
const OUTSIDE = [
  '//admin/queues',
  '/./admin/queues',
  '/x/../admin/queues',
  '/docs/../admin/queues',
  '/ADMIN/queues',
  '/Admin',
  '/admin;x/queues',
  '/admin%2fqueues',
  '/admin%2Fqueues/api/queues',
  '/admin\\queues',
  '/admin.',
  '/administrator',
  '/%2561dmin/queues',
];

describe('without credentials', () => {
  it.each(INSIDE)('%s is answered 401, and nothing is shown', async (target) => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const { status, head, body } = await say(method, target);
      expect(status, `${method} ${target}`).toBe(401);
      expect(head).toContain('www-authenticate: basic');
      expect(head).toContain('cache-control: no-store');
      expect(body).not.toMatch(/<html|bull/i);
    }
  });

  it.each(OUTSIDE)('%s leads nowhere', async (target) => {
    for (const method of ['GET', 'PUT']) {
      const { status, body } = await say(method, target);
      expect([400, 401, 404, 405], `${method} ${target}`).toContain(status);
      expect(body).not.toMatch(/<html|bull/i);
    }
  });

  it.each(['TRACE', 'PROPFIND', 'SEARCH'])('%s gets nowhere either', async (method) => {
    expect((await say(method, '/admin/queues')).status).toBeGreaterThanOrEqual(400);
  });

  it('every route that the dashboard has is behind the gate', async () => {
    const routes = registeredRoutes(app).filter((route) => / \/admin/.test(route));
    expect(routes.length).toBeGreaterThan(20);
    for (const route of routes) {
      const [method = '', path = ''] = route.split(' ');
      const target = path.replaceAll(/:\w+|\*/g, 'x');
      expect((await say(method, target)).status, route).toBe(401);
    }
  });

  it.each([
    'Authorization: Basic',
    'Authorization: Basic !!!!',
    'Authorization: Basic Og==',
    `${basic('operator')}x`,
    basic('operator', 'viewer-password'),
    basic('viewer', 'operator-password'),
    basic('', 'operator-password'),
    basic('Operator'),
    'Authorization: Bearer test-key',
    'Cookie: session=operator',
    'X-Forwarded-User: operator',
  ])('%s opens nothing', async (header) => {
    expect((await say('GET', '/admin/queues', [header])).status).toBe(401);
  });
});

describe('with credentials', () => {
  const RETRY = `/admin/queues/api/queues/${QUEUE}/retry/failed`;

  it.each([
    'Sec-Fetch-Site: cross-site',
    'Sec-Fetch-Site: same-site',
    'Sec-Fetch-Site: none',
    'Sec-Fetch-Mode: cors',
    'Origin: null',
    'Origin: https://evil.example',
    'Origin: http://shop.example.evil.example',
    'Origin: http://shop.example:81',
  ])('a request from elsewhere (%s) is answered 403', async (header) => {
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH'])
      expect((await say(method, RETRY, [basic('operator'), header])).status, method).toBe(403);
  });

  it.each([['Sec-Fetch-Site: same-origin'], ['Origin: http://shop.example'], []])(
    'an operator’s own (%s) is done',
    async (...headers) => {
      const own = headers.filter((header) => header !== undefined);
      expect((await say('PUT', RETRY, [basic('operator'), ...own])).status).toBe(200);
    },
  );

  it('a viewer sees what an operator sees', async () => {
    for (const target of [
      '/admin/queues',
      '/admin/queues/api/queues',
      '/admin/queues/static/favicon-32x32.png',
    ]) {
      const [theirs, ours] = [
        await say('GET', target, [basic('viewer')]),
        await say('GET', target, [basic('operator')]),
      ];
      expect([theirs.status, ours.status], target).toEqual([200, 200]);
    }
  });

  it('a viewer cannot retry, nor do anything else', async () => {
    const message = await stageOne(world.db);
    await run(
      world.db,
      sql`update outbox set enqueued_at = now(), dead_at = now(), dead_reason = 'refused' where id = ${message.id}`,
    );
    const one = `/admin/queues/api/queues/${QUEUE}/${jobId(message)}/retry`;
    for (const target of [one, RETRY]) {
      const { status, body } = await say('PUT', target, [basic('viewer'), 'Sec-Fetch-Site: same-origin']);
      expect([status, JSON.parse(body).detail]).toEqual([403, 'A viewer can look, and nothing else.']);
    }
    for (const method of ['POST', 'DELETE', 'PATCH', 'OPTIONS'])
      expect((await say(method, '/admin/queues/api/queues', [basic('viewer')])).status).toBe(403);
    expect((await outboxRow(world.db, message.id)).dead_reason).toBe('refused');
    expect((await say('PUT', one, [basic('operator')])).status).toBe(204);
    expect(
      await run(
        world.db,
        sql`select operator, action from operator_actions where message_id = ${message.id}`,
      ),
    ).toEqual([{ operator: 'operator', action: 'retry' }]);
  });

  it('no answer sets a cookie or opens itself to other sites', async () => {
    const elsewhere = ['Origin: https://evil.example', 'Access-Control-Request-Method: PUT'];
    for (const [method, target, headers] of [
      ['GET', '/admin/queues', [basic('operator'), ...elsewhere]],
      ['OPTIONS', '/admin/queues', [basic('operator'), ...elsewhere]],
      ['OPTIONS', '/orders', ['Authorization: Bearer test-key', ...elsewhere]],
      ['GET', '/orders', ['Authorization: Bearer test-key', ...elsewhere]],
      ['GET', '/docs', elsewhere],
      ['GET', '/livez', elsewhere],
    ] as const)
      expect((await say(method, target, headers)).head).not.toMatch(/set-cookie|access-control-/);
  });
});

describe('an order’s story', () => {
  it('is told to both, with every text as it is and no markup of others', async () => {
    const nasty = `</script><img src=x onerror=alert(1)> & "Ada"`;
    const customerId = await world.customer({ email: 'ada@example.com', name: nasty });
    const [{ id = '' } = {}] = await run<{ id: string }>(
      world.db,
      sql`select o.id from orders o where o.customer_id = ${customerId} limit 1`,
    );
    expect(id).toBe('');
    const orderId = await world.order();
    await run(world.db, sql`update orders set customer_id = ${customerId} where id = ${orderId}`);
    for (const name of ['viewer', 'operator']) {
      const { status, head, body } = await say('GET', `/admin/orders/${orderId}`, [basic(name)]);
      expect(status).toBe(200);
      expect(head).toContain('content-type: text/html; charset=utf-8');
      expect(head).toContain("default-src 'self'");
      expect(body).toContain('&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; &amp; &quot;Ada&quot;');
      expect(body).not.toMatch(/<script|<img|onerror=alert\(1\)>(?!&)| on\w+="/);
      expect(body).toMatch(/order\.created.*staged/s);
    }
  });

  it.each(['x', '01a206b8-82f0-7023-9978-0ae66dfecce9', '%00', '..%2f..', "'; drop table orders; --"])(
    'of %s is not there',
    async (id) => {
      const { status, body } = await say('GET', `/admin/orders/${encodeURI(id)}`, [basic('operator')]);
      expect([400, 404]).toContain(status);
      expect(body).toMatch(/There is no such order|The path|"status":4/);
    },
  );
});

it('no query string is ever logged', async () => {
  const planted = 'planted-in-a-query';
  for (const target of ['/orders', '/nowhere', '/admin/queues', '/webhooks/resend', '/docs', '/livez', '/%'])
    for (const headers of [[], [basic('operator')], ['Authorization: Bearer test-key']])
      await say('GET', `${target}?secret=${planted}`, headers);
  expect(world.logged.join('')).not.toContain(planted);
});
