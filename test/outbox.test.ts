/**
 * The ledger's moves: each changes exactly the messages that it may change, whoever comes late, twice or all at once.
 */
import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { array, coalesce, type OpenDatabase, openDatabase, run } from '../src/database.ts';
import { openHold } from '../src/holds.ts';
import {
  ANY_DEAD,
  acceptReported,
  backlog,
  chargeEnqueue,
  confirmNotSent,
  confirmSent,
  countLoneStart,
  deadCounts,
  deadGroups,
  deadLetters,
  deadMessages,
  discardMessage,
  doubleAcceptances,
  giveLeaseBack,
  ledgerTime,
  markAlerted,
  markEnqueued,
  markSent,
  type OpenCall,
  openCalls,
  othersFare,
  outdatedRuns,
  overdueMessages,
  purgeFinished,
  purgeIdempotencyKeys,
  recordFailedJobs,
  restage,
  restageAll,
  retryDead,
  retryMessage,
  type Settlement,
  type StagedMessage,
  settleAttempts,
  stagedMessages,
  startMessages,
  takeLease,
} from '../src/outbox.ts';
import type { MessageRun } from '../src/queue.ts';
import { stepRedrive } from '../src/redrives.ts';
import type { DeadReason } from '../src/schema.ts';
import { createLedger, type Ledger } from './support/ledger.ts';
import { somebody, untilBlocked } from './support/locks.ts';
import { finishedDaysAgo, letterRows, outboxRow, stage, stageOne } from './support/rows.ts';

const LEADER = uuidv7();
const FORMER_LEADER = uuidv7();

let ledger: Ledger;
let db: Ledger['db'];

beforeAll(async () => {
  ledger = await createLedger();
  db = ledger.db;
  await takeLease(db, 'relay', LEADER);
  await run(db, sql`update leases set until = now() + interval '1 day'`);
});
afterAll(() => ledger.close());

// ── Messages in every state ──

const STATES = ['staged', 'enqueued', 'dead', 'sent', 'discarded'] as const;
type State = (typeof STATES)[number];

interface Subject extends StagedMessage {
  readonly call: OpenCall;
}

/** A message staged `daysAgo`, with a frozen letter, brought into that state by the real moves. */
async function inState(state: State, daysAgo = 0): Promise<Subject> {
  const message = await stageOne(db, daysAgo);
  const subject = { ...message, call: await opened(message) };
  if (state === 'staged') return subject;
  await markEnqueued(db, LEADER, [message]);
  if (state === 'sent') await accept(subject);
  if (state === 'dead' || state === 'discarded') await die(subject);
  if (state === 'discarded') await discardMessage(db, { id: message.id, operator: 'eve', note: 'no' });
  await finishedDaysAgo(db, message.id, daysAgo);
  return subject;
}

const letter = (body = 'the letter') => ({
  id: uuidv7(),
  recipient: 'ada@example.com',
  body,
});
const ACCOUNT = 'provider shop';

async function open(message: MessageRun, body?: string): Promise<OpenCall | undefined> {
  const [call] = await openCalls(db, [
    { id: message.id, run: message.run, account: ACCOUNT, letter: letter(body) },
  ]);
  return call;
}

async function opened(message: MessageRun, body?: string): Promise<OpenCall> {
  const call = await open(message, body);
  if (!call) throw new Error('the call was not opened');
  return call;
}

const accept = ({ id, call }: Subject, providerId = 're_1') =>
  markSent(db, [{ messageId: id, letterId: call.letterId, providerId }]);

const settlement = (message: MessageRun, rest: Partial<Settlement> = {}): Settlement => ({
  id: message.id,
  run: message.run,
  call: null,
  answer: 'no_answer',
  detail: null,
  notAccepted: false,
  dead: null,
  ...rest,
});

const die = (message: MessageRun, reason: DeadReason = 'attempts_exhausted') =>
  settleAttempts(db, [settlement(message, { dead: reason })]);

/** All that the ledger knows of a message, as one value. */
const story = async (id: string) => [await outboxRow(db, id), await letterRows(db, id)];

// ── What each move may change ──

interface Move {
  readonly name: string;
  readonly changes: readonly State[];
  /** Makes the move as the relay that holds the lease, unless it says otherwise. */
  act(message: Subject, holder: string): Promise<unknown>;
}

const relayMoves: Move[] = [
  {
    name: 'markEnqueued',
    changes: ['staged'],
    act: (m, holder) => markEnqueued(db, holder, [m]),
  },
  {
    name: 'chargeEnqueue',
    changes: ['staged'],
    act: (m, holder) => chargeEnqueue(db, holder, [m]),
  },
  {
    name: 'restage',
    changes: ['enqueued'],
    act: async (m, holder) =>
      restage(db, holder, [{ ...m, at: (await outboxRow(db, m.id)).enqueued_at ?? 'now' }]),
  },
];

const runMoves: Move[] = [
  {
    name: 'startMessages',
    changes: ['staged', 'enqueued'],
    act: (m) => startMessages(db, [m]),
  },
  {
    name: 'countLoneStart',
    changes: ['staged', 'enqueued'],
    act: (m) => countLoneStart(db, m),
  },
  {
    name: 'openCalls',
    changes: ['staged', 'enqueued'],
    act: (m) => open(m),
  },
  {
    name: 'settleAttempts with a death',
    changes: ['staged', 'enqueued'],
    act: (m) => die(m),
  },
  {
    name: 'recordFailedJobs',
    changes: ['enqueued'],
    act: (m) => recordFailedJobs(db, [m]),
  },
  {
    name: 'retryMessage',
    changes: ['dead'],
    act: (m) => retryMessage(db, { id: m.id, run: m.run, operator: 'eve' }),
  },
];

const otherMoves: Move[] = [
  {
    name: 'restageAll',
    changes: ['enqueued'],
    act: async (_m, holder) => restageAll(db, holder, await ledgerTime(db), 1_000),
  },
  {
    name: 'markSent',
    changes: ['staged', 'enqueued', 'dead', 'discarded'],
    act: (m) => accept(m, 're_2'),
  },
  {
    name: 'discardMessage',
    changes: ['dead'],
    act: (m) => discardMessage(db, { id: m.id, operator: 'eve', note: 'no' }),
  },
  {
    name: 'retryDead',
    changes: ['dead'],
    act: async () => retryDead(db, 'eve', await ledgerTime(db), 1_000),
  },
];

describe.each([...relayMoves, ...runMoves, ...otherMoves])('$name', ({ changes, act }) => {
  it.each(changes)('changes a message that is %s', async (state) => {
    const message = await inState(state);
    const before = await story(message.id);
    await act(message, LEADER);
    expect(await story(message.id)).not.toEqual(before);
  });

  it.each(STATES.filter((state) => !changes.includes(state)))(
    'changes nothing of a message that is %s',
    async (state) => {
      const message = await inState(state);
      const before = await story(message.id);
      await act(message, LEADER);
      expect(await story(message.id)).toEqual(before);
    },
  );
});

