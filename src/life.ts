/**
 * The life of a message as data: its states, and the moves between them. `src/outbox.ts` takes its guards from here, and
 * `test/model.test.ts` walks through everything that these moves allow.
 */
import { type SQL, sql } from 'drizzle-orm';

/** The timestamps that make a state. */
const MARKS = ['enqueued_at', 'sent_at', 'dead_at', 'discarded_at'] as const;
type Mark = (typeof MARKS)[number];

/** Which timestamps are set in each state; what is not named may be either. */
export const STATES = {
  staged: { enqueued_at: false, sent_at: false, dead_at: false, discarded_at: false },
  enqueued: { enqueued_at: true, sent_at: false, dead_at: false, discarded_at: false },
  sent: { enqueued_at: true, sent_at: true, dead_at: false, discarded_at: false },
  dead: { sent_at: false, dead_at: true, discarded_at: false },
  discarded: { sent_at: false, dead_at: true, discarded_at: true },
} as const satisfies Record<string, Partial<Record<Mark, boolean>>>;
export type State = keyof typeof STATES;

interface Move {
  readonly from: readonly State[];
  /** Where it may lead; more than one where it depends. */
  readonly to: readonly State[];
  /** What must still be as the mover saw it, besides the state. */
  readonly expects: readonly ('run' | 'lease' | 'enqueued_at' | 'letter')[];
}

/** Every move there is. A move whose message is in another state, or not as expected, changes nothing. */
export const MOVES = {
  // the relay's
  enqueue: { from: ['staged'], to: ['enqueued'], expects: ['run', 'lease'] },
  chargeEnqueue: { from: ['staged'], to: ['staged', 'dead'], expects: ['run', 'lease'] },
  restage: { from: ['enqueued'], to: ['staged'], expects: ['run', 'lease', 'enqueued_at'] },
  restageAll: { from: ['enqueued'], to: ['staged'], expects: ['lease', 'enqueued_at'] },
  // the notifier's; its job may run before the relay could mark it as enqueued
  start: { from: ['staged', 'enqueued'], to: ['staged', 'enqueued'], expects: ['run'] },
  open: { from: ['staged', 'enqueued'], to: ['staged', 'enqueued'], expects: ['run'] },
  settle: { from: ['staged', 'enqueued'], to: ['staged', 'enqueued', 'dead'], expects: ['run'] },
  // an acceptance is a fact, whoever reports it and whatever the message has become
  accept: { from: ['staged', 'enqueued', 'dead', 'discarded'], to: ['sent'], expects: ['letter'] },
  // the monitor's
  recordFailure: { from: ['enqueued'], to: ['dead'], expects: ['run'] },
  // a person's
  retry: { from: ['dead'], to: ['staged'], expects: ['run'] },
  correct: { from: ['dead'], to: ['staged'], expects: [] },
  discard: { from: ['dead'], to: ['discarded'], expects: [] },
  confirmSent: { from: ['dead'], to: ['sent'], expects: [] },
  confirmNotSent: { from: ['dead'], to: ['staged'], expects: [] },
} as const satisfies Record<string, Move>;
export type MoveName = keyof typeof MOVES;

/** `from` as a condition on the row of that alias: what all of its states have in common. */
export function may(move: MoveName, alias: string): SQL {
  return inState(MOVES[move].from, alias);
}

/** Whether a row is in one of these states. */
export function inState(states: readonly State[], alias: string): SQL {
  const conditions = commonMarks(states).map(
    ([mark, set]) => `${alias}.${mark} is ${set ? 'not null' : 'null'}`,
  );
  return sql.raw(`(${conditions.join(' and ')})`);
}

/**
 * The timestamps on which all of these states agree. It stands for exactly these states (a test says so of every move), and
 * without alternatives, so that the planner sees the partial indexes in it.
 */
export function commonMarks(states: readonly State[]): [Mark, boolean][] {
  return MARKS.flatMap((mark) => {
    const values = new Set(states.map((state) => (STATES[state] as Partial<Record<Mark, boolean>>)[mark]));
    const [value] = values;
    return values.size === 1 && value !== undefined ? [[mark, value] as [Mark, boolean]] : [];
  });
}
