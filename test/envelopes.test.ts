/** Several letters in one request, and each of them exactly once: by hand, with several jobs at a time, and with real workers. */
import { type SQL, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Interception, Mailbox } from '../local/mailbox.ts';
import { run } from '../src/database.ts';
import { reopenEnvelope } from '../src/envelopes.ts';
import { arm } from '../src/failpoints.ts';
import { openMailer } from '../src/mailer.ts';
import { acceptReported, confirmNotSent, openCalls, purgeEnvelopes, retryMessage } from '../src/outbox.ts';
import type { JobEnd, MessageRun, TakenJob } from '../src/queue.ts';
import type { Notifier, NotifierParts } from '../workers/notifier.ts';
import { somebody, untilBlocked } from './support/locks.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
let mailbox: Mailbox;
let notifier: Notifier;

beforeAll(async () => {
  world = await openWorld();
  mailbox = world.mailbox;
});
beforeEach(async () => {
  mailbox.clear();
  await change(sql`delete from holds`);
  notifier = crowded();
});
afterEach(() => {
  mailbox.intercept(null);
  arm([]);
});
afterAll(() => world.close());

/** A notifier that may make two requests a second, and does not have to wait for them. */
function crowded(
  parts: Partial<NotifierParts> = {},
  settings: Partial<NotifierParts['config']> = {},
): Notifier {
  const config = { ...world.config, emailRatePerSecond: 2, ...settings };
  return world.idleNotifier({ takeTurns: async (turns) => ({ turns, inMs: 0 }), config, ...parts });
}

const change = (statement: SQL) => run(world.db, statement);

const refusal = (status: number, name: string): Interception => ({
  status,
  body: { statusCode: status, name, message: 'In its own words.' },
});
const SERVER_ERROR = refusal(500, 'internal_server_error');

/** Answers the requests to come with these, one each, and then by the ordinary rules. */
function answering(...answers: (Interception | undefined)[]): void {
  mailbox.intercept(() => answers.shift());
}

async function taken(email = 'ada@example.com'): Promise<TakenJob> {
  const [message] = await run<MessageRun>(
    world.db,
    sql`select id, run from outbox where order_id = ${await world.order(email)}`,
  );
  if (!message) throw new Error('no such message');
  return { ...message, lastAttempt: false };
}

async function crowd(count: number, email?: string): Promise<TakenJob[]> {
  const jobs: TakenJob[] = [];
  for (let i = 0; i < count; i += 1) jobs.push(await taken(email));
  return jobs;
}

const handleAll = (jobs: readonly TakenJob[], by = notifier): Promise<JobEnd[]> =>
  Promise.all(jobs.map((job) => by.handle(job)));

/** As if the time had come for the next attempt. */
const due = () => change(sql`update envelopes set due_at = now()`);

interface Row {
  readonly id: string;
  readonly sent: boolean;
  readonly reason: string | null;
  readonly starts: number;
  readonly unknown: boolean;
  readonly enclosed: boolean;
  readonly most: number;
}

async function rowsOf(jobs: readonly TakenJob[]): Promise<Row[]> {
  const rows = await run<Row>(
    world.db,
    sql`select o.id, o.sent_at is not null as sent, o.dead_reason as reason, o.starts, n.first_unknown_at is not null as unknown,
          n.envelope_id is not null as enclosed, n.largest_batch as most
        from outbox o left join notifications n on n.message_id = o.id and n.replaced_at is null`,
  );
  return jobs.flatMap(({ id }) => rows.find((row) => row.id === id) ?? []);
}

const paths = () => mailbox.requests().map(({ path }) => path);
const keys = () => mailbox.requests().map(({ idempotencyKey }) => idempotencyKey);
const bodies = () => mailbox.requests().map(({ body }) => body);
/** Whose letters were accepted, each as often as it was. */
const accepted = () =>
  mailbox.letters().map(({ tags }) => tags.find(({ name }) => name === 'message_id')?.value);
const idsOf = (jobs: readonly TakenJob[]) => jobs.map(({ id }) => id).toSorted();
const completed = { end: 'completed', value: expect.objectContaining({ providerId: expect.any(String) }) };
const postponed = { end: 'postponed', ms: expect.any(Number) };

