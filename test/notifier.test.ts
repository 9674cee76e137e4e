/** From a job to one accepted letter or one dead letter: by hand, one job at a time, and with real workers. */
import { type SQL, sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Interception, Mailbox } from '../local/mailbox.ts';
import { readConfig } from '../src/config.ts';
import { openDatabase, run } from '../src/database.ts';
import { arm } from '../src/failpoints.ts';
import { currentHold, type HoldReason, openHold, takeProbe } from '../src/holds.ts';
import type { MessageType } from '../src/letters/letter.ts';
import { orderCreated } from '../src/letters/order-created.ts';
import { openMailer } from '../src/mailer.ts';
import { messageTypes } from '../src/messages.ts';
import { backlog, discardMessage, type StartedMessage } from '../src/outbox.ts';
import { jobId, type MessageRun, type TakenJob } from '../src/queue.ts';
import { judge, type Notifier, type Verdict } from '../workers/notifier.ts';
import type { Relay } from '../workers/relay.ts';
import { somebody, untilBlocked } from './support/locks.ts';
import { startProxy } from './support/proxy.ts';
import { redisDump } from './support/redis-dump.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

const HOURS = 3_600;
const ACCOUNT = 'https://provider.example shop.example';

let world: World;
let mailbox: Mailbox;

/** Gives the tests of a block a world of their own. */
function inWorld(settings: Readonly<Record<string, string>> = {}): void {
  beforeAll(async () => {
    world = await openWorld(settings);
    mailbox = world.mailbox;
  });
  beforeEach(async () => {
    mailbox.clear();
    await run(world.db, sql`delete from holds`);
  });
  afterEach(() => mailbox.intercept(null));
  afterAll(() => world.close());
}

const refusal = (status: number, name: string, headers: Record<string, string> = {}): Interception => ({
  status,
  headers,
  body: { statusCode: status, name, message: 'In its own words.' },
});
const SERVER_ERROR = refusal(500, 'internal_server_error');
const BAD_ADDRESS = refusal(422, 'validation_error');

/** Answers the requests to come with these, one each, and then by the ordinary rules. */
function answering(...answers: Interception[]): void {
  mailbox.intercept(() => answers.shift());
}

async function messageOf(orderId: string): Promise<MessageRun> {
  const [message] = await run<MessageRun>(
    world.db,
    sql`select id, run from outbox where order_id = ${orderId}`,
  );
  if (!message) throw new Error('no such message');
  return message;
}

/** A message that no worker knows of, as its job would be taken: not for the last time, unless said so. */
async function taken(email?: string, lastAttempt = false): Promise<TakenJob> {
  return { ...(await messageOf(await world.order(email))), lastAttempt };
}

async function change(statement: SQL): Promise<void> {
  await run(world.db, statement);
}

interface Row {
  readonly sent: boolean;
  readonly reason: string | null;
  readonly starts: number;
  readonly answer: string | null;
  readonly unknown: boolean;
}

async function ledgerOf({ id }: MessageRun): Promise<Row | undefined> {
  const [row] = await run<Row>(
    world.db,
    sql`select o.sent_at is not null as sent, o.dead_reason as reason, o.starts, n.answer, n.first_unknown_at is not null as unknown
        from outbox o left join notifications n on n.message_id = o.id where o.id = ${id}`,
  );
  return row;
}

function raise(why: string): never {
  throw new Error(why);
}

const bodies = () => mailbox.requests().map(({ body }) => body);
const keys = () => mailbox.requests().map(({ idempotencyKey }) => idempotencyKey);
const recipients = () => mailbox.letters().flatMap(({ to }) => to);
const failedForGood = (code: string) => ({ end: 'failed', code, forGood: true });
const failedForNow = (code: string) => ({ end: 'failed', code, forGood: false });
const postponed = (ms: number) => ({ end: 'postponed', ms });
const completed = { end: 'completed', value: expect.objectContaining({ providerId: expect.any(String) }) };
const completedWithoutCall = { end: 'completed', value: null };

const jobOf = (message: MessageRun) => world.queue.queue.getJob(jobId(message));

/** The job of a message, as it was when it was first seen in the failed set. */
function untilFailed(message: MessageRun) {
  return until(async () => {
    const failed = await world.queue.failedRuns(0, 1_000);
    return failed.some((seen) => seen?.id === message.id) && jobOf(message);
  }, 'a failed job');
}

/** How often a line of the log has that message. */
const logLines = (msg: string) =>
  world.logged.filter((line) => (JSON.parse(line) as { msg: string }).msg === msg).length;

/** The world's ledger behind a proxy of its own, that this test may cut. */
async function fragileLedger() {
  const proxy = await startProxy(world.config.databaseUrl);
  const { db, close } = openDatabase(proxy.url, 'fragile', 5);
  onTestFinished(async () => {
    proxy.mend();
    await close();
    await proxy.close();
  });
  return { proxy, db };
}

/** Cuts the ledger at the very moment at which the next request arrives, and lets that request through. */
function cutAtNextRequest(proxy: { cut(): void }): void {
  let due = true;
  mailbox.intercept(() => {
    if (due) proxy.cut();
    due = false;
    return undefined;
  });
}