describe.each([...relayMoves, ...runMoves])('$name of another run', ({ act }) => {
  it.each(STATES)('changes nothing when the message is %s', async (state) => {
    const message = await inState(state);
    await run(db, sql`update outbox set run = 2 where id = ${message.id}`);
    const before = await story(message.id);
    await act(message, LEADER);
    await act({ ...message, run: 3 }, LEADER);
    expect(await story(message.id)).toEqual(before);
  });
});

const restageAllMove = otherMoves.filter(({ name }) => name === 'restageAll');
describe.each([...relayMoves, ...restageAllMove])('$name of a relay without the lease', ({ act }) => {
  it.each(STATES)('changes nothing when the message is %s', async (state) => {
    const message = await inState(state);
    const before = await story(message.id);
    await act(message, FORMER_LEADER);
    expect(await story(message.id)).toEqual(before);
  });
});

// ── The relay's moves ──

describe('the lease', () => {
  it('is held by one of many who ask at once', async () => {
    const asking = Array.from({ length: 20 }, () => takeLease(db, 'contended', uuidv7()));
    expect((await Promise.all(asking)).filter(Boolean)).toHaveLength(1);
  });

  it('goes to another when it is given back or has expired, and not before', async () => {
    const [first, second] = [uuidv7(), uuidv7()];
    expect(await takeLease(db, 'handed', first)).toBe(true);
    expect(await takeLease(db, 'handed', second)).toBe(false);
    expect(await takeLease(db, 'handed', first)).toBe(true);
    await giveLeaseBack(db, 'handed', second); // not its own to give
    expect(await takeLease(db, 'handed', second)).toBe(false);
    await giveLeaseBack(db, 'handed', first);
    expect(await takeLease(db, 'handed', second)).toBe(true);
    await run(db, sql`update leases set until = now() - interval '1 ms' where name = 'handed'`);
    expect(await takeLease(db, 'handed', first)).toBe(true);
  });
});

describe('staged messages', () => {
  const taken = async (ids: readonly string[], inFlight: readonly string[] = [], holder = LEADER) =>
    (await stagedMessages(db, holder, 10_000, inFlight)).filter(({ id }) => ids.includes(id));

  it('are read in the order of seq, without those in flight', async () => {
    const messages = await stage(db, 20);
    const ids = messages.map(({ id }) => id);
    expect(await taken(ids)).toEqual(messages);
    const inFlight = messages.filter((_, i) => i % 2 === 0).map(({ seq }) => seq);
    expect(await taken(ids, inFlight)).toEqual(messages.filter((_, i) => i % 2 === 1));
    expect(await taken(ids, [], FORMER_LEADER)).toEqual([]);
  });

  it('are read also when their number is lower than one that was enqueued long ago', async () => {
    const late = openDatabase(ledger.url, 'test', 1);
    onTestFinished(late.close);
    await run(late.db, sql`begin`);
    const lower = await stageOne(late.db);
    const higher = await stageOne(db);
    await markEnqueued(db, LEADER, [higher]);
    await run(late.db, sql`commit`);
    expect(Number(lower.seq)).toBeLessThan(Number(higher.seq));
    expect(await taken([lower.id, higher.id])).toEqual([lower]);
  });

  it('die when Redis has refused them five times while it took others', async () => {
    const message = await stageOne(db);
    for (let tries = 1; tries <= 4; tries += 1) {
      await chargeEnqueue(db, LEADER, [message]);
      expect(await outboxRow(db, message.id)).toMatchObject({ enqueue_failures: tries, dead_at: null });
    }
    await chargeEnqueue(db, LEADER, [message]);
    expect(await outboxRow(db, message.id)).toMatchObject({
      enqueue_failures: 5,
      dead_reason: 'not_enqueueable',
    });
  });

  it('have all tries again once they were enqueued', async () => {
    const message = await stageOne(db);
    await chargeEnqueue(db, LEADER, [message]);
    await markEnqueued(db, LEADER, [message]);
    expect((await outboxRow(db, message.id)).enqueue_failures).toBe(0);
  });
});

describe('restaging', () => {
  it('leaves a message alone that was enqueued anew since the sweep saw it', async () => {
    const message = await inState('enqueued');
    const { enqueued_at: at } = await outboxRow(db, message.id);
    await run(db, sql`update outbox set enqueued_at = now() where id = ${message.id}`);
    const before = await story(message.id);
    await restage(db, LEADER, [{ ...message, at: at ?? '' }]);
    expect(await story(message.id)).toEqual(before);
  });

  it('goes through everything enqueued before a point in time, page by page', async () => {
    await restageAll(db, LEADER, await ledgerTime(db), 100_000);
    const messages = await stage(db, 25);
    await markEnqueued(db, LEADER, messages);
    const before = await ledgerTime(db);
    const [later] = await stage(db, 1);
    await markEnqueued(db, LEADER, later ? [later] : []);
    const pages = [];
    for (let i = 0; i < 4; i += 1) pages.push(await restageAll(db, LEADER, before, 10));
    expect(pages).toEqual([10, 10, 5, 0]);
    expect((await outboxRow(db, later?.id ?? '')).enqueued_at).not.toBeNull();
  });

  it('finds the overdue in pages, the oldest first, and each once', async () => {
    const messages = await stage(db, 12);
    await markEnqueued(db, LEADER, messages);
    await run(
      db,
      sql`update outbox set enqueued_at = now() - interval '1 hour' where id = any (${array(
        messages.map(({ id }) => id),
        'uuid',
      )})`,
    );
    const first = await overdueMessages(db, 60_000, 5);
    const second = await overdueMessages(db, 60_000, 5, first.at(-1));
    const third = await overdueMessages(db, 60_000, 5, second.at(-1));
    const seen = [...first, ...second, ...third].map(({ id }) => id);
    expect(seen).toEqual(messages.map(({ id }) => id).sort()); // enqueued in one statement: by id
    expect(await overdueMessages(db, 2 * 3_600_000, 5)).toEqual([]);
  });
});

describe('a failed job', () => {
  it('is outdated when its message is finished, overtaken or gone, and only then', async () => {
    const [enqueued, dead, sent, discarded] = await Promise.all(
      (['enqueued', 'dead', 'sent', 'discarded'] as const).map((state) => inState(state)),
    );
    if (!enqueued || !dead || !sent || !discarded) throw new Error('four states were asked for');
    const retried = await inState('dead');
    await retryMessage(db, { id: retried.id, run: 1, operator: 'eve' });
    const gone = { id: uuidv7(), run: 1 };
    const runs = [enqueued, dead, sent, discarded, retried, { ...retried, run: 2 }, gone];
    const outdated = await outdatedRuns(db, runs);
    expect(outdated).toHaveLength(4);
    expect(new Set(outdated)).toEqual(new Set([sent, discarded, retried, gone]));
    expect(await outdatedRuns(db, [])).toEqual([]);
  });
});

