/**
 * The table of `src/life.ts` and the SQL that follows it say the same: of every state, of every move, and of whatever a
 * move expects besides.
 */
import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../src/database.ts';
import { commonMarks, inState, MOVES, type MoveName, STATES, type State } from '../src/life.ts';
import {
  chargeEnqueue,
  confirmNotSent,
  confirmSent,
  correctRecipient,
  discardMessage,
  ledgerTime,
  markEnqueued,
  markSent,
  openCalls,
  recordFailedJobs,
  restage,
  restageAll,
  retryMessage,
  type Settlement,
  settleAttempts,
  startMessages,
  takeLease,
} from '../src/outbox.ts';
import type { DeadReason } from '../src/schema.ts';
import { createLedger, type Ledger } from './support/ledger.ts';
import { letterRows, outboxRow, stageOne } from './support/rows.ts';

const LEADER = uuidv7();
const OTHER = uuidv7();

let ledger: Ledger;
let db: Ledger['db'];

beforeAll(async () => {
  ledger = await createLedger();
  db = ledger.db;
  await takeLease(db, 'relay', LEADER);
  await run(db, sql`update leases set until = now() + interval '1 day'`);
});
afterAll(() => ledger.close());

const ALL_STATES = Object.keys(STATES) as State[]; // its own keys
const NAMES = Object.keys(MOVES) as MoveName[]; // its own keys

// ── States ──

const MARKS = ['enqueued_at', 'sent_at', 'dead_at', 'discarded_at'] as const;
type Marks = Readonly<Record<(typeof MARKS)[number], boolean>>;

const EVERY_COMBINATION: Marks[] = Array.from({ length: 2 ** MARKS.length }, (_, bits) => ({
  enqueued_at: (bits & 1) > 0,
  sent_at: (bits & 2) > 0,
  dead_at: (bits & 4) > 0,
  discarded_at: (bits & 8) > 0,
}));

/** What docs/architecture.md says of a row, told apart without the table. */
function stateOf({ enqueued_at, sent_at, dead_at, discarded_at }: Marks): State {
  if (discarded_at) return 'discarded';
  if (dead_at) return 'dead';
  if (sent_at) return 'sent';
  return enqueued_at ? 'enqueued' : 'staged';
}

/** Rows with every combination of timestamps that the ledger lets stand. */
async function rowsThatMayBe(): Promise<{ id: string; marks: Marks }[]> {
  const rows = [];
  for (const marks of EVERY_COMBINATION) {
    const { id } = await stageOne(db);
    if (await mayBe(id, marks)) rows.push({ id, marks });
  }
  return rows;
}

async function mayBe(id: string, { enqueued_at, sent_at, dead_at, discarded_at }: Marks): Promise<boolean> {
  const when = (set: boolean) => (set ? sql`now()` : sql`null`);
  try {
    await run(
      db,
      sql`update outbox set enqueued_at = ${when(enqueued_at)}, sent_at = ${when(sent_at)}, dead_at = ${when(dead_at)},
            discarded_at = ${when(discarded_at)}, dead_reason = ${dead_at ? 'refused' : null}::text where id = ${id}`,
    );
    return true;
  } catch (error) {
    expect((error as Error).cause ?? error).toMatchObject({ code: '23514' }); // a CHECK
    return false;
  }
}

