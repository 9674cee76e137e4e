/** Reading: pages by cursors that belong to their list, entity tags, and answers that are there as soon as a 201 says so. */
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Filter, fromCursor, toCursor } from '../src/api/cursor.ts';
import { type Answer, type Ask, blamed, openWeb, withKey } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
let app: FastifyInstance;
let ask: Ask;
beforeAll(async () => {
  world = await openWorld({ ORDER_RATE_PER_MINUTE: '1000000000', RECIPIENT_RATE_PER_HOUR: '1000000000' });
  app = await openWeb(world);
  ask = withKey(app);
});
afterAll(() => world.close());

const TEA = { sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 };
const customer = async (): Promise<string> =>
  (await ask('POST', '/customers', { email: 'ada@example.com', name: 'Ada' })).json.customerId;
const place = async (customerId: string): Promise<string> =>
  (await ask('POST', '/orders', { customerId, currency: 'EUR', items: [TEA] })).json.orderId;
const idsOf = ({ json }: Answer): string[] => json.orders.map(({ id }: { id: string }) => id);

describe('a 201', () => {
  it('can be read at once, alone and in the list, at any process', async () => {
    const other = withKey(await openWeb(world));
    const customerId = await customer();
    for (let i = 0; i < 25; i += 1) {
      const id = await place(customerId);
      expect((await other('GET', `/orders/${id}`)).json.id).toBe(id);
      expect(idsOf(await other('GET', `/orders?customerId=${customerId}&limit=1`))).toEqual([id]);
    }
  });
});

describe('a list', () => {
  let mine: string;
  let ids: string[]; // the newest first
  beforeAll(async () => {
    mine = await customer();
    ids = [];
    for (let i = 0; i < 12; i += 1) ids.unshift(await place(mine));
    for (const id of ids.slice(0, 4)) await ask('POST', `/orders/${id}/ship`);
  });
  const list = (query: string) => ask('GET', `/orders?customerId=${mine}${query}`);
  const cursorOf = async (query: string): Promise<string> => (await list(query)).json.nextCursor;

  it.each([1, 2, 3, 4, 5, 6, 11, 12, 13, 100])(
    'in pages of %i has no page after its last order, and the last page says so',
    async (limit) => {
      const pages: string[][] = [];
      let cursor: string | null = null;
      do {
        const page: Answer = await list(`&limit=${limit}${cursor ? `&cursor=${cursor}` : ''}`);
        pages.push(idsOf(page));
        cursor = page.json.nextCursor;
      } while (cursor !== null);
      expect(pages.flat()).toEqual(ids);
      expect(pages).toHaveLength(Math.ceil(ids.length / limit));
    },
  );

  it('ends in the same way when it is filtered by status', async () => {
    const first = await list('&status=SHIPPED&limit=2');
    const second = await list(`&status=SHIPPED&limit=2&cursor=${first.json.nextCursor}`);
    expect([...idsOf(first), ...idsOf(second)]).toEqual(ids.slice(0, 4));
    expect(second.json.nextCursor).toBeNull();
  });

  it('goes on where it was with another limit, and with its customer written in capitals', async () => {
    const cursor = await cursorOf('&limit=5');
    expect(idsOf(await list(`&limit=3&cursor=${cursor}`))).toEqual(ids.slice(5, 8));
    const capitals = await ask('GET', `/orders?customerId=${mine.toUpperCase()}&limit=1&cursor=${cursor}`);
    expect(idsOf(capitals)).toEqual(ids.slice(5, 6));
  });

  it('takes no cursor of another list', async () => {
    const cursor = await cursorOf('&limit=2');
    const others = [
      '',
      `customerId=${await customer()}&`,
      `customerId=${mine}&status=CREATED&`,
      'status=CREATED&',
    ];
    for (const other of others) {
      const answer = await ask('GET', `/orders?${other}cursor=${cursor}`);
      expect(blamed(answer)).toEqual(['/cursor']);
      expect(answer.json.errors[0].message).toBe(
        'must be the nextCursor of a page of this list, with the same customerId and status',
      );
    }
  });

  it('takes no cursor that is not one of ours', async () => {
    const cursor = await cursorOf('&limit=2');
    const [last = ''] = cursor.slice(-1);
    const made = [
      ...['', 'x', 'null', '%00', '%27', 'A'.repeat(28), '_'.repeat(28), 'A'.repeat(22), 'A'.repeat(5_000)],
      ...[
        cursor.toLowerCase(),
        cursor.slice(0, -1),
        `${cursor}A`,
        `${cursor}=`,
        ` ${cursor}`,
        `${cursor}%0a`,
      ],
      cursor.slice(0, -1) + (last === 'A' ? 'B' : 'A'),
      Buffer.from(uuidv7()).toString('base64url'),
      Buffer.from(`${ids[3]}`.replaceAll('-', ''), 'hex').toString('base64url'),
      `${Buffer.from(ids[3] ?? '').toString('base64url')}`,
    ];
    for (const one of made) expect(blamed(await list(`&cursor=${one}`)), one).toEqual(['/cursor']);
  });
});

