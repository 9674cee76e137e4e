/** The provider's reports: who may make them, what each proves, and that none makes harm, however often and in whichever order it comes. */
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { FastifyInstance } from 'fastify';
import { Resend } from 'resend';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../src/config.ts';
import { openDatabase, run } from '../src/database.ts';
import { purgeProviderEvents } from '../src/deliveries.ts';
import { createCounter, createLimits } from '../src/limits.ts';
import { findOrder } from '../src/orders.ts';
import {
  confirmNotSent,
  doubleAcceptances,
  markSent,
  openCalls,
  retryMessage,
  settleAttempts,
} from '../src/outbox.ts';
import { startProxy } from './support/proxy.ts';
import { REPORT_SECRET, report, type Signing, signed } from './support/reports.ts';
import { outboxRow, stageOne } from './support/rows.ts';
import { until } from './support/until.ts';
import { type Answer, anonymous, openWeb } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

const OTHER_SECRET = `whsec_${Buffer.from('another one that is as long as it').toString('base64')}`;

let world: World;
let app: FastifyInstance;

beforeAll(async () => {
  world = await openWorld({ RESEND_WEBHOOK_SECRET: `${OTHER_SECRET},${REPORT_SECRET}` });
  app = await openWeb(world);
});
afterAll(() => world.close());

const PATH = '/webhooks/resend';

async function post(
  text: string,
  headers: Readonly<Record<string, string | undefined>>,
  path = PATH,
): Promise<Answer> {
  return anonymous(app)('POST', path, text, headers);
}

function tell(body: unknown, signing: Signing = {}): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return post(text, signed(text, signing));
}

interface Letter {
  readonly messageId: string;
  readonly letterId: string;
  readonly providerId: string;
}

/** A message of an order of its own, whose letter is frozen and called once, to that address. */
async function calledLetter(recipient = `${randomUUID()}@example.com`): Promise<Letter> {
  const { id, run: ofRun, orderId } = await stageOne(world.db);
  await run(
    world.db,
    sql`update customers c set email = ${recipient} from orders o where o.id = ${orderId} and c.id = o.customer_id`,
  );
  const letter = { id: randomUUID(), recipient, body: '{}' };
  await openCalls(world.db, [{ id, run: ofRun, account: 'here', letter }]);
  return { messageId: id, letterId: letter.id, providerId: randomUUID() };
}

async function sentLetter(recipient?: string): Promise<Letter> {
  const letter = await calledLetter(recipient);
  await markSent(world.db, [letter]);
  return letter;
}

/** What the order's story says of a message. */
async function storyOf(messageId: string) {
  const { order_id } = (await outboxRow(world.db, messageId)) as unknown as { order_id: string };
  const order = await findOrder(world.db, order_id);
  const [notification] = order?.notifications ?? [];
  if (!notification) throw new Error('the order has no letter');
  return { status: notification.status, events: notification.timeline.map(({ event }) => event) };
}

const about = ({ messageId, providerId }: Letter, more: object = {}) => ({
  email_id: providerId,
  tags: { message_id: messageId },
  ...more,
});

const eventsOf = (id: string) =>
  run<{ type: string; message_id: string | null; stray: boolean }>(
    world.db,
    sql`select type, message_id, stray from provider_events where id = ${id}`,
  );

const suppressed = async (address: string) =>
  (
    await run<{ reason: string }>(world.db, sql`select reason from suppressions where address = ${address}`)
  )[0]?.reason;