describe('judge', () => {
  const job: TakenJob = { id: '0192f0c0-0000-7000-8000-000000000001', run: 2, lastAttempt: false };
  const sound: StartedMessage = {
    id: job.id,
    run: 2,
    type: 'order.created',
    orderId: '0192f0c0-0000-7000-8000-000000000002',
    starts: 1,
    sentAt: null,
    discardedAt: null,
    deadReason: null,
    order: { currency: 'EUR', total: '900', createdAt: '2026-01-01T00:00:00Z', items: [] },
    customer: { email: 'ada@example.com', name: 'Ada' },
    letter: null,
    unspent: 0,
    unspentForSeconds: 0,
    suppressed: false,
    held: null,
  };
  const letter: NonNullable<StartedMessage['letter']> = {
    id: '0192f0c0-0000-7000-8000-000000000003',
    body: '{}',
    account: ACCOUNT,
    answer: null,
    unknownForSeconds: null,
    largestBatch: 100,
    envelope: null,
  };
  const at = '2026-01-01 00:00:00+00';
  const verdictOn = (message: StartedMessage | undefined): Verdict => judge(job, message, ACCOUNT, false);

  it.each<[string, Partial<StartedMessage>]>([
    ['at first', {}],
    ['with a letter that was proven not accepted', { letter: { ...letter, answer: 'rate_limit_exceeded' } }],
    ['whose outcome has been unknown for 22 hours', { letter: { ...letter, unknownForSeconds: 22 * HOURS } }],
    [
      'proven not accepted elsewhere',
      { letter: { ...letter, account: 'https://elsewhere.example shop.example' } },
    ],
  ])('sends a message %s', (_, part) => {
    expect(verdictOn({ ...sound, ...part }).do).toBe('send');
  });

  it('sends a message during a hold when it is the probe', () => {
    expect(judge(job, { ...sound, held: 'rate_limited' }, ACCOUNT, true).do).toBe('send');
  });

  it('sends a message alone whose last start has had no orderly end', () => {
    expect(verdictOn({ ...sound, starts: 2 }).do).toBe('send alone');
  });

  it.each<[string, StartedMessage | undefined]>([
    ['is gone', undefined],
    ['has been sent', { ...sound, sentAt: at }],
    ['has been discarded', { ...sound, discardedAt: at, deadReason: 'refused' }],
    ['has gone on to another run', { ...sound, run: 3 }],
    ['has gone on to another run and died there', { ...sound, run: 3, deadReason: 'refused' }],
  ])('completes the job of a message that %s', (_, message) => {
    expect(verdictOn(message)).toEqual({ do: 'complete' });
  });

  it.each<[string, Partial<StartedMessage>, Verdict]>([
    [
      'dead: its job fails again with its reason and the last answer',
      { deadReason: 'refused', letter: { ...letter, answer: 'validation_error' } },
      { do: 'fail', code: 'refused: validation_error' },
    ],
    [
      'dead without a letter: its reason alone',
      { deadReason: 'customer_missing' },
      { do: 'fail', code: 'customer_missing' },
    ],
    [
      'dead during a hold: a dead letter needs no provider',
      { deadReason: 'poison', held: 'rate_limited' },
      { do: 'fail', code: 'poison' },
    ],
    ['during a hold: it waits', { held: 'rate_limited' }, { do: 'wait', ms: 0 }],
    [
      'of a type from the future: it waits',
      { type: 'order.returned' },
      { do: 'wait', ms: 60_000, unknownType: 'order.returned' },
    ],
    ['without its order', { order: null, customer: null }, { do: 'die', reason: 'order_missing' }],
    ['without its customer', { customer: null }, { do: 'die', reason: 'customer_missing' }],
    [
      'whose letter was purged',
      { letter: { ...letter, body: null } },
      { do: 'die', reason: 'letter_missing' },
    ],
    [
      'unknown for 23 hours: repeating would be a gamble',
      { letter: { ...letter, unknownForSeconds: 23 * HOURS } },
      { do: 'die', reason: 'outcome_unknown' },
    ],
    [
      'unknown at another account: its key does not count here',
      { letter: { ...letter, unknownForSeconds: 1, account: 'https://elsewhere.example shop.example' } },
      { do: 'die', reason: 'outcome_unknown' },
    ],
  ])('decides on a message %s', (_, part, verdict) => {
    expect(verdictOn({ ...sound, ...part })).toEqual(verdict);
  });
});

