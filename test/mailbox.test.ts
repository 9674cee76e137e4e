/** The mailbox is only worth testing against when it is as strict as the provider: each documented rule, one by one. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Resend } from 'resend';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Mailbox, type MailboxOptions, startMailbox } from '../local/mailbox.ts';

const LETTER = {
  from: 'Orders <orders@shop.example>',
  to: 'ada@example.com',
  subject: 'Order Confirmation #1',
  html: '<p>Thank you.</p>',
  text: 'Thank you.',
  tags: [{ name: 'message_id', value: '0191-a_b' }],
};

const HOSTILE = '</script><img src=x onerror="alert(1)">';

let mailbox: Mailbox;
let resend: Resend;

beforeAll(async () => {
  mailbox = await startMailbox({ ratePerSecond: Number.POSITIVE_INFINITY });
  resend = new Resend('re_test', { baseUrl: mailbox.url });
});

beforeEach(() => mailbox.clear());

afterEach(() => mailbox.intercept(null));

afterAll(() => mailbox.close());

type Headers = Record<string, string>;

function post(path: string, body: unknown, headers: Headers = {}, url = mailbox.url): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { authorization: 'Bearer re_test', 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

function send(changes: object, key?: string): Promise<Response> {
  return post('/emails', { ...LETTER, ...changes }, key === undefined ? {} : { 'idempotency-key': key });
}

async function refusalOf(answer: Promise<Response>) {
  const response = await answer;
  const body = (await response.json()) as { statusCode: number; name: string; message: string };
  expect(Object.keys(body).sort()).toEqual(['message', 'name', 'statusCode']);
  expect(body.statusCode).toBe(response.status);
  expect(body.message).not.toBe('');
  return `${response.status} ${body.name}`;
}

async function idOf(answer: Promise<Response>): Promise<string> {
  const response = await answer;
  expect(response.status).toBe(200);
  return ((await response.json()) as { id: string }).id;
}

async function page(path: string): Promise<string> {
  return (await fetch(mailbox.url + path)).text();
}

async function another(options: MailboxOptions): Promise<Mailbox> {
  const other = await startMailbox(options);
  onTestFinished(() => other.close());
  return other;
}

describe('sending a letter', () => {
  it('the SDK gets a UUID and the letter is kept as it was sent', async () => {
    const { data, error } = await resend.emails.send(LETTER, { idempotencyKey: 'order-1' });
    expect(error).toBeNull();
    expect(data?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const { to, ...rest } = LETTER;
    expect(mailbox.letters()).toEqual([
      {
        id: data?.id,
        to: [to],
        ...rest,
        idempotencyKey: 'order-1',
        acceptedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        body: mailbox.requests()[0]?.body,
      },
    ]);
  });

  it('the body is kept byte for byte', async () => {
    const body = `{ "to":["ada@example.com"],"from":"a@b.example", "subject":"\\u00e9",\n"text":"x", "extra": 1.0 }`;
    // The SDK's types don't know `body`, its code passes it on; a variable, because a literal would be refused.
    const exact = { body, idempotencyKey: 'k' };
    const { data } = await resend.post('/emails', undefined, exact);
    expect(data).toEqual({ id: mailbox.letters()[0]?.id });
    expect(mailbox.letters()[0]?.body).toBe(body);
  });

  it('letters are listed in order of acceptance, requests with the status they were answered', async () => {
    await send({ subject: 'one' }, 'k1');
    await send({ subject: undefined });
    await send({ subject: 'two' });
    expect(mailbox.letters().map(({ subject }) => subject)).toEqual(['one', 'two']);
    expect(mailbox.requests()).toMatchObject([
      { path: '/emails', idempotencyKey: 'k1', status: 200, at: expect.any(String) },
      { path: '/emails', idempotencyKey: null, status: 422 },
      { path: '/emails', idempotencyKey: null, status: 200 },
    ]);
  });

  it('the file has a letter before its answer is out, and keeps what was there', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mailbox-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const file = join(directory, 'letters.jsonl');
    for (const subject of ['first', 'second']) {
      const other = await startMailbox({ file });
      const answer = await post('/emails', { ...LETTER, subject }, {}, other.url);
      const lines = (await readFile(file, 'utf8')).trim().split('\n');
      expect(JSON.parse(lines.at(-1) ?? '')).toEqual(other.letters()[0]);
      expect(answer.status).toBe(200);
      await other.close();
    }
    expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(2);
  });

  it('a file that cannot be written is refused at the start', async () => {
    await expect(startMailbox({ file: '/no/such/directory/letters.jsonl' })).rejects.toThrow('ENOENT');
  });

  it('the oldest letters and requests make room after 10,000', async () => {
    const other = await another({ ratePerSecond: Number.POSITIVE_INFINITY });
    for (let batch = 0; batch <= 100; batch++) {
      const letters = Array.from({ length: 100 }, (_, n) => ({ ...LETTER, subject: `${batch}-${n}` }));
      await post('/emails/batch', letters, {}, other.url);
    }
    expect(other.letters()).toHaveLength(10_000);
    expect(other.letters()[0]?.subject).toBe('1-0');
    expect(other.letters().at(-1)?.subject).toBe('100-99');
  });
});

describe('credentials and form', () => {
  it('no key is 401, an unknown one is 403', async () => {
    const other = await another({ apiKey: 're_secret' });
    const sent = (authorization: string, url: string) =>
      refusalOf(post('/emails', LETTER, { authorization }, url));
    expect(await sent('', mailbox.url)).toBe('401 missing_api_key');
    expect(await sent('Basic cmVfdGVzdA==', mailbox.url)).toBe('401 missing_api_key');
    expect(await sent('Bearer sk_test', mailbox.url)).toBe('403 invalid_api_key');
    expect(await sent('Bearer re_test', other.url)).toBe('403 invalid_api_key');
    expect((await post('/emails', LETTER, { authorization: 'Bearer re_secret' }, other.url)).status).toBe(
      200,
    );
    expect(mailbox.letters()).toEqual([]);
  });

  it('only JSON is read', async () => {
    const text = JSON.stringify(LETTER);
    expect(await refusalOf(post('/emails', text, { 'content-type': 'text/plain' }))).toBe(
      '400 validation_error',
    );
    expect(await refusalOf(post('/emails', '{"from":'))).toBe('400 validation_error');
    expect(await refusalOf(post('/emails', ''))).toBe('400 validation_error');
    const utf8 = { 'content-type': 'application/json; charset=utf-8' };
    expect((await post('/emails', text, utf8)).status).toBe(200);
  });

  it('other methods and paths are answered as the provider answers them', async () => {
    expect(await refusalOf(fetch(`${mailbox.url}/emails`, { method: 'PUT' }))).toBe('405 method_not_allowed');
    expect(await refusalOf(fetch(`${mailbox.url}/emails/batch?x=1`))).toBe('405 method_not_allowed');
    expect(await refusalOf(post('/domains', {}))).toBe('404 not_found');
  });
});

describe('what a letter must be', () => {
  it.each([
    ['no sender', { from: undefined }, '422 missing_required_field'],
    ['no recipient', { to: undefined }, '422 missing_required_field'],
    ['an empty list of recipients', { to: [] }, '422 missing_required_field'],
    ['no subject', { subject: undefined }, '422 missing_required_field'],
    ['an empty subject', { subject: '' }, '422 missing_required_field'],
    ['neither html nor text', { html: undefined, text: undefined }, '422 missing_required_field'],
    ['only an empty text', { html: undefined, text: '' }, '422 missing_required_field'],
    ['a sender that is no address', { from: 'Orders' }, '422 invalid_from_address'],
    ['a recipient that is no address', { to: 'ada' }, '422 validation_error'],
    ['a recipient without a domain', { to: 'ada@localhost' }, '422 validation_error'],
    ['markup as a recipient', { to: `${HOSTILE}@example.com` }, '422 validation_error'],
    ['one wrong recipient of two', { to: ['ada@example.com', 'bob@'] }, '422 validation_error'],
    ['a recipient that is no string', { to: [7] }, '422 validation_error'],
    ['a wrong cc', { cc: 'bob' }, '422 validation_error'],
    [
      '51 recipients',
      { to: Array.from({ length: 51 }, (_, n) => `a${n}@b.example`) },
      '422 validation_error',
    ],
    ['a subject that is no string', { subject: 7 }, '422 validation_error'],
    ['html that is no string', { html: ['<p>'] }, '422 validation_error'],
    ['a header that is no string', { headers: { 'X-Count': 7 } }, '422 validation_error'],
    ['a tag with a space', { tags: [{ name: 'a', value: 'b c' }] }, '422 validation_error'],
    ['a tag with an umlaut', { tags: [{ name: 'größe', value: 'b' }] }, '422 validation_error'],
    ['a tag of 257 characters', { tags: [{ name: 'a', value: 'b'.repeat(257) }] }, '422 validation_error'],
    ['a tag without a value', { tags: [{ name: 'a' }] }, '422 validation_error'],
    ['a tag that is a number', { tags: [{ name: 'a', value: 7 }] }, '422 validation_error'],
    ['tags that are no list', { tags: { name: 'a', value: 'b' } }, '422 validation_error'],
    ['an empty attachment', { attachments: [{ filename: 'a.pdf' }] }, '422 invalid_attachment'],
  ])('%s is refused', async (_what, changes, refusal) => {
    expect(await refusalOf(send(changes))).toBe(refusal);
    expect(mailbox.letters()).toEqual([]);
  });

  it.each([
    ['50 recipients', { to: Array.from({ length: 50 }, (_, n) => `a${n}@b.example`) }],
    ['a name before the address', { to: 'Ada Lovelace <ada+news@mail.example.co.uk>' }],
    ['html alone', { text: undefined }],
    ['text alone', { html: undefined }],
    ['an empty text beside html', { text: '' }],
    ['a tag of 256 characters', { tags: [{ name: 'a', value: 'b'.repeat(256) }] }],
    ['an attachment with content', { attachments: [{ filename: 'a.txt', content: 'YQ==' }] }],
    ['no tags', { tags: undefined }],
  ])('%s is accepted', async (_what, changes) => {
    expect((await send(changes)).status).toBe(200);
  });

  it.each(['null', '7', '"letter"', '[]'])('%s is not a letter', async (body) => {
    expect(await refusalOf(post('/emails', body))).toBe('422 validation_error');
  });
});

describe('a batch', () => {
  const bad = { ...LETTER, to: 'nobody' };

  it('gives an id to each letter, in order, and all share the key', async () => {
    const { data } = await resend.batch.send([LETTER, { ...LETTER, subject: 'two' }], {
      idempotencyKey: 'b',
    });
    expect(data).toEqual({ data: mailbox.letters().map(({ id }) => ({ id })) });
    expect(mailbox.letters().map(({ subject }) => subject)).toEqual([LETTER.subject, 'two']);
    expect(mailbox.letters().map(({ idempotencyKey }) => idempotencyKey)).toEqual(['b', 'b']);
  });

  it('one bad letter refuses them all', async () => {
    const { error } = await resend.batch.send([LETTER, bad]);
    expect(error).toMatchObject({ statusCode: 422, name: 'validation_error' });
    expect(mailbox.letters()).toEqual([]);
  });

  it('validated permissively accepts the good ones and lists the others by index', async () => {
    const batch = [bad, LETTER, { ...LETTER, to: 'refused@example.com' }];
    const { data } = await resend.batch.send(batch, { batchValidation: 'permissive' });
    const wrong = [0, 2].map((index) => ({ index, message: expect.any(String) }));
    expect(data).toEqual({ data: [{ id: mailbox.letters()[0]?.id }], errors: wrong });
    expect(mailbox.letters()).toHaveLength(1);
  });

  it('takes 100 letters and not 101, none, or something else', async () => {
    const batch = (length: number) => post('/emails/batch', Array(length).fill(LETTER));
    expect((await batch(100)).status).toBe(200);
    expect(await refusalOf(batch(101))).toBe('422 validation_error');
    expect(await refusalOf(batch(0))).toBe('422 validation_error');
    expect(await refusalOf(post('/emails/batch', LETTER))).toBe('422 validation_error');
    expect(mailbox.letters()).toHaveLength(100);
  });

  it.each(['attachments', 'scheduled_at'])('has no %s', async (field) => {
    expect(await refusalOf(post('/emails/batch', [{ ...LETTER, [field]: [] }]))).toBe('422 validation_error');
  });

  it('is cut into the exact texts of its letters', async () => {
    const letterText = fc
      .tuple(fc.string({ unit: 'binary' }), fc.json(), fc.constantFrom('', ' ', '\n\t'))
      .map(([subject, extra, space]) => {
        const parts = { from: 'a@b.example', to: 'c@d.example', subject: `s${subject}`, text: 't' };
        return `${JSON.stringify(parts).slice(0, -1)},${space}"extra":${extra}${space}}`;
      });
    const property = fc.asyncProperty(
      fc.array(letterText, { minLength: 1, maxLength: 5 }),
      fc.constantFrom('', ' ', '\r\n'),
      async (texts, space) => {
        mailbox.clear();
        await post('/emails/batch', `${space}[${space}${texts.join(`${space},${space}`)}${space}]${space}`);
        expect(mailbox.letters().map(({ body }) => body)).toEqual(texts);
      },
    );
    await fc.assert(property, { numRuns: 50 });
  });
});

describe('an idempotency key', () => {
  it('gives the stored answer again and no second letter', async () => {
    const first = await resend.emails.send(LETTER, { idempotencyKey: 'k' });
    const again = await resend.emails.send(LETTER, { idempotencyKey: 'k' });
    expect(again.data).toEqual(first.data);
    expect(mailbox.letters()).toHaveLength(1);
  });

  it('is refused with another payload, even one that only spells it differently', async () => {
    await send({}, 'k');
    expect(await refusalOf(send({ subject: 'other' }, 'k'))).toBe('409 invalid_idempotent_request');
    const spelled = post('/emails', JSON.stringify(LETTER, null, 1), { 'idempotency-key': 'k' });
    expect(await refusalOf(spelled)).toBe('409 invalid_idempotent_request');
    const batch = post('/emails/batch', [LETTER], { 'idempotency-key': 'k' });
    expect(await refusalOf(batch)).toBe('409 invalid_idempotent_request');
    expect(mailbox.letters()).toHaveLength(1);
  });

  it('is taken while its first request is in progress, and repeats the answer afterwards', async () => {
    const slow = { to: 'slow@example.com' };
    const first = idOf(send(slow, 'k'));
    await vi.waitUntil(() => mailbox.requests().length === 1);
    expect(await refusalOf(send(slow, 'k'))).toBe('409 concurrent_idempotent_requests');
    expect(await refusalOf(send({}, 'k'))).toBe('409 concurrent_idempotent_requests');
    expect(mailbox.letters()).toEqual([]);
    const id = await first;
    expect(await idOf(send(slow, 'k'))).toBe(id);
    expect(mailbox.letters()).toHaveLength(1);
  });

  it('has 1 to 256 characters', async () => {
    expect(await refusalOf(send({}, ''))).toBe('400 invalid_idempotency_key');
    expect(await refusalOf(send({}, 'k'.repeat(257)))).toBe('400 invalid_idempotency_key');
    expect((await send({}, 'k'.repeat(256))).status).toBe(200);
  });

  it('is free again after 24 hours, and not before', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const first = await idOf(send({}, 'k'));
    vi.setSystemTime(Date.now() + 24 * 60 * 60 * 1_000 - 1);
    expect(await idOf(send({}, 'k'))).toBe(first);
    vi.setSystemTime(Date.now() + 1);
    expect(await idOf(send({}, 'k'))).not.toBe(first);
  });

  it('is free after a refusal', async () => {
    expect(await refusalOf(send({ to: 'refused@example.com' }, 'k'))).toBe('422 validation_error');
    expect((await send({}, 'k')).status).toBe(200);
  });

  it('of many requests at once lets one letter through', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => idOf(send({}, 'k'))));
    expect(new Set(ids).size).toBe(1);
    expect(mailbox.letters()).toHaveLength(1);
  });

  it('belongs to its first payload, whatever comes in whatever order', async () => {
    const request = fc.record({ key: fc.constantFrom('a', 'b'), subject: fc.constantFrom('x', 'y') });
    const property = fc.asyncProperty(fc.array(request, { maxLength: 12 }), async (requests) => {
      mailbox.clear();
      const owners = new Map<string, { subject: string; id: string }>();
      for (const { key, subject } of requests) {
        const owner = owners.get(key);
        if (owner && owner.subject !== subject) {
          expect(await refusalOf(send({ subject }, key))).toBe('409 invalid_idempotent_request');
          continue;
        }
        const id = await idOf(send({ subject }, key));
        expect(id).toBe(owner?.id ?? id);
        owners.set(key, { subject, id });
      }
      expect(mailbox.letters().map(({ id }) => id)).toEqual([...owners.values()].map(({ id }) => id));
    });
    await fc.assert(property, { numRuns: 40 });
  });
});

describe('the rate limit', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('is 5 requests a second by default, said in headers, and is over when it says so', async () => {
    const { url } = await another({});
    const answers: Response[] = [];
    for (let n = 0; n < 6; n++) answers.push(await post('/emails', LETTER, {}, url));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
    expect(answers.map(({ headers }) => headers.get('ratelimit-remaining'))).toEqual([
      '4',
      '3',
      '2',
      '1',
      '0',
      '0',
    ]);
    const last = answers[5]?.headers;
    expect(['ratelimit-limit', 'ratelimit-reset', 'retry-after'].map((name) => last?.get(name))).toEqual([
      '5',
      '1',
      '1',
    ]);
    expect(answers[0]?.headers.get('retry-after')).toBeNull();
    vi.advanceTimersByTime(1_000);
    expect((await post('/emails', LETTER, {}, url)).status).toBe(200);
  });

  it('counts requests, whatever they are answered and however many letters they carry', async () => {
    const { url, letters } = await another({ ratePerSecond: 3 });
    const key = { 'idempotency-key': 'k' };
    await post('/emails/batch', Array(100).fill(LETTER), key, url);
    await post('/emails/batch', Array(100).fill(LETTER), key, url);
    await post('/emails', { ...LETTER, to: 'nobody' }, {}, url);
    expect(await refusalOf(post('/emails', LETTER, {}, url))).toBe('429 rate_limit_exceeded');
    expect(letters()).toHaveLength(100);
  });
});

describe('an address that misbehaves', () => {
  it('refused@ is refused for good, under any spelling', async () => {
    for (const to of [
      'refused@example.com',
      'Refused+1@shop.test',
      'R <REFUSED@a.example>',
      'refused@b.example',
    ]) {
      expect(await refusalOf(send({ to: ['ada@example.com', to] }, 'k'))).toBe('422 validation_error');
    }
    expect((await send({ to: 'refused.not@example.com' })).status).toBe(200);
  });

  it('flaky@ fails twice per key, then accepts', async () => {
    for (const key of ['a', 'b']) {
      const statuses: number[] = [];
      for (let n = 0; n < 4; n++) statuses.push((await send({ to: 'flaky+1@example.com' }, key)).status);
      expect(statuses).toEqual([500, 500, 200, 200]);
    }
    expect(mailbox.letters()).toHaveLength(2);
  });

  it('flaky@ without a key knows a request by its body, until it is accepted', async () => {
    const statuses: number[] = [];
    for (const subject of ['x', 'y', 'x', 'y', 'x', 'y', 'x']) {
      statuses.push((await send({ to: 'flaky@example.com', subject })).status);
    }
    expect(statuses).toEqual([500, 500, 500, 500, 200, 200, 500]);
  });

  it('down@ never accepts', async () => {
    for (let n = 0; n < 5; n++) {
      expect(await refusalOf(send({ to: 'down@example.com' }, 'k'))).toBe('500 internal_server_error');
    }
  });

  it('limited@ is limited once per key and says how long', async () => {
    const limited = await resend.emails.send(
      { ...LETTER, to: 'limited@example.com' },
      { idempotencyKey: 'k' },
    );
    expect(limited.error).toMatchObject({ statusCode: 429, name: 'rate_limit_exceeded' });
    expect(limited.headers?.['retry-after']).toBe('1');
    expect((await send({ to: 'limited@example.com' }, 'k')).status).toBe(200);
    expect((await send({ to: 'limited@example.com' }, 'other')).status).toBe(429);
  });

  it('slow@ accepts even when its client has gone away', async () => {
    const client = new AbortController();
    const sent = resend.emails
      .send({ ...LETTER, to: 'slow@example.com' }, { signal: client.signal })
      .catch(gone);
    await vi.waitUntil(() => mailbox.requests().length === 1);
    client.abort();
    expect((await sent).error).not.toBeNull();
    await vi.waitUntil(() => mailbox.letters().length === 1, { timeout: 10_000 });
    expect(mailbox.requests()[0]?.status).toBe('no answer');
  });

  it('hangup@ accepts without a word, and the repeat is answered', async () => {
    const letter = { ...LETTER, to: 'hangup@example.com' };
    const first = await resend.emails.send(letter, { idempotencyKey: 'k' });
    expect(first.error).toMatchObject({ name: 'application_error', statusCode: null });
    expect(mailbox.letters()).toHaveLength(1);
    const again = await resend.emails.send(letter, { idempotencyKey: 'k' });
    expect(again.data).toEqual({ id: mailbox.letters()[0]?.id });
    expect(mailbox.requests().map(({ status }) => status)).toEqual(['hung up', 200]);
  });

  it('in a batch decides for all of it', async () => {
    const batch = [LETTER, { ...LETTER, to: 'limited@example.com' }];
    const sent = () => post('/emails/batch', batch, { 'idempotency-key': 'k' });
    expect(await refusalOf(sent())).toBe('429 rate_limit_exceeded');
    expect((await sent()).status).toBe(200);
    expect(mailbox.letters()).toHaveLength(2);
  });
});

function gone(error: unknown) {
  return { error };
}

describe('an interception', () => {
  it('sees each request and answers in place of the rules', async () => {
    const seen: unknown[] = [];
    mailbox.intercept((request) => {
      seen.push(request);
      return {
        status: 503,
        body: '<h1>away</h1>',
        headers: { 'content-type': 'text/html', 'retry-after': '7' },
      };
    });
    const answer = await send({}, 'k');
    expect(seen).toEqual([{ path: '/emails', idempotencyKey: 'k', body: LETTER }]);
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
      503,
      '7',
      '<h1>away</h1>',
    ]);
    expect(mailbox.letters()).toEqual([]);
    mailbox.intercept(() => ({ status: 200, body: null }));
    expect(await resend.emails.send(LETTER)).toMatchObject({ data: null, error: null });
    mailbox.intercept(() => undefined);
    expect((await send({}, 'k')).status).toBe(200);
  });

  it('hangs up without a letter, or with one that the repeat finds', async () => {
    for (const [interception, letters] of [
      ['hang-up', 0],
      ['accept-and-hang-up', 1],
    ] as const) {
      mailbox.intercept(() => interception);
      await expect(send({}, 'k')).rejects.toThrow('fetch failed');
      expect(mailbox.letters()).toHaveLength(letters);
    }
    mailbox.intercept(null);
    expect(await idOf(post('/emails', mailbox.requests()[1]?.body, { 'idempotency-key': 'k' }))).toBe(
      mailbox.letters()[0]?.id,
    );
    expect(mailbox.requests().map(({ status }) => status)).toEqual(['hung up', 'hung up', 200]);
  });

  it.each([
    ['hang', 0],
    ['accept-and-hang', 1],
  ] as const)('%s keeps the client waiting until it closes', async (how, letters) => {
    const other = await startMailbox();
    other.intercept(() => how);
    const waiting = expect(post('/emails', LETTER, {}, other.url)).rejects.toThrow('fetch failed');
    await vi.waitUntil(() => other.requests().length === 1);
    await vi.waitUntil(() => other.letters().length === letters);
    await other.close();
    await waiting;
    expect(other.requests()[0]?.status).toBe('no answer');
  });

  it('closing accepts nothing more of what was on its way', async () => {
    const slow = { ...LETTER, to: 'slow@example.com' };
    const other = await startMailbox();
    const waiting = post('/emails', slow, {}, other.url).then(({ status }) => status, gone);
    await vi.waitUntil(() => other.requests().length === 1);
    const clock = post('/emails', slow);
    await other.close();
    expect(await waiting).not.toBe(200);
    await clock;
    expect(other.letters()).toEqual([]);
  });
});

describe('the page', () => {
  it('says what will show up here while there is nothing', async () => {
    const text = await page('/');
    expect(text).toContain('No letters yet');
    for (const name of ['refused', 'flaky', 'down', 'slow', 'hangup', 'limited'])
      expect(text).toContain(`${name}@`);
  });

  it('lists letters, newest first, and opens each as letter, text and request', async () => {
    await send({ subject: 'The older one' });
    const id = await idOf(send({ subject: 'The newer one' }, 'key-7'));
    const list = await page('/');
    expect(list.indexOf('The newer one')).toBeGreaterThan(0);
    expect(list.indexOf('The newer one')).toBeLessThan(list.indexOf('The older one'));
    const opened = await page(`/letters/${id}`);
    for (const part of ['Orders &lt;orders@shop.example&gt;', 'ada@example.com', 'message_id: 0191-a_b']) {
      expect(opened).toContain(part);
    }
    expect(opened).toContain(`sandbox src="/letters/${id}/html"`);
    expect(await page(`/letters/${id}/html`)).toBe(LETTER.html);
    expect(await page(`/letters/${id}?view=text`)).toContain('<pre class="sheet">Thank you.</pre>');
    expect(await page(`/letters/${id}?view=raw`)).toContain('key-7');
  });

  it('turns its pages', async () => {
    const letters = Array.from({ length: 60 }, (_, n) => ({ ...LETTER, subject: `Letter ${n}.` }));
    await post('/emails/batch', letters);
    expect(await page('/')).not.toContain('Letter 9.');
    expect(await page('/?page=2')).toContain('Letter 9.');
    expect(await page('/?page=nonsense')).toContain('Letter 59.');
    expect(await page('/?page=99')).toContain('Letter 0.');
    expect(await page(`/letters/${mailbox.letters()[0]?.id}`)).toContain('Letter 9.');
  });

  it('gives the letters as JSON', async () => {
    await send({});
    expect(JSON.parse(await page('/letters.json'))).toEqual(mailbox.letters());
  });

  it('shows hostile letters as text', async () => {
    const headers = { [`X-${HOSTILE}`]: HOSTILE };
    const id = await idOf(
      send({ subject: HOSTILE, text: HOSTILE, html: HOSTILE, from: `"'&"<a@b.example>`, headers }, HOSTILE),
    );
    for (const path of ['/', `/letters/${id}`, `/letters/${id}?view=text`, `/letters/${id}?view=raw`]) {
      const text = await page(path);
      expect(text).not.toContain('<img src=x');
      expect(text).not.toContain('</script>');
      expect(text).not.toContain(`"'&"`);
      expect(text).toContain('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;');
    }
  });

  it('carries a policy that lets nothing run, and letters one that lets nothing load', async () => {
    const id = await idOf(send({}));
    const policyOf = async (path: string) =>
      (await fetch(mailbox.url + path)).headers.get('content-security-policy') ?? '';
    for (const path of ['/', `/letters/${id}`, `/letters/${id}/html`, '/letters.json', '/letters/none']) {
      expect(await policyOf(path)).toMatch(/^default-src 'none';/);
      expect(await policyOf(path)).not.toContain('script-src');
    }
    expect(await policyOf('/')).not.toContain('unsafe-inline');
    expect(await policyOf(`/letters/${id}/html`)).toMatch(/sandbox$/);
    expect(await page('/')).not.toMatch(/<script|style=|https?:\/\//);
  });

  it('says so when a letter is not there', async () => {
    for (const path of ['/letters/none', '/letters/none/html']) {
      const answer = await fetch(mailbox.url + path);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
    }
  });
});

it('clearing forgets letters, requests, keys and failures', async () => {
  await send({}, 'k');
  await send({ to: 'flaky@example.com' }, 'f');
  mailbox.clear();
  expect([mailbox.letters(), mailbox.requests()]).toEqual([[], []]);
  expect((await send({ subject: 'other' }, 'k')).status).toBe(200);
  const statuses: number[] = [];
  for (let n = 0; n < 3; n++) statuses.push((await send({ to: 'flaky@example.com' }, 'f')).status);
  expect(statuses).toEqual([500, 500, 200]);
});