describe('letters that wait', () => {
  it('go alone while a second is enough for all of them', async () => {
    const jobs = await crowd(2);
    expect(await handleAll(jobs)).toEqual([completed, completed]);
    expect(paths()).toEqual(['/emails', '/emails']);
  });

  it('share one request when they are more, and each has its own id', async () => {
    const jobs = await crowd(5);
    const ends = await handleAll(jobs);
    expect(paths()).toEqual(['/emails/batch']);
    const ids = new Map(mailbox.letters().map((letter, i) => [accepted()[i], letter.id]));
    expect(ends).toEqual(
      jobs.map(({ id }) => ({
        end: 'completed',
        value: { letterId: expect.any(String), providerId: ids.get(id) },
      })),
    );
    expect(new Set(ids.values()).size).toBe(5);
    expect(await rowsOf(jobs)).toEqual(
      jobs.map(({ id }) => expect.objectContaining({ id, sent: true, starts: 0 })),
    );
  });

  it('are a hundred in a request at most', async () => {
    const jobs = await crowd(103);
    await handleAll(jobs);
    const sizes = bodies().map((body) => [JSON.parse(body)].flat().length);
    expect(sizes.toSorted((a, b) => b - a)).toEqual([100, 3]);
    expect(accepted().toSorted()).toEqual(idsOf(jobs));
  });

  it('are fewer when they are long', async () => {
    const jobs = await crowd(4);
    const long = '<p>'.padEnd(900_000, 'x');
    await change(sql`update order_items set name = ${long}`);
    await handleAll(jobs);
    await change(sql`update order_items set name = 'Tea'`);
    for (const body of bodies()) expect(body.length).toBeLessThan(4_000_000);
    expect(accepted().toSorted()).toEqual(idsOf(jobs));
  });

  it('are let out as they are when there is to be a hold or an end', async () => {
    const jobs = await crowd(3);
    let turns = 0;
    const holding = crowded({
      takeTurns: async () => {
        turns += 1;
        // Nobody's turn, until it is known that sending is held.
        await change(
          sql`insert into holds (name, reason, until, pauses) values ('sending', 'rate_limited', now() + interval '1 hour', 1) on conflict do nothing`,
        );
        await holding.watch();
        return { turns: 0, inMs: 5 };
      },
    });
    expect(await handleAll(jobs, holding)).toEqual(jobs.map(() => ({ end: 'postponed', ms: 0 })));
    expect(turns).toBe(1);
    expect(mailbox.requests()).toEqual([]);
    expect((await rowsOf(jobs)).map(({ starts }) => starts)).toEqual([0, 0, 0]);
  });

  it('that were proven not accepted alone may share a request afterwards', async () => {
    const [first, ...others] = await crowd(4);
    if (!first) throw new Error('nobody');
    answering(refusal(429, 'rate_limit_exceeded'));
    await notifier.handle(first);
    await change(sql`delete from holds`);
    const jobs = [first, ...others];
    expect(await handleAll(jobs, crowded())).toEqual(jobs.map(() => completed));
    expect(paths()).toEqual(['/emails', '/emails/batch']);
  });

  it('and may have been accepted alone go alone, by their own key', async () => {
    const [first, ...others] = await crowd(4);
    if (!first) throw new Error('nobody');
    answering('accept-and-hang-up');
    await notifier.handle(first);
    const jobs = [first, ...others];
    expect(await handleAll(jobs)).toEqual(jobs.map(() => completed));
    expect(keys()[0]).toBe(keys()[1 + paths().slice(1).indexOf('/emails')]);
    expect(accepted().toSorted()).toEqual(idsOf(jobs));
  });
});