describe('the states', () => {
  const sets = new Map<string, readonly State[]>([
    ...ALL_STATES.map((state) => [state, [state]] as const),
    ...NAMES.map((name) => [`from where ${name} starts`, MOVES[name].from] as const),
  ]);
  let rows: Awaited<ReturnType<typeof rowsThatMayBe>>;
  beforeAll(async () => {
    rows = await rowsThatMayBe();
  });

  it('are all there are: each row that the ledger lets stand is in one of them', () => {
    expect(rows.map(({ marks }) => stateOf(marks)).toSorted()).toEqual(
      ['dead', 'dead', 'discarded', 'discarded', 'enqueued', 'sent', 'staged'], // dead with and without a job
    );
  });

  it.each([...sets])('%s: their common marks stand for them and for no other', (_name, states) => {
    const common = commonMarks(states);
    for (const { marks } of rows) {
      const satisfies = common.every(([mark, set]) => marks[mark] === set);
      expect(satisfies, JSON.stringify(marks)).toBe(states.includes(stateOf(marks)));
    }
  });

  it.each([...sets])('%s: the ledger finds the rows that are in them', async (_name, states) => {
    for (const { id, marks } of rows)
      expect(await isIn(id, states), JSON.stringify(marks)).toBe(states.includes(stateOf(marks)));
  });
});

async function isIn(id: string, states: readonly State[]): Promise<boolean> {
  const [row] = await run<{ found: boolean }>(
    db,
    sql`select ${inState(states, 'o')} as found from outbox o where id = ${id}`,
  );
  if (!row) throw new Error('no such message');
  return row.found;
}

// ── Moves ──

/** What a mover knows of its message. */
interface Seen {
  readonly id: string;
  readonly run: number;
  readonly lease: string;
  /** `enqueued_at` as it was read; for `restageAll` the moment before which it must lie. */
  readonly enqueued_at: string;
  readonly letter: string;
}
type Expectation = (typeof MOVES)[MoveName]['expects'][number];

const settlement = ({ id, run }: Seen, dead: DeadReason | null): Settlement => ({
  ...{ id, run, call: null, answer: 'no_answer', detail: null, notAccepted: false, dead, circling: 'again' },
});

const BY = { operator: 'eve', note: 'so it is' };

/** Every move, in each way that leads somewhere else. */
const ACTS: Readonly<Record<MoveName, readonly ((seen: Seen) => Promise<unknown>)[]>> = {
  enqueue: [(seen) => markEnqueued(db, seen.lease, [seen])],
  chargeEnqueue: [
    (seen) => chargeEnqueue(db, seen.lease, [seen]),
    async (seen) => {
      for (let tries = 1; tries <= 5; tries += 1) await chargeEnqueue(db, seen.lease, [seen]);
    },
  ],
  restage: [(seen) => restage(db, seen.lease, [{ ...seen, at: seen.enqueued_at }])],
  restageAll: [(seen) => restageAll(db, seen.lease, seen.enqueued_at, 10_000)],
  start: [(seen) => startMessages(db, [seen])],
  open: [(seen) => openCalls(db, [{ id: seen.id, run: seen.run, account: 'shop', letter: null }])],
  settle: [
    (seen) => settleAttempts(db, [settlement(seen, null)]),
    (seen) => settleAttempts(db, [settlement(seen, 'refused')]),
  ],
  accept: [({ id, letter }) => markSent(db, [{ messageId: id, letterId: letter, providerId: 're_2' }])],
  recordFailure: [(seen) => recordFailedJobs(db, [seen])],
  retry: [({ id, run }) => retryMessage(db, { id, run, operator: 'eve' })],
  discard: [({ id }) => discardMessage(db, { id, ...BY })],
  confirmSent: [({ id }) => confirmSent(db, { id, ...BY })],
  correct: [({ id }) => correctRecipient(db, { id, email: 'right@example.com', ...BY })],
  confirmNotSent: [({ id }) => confirmNotSent(db, { id, ...BY })],
};

const EPOCH = '1970-01-01T00:00:00Z';

/** Something else than the mover has seen. */
const OTHERWISE: Readonly<Record<Expectation, (seen: Seen) => Seen[]>> = {
  run: (seen) => [seen.run - 1, seen.run + 1].map((run) => ({ ...seen, run })),
  lease: (seen) => [{ ...seen, lease: OTHER }],
  enqueued_at: (seen) => [{ ...seen, enqueued_at: EPOCH }],
  letter: (seen) => [{ ...seen, letter: uuidv7() }],
};

