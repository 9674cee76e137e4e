/** The operator's desk, its pages and its API: what is seen, by whom, and what is done, once, whatever is clicked how often. */
import { sql } from 'drizzle-orm';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../src/database.ts';
import type { DeadReason } from '../src/schema.ts';
import type { Relay } from '../workers/relay.ts';
import { letterRows, outboxRow } from './support/rows.ts';
import { until } from './support/until.ts';
import { type Answer, type Ask, anonymous, openWeb, signedIn } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

const HOSTILE = '</td><script>alert(1)</script>"\'<img src=x onerror=alert(2)>';

let world: World;
let app: FastifyInstance;
let operator: Ask;
let viewer: Ask;
let relay: Relay;

beforeAll(async () => {
  world = await openWorld({ VIEWER_USERNAME: 'viewer', VIEWER_PASSWORD: 'viewer-password' });
  app = await openWeb(world);
  operator = signedIn(app);
  viewer = signedIn(app, 'viewer', 'viewer-password');
  relay = await world.relay();
  world.draining(relay);
  world.notifier();
});
afterAll(() => world.close());
beforeEach(async () => {
  world.mailbox.intercept(null);
  await run(
    world.db,
    sql`truncate outbox, notifications, operator_actions, redrives, message_events, suppressions`,
  );
});

interface Dead {
  readonly id: string;
  readonly orderId: string;
}

/** A message whose letter the provider has refused. */
async function refused(email = 'grace@example.com'): Promise<Dead> {
  world.mailbox.intercept(() => ({
    status: 422,
    body: { statusCode: 422, name: 'validation_error', message: HOSTILE },
  }));
  const orderId = await world.order(email);
  const order = await world.untilLetter(orderId, 'dead');
  world.mailbox.intercept(null);
  return { id: order.notifications[0]?.id ?? '', orderId };
}

/** The same, but nobody knows what became of its letter. */
async function doubtful(reason: DeadReason = 'outcome_unknown'): Promise<Dead> {
  const dead = await refused();
  await run(world.db, sql`update notifications set first_unknown_at = now() where message_id = ${dead.id}`);
  await run(world.db, sql`update outbox set dead_reason = ${reason} where id = ${dead.id}`);
  return dead;
}

const form = (ask: Ask, path: string, fields: Record<string, string> | [string, string][]): Promise<Answer> =>
  ask('POST', path, new URLSearchParams(fields).toString(), {
    'content-type': 'application/x-www-form-urlencoded',
    'sec-fetch-site': 'same-origin',
  });
const post = (path: string, body?: object) =>
  operator('POST', `/admin/api/dead-letters${path}`, body, { 'sec-fetch-site': 'same-origin' });

const actions = () =>
  run(
    world.db,
    sql`select operator, action, message_id as id, note, change from operator_actions order by operator_actions.id`,
  );
const lettersTo = (address: string) => world.mailbox.letters().filter(({ to }) => to[0] === address).length;

