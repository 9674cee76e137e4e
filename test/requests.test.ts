/** What the API takes and what it refuses, with properties: texts, addresses, numbers, bodies and queries, and in which words. */
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutInexact } from '../src/api/json.ts';
import { currencies } from '../src/money.ts';
import { type Ask, blamed, openWeb, registeredRoutes, withKey } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
let app: FastifyInstance;
let ask: Ask;
let customerId: string;
beforeAll(async () => {
  // More than anybody is to have.
  world = await openWorld({ ORDER_RATE_PER_MINUTE: '1000000000', RECIPIENT_RATE_PER_HOUR: '1000000000' });
  app = await openWeb(world);
  ask = withKey(app);
  customerId = (await add({})).json.customerId;
});
afterAll(() => world.close());

const TEA = { sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 };
const MAX = Number.MAX_SAFE_INTEGER;
const add = (fields: object) =>
  ask('POST', '/customers', { email: 'ada@example.com', name: 'Ada', ...fields });
const order = (...items: object[]) => ask('POST', '/orders', { customerId, currency: 'EUR', items });
/** An order with this text in the place of its price. */
const priced = (price: string) =>
  ask(
    'POST',
    '/orders',
    `{"customerId":"${customerId}","currency":"EUR","items":[{"sku":"A","name":"A","quantity":1,"unitPrice":${price}}]}`,
  );
const priceOf = async (location: string | undefined) =>
  (await ask('GET', location ?? '')).json.items[0].unitPrice;
/** Of what a refusal says, the words about that field. */
const words = ({ json }: { json: { errors: { path: string; message: string }[] } }, path: string) =>
  json.errors.filter((error) => error.path === path).map(({ message }) => message);

describe('a number', () => {
  it.each<[string, number]>([
    ['0', 0],
    ['-0', 0],
    ['0e9999', 0],
    ['1.0', 1],
    ['1e2', 100],
    ['1E+2', 100],
    ['1.5e1', 15],
    ['1500e-2', 15],
    ['9007199254740991', MAX],
    ['9007199254740991.000', MAX],
    ['90071992547409910e-1', MAX],
  ])('%s is a whole one', async (text, value) => {
    const placed = await priced(text);
    expect(placed.status).toBe(201);
    expect(await priceOf(placed.headers.location)).toBe(value);
  });

  it.each([
    '1.5',
    '-1',
    '1e-1',
    '1e-400',
    '1.00000000000000000001',
    '0.00000000000000000000000000001',
    '9007199254740991.4',
    '9007199254740990.9999999999',
    '9007199254740992',
    '9007199254740993',
    '1e16',
    '1e400',
    '-1e400',
    '"1"',
    '"1e2"',
    'true',
    'null',
    '[1]',
    '{}',
  ])('%s is none, and the field is named', async (text) => {
    expect(blamed(await priced(text))).toEqual(['/items/0/unitPrice']);
  });

  it.each(['01', '+1', '.5', '1.', '0x1', '1_000', 'NaN', 'Infinity', '1e', '--1', "'1'"])(
    '%s is no JSON',
    async (text) => {
      const answer = await priced(text);
      expect([blamed(answer), words(answer, '/')]).toEqual([['/'], ['is not JSON']]);
    },
  );

  it('that JavaScript would round never becomes another one, and a text is left as it is', () => {
    const digits = fc.stringMatching(/^(0|[1-9]\d{0,18})$/);
    const fraction = fc.stringMatching(/^(\.\d{1,20})?$/);
    const exponent = fc.constantFrom('', 'e0', 'e1', 'E+2', 'e-1', 'e-3', 'e15');
    fc.assert(
      fc.property(digits, fraction, exponent, fc.string(), (whole, part, power, text) => {
        const token = `${whole}${part}${power}`;
        const body = JSON.stringify({ [text]: text, n: 0 }).replace(/0\}$/, `${token}}`);
        const { n, ...rest } = JSON.parse(withoutInexact(body));
        expect(rest).toEqual(text === 'n' ? {} : JSON.parse(JSON.stringify({ [text]: text })));
        if (Number.isSafeInteger(n)) expect(BigInt(n) * 10n ** 40n).toBe(scaled(whole, part, power));
        else
          expect(Number.isInteger(Number(token)) && isWhole(whole, part, power) && Number(token) <= MAX).toBe(
            false,
          );
      }),
      { numRuns: 3_000 },
    );
  });

  /** Times 10^40, so that it is whole. */
  function scaled(whole: string, part: string, power: string): bigint {
    const digits = part.slice(1);
    return BigInt(whole + digits) * 10n ** BigInt(40 - digits.length + Number(power.slice(1) || 0));
  }
  const isWhole = (...token: [string, string, string]) => scaled(...token) % 10n ** 40n === 0n;

  it('is looked at once, however it is hidden among quotes', () => {
    for (const hostile of ['\\"', '"\\"', '\\\\"', '"', '1.', '1e', '-', '1e-', '0'])
      expect(withoutInexact(hostile.repeat(64_000 / hostile.length)).length).toBeLessThan(400_000);
    expect(withoutInexact('"\\"1.00000000000000000001\\\\"')).toBe('"\\"1.00000000000000000001\\\\"');
  });
});