// ── The notifier's moves ──

describe('a start', () => {
  it('loads all that a letter needs, in the order asked', async () => {
    const [first, second] = await stage(db, 2);
    if (!first || !second) throw new Error('two were staged');
    const absent = { id: uuidv7(), run: 1 };
    const [b, none, a] = await startMessages(db, [second, absent, first]);
    expect(none).toBeUndefined();
    expect([a?.id, b?.id]).toEqual([first.id, second.id]);
    expect(a).toMatchObject({
      run: 1,
      starts: 1,
      orderId: first.orderId,
      sentAt: null,
      deadReason: null,
      letter: null,
      held: null,
      unspent: 0,
      unspentForSeconds: 0,
      customer: { email: 'ada@example.com', name: 'Ada' },
      order: {
        currency: 'EUR',
        total: '900',
        items: [{ sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 }],
      },
    });
  });

  it('is counted until an orderly end', async () => {
    const message = await stageOne(db);
    for (const starts of [1, 2, 3]) expect((await startMessages(db, [message]))[0]).toMatchObject({ starts });
    await settleAttempts(db, [settlement(message)]);
    expect((await startMessages(db, [message]))[0]).toMatchObject({ starts: 1 });
  });

  it('begins anew after one whose orderly end the ledger could not be told', async () => {
    const [message, other] = await stage(db, 2);
    if (!message || !other) throw new Error('two were staged');
    await startMessages(db, [message, other]);
    const [one, two] = await startMessages(db, [{ ...message, explained: true }, other]);
    expect([one?.starts, two?.starts]).toEqual([1, 2]);
  });

  it('alone is counted besides, until an orderly end or an acceptance', async () => {
    const message = await inState('enqueued');
    expect([await countLoneStart(db, message), await countLoneStart(db, message)]).toEqual([1, 2]);
    expect(await countLoneStart(db, { ...message, run: 2 })).toBeUndefined();
    await settleAttempts(db, [settlement(message)]);
    expect(await countLoneStart(db, message)).toBe(1);
    await accept(message);
    expect(await outboxRow(db, message.id)).toMatchObject({ lone_starts: 0, starts: 0 });
  });
});

describe('a message that goes round without spending an attempt', () => {
  const again = (message: MessageRun) => settleAttempts(db, [settlement(message, { circling: 'again' })]);
  const seen = async (message: MessageRun) => (await startMessages(db, [message]))[0];

  it('is counted, and since when, until that is over', async () => {
    const message = await stageOne(db);
    for (const unspent of [1, 2, 3]) {
      await again(message);
      expect(await seen(message)).toMatchObject({ unspent });
    }
    await run(
      db,
      sql`update outbox set unspent_since = unspent_since - interval '1 hour' where id = ${message.id}`,
    );
    await again(message);
    expect((await seen(message))?.unspentForSeconds).toBeGreaterThanOrEqual(3_600);
    await settleAttempts(db, [settlement(message)]); // an end that says nothing of it
    expect(await seen(message)).toMatchObject({ unspent: 4 });
    await settleAttempts(db, [settlement(message, { circling: 'over' })]);
    expect(await seen(message)).toMatchObject({ unspent: 0, unspentForSeconds: 0 });
  });

  it('has forgotten that when a person retries it', async () => {
    const message = await inState('enqueued');
    await again(message);
    await die(message);
    await retryMessage(db, { id: message.id, run: 1, operator: 'eve' });
    expect(await seen({ ...message, run: 2 })).toMatchObject({ unspent: 0 });
  });
});

describe('a letter whose outcome is unknown', () => {
  const failing = async () => {
    const message = await inState('enqueued');
    await settleAttempts(db, [settlement(message, { call: message.call, answer: 'http_503' })]);
    return message;
  };
  const quiet = () =>
    run(
      db,
      sql`update outbox set sent_at = now(), enqueued_at = coalesce(enqueued_at, now()), dead_at = null, dead_reason = null, discarded_at = null`,
    );

  it('is compared with others: they fail too while none is accepted, and pass as soon as one is', async () => {
    await quiet();
    const one = await failing();
    expect(await othersFare(db, one.call.letterId)).toBe('none');
    const underWay = await inState('enqueued');
    expect(await othersFare(db, one.call.letterId)).toBe('none'); // the other one has no answer yet
    const other = await failing();
    expect(await othersFare(db, one.call.letterId)).toBe('fail');
    await accept(underWay);
    expect(await othersFare(db, one.call.letterId)).toBe('pass');
    expect(await othersFare(db, other.call.letterId)).toBe('pass');
  });

  it('is not said to fail alone for what was accepted before sending was held', async () => {
    await quiet();
    const [one] = [await failing(), await failing()];
    await accept(await inState('enqueued'));
    expect(await othersFare(db, one.call.letterId)).toBe('pass');
    await openHold(db, 'provider_unreachable', null);
    expect(await othersFare(db, one.call.letterId)).toBe('fail');
    await accept(await inState('enqueued'));
    expect(await othersFare(db, one.call.letterId)).toBe('pass');
    await run(db, sql`delete from holds`);
  });

  it('has nobody to be compared with when the other one is dead or was refused', async () => {
    await quiet();
    const one = await failing();
    await die(await failing());
    const refused = await inState('enqueued');
    await settleAttempts(db, [settlement(refused, { call: refused.call, answer: 'x', notAccepted: true })]);
    expect(await othersFare(db, one.call.letterId)).toBe('none');
  });
});

describe('a report of the provider', () => {
  const report = (messageId: string, providerId: string, at = new Date().toISOString()) =>
    acceptReported(db, { messageId, providerId, at });

  it.each(['enqueued', 'dead', 'discarded'] as const)('makes a message sent that is %s', async (state) => {
    const message = await inState(state);
    expect(await report(message.id, 're_7')).toBe(true);
    expect((await outboxRow(db, message.id)).sent_at).not.toBeNull();
    expect(await letterRows(db, message.id)).toMatchObject([{ provider_id: 're_7' }]);
  });

  it('of what is known already changes nothing, and of an unknown message neither', async () => {
    const message = await inState('sent');
    const before = await story(message.id);
    expect(await report(message.id, 're_1')).toBe(true);
    expect(await story(message.id)).toEqual(before);
    expect(await report(uuidv7(), 're_1')).toBe(false);
  });

  it('is about the letter that was in force at its time', async () => {
    const message = await inState('enqueued');
    await run(db, sql`update notifications set replaced_at = now() where message_id = ${message.id}`);
    const newer = { ...message, call: await opened(message, 'a new letter') };
    await report(message.id, 're_old', '2020-01-01T00:00:00Z');
    await report(message.id, 're_new');
    const found = await run(
      db,
      sql`select id, provider_id from notifications where message_id = ${message.id}`,
    );
    expect(found).toContainEqual({ id: message.call.letterId, provider_id: 're_old' });
    expect(found).toContainEqual({ id: newer.call.letterId, provider_id: 're_new' });
  });
});

