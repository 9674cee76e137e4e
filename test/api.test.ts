/** The HTTP API: exact answers, what it refuses and how, and what it does while a store is away. */
import { hostname } from 'node:os';
import { sql } from 'drizzle-orm';
import type { FastifyInstance } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, run } from '../src/database.ts';
import { openQueue } from '../src/queue.ts';
import { startProxy } from './support/proxy.ts';
import { until } from './support/until.ts';
import { type Answer, type Ask, anonymous, openWeb, withKey } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

const MESSAGE = 'Order created successfully. You will receive a confirmation shortly.';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const NOBODY = '01a206b8-82f0-7023-9978-0ae66dfecce9';
const TEA = { sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 };
const MAX = Number.MAX_SAFE_INTEGER;

let world: World;
let app: FastifyInstance;
let ask: Ask;
let staged = 0;
const countStaged = () => {
  staged += 1;
};
let customerId: string;
beforeAll(async () => {
  world = await openWorld({ API_KEYS: 'test:test-key,till:till-key' });
  app = await openWeb(world, { onStaged: countStaged });
  ask = withKey(app);
  customerId = (await ask('POST', '/customers', { email: 'ada@example.com', name: 'Ada' })).json.customerId;
});
afterAll(() => world.close());

const basket = (...items: object[]) => ({ customerId, currency: 'EUR', items });
const place = async (): Promise<string> => (await ask('POST', '/orders', basket(TEA))).json.orderId;

/** How many customers, orders, messages and keys there are: what a refused request must leave alone. */
const rows = () =>
  run(
    world.db,
    sql`select (select count(*) from customers) as customers, (select count(*) from orders) as orders,
          (select count(*) from outbox) as messages, (select count(*) from idempotency_keys) as keys`,
  );

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Payload Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Entity',
  503: 'Service Unavailable',
};
const LEAKS = /select |insert |postgres|drizzle|ioredis|node_modules|\.[jt]s:\d|\bat \w+ \(/i;

/** Expects a problem of that status, without anything of our insides; returns the paths of its field errors. */
function expectProblem(answer: Answer, status: number, instance: string): string[] {
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  const { detail, errors, ...rest } = answer.json;
  expect(rest).toEqual({ type: 'about:blank', title: TITLES[status], status, instance });
  expect(detail).toMatch(/\S/);
  expect(answer.text).not.toMatch(LEAKS);
  for (const error of errors ?? [])
    expect(error).toEqual({ path: expect.any(String), message: expect.stringMatching(/\S/) });
  return (errors ?? []).map(({ path }: { path: string }) => path);
}

describe('customers', () => {
  it('are added with 201 and found again', async () => {
    const added = await ask('POST', '/customers', { email: 'grace@example.com', name: 'Grace' });
    expect([added.status, added.json]).toEqual([201, { customerId: expect.stringMatching(UUID) }]);
    const found = await ask('GET', `/customers/${added.json.customerId}`);
    expect([found.status, found.json]).toEqual([
      200,
      {
        customerId: added.json.customerId,
        email: 'grace@example.com',
        name: 'Grace',
        createdAt: expect.stringMatching(INSTANT),
      },
    ]);
  });

  it('that are unknown are 404', async () => {
    const path = `/customers/${uuidv7()}`;
    expectProblem(await ask('GET', path), 404, path);
  });

  it.each([
    'a@b.co',
    "o'hara+orders=1@mail.example-shop.com",
    'first.last@sub.sub.example.museum',
    '!#$%&*/?^_`{|}~-@example.com',
    `${'a'.repeat(64)}@example.com`,
    `a@${'b'.repeat(63)}.com`,
    'a@xn--bcher-kva.example',
  ])('may have the address %s', async (email) => {
    expect((await ask('POST', '/customers', { email, name: 'Ada' })).status).toBe(201);
  });

  it.each(['Ada', 'Ægir 🍵', '李', "O'Hara <x>", ' Ada ', 'a'.repeat(200), '🍵'.repeat(200)])(
    'may have the name %j and keep it',
    async (name) => {
      const { json } = await ask('POST', '/customers', { email: 'a@example.com', name });
      expect((await ask('GET', `/customers/${json.customerId}`)).json.name).toBe(name);
    },
  );
});

describe('placing an order', () => {
  it('answers 201 with the id, the sentence and the order’s address', async () => {
    const before = staged;
    const answer = await ask('POST', '/orders', basket(TEA));
    const { orderId } = answer.json;
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual({ success: true, orderId: expect.stringMatching(UUID), message: MESSAGE });
    expect(answer.headers.location).toBe(`/orders/${orderId}`);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.headers).not.toHaveProperty('idempotency-replayed');
    expect(staged).toBe(before + 1);
  });

  it('shows the order at its address, with its first letter staged', async () => {
    const orderId = await place();
    const { status, json } = await ask('GET', `/orders/${orderId}`);
    expect(status).toBe(200);
    expect(json).toEqual({
      id: orderId,
      customerId,
      status: 'CREATED',
      currency: 'EUR',
      total: 900,
      createdAt: expect.stringMatching(INSTANT),
      items: [TEA],
      notifications: [
        {
          id: expect.stringMatching(UUID),
          type: 'order.created',
          status: 'staged',
          timeline: [
            { at: expect.stringMatching(INSTANT), event: 'staged', by: `test ${process.pid}@${hostname()}` },
          ],
        },
      ],
    });
  });

  it('takes a hundred items, a million of a thing, a free thing and the largest total', async () => {
    const hundred = await ask('POST', '/orders', basket(...Array.from({ length: 100 }, () => TEA)));
    expect(hundred.status).toBe(201);
    const million = await ask('POST', '/orders', basket({ ...TEA, quantity: 1_000_000, unitPrice: 0 }));
    expect(million.status).toBe(201);
    const largest = await ask('POST', '/orders', basket({ ...TEA, quantity: 1, unitPrice: MAX }));
    expect((await ask('GET', largest.headers.location ?? '')).json.total).toBe(MAX);
  });

  it('for an unknown customer is 404 and stores nothing', async () => {
    const before = await rows();
    const answer = await ask('POST', '/orders', { ...basket(TEA), customerId: uuidv7() });
    expectProblem(answer, 404, '/orders');
    expect(await rows()).toEqual(before);
  });

  it('that does not exist is 404', async () => {
    const path = `/orders/${uuidv7()}`;
    expectProblem(await ask('GET', path), 404, path);
  });
});