describe('a job in hand', () => {
  inWorld();
  let notifier: Notifier;
  beforeEach(() => {
    notifier = world.idleNotifier();
  });

  it('becomes one letter, whose ids are its value', async () => {
    const job = await taken('ada@example.com');
    expect(await notifier.handle(job)).toEqual({
      end: 'completed',
      value: { letterId: keys()[0], providerId: mailbox.letters()[0]?.id },
    });
    expect(recipients()).toEqual(['ada@example.com']);
    expect(await ledgerOf(job)).toEqual({
      sent: true,
      reason: null,
      starts: 0,
      answer: 'accepted',
      unknown: true, // nothing proves that it was not accepted
    });
  });

  describe('whose letter is frozen', () => {
    it.each([
      ['writes another letter', () => ({ subject: 'New', html: '<p>New</p>', text: 'New' })],
      ['is broken', () => raise('the new template is broken')],
    ])(
      'sends the first text under the first key, whatever has changed since: its template %s',
      async (_, render) => {
        const job = await taken('ada@example.com');
        answering(SERVER_ERROR);
        await notifier.handle(job);

        await change(sql`update customers set email = 'eve@example.com', name = 'Eve'`);
        await change(sql`update order_items set name = 'Coffee'`);
        vi.spyOn(orderCreated, 'render').mockImplementation(render);
        onTestFinished(() => void vi.restoreAllMocks());
        const mailer = openMailer({ ...world.config, emailFrom: 'The New Shop <new@shop.example>' });
        expect(await world.idleNotifier({ mailer }).handle(job)).toEqual(completed);

        expect(new Set(bodies()).size).toBe(1);
        expect(new Set(keys()).size).toBe(1);
        expect(mailbox.requests()).toHaveLength(2);
        expect(recipients()).toEqual(['ada@example.com']);
      },
    );

    it('freezes what it sends before it sends it', async () => {
      const job = await taken();
      answering('hang-up');
      await notifier.handle(job);
      const frozen = await run<{ id: string; body: string }>(
        world.db,
        sql`select id, body from notifications where message_id = ${job.id}`,
      );
      expect(frozen).toEqual([{ id: keys()[0], body: bodies()[0] }]);
    });
  });

  describe('that is refused', () => {
    it('at first is dead at once, and nobody is asked again', async () => {
      const job = await taken();
      answering(BAD_ADDRESS);
      expect(await notifier.handle(job)).toEqual(failedForGood('refused: validation_error'));
      expect(await ledgerOf(job)).toMatchObject({ reason: 'refused', answer: 'validation_error', starts: 0 });
      expect(await notifier.handle(job)).toEqual(failedForGood('refused: validation_error'));
      expect(mailbox.requests()).toHaveLength(1);
    });

    it.each<[string, Interception, object]>([
      ['an unknown outcome', SERVER_ERROR, failedForNow('internal_server_error')],
      ['a request still under way', refusal(409, 'concurrent_idempotent_requests'), postponed(3_000)],
    ])('after %s may have been accepted all the same', async (_, first, end) => {
      const job = await taken();
      answering(first, BAD_ADDRESS);
      expect(await notifier.handle(job)).toEqual(end);
      expect(await notifier.handle(job)).toEqual(failedForGood('outcome_unknown: validation_error'));
      expect(await ledgerOf(job)).toMatchObject({ reason: 'outcome_unknown', unknown: true });
    });

    it('after an unknown outcome and a proof that the call after it was not accepted may have been so too', async () => {
      const job = await taken();
      answering(SERVER_ERROR, refusal(429, 'rate_limit_exceeded'), BAD_ADDRESS);
      await notifier.handle(job);
      expect(await notifier.handle(job)).toEqual(postponed(0));
      await change(sql`delete from holds`);
      expect(await world.idleNotifier().handle(job)).toEqual(
        failedForGood('outcome_unknown: validation_error'),
      );
    });

    it('after an answer that proved non-acceptance is refused', async () => {
      const job = await taken();
      answering(refusal(429, 'rate_limit_exceeded'), BAD_ADDRESS);
      expect(await notifier.handle(job)).toEqual(postponed(0));
      expect(await ledgerOf(job)).toMatchObject({ unknown: false, answer: 'rate_limit_exceeded' });
      await change(sql`delete from holds`);
      expect(await world.idleNotifier().handle(job)).toEqual(failedForGood('refused: validation_error'));
    });

    it.each([
      ['NUL', 'no\0where'],
      ['half a character', 'no\ud83cwhere'],
      ['a character that our limit cuts in half', `${'x'.repeat(499)}\u{1f375}`],
    ])('in words with %s, which Postgres cannot keep, is refused all the same', async (_, message) => {
      const job = await taken();
      answering({ status: 422, body: { statusCode: 422, name: 'validation_error', message } });
      expect(await notifier.handle(job)).toEqual(failedForGood('refused: validation_error'));
    });

    it('because its key stands for another text has an unknown outcome', async () => {
      const job = await taken();
      answering(refusal(409, 'invalid_idempotent_request'));
      expect(await notifier.handle(job)).toEqual(
        failedForGood('outcome_unknown: invalid_idempotent_request'),
      );
    });
  });

  describe('whose outcome is unknown', () => {
    it('spends an attempt, and its last one makes it a dead letter', async () => {
      const job = await taken();
      answering(SERVER_ERROR, SERVER_ERROR);
      expect(await notifier.handle(job)).toEqual(failedForNow('internal_server_error'));
      expect(await ledgerOf(job)).toMatchObject({ reason: null, starts: 0, unknown: true });
      expect(await notifier.handle({ ...job, lastAttempt: true })).toEqual(
        failedForGood('attempts_exhausted: internal_server_error'),
      );
      expect(await ledgerOf(job)).toMatchObject({ reason: 'attempts_exhausted' });
    });

    async function unknownFor(interval: string): Promise<TakenJob> {
      const job = await taken();
      answering(SERVER_ERROR);
      await notifier.handle(job);
      await change(
        sql`update notifications set first_unknown_at = now() - ${interval}::interval where message_id = ${job.id}`,
      );
      return job;
    }

    it('for 23 hours is not repeated', async () => {
      const job = await unknownFor('23 hours');
      expect(await notifier.handle(job)).toEqual(failedForGood('outcome_unknown'));
      expect(mailbox.requests()).toHaveLength(1);
      expect(await ledgerOf(job)).toMatchObject({ reason: 'outcome_unknown' });
    });

    it('for 22 hours is repeated', async () => {
      expect(await notifier.handle(await unknownFor('22 hours'))).toEqual(completed);
      expect(mailbox.requests()).toHaveLength(2);
    });

    it('counts from its first time on, not from its last', async () => {
      const job = await unknownFor('22 hours 30 minutes');
      answering(SERVER_ERROR);
      await notifier.handle(job);
      const [row] = await run<{ hours: number }>(
        world.db,
        sql`select extract(epoch from now() - first_unknown_at)::float8 / 3600 as hours from notifications where message_id = ${job.id}`,
      );
      expect(row?.hours).toBeGreaterThan(22.4);
    });

    it('at another account is not repeated', async () => {
      const job = await unknownFor('1 second');
      const elsewhere = openMailer({ ...world.config, resendAccount: 'another-team' });
      expect(await world.idleNotifier({ mailer: elsewhere }).handle(job)).toEqual(
        failedForGood('outcome_unknown'),
      );
      expect(mailbox.requests()).toHaveLength(1);
    });
  });

  it('that another account had proven unaccepted is sent from here', async () => {
    const job = await taken();
    answering(refusal(401, 'missing_api_key'));
    await notifier.handle(job);
    await change(sql`delete from holds`);
    const elsewhere = openMailer({ ...world.config, resendAccount: 'another-team' });
    expect(await world.idleNotifier({ mailer: elsewhere }).handle(job)).toEqual(completed);
    expect(mailbox.letters()).toHaveLength(1);
  });

  it('whose first unknown outcome was at another account than its first call is repeated there alone', async () => {
    const job = await taken();
    answering(refusal(401, 'missing_api_key'), SERVER_ERROR);
    await notifier.handle(job);
    await change(sql`delete from holds`);
    const mailer = openMailer({ ...world.config, resendAccount: 'another-team' });
    const elsewhere = world.idleNotifier({ mailer });
    expect(await elsewhere.handle(job)).toEqual(failedForNow('internal_server_error'));
    expect(await elsewhere.handle(job)).toEqual(completed);

    const other = await taken();
    answering(refusal(401, 'missing_api_key'), SERVER_ERROR);
    await world.idleNotifier().handle(other);
    await change(sql`delete from holds`);
    await world.idleNotifier({ mailer }).handle(other);
    expect(await world.idleNotifier().handle(other)).toEqual(failedForGood('outcome_unknown'));
  });

  it('is dead in the ledger before its end is known', async () => {
    const job = await taken('down@example.com', true);
    const other = somebody(world.config.databaseUrl);
    const mailer = openMailer(world.config);
    const afterLocking = {
      ...mailer,
      async send(body: string, key: string) {
        await other.unsafe('begin');
        await other`select 1 from outbox where id = ${job.id} for update`;
        return mailer.send(body, key);
      },
    };
    let ended = false;
    const end = world
      .idleNotifier({ mailer: afterLocking })
      .handle(job)
      .finally(() => {
        ended = true;
      });
    await untilBlocked(world.db);
    expect(ended).toBe(false);
    await other.unsafe('commit');
    expect(await end).toEqual(failedForGood('attempts_exhausted: internal_server_error'));
    expect(await ledgerOf(job)).toMatchObject({ reason: 'attempts_exhausted' });
  });

  describe('that cannot become a letter', () => {
    afterEach(() => expect(mailbox.requests()).toEqual([]));

    it.each([
      ['letter_missing', 'its text has been purged'],
      ['unrenderable', 'its currency is none of ours'],
      ['customer_missing', 'its customer is gone'],
      ['order_missing', 'its order is gone'],
    ])('is dead with %s when %s', async (reason) => {
      const job = await taken();
      if (reason === 'letter_missing') {
        answering(refusal(429, 'rate_limit_exceeded'));
        await notifier.handle(job);
        mailbox.clear();
        await change(sql`delete from holds`);
        await change(sql`update notifications set body = null where message_id = ${job.id}`);
      }
      if (reason === 'unrenderable')
        await change(
          sql`update orders set currency = 'XXX' where id = (select order_id from outbox where id = ${job.id})`,
        );
      // What the database forbids today may have been done by hand yesterday.
      if (reason === 'customer_missing') {
        await change(sql`alter table orders drop constraint if exists orders_customer_id_customers_id_fk`);
        await change(
          sql`update orders set customer_id = gen_random_uuid() where id = (select order_id from outbox where id = ${job.id})`,
        );
      }
      if (reason === 'order_missing') {
        await change(sql`alter table outbox drop constraint if exists outbox_order_id_orders_id_fk`);
        await change(sql`update outbox set order_id = gen_random_uuid() where id = ${job.id}`);
      }
      const fresh = world.idleNotifier();
      expect(await fresh.handle(job)).toMatchObject({ end: 'failed', forGood: true });
      expect(await ledgerOf(job)).toMatchObject({ reason, starts: 0 });
      expect(await fresh.handle(job)).toMatchObject({
        code: expect.stringMatching(new RegExp(`^${reason}`)),
      });
    });

    it('because only a newer release knows its type waits, and spends nothing', async () => {
      const job = await taken(undefined, true);
      await change(sql`update outbox set type = 'order.returned' where id = ${job.id}`);
      expect(await notifier.handle(job)).toEqual(postponed(60_000));
      expect(await ledgerOf(job)).toMatchObject({ reason: null, starts: 0 });
    });
  });

  it('of a type that only a newer release knows is told of once, with its name', async () => {
    const jobs = [await taken(), await taken()];
    await change(sql`update outbox set type = 'order.returned' where id in (${jobs[0]?.id}, ${jobs[1]?.id})`);
    const lines = () => world.logged.filter((line) => line.includes('order.returned'));
    const before = lines().length;
    for (const job of jobs) await notifier.handle(job);
    for (const job of jobs) await notifier.handle(job);
    expect(lines()).toHaveLength(before + 1);
    expect(lines().at(-1)).toContain(jobs[0]?.id);
  });

  describe('that has nothing left to do', () => {
    it.each<[string, (job: TakenJob) => Promise<unknown>]>([
      ['was sent', (job) => notifier.handle(job)],
      [
        'was discarded',
        async (job) => {
          answering(BAD_ADDRESS);
          await notifier.handle(job);
          await discardMessage(world.db, { id: job.id, operator: 'ada', note: 'no' });
        },
      ],
      ['has gone on to another run', (job) => change(sql`update outbox set run = 2 where id = ${job.id}`)],
      [
        'was purged',
        async (job) => {
          await notifier.handle(job);
          await change(sql`delete from outbox where id = ${job.id}`);
        },
      ],
    ])('because its message %s completes without a call', async (_, before) => {
      const job = await taken();
      await before(job);
      mailbox.clear();
      expect(await notifier.handle(job)).toEqual(completedWithoutCall);
      expect(mailbox.requests()).toEqual([]);
    });
  });

  describe('that two notifiers have at once', () => {
    it('becomes one letter', async () => {
      const jobs = await Promise.all(Array.from({ length: 20 }, () => taken()));
      const twin = world.idleNotifier();
      const ends = await Promise.all(jobs.flatMap((job) => [notifier.handle(job), twin.handle(job)]));
      for (const end of ends) expect(['completed', 'postponed']).toContain(end.end);
      for (const job of jobs) await until(async () => (await twin.handle(job)).end === 'completed');
      expect(mailbox.letters()).toHaveLength(jobs.length);
      for (const job of jobs) expect(await ledgerOf(job)).toMatchObject({ sent: true, reason: null });
    });

    it('is asked for again later while the first call is under way', async () => {
      const job = await taken('slow@example.com');
      const first = notifier.handle(job);
      await until(() => mailbox.requests().length === 1);
      expect(await world.idleNotifier().handle({ ...job, lastAttempt: true })).toEqual(postponed(3_000));
      expect(await first).toEqual(completed);
      expect(await ledgerOf(job)).toMatchObject({ sent: true, reason: null, answer: 'accepted' });
      expect(mailbox.letters()).toHaveLength(1);
    });

    it('stays sent when the slower one is refused', async () => {
      const job = await taken();
      const mailer = openMailer(world.config);
      const slower = world.idleNotifier({
        mailer: {
          ...mailer,
          async send() {
            await notifier.handle(job);
            return { kind: 'refused', code: 'validation_error', detail: null };
          },
        },
      });
      await slower.handle(job);
      expect(await ledgerOf(job)).toMatchObject({ sent: true, reason: null, answer: 'accepted' });
    });
  });

  describe('during a hold', () => {
    /** A notifier whose worker only notes what it is told. */
    function attached() {
      const told: string[] = [];
      const one = world.idleNotifier();
      one.attach({ pause: async () => void told.push('pause'), resume: () => void told.push('resume') });
      return { one, told };
    }

    it('goes back uncalled; every worker is paused once, and resumed once when the hold has passed', async () => {
      const [refused, another, watching] = [attached(), attached(), attached()];
      const job = await taken(undefined, true);
      answering(refusal(429, 'rate_limit_exceeded', { 'retry-after': '60' }));
      expect(await refused.one.handle(job)).toEqual(postponed(0));
      expect(await refused.one.handle(job)).toEqual(postponed(0));
      expect(await another.one.handle(job)).toEqual(postponed(0));
      for (const { one } of [refused, another, watching]) await one.watch();
      expect(mailbox.requests()).toHaveLength(1);
      expect(await ledgerOf(job)).toMatchObject({ reason: null, starts: 0 });
      for (const { told } of [refused, another, watching]) expect(told).toEqual(['pause']);

      await change(sql`update holds set until = now()`);
      for (const { one, told } of [refused, another, watching]) {
        await one.watch();
        await one.watch();
        expect(told).toEqual(['pause', 'resume']);
      }
      expect(await another.one.handle(job)).toEqual(completed);
      expect(await currentHold(world.db)).toBeUndefined();
    });
  });

  describe('when the pause of a hold is over', () => {
    const endPause = () => change(sql`update holds set until = now() - interval '1 ms'`);
    async function held(reason: HoldReason = 'provider_denied'): Promise<void> {
      await openHold(world.db, reason, 60);
      await endPause();
    }
    const jobs = (count: number) => Promise.all(Array.from({ length: count }, () => taken()));
    /** So many notifiers that have seen the hold. */
    async function watching(count: number): Promise<Notifier[]> {
      const all = Array.from({ length: count }, () => world.idleNotifier());
      for (const one of all) await one.watch();
      return all;
    }

    it('is one of many that is tried, of all notifiers; its acceptance lifts the hold', async () => {
      await held();
      const all = await watching(3);
      const many = await jobs(12);
      const ends = await Promise.all(many.map((job, i) => all[i % 3]?.handle(job)));
      expect(ends.filter((end) => end?.end === 'completed')).toHaveLength(1);
      expect(ends.filter((end) => end?.end === 'postponed')).toHaveLength(11);
      expect(mailbox.requests()).toHaveLength(1);
      expect(await currentHold(world.db)).toBeUndefined();
      for (const one of all) await one.watch();
      expect(await all[1]?.handle(many[11] ?? raise('twelve were made'))).toEqual(completed);
    });

    it('makes the hold grow when it fails, and another message is the next one', async () => {
      await held();
      const [one] = await watching(1);
      const [first, second] = await jobs(2);
      if (!one || !first || !second) throw new Error('two were made');
      answering(refusal(401, 'missing_api_key'));
      expect(await one.handle({ ...first, lastAttempt: true })).toEqual(postponed(0));
      expect(await currentHold(world.db)).toMatchObject({ ahead: true, probed: false, pauses: 2 });
      expect(await one.handle(second)).toEqual(postponed(0));
      expect(mailbox.requests()).toHaveLength(1);
      await endPause();
      await one.watch();
      expect(await one.handle(second)).toEqual(completed);
      expect(await ledgerOf(first)).toMatchObject({ reason: null });
    });

    it('spends nothing when the ledger cannot be asked for the probe, nor gives another’s probe away', async () => {
      await held();
      const [one, other] = await watching(2);
      const [first, last] = await jobs(2);
      if (!one || !other || !first || !last) throw new Error('two were made');
      arm(readConfig([], { FAILPOINTS: 'takeProbe:before=unavailable' }).failpoints);
      expect(await one.handle({ ...last, lastAttempt: true })).toEqual(postponed(0));
      expect(await ledgerOf(last)).toMatchObject({ reason: null });
      expect(await takeProbe(world.db, uuidv7(), 60)).toBe(true);
      expect(await other.handle(first)).toEqual(postponed(0));
      expect(await takeProbe(world.db, uuidv7(), 60)).toBe(false); // it is still the first one's
    });

    it('spends nothing when its outcome is unknown, and the hold is of the provider that does not answer', async () => {
      await held();
      const [one] = await watching(1);
      const job = await taken(undefined, true);
      answering(SERVER_ERROR);
      expect(await one?.handle(job)).toEqual(postponed(0));
      expect(await currentHold(world.db)).toMatchObject({ reason: 'provider_unreachable', pauses: 2 });
      expect(await ledgerOf(job)).toMatchObject({ reason: null, unknown: true, starts: 0 });
    });

    it('spends nothing either when others were accepted as the outage began, and does not lift the hold', async () => {
      const [first, slow, next] = await jobs(3);
      if (!first || !slow || !next) throw new Error('three were made');
      const notifier = world.idleNotifier();
      answering(SERVER_ERROR);
      expect(await notifier.handle(first)).toEqual(failedForNow('internal_server_error'));
      expect(await notifier.handle(slow)).toEqual(completed);
      await held('provider_unreachable');
      const [one] = await watching(1);
      answering(SERVER_ERROR);
      expect(await one?.handle({ ...first, lastAttempt: true })).toEqual(postponed(0));
      expect(await ledgerOf(first)).toMatchObject({ reason: null, unknown: true });
      expect(await currentHold(world.db)).toMatchObject({ reason: 'provider_unreachable', pauses: 2 });
      expect(await one?.handle(next)).toEqual(postponed(0));
    });

    it.each<[HoldReason, boolean]>([
      ['provider_unreachable', true],
      ['quota_exceeded', false],
    ])('and was refused itself, a hold for %s is lifted: %s', async (reason, lifted) => {
      await held(reason);
      const [one] = await watching(1);
      answering(BAD_ADDRESS);
      expect(await one?.handle(await taken())).toEqual(failedForGood('refused: validation_error'));
      expect((await currentHold(world.db)) === undefined).toBe(lifted);
      // Otherwise the next one is tried at once.
      expect(await one?.handle(await taken())).toEqual(completed);
      expect(await currentHold(world.db)).toBeUndefined();
    });

    it('and has nothing to send, leaves the probe to the next one', async () => {
      await held();
      const [one] = await watching(1);
      const sent = await taken();
      await change(sql`update outbox set sent_at = now(), enqueued_at = now() where id = ${sent.id}`);
      expect(await one?.handle(sent)).toEqual(completedWithoutCall);
      expect(await one?.handle(await taken())).toEqual(completed);
      expect(await currentHold(world.db)).toBeUndefined();
    });

    it('waits while another notifier, perhaps a dead one, still has the probe', async () => {
      await held();
      const [one] = await watching(1);
      await takeProbe(world.db, '0192f0c0-0000-7000-8000-00000000dead', 60);
      const job = await taken();
      expect(await one?.handle(job)).toEqual(postponed(0));
      await one?.watch();
      expect(await one?.handle(job)).toEqual(postponed(0));
      await change(sql`update holds set probe_until = now() - interval '1 ms'`);
      await one?.watch();
      expect(await one?.handle(job)).toEqual(completed);
    });
  });

  describe('while the provider answers nobody', () => {
    it('the tenth unknown answer in a row holds, over at least two messages, and spends nothing', async () => {
      const [one, other] = [await taken(), await taken()];
      mailbox.intercept(() => SERVER_ERROR);
      for (let i = 0; i < 12; i += 1)
        expect(await notifier.handle(one)).toEqual(failedForNow('internal_server_error'));
      expect(await currentHold(world.db)).toBeUndefined(); // it may be the letter's own fault
      expect(await notifier.handle({ ...other, lastAttempt: true })).toEqual(postponed(0));
      expect(await currentHold(world.db)).toMatchObject({ reason: 'provider_unreachable' });
      expect(await ledgerOf(other)).toMatchObject({ reason: null });
    });

    it.each<[string, Interception | undefined]>([
      ['an acceptance', undefined],
      ['a refusal', BAD_ADDRESS],
    ])('%s in between ends the streak', async (_, answer) => {
      const [one, other] = [await taken(), await taken()];
      answering(...Array.from({ length: 9 }, () => SERVER_ERROR));
      for (let i = 0; i < 9; i += 1) await notifier.handle(i % 2 ? one : other);
      mailbox.intercept(() => answer);
      await notifier.handle(await taken());
      mailbox.intercept(() => SERVER_ERROR);
      expect(await notifier.handle(one)).toEqual(failedForNow('internal_server_error'));
      expect(await currentHold(world.db)).toBeUndefined();
    });

    it('a message on its last attempt does not die while another one fails too and none is accepted', async () => {
      await change(
        sql`update outbox set sent_at = now(), enqueued_at = now(), dead_at = null, dead_reason = null, discarded_at = null where sent_at is null`,
      );
      const [one, other] = [await taken(), await taken()];
      await change(sql`update outbox set enqueued_at = now() where id in (${one.id}, ${other.id})`);
      mailbox.intercept(() => SERVER_ERROR);
      await notifier.handle(other);
      expect(await notifier.handle({ ...one, lastAttempt: true })).toEqual(postponed(0));
      expect(await currentHold(world.db)).toMatchObject({ reason: 'provider_unreachable' });
    });

    it('a message on its last attempt dies when others were accepted meanwhile', async () => {
      const one = await taken('down@example.com');
      await notifier.handle(one);
      await notifier.handle(await taken());
      expect(await notifier.handle({ ...one, lastAttempt: true })).toMatchObject({ forGood: true });
      expect(await ledgerOf(one)).toMatchObject({ reason: 'attempts_exhausted' });
    });
  });

  describe('that goes round without spending an attempt', () => {
    const DENIED = refusal(403, 'validation_error');
    /** A call that is denied, while everybody else's is not: no hold stands before it. */
    async function denied(job: TakenJob) {
      mailbox.intercept(() => DENIED);
      const end = await world.idleNotifier().handle(job);
      await change(sql`delete from holds`);
      return end;
    }

    it('spends one after a quarter of an hour', async () => {
      const job = await taken();
      for (let i = 0; i < 7; i += 1) expect(await denied(job)).toEqual(postponed(0));
      await change(sql`update outbox set unspent_since = now() - interval '15 minutes' where id = ${job.id}`);
      expect(await denied(job)).toEqual(failedForNow('validation_error'));
      expect(await denied(job)).toEqual(postponed(0)); // and has another quarter of an hour
    });

    it('spends one too when it is also the probe of every hold that it opens', async () => {
      const job = await taken();
      for (let i = 0; i < 6; i += 1) {
        expect(await denied(job)).toEqual(postponed(0)); // and others, who were accepted, have lifted that hold
        await openHold(world.db, 'provider_denied', 60);
        await change(sql`update holds set until = now() - interval '1 ms'`);
        const probing = world.idleNotifier();
        await probing.watch();
        expect(await probing.handle(job)).toEqual(postponed(0));
        await change(sql`delete from holds`);
      }
      await change(sql`update outbox set unspent_since = now() - interval '15 minutes' where id = ${job.id}`);
      expect(await denied(job)).toEqual(failedForNow('validation_error'));
    });

    it('dies of it when that was its last one', async () => {
      const job = await taken(undefined, true);
      for (let i = 0; i < 6; i += 1) await denied(job);
      await change(sql`update outbox set unspent_since = now() - interval '15 minutes' where id = ${job.id}`);
      expect(await denied(job)).toEqual(failedForGood('attempts_exhausted: validation_error'));
    });

    it('spends none for a hold that it only waited for', async () => {
      const job = await taken();
      expect(await denied(job)).toEqual(postponed(0));
      await change(sql`update outbox set unspent_since = now() - interval '1 day' where id = ${job.id}`);
      expect(await denied(job)).toEqual(postponed(0));
    });
  });

  describe('whose last start had no orderly end', () => {
    /** As if its process had been killed so often, of these so often while it was alone. */
    const killed = ({ id }: TakenJob, starts: number, alone = 0) =>
      change(sql`update outbox set starts = ${starts}, lone_starts = ${alone} where id = ${id}`);

    it('is sent when nothing else is under way, and then nothing tells of it any more', async () => {
      const [slow, suspect] = [await taken('slow@example.com'), await taken('ada@example.com')];
      await killed(suspect, 1);
      const first = notifier.handle(slow);
      await until(() => mailbox.requests().length === 1, 'a call under way');
      const second = notifier.handle(suspect);
      await until(async () => (await ledgerOf(suspect))?.starts === 2, 'a second start');
      expect(await notifier.handle(await taken())).toEqual(postponed(0)); // nobody comes in between
      expect(mailbox.requests()).toHaveLength(1);
      expect(await Promise.all([first, second])).toEqual([completed, completed]);
      expect(recipients()).toEqual(['slow@example.com', 'ada@example.com']);
      expect(await ledgerOf(suspect)).toMatchObject({ starts: 0 });
      expect(await notifier.handle(await taken())).toEqual(completed);
    });

    it('stays under suspicion when it only came too early: that clears it of nothing', async () => {
      const job = await taken();
      await killed(job, 3, 2);
      await change(
        sql`insert into holds (name, reason, until, pauses) values ('sending', 'rate_limited', now() + interval '1 hour', 1)`,
      );
      expect(await notifier.handle(job)).toEqual(postponed(0));
      expect(await run(world.db, sql`select starts, lone_starts from outbox where id = ${job.id}`)).toEqual([
        { starts: 3, lone_starts: 2 },
      ]);
    });

    it('is poison after ten starts alone, and not before', async () => {
      const [innocent, poison] = [await taken(), await taken()];
      await killed(innocent, 99, 9);
      await killed(poison, 11, 10);
      expect(await notifier.handle(innocent)).toEqual(completed);
      expect(await notifier.handle(poison)).toEqual(failedForGood('poison'));
      expect(await ledgerOf(poison)).toMatchObject({ reason: 'poison' });
      expect(mailbox.requests()).toHaveLength(1);
    });

    it('keeps that when its process ends before its turn has come', async () => {
      const ending = new AbortController();
      const one = world.idleNotifier({ ending: ending.signal });
      const [slow, suspect] = [await taken('slow@example.com'), await taken()];
      await killed(suspect, 1);
      const first = one.handle(slow);
      await until(() => mailbox.requests().length === 1, 'a call under way');
      const second = one.handle(suspect);
      await until(async () => (await ledgerOf(suspect))?.starts === 2, 'a second start');
      ending.abort();
      expect(await Promise.all([first, second])).toEqual([completed, postponed(0)]);
      expect(await ledgerOf(suspect)).toMatchObject({ starts: 2 });
    });
  });

  it('goes back untouched while the clock is not the ledger’s', async () => {
    let wrong = true;
    const told: string[] = [];
    const one = world.idleNotifier({ clock: { isWrong: () => wrong } });
    one.attach({ pause: async () => void told.push('pause'), resume: () => void told.push('resume') });
    const job = await taken();
    expect(await one.handle(job)).toEqual(postponed(0));
    await one.watch();
    expect(await one.handle(job)).toEqual(postponed(0));
    expect([one.holding(), await ledgerOf(job)]).toEqual([
      'the clock is not known to be right',
      expect.objectContaining({ starts: 0 }),
    ]);
    wrong = false;
    await one.watch();
    expect(await one.handle(job)).toEqual(completed);
    expect(told).toEqual(['pause', 'resume']);
  });

  describe('while Postgres is away', () => {
    it('goes back unspent and uncalled, and so does every other until Postgres is back', async () => {
      const { proxy, db } = await fragileLedger();
      const fragile = world.idleNotifier({ db });
      const job = await taken(undefined, true);
      proxy.cut();
      expect(await fragile.handle(job)).toEqual(postponed(0));
      expect(await fragile.handle(job)).toEqual(postponed(0));
      proxy.mend();
      expect(await fragile.handle(job)).toEqual(postponed(0)); // the gate opens with a look, not by itself
      expect(mailbox.requests()).toEqual([]);
      await until(async () => (await fragile.watch()) === false);
      expect(await fragile.handle(job)).toEqual(completed);
      expect(await ledgerOf(job)).toMatchObject({ sent: true });
    });

    it('after its acceptance is marked as soon as Postgres is back, and not sent again', async () => {
      const { proxy, db } = await fragileLedger();
      const job = await taken(undefined, true);
      cutAtNextRequest(proxy);
      const noted = logLines('accepted, but not marked yet');
      const end = world.idleNotifier({ db }).handle(job);
      await until(() => logLines('accepted, but not marked yet') > noted);
      expect(await ledgerOf(job)).toMatchObject({ sent: false, unknown: true });
      proxy.mend();
      expect(await end).toEqual(completed);
      expect(await ledgerOf(job)).toMatchObject({ sent: true });
      expect(mailbox.requests()).toHaveLength(1);
    });

    it('after a refusal goes back, and is asked for again under the same key', async () => {
      const { proxy, db } = await fragileLedger();
      const fragile = world.idleNotifier({ db });
      const job = await taken(undefined, true);
      mailbox.intercept(() => {
        proxy.cut();
        return SERVER_ERROR;
      });
      expect(await fragile.handle(job)).toEqual(postponed(0));
      expect(await ledgerOf(job)).toMatchObject({ reason: null, unknown: true });
      proxy.mend();
      mailbox.intercept(null);
      await until(async () => (await fragile.watch()) === false);
      expect(await fragile.handle(job)).toEqual(completed);
      expect(new Set(keys()).size).toBe(1);
    });
  });

  it('is counted by what the provider answered', async () => {
    const metrics = new Registry();
    const counting = world.idleNotifier({ metrics });
    const job = await taken();
    answering(SERVER_ERROR);
    await counting.handle(job);
    await counting.handle(job);
    const printed = await metrics.metrics();
    expect(printed).toContain('notification_answers_total{kind="unknown"} 1');
    expect(printed).toContain('notification_answers_total{kind="accepted"} 1');
  });
});

