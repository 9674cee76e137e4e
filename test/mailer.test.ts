/** What every answer of the provider comes to, through the real SDK; and that nothing but the stored text goes out. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Interception, type Mailbox, startMailbox } from '../local/mailbox.ts';
import { freePort } from '../local/server.ts';
import { readConfig } from '../src/config.ts';
import { type Mailer, openMailer } from '../src/mailer.ts';

const KEY = '0192f0c0-0000-7000-8000-000000000001';
const MESSAGE_ID = '0192f0c0-0000-7000-8000-000000000002';
const LETTER = { subject: 'Order Confirmation #1', html: '<p>Thank you.</p>', text: 'Thank you.' };

let mailbox: Mailbox;
let mailer: Mailer;

beforeAll(async () => {
  mailbox = await startMailbox({ ratePerSecond: Number.POSITIVE_INFINITY, apiKey: 're_test' });
  mailer = mailerAt(mailbox.url);
});
beforeEach(() => mailbox.clear());
afterEach(() => mailbox.intercept(null));
afterAll(() => mailbox.close());

function mailerAt(url: string, settings: Record<string, string> = {}): Mailer {
  return openMailer(
    readConfig([], {
      RESEND_API_KEY: 're_test',
      RESEND_BASE_URL: url,
      EMAIL_FROM: 'The Shop <orders@shop.example>',
      ...settings,
    }),
  );
}

const body = () => mailer.compose(MESSAGE_ID, 'ada@example.com', LETTER);

function sendAgainst(interception: Interception, by = mailer) {
  mailbox.intercept(() => interception);
  return by.send(body(), KEY);
}

/** A refusal as the provider words it. */
const refusal = (status: number, name: string, headers: Record<string, string> = {}): Interception => ({
  status,
  headers,
  body: { statusCode: status, name, message: 'In its own words.' },
});
const json = (text: string, status: number): Interception => ({
  status,
  body: text,
  headers: { 'content-type': 'application/json' },
});
const html = (status: number): Interception => ({
  status,
  body: '<html><body>Something</body></html>',
  headers: { 'content-type': 'text/html' },
});

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // neither a pipe nor closed
}

