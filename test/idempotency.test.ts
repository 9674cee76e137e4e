/** A request given again under its key: done once, on every route that writes, and answered as the first time. */
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fingerprint } from '../src/api/idempotency.ts';
import { connect, run } from '../src/database.ts';
import { until } from './support/until.ts';
import { type Answer, type Ask, blamed, openWeb, withKey } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
let app: FastifyInstance;
let ask: Ask;
let staged = 0;
let customerId: string;
beforeAll(async () => {
  world = await openWorld({ API_KEYS: 'test:test-key,till:till-key' });
  const onStaged = () => {
    staged += 1;
  };
  app = await openWeb(world, { onStaged });
  ask = withKey(app);
  customerId = (await ask('POST', '/customers', { email: 'ada@example.com', name: 'Ada' })).json.customerId;
});
afterAll(() => world.close());

const ADA = { email: 'ada@example.com', name: 'Ada' };
const TEA = { sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 };
const basket = (...items: object[]) => ({ customerId, currency: 'EUR', items });
const place = async (): Promise<string> => (await ask('POST', '/orders', basket(TEA))).json.orderId;
const under = (key: string, path: string, body?: unknown, by = ask) =>
  by('POST', path, body, { 'idempotency-key': key });
const isReplay = ({ headers }: Answer) => headers['idempotency-replayed'] === 'true';
/** What a replay repeats: all but the headers that say what it is, and what is left now. */
const PRESENT = ['date', 'idempotency-replayed', 'ratelimit', 'ratelimit-policy'];
const essence = ({ status, text, headers }: Answer) => {
  const rest = Object.entries(headers).filter(([name]) => !PRESENT.includes(name));
  return { status, text, headers: Object.fromEntries(rest) };
};

const rows = () =>
  run(
    world.db,
    sql`select (select count(*) from customers) as customers, (select count(*) from orders) as orders,
          (select count(*) from outbox) as messages, (select count(*) from idempotency_keys) as keys`,
  );

/** The four routes: what is asked for, and the same with something else in it. */
const ROUTES: Readonly<
  Record<string, () => Promise<{ asked: [string, unknown?]; other: [string, unknown?] }>>
> = {
  'POST /customers': async () => ({
    asked: ['/customers', ADA],
    other: ['/customers', { ...ADA, name: 'Grace' }],
  }),
  'POST /orders': async () => ({
    asked: ['/orders', basket(TEA)],
    other: ['/orders', basket({ ...TEA, quantity: 3 })],
  }),
  'POST /orders/:id/ship': async () => ({
    asked: [`/orders/${await place()}/ship`],
    other: [`/orders/${await place()}/ship`],
  }),
  'POST /orders/:id/cancel': async () => ({
    asked: [`/orders/${await place()}/cancel`],
    other: [`/orders/${await place()}/cancel`],
  }),
};