describe('notifiers at work', () => {
  inWorld({ NOTIFICATION_ATTEMPTS: '3' });
  beforeAll(async () => {
    world.draining(await world.relay());
    world.notifier();
  });

  it('send to a flaky recipient after two failures, with one text and one key', async () => {
    const orderId = await world.order('flaky@example.com');
    await world.untilLetter(orderId, 'sent');
    expect(mailbox.requests().map(({ status }) => status)).toEqual([500, 500, 200]);
    expect(new Set(bodies()).size).toBe(1);
    expect(new Set(keys()).size).toBe(1);
    expect(mailbox.letters()).toHaveLength(1);
  });

  it('give a recipient up after exactly NOTIFICATION_ATTEMPTS, with a code as the reason', async () => {
    const message = await messageOf(await world.order('down@example.com'));
    const job = await untilFailed(message);
    expect(await ledgerOf(message)).toMatchObject({ reason: 'attempts_exhausted' });
    expect(job?.failedReason).toBe('attempts_exhausted: internal_server_error');
    expect(job?.attemptsMade).toBe(3);
    expect(job?.stacktrace).toEqual([]);
    expect(mailbox.requests()).toHaveLength(3);
  });

  it('give a refused recipient up at once', async () => {
    const message = await messageOf(await world.order('refused@example.com'));
    const job = await untilFailed(message);
    expect(await ledgerOf(message)).toMatchObject({ reason: 'refused' });
    expect(job?.failedReason).toBe('refused: validation_error');
    expect(mailbox.requests()).toHaveLength(1);
  });

  it('write one letter to somebody whose provider hangs up after accepting', async () => {
    await world.untilLetter(await world.order('hangup@example.com'), 'sent');
    expect(mailbox.requests().map(({ status }) => status)).toEqual(['hung up', 200]);
    expect(mailbox.letters()).toHaveLength(1);
  });
});