describe('every page', () => {
  const PAGES = [
    '/admin',
    '/admin/dead-letters',
    '/admin/orders/:order',
    '/admin/redrives/:redrive',
  ] as const;

  it.each(PAGES)(
    '%s shows hostile texts as texts, asks for nothing elsewhere and has no script',
    async (path) => {
      const customerId = await world.customer({ email: 'grace@example.com', name: HOSTILE });
      const { orderId } = await refused();
      await run(world.db, sql`update orders set customer_id = ${customerId} where id = ${orderId}`);
      const started = await post('/redrives', { note: HOSTILE, canary: 1 });
      const url = path.replace(':order', orderId).replace(':redrive', started.json.id);
      for (const ask of [operator, viewer]) {
        const { status, text, headers } = await ask('GET', url);
        expect(status).toBe(200);
        expect(headers['content-type']).toBe('text/html; charset=utf-8');
        expect(headers['content-security-policy']).toContain("default-src 'self'");
        expect(text).not.toMatch(/<script|<img|https?:\/\//);
      }
      expect((await anonymous(app)('GET', url)).status).toBe(401);
    },
  );

  it('says so where there is nothing', async () => {
    const nobody = '01a206af-489f-72c1-b407-c572e1b1ebdb';
    for (const path of [
      `/orders/${nobody}`,
      `/redrives/${nobody}`,
      `/messages/${nobody}/letter`,
      '/orders/7',
    ]) {
      const { status, text } = await operator('GET', `/admin${path}`);
      expect([status, text]).toEqual([404, expect.stringContaining('There is no such')]);
    }
  });
});

describe('a viewer', () => {
  it('sees addresses masked, no letter, nothing to act with, and is refused every act', async () => {
    const { id, orderId } = await refused();
    for (const path of ['/admin/dead-letters', `/admin/orders/${orderId}`]) {
      const { text } = await viewer('GET', path);
      expect(text).toContain('g•••@example.com');
      expect(text).not.toMatch(/grace@|name="note"|<input type="checkbox|The provider said/);
    }
    expect((await viewer('GET', `/admin/messages/${id}/letter`)).status).toBe(403);
    for (const path of [
      `/messages/${id}/retry`,
      '/dead-letters/retry',
      '/redrives',
      `/api/dead-letters/${id}/retry`,
    ])
      expect((await form(viewer, `/admin${path}`, { id, note: 'x' })).status, path).toBe(403);
    expect(await outboxRow(world.db, id)).toMatchObject({ run: 1, dead_reason: 'refused' });
  });

  it('finds an order by whatever is known of it', async () => {
    const { id, orderId } = await refused('Findable@example.com');
    for (const q of [orderId, id, 'findable@EXAMPLE.com', ` ${orderId} `]) {
      const { status, headers } = await form(viewer, '/admin/search', { q });
      expect([status, headers.location]).toEqual([303, `/admin/orders/${orderId}`]);
    }
    for (const q of ['', '%', "'; drop table outbox; --", 'nobody@example.com', HOSTILE]) {
      const { status, text } = await form(viewer, '/admin/search', { q });
      expect([status, text]).toEqual([200, expect.stringContaining('Found: 0 orders')]);
      expect(text).not.toContain('<script');
    }
  });
});

describe('an operator', () => {
  it('sees the story: each answer, the provider’s words, the letter, the way to the job', async () => {
    const { id, orderId } = await refused();
    const { text } = await operator('GET', `/admin/orders/${orderId}`);
    for (const words of [
      'staged',
      'enqueued',
      'answered: validation_error',
      'dead: refused',
      'The provider said: ',
    ])
      expect(text).toContain(words);
    expect(text).toContain(`/admin/queues/queue/order-notifications/${id}-1`);
    const letter = await operator('GET', `/admin/messages/${id}/letter`);
    expect(letter.text).toContain(`Order Confirmation #${orderId}`);
    expect(letter.text).toContain('grace@example.com');
  });

  it('finds dead letters by reason, type and time, page by page', async () => {
    const dead = [await refused(), await refused(), await doubtful()];
    const list = async (query: string) =>
      [...(await operator('GET', `/admin/dead-letters${query}`)).text.matchAll(/#([0-9a-f-]{36})"/g)].map(
        ([, id]) => id,
      );
    const ids = dead.map(({ id }) => id);
    expect(await list('')).toEqual(ids);
    expect(await list('?reason=refused')).toEqual(ids.slice(0, 2));
    expect(await list('?type=order.shipped')).toEqual([]);
    expect(await list('?since=2099-01-01T00:00')).toEqual([]);
    expect(await list('?until=2099-01-01T00:00&reason=outcome_unknown')).toEqual(ids.slice(2));
    const first = await operator('GET', '/admin/api/dead-letters?limit=2');
    expect(first.json).toMatchObject({
      matched: 3,
      retriable: 2,
      deadLetters: [{ id: ids[0] }, { id: ids[1] }],
    });
    const second = await operator('GET', `/admin/api/dead-letters?limit=2&after=${first.json.next}`);
    expect(second.json).toMatchObject({
      deadLetters: [{ id: ids[2], reason: 'outcome_unknown' }],
      next: null,
    });
  });

  it('retries with a click, and a second click on the same page changes nothing', async () => {
    const { id, orderId } = await refused();
    const click = () => form(operator, `/admin/messages/${id}/retry`, { run: '1' });
    const answers = [await click(), await click(), await click()];
    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303]);
    expect(answers[0]?.headers.location).toBe(`/admin/orders/${orderId}?done=retry#${id}`);
    await world.untilLetter(orderId, 'sent');
    expect((await outboxRow(world.db, id)).run).toBe(2);
    expect(await actions()).toMatchObject([{ operator: 'operator', action: 'retry', id }]);
  });

  it('retries those that are ticked', async () => {
    const dead = [await refused(), await refused(), await refused()];
    const ticked = dead.slice(0, 2).map(({ id }) => ['id', id] as [string, string]);
    const answer = await form(operator, '/admin/dead-letters/retry', ticked);
    expect(answer.headers.location).toBe('/admin/dead-letters?retried=2&of=2');
    for (const { orderId } of dead.slice(0, 2)) await world.untilLetter(orderId, 'sent');
    expect((await outboxRow(world.db, dead[2]?.id ?? '')).run).toBe(1);
  });

  it('is told in words what is wrong with a form, and nothing is done', async () => {
    const { id } = await refused();
    for (const [path, fields, words] of [
      ['/dead-letters/retry', {}, 'Tick the letters'],
      ['/dead-letters/retry', { id: '7' }, 'by their ids'],
      [`/messages/${id}/discard`, {}, 'Say why'],
      [`/messages/${id}/discard`, { note: ' ' }, 'Say why'],
      [`/messages/${id}/correct`, { email: 'nobody', note: 'so' }, 'The address must be'],
      ['/redrives', { canary: '0' }, 'A whole number from 1'],
    ] as const) {
      const { status, text } = await form(operator, `/admin${path}`, fields);
      expect([status, text]).toEqual([400, expect.stringContaining(words)]);
    }
    expect((await form(operator, `/admin/messages/${id}/explode`, {})).status).toBe(404);
    expect(await actions()).toEqual([]);
  });

  it('cannot be made to act by another site', async () => {
    const { id } = await refused();
    const { status } = await operator('POST', `/admin/messages/${id}/retry`, 'run=1', {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'cross-site',
    });
    expect(status).toBe(403);
    expect((await outboxRow(world.db, id)).run).toBe(1);
  });
});

describe('a corrected address', () => {
  const FIX = { email: 'right@example.com', note: 'by telephone' };

  it('gets a new letter under a new key, once, and the difference is on record', async () => {
    const { id, orderId } = await refused('wrong@example.com');
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(`/${id}/correct`, FIX)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 409, 409, 409, 409]);
    await world.untilLetter(orderId, 'sent');
    expect([lettersTo('right@example.com'), lettersTo('wrong@example.com')]).toEqual([1, 0]);
    const letters = await letterRows(world.db, id);
    expect(letters.map(({ recipient }) => recipient)).toEqual(['wrong@example.com', 'right@example.com']);
    expect(await actions()).toEqual([
      {
        ...{ operator: 'operator', action: 'correct', id, note: 'by telephone' },
        change: { from: 'wrong@example.com', to: 'right@example.com' },
      },
    ]);
    expect((await world.read(orderId)).notifications[0]?.timeline).toContainEqual(
      expect.objectContaining({ event: 'address corrected', by: 'operator' }),
    );
  });

  it('is refused while a letter to the one before may have been accepted', async () => {
    for (const reason of ['outcome_unknown', 'attempts_exhausted'] as const) {
      const { id } = await doubtful(reason);
      const answer = await post(`/${id}/correct`, FIX);
      expect([answer.status, answer.json.detail]).toEqual([
        409,
        expect.stringMatching(/may have been accepted/),
      ]);
      expect(await outboxRow(world.db, id)).toMatchObject({ run: 1, dead_reason: reason });
    }
  });

  it('serves where the one before is suppressed, and is itself looked up in the list', async () => {
    const { id, orderId } = await refused('gone@example.com');
    await run(
      world.db,
      sql`insert into suppressions (address, reason, message_id) values ('gone@example.com', 'bounced', ${id}), ('gone-too@example.com', 'bounced', ${id})`,
    );
    await post(`/${id}/correct`, { ...FIX, email: 'gone-too@example.com' });
    const order = await world.untilLetter(orderId, 'dead');
    expect(order.notifications[0]?.reason).toBe('suppressed');
    await post(`/${id}/correct`, { ...FIX, email: 'alive@example.com' });
    await world.untilLetter(orderId, 'sent');
    expect(lettersTo('alive@example.com')).toBe(1);
  });

  it('must be one', async () => {
    const { id } = await refused();
    const answer = await post(`/${id}/correct`, { email: 'a@b', note: 'so' });
    expect([answer.status, answer.json.errors[0].path]).toEqual([400, '/email']);
  });
});