describe('an answer', () => {
  it.each<[string, Interception]>([
    ['200', { status: 200, body: { id: 'provider-1' } }],
    ['201', { status: 201, body: { id: 'provider-1' } }],
  ])('%s with an id means accepted', async (_, interception) => {
    expect(await sendAgainst(interception)).toEqual({ kind: 'accepted', providerId: 'provider-1' });
  });

  it.each<[string, Interception, string]>([
    ['200 without an id', { status: 200, body: {} }, 'no_answer'],
    ['200 with an empty id', { status: 200, body: { id: '' } }, 'no_answer'],
    ['200 with a number for an id', { status: 200, body: { id: 7 } }, 'no_answer'],
    ['200 with null', json('null', 200), 'no_answer'],
    ['200 with cut-off JSON', json('{"id": "provi', 200), 'no_answer'],
    ['200 with HTML', html(200), 'no_answer'],
    ['204', { status: 204 }, 'no_answer'],
    ['301', { status: 301, headers: { location: '/elsewhere' } }, 'application_error'],
    ['307', { status: 307, headers: { location: '/elsewhere' } }, 'application_error'],
    ['400 with HTML', html(400), 'application_error'],
    ['401 with HTML', html(401), 'application_error'],
    ['403 with HTML', html(403), 'application_error'],
    ['409 with HTML', html(409), 'application_error'],
    ['429 with HTML', html(429), 'application_error'],
    ['422 with cut-off JSON', json('{"statusCode": 422, "na', 422), 'application_error'],
    ['422 with null', json('null', 422), 'no_answer'],
    ['422 with JSON of another shape', json('{"error": "no"}', 422), 'no_answer'],
    ['422 that the provider calls its own error', refusal(422, 'application_error'), 'application_error'],
    ['408', refusal(408, 'validation_error'), 'validation_error'],
    ['500', refusal(500, 'internal_server_error'), 'internal_server_error'],
    ['502 with HTML', html(502), 'application_error'],
    ['503', refusal(503, 'unavailable_today'), 'http_503'],
    ['a closed connection', 'hang-up', 'no_answer'],
    ['a closed connection after the acceptance', 'accept-and-hang-up', 'no_answer'],
  ])('%s means that nobody knows', async (_, interception, code) => {
    expect(await sendAgainst(interception)).toMatchObject({ kind: 'unknown', code });
  });

  it('409 concurrent_idempotent_requests means that the same request is under way', async () => {
    expect(await sendAgainst(refusal(409, 'concurrent_idempotent_requests'))).toMatchObject({
      kind: 'in_flight',
      code: 'concurrent_idempotent_requests',
    });
  });

  it('409 invalid_idempotent_request means that the key stands for another text', async () => {
    expect(await sendAgainst(refusal(409, 'invalid_idempotent_request'))).toMatchObject({
      kind: 'contradicted',
      code: 'invalid_idempotent_request',
    });
  });

  it.each([
    ['asks for seven seconds', { 'retry-after': '7' }, 7],
    ['asks for a day, of which an hour is enough', { 'retry-after': '86400' }, 3_600],
    ['asks for nothing', {}, 1],
    ['asks with a date, which nobody sends', { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, 1],
    ['asks for less than nothing', { 'retry-after': '-5' }, 1],
  ])('429 holds sending for as long as it %s', async (_, headers: Record<string, string>, seconds) => {
    expect(await sendAgainst(refusal(429, 'rate_limit_exceeded', headers))).toMatchObject({
      kind: 'held',
      code: 'rate_limit_exceeded',
      reason: 'rate_limited',
      seconds,
    });
  });

  it.each([
    [429, 'daily_quota_exceeded'],
    [429, 'monthly_quota_exceeded'],
    [403, 'daily_quota_exceeded'],
  ])('%i %s holds sending with growing pauses, whatever the header asks', async (status, name) => {
    expect(await sendAgainst(refusal(status, name, { 'retry-after': '7' }))).toMatchObject({
      kind: 'held',
      code: name,
      reason: 'quota_exceeded',
      seconds: null,
    });
  });

  it.each([
    [401, 'missing_api_key'],
    [401, 'restricted_api_key'],
    [403, 'invalid_api_key'],
    [403, 'validation_error'],
  ])('%i %s speaks of the account and holds sending', async (status, name) => {
    expect(await sendAgainst(refusal(status, name))).toMatchObject({
      kind: 'held',
      code: name,
      reason: 'provider_denied',
      seconds: null,
    });
  });

  it.each([
    [400, 'validation_error', 'validation_error'],
    [400, 'invalid_idempotency_key', 'invalid_idempotency_key'],
    [404, 'not_found', 'not_found'],
    [405, 'method_not_allowed', 'method_not_allowed'],
    [409, 'some_other_conflict', 'http_409'],
    [422, 'validation_error', 'validation_error'],
    [422, 'missing_required_field', 'missing_required_field'],
    [451, 'security_error', 'security_error'],
  ])('%i %s refuses this letter', async (status, name, code) => {
    expect(await sendAgainst(refusal(status, name))).toEqual({
      kind: 'refused',
      code,
      detail: 'In its own words.',
    });
  });

  it.each([
    ['rate_limit_exceeded', 'rate_limited'],
    ['daily_quota_exceeded', 'quota_exceeded'],
    ['invalid_api_key', 'provider_denied'],
  ])('whose body names no status is known by its name (%s)', async (name, reason) => {
    const answer = await sendAgainst({ status: 429, body: { name, message: 'In its own words.' } });
    expect(answer).toMatchObject({ kind: 'held', reason });
  });

  it('of an unknown name leaves a code that holds nothing of it', async () => {
    const answer = await sendAgainst(refusal(422, 'ada@example.com is not welcome'));
    expect(answer).toMatchObject({ kind: 'refused', code: 'http_422' });
  });

  it('in many words keeps five hundred characters of them', async () => {
    const message = 'x'.repeat(2_000);
    const answer = await sendAgainst({
      status: 422,
      body: { statusCode: 422, name: 'validation_error', message },
    });
    expect(answer).toMatchObject({ detail: 'x'.repeat(500) });
  });

  it('is never printed, whatever it says', async () => {
    const printed = (['log', 'warn', 'error', 'info'] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation(() => undefined),
    );
    onTestFinished(() => void vi.restoreAllMocks());
    for (const interception of [refusal(422, 'validation_error'), html(500), 'hang-up'] as const)
      await sendAgainst(interception);
    for (const spy of printed) expect(spy).not.toHaveBeenCalled();
  });
});

describe('no answer', () => {
  const impatient = () => mailerAt(mailbox.url, { EMAIL_TIMEOUT_MS: '100' });

  it.each(['hang', 'accept-and-hang'] as const)(
    'by the deadline means that nobody knows (%s)',
    async (how) => {
      expect(await sendAgainst(how, impatient())).toMatchObject({ kind: 'unknown', code: 'no_answer' });
    },
  );

  it.each([200, 422])('by the deadline also after a %i whose body never ends', async (status) => {
    const url = await listening(
      createServer((_request, response) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.write('{"id": "provider-1"');
      }),
    );
    const answer = await mailerAt(url, { EMAIL_TIMEOUT_MS: '100' }).send(body(), KEY);
    expect(answer).toMatchObject({ kind: 'unknown', code: 'no_answer' });
  });

  it.each([200, 422])('in full, because the connection was lost in the middle of a %i', async (status) => {
    const text = '{"id": "provider-1", "statusCode": 422, "name": "validation_error"}';
    const url = await listening(
      createServer((_request, response) => {
        const head = { 'content-type': 'application/json', 'content-length': text.length + 1 };
        response.writeHead(status, head).write(text, () => response.destroy());
      }),
    );
    expect(await mailerAt(url).send(body(), KEY)).toMatchObject({ kind: 'unknown' });
  });

  it('because nobody listens there means that nobody knows', async () => {
    const answer = await mailerAt(`http://127.0.0.1:${await freePort()}`).send(body(), KEY);
    expect(answer).toMatchObject({ kind: 'unknown', code: 'no_answer' });
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('%i shows the letter to no other host', async (status) => {
    const seen: string[] = [];
    const elsewhere = await listening(
      createServer((request, response) => {
        seen.push(`${request.method} ${request.url}`);
        response.setHeader('content-type', 'application/json').end('{"id": "stolen"}');
      }),
    );
    const answer = await sendAgainst({ status, headers: { location: `${elsewhere}/emails` } });
    expect(answer).toMatchObject({ kind: 'unknown' });
    expect(seen).toEqual([]);
  });
});

describe('a request', () => {
  it('is the stored text, byte for byte, under its key', async () => {
    // Numbers, spaces, escapes and an order of fields that printing parsed JSON would not give back.
    const text =
      '{ "text":"Grüße, \\u00e9 \u{1f375} \u2028", "scale":1.0,"big":12345678901234567890,\n"2":"two","1":"one",' +
      '"to":["ada@example.com"],"from":"orders@shop.example","subject":"S"}';
    expect(await mailer.send(text, KEY)).toMatchObject({ kind: 'accepted' });
    expect(mailbox.requests()).toMatchObject([
      { path: '/emails', idempotencyKey: KEY, status: 200, body: text },
    ]);
    expect(mailbox.letters()[0]?.body).toBe(text);
  });

  it('repeated is answered with the first id and makes no second letter', async () => {
    const [first, second] = [await mailer.send(body(), KEY), await mailer.send(body(), KEY)];
    expect(second).toEqual(first);
    expect(mailbox.letters()).toHaveLength(1);
  });

  it('with another text under the same key is contradicted by the mailbox itself', async () => {
    await mailer.send(body(), KEY);
    const other = mailer.compose(MESSAGE_ID, 'ada@example.com', { ...LETTER, text: 'Thanks.' });
    expect(await mailer.send(other, KEY)).toMatchObject({ kind: 'contradicted' });
  });

  it('with a wrong API key is denied by the mailbox itself', async () => {
    const stranger = mailerAt(mailbox.url, { RESEND_API_KEY: 're_wrong' });
    expect(await stranger.send(body(), KEY)).toMatchObject({ kind: 'held', reason: 'provider_denied' });
  });
});

describe('compose', () => {
  it('writes sender, recipient, letter and the message id as a tag', () => {
    expect(JSON.parse(body())).toEqual({
      from: 'The Shop <orders@shop.example>',
      to: ['ada@example.com'],
      ...LETTER,
      tags: [{ name: 'message_id', value: MESSAGE_ID }],
    });
  });

  it('writes what the provider accepts, and it arrives unchanged', async () => {
    await mailer.send(body(), KEY);
    expect(mailbox.letters()).toMatchObject([
      { to: ['ada@example.com'], ...LETTER, tags: [{ name: 'message_id', value: MESSAGE_ID }] },
    ]);
  });
});

describe('the account, where keys count', () => {
  it('is the base URL with the domain of the sender', () => {
    expect(mailer.account).toBe(`${mailbox.url} shop.example`);
  });

  it('stays the same when the API key is rotated, and changes with RESEND_ACCOUNT', () => {
    expect(mailerAt(mailbox.url, { RESEND_API_KEY: 're_new' }).account).toBe(mailer.account);
    expect(mailerAt(mailbox.url, { RESEND_ACCOUNT: 'team-b' }).account).toBe(`${mailbox.url} team-b`);
  });
});

describe('several letters in one request', () => {
  const second = () =>
    mailer.compose('0192f0c0-0000-7000-8000-000000000003', 'eve@example.com', {
      ...LETTER,
      subject: 'Order 1.0',
    });
  const sendBoth = () => mailer.sendBatch([body(), second()], KEY);

  it('are accepted together, and their ids stand in their order', async () => {
    const answer = await sendBoth();
    const letters = mailbox.letters();
    expect(letters.map(({ to }) => to)).toEqual([['ada@example.com'], ['eve@example.com']]);
    expect(answer).toEqual({ kind: 'accepted', providerIds: letters.map(({ id }) => id) });
  });

  it('go out as the exact texts of the letters, under the one key', async () => {
    await sendBoth();
    expect(mailbox.requests()).toEqual([
      expect.objectContaining({
        path: '/emails/batch',
        idempotencyKey: KEY,
        body: `[${body()},${second()}]`,
      }),
    ]);
    expect(mailbox.letters().map((letter) => letter.body)).toEqual([body(), second()]);
  });

  it('are accepted once when the request is repeated', async () => {
    const first = await sendBoth();
    expect(await sendBoth()).toEqual(first);
    expect(mailbox.letters()).toHaveLength(2);
  });

  it('are all refused when one of them is', async () => {
    const bad = mailer.compose(MESSAGE_ID, 'refused@example.com', LETTER);
    const answer = await mailer.sendBatch([body(), bad], KEY);
    expect(answer).toMatchObject({ kind: 'refused', code: 'validation_error' });
    expect(mailbox.letters()).toEqual([]);
  });

  it('ask for strict validation, whatever the provider may take for granted', async () => {
    let seen: string | undefined;
    const server = createServer((request, response) => {
      seen = request.headers['x-batch-validation'] as string | undefined; // it is sent once
      response.setHeader('content-type', 'application/json').end('{"data":[{"id":"a"},{"id":"b"}]}');
    });
    const answer = await mailerAt(await listening(server)).sendBatch([body(), second()], KEY);
    expect(answer).toEqual({ kind: 'accepted', providerIds: ['a', 'b'] });
    expect(seen).toBe('strict');
  });

  it.each<[string, unknown]>([
    ['fewer ids', { data: [{ id: 'a' }] }],
    ['more ids', { data: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] }],
    ['one id twice', { data: [{ id: 'a' }, { id: 'a' }] }],
    ['an id that is none', { data: [{ id: 'a' }, { id: 7 }] }],
    ['a letter without an id', { data: [{ id: 'a' }, null] }],
    ['no list', { data: { id: 'a' } }],
    ['the answer to a single letter', { id: 'a' }],
  ])('that are answered with %s may have been accepted or not', async (_, answered) => {
    mailbox.intercept(() => ({ status: 200, body: answered }));
    expect(await sendBoth()).toMatchObject({ kind: 'unknown', code: 'no_answer' });
  });

  it('mean the same by a refusal as a single one', async () => {
    mailbox.intercept(() => refusal(429, 'rate_limit_exceeded', { 'retry-after': '7' }));
    expect(await sendBoth()).toMatchObject({ kind: 'held', reason: 'rate_limited', seconds: 7 });
    mailbox.intercept(() => refusal(409, 'concurrent_idempotent_requests'));
    expect(await sendBoth()).toMatchObject({ kind: 'in_flight' });
    mailbox.intercept(() => 'hang-up');
    expect(await sendBoth()).toMatchObject({ kind: 'unknown' });
  });
});