describe('a message of which two letters were accepted', () => {
  it('is counted and named', async () => {
    const before = await doubleAcceptances(db);
    const message = await inState('enqueued');
    await run(db, sql`update notifications set replaced_at = now() where message_id = ${message.id}`);
    const newer = { ...message, call: await opened(message, 'a new letter') };
    await accept(message, 're_old');
    expect((await doubleAcceptances(db)).count).toBe(before.count); // one alone
    await accept(newer, 're_new');
    const { count, messageIds, oldest } = await doubleAcceptances(db);
    expect(count).toBe(before.count + 1);
    expect(messageIds[0]).toBe(message.id);
    expect(oldest).toMatch(/Z$/);
  });
});

describe('a letter', () => {
  it('is frozen once by twenty callers at the same time, and every call that is opened sends that text', async () => {
    const message = await stageOne(db);
    const callers = Array.from({ length: 20 }, (_, i) => `text of caller ${i}`);
    const attempts = await Promise.all(callers.map((text) => open(message, text)));
    const calls = attempts.filter((call) => call !== undefined);
    const letters = await letterRows(db, message.id);
    expect(letters).toHaveLength(1);
    expect(new Set(calls.map(({ body }) => body))).toEqual(new Set([letters[0]?.body]));
    expect(new Set(calls.map(({ letterId }) => letterId))).toEqual(new Set([letters[0]?.id]));
    // Each opened call is told apart by its number; whoever lost the race has opened none.
    expect(calls.map(({ attempt }) => attempt).sort((a, b) => a - b)).toEqual(calls.map((_, i) => i + 1));
    expect(letters[0]?.attempts).toBe(calls.length);
    expect(await open(message, 'another text')).toMatchObject({ body: letters[0]?.body });
  });

  it('is frozen once by twenty callers of one joint statement, and one of them may call', async () => {
    const message = await stageOne(db);
    const join = coalesce((calls: Parameters<typeof openCalls>[1]) => openCalls(db, calls));
    const texts = Array.from({ length: 20 }, (_, i) => `text of caller ${i}`);
    const calls = await Promise.all(
      texts.map((text) => join({ id: message.id, run: 1, account: ACCOUNT, letter: letter(text) })),
    );
    expect(calls.filter((call) => call !== undefined)).toHaveLength(1);
    expect(await letterRows(db, message.id)).toHaveLength(1);
  });

  it('opens no call once its text has been purged', async () => {
    const message = await inState('enqueued');
    await run(db, sql`update notifications set body = null where message_id = ${message.id}`);
    expect(await open(message)).toBeUndefined();
  });
});

describe('the time since which an outcome is unknown', () => {
  const unknownSince = async (id: string) => (await letterRows(db, id))[0]?.first_unknown_at;
  const settle = (message: MessageRun, call: OpenCall, notAccepted: boolean) =>
    settleAttempts(db, [settlement(message, { call, notAccepted })]);

  it('is set before a call and put back by a proof that it was not accepted', async () => {
    const message = await stageOne(db);
    const call = await opened(message);
    expect(call.unknownBefore).toBeNull();
    expect(await unknownSince(message.id)).not.toBeNull();
    await settle(message, call, true);
    expect(await unknownSince(message.id)).toBeNull();
  });

  it('stays what it was first, whatever follows without a proof', async () => {
    const message = await stageOne(db);
    await settle(message, await opened(message), false);
    const first = await unknownSince(message.id);
    for (let i = 0; i < 3; i += 1) await settle(message, await opened(message), false);
    expect(await unknownSince(message.id)).toBe(first);
  });

  it('is put back to the microsecond when a later call proves only itself not accepted', async () => {
    const message = await stageOne(db);
    await settle(message, await opened(message), false);
    const first = await unknownSince(message.id);
    expect(first).toMatch(/\.\d{4,6}/);
    const second = await opened(message);
    await settle(message, second, true);
    expect(second.attempt).toBe(2);
    expect(await unknownSince(message.id)).toBe(first);
  });

  it('is not put back by an earlier call while a later one is under way', async () => {
    const message = await stageOne(db);
    const earlier = await opened(message);
    const later = await opened(message);
    await settle(message, earlier, true);
    expect(await unknownSince(message.id)).not.toBeNull();
    await settle(message, later, true);
    expect(await unknownSince(message.id)).not.toBeNull(); // the earlier one may have been accepted before its proof
  });

  it("is nobody's to change once the letter has been accepted", async () => {
    const message = await inState('sent');
    const before = await story(message.id);
    await settle(message, message.call, true);
    expect(await story(message.id)).toEqual(before);
  });
});

describe('an end of an attempt', () => {
  it('reaches its own run alone, also when another run of the message ends in the same statement', async () => {
    const message = await stageOne(db);
    await run(db, sql`update outbox set run = 2 where id = ${message.id}`);
    const current = { ...message, run: 2 };
    const late = settlement(message, { dead: 'attempts_exhausted', answer: 'late' });
    const orders = [
      [late, settlement(current)],
      [settlement(current), late],
    ];
    // Which of two rows a join takes depends on the plan, and plans change: often enough for all of them.
    for (const order of Array.from({ length: 20 }, () => orders).flat()) {
      await settleAttempts(db, order);
      expect((await outboxRow(db, message.id)).dead_at).toBeNull();
    }
  });

  it('that is a refusal proves nothing while a later call of the letter is under way', async () => {
    const message = await inState('enqueued');
    const later = await opened(message);
    await settleAttempts(db, [
      settlement(message, { call: message.call, notAccepted: true, dead: 'refused' }),
    ]);
    expect(await outboxRow(db, message.id)).toMatchObject({ dead_reason: 'outcome_unknown' });
    await accept({ ...message, call: later });
    expect((await outboxRow(db, message.id)).sent_at).not.toBeNull();

    // Also of a call that is opened while the refusal waits to be written down.
    const opening = await inState('enqueued');
    const another = somebody(ledger.url);
    await another`begin`;
    await another`select 1 from outbox where id = ${opening.id} for update`;
    await another`update notifications set attempts = attempts + 1 where message_id = ${opening.id}`;
    const settled = settleAttempts(db, [
      settlement(opening, { call: opening.call, notAccepted: true, dead: 'refused' }),
    ]);
    await untilBlocked(db);
    await another`commit`;
    await settled;
    expect(await outboxRow(db, opening.id)).toMatchObject({ dead_reason: 'outcome_unknown' });

    const alone = await inState('enqueued');
    await settleAttempts(db, [settlement(alone, { call: alone.call, notAccepted: true, dead: 'refused' })]);
    expect(await outboxRow(db, alone.id)).toMatchObject({ dead_reason: 'refused' });
  });

  it.each([
    ['among others', 2, 4],
    ['alone', 2, 3],
    [undefined, 0, 0],
  ] as const)(
    'of one that only looked, %s, explains no more than this start',
    async (looked, starts, lone_starts) => {
      const message = await stageOne(db);
      await run(db, sql`update outbox set starts = 3, lone_starts = 4 where id = ${message.id}`);
      await settleAttempts(db, [settlement(message, looked ? { looked } : {})]);
      expect(await outboxRow(db, message.id)).toMatchObject({ starts, lone_starts });
    },
  );

  it('of an outdated run takes no call from the current one in the same statement', async () => {
    const message = await stageOne(db);
    await run(db, sql`update outbox set run = 2 where id = ${message.id}`);
    const letter = () => ({ id: uuidv7(), recipient: 'ada@example.com', body: '{}' });
    const calls = [1, 2].map((of) => ({ id: message.id, run: of, account: 'any', letter: letter() }));
    const [outdated, current] = await openCalls(db, calls);
    expect([outdated, current?.letterId]).toEqual([undefined, calls[1]?.letter.id]);
  });

  it("that the ledger cannot store fails alone, and its neighbours' are stored", async () => {
    const messages = await stage(db, 20);
    const join = coalesce((settlements: readonly Settlement[]) => settleAttempts(db, settlements));
    const ends = await Promise.allSettled(
      messages.map((message, i) =>
        // The column refuses a code that nobody knows.
        join(settlement(message, { dead: i === 7 ? ('whim' as DeadReason) : 'refused' })),
      ),
    );
    expect(ends.flatMap(({ status }, i) => (status === 'rejected' ? [i] : []))).toEqual([7]);
    const rows = await Promise.all(messages.map(({ id }) => outboxRow(db, id)));
    expect(rows.flatMap(({ dead_at }, i) => (dead_at === null ? [i] : []))).toEqual([7]);
  });
});