describe('a report', () => {
  const text = JSON.stringify(report('email.opened', {}));
  const seconds = (from: number) => String(Math.floor(Date.now() / 1_000) + from);

  it('is taken in when it is signed', async () => {
    const answer = await tell(text);
    expect([answer.status, answer.json]).toEqual([200, { received: true }]);
  });

  it('is signed as the SDK of the provider would see it', async () => {
    const headers = signed(text);
    const seen = new Resend('re_test').webhooks.verify({
      payload: text,
      headers: {
        id: headers['svix-id'],
        timestamp: headers['svix-timestamp'],
        signature: headers['svix-signature'],
      },
      webhookSecret: REPORT_SECRET,
    });
    expect(seen).toMatchObject({ type: 'email.opened' });
  });

  it.each<[string, () => Readonly<Record<string, string | undefined>>]>([
    ['with the other secret, while secrets are rotated', () => signed(text, { secret: OTHER_SECRET })],
    ['of almost five minutes ago', () => signed(text, { timestamp: seconds(-290) })],
    ['of a clock that is almost five minutes fast', () => signed(text, { timestamp: seconds(290) })],
    [
      'with one right signature among others',
      () => {
        const headers = signed(text);
        return { ...headers, 'svix-signature': `v1,AAAA v2,x ${headers['svix-signature']} v1,` };
      },
    ],
  ])('is taken in when it is signed %s', async (_, headers) => {
    expect((await post(text, headers())).status).toBe(200);
  });

  const secret = `whsec_${Buffer.from('a secret that is not known here, no').toString('base64')}`;
  it.each<[string, () => Readonly<Record<string, string | undefined>>]>([
    ['with a secret that is not ours', () => signed(text, { secret })],
    ['for another text', () => signed(`${text} `)],
    ['more than five minutes ago', () => signed(text, { timestamp: seconds(-310) })],
    ['in more than five minutes', () => signed(text, { timestamp: seconds(310) })],
    ['at no time', () => signed(text, { timestamp: 'now' })],
    ['at a time beyond all numbers', () => signed(text, { timestamp: '9'.repeat(400) })],
    ['with an id that nobody could store', () => signed(text, { id: 'x'.repeat(201) })],
    ['by nobody', () => ({})],
    ['without an id', () => ({ ...signed(text), 'svix-id': undefined })],
    ['without a time', () => ({ ...signed(text), 'svix-timestamp': undefined })],
    ['without a signature', () => ({ ...signed(text), 'svix-signature': undefined })],
    ['with nothing', () => ({ ...signed(text), 'svix-signature': '' })],
    ['with an empty signature', () => ({ ...signed(text), 'svix-signature': 'v1,' })],
    [
      'in a version that is not known',
      () => ({ ...signed(text), 'svix-signature': signed(text)['svix-signature'].replace('v1,', 'v2,') }),
    ],
    [
      'behind more signatures than are looked at',
      () => {
        const headers = signed(text);
        return { ...headers, 'svix-signature': `${'v1,AAAA '.repeat(16)}${headers['svix-signature']}` };
      },
    ],
    ['with another id', () => ({ ...signed(text), 'svix-id': randomUUID() })],
    ['with an API key', () => ({ authorization: 'Bearer test-key' })],
  ])('is refused when it is signed %s', async (_, headers) => {
    const answer = await post(text, headers());
    expect([answer.status, answer.json.title]).toEqual([401, 'Unauthorized']);
  });

  it('is answered 429 from an address that has sent twenty wrongly signed ones in a minute, and a right one is taken', async () => {
    const { wrong } = createLimits(world.config, world.queue.addCounts);
    const counted = createCounter(wrong.limit, 10, () => Date.UTC(2026, 0, 1)); // the minute does not end
    const limits = { ...createLimits(world.config, world.queue.addCounts), wrong: counted };
    const ask = anonymous(await openWeb(world, { limits }));
    const forged = { ...signed(text), 'svix-id': randomUUID() };
    const statuses: number[] = [];
    for (let i = 0; i < 22; i += 1) statuses.push((await ask('POST', PATH, text, forged)).status);
    expect(statuses).toEqual([...Array<number>(20).fill(401), 429, 429]);
    expect((await ask('POST', PATH, text)).status, 'without any signature').toBe(401);
    expect((await ask('POST', PATH, text, signed(text))).status).toBe(200);
  });

  it.each([
    ['no JSON', '{"type":'],
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['without a type', '{}'],
    ['of a type that is no word', JSON.stringify({ type: 'a\u0000b' })],
    ['of a type without end', JSON.stringify({ type: 'x'.repeat(101) })],
  ])('is refused as none when it is %s', async (_, body) => {
    expect((await tell(body)).status).toBe(400);
  });

  it('is refused when it is not UTF-8', async () => {
    const body = Buffer.concat([
      Buffer.from('{"type":"email.sent","x":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    const { statusCode } = await app.inject({
      method: 'POST',
      url: PATH,
      payload: body,
      headers: { ...signed(body), 'content-type': 'application/json' },
    });
    expect(statusCode).toBe(400);
  });

  it('is refused with a query, as another type, and when it is too large', async () => {
    expect((await post(text, signed(text), `${PATH}?a=1`)).status).toBe(400);
    expect((await post(text, { ...signed(text), 'content-type': 'text/plain' })).status).toBe(415);
    const large = JSON.stringify(report('email.sent', { more: 'x'.repeat(70_000) }));
    expect((await tell(large)).status).toBe(413);
  });

  it.each([
    ['of a type that nobody knows', report('email.teleported', { email_id: 'x' })],
    [
      'of a letter that nobody knows',
      report('email.delivered', { email_id: randomUUID(), tags: { message_id: randomUUID() } }),
    ],
    ['of something else', report('domain.created', { id: 'x' })],
    ['called like what every object has', report('constructor', {})],
    ['without anything in it', { type: 'email.delivered' }],
    [
      'with things of other kinds than expected',
      { type: 'email.bounced', created_at: 5, data: { email_id: {}, tags: 7, bounce: [] } },
    ],
    [
      'with texts that no database takes',
      report('email.sent', { email_id: 'a\u0000', tags: { message_id: '\ud800' } }),
    ],
    [
      'with times that never were',
      report(
        'email.sent',
        { email_id: 'x', created_at: '-271821-04-20T00:00:00.000Z' },
        '0000-01-01T00:00:00Z',
      ),
    ],
    [
      'with prototypes in it',
      '{"type":"email.sent","data":{"__proto__":{"email_id":"x"},"tags":{"__proto__":{"message_id":"y"}}}}',
    ],
  ])('%s is kept, and changes nothing', async (_, body) => {
    const id = randomUUID();
    expect((await tell(body, { id })).status).toBe(200);
    expect(await eventsOf(id)).toMatchObject([{ stray: false }]);
  });

  it('is not asked for where no secret is set', async () => {
    const closed = await openWorld({ RESEND_WEBHOOK_SECRET: '' });
    try {
      const other = await openWeb(closed);
      expect((await anonymous(other)('POST', PATH, text, signed(text))).status).toBe(404);
      expect(readConfig([], closed.environment).resendWebhookSecrets).toEqual([]);
    } finally {
      await closed.close();
    }
  });
});

describe('the states of a letter', () => {
  type Step = 'sent' | 'delivered' | 'bounced' | 'complained';
  it.each<[Step[], string]>([
    [['sent'], 'sent'],
    [['sent', 'delivered'], 'delivered'],
    [['delivered', 'sent'], 'delivered'],
    [['delivered', 'complained'], 'complained'],
    [['complained', 'delivered', 'sent'], 'complained'],
    [['bounced'], 'bounced'],
    [['bounced', 'delivered'], 'bounced'],
    [['delivered', 'bounced'], 'bounced'],
    [['delivered', 'delivered'], 'delivered'],
  ])('after %j it is %s', async (steps, status) => {
    const letter = await sentLetter();
    for (const step of steps) expect((await tell(report(`email.${step}`, about(letter)))).status).toBe(200);
    const story = await storyOf(letter.messageId);
    expect(story.status).toBe(status);
    for (const step of steps) expect(story.events.filter((event) => event === step)).toHaveLength(1);
  });

  it('keep the time of the first report, by the provider’s clock', async () => {
    const letter = await sentLetter();
    await tell(report('email.delivered', about(letter), '2026-01-02T03:04:05.678Z'));
    await tell(report('email.delivered', about(letter), '2026-02-02T03:04:05.678Z'));
    const rows = await run(
      world.db,
      sql`select delivered_at = '2026-01-02T03:04:05.678Z'::timestamptz as first from notifications where id = ${letter.letterId}`,
    );
    expect(rows).toEqual([{ first: true }]);
  });

  it('are found by the provider’s id when there is no tag, and by tags in a list', async () => {
    const untagged = await sentLetter();
    await tell(report('email.delivered', { email_id: untagged.providerId }));
    expect((await storyOf(untagged.messageId)).status).toBe('delivered');
    const listed = await sentLetter();
    const tags = [
      { name: 'other', value: 'x' },
      { name: 'message_id', value: listed.messageId.toUpperCase() },
    ];
    await tell(report('email.delivered', { email_id: listed.providerId, tags }));
    expect((await storyOf(listed.messageId)).status).toBe('delivered');
  });

  it('are counted once per report, also when it is told twice at the same time', async () => {
    const letter = await sentLetter();
    const id = randomUUID();
    const body = report('email.delivered', about(letter));
    const answers = await Promise.all([1, 2, 3, 4].map(() => tell(body, { id })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await eventsOf(id)).toHaveLength(1);
  });
});

describe('an acceptance that is reported', () => {
  it.each(['sent', 'delivered', 'bounced', 'complained', 'opened', 'clicked', 'delivery_delayed'])(
    'by email.%s settles a letter of unknown outcome',
    async (kind) => {
      const letter = await calledLetter();
      await settle(letter, 'outcome_unknown');
      await tell(report(`email.${kind}`, about(letter)));
      const row = await outboxRow(world.db, letter.messageId);
      expect([row.sent_at !== null, row.dead_at]).toEqual([true, null]);
    },
  );

  it.each(['failed', 'suppressed', 'scheduled', 'received'])('is not what email.%s is', async (kind) => {
    const letter = await calledLetter();
    await settle(letter, 'outcome_unknown');
    const id = randomUUID();
    await tell(report(`email.${kind}`, about(letter)), { id });
    expect((await outboxRow(world.db, letter.messageId)).dead_reason).toBe('outcome_unknown');
    expect(await eventsOf(id)).toMatchObject([{ stray: false }]);
  });

  it('comes before our own mark without harm', async () => {
    const letter = await calledLetter();
    await tell(report('email.delivered', about(letter)));
    expect(await markSent(world.db, [letter])).toEqual([true]);
    expect((await storyOf(letter.messageId)).status).toBe('delivered');
    expect((await doubleAcceptances(world.db)).messageIds).not.toContain(letter.messageId);
  });

  it('of a letter that was confirmed as not sent is told of as a second one, when the new one is accepted too', async () => {
    const first = await calledLetter();
    await settle(first, 'outcome_unknown');
    await confirmNotSent(world.db, { id: first.messageId, operator: 'ada', note: 'not found' });
    const second = { ...first, letterId: randomUUID(), providerId: randomUUID() };
    const letter = { id: second.letterId, recipient: 'ada@example.com', body: '{}' };
    await openCalls(world.db, [{ id: first.messageId, run: 2, account: 'here', letter }]);
    await markSent(world.db, [second]);
    await tell(
      report('email.delivered', { ...about(first), created_at: new Date(Date.now() - 60_000).toISOString() }),
    );
    expect((await doubleAcceptances(world.db)).messageIds).toContain(first.messageId);
    // It is the first letter that was accepted, by the time at which the provider took it, and not by that of the report.
    const rows = await run(
      world.db,
      sql`select accepted_at is not null as accepted from notifications where id = ${first.letterId} and provider_id = ${first.providerId}`,
    );
    expect(rows).toEqual([{ accepted: true }]);
  });

  it('under an id that is none of ours is recorded and told of', async () => {
    const letter = await sentLetter();
    const before = (await doubleAcceptances(world.db)).count;
    const id = randomUUID();
    await tell(report('email.delivered', { ...about(letter), email_id: randomUUID() }), { id });
    expect(await eventsOf(id)).toMatchObject([{ stray: true, message_id: letter.messageId }]);
    expect(await doubleAcceptances(world.db)).toMatchObject({ count: before + 1 });
    expect((await storyOf(letter.messageId)).status).toBe('sent');
  });

  const settle = (letter: Letter, dead: 'outcome_unknown') =>
    settleAttempts(world.db, [
      {
        ...{ id: letter.messageId, run: 1, call: null, answer: 'no_answer', detail: null },
        ...{ notAccepted: false, dead },
      },
    ]);
});

describe('an address', () => {
  const bounce = (type: string | undefined) => (type === undefined ? {} : { bounce: { type } });

  it.each<[string, string, string | undefined, string | undefined]>([
    ['that bounces for good', 'email.bounced', 'Permanent', 'bounced'],
    ['that bounces in a way that is not said', 'email.bounced', undefined, 'bounced'],
    ['that bounces for now', 'email.bounced', 'Transient', undefined],
    ['that bounces for an unknown cause', 'email.bounced', 'Undetermined', undefined],
    ['that complains', 'email.complained', undefined, 'complained'],
    ['that gets its letter', 'email.delivered', 'Permanent', undefined],
  ])('%s: %s %s leads to the list as %s', async (_, type, kind, reason) => {
    const address = `Someone.${randomUUID()}@Example.com`;
    const letter = await sentLetter(address);
    await tell(report(type, about(letter, bounce(kind))));
    expect(await suppressed(address.toLowerCase())).toBe(reason);
    expect(await suppressed(address)).toBeUndefined();
  });

  it('of a letter that is not ours is left alone', async () => {
    const to = [`${randomUUID()}@example.com`];
    await tell(report('email.bounced', { email_id: randomUUID(), to, bounce: { type: 'Permanent' } }));
    expect(await suppressed(to[0] ?? '')).toBeUndefined();
  });

  it('is not put back on the list by a report that is told again', async () => {
    const address = `${randomUUID()}@example.com`;
    const letter = await sentLetter(address);
    const id = randomUUID();
    const body = report('email.complained', about(letter));
    await tell(body, { id });
    await run(world.db, sql`delete from suppressions where address = ${address}`);
    await tell(body, { id });
    expect(await suppressed(address)).toBeUndefined();
  });
});

describe('a suppressed address', () => {
  it('gets no letter, and the message is dead with the reason; lifted and retried, it gets one', async () => {
    const address = `gone-${randomUUID()}@example.com`;
    await run(
      world.db,
      sql`insert into suppressions (address, reason, message_id) values (${address}, 'bounced', ${randomUUID()})`,
    );
    const relay = world.draining(await world.relay());
    const notifier = world.notifier();
    // As the customer wrote it.
    const orderId = await world.order(address.replace('gone', 'GONE'));
    const dead = await world.untilLetter(orderId, 'dead');
    expect(dead.notifications[0]?.reason).toBe('suppressed');
    expect(world.mailbox.requests()).toEqual([]);
    await run(world.db, sql`delete from suppressions where address = ${address}`);
    const id = dead.notifications[0]?.id ?? '';
    expect(await retryMessage(world.db, { id, run: null, operator: 'ada' })).toBe('done');
    await world.untilLetter(orderId, 'sent');
    expect(world.mailbox.letters()).toHaveLength(1);
    await relay.stop();
    await notifier.stop();
  });
});

it('while Postgres is away a report is answered 503, so that the provider repeats it', async () => {
  const proxy = await startProxy(world.config.databaseUrl);
  const { db, close } = openDatabase(proxy.url, 'test', 2);
  try {
    const web = await openWeb(world, { db });
    const letter = await sentLetter();
    const text = JSON.stringify(report('email.delivered', about(letter)));
    const headers = signed(text);
    proxy.cut();
    const answer = await anonymous(web)('POST', PATH, text, headers);
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '2']);
    proxy.mend();
    await until(async () => (await anonymous(web)('POST', PATH, text, headers)).status === 200);
    expect((await storyOf(letter.messageId)).status).toBe('delivered');
  } finally {
    await close();
    await proxy.close();
  }
});

it('reports are deleted when they are old, page by page', async () => {
  await run(world.db, sql`update provider_events set received_at = now() - interval '91 days'`);
  const [{ count = 0 } = {}] = await run<{ count: number }>(
    world.db,
    sql`select count(*)::int as count from provider_events`,
  );
  expect(count).toBeGreaterThan(3);
  expect(await purgeProviderEvents(world.db, 90, 3)).toBe(3);
  expect(await purgeProviderEvents(world.db, 90, 10_000)).toBe(count - 3);
  await tell(report('email.opened', {}));
  expect(await purgeProviderEvents(world.db, 90, 10_000)).toBe(0);
});