describe('the total of an order', () => {
  it('is the exact sum, or the order is refused and /items is named', async () => {
    const item = fc.record({
      quantity: fc.oneof(fc.integer({ min: 1, max: 1_000_000 }), fc.constantFrom(1, 2, 1_000_000)),
      unitPrice: fc.oneof(
        fc.nat(1_000_000),
        fc.maxSafeNat(),
        fc.constantFrom(0, MAX, 2 ** 52, 9_007_199_254),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 5 }), async (items) => {
        const total = items.reduce((sum, one) => sum + BigInt(one.quantity) * BigInt(one.unitPrice), 0n);
        const answer = await order(...items.map((one) => ({ ...TEA, ...one })));
        if (total > BigInt(MAX)) expect(blamed(answer)).toEqual(['/items']);
        else expect((await ask('GET', answer.headers.location ?? '')).text).toContain(`"total":${total},`);
      }),
      { numRuns: 150 },
    );
  });

  it('is refused in words that say the limit', async () => {
    const answer = await order({ ...TEA, quantity: 2, unitPrice: MAX });
    expect(words(answer, '/items')).toEqual(['their total must not be above 9007199254740991']);
  });
});

/** What the API promises of names, said a second time. */
function isName(text: string): boolean {
  const points = [...text];
  const codes = points.map((point) => point.codePointAt(0) ?? 0);
  const isControl = (code: number) => code < 0x20 || (code >= 0x7f && code <= 0x9f);
  const isSurrogate = (code: number) => code >= 0xd800 && code <= 0xdfff;
  if (points.length < 1 || points.length > 200 || text !== text.normalize('NFC')) return false;
  if (codes.some((code) => isControl(code) || isSurrogate(code))) return false;
  return points.some((point) => /[\p{L}\p{N}\p{P}\p{S}]/u.test(point) && !/[\p{DI}\u2800]/u.test(point));
}

describe('a name', () => {
  const odd = fc.constantFrom(
    ...[
      '\u0000',
      '\u001b',
      '\r',
      '\n',
      '\u0085',
      '\u007f',
      '\ud800',
      '\udfff',
      ' ',
      '\u00a0',
      '\u200b',
      '\u200d',
    ],
    ...[
      '\u2028',
      '\u202e',
      '\ufeff',
      '\u3164',
      '\u2800',
      '\u0301',
      'e\u0301',
      'é',
      '\u1100\u1161',
      '각',
      '🍵',
      '👩‍👩‍👧‍👦',
      '𝒜',
    ],
    ...[
      '<b>',
      '"',
      '\\',
      '李',
      'Å',
      '\u212b',
      '\u0344',
      '\ufe0f',
      '\u00ad',
      '\u{e0041}',
      '\uffff',
      '\u{10ffff}',
    ],
  );
  const part = fc.oneof(odd, fc.string({ unit: 'binary', maxLength: 3 }), fc.string({ maxLength: 3 }));
  const name = fc.oneof(
    fc.array(part, { maxLength: 8 }).map((parts) => parts.join('')),
    fc
      .tuple(fc.constantFrom('a', '🍵', 'é', ' '), fc.integer({ min: 198, max: 202 }))
      .map(([one, n]) => one.repeat(n)),
  );

  it('is taken and kept exactly, or refused by its name', async () => {
    await fc.assert(
      fc.asyncProperty(name, async (text) => {
        const answer = await add({ name: text });
        const { json } = await ask('GET', `/customers/${answer.json.customerId}`);
        if (isName(text)) expect(json.name).toBe(text);
        else expect(blamed(answer)).toEqual(['/name']);
      }),
      { numRuns: 600 },
    );
  });

  it.each(['👩‍👩‍👧‍👦', '🏳️‍🌈', 'नमस्ते', 'مُحَمَّد', '👍🏽', 'Zoë', '\u200fשלום'])('may be %s', async (text) => {
    expect((await add({ name: text })).status).toBe(201);
    expect((await order({ ...TEA, name: text, sku: text })).status).toBe(201);
  });

  it.each([
    ['in another form than NFC', 'Zoe\u0308', 'must be in Unicode normalisation form C'],
    ['the ångström sign', '\u212b', 'must be in Unicode normalisation form C'],
    ...['\u200b', '\u2800', '\u3164', '\u00ad\u200d', ' \u00a0', '\u0301', '\u202e'].map((text) => [
      'nothing to be seen',
      text,
      'must be a text with a visible character and without control characters or lone surrogates',
    ]),
    ['too long', '🍵'.repeat(201), 'must not have more than 200 characters'],
  ])('is not %s: %j', async (_what, text = '', message = '') => {
    expect(words(await add({ name: text }), '/name')).toEqual([message]);
    expect(words(await order({ ...TEA, sku: text }), '/items/0/sku')).toEqual([message]);
  });
});