describe('an Idempotency-Key', () => {
  const under = (key: string, body: unknown = basket(TEA), by = ask) =>
    by('POST', '/orders', body, { 'idempotency-key': key });

  it('gives the same answer again, byte for byte, and says that it is a replay', async () => {
    const first = await under('again');
    const stagedThen = staged;
    const second = await under('again');
    expect([second.status, second.text, second.headers.location]).toEqual([
      201,
      first.text,
      first.headers.location,
    ]);
    expect(second.headers['content-type']).toBe(first.headers['content-type']);
    expect([first.headers['idempotency-replayed'], second.headers['idempotency-replayed']]).toEqual([
      undefined,
      'true',
    ]);
    expect(staged).toBe(stagedThen);
  });

  it('knows the same body again however it is written', async () => {
    const first = await under(
      'rewritten',
      `{"customerId":"${customerId}","currency":"EUR","items":[${JSON.stringify(TEA)}]}`,
    );
    const again = await under(
      'rewritten',
      ` {"items": [{"unitPrice": 4.5e2, "quantity": 2.0, "name": "T\\u0065a", "sku": "TEA"}],\n "currency": "EUR", "customerId": "${customerId}"} `,
    );
    expect([again.status, again.text]).toEqual([201, first.text]);
  });

  it('makes one order of twenty requests at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => under('at-once')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true')).toHaveLength(19);
  });

  it('with another body is 422 and stores nothing', async () => {
    await under('other-body');
    const before = await rows();
    expectProblem(await under('other-body', basket({ ...TEA, quantity: 3 })), 422, '/orders');
    expect(await rows()).toEqual(before);
  });

  it('is another one under another API key', async () => {
    const [shop, till] = [await under('mine'), await under('mine', basket(TEA), withKey(app, 'till-key'))];
    expect([till.status, till.headers['idempotency-replayed']]).toEqual([201, undefined]);
    expect(till.json.orderId).not.toBe(shop.json.orderId);
  });

  it('is not consumed by a request that was refused', async () => {
    expect((await under('patient', { ...basket(TEA), customerId: uuidv7() })).status).toBe(404);
    expect((await under('patient', basket())).status).toBe(400);
    const placed = await under('patient');
    expect([placed.status, placed.headers['idempotency-replayed']]).toEqual([201, undefined]);
  });

  it('may have 255 visible characters', async () => {
    expect((await under('~'.repeat(254).concat('!'))).status).toBe(201);
  });

  it.each([
    ['', 'nothing'],
    ['a b', 'a space'],
    ['a'.repeat(256), '256 characters'],
    ['clé', 'a letter beyond ASCII'],
    ['a\tb', 'a tab'],
  ])('%j is refused: %s', async (key) => {
    const before = await rows();
    expect(expectProblem(await under(key), 400, '/orders')).toEqual(['/idempotency-key']);
    expect(await rows()).toEqual(before);
  });
});