describe('a message of a type that only a newer release knows', () => {
  inWorld({ NOTIFICATION_ATTEMPTS: '1' });

  it('waits where it is seen, spends nothing, and is sent once a release that knows it has come', async () => {
    const relay = await world.relay();
    const older = world.notifier();
    const [orderId, other] = [await world.order(), await world.order()];
    const message = await messageOf(orderId);
    await change(sql`update outbox set type = 'order.returned' where id = ${message.id}`);
    await relay.drain();
    await world.untilLetter(other, 'sent'); // it keeps nobody waiting
    const waiting = await until(async () => {
      const job = await jobOf(message);
      return (await job?.isDelayed()) && job;
    }, 'a job that waits');
    expect(waiting).toMatchObject({ name: 'order.returned', attemptsMade: 0 });
    expect(await ledgerOf(message)).toMatchObject({ sent: false, reason: null, starts: 0 });
    expect(await backlog(world.db)).toMatchObject({ enqueued: 1, dead: 0, oldestId: message.id });
    await older.stop();

    const known = messageTypes as MessageType[]; // only types forbid it
    known.push({ ...orderCreated, type: 'order.returned' });
    onTestFinished(() => void known.pop());
    const newer = world.notifier();
    onTestFinished(newer.stop);
    await waiting.promote(); // its minute is over
    await world.untilLetter(orderId, 'sent');
    expect(mailbox.requests()).toHaveLength(2);
  });
});