describe('an address', () => {
  const atom = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}$/);
  const label = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?$/);
  const top = fc
    .stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,8}[A-Za-z0-9]$/)
    .filter((t) => !/^localhost$/i.test(t));
  const address = fc
    .tuple(
      fc.array(atom, { minLength: 1, maxLength: 3 }),
      fc.array(label, { minLength: 1, maxLength: 4 }),
      top,
    )
    .map(([local, labels, last]) => `${local.join('.')}@${[...labels, last].join('.')}`);

  it('of the mail standards, without what is quoted or literal, is taken and kept exactly', async () => {
    await fc.assert(
      fc.asyncProperty(address, async (email) => {
        const answer = await add({ email });
        const { json } = await ask('GET', `/customers/${answer.json.customerId}`);
        expect(json.email).toBe(email);
      }),
      { numRuns: 200 },
    );
  });

  /** None of these stands anywhere in an address: controls, spaces, quotes, lists, zero-width and bidirectional characters. */
  const HOSTILE = [
    ...[
      '\u0000',
      '\t',
      '\r',
      '\n',
      '\r\nBcc: eve@example.com',
      '\u001b',
      '\u007f',
      '\u0085',
      ' ',
      '\u00a0',
      '\u3000',
    ],
    ...[
      '\u200b',
      '\u200c',
      '\u200d',
      '\u2060',
      '\ufeff',
      '\u00ad',
      '\u200e',
      '\u200f',
      '\u202a',
      '\u202e',
      '\u2066',
      '\u2069',
    ],
    ...[
      '@',
      '"',
      '(',
      ')',
      ',',
      ';',
      ':',
      '<',
      '>',
      '[',
      ']',
      '\\',
      '..',
      'é',
      'а',
      '。',
      '＠',
      '🍵',
      '\ud800',
      '\u2028',
      '%00@',
    ],
  ];
  it.each(HOSTILE)('with %j anywhere is refused', async (hostile) => {
    await fc.assert(
      fc.asyncProperty(address, fc.nat(), async (email, place) => {
        const at = place % (email.length + 1);
        const answer = await add({ email: `${email.slice(0, at)}${hostile}${email.slice(at)}` });
        expect(blamed(answer)).toEqual(['/email']);
      }),
      { numRuns: 10 },
    );
  });

  it.each([
    'ada@localhost',
    'ada@mail.localhost',
    'ada@LocalHost',
    'ada@shop.LOCALHOST',
    'ada@127.0.0.1',
    'ada@1.2.3.com4.5',
    'ada@[IPv6:::1]',
    'ada@example.123',
    'ada@example.1a',
    'ada@example.c-',
    `${'a'.repeat(65)}@example.com`,
    `ada@${'b'.repeat(64)}.com`,
    `ada@b.${'c'.repeat(64)}`,
    `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(62)}`,
    '=?utf-8?q?ada?=@example.com, eve@example.com',
  ])('%s is refused', async (email) => {
    expect(blamed(await add({ email }))).toEqual(['/email']);
  });

  it.each([
    `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`,
    `ada@b.${'c'.repeat(63)}`,
    'ada@localhost.example',
    'ada@notlocalhost',
    'ada@a.notlocalhost',
    'ada@1.2.3.com',
  ])('%s is a matter of its dots and lengths', async (email) => {
    expect((await add({ email })).status).toBe(email === 'ada@notlocalhost' ? 400 : 201);
  });

  it('is refused in words that say what one looks like', async () => {
    expect(words(await add({ email: 'ada' }), '/email')).toEqual([
      'must be one e-mail address in ASCII, such as ada@example.com, of 254 characters at most',
    ]);
  });
});