/** What was sent, how it is made of a good order, and the paths that the answer blames. */
const BAD_ORDERS: [string, (good: Record<string, unknown>) => unknown, string[]][] = [
  ['null', () => null, ['/']],
  ['a list', () => [], ['/']],
  ['a text', () => '"order"', ['/']],
  ['nothing but braces', () => ({}), ['/customerId', '/currency', '/items']],
  ['an unknown field', (o) => ({ ...o, total: 1 }), ['/total']],
  ['a field with an odd name', (o) => ({ ...o, 'a/b~c': 1 }), ['/a~1b~0c']],
  ['no customerId', ({ customerId: _, ...o }) => o, ['/customerId']],
  ['customerId null', (o) => ({ ...o, customerId: null }), ['/customerId']],
  ['customerId 7', (o) => ({ ...o, customerId: 7 }), ['/customerId']],
  ['customerId not a uuid', (o) => ({ ...o, customerId: 'ada' }), ['/customerId']],
  ['customerId as a URN', (o) => ({ ...o, customerId: `urn:uuid:${customerId}` }), ['/customerId']],
  ['customerId in braces', (o) => ({ ...o, customerId: `{${customerId.slice(1, -1)}}` }), ['/customerId']],
  ['customerId and SQL', (o) => ({ ...o, customerId: "' or 1=1 --" }), ['/customerId']],
  ['no currency', ({ currency: _, ...o }) => o, ['/currency']],
  ['currency null', (o) => ({ ...o, currency: null }), ['/currency']],
  ['a currency in small letters', (o) => ({ ...o, currency: 'eur' }), ['/currency']],
  ['a currency that is none', (o) => ({ ...o, currency: 'ABC' }), ['/currency']],
  ['gold as currency', (o) => ({ ...o, currency: 'XAU' }), ['/currency']],
  ['currency constructor', (o) => ({ ...o, currency: 'constructor' }), ['/currency']],
  ['no items', ({ items: _, ...o }) => o, ['/items']],
  ['items null', (o) => ({ ...o, items: null }), ['/items']],
  ['items as an object', (o) => ({ ...o, items: { 0: TEA } }), ['/items']],
  ['0 items', (o) => ({ ...o, items: [] }), ['/items']],
  ['101 items', (o) => ({ ...o, items: Array.from({ length: 101 }, () => TEA) }), ['/items']],
  ['an item that is null', (o) => ({ ...o, items: [TEA, null] }), ['/items/1']],
  [
    'an item without fields',
    (o) => ({ ...o, items: [{}] }),
    ['/items/0/sku', '/items/0/name', '/items/0/quantity', '/items/0/unitPrice'],
  ],
  ['an item with an unknown field', (o) => ({ ...o, items: [{ ...TEA, price: 1 }] }), ['/items/0/price']],
];

/** A field of an item and a value that it must not have. */
const BAD_FIELDS: ['sku' | 'name' | 'quantity' | 'unitPrice', unknown][] = [
  ['quantity', null],
  ['quantity', 0],
  ['quantity', -1],
  ['quantity', 1.5],
  ['quantity', 1_000_001],
  ['quantity', '2'],
  ['quantity', '1e3'],
  ['quantity', true],
  ['quantity', [2]],
  ['unitPrice', null],
  ['unitPrice', -1],
  ['unitPrice', 4.5],
  ['unitPrice', 0.1],
  ['unitPrice', '450'],
  ['unitPrice', '1e3'],
  ['unitPrice', MAX + 1],
  ['unitPrice', 1e300],
  ['unitPrice', {}],
  ['sku', null],
  ['sku', 7],
  ['sku', ''],
  ['sku', '   '],
  ['sku', 'a'.repeat(201)],
  ['sku', 'T\u0000EA'],
  ['name', 'Te\ud800a'],
  ['name', 'Te\udc00a'],
  ['name', 'Tea\r\nBcc: eve@example.com'],
  ['name', 'Te\u001ba'],
  ['name', 'Te\u0085a'],
  ['name', '\u200b\u200e'],
  ['name', ['Tea']],
];