describe('a provider that refuses everybody', () => {
  inWorld({ NOTIFICATION_ATTEMPTS: '1' });
  beforeAll(async () => {
    world.draining(await world.relay());
    world.notifier();
    world.notifier();
  });

  it.each<[string, Interception, string]>([
    ['too many requests', refusal(429, 'rate_limit_exceeded', { 'retry-after': '1' }), 'rate_limited'],
    ['a bad key', refusal(401, 'missing_api_key'), 'provider_denied'],
    ['no quota left', refusal(429, 'daily_quota_exceeded'), 'quota_exceeded'],
  ])('for %s is waited for: all is sent once it is over, and no attempt is spent', async (_, no, reason) => {
    let refusing = true;
    mailbox.intercept(() => (refusing ? no : undefined));
    const orders = await Promise.all(Array.from({ length: 10 }, () => world.order()));
    const hold = await until(() => currentHold(world.db), 'a hold');
    expect(hold.reason).toBe(reason);
    refusing = false;
    for (const orderId of orders) await world.untilLetter(orderId, 'sent');
    expect(mailbox.letters()).toHaveLength(orders.length);
    expect(await world.queue.failedRuns(0, 10)).toEqual([]);
    await until(async () => (await currentHold(world.db)) === undefined, 'a lifted hold');
  });

  it('for longer pauses all notifiers, and its end wakes them all', async () => {
    const holding = logLines('holding');
    let refusing = true;
    mailbox.intercept(() =>
      refusing ? refusal(429, 'rate_limit_exceeded', { 'retry-after': '3000' }) : undefined,
    );
    const early = await world.order();
    await until(() => logLines('holding') >= holding + 2, 'two notifiers that hold');

    const late = await Promise.all(Array.from({ length: 10 }, () => world.order()));
    for (const orderId of late) await world.untilLetter(orderId, 'enqueued');
    // A paused worker that was waiting on an empty queue may take one job more; it gives it back.
    await until(async () => (await world.queue.queue.getActiveCount()) === 0, 'idle workers');
    expect(mailbox.requests().map(({ status }) => status)).toEqual([429]);

    refusing = false;
    await change(sql`update holds set until = now()`);
    for (const orderId of [early, ...late]) await world.untilLetter(orderId, 'sent');
    expect(mailbox.letters()).toHaveLength(11);
  });

  it('again and again is asked at growing distances', async () => {
    mailbox.intercept(() => refusal(403, 'invalid_api_key'));
    const orderId = await world.order();
    await until(async () => ((await currentHold(world.db))?.pauses ?? 0) >= 2, 'a second pause');
    const [row] = await run<{ seconds: number }>(
      world.db,
      sql`select extract(epoch from until - now())::float8 as seconds from holds`,
    );
    expect(row?.seconds).toBeGreaterThan(1);
    mailbox.intercept(null);
    await world.untilLetter(orderId, 'sent');
  });
});