describe.each(Object.keys(ROUTES))('a key of %s', (route) => {
  const name = (key: string) => `${route} ${key}`.replaceAll(' ', '_');
  const sides = () => ROUTES[route]?.() ?? Promise.reject(new Error(route));

  it('gives the first answer again, headers and all, and does nothing a second time', async () => {
    const { asked } = await sides();
    const first = await under(name('again'), ...asked);
    expect([first.status, isReplay(first)]).toEqual([/s$/.test(asked[0]) ? 201 : 200, false]);
    const [before, stagedThen] = [await rows(), staged];
    for (let i = 0; i < 3; i += 1) {
      const again = await under(name('again'), ...asked);
      expect(isReplay(again)).toBe(true);
      expect(essence(again)).toEqual(essence(first));
    }
    expect([await rows(), staged]).toEqual([before, stagedThen]);
  });

  it('does it once for thirty at once, and answers all of them the same', async () => {
    const { asked } = await sides();
    const before = (await rows())[0];
    const answers = await Promise.all(Array.from({ length: 30 }, () => under(name('at-once'), ...asked)));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(isReplay)).toHaveLength(29);
    const after = (await rows())[0];
    const grown = Object.keys(after ?? {}).filter((table) => after?.[table] !== before?.[table]);
    const of = { customers: ['customers'], orders: ['orders', 'messages'] }[asked[0].slice(1)];
    expect(grown.toSorted()).toEqual([...(of ?? ['messages']), 'keys'].toSorted());
    for (const table of grown) expect(Number(after?.[table])).toBe(Number(before?.[table]) + 1);
  });

  it('is refused with 422 for anything else, and nothing happens then', async () => {
    const { asked, other } = await sides();
    const first = await under(name('reused'), ...asked);
    const before = await rows();
    const refused = await under(name('reused'), ...other);
    expect(blamed(refused, 422)).toEqual(['/idempotency-key']);
    expect(await rows()).toEqual(before);
    expect(essence(await under(name('reused'), ...asked))).toEqual(essence(first));
    // The other one was not touched, and can be asked for under another key.
    expect((await under(name('another'), ...other)).status).toBe(first.status);
  });

  it('is another one under another API key', async () => {
    const { asked } = await sides();
    const first = await under(name('mine'), ...asked);
    const theirs = await under(
      name('mine'),
      ...asked,
      ...(asked.length === 1 ? [undefined] : []),
      withKey(app, 'till-key'),
    );
    expect([theirs.status, isReplay(theirs)]).toEqual([first.status, false]);
  });

  it('is not consumed by what is refused', async () => {
    const { asked } = await sides();
    const [path, body] = asked;
    const before = await rows();
    const wrong = await withKey(app, 'wrong-key')('POST', path, body, { 'idempotency-key': name('free') });
    expect(wrong.status).toBe(401);
    expect((await under(name('free'), path, { nonsense: true })).status).toBe(400);
    expect((await under(name('free'), `${path}?x=1`, body)).status).toBe(400);
    const unknown = { '/customers': undefined, '/orders': { ...basket(TEA), customerId: uuidv7() } }[path];
    const missing = path.replace(/[0-9a-f-]{36}/, uuidv7());
    if (path !== '/customers') expect((await under(name('free'), missing, unknown)).status).toBe(404);
    expect(await rows()).toEqual(before);
    expect(isReplay(await under(name('free'), ...asked))).toBe(false);
  });

  it('is refused with 400 when it stands there twice, or is none', async () => {
    const { asked } = await sides();
    for (const key of ['', ' ', 'a b', 'a'.repeat(256), 'clé', 'a\tb'])
      expect(blamed(await under(key, ...asked))).toEqual(['/idempotency-key']);
    const before = await rows();
    const twice = await ask('POST', asked[0], asked[1], { 'idempotency-key': 'a, b' });
    expect([blamed(twice), twice.json.errors[0].message]).toEqual([
      ['/idempotency-key'],
      'must be given once, with 1 to 255 visible ASCII characters and no spaces',
    ]);
    expect(await rows()).toEqual(before);
  });
});