describe('a bad order', () => {
  let before: unknown;
  beforeAll(async () => {
    before = await rows();
  });

  it.each(BAD_ORDERS)('%s is 400 and names what is wrong', async (_what, spoil, paths) => {
    const answer = await ask('POST', '/orders', spoil(basket(TEA)));
    expect(new Set(expectProblem(answer, 400, '/orders'))).toEqual(new Set(paths));
  });

  it.each(BAD_FIELDS)('with the %s %j is 400 and names it', async (field, value) => {
    const answer = await ask('POST', '/orders', basket(TEA, { ...TEA, [field]: value }));
    expect(new Set(expectProblem(answer, 400, '/orders'))).toEqual(new Set([`/items/1/${field}`]));
  });

  it('with a total above 2^53 − 1 is 400', async () => {
    const half = { ...TEA, quantity: 1, unitPrice: 2 ** 52 };
    expect(expectProblem(await ask('POST', '/orders', basket(half, half)), 400, '/orders')).toEqual([
      '/items',
    ]);
    const many = { ...TEA, quantity: 1_000_000, unitPrice: MAX };
    expect(expectProblem(await ask('POST', '/orders', basket(many)), 400, '/orders')).toEqual(['/items']);
  });

  it('with a number beyond every float is 400', async () => {
    const text = JSON.stringify(basket(TEA)).replace('450', '1e400');
    expect(expectProblem(await ask('POST', '/orders', text), 400, '/orders')).toEqual(['/items/0/unitPrice']);
  });

  it('that is wrong everywhere gets a short answer', async () => {
    const answer = await ask('POST', '/orders', basket(...Array(30_000).fill(0)));
    expect(expectProblem(answer, 400, '/orders')).toHaveLength(100);
  });

  it('stores nothing', async () => {
    expect(await rows()).toEqual(before);
  });
});

describe('a body that is no good JSON', () => {
  it.each<[string, number, string, string | undefined]>([
    ['cut off', 400, '{"customerId":', 'application/json'],
    ['with a comma too many', 400, '{"items":[1,]}', 'application/json'],
    ['empty', 400, '', 'application/json'],
    ['that is NaN', 400, 'NaN', 'application/json'],
    ['with two values', 400, '{} {}', 'application/json'],
    ['with __proto__', 400, '{"__proto__":{"items":[]}}', 'application/json'],
    ['with a constructor’s prototype', 400, '{"constructor":{"prototype":{}}}', 'application/json'],
    ['in plain text', 415, '{}', 'text/plain'],
    ['from a form', 415, 'customerId=1', 'application/x-www-form-urlencoded'],
    ['in XML', 415, '<order/>', 'application/xml'],
    ['without a type', 415, '{}', undefined],
    ['of 65 KiB', 413, `"${'a'.repeat(65 * 1024)}"`, 'application/json'],
  ])('%s is %i', async (_what, status, body, type) => {
    expectProblem(await ask('POST', '/orders', body, { 'content-type': type }), status, '/orders');
  });
});