describe('an acceptance', () => {
  it.each(STATES.filter((state) => state !== 'sent'))(
    'makes a message sent that was %s, and clears what says otherwise',
    async (state) => {
      const message = await inState(state);
      await markAlerted(db, [message.id], await ledgerTime(db));
      await accept(message, 're_42');
      const row = await outboxRow(db, message.id);
      expect(row).toMatchObject({
        dead_at: null,
        dead_reason: null,
        discarded_at: null,
        alerted_at: null,
        starts: 0,
      });
      expect(row.sent_at).not.toBeNull();
      expect(row.enqueued_at).not.toBeNull();
      expect(await letterRows(db, message.id)).toMatchObject([{ answer: 'accepted', provider_id: 're_42' }]);
    },
  );

  it('is recorded once, whoever reports it again', async () => {
    const message = await inState('enqueued');
    await Promise.all(Array.from({ length: 20 }, (_, i) => accept(message, `re_${i}`)));
    const before = await story(message.id);
    await accept(message, 're_late');
    expect(await story(message.id)).toEqual(before);
  });

  it('under an older key is recorded beside the first, and the message stays sent when it was', async () => {
    const message = await inState('enqueued');
    await run(db, sql`update notifications set replaced_at = now() where message_id = ${message.id}`);
    const newer = { ...message, call: await opened(message, 'a new letter') };
    await accept(newer, 're_new');
    const { sent_at } = await outboxRow(db, message.id);
    await accept(message, 're_old');
    expect((await outboxRow(db, message.id)).sent_at).toBe(sent_at);
    const ids = (await letterRows(db, message.id)).map(({ provider_id }) => provider_id);
    expect(ids.sort()).toEqual(['re_new', 're_old']);
  });

  it("under the key of another message's letter changes neither", async () => {
    const [one, other] = [await inState('enqueued'), await inState('enqueued')];
    const before = [await story(one.id), await story(other.id)];
    await accept({ ...one, call: other.call });
    expect([await story(one.id), await story(other.id)]).toEqual(before);
  });
});

// ── What the database forbids ──

describe('a half-finished row', () => {
  it.each([
    ['sent without having been enqueued', 'sent_at = now()', 'outbox_sent_was_enqueued'],
    ['dead without a reason', 'dead_at = now()', 'outbox_dead_has_reason'],
    ['alive with a reason', "dead_reason = 'refused'", 'outbox_dead_has_reason'],
    ['dead of a whim', "dead_at = now(), dead_reason = 'whim'", 'outbox_dead_reason_known'],
    [
      'sent and dead',
      "enqueued_at = now(), sent_at = now(), dead_at = now(), dead_reason = 'refused'",
      'outbox_sent_is_not_dead',
    ],
    ['discarded alive', 'discarded_at = now()', 'outbox_discarded_was_dead'],
    ['alerted of alive', 'alerted_at = now()', 'outbox_alerted_is_dead'],
    ['before its first run', 'run = 0', 'outbox_counts_positive'],
    ['with fewer than no starts', 'starts = -1', 'outbox_counts_positive'],
    ['with fewer than no failures', 'enqueue_failures = -1', 'outbox_counts_positive'],
  ])('%s is forbidden', async (_title, assignment, constraint) => {
    const { id } = await stageOne(db);
    const change = run(db, sql`update outbox set ${sql.raw(assignment)} where id = ${id}`);
    await expect(change).rejects.toMatchObject({ constraint_name: constraint });
  });

  it.each([
    ['accepted without an id', 'accepted_at = now()', 'notifications_accepted_has_id'],
    ['with an id and not accepted', "provider_id = 're_1'", 'notifications_accepted_has_id'],
    ['answered without a code', 'answered_at = now()', 'notifications_answered_has_code'],
  ])('of a letter %s is forbidden', async (_title, assignment, constraint) => {
    const { id } = await inState('staged');
    const change = run(db, sql`update notifications set ${sql.raw(assignment)} where message_id = ${id}`);
    await expect(change).rejects.toMatchObject({ constraint_name: constraint });
  });

  it('a second letter in force is forbidden', async () => {
    const { id } = await inState('staged');
    const second = run(
      db,
      sql`insert into notifications (id, message_id, account, attempts) values (${uuidv7()}, ${id}, 'a', 1)`,
    );
    await expect(second).rejects.toMatchObject({ constraint_name: 'notifications_in_force' });
  });
});

// ── What people do ──