describe('an envelope whose outcome is unknown', () => {
  it.each<[string, Interception]>([
    ['was accepted and nobody heard of it', 'accept-and-hang-up'],
    ['was lost', 'hang-up'],
    ['met an error of the server', SERVER_ERROR],
    ['got fewer ids than it has letters', { status: 200, body: { data: [{ id: 'one' }] } }],
    [
      'got the same id for all',
      { status: 200, body: { data: [{ id: 'one' }, { id: 'one' }, { id: 'one' }] } },
    ],
    ['got no list', { status: 200, body: { id: 'one' } }],
  ])('is repeated as itself by the first that comes back, when it %s', async (_, first) => {
    const jobs = await crowd(3);
    answering(first);
    expect(await handleAll(jobs)).toEqual(jobs.map(() => postponed));
    expect(await rowsOf(jobs)).toEqual(
      jobs.map(() => expect.objectContaining({ sent: false, reason: null, unknown: true, enclosed: true })),
    );
    await due();
    const [one, ...others] = jobs;
    if (!one) throw new Error('nobody');
    expect(await crowded().handle(one)).toEqual(completed);
    expect(await handleAll(others)).toEqual(others.map(() => ({ end: 'completed', value: null })));
    expect(new Set(keys()).size).toBe(1);
    expect(new Set(bodies()).size).toBe(1);
    expect(mailbox.requests()).toHaveLength(2);
    expect(accepted().toSorted()).toEqual(idsOf(jobs));
  });

  it('is not called for before it is due, nor by anybody else meanwhile', async () => {
    const jobs = await crowd(3);
    answering(SERVER_ERROR);
    await handleAll(jobs, crowded({}, { notificationBackoffMs: 60_000 }));
    const [end] = await handleAll(jobs);
    if (end?.end !== 'postponed') throw new Error('it was called for');
    expect(end.ms).toBeGreaterThan(20_000);
    expect(end.ms).toBeLessThanOrEqual(60_000);
    await due();
    // Two that have both been told that it is due.
    const ends = await Promise.all([handleAll(jobs, crowded()), handleAll(jobs, crowded())]);
    for (const one of ends.flat()) expect(['completed', 'postponed']).toContain(one.end);
    expect(mailbox.requests()).toHaveLength(2);
    expect(accepted().toSorted()).toEqual(idsOf(jobs));
  });

  it('takes back whoever wants to leave it for a request of its own', async () => {
    const jobs = await crowd(3);
    answering(SERVER_ERROR);
    await handleAll(jobs);
    const calls = jobs.map((job) => ({ ...job, account: 'any', letter: null }));
    expect(await openCalls(world.db, calls)).toEqual(jobs.map(() => undefined));
    // A notifier of a release that knows no envelopes: to it the ledger is busy, and it comes again.
    const other = change(
      sql`update notifications set attempts = attempts + 1 where message_id = ${jobs[0]?.id}`,
    );
    await expect(other).rejects.toMatchObject({ code: '40001' });
  });

  it('spends its own attempts, and then all of its messages are dead', async () => {
    const jobs = await crowd(3);
    const [one] = jobs;
    if (!one) throw new Error('nobody');
    answering(SERVER_ERROR, SERVER_ERROR, SERVER_ERROR, SERVER_ERROR);
    await handleAll(jobs);
    for (let attempt = 2; attempt <= 4; attempt += 1) {
      // Somebody else's letter is accepted, so that it is not the provider's fault.
      mailbox.intercept(null);
      await notifier.handle(await taken());
      mailbox.intercept(() => SERVER_ERROR);
      await due();
      const end =
        attempt < 4
          ? postponed
          : { end: 'failed', code: 'attempts_exhausted: internal_server_error', forGood: true };
      expect(await notifier.handle(one)).toEqual(end);
    }
    expect(await rowsOf(jobs)).toEqual(
      jobs.map(() => expect.objectContaining({ reason: 'attempts_exhausted' })),
    );

    // A person retries one of them: the envelope goes again, with all its attempts, and takes the others along.
    mailbox.intercept(null);
    expect(await retryMessage(world.db, { id: one.id, run: one.run, operator: 'ada' })).toBe('done');
    answering(SERVER_ERROR);
    const again = { ...one, run: one.run + 1 };
    expect(await notifier.handle(again)).toEqual(postponed);
    await due();
    expect(await notifier.handle(again)).toEqual(completed);
    expect((await rowsOf(jobs)).map(({ sent }) => sent)).toEqual([true, true, true]);
    const batches = mailbox.requests().filter(({ path }) => path === '/emails/batch');
    expect(new Set(batches.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    for (const { id } of jobs) expect(accepted().filter((of) => of === id)).toHaveLength(1);
  });

  it('and is refused when it is repeated may have been accepted at first', async () => {
    const jobs = await crowd(3);
    answering('accept-and-hang-up', refusal(422, 'validation_error'));
    await handleAll(jobs);
    await due();
    const ends = await handleAll(jobs);
    expect(ends).toContainEqual({ end: 'failed', code: 'outcome_unknown: validation_error', forGood: true });
    expect(await rowsOf(jobs)).toEqual(
      jobs.map(() => expect.objectContaining({ reason: 'outcome_unknown', enclosed: true })),
    );
  });

  it('for 23 hours is not repeated', async () => {
    const jobs = await crowd(3);
    answering(SERVER_ERROR);
    await handleAll(jobs);
    await due();
    await change(
      sql`update notifications set first_unknown_at = now() - interval '23 hours' where accepted_at is null`,
    );
    expect(await handleAll(jobs)).toEqual(
      jobs.map(() => ({ end: 'failed', code: 'outcome_unknown', forGood: true })),
    );
    expect(mailbox.requests()).toHaveLength(1);
  });

  it('is not repeated without a letter that a person had written anew', async () => {
    const jobs = await crowd(3);
    const [one, ...others] = jobs;
    if (!one) throw new Error('nobody');
    answering(SERVER_ERROR);
    await handleAll(jobs);
    await change(
      sql`update outbox set dead_at = now(), dead_reason = 'outcome_unknown', enqueued_at = now() where id = ${one.id}`,
    );
    expect(
      await confirmNotSent(world.db, { id: one.id, operator: 'ada', note: 'the provider says so' }),
    ).toBe('done');
    await due();
    await handleAll(others);
    expect(mailbox.requests()).toHaveLength(1);
    expect(await rowsOf(others)).toEqual(
      others.map(() => expect.objectContaining({ reason: 'outcome_unknown' })),
    );
  });

  it('goes on for the others when one of its addresses has been suppressed meanwhile', async () => {
    const jobs = [...(await crowd(2)), await taken('gone@example.com')];
    answering('accept-and-hang-up');
    await handleAll(jobs);
    await change(
      sql`insert into suppressions (address, reason, message_id) values ('gone@example.com', 'bounced', ${jobs[2]?.id})`,
    );
    await due();
    await handleAll(jobs);
    expect((await rowsOf(jobs)).map(({ sent }) => sent)).toEqual([true, true, true]);
    expect(accepted()).toHaveLength(3);
    await change(sql`delete from suppressions`);
  });
});

it('a job in two hands opens one call, also within one statement', async () => {
  const job = await taken();
  const call = { ...job, account: 'any', letter: { id: uuidv7(), recipient: 'ada@example.com', body: '{}' } };
  const twin = { ...call, letter: { ...call.letter, id: uuidv7() } };
  const opened = (await openCalls(world.db, [call, twin])).filter((one) => one !== undefined);
  expect(opened).toHaveLength(1);
  const again = (
    await openCalls(
      world.db,
      [call, twin].map((one) => ({ ...one, letter: null })),
    )
  ).filter((one) => one !== undefined);
  expect(again).toHaveLength(1);
});

// For a day, or for so long that it would outlive its lease.
it.each([
  [1, 25 * 3_600],
  [3, 25 * 3_600],
  [3, 10.5],
])(
  'a call for %s is not made by who has stood still for %s seconds while it opened it',
  async (count, seconds) => {
    const jobs = await crowd(count);
    const other = somebody(world.config.databaseUrl);
    const slow = crowded({
      async takeTurns(turns) {
        await other.unsafe('begin');
        await other`select 1 from outbox where id = ${jobs[0]?.id ?? ''} for update`;
        return { turns, inMs: 0 };
      },
    });
    const ends = handleAll(jobs, slow);
    await untilBlocked(world.db);
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + seconds * 1_000);
    onTestFinished(() => clock.mockRestore());
    await other.unsafe('commit');
    expect(await ends).toEqual(jobs.map(() => postponed));
    expect(mailbox.requests()).toEqual([]);
    expect(await rowsOf(jobs)).toEqual(
      jobs.map(() => expect.objectContaining({ starts: 0, unknown: false, enclosed: false, reason: null })),
    );
    clock.mockRestore();
    expect(await handleAll(jobs)).toEqual(jobs.map(() => completed));
  },
);

describe('what befalls an envelope', () => {
  /** As if its process had been killed in the middle of the call, and so long ago that nobody calls any more. */
  async function orphaned(count: number): Promise<TakenJob[]> {
    const jobs = await crowd(count);
    answering('accept-and-hang-up');
    await handleAll(jobs);
    await change(sql`update outbox set starts = 1 where sent_at is null`);
    await due();
    return jobs;
  }

  it.each([
    SERVER_ERROR,
    refusal(409, 'concurrent_idempotent_requests'),
    refusal(429, 'rate_limit_exceeded'),
  ])('after a kill and then another answer than an acceptance makes nobody in it poison', async (answer) => {
    const jobs = await orphaned(15);
    answering(answer);
    await handleAll(jobs);
    mailbox.intercept(null);
    expect((await rowsOf(jobs)).map(({ reason }) => reason)).toEqual(jobs.map(() => null));
    await change(sql`delete from holds`);
    await due();
    await handleAll(jobs, crowded());
    expect((await rowsOf(jobs)).every(({ sent }) => sent)).toBe(true);
    for (const { id } of jobs) expect(accepted().filter((of) => of === id)).toHaveLength(1);
  });

  it.each([
    ['all are sent', sql`sent_at = now(), enqueued_at = now()`],
    ['all are dead', sql`dead_at = now(), dead_reason = 'outcome_unknown'`],
  ])('is not repeated by who was late when %s', async (_, fate) => {
    const jobs = await orphaned(3);
    await change(sql`update outbox set ${fate} where sent_at is null and dead_at is null`);
    const [letter] = await change(
      sql`select envelope_id as id from notifications where message_id = ${jobs[0]?.id}`,
    );
    expect(await reopenEnvelope(world.db, String(letter?.id), 4, 20)).toBeUndefined();
  });

  it('is not repeated by who has stood still for 23 hours since it was judged', async () => {
    const jobs = await orphaned(3);
    const [letter] = await change(
      sql`select envelope_id as id from notifications where message_id = ${jobs[0]?.id}`,
    );
    await change(
      sql`update notifications set first_unknown_at = now() - interval '23 hours' where accepted_at is null`,
    );
    expect(await reopenEnvelope(world.db, String(letter?.id), 4, 20)).toBeUndefined();
  });

  it('holds sending when it fails to the last and there is nobody else', async () => {
    await change(sql`delete from notifications`);
    await change(sql`delete from envelopes`);
    await change(
      sql`update outbox set dead_at = null, dead_reason = null, discarded_at = null, enqueued_at = now(), sent_at = now()`,
    );
    const jobs = await crowd(5);
    mailbox.intercept(() => SERVER_ERROR);
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      await due();
      await handleAll(jobs);
    }
    expect((await rowsOf(jobs)).map(({ reason }) => reason)).toEqual(jobs.map(() => null));
    expect(await change(sql`select from holds`)).toHaveLength(1);
  });

  it('is not repeated for one when another in it was discarded', async () => {
    const jobs = await crowd(3);
    answering(SERVER_ERROR);
    await handleAll(jobs);
    await change(
      sql`update outbox set enqueued_at = now(), dead_at = now(), dead_reason = 'attempts_exhausted', discarded_at = now() where id = ${jobs[0]?.id}`,
    );
    await due();
    await handleAll(jobs.slice(1));
    expect(mailbox.requests()).toHaveLength(1);
    expect((await rowsOf(jobs.slice(1))).map(({ reason }) => reason)).toEqual([
      'outcome_unknown',
      'outcome_unknown',
    ]);
  });

  it('makes the next ones smaller when its outcome is unknown, and larger again when they are accepted', async () => {
    answering(SERVER_ERROR);
    await handleAll(await crowd(8));
    mailbox.clear();
    // Those that are left over may overtake it.
    const largest = () => Math.max(...bodies().map((body) => [JSON.parse(body)].flat().length));
    await handleAll(await crowd(9));
    expect(largest()).toBe(4);
    for (let times = 0; times < 2; times += 1) await handleAll(await crowd(9));
    expect(largest()).toBe(9);
  });

  it('is settled although the ledger was away for a moment: a refusal that is forgotten is an unknown outcome', async () => {
    const jobs = await crowd(3);
    answering(refusal(422, 'validation_error'));
    arm([{ name: 'settleEnvelope', moment: 'before', pass: 1, act: 'unavailable' }]);
    await handleAll(jobs);
    expect(await rowsOf(jobs)).toEqual(
      jobs.map(() => expect.objectContaining({ unknown: false, enclosed: false, most: 2 })),
    );
  });
});