describe('a bad customer', () => {
  it.each([
    '',
    'ada',
    '@example.com',
    'ada@',
    'ada@example',
    'ada@@example.com',
    'ada lovelace@example.com',
    'ada@example.com\r\nBcc: eve@example.com',
    'ada@example.com\nBcc: eve@example.com',
    'ada@example.com, eve@example.com',
    'ada@example.com;eve@example.com',
    'Ada <ada@example.com>',
    '"ada"@example.com',
    '.ada@example.com',
    'ada.@example.com',
    'a..da@example.com',
    'ada@.example.com',
    'ada@example..com',
    'ada@-example.com',
    'ada@example-.com',
    'ada@example.com.',
    'ada@example.c',
    'ada@127.0.0.1',
    'ada@[127.0.0.1]',
    'ädä@example.com',
    'ada@exämple.com',
    'ada@example.com\u0000',
    'ada\ud800@example.com',
    ' ada@example.com',
    'ada@example.com ',
    `${'a'.repeat(65)}@example.com`,
    `ada@${'b'.repeat(64)}.com`,
    `ada@${`${'b'.repeat(60)}.`.repeat(5)}com`,
    null,
    7,
    ['ada@example.com'],
    { address: 'ada@example.com' },
  ])('with the address %j is 400', async (email) => {
    const answer = await ask('POST', '/customers', { email, name: 'Ada' });
    expect(new Set(expectProblem(answer, 400, '/customers'))).toEqual(new Set(['/email']));
  });

  it.each([null, 7, '', ' ', '\u200b', 'A\u0000da', 'A\ud800da', 'A\nda', 'A\u007fda', 'a'.repeat(201)])(
    'with the name %j is 400',
    async (name) => {
      const answer = await ask('POST', '/customers', { email: 'a@example.com', name });
      expect(new Set(expectProblem(answer, 400, '/customers'))).toEqual(new Set(['/name']));
    },
  );

  it('with an unknown field is 400', async () => {
    const answer = await ask('POST', '/customers', { email: 'a@example.com', name: 'Ada', admin: true });
    expect(expectProblem(answer, 400, '/customers')).toEqual(['/admin']);
  });
});

describe('a bad address of ours', () => {
  it.each([
    '/customers/7',
    '/customers/null',
    '/orders/not-a-uuid',
    '/orders/%00',
    '/orders/urn:uuid:01a206b3-fc6f-74e3-bd91-885005082d5f',
    "/orders/'%20or%201=1",
  ])('%s is 400 and names the id', async (path) => {
    expect(new Set(expectProblem(await ask('GET', path), 400, path))).toEqual(new Set(['/id']));
  });

  it.each(['/orders/7/ship', '/orders/7/cancel'])('%s is 400 too', async (path) => {
    expect(expectProblem(await ask('POST', path), 400, path)).toEqual(['/id']);
  });

  it.each<[string, string[]]>([
    ['limit=0', ['/limit']],
    ['limit=101', ['/limit']],
    ['limit=1e1', ['/limit']],
    ['limit=-1', ['/limit']],
    ['limit=', ['/limit']],
    ['limit=5&limit=6', ['/limit']],
    ['status=created', ['/status']],
    ['status=', ['/status']],
    ['customerId=ada', ['/customerId']],
    ['customerId=', ['/customerId']],
    ['cursor=x', ['/cursor']],
    ['cursor=%27', ['/cursor']],
    ['cursor=aaaaaaaaaaaaaaaaaaaaaaa', ['/cursor']],
    ['page=2', ['/page']],
    ['__proto__=1', ['/__proto__']],
    ['limit=0&page=2', ['/limit', '/page']],
  ])('/orders?%s is 400 and names it', async (query, paths) => {
    const answer = await ask('GET', `/orders?${query}`);
    expect(new Set(expectProblem(answer, 400, '/orders'))).toEqual(new Set(paths));
  });

  it.each<['GET' | 'POST' | 'PUT' | 'DELETE', string]>([
    ['GET', '/'],
    ['GET', '/nowhere'],
    ['GET', '/orders/7/fly'],
    ['DELETE', '/customer'],
  ])('%s %s leads nowhere: 404', async (method, path) => {
    expectProblem(await ask(method, path), 404, path);
  });

  it.each<['GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS', string, string]>([
    ['GET', '/customers', 'POST'],
    ['DELETE', '/orders', 'GET, HEAD, POST'],
    ['OPTIONS', '/orders', 'GET, HEAD, POST'],
    ['PUT', '/customers/7', 'GET, HEAD'],
    ['GET', '/orders/7/ship', 'POST'],
    ['GET', '/webhooks/resend', 'POST'],
    ['POST', '/livez', 'GET, HEAD'],
  ])('%s %s is 405, and says what is allowed: %s', async (method, path, allowed) => {
    const answer = await ask(method, path);
    expectProblem(answer, 405, path);
    expect(answer.headers.allow).toBe(allowed);
  });

  it('that cannot be decoded is 400, one that is too long 414', async () => {
    expectProblem(await ask('GET', '/orders/%E0%A4%A'), 400, '/orders/%E0%A4%A');
    const long = `/orders/${'a'.repeat(200)}`;
    expectProblem(await ask('GET', long), 414, long);
  });
});