describe('a retry', () => {
  const retry = (id: string, seen: number | null = null) =>
    retryMessage(db, { id, run: seen, operator: 'eve' });
  const actions = (id: string) =>
    run(
      db,
      sql`select operator, action, run, note from operator_actions where message_id = ${id} order by id`,
    );

  it('puts a dead letter back as its next run, with all tries again, and is recorded', async () => {
    const message = await inState('dead');
    await markAlerted(db, [message.id], await ledgerTime(db));
    await startMessages(db, [message]);
    expect(await retry(message.id, 1)).toBe('done');
    expect(await outboxRow(db, message.id)).toMatchObject({
      run: 2,
      starts: 0,
      enqueue_failures: 0,
      enqueued_at: null,
      dead_at: null,
      dead_reason: null,
      alerted_at: null,
    });
    expect(await actions(message.id)).toEqual([{ operator: 'eve', action: 'retry', run: 1, note: null }]);
  });

  it.each([
    ['staged', 'not_dead'],
    ['enqueued', 'not_dead'],
    ['sent', 'finished'],
    ['discarded', 'finished'],
  ] as const)('of a message that is %s answers %s and is not recorded', async (state, answer) => {
    const message = await inState(state);
    const before = await actions(message.id);
    expect(await retry(message.id)).toBe(answer);
    expect(await actions(message.id)).toEqual(before);
  });

  it('of an unknown message, of an outdated run and of an unknown outcome is refused with its reason', async () => {
    expect(await retry(uuidv7())).toBe('unknown_message');
    const message = await inState('dead');
    expect(await retry(message.id, 1)).toBe('done');
    expect(await retry(message.id, 1)).toBe('overtaken');
    await die({ ...message, run: 2 }, 'outcome_unknown');
    expect(await retry(message.id, 1)).toBe('overtaken');
    expect(await retry(message.id, 2)).toBe('outcome_unknown');
    expect(await retry(message.id)).toBe('outcome_unknown');
    expect(await actions(message.id)).toHaveLength(1);
  });

  it('by a hundred people at the same time is one run', async () => {
    const message = await inState('dead');
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, i) => retry(message.id, i % 2 === 0 ? 1 : null)),
    );
    expect(results.filter((result) => result === 'done')).toHaveLength(1);
    expect(new Set(results)).toEqual(new Set(['done', 'overtaken', 'not_dead']));
    expect((await outboxRow(db, message.id)).run).toBe(2);
    expect(await actions(message.id)).toHaveLength(1);
  });

  it('and a discard at the same time: one of them is done', async () => {
    for (let round = 0; round < 10; round += 1) {
      const message = await inState('dead');
      const results = await Promise.all([
        retry(message.id, 1),
        discardMessage(db, { id: message.id, operator: 'mallory', note: 'no' }),
      ]);
      expect(results.filter((result) => result === 'done')).toHaveLength(1);
      expect(await actions(message.id)).toHaveLength(1);
    }
  });
});

describe('a discard', () => {
  const discard = (id: string) => discardMessage(db, { id, operator: 'eve', note: 'a duplicate order' });

  it.each([
    ['staged', 'not_dead'],
    ['enqueued', 'not_dead'],
    ['dead', 'done'],
    ['sent', 'finished'],
    ['discarded', 'finished'],
  ] as const)('of a message that is %s answers %s', async (state, answer) => {
    const { id } = await inState(state);
    expect(await discard(id)).toBe(answer);
  });

  it('needs no certainty about the outcome, and is recorded with its note, once', async () => {
    const message = await inState('enqueued');
    await die(message, 'outcome_unknown');
    expect([await discard(message.id), await discard(message.id)]).toEqual(['done', 'finished']);
    expect(await discard(uuidv7())).toBe('unknown_message');
    const rows = await run(db, sql`select note from operator_actions where message_id = ${message.id}`);
    expect(rows).toEqual([{ note: 'a duplicate order' }]);
  });
});

describe("a person's word that a letter of unknown outcome", () => {
  const note = 'looked it up at the provider';
  const acts = (id: string) =>
    run(db, sql`select operator, action, run, note from operator_actions where message_id = ${id}`);
  async function doubtful(): Promise<Subject> {
    const message = await inState('enqueued');
    await die(message, 'outcome_unknown');
    return message;
  }
  const both = [
    { name: 'was sent', action: 'confirm_sent', confirm: confirmSent },
    { name: 'was not sent', action: 'confirm_not_sent', confirm: confirmNotSent },
  ];

  it('was sent finishes the message, and is recorded, once', async () => {
    const { id } = await doubtful();
    const results = await Promise.all(
      Array.from({ length: 10 }, () => confirmSent(db, { id, operator: 'eve', note })),
    );
    expect(results.filter((result) => result === 'done')).toHaveLength(1);
    expect(new Set(results)).toEqual(new Set(['done', 'finished']));
    const row = await outboxRow(db, id);
    expect(row).toMatchObject({ run: 1, dead_at: null, dead_reason: null });
    expect(row.sent_at).not.toBeNull();
    expect(await acts(id)).toEqual([{ operator: 'eve', action: 'confirm_sent', run: 1, note }]);
  });

  it('was not sent puts it back as its next run, with a new letter under a new key, once', async () => {
    const message = await doubtful();
    const { id } = message;
    const results = await Promise.all(
      Array.from({ length: 10 }, () => confirmNotSent(db, { id, operator: 'eve', note })),
    );
    expect(results.filter((result) => result === 'done')).toHaveLength(1);
    expect(await outboxRow(db, id)).toMatchObject({ run: 2, dead_at: null, enqueued_at: null });
    expect(await acts(id)).toEqual([{ operator: 'eve', action: 'confirm_not_sent', run: 1, note }]);
    const call = await opened({ id, run: 2 }, 'a new letter');
    expect(call).toMatchObject({ body: 'a new letter', attempt: 1, unknownBefore: null });
    expect(call.letterId).not.toBe(message.call.letterId);
  });

  it('was not sent does not hide that it was, should that turn up', async () => {
    const message = await doubtful();
    await confirmNotSent(db, { id: message.id, operator: 'eve', note });
    await accept(message, 're_old');
    expect((await outboxRow(db, message.id)).sent_at).not.toBeNull();
    expect(await open({ id: message.id, run: 2 }, 'a new letter')).toBeUndefined();
  });

  describe.each(both)('$name', ({ confirm }) => {
    it.each([
      ['staged', 'not_dead'],
      ['enqueued', 'not_dead'],
      ['dead', 'outcome_known'],
      ['sent', 'finished'],
      ['discarded', 'finished'],
    ] as const)('is refused for a message that is %s, as %s, and changes nothing', async (state, answer) => {
      const { id } = await inState(state);
      const before = [await story(id), await acts(id)];
      expect(await confirm(db, { id, operator: 'eve', note })).toBe(answer);
      expect([await story(id), await acts(id)]).toEqual(before);
    });

    it('is refused for a message that nobody knows', async () => {
      expect(await confirm(db, { id: uuidv7(), operator: 'eve', note })).toBe('unknown_message');
    });
  });
});