describe('a provider that answers nobody', () => {
  inWorld();
  beforeAll(async () => {
    world.draining(await world.relay());
    world.notifier();
    world.notifier();
  });

  it.each<[string, Interception]>([
    ['hangs up', 'hang-up'],
    ['hangs up after accepting', 'accept-and-hang-up'],
    ['answers 503', refusal(503, 'application_error')],
  ])(
    'and %s is waited for: nobody dies of it, and each has one letter once it is over',
    async (_, answer) => {
      let failing = true;
      mailbox.intercept(() => (failing ? answer : undefined));
      const orders = await Promise.all(Array.from({ length: 30 }, () => world.order()));
      await until(async () => ((await currentHold(world.db))?.pauses ?? 0) >= 2, 'a second pause');
      failing = false;
      for (const orderId of orders) await world.untilLetter(orderId, 'sent');
      expect(mailbox.letters()).toHaveLength(orders.length);
      expect(await world.queue.failedRuns(0, 10)).toEqual([]);
      await until(async () => (await currentHold(world.db)) === undefined, 'a lifted hold');
    },
  );

  it('does not keep one bad letter alive: it dies of its attempts while the others are sent', async () => {
    const bad = await world.order('down@example.com');
    const orders = await Promise.all(Array.from({ length: 100 }, () => world.order()));
    for (const orderId of orders) await world.untilLetter(orderId, 'sent');
    await world.untilLetter(bad, 'dead');
    expect(mailbox.letters()).toHaveLength(100);
  });
});