describe('a key', () => {
  it('that is sent in two headers is 400, on the wire too', async () => {
    const listening = await openWeb(world);
    await listening.listen({ host: '127.0.0.1', port: 0 });
    const { port } = listening.server.address() as AddressInfo; // it listens on TCP
    const body = JSON.stringify(basket(TEA));
    const before = await rows();
    const sent = request({
      ...{ host: '127.0.0.1', port, path: '/orders', method: 'POST' },
      headers: {
        ...{ authorization: 'Bearer test-key', 'content-type': 'application/json' },
        'content-length': Buffer.byteLength(body),
        'idempotency-key': ['same', 'same'],
      },
    });
    const answered = new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      sent.on('error', reject);
      sent.on('response', async (response) =>
        resolve({ status: response.statusCode, body: await text(response) }),
      );
    });
    sent.end(body);
    const { status, body: problem } = await answered;
    expect([status, JSON.parse(problem).errors[0].path]).toEqual([400, '/idempotency-key']);
    expect(await rows()).toEqual(before);
  });

  it('is taken literally: quotes belong to it, and capitals make another one', async () => {
    const answers = [];
    for (const key of ['literal', '"literal"', 'Literal', 'literal,', "literal';--"])
      answers.push(await under(key, '/customers', ADA));
    expect(answers.filter(isReplay)).toEqual([]);
    expect(isReplay(await under('"literal"', '/customers', ADA))).toBe(true);
  });

  it('belongs to its route: the same one ships, cancels, orders and adds', async () => {
    const [shipped, cancelled] = [await place(), await place()];
    const answers = [
      await under('for-all', '/customers', ADA),
      await under('for-all', '/orders', basket(TEA)),
      await under('for-all', `/orders/${shipped}/ship`),
      await under('for-all', `/orders/${cancelled}/cancel`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 200, 200]);
    expect(answers.filter(isReplay)).toEqual([]);
  });

  it('rests in the ledger as a digest only', async () => {
    await under('never-in-clear', '/customers', ADA);
    const [row] = await run<{ dump: string }>(
      world.db,
      sql`select string_agg(k::text, ' ') as dump from idempotency_keys k`,
    );
    expect(row?.dump).not.toContain('never-in-clear');
    expect(row?.dump).not.toContain(Buffer.from('never-in-clear').toString('hex'));
    expect(row?.dump).not.toContain('example.com');
  });

  it('of an order that was there already keeps the answer of then', async () => {
    const id = await place();
    await ask('POST', `/orders/${id}/ship`);
    const before = (await rows())[0];
    const first = await under('was-so', `/orders/${id}/ship`);
    expect([first.status, isReplay(first), first.json.status]).toEqual([200, false, 'SHIPPED']);
    expect(first.json.notifications).toHaveLength(2);
    expect(Number((await rows())[0]?.keys)).toBe(Number(before?.keys) + 1);
    const again = await under('was-so', `/orders/${id}/ship`);
    expect([isReplay(again), again.text]).toEqual([true, first.text]);
    const others = await Promise.all(
      Array.from({ length: 20 }, () => under('was-so-at-once', `/orders/${id}/ship`)),
    );
    expect(others.filter(isReplay)).toHaveLength(19);
    expect(new Set(others.map(({ text }) => text)).size).toBe(1);
  });

  it('is not consumed by a 409, and the answer of its first success stays when the order goes on', async () => {
    const id = await place();
    const shipped = await under('ships', `/orders/${id}/ship`);
    expect((await under('cancels', `/orders/${id}/cancel`)).status).toBe(409);
    const other = await place();
    const cancelled = await under('cancels', `/orders/${other}/cancel`);
    expect([cancelled.status, isReplay(cancelled)]).toEqual([200, false]);
    await run(world.db, sql`update outbox set enqueued_at = now() where order_id = ${id}`);
    expect((await ask('GET', `/orders/${id}`)).json.notifications[0].status).toBe('enqueued');
    expect((await under('ships', `/orders/${id}/ship`)).text).toBe(shipped.text);
  });

  it('that is purged while its twin asks for what it kept is 409, to be tried again', async () => {
    const [first, purge] = [1, 2].map(() => connect(world.config.databaseUrl, 'another'));
    if (!first || !purge) throw new Error('two were made');
    const waiting = (count: number) =>
      until(async () => {
        const locks = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
        return (await run(world.db, locks)).length === count;
      }, `${count} that wait`);
    try {
      // The first twin is on its way; the second waits for it; the purge waits for both, and comes before what the second asks next.
      await first.unsafe('begin');
      await first`insert into idempotency_keys (client, route, key_hash, fingerprint, status, body)
        values ('test', 'POST /orders', sha256('purged'), '', 201, '')`;
      const twin = under('purged', '/orders', basket(TEA));
      await waiting(1);
      const purged = purge
        .unsafe(
          'begin; lock table idempotency_keys in access exclusive mode; delete from idempotency_keys; commit',
        )
        .execute();
      await waiting(2);
      await first.unsafe('commit');
      await purged;
      const answer = await twin;
      expect([blamed(answer, 409), answer.headers['retry-after']]).toEqual([[], '1']);
      const again = await under('purged', '/orders', basket(TEA));
      expect([again.status, isReplay(again)]).toEqual([201, false]);
    } finally {
      await first.end();
      await purge.end();
    }
  });
});