describe('shipping and cancelling', () => {
  it.each<['ship' | 'cancel', 'cancel' | 'ship', string, string]>([
    ['ship', 'cancel', 'SHIPPED', 'order.shipped'],
    ['cancel', 'ship', 'CANCELLED', 'order.cancelled'],
  ])('%s answers 200 with the order, repeated too; %s is 409 then', async (step, other, status, type) => {
    const id = await place();
    const before = staged;
    const first = await ask('POST', `/orders/${id}/${step}`);
    expect(first.status).toBe(200);
    expect(first.json).toMatchObject({ id, status, items: [TEA] });
    expect(first.json.notifications.map((n: { type: string }) => n.type)).toEqual(['order.created', type]);
    expect(staged).toBe(before + 1);

    const again = await ask('POST', `/orders/${id}/${step}`);
    expect([again.status, again.json]).toEqual([200, first.json]);
    const path = `/orders/${id}/${other}`;
    expectProblem(await ask('POST', path), 409, path);
    expect((await ask('GET', `/orders/${id}`)).json).toEqual(first.json);
    expect(staged).toBe(before + 1);
  });

  it('an unknown order is 404', async () => {
    for (const step of ['ship', 'cancel']) {
      const path = `/orders/${uuidv7()}/${step}`;
      expectProblem(await ask('POST', path), 404, path);
    }
  });
});

describe('listing orders', () => {
  let mine: string;
  let ids: string[]; // the newest first
  beforeAll(async () => {
    mine = (await ask('POST', '/customers', { email: 'l@example.com', name: 'Lists' })).json.customerId;
    ids = [];
    for (let i = 0; i < 22; i += 1) {
      const { json } = await ask('POST', '/orders', { ...basket(TEA), customerId: mine });
      ids.unshift(json.orderId);
    }
    await ask('POST', `/orders/${ids[4]}/ship`);
  });
  const list = (query: string) => ask('GET', `/orders?${query}`);
  const idsOf = ({ json }: Answer): string[] => json.orders.map(({ id }: { id: string }) => id);

  it('shows twenty of them unless told otherwise, the newest first, as they are shown alone', async () => {
    const page = await list(`customerId=${mine}`);
    expect(page.status).toBe(200);
    expect(idsOf(page)).toEqual(ids.slice(0, 20));
    expect(page.json.orders[0]).toEqual((await ask('GET', `/orders/${ids[0]}`)).json);
    expect(Object.keys(page.json)).toEqual(['orders', 'nextCursor']);
  });

  it.each([1, 5, 7, 22, 100])('comes to its end in pages of %i', async (limit) => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await list(`customerId=${mine}&limit=${limit}${cursor && `&cursor=${cursor}`}`);
      seen.push(...idsOf(page));
      cursor = page.json.nextCursor;
    }
    expect(seen).toEqual(ids);
  });

  it('filters by status, and answers an empty page for a customer nobody knows', async () => {
    expect(idsOf(await list(`customerId=${mine}&status=SHIPPED`))).toEqual([ids[4]]);
    expect((await list(`customerId=${mine}&limit=100`)).json.nextCursor).toBeNull();
    const empty = await list(`customerId=${uuidv7()}`);
    expect([empty.status, empty.json]).toEqual([200, { orders: [], nextCursor: null }]);
  });

  it('skips and repeats nothing while new orders come in', async () => {
    const first = await list(`customerId=${mine}&limit=10`);
    await ask('POST', '/orders', { ...basket(TEA), customerId: mine });
    const second = await list(`customerId=${mine}&limit=10&cursor=${first.json.nextCursor}`);
    expect([...idsOf(first), ...idsOf(second)]).toEqual(ids.slice(0, 20));
  });
});