describe('a retry of all dead letters', () => {
  it('goes page by page, leaves alone what is refused, and takes none that died later', async () => {
    await retryDead(db, 'eve', await ledgerTime(db), 100_000);
    const messages = await stage(db, 30);
    const [unknown, discarded, dead] = [messages.slice(0, 5), messages.slice(5, 8), messages.slice(8)];
    await settleAttempts(db, [
      ...unknown.map((m) => settlement(m, { dead: 'outcome_unknown' })),
      ...[...discarded, ...dead].map((m) => settlement(m, { dead: 'refused' })),
    ]);
    for (const { id } of discarded) await discardMessage(db, { id, operator: 'eve', note: 'no' });
    const before = await ledgerTime(db);
    const later = await inState('dead');

    const pages = [];
    for (let i = 0; i < 4; i += 1) pages.push(await retryDead(db, 'mallory', before, 10));
    expect(pages).toEqual([10, 10, 2, 0]);
    const runs = await Promise.all([...messages, later].map(async ({ id }) => (await outboxRow(db, id)).run));
    expect(runs).toEqual([...Array(8).fill(1), ...Array(22).fill(2), 1]);
    const [audit] = await run(
      db,
      sql`select count(*)::int as count, count(distinct message_id)::int as messages from operator_actions where operator = 'mallory' and action = 'retry'`,
    );
    expect(audit).toEqual({ count: 22, messages: 22 });
  });

  it('by several people at the same time retries each dead letter once', async () => {
    const messages = await stage(db, 50);
    await settleAttempts(
      db,
      messages.map((m) => settlement(m, { dead: 'refused' })),
    );
    const before = await ledgerTime(db);
    await Promise.all(Array.from({ length: 8 }, () => retryDead(db, 'trent', before, 20)));
    while ((await retryDead(db, 'trent', before, 20)) > 0);
    const [audit] = await run(
      db,
      sql`select count(*)::int as count, count(distinct message_id)::int as messages from operator_actions
          where operator = 'trent' and message_id = any (${array(
            messages.map(({ id }) => id),
            'uuid',
          )})`,
    );
    expect(audit).toEqual({ count: 50, messages: 50 });
    const runs = await Promise.all(messages.map(async ({ id }) => (await outboxRow(db, id)).run));
    expect(new Set(runs)).toEqual(new Set([2]));
  });
});

describe('the list of dead letters', () => {
  it('shows what is known of each, in pages and by reason', async () => {
    const messages = [await inState('enqueued'), await inState('enqueued'), await inState('enqueued')];
    for (const message of messages)
      await settleAttempts(db, [
        settlement(message, {
          call: message.call,
          dead: 'letter_missing',
          answer: 'validation_error',
          detail: 'its words',
        }),
      ]);
    const list = (after?: { at: string; id: string }) =>
      deadLetters(db, {
        filter: { ...ANY_DEAD, reason: 'letter_missing' },
        limit: 2,
        ...(after ? { after } : {}),
      });
    const first = await list();
    const second = await list(first.at(-1));
    expect([...first, ...second].map(({ id }) => id)).toEqual(messages.map(({ id }) => id));
    expect(first[0]).toMatchObject({
      reason: 'letter_missing',
      answer: 'validation_error',
      detail: 'its words',
      recipient: 'ada@example.com',
      attempts: 1,
      run: 1,
    });
    expect(await deadLetters(db, { id: messages[1]?.id ?? null, limit: 10 })).toHaveLength(1);
  });

  it('is counted by reason, and each is fresh until operations were told', async () => {
    const messages = [await inState('enqueued'), await inState('enqueued')];
    for (const message of messages) await die(message, 'customer_missing');
    const group = async () => (await deadGroups(db)).find(({ reason }) => reason === 'customer_missing');
    expect(await group()).toMatchObject({
      count: 2,
      messageIds: messages.map(({ id }) => id).reverse(),
      fresh: messages.map(({ id }) => id),
    });
    await markAlerted(
      db,
      messages.slice(0, 1).map(({ id }) => id),
      await ledgerTime(db),
    );
    expect((await group())?.fresh).toEqual(messages.slice(1).map(({ id }) => id));
  });

  it('has those that the failed set must show: not the discarded, and not those that never had a job', async () => {
    const [dead, discarded] = [await inState('dead'), await inState('discarded')];
    const jobless = await stageOne(db);
    await run(
      db,
      sql`update outbox set dead_at = now(), dead_reason = 'not_enqueueable' where id = ${jobless.id}`,
    );
    const ids = (await deadMessages(db, 10_000)).map(({ id }) => id);
    expect([dead, discarded, jobless].map(({ id }) => ids.includes(id))).toEqual([true, false, false]);
  });
});

it('the backlog counts what is unfinished, and its age', async () => {
  const before = await backlog(db);
  const messages = await Promise.all(STATES.map((state) => inState(state)));
  await run(
    db,
    sql`update outbox set created_at = now() - interval '2 days' where id = ${messages[1]?.id ?? ''}`,
  );
  const after = await backlog(db);
  expect(after).toMatchObject({
    staged: before.staged + 1,
    enqueued: before.enqueued + 1,
    dead: before.dead + 1,
  });
  expect(after.oldestSeconds).toBeGreaterThan(2 * 86_400 - 1);
});

// ── Together ──

describe('statements over the same messages in opposed orders', () => {
  it('never deadlock', async () => {
    const messages = await stage(db, 30);
    const subjects = await Promise.all(messages.map(async (m) => ({ ...m, call: await opened(m) })));
    const moves = [
      (some: readonly Subject[]) => startMessages(db, some),
      (some: readonly Subject[]) =>
        openCalls(
          db,
          some.map((m) => ({ ...m, account: ACCOUNT, letter: letter() })),
        ),
      (some: readonly Subject[]) =>
        settleAttempts(
          db,
          some.map((m) => settlement(m, { call: m.call })),
        ),
      (some: readonly Subject[]) => markEnqueued(db, LEADER, some),
      (some: readonly Subject[]) => recordFailedJobs(db, some.slice(0, 2)),
      async (some: readonly Subject[]) =>
        markAlerted(
          db,
          some.map(({ id }) => id),
          await ledgerTime(db),
        ),
      async () => retryDead(db, 'eve', await ledgerTime(db), 30),
      async () => restageAll(db, LEADER, await ledgerTime(db), 30),
      (some: readonly Subject[]) =>
        markSent(
          db,
          some.slice(0, 1).map((m) => ({ messageId: m.id, letterId: m.call.letterId, providerId: 're_1' })),
        ),
    ];
    const statements = Array.from({ length: 400 }, (_, i) => {
      const some = shuffled(subjects).slice(0, 20);
      return moves[i % moves.length]?.(some);
    });
    await expect(Promise.all(statements)).resolves.toHaveLength(400);
  });
});

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

// ── Purging ──

it('an earlier call that comes late does not overwrite what the latest one was told', async () => {
  const message = await stageOne(db);
  const earlier = await opened(message);
  const latest = await opened(message);
  const dead = { answer: 'validation_error', detail: 'no such mailbox', dead: 'outcome_unknown' } as const;
  await settleAttempts(db, [settlement(message, { call: latest, ...dead })]);
  await settleAttempts(db, [settlement(message, { call: earlier, answer: 'no_answer' })]);
  expect(await letterRows(db, message.id)).toMatchObject([
    { answer: 'validation_error', answer_detail: 'no such mailbox' },
  ]);
});