it.each([1, 3])(
  'what was refused for now is known to be so although the hold cannot be written down, of %s',
  async (count) => {
    const jobs = await crowd(count);
    answering(refusal(429, 'rate_limit_exceeded'));
    arm([{ name: 'openHold', moment: 'before', pass: 1, act: 'throw' }]);
    expect(await handleAll(jobs)).toEqual(jobs.map(() => ({ end: 'postponed', ms: 0 })));
    expect(await rowsOf(jobs)).toEqual(
      jobs.map(() => expect.objectContaining({ starts: 0, unknown: false })),
    );
  },
);

describe('an envelope that is refused for certain', () => {
  it('falls into halves until the one at fault is alone, and the others are sent', async () => {
    const jobs = [...(await crowd(7)), await taken('refused@example.com')];
    const open = new Set(jobs);
    for (let round = 0; open.size > 0 && round < 10; round += 1) {
      const ends = await handleAll([...open]);
      for (const [i, job] of [...open].entries()) if (ends[i]?.end !== 'postponed') open.delete(job);
    }
    expect(open.size).toBe(0);
    const rows = await rowsOf(jobs);
    expect(rows.map(({ sent, reason }) => [sent, reason])).toEqual([
      ...Array.from({ length: 7 }, () => [true, null]),
      [false, 'refused'],
    ]);
    expect(accepted().toSorted()).toEqual(idsOf(jobs.slice(0, 7)));
    expect(
      await change(
        sql`select from envelopes e where not exists (select from notifications n where n.envelope_id = e.id)`,
      ),
    ).toEqual([]);
  });

  it.each<[string, Interception, number]>([
    ['because of the rate', refusal(429, 'rate_limit_exceeded'), 100],
    // It may be one letter's doing.
    ['because of the quota', refusal(429, 'daily_quota_exceeded'), 2],
    ['because of the key', refusal(403, 'invalid_api_key'), 2],
  ])('%s dissolves, holds sending and spends nothing', async (_, answer, most) => {
    const jobs = await crowd(3);
    answering(answer);
    expect(await handleAll(jobs)).toEqual(jobs.map(() => ({ end: 'postponed', ms: 0 })));
    expect(await rowsOf(jobs)).toEqual(
      jobs.map(() =>
        expect.objectContaining({ unknown: false, enclosed: false, reason: null, most, starts: 0 }),
      ),
    );
    expect(await change(sql`select from holds`)).toHaveLength(1);
  });

  it('although a webhook has told of an acceptance of one of its letters stays as it is', async () => {
    const jobs = await crowd(3);
    const [one] = jobs;
    const mailer = openMailer(world.config);
    const reported = {
      ...mailer,
      async sendBatch(...request: Parameters<typeof mailer.sendBatch>) {
        const answer = await mailer.sendBatch(...request);
        const report = { messageId: one?.id ?? '', providerId: 'its own', at: new Date().toISOString() };
        expect(await acceptReported(world.db, report)).toBe(true);
        return answer;
      },
    };
    answering(refusal(422, 'validation_error'));
    await handleAll(jobs, crowded({ mailer: reported }));
    const rows = await rowsOf(jobs);
    expect(rows.map(({ sent }) => sent)).toEqual([true, false, false]);
    expect(rows.slice(1)).toEqual(
      [1, 2].map(() => expect.objectContaining({ enclosed: true, unknown: true })),
    );
  });

  it('although a webhook tells of an acceptance while that is written down stays as it is', async () => {
    const jobs = await crowd(3);
    const other = somebody(world.config.databaseUrl);
    const mailer = openMailer(world.config);
    const [id = ''] = jobs.map((job) => job.id);
    const held = {
      ...mailer,
      async sendBatch(...request: Parameters<typeof mailer.sendBatch>) {
        await other.unsafe('begin');
        await other`update outbox set sent_at = now(), enqueued_at = now(), starts = 0 where id = ${id}`;
        await other`update notifications set accepted_at = now(), provider_id = 'its own' where message_id = ${id}`;
        return mailer.sendBatch(...request);
      },
    };
    answering(refusal(422, 'validation_error'));
    const ends = handleAll(jobs, crowded({ mailer: held }));
    await untilBlocked(world.db);
    await other.unsafe('commit');
    await ends;
    const rows = await rowsOf(jobs);
    expect(rows.map(({ sent }) => sent)).toEqual([true, false, false]);
    expect(rows.slice(1)).toEqual(
      [1, 2].map(() => expect.objectContaining({ enclosed: true, unknown: true })),
    );
  });

  it('says nothing while a later call of it is under way', async () => {
    const jobs = await crowd(3);
    let letGo: (() => void) | undefined;
    const standing = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    // The first call stands still until its lease is over and another has called; then it hears of a refusal.
    const late = crowded({
      mailer: {
        account: `${world.config.resendBaseUrl} ${world.config.resendAccount}`,
        compose: (id, to, { subject, html, text }) =>
          JSON.stringify({
            from: 'a@b.example',
            to,
            subject,
            html,
            text,
            tags: [{ name: 'message_id', value: id }],
          }),
        send: () => Promise.reject(new Error('they share')),
        async sendBatch() {
          await standing;
          return { kind: 'refused', code: 'validation_error', detail: null };
        },
      },
    });
    const first = handleAll(jobs, late);
    await until(async () => (await rowsOf(jobs)).every(({ enclosed }) => enclosed), 'an envelope');
    await due();
    answering('accept-and-hang-up');
    await handleAll(jobs);
    letGo?.();
    expect(await first).toEqual(jobs.map(() => postponed));
    expect(await rowsOf(jobs)).toEqual(
      jobs.map(() => expect.objectContaining({ unknown: true, enclosed: true, reason: null })),
    );
    await due();
    await handleAll(jobs);
    expect(accepted().toSorted()).toEqual(idsOf(jobs));
  });
});