describe('a currency', () => {
  it.each(currencies.filter((_, i) => i % 8 === 0))('may be %s', async (currency) => {
    const body = { customerId, currency, items: [TEA] };
    expect((await ask('POST', '/orders', body)).status).toBe(201);
  });

  it.each([
    'XXX',
    'XTS',
    'XAU',
    'XAG',
    'XPT',
    'XDR',
    'CHE',
    'USN',
    'BGN',
    'HRK',
    'eur',
    'EUR ',
    'ＥＵＲ',
    '',
  ])('is not %j', async (currency) => {
    const answer = await ask('POST', '/orders', { customerId, currency, items: [TEA] });
    expect(blamed(answer)).toEqual(['/currency']);
    expect(words(answer, '/currency')[0]).toMatch(/^must be one of the \d+ documented values, such as AED$/);
  });
});

describe('a body', () => {
  const bytes = (...parts: (string | number[])[]) =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
  const raw = (payload: Buffer) =>
    app.inject({
      ...{ method: 'POST', url: '/customers', payload },
      headers: { authorization: 'Bearer test-key', 'content-type': 'application/json' },
    });

  it.each<[string, number[]]>([
    ['a byte that never occurs', [0xff]],
    ['a lone continuation', [0x80]],
    ['a sequence cut off', [0xe2, 0x82]],
    ['a slash in two bytes', [0xc0, 0xaf]],
    ['a NUL in two bytes', [0xc0, 0x80]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a code point beyond the last', [0xf4, 0x90, 0x80, 0x80]],
    ['Latin-1', [0xe9]],
  ])('that is not UTF-8 is 400 and never repaired: %s', async (_what, wrong) => {
    const answer = await raw(bytes('{"email":"ada@example.com","name":"A', wrong, '"}'));
    expect([answer.statusCode, answer.json().errors]).toEqual([
      400,
      [{ path: '/', message: 'is not UTF-8' }],
    ]);
  });

  it('may begin with a byte order mark', async () => {
    const answer = await raw(bytes([0xef, 0xbb, 0xbf], '{"email":"ada@example.com","name":"Zoë"}'));
    expect(answer.statusCode).toBe(201);
  });

  it.each<[string, string, string[]]>([
    ['__proto__', '{"__proto__":{"email":"a@example.com","name":"A"}}', ['/email', '/name', '/__proto__']],
    ['__proto__ in escapes', '{"\\u005f_proto__":1,"email":"a@example.com","name":"A"}', ['/__proto__']],
    ['constructor', '{"constructor":{"prototype":{}},"email":"a@example.com","name":"A"}', ['/constructor']],
    ['prototype', '{"prototype":1,"email":"a@example.com","name":"A"}', ['/prototype']],
    [
      'toString',
      '{"toString":1,"hasOwnProperty":2,"email":"a@example.com","name":"A"}',
      ['/toString', '/hasOwnProperty'],
    ],
    [
      'a field that only looks right',
      '{"email":"a@example.com","name":"A","name ":"B","Name":"C"}',
      ['/name ', '/Name'],
    ],
    [
      'what the server decides',
      '{"email":"a@example.com","name":"A","locale":"de","template":"x"}',
      ['/locale', '/template'],
    ],
    ['an empty name', '{"":1,"email":"a@example.com","name":"A"}', ['/']],
  ])('with %s is 400 and names it', async (_what, body, paths) => {
    const answer = await ask('POST', '/customers', body);
    expect(new Set(blamed(answer))).toEqual(new Set(paths));
    expect((await add({})).status).toBe(201); // and nobody else has it now
  });

  it('of an order with prototype keys in an item is 400 and names them', async () => {
    const item = '{"sku":"A","name":"A","quantity":1,"unitPrice":1,"__proto__":{"x":1},"constructor":1}';
    const body = `{"customerId":"${customerId}","currency":"EUR","items":[${item}]}`;
    expect(blamed(await ask('POST', '/orders', body))).toEqual([
      '/items/0/__proto__',
      '/items/0/constructor',
    ]);
  });

  it('with the same field twice counts the last one, in the order and in its letter alike', async () => {
    const item = '{"sku":"A","name":"A","quantity":1,"quantity":3,"unitPrice":100000,"unitPrice":5}';
    const body = `{"customerId":"${customerId}","currency":"EUR","items":[${item}]}`;
    const { json } = await ask('GET', (await ask('POST', '/orders', body)).headers.location ?? '');
    expect([json.total, json.items]).toEqual([15, [{ sku: 'A', name: 'A', quantity: 3, unitPrice: 5 }]]);
  });

  it('is refused in words for every kind of fault', async () => {
    const { json } = await ask('POST', '/orders', {
      customerId: 'ada',
      items: [{ sku: 7, name: '', quantity: 0, unitPrice: -1, extra: 1 }],
    });
    expect(json.detail).toBe('The body is not valid.');
    const said = json.errors.map(
      (error: { path: string; message: string }) => `${error.path} ${error.message}`,
    );
    expect(said.toSorted()).toEqual(
      [
        '/currency is missing',
        '/customerId must be a UUID, such as 01a206af-e963-7718-bde8-550b698e9829',
        '/items/0/extra is not known here',
        '/items/0/name must not be empty',
        '/items/0/name must be a text with a visible character and without control characters or lone surrogates',
        '/items/0/quantity must be at least 1',
        '/items/0/sku must be a string',
        '/items/0/unitPrice must be at least 0',
      ].toSorted(),
    );
  });
});

describe('a query', () => {
  const GETS = ['/customers/:id', '/orders/:id'];
  const POSTS = ['/customers', '/orders', '/orders/:id/ship', '/orders/:id/cancel'];
  const ROUTES = [
    ...GETS.map((path) => ['GET', path] as const),
    ...POSTS.map((path) => ['POST', path] as const),
  ];

  it('is known to these routes', () => {
    const ours = registeredRoutes(app).filter((route) => /^(GET|POST) \/(customers|orders)/.test(route));
    const here = [...ROUTES.map(([method, path]) => `${method} ${path}`), 'GET /orders'];
    expect(ours.toSorted()).toEqual(here.toSorted());
  });

  it.each(ROUTES)('of %s %s is refused, whatever it asks for', async (method, path) => {
    const body = {
      '/customers': { email: 'a@example.com', name: 'A' },
      '/orders': { customerId, currency: 'EUR', items: [TEA] },
    }[path];
    const to = path.replace(':id', path.startsWith('/customers') ? customerId : uuidv7());
    for (const [query, blame] of [
      ['x=1', '/x'],
      ['x=1&x=2', '/x'],
      ['__proto__=1', '/__proto__'],
      ['constructor=1', '/constructor'],
      ['limit=1', '/limit'],
      ['a%2Fb=', '/a~1b'],
    ])
      expect(blamed(await ask(method, `${to}?${query}`, body))).toEqual([blame]);
    expect((await ask(method, `${to}?`, body)).status).not.toBe(400);
    if (method === 'GET') expect((await ask('HEAD', `${to}?x=1`)).status).toBe(400);
  });

  it('of GET /orders is known by its names, each once, and refused in words', async () => {
    const said = async (query: string) => (await ask('GET', `/orders?${query}`)).json.errors;
    expect(await said('page=2')).toEqual([{ path: '/page', message: 'is not known here' }]);
    expect(await said('limit=5&limit=5')).toEqual([{ path: '/limit', message: 'must be given only once' }]);
    expect(await said('limit=0')).toEqual([
      { path: '/limit', message: 'must be a whole number from 1 to 100' },
    ]);
    expect(await said('status=created')).toEqual([
      { path: '/status', message: 'must be one of CREATED, SHIPPED, CANCELLED' },
    ]);
    expect((await said('customerId=ada')).map(({ path }: { path: string }) => path)).toEqual(['/customerId']);
    for (const query of [
      'status=CREATED&status=SHIPPED',
      'cursor=a&cursor=b',
      'customerId=a&customerId=b',
      'limit[]=1',
      'limit=%ff',
      'limit=１',
    ])
      expect((await ask('GET', `/orders?${query}`)).status, query).toBe(400);
  });
});