describe('an outage of Postgres', () => {
  inWorld({ NOTIFICATION_ATTEMPTS: '1' });
  let relay: Relay;
  beforeAll(async () => {
    relay = await world.relay();
  });

  it('spends no attempts of the letters that it meets', async () => {
    const { proxy, db } = await fragileLedger();
    const { stop } = world.notifier({ db });
    onTestFinished(stop);
    cutAtNextRequest(proxy);
    const orders = await Promise.all(Array.from({ length: 20 }, () => world.order()));
    await relay.drain();
    await until(() => logLines('holding') > 0, 'a notifier that holds');
    proxy.mend();
    for (const orderId of orders) await world.untilLetter(orderId, 'sent');
    expect(mailbox.letters()).toHaveLength(orders.length);
    expect(await world.queue.failedRuns(0, 10)).toEqual([]);
  });

  it('that outlasts the notifier leaves the acceptance in the job, where the relay finds it', async () => {
    await relay.lead();
    await relay.reconcile(); // Redis has its mark from now on
    const { proxy, db } = await fragileLedger();
    const ending = new AbortController();
    const { stop } = world.notifier({ db, ending: ending.signal });
    onTestFinished(stop);
    const noted = logLines('accepted, but not marked yet');
    cutAtNextRequest(proxy);
    const orderId = await world.order();
    const message = await messageOf(orderId);
    await relay.drain();
    await until(() => logLines('accepted, but not marked yet') > noted);
    ending.abort();

    const job = await until(async () => {
      const [seen] = await world.queue.look([message]);
      return seen?.state === 'completed' && seen;
    }, 'a completed job');
    expect(job.value).toEqual({ letterId: keys()[0], providerId: mailbox.letters()[0]?.id });
    expect(await ledgerOf(message)).toMatchObject({ sent: false });

    await change(sql`update outbox set enqueued_at = now() - interval '1 hour' where id = ${message.id}`);
    await relay.lead();
    await relay.reconcile();
    expect(await ledgerOf(message)).toMatchObject({ sent: true, answer: 'accepted' });
    expect(mailbox.requests()).toHaveLength(1);
  });
});

describe('what a person is called and where they get their letters', () => {
  const SECRET = /zebulon|hemlock/i;
  inWorld({ NOTIFICATION_ATTEMPTS: '2' });

  async function orderOf(email: string): Promise<string> {
    const orderId = await world.order(email);
    await change(
      sql`update customers set name = 'Zebulon Hemlock' where id = (select customer_id from orders where id = ${orderId})`,
    );
    return orderId;
  }

  it('stays out of Redis, out of the logs and out of the metrics, however a letter ends', async () => {
    const metrics = new Registry();
    // A statement that fails with the row's contents in the driver's error.
    await change(
      sql`alter table notifications add constraint no_poison check (recipient not like '%poison%') not valid`,
    );
    mailbox.intercept(({ body }) => {
      const { to } = body as { to: string[] };
      if (to[0] !== 'wordy@zebulon.example') return undefined;
      return {
        status: 422,
        body: { statusCode: 422, name: `no ${to[0]}`, message: `Zebulon Hemlock of ${to[0]} is not welcome` },
      };
    });
    const names = ['anybody', 'refused', 'down', 'hangup', 'wordy', 'poison'];
    const orders = await Promise.all(names.map((name) => orderOf(`${name}@zebulon.example`)));
    const workers = [world.draining(await world.relay()), world.notifier({ metrics })];
    onTestFinished(async () => void (await Promise.all(workers.map(({ stop }) => stop()))));
    const ends = await until(async () => {
      // Two of them can look like an outage, and the last one alone cannot show that it is none. The next letter would.
      await change(sql`delete from holds where opened_at < now() - interval '3 seconds'`);
      const read = await Promise.all(orders.map((orderId) => world.read(orderId)));
      const statuses = read.map(({ notifications }) => notifications[0]?.status);
      return statuses.every((status) => status === 'sent' || status === 'dead') && statuses;
    }, 'an end for every letter');
    expect(ends).toEqual(['sent', 'dead', 'dead', 'sent', 'dead', 'dead']);
    await until(async () => (await world.queue.failedRuns(0, 10)).length === 4);

    expect(await redisDump(world.redis)).toContain('order.created'); // it does look inside
    expect(await redisDump(world.redis)).not.toMatch(SECRET);
    expect(world.logged.join('')).not.toMatch(SECRET);
    expect(await metrics.metrics()).not.toMatch(SECRET);
  });

  it('is all that its own poison takes with it: its neighbour in the same statement is sent', async () => {
    const notifier = world.idleNotifier();
    const [bad, good] = [await taken('poison@zebulon.example', true), await taken()];
    const ends = await Promise.all([notifier.handle(bad), notifier.handle(good)]);
    expect(ends).toEqual([failedForGood('attempts_exhausted: internal_error'), completed]);
    expect(await ledgerOf(bad)).toMatchObject({ reason: 'attempts_exhausted', sent: false });
    expect(await ledgerOf(good)).toMatchObject({ sent: true });
  });
});

describe('a configuration', () => {
  it('that changes EMAIL_FROM alone keeps the account where its domain stays', () => {
    const account = (from: string) =>
      openMailer(readConfig([], { RESEND_API_KEY: 're_x', EMAIL_FROM: from })).account;
    expect(account('New <new@shop.example>')).toBe(account('orders@shop.example'));
    expect(account('orders@other.example')).not.toBe(account('orders@shop.example'));
  });
});