/** A message in that state, with a letter and in its second run, and what a mover would have seen of it. */
async function seenIn(state: State, name: MoveName): Promise<Seen> {
  const { id } = await stageOne(db);
  await run(db, sql`update outbox set run = 2 where id = ${id}`);
  const letter = { id: uuidv7(), recipient: 'ada@example.com', body: 'the letter' };
  await openCalls(db, [{ id, run: 2, account: 'shop', letter }]);
  // A correction is for letters that were refused for certain.
  if (name === 'correct')
    await run(db, sql`update notifications set first_unknown_at = null where id = ${letter.id}`);
  const seen = { id, run: 2, lease: LEADER, enqueued_at: EPOCH, letter: letter.id };
  await bring(seen, state, name);
  const { enqueued_at } = await outboxRow(db, id);
  return {
    ...seen,
    enqueued_at: name === 'restageAll' ? await ledgerTime(db) : (enqueued_at ?? EPOCH),
  };
}

/** A person's word is taken only of letters whose outcome is unknown. */
const reasonFor = (name: MoveName): DeadReason =>
  name.startsWith('confirm') ? 'outcome_unknown' : 'refused';

async function bring(seen: Seen, state: State, name: MoveName): Promise<void> {
  if (state === 'staged') return;
  await markEnqueued(db, LEADER, [seen]);
  if (state === 'sent')
    await markSent(db, [{ messageId: seen.id, letterId: seen.letter, providerId: 're_1' }]);
  if (state === 'dead' || state === 'discarded')
    await settleAttempts(db, [settlement(seen, reasonFor(name))]);
  if (state === 'discarded') await discardMessage(db, { id: seen.id, ...BY });
}

/** All that the ledger knows of a message, as one value. */
const story = async (id: string) => [await outboxRow(db, id), await letterRows(db, id)];

async function nowIn(id: string): Promise<State> {
  const row = await outboxRow(db, id);
  return stateOf({
    enqueued_at: row.enqueued_at !== null,
    sent_at: row.sent_at !== null,
    dead_at: row.dead_at !== null,
    discarded_at: row.discarded_at !== null,
  });
}

describe.each(NAMES)('%s', (name) => {
  const { to } = MOVES[name];
  const from: readonly State[] = MOVES[name].from;
  const expects: readonly Expectation[] = MOVES[name].expects;

  it.each(from)('moves a message that is %s, and nowhere but where the table says', async (state) => {
    for (const act of ACTS[name]) {
      const seen = await seenIn(state, name);
      const before = await story(seen.id);
      await act(seen);
      expect(await story(seen.id)).not.toEqual(before);
      expect(to).toContain(await nowIn(seen.id));
    }
  });

  it.each(ALL_STATES.filter((state) => !from.includes(state)))(
    'changes nothing of a message that is %s',
    async (state) => {
      for (const act of ACTS[name]) await changesNothing(state, name, act, (seen) => [seen]);
    },
  );

  it('leads to each state that the table names', async () => {
    const reached = new Set<State>();
    for (const state of from)
      for (const act of ACTS[name]) {
        const seen = await seenIn(state, name);
        await act(seen);
        reached.add(await nowIn(seen.id));
      }
    expect([...reached].toSorted()).toEqual([...to].toSorted());
  });

  for (const expectation of expects)
    it.each(from)(
      `changes nothing when ${expectation} is another, of a message that is %s`,
      async (state) => {
        for (const act of ACTS[name]) await changesNothing(state, name, act, OTHERWISE[expectation]);
      },
    );
});

async function changesNothing(
  state: State,
  name: MoveName,
  act: (seen: Seen) => Promise<unknown>,
  otherwise: (seen: Seen) => Seen[],
): Promise<void> {
  const seen = await seenIn(state, name);
  const before = await story(seen.id);
  for (const other of otherwise(seen)) await act(other);
  expect(await story(seen.id)).toEqual(before);
}