describe('purging', () => {
  const left = async (ids: readonly string[]) =>
    (
      await run<{ id: string }>(db, sql`select id from outbox where id = any (${array([...ids], 'uuid')})`)
    ).map(({ id }) => id);

  it('takes messages and letters that are finished and old, and nothing that is only one of both', async () => {
    const old = await Promise.all(STATES.map((state) => inState(state, 91)));
    const young = await Promise.all((['sent', 'discarded'] as const).map((state) => inState(state, 89)));
    expect(await purgeFinished(db, 90, 100)).toBe(2);
    const kept = [...old.slice(0, 3), ...young].map(({ id }) => id);
    expect((await left([...old, ...young].map(({ id }) => id))).sort()).toEqual(kept.sort());
    for (const id of kept) expect(await letterRows(db, id)).toMatchObject([{ body: 'the letter' }]);
    for (const { id } of old.slice(3)) expect(await letterRows(db, id)).toEqual([]);
  });

  it('goes in pages', async () => {
    await Promise.all(Array.from({ length: 5 }, () => inState('sent', 91)));
    const pages = [];
    for (let i = 0; i < 4; i += 1) pages.push(await purgeFinished(db, 90, 2));
    expect(pages).toEqual([2, 2, 1, 0]);
  });

  it('counts from the finish: what a person retried after a hundred days keeps its story', async () => {
    const message = await inState('sent', 100);
    await finishedDaysAgo(db, message.id, -99);
    await purgeFinished(db, 90, 100);
    expect(await left([message.id])).toEqual([message.id]);
  });

  it('takes personal data first: also of a message that somebody is holding', async () => {
    const message = await inState('sent', 91);
    const holder = somebody(ledger.url);
    await holder`begin`;
    await holder`select 1 from outbox where id = ${message.id} for update`;
    expect(await purgeFinished(db, 90, 100)).toBe(0);
    expect(await letterRows(db, message.id)).toMatchObject([
      { recipient: null, body: null, answer_detail: null, provider_id: 're_1' },
    ]);
    await holder`commit`;
    expect(await purgeFinished(db, 90, 100)).toBe(1);
    expect(await left([message.id])).toEqual([]);
  });

  it('takes idempotency keys after a week', async () => {
    await run(
      db,
      sql`insert into idempotency_keys (client, route, key_hash, fingerprint, status, body, created_at)
          select 'shop', 'POST /orders', int4send(days), '', 201, '', now() - make_interval(days => days) from unnest(array[6, 8, 9, 10]) as days`,
    );
    expect([await purgeIdempotencyKeys(db, 2), await purgeIdempotencyKeys(db, 2)]).toEqual([2, 1]);
    expect(await run(db, sql`select 1 from idempotency_keys`)).toHaveLength(1);
  });
});

// ── Costs ──

const REFUSED = { ...ANY_DEAD, reason: 'refused' };

describe('among twenty thousand finished messages', () => {
  const INDEXES = {
    staged: 'outbox_staged',
    enqueued: 'outbox_enqueued',
    dead: 'outbox_dead',
    reasons: 'outbox_dead_by_reason',
    key: 'outbox_pkey',
  } as const;
  let full: Ledger;
  let one: OpenDatabase;

  beforeAll(async () => {
    full = await createLedger();
    // One connection: what it counts is what our own prepared statements did.
    one = openDatabase(full.url, 'test', 1);
    await stage(one.db, 20_000);
    await run(one.db, sql`update outbox set enqueued_at = now(), sent_at = now()`);
    await stage(one.db, 30);
    await takeLease(one.db, 'relay', LEADER);
    await run(one.db, sql`update leases set until = now() + interval '1 day'`);
    await run(one.db, sql`vacuum analyze outbox`);
  });
  afterAll(async () => {
    await one.close();
    await full.close();
  });

  async function scans(): Promise<Record<string, number>> {
    await run(one.db, sql`select pg_stat_force_next_flush()`);
    const rows = await run<{ name: string; scans: number }>(
      one.db,
      sql`select 'rows read in sequence' as name, seq_tup_read::int as scans from pg_stat_user_tables where relname = 'outbox'
          union all select indexrelname, idx_scan::int from pg_stat_user_indexes where relname = 'outbox'`,
    );
    return Object.fromEntries(rows.map((row) => [row.name, row.scans]));
  }

  const someone = { id: uuidv7(), run: 1 };
  it.each<[string, keyof typeof INDEXES, () => Promise<unknown>]>([
    ['reading what is staged', 'staged', () => stagedMessages(one.db, LEADER, 500, ['1', '2'])],
    ['reading what is overdue', 'enqueued', () => overdueMessages(one.db, 1_000, 500)],
    ['reading what is dead', 'dead', () => deadMessages(one.db, 500)],
    ['restaging everything', 'enqueued', () => restageAll(one.db, LEADER, 'now', 500)],
    ['marking as enqueued', 'key', () => markEnqueued(one.db, LEADER, [someone])],
    ['restaging one', 'key', () => restage(one.db, LEADER, [{ ...someone, at: 'now' }])],
    ['a start', 'key', () => startMessages(one.db, [someone])],
    ['purging', 'key', () => purgeFinished(one.db, 90, 500)],
    ['retrying all', 'dead', () => retryDead(one.db, 'eve', 'now', 500)],
    ['listing the dead', 'dead', () => deadLetters(one.db, { limit: 50 })],
    ['counting the dead', 'reasons', () => deadGroups(one.db)],
    ['counting them for the desk', 'reasons', () => deadCounts(one.db)],
    ['listing those of a reason', 'reasons', () => deadLetters(one.db, { filter: REFUSED, limit: 50 })],
    ['counting those of a reason', 'reasons', () => deadCounts(one.db, REFUSED)],
    [
      'a step of a redrive',
      'dead',
      async () => {
        await run(
          one.db,
          sql`insert into redrives (id, operator, until, matched, canary, per_second) values (${uuidv7()}, 'eve', now(), 1, 1, 1)`,
        );
        return stepRedrive(one.db);
      },
    ],
    ['counting the backlog', 'staged', () => backlog(one.db)],
  ])('%s reads no table in sequence and uses its index', async (_title, index, ask) => {
    // After five uses a prepared statement may get a plan that no longer knows its parameters.
    const before = await scans();
    for (let i = 0; i < 12; i += 1) await ask();
    const after = await scans();
    expect(after['rows read in sequence']).toBe(before['rows read in sequence']);
    // While few are dead either of their indexes will do.
    const uses = (scanned: Record<string, number>) =>
      [INDEXES[index], ...(index === 'dead' ? [INDEXES.reasons] : [])].reduce(
        (sum, name) => sum + (scanned[name] ?? 0),
        0,
      );
    expect(uses(after)).toBeGreaterThanOrEqual(uses(before) + 12);
  });
});