describe('the key of the API', () => {
  const ROUTES: ['GET' | 'POST' | 'HEAD', string][] = [
    ['POST', '/customers'],
    ['GET', `/customers/${NOBODY}`],
    ['POST', '/orders'],
    ['GET', '/orders'],
    ['HEAD', '/orders'],
    ['GET', `/orders/${NOBODY}`],
    ['POST', `/orders/${NOBODY}/ship`],
    ['POST', `/orders/${NOBODY}/cancel`],
  ];

  it.each(ROUTES)('is asked for by %s %s, before anything else is looked at', async (method, path) => {
    const answer = await anonymous(app)(method, path, method === 'POST' ? '{"bad' : undefined);
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    if (method !== 'HEAD') expectProblem(answer, 401, path);
  });

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer wrong',
    'Bearer test-key2',
    'Bearer test-ke',
    'Bearer TEST-KEY',
    'Bearer test:test-key',
    'Bearer test-key till-key',
    'Bearer undefined',
    'test-key',
    'Basic dGVzdDp0ZXN0LWtleQ==',
    'Token test-key',
  ])('is not %j', async (authorization) => {
    const answer = await anonymous(app)('GET', '/orders', undefined, { authorization });
    expectProblem(answer, 401, '/orders');
  });

  it('is taken however the scheme is spelled', async () => {
    const answer = await anonymous(app)('GET', '/orders', undefined, { authorization: 'bearer test-key' });
    expect(answer.status).toBe(200);
  });

  it('is rotated: old and new both open for a while, then only the new one', async () => {
    for (const secret of ['test-key', 'till-key'])
      expect((await withKey(app, secret)('GET', '/orders')).status).toBe(200);
    const rotated = await openWorld({ API_KEYS: 'till:till-key' });
    try {
      const later = await openWeb(rotated);
      expect((await withKey(later, 'till-key')('GET', '/orders')).status).toBe(200);
      expectProblem(await withKey(later, 'test-key')('GET', '/orders'), 401, '/orders');
    } finally {
      await rotated.close();
    }
  });

  it('opens nothing where none is set', async () => {
    const closed = await openWorld({ API_KEYS: '' });
    try {
      const ours = await openWeb(closed);
      for (const authorization of [undefined, 'Bearer', 'Bearer x'])
        expectProblem(await anonymous(ours)('GET', '/orders', undefined, { authorization }), 401, '/orders');
    } finally {
      await closed.close();
    }
  });
});

describe('while a store is away', () => {
  it('Postgres: every route answers 503 with Retry-After, and all is well when it is back', async () => {
    const proxy = await startProxy(world.config.databaseUrl);
    const { db, close } = openDatabase(proxy.url, 'test', 4);
    try {
      const away = withKey(await openWeb(world, { db }));
      const order = await away('POST', '/orders', basket(TEA));
      expect(order.status).toBe(201);

      proxy.cut();
      const id = order.json.orderId;
      const answers = await Promise.all([
        away('POST', '/orders', basket(TEA), { 'idempotency-key': 'outage' }),
        away('POST', '/customers', { email: 'a@example.com', name: 'Ada' }),
        away('GET', `/orders/${id}`),
        away('GET', '/orders'),
        away('POST', `/orders/${id}/ship`),
      ]);
      const paths = ['/orders', '/customers', `/orders/${id}`, '/orders', `/orders/${id}/ship`];
      for (const [i, answer] of answers.entries()) {
        expectProblem(answer, 503, paths[i] ?? '');
        expect(answer.headers['retry-after']).toBe('2');
      }

      proxy.mend();
      const again = () => away('POST', '/orders', basket(TEA), { 'idempotency-key': 'outage' });
      expect((await until(async () => (await again()).status === 201 && again())).status).toBe(201);
    } finally {
      await close();
      await proxy.close();
    }
  });

  it('Redis: orders are answered 201 and their letters staged', async () => {
    const proxy = await startProxy(world.config.redisUrl);
    const queue = openQueue({ ...world.config, redisUrl: proxy.url }, world.log);
    try {
      const away = withKey(await openWeb(world, { queue }));
      await queue.ping();
      proxy.cut();
      await until(() => world.logged.some((line) => line.includes('the connection to Redis is lost')));
      const order = await away('POST', '/orders', basket(TEA));
      expect(order.status).toBe(201);
      const { json } = await away('GET', order.headers.location ?? '');
      expect(json.notifications[0].status).toBe('staged');
    } finally {
      await queue.close();
      await proxy.close();
    }
  });
});

it('writes no address, no name and no key of anybody into the log', () => {
  expect(world.logged.length).toBeGreaterThan(0);
  expect(world.logged.join('')).not.toMatch(/@example|Ada|Lovelace|test-key/);
});