describe('an envelope that cannot be filled', () => {
  it('for a reason of its own lets each letter go alone', async () => {
    const jobs = await crowd(3);
    arm([{ name: 'fillEnvelope', moment: 'before', pass: 1, act: 'throw' }]);
    expect(await handleAll(jobs)).toEqual(jobs.map(() => completed));
    expect(paths()).toEqual(['/emails', '/emails', '/emails']);
  });

  it('while the ledger is away spends nothing', async () => {
    const jobs = await crowd(3);
    arm([{ name: 'fillEnvelope', moment: 'after', pass: 1, act: 'unavailable' }]);
    expect(await handleAll(jobs)).toEqual(jobs.map(() => ({ end: 'postponed', ms: 0 })));
    await due();
    await handleAll(jobs, crowded());
    expect(accepted().toSorted()).toEqual(idsOf(jobs));
    expect(paths()).toEqual(['/emails/batch']);
  });
});

describe('several notifiers with several jobs each', () => {
  it('send every letter once, whatever their requests meet', async () => {
    const jobs = await crowd(60);
    let seed = 7;
    mailbox.intercept(() => {
      seed = (seed * 48_271) % 2_147_483_647;
      const met: (Interception | undefined)[] = [
        'accept-and-hang-up',
        'hang-up',
        SERVER_ERROR,
        undefined,
        undefined,
      ];
      return met[seed % met.length];
    });
    const team = [crowded(), crowded(), crowded()];
    const open = new Set(jobs);
    for (let round = 0; open.size > 0 && round < 60; round += 1) {
      await due();
      await change(sql`delete from holds`);
      // Twins too: a job that stalled is in two hands.
      await Promise.all(
        [...open].flatMap((job, i) =>
          [0, 1].map(async (twin) => {
            const by = team[(i + twin + round) % team.length] ?? notifier;
            await by.watch();
            const end = await by.handle(job);
            if (end.end === 'completed' || (end.end === 'failed' && end.forGood)) open.delete(job);
          }),
        ),
      );
    }
    mailbox.intercept(null);
    const rows = await rowsOf(jobs);
    for (const { id, sent, reason } of rows) {
      const letters = accepted().filter((of) => of === id).length;
      expect({ id, letters: letters <= 1, told: sent ? letters === 1 : reason !== null }).toEqual({
        id,
        letters: true,
        told: true,
      });
    }
    expect(rows.filter(({ sent }) => sent).length).toBeGreaterThan(0);
  });
});

it('an envelope is purged with the last of its letters', async () => {
  const jobs = await crowd(3);
  await handleAll(jobs);
  expect(await purgeEnvelopes(world.db, 0, 100)).toBe(0);
  await change(sql`delete from notifications`);
  expect(await purgeEnvelopes(world.db, 1, 100)).toBe(0);
  expect(await purgeEnvelopes(world.db, 0, 10_000)).toBeGreaterThan(0);
  expect(await change(sql`select from envelopes`)).toEqual([]);
});