describe('a cursor', () => {
  const filter: fc.Arbitrary<Filter> = fc.record({
    customerId: fc.option(fc.uuid()),
    status: fc.option(fc.constantFrom('CREATED', 'SHIPPED', 'CANCELLED')),
  });

  it('leads back to its order, in its own list and in no other', () => {
    fc.assert(
      fc.property(fc.uuid(), filter, filter, (id, own, other) => {
        const cursor = toCursor(id, own);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]{28}$/);
        expect(fromCursor(cursor, own)).toBe(id);
        const same = own.customerId === other.customerId && own.status === other.status;
        expect(fromCursor(cursor, other)).toBe(same ? id : undefined);
      }),
      { numRuns: 500 },
    );
  });

  it('that was changed in any place, or was made up, leads nowhere', () => {
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'];
    const letter = fc.constantFrom(...letters);
    fc.assert(
      fc.property(fc.uuid(), filter, fc.nat(27), letter, (id, own, at, other) => {
        const cursor = toCursor(id, own);
        fc.pre(cursor[at] !== other);
        expect(fromCursor(`${cursor.slice(0, at)}${other}${cursor.slice(at + 1)}`, own)).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: letter, minLength: 28, maxLength: 28 })),
        (text) => {
          expect(fromCursor(text, { customerId: null, status: null })).toBeUndefined();
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('the tag of an order', () => {
  let path: string;
  let tag: string;
  beforeAll(async () => {
    path = `/orders/${await place(await customer())}`;
    tag = (await ask('GET', path)).headers.etag ?? '';
  });
  const ifNone = (header: string, method: 'GET' | 'HEAD' = 'GET') =>
    ask(method, path, undefined, { 'if-none-match': header });

  it('is strong, and the same as long as the answer is, at any process', async () => {
    expect(tag).toMatch(/^"[A-Za-z0-9_-]{43}"$/);
    const [again, other] = [await ask('GET', path), await withKey(await openWeb(world))('GET', path)];
    expect([again.headers.etag, other.headers.etag]).toEqual([tag, tag]);
    expect((await ask('HEAD', path)).headers.etag).toBe(tag);
  });

  it.each([
    ['itself', () => tag],
    ['itself, weak', () => `W/${tag}`],
    ['a list that holds it', () => `"a", W/"b,c" ,${tag}`],
    ['anything', () => '*'],
    ['anything, with spaces', () => ' * '],
  ])('is 304 for who knows %s: no body, and the tag', async (_what, header) => {
    const whole = (await ask('GET', path)).text;
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = await ifNone(header(), method);
      expect([answer.status, answer.text, answer.headers.etag]).toEqual([304, '', tag]);
      expect(answer.headers).not.toHaveProperty('content-type');
      const length = method === 'HEAD' ? String(Buffer.byteLength(whole)) : undefined; // never a wrong one
      expect(answer.headers['content-length']).toBe(length);
    }
  });

  it.each([
    ['nothing', () => ''],
    ['another', () => '"another"'],
    ['itself without quotes', () => tag.slice(1, -1)],
    ['a part of it', () => `${tag.slice(0, 20)}"`],
    ['itself inside of another', () => `"x${tag.slice(1)}`],
    ['anything and more', () => '*, "a"'],
  ])('is 200 for who knows %s', async (_what, header) => {
    const answer = await ifNone(header());
    expect([answer.status, answer.json.id, answer.headers.etag]).toEqual([200, path.slice(8), tag]);
  });

  it('is another one when the order has moved, and 200 then', async () => {
    const moved = `/orders/${await place(await customer())}`;
    const before = (await ask('GET', moved)).headers.etag ?? '';
    await ask('POST', `${moved}/ship`);
    const after = await ask('GET', moved, undefined, { 'if-none-match': before });
    expect([after.status, after.json.status]).toEqual([200, 'SHIPPED']);
    expect(after.headers.etag).not.toBe(before);
  });

  it('is none of a refusal: not of 404, 400 or 401', async () => {
    for (const [by, to] of [
      [ask, `/orders/${uuidv7()}`],
      [ask, '/orders/7'],
      [withKey(app, 'wrong'), path],
    ] as const) {
      const answer = await by('GET', to, undefined, { 'if-none-match': '*' });
      expect([404, 400, 401]).toContain(answer.status);
      expect(answer.headers).not.toHaveProperty('etag');
    }
  });
});