describe('the answer to a move', () => {
  it.each(['ship', 'cancel'])(
    '%s is the order as GET shows it, to the letter of every field',
    async (step) => {
      const largest = { ...TEA, quantity: 1, unitPrice: Number.MAX_SAFE_INTEGER };
      const { json } = await ask('POST', '/orders', basket(largest));
      const moved = await ask('POST', `/orders/${json.orderId}/${step}`);
      expect(moved.json).toEqual((await ask('GET', `/orders/${json.orderId}`)).json);
      expect(moved.text).toContain('"total":9007199254740991,');
      expect(moved.headers['content-type']).toBe('application/json; charset=utf-8');
    },
  );

  it.each([
    ['nothing', undefined, undefined],
    ['nothing, as JSON', '', 'application/json'],
    ['an empty object', '{ }', 'application/json'],
  ])('takes %s', async (_what, body, type) => {
    const headers = { 'content-type': type };
    expect((await ask('POST', `/orders/${await place()}/ship`, body, headers)).status).toBe(200);
  });

  it.each<[string, string, string[]]>([
    ['a field', '{"status":"SHIPPED"}', ['/status']],
    ['two fields', '{"a/b":1,"__proto__":{}}', ['/a~1b', '/__proto__']],
    ['a list', '[]', ['/']],
    ['null', 'null', ['/']],
    ['a text', '"ship"', ['/']],
    ['no JSON', '{', ['/']],
  ])('takes no %s', async (_what, body, paths) => {
    const id = await place();
    expect(blamed(await ask('POST', `/orders/${id}/ship`, body))).toEqual(paths);
    expect((await ask('GET', `/orders/${id}`)).json.status).toBe('CREATED');
  });
});

describe('a fingerprint', () => {
  const value = fc.jsonValue({ maxDepth: 4 }).map((made) => JSON.parse(JSON.stringify(made))); // there is no -0 in JSON

  it('is the same however the same is written', () => {
    fc.assert(
      fc.property(value, fc.infiniteStream(fc.nat(99)), (one, chance) => {
        const text = rewritten(one, () => chance.next().value ?? 0);
        expect(fingerprint(JSON.parse(text))).toEqual(fingerprint(one));
      }),
      { numRuns: 500 },
    );
  });

  it('is another one for anything else', () => {
    const small = fc.jsonValue({ maxDepth: 2, stringUnit: fc.constantFrom('a', 'b', '"', ',') });
    fc.assert(
      fc.property(small, small, (a, b) => {
        const [one, other] = [JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))];
        expect(fingerprint(one).equals(fingerprint(other))).toBe(isDeepStrictEqual(one, other));
      }),
      { numRuns: 2_000 },
    );
  });

  it('changes with any field of an order', () => {
    const text = fc.string({ minLength: 1 });
    const item = fc.record({ sku: text, name: text, quantity: fc.nat(), unitPrice: fc.maxSafeNat() });
    const order = fc.record({
      ...{ customerId: fc.uuid(), currency: fc.constantFrom('EUR', 'USD') },
      items: fc.array(item, { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(
        order,
        fc.constantFrom('sku', 'name', 'quantity', 'unitPrice'),
        fc.nat(3),
        (whole, field, at) => {
          const changed = structuredClone(whole);
          const one = changed.items[at % changed.items.length];
          if (!one) throw new Error('there is one at least');
          Object.assign(one, { [field]: typeof one[field] === 'number' ? one[field] + 1 : `${one[field]}'` });
          expect(fingerprint(changed).equals(fingerprint(whole))).toBe(false);
          const swapped = { ...whole, items: [...whole.items, ...changed.items] };
          const other = { ...whole, items: [...changed.items, ...whole.items] };
          expect(fingerprint(swapped).equals(fingerprint(other))).toBe(false);
        },
      ),
    );
  });

  /** The same JSON with its fields in another order and white space wherever it may be. */
  function rewritten(one: unknown, chance: () => number): string {
    const gap = () => [' ', '', '\n\t', '', '\r\n '][chance() % 5] ?? '';
    const inside = (parts: string[]) => parts.map((part) => `${gap()}${part}${gap()}`).join();
    if (Array.isArray(one)) return `[${inside(one.map((each) => rewritten(each, chance)))}${gap()}]`;
    if (typeof one !== 'object' || one === null) return JSON.stringify(one);
    const fields = Object.entries(one).map(([name, each]) => ({ name, each, place: chance() }));
    const shuffled = fields.toSorted((a, b) => a.place - b.place);
    return `{${inside(shuffled.map(({ name, each }) => `${JSON.stringify(name)}${gap()}:${rewritten(each, chance)}`))}${gap()}}`;
  }
});