describe('a letter of unknown outcome', () => {
  it.each([
    ['sent', 'sent', 0],
    ['not_sent', 'sent', 1],
  ] as const)('is settled by a person’s word that it was %s', async (outcome, status, letters) => {
    const { id, orderId } = await doubtful();
    const before = lettersTo('grace@example.com');
    expect((await post(`/${id}/retry`)).status).toBe(409);
    expect((await post(`/${id}/confirm`, { outcome, note: 'seen there' })).status).toBe(204);
    await world.untilLetter(orderId, status);
    expect(lettersTo('grace@example.com') - before).toBe(letters);
  });

  it('shows the two words that settle it, and no retry', async () => {
    const { orderId } = await doubtful();
    const { text } = await operator('GET', `/admin/orders/${orderId}`);
    expect(text).toContain('It was sent: finish it');
    expect(text).toContain('It was not sent: write a new one');
    expect(text).not.toContain('>Retry<');
  });
});

describe('a redrive from the desk', () => {
  it('puts back what matches, shows how it gets on, and sends each letter once', async () => {
    const dead = [
      await refused('many@example.com'),
      await refused('many@example.com'),
      await refused('many@example.com'),
    ];
    const shown = await operator('GET', '/admin/dead-letters?reason=refused');
    expect(shown.text).toContain('Retry all 3 that match');
    const begun = await form(operator, '/admin/redrives', { reason: 'refused', canary: '2', perSecond: '5' });
    const url = begun.headers.location ?? '';
    expect(begun.status).toBe(303);
    const seen = [await operator('GET', url), await operator('GET', `${url}?watch`)];
    expect(seen.map(({ headers }) => headers.refresh)).toEqual([undefined, '2']);
    expect(seen[0]?.text).toContain('Redrive of 3 letters (refused)');
    await until(async () => {
      await relay.redrive();
      await run(world.db, sql`update redrives set stepped_at = stepped_at - interval '1 minute'`);
      return (await operator('GET', url)).text.includes('All that could be put back was');
    }, 'the end of the redrive');
    for (const { orderId } of dead) await world.untilLetter(orderId, 'sent');
    expect(lettersTo('many@example.com')).toBe(3);
  });

  it('is one at a time, and can be cancelled', async () => {
    await refused();
    const first = await post('/redrives', {});
    expect(first.status).toBe(201);
    expect(first.headers.location).toBe(`/admin/api/dead-letters/redrives/${first.json.id}`);
    const second = await post('/redrives', {});
    expect([second.status, second.json.detail]).toEqual([409, expect.stringContaining(first.json.id)]);
    expect((await form(operator, '/admin/redrives', {})).headers.location).toContain('refused=under_way');
    expect((await form(operator, `/admin/redrives/${first.json.id}/cancel`, {})).status).toBe(303);
    expect((await post(`/redrives/${first.json.id}/cancel`)).status).toBe(409);
    const { json } = await operator('GET', `/admin/api/dead-letters/redrives/${first.json.id}`);
    expect(json).toMatchObject({ matched: 1, ended: 'cancelled', operator: 'operator' });
  });

  it('of nothing is refused', async () => {
    expect((await post('/redrives', { reason: 'poison' })).status).toBe(409);
    expect((await form(operator, '/admin/redrives', { reason: 'poison' })).headers.location).toContain(
      'nothing_matches',
    );
  });
});
