/**
 * What the model takes for granted of the code: the table of moves, and the few decisions that lie outside of it. Each
 * mutation breaks one of them, as a mistake in the code would, and names what must then break.
 */
import { MOVES, type MoveName, type State } from '../../src/life.ts';
import type { Invariant } from './invariants.ts';
import type { Bounds, Message } from './world.ts';

type Expectation = 'run' | 'lease' | 'enqueued_at' | 'letter';
interface Move {
  readonly from: readonly State[];
  readonly to: readonly State[];
  readonly expects: readonly Expectation[];
}

export interface Rules {
  readonly moves: Readonly<Record<MoveName, Move>>;
  /** Where the moves that were made are written down, for whoever asks. */
  readonly made?: Set<MoveName>;
  /** `REPEATABLE_FOR_SECONDS` of the notifier, in hours. */
  readonly repeatableForHours: number;
  /** An order's message is staged by a statement of its own, after the client has its answer. */
  readonly stageAfterAnswer: boolean;
  readonly markBeforeEnqueue: boolean;
  /** The next read begins behind the highest number that was read. */
  readonly relayByCursor: boolean;
  readonly newKeyPerAttempt: boolean;
  /** A refusal counts whatever an earlier call may have come to. */
  readonly refusalAlwaysDefinite: boolean;
  /** A refusal counts as definite only if no later call of the letter is under way when it is written down. */
  readonly refusalOfLatestOnly: boolean;
  /** Failed jobs leave Redis at once. */
  readonly failedJobsRemoved: boolean;
  /** A job completes without its value when the acceptance could not be marked. */
  readonly unmarkedForgotten: boolean;
  /** Only an envelope's latest call says what became of it. */
  readonly latestCallSettles: boolean;
  /** An envelope whose outcome is unknown dissolves. */
  readonly envelopeFallsApart: boolean;
  /** A person says "not sent" of a letter while a call with it is under way. */
  readonly confirmedDuringCall: boolean;
  /** An address is corrected although a letter to the one before may have been accepted. */
  readonly correctedThoughUnknown: boolean;
}

/** The code as it is. */
export const CODE: Rules = {
  moves: MOVES,
  repeatableForHours: 23,
  stageAfterAnswer: false,
  markBeforeEnqueue: false,
  relayByCursor: false,
  newKeyPerAttempt: false,
  refusalAlwaysDefinite: false,
  refusalOfLatestOnly: true,
  failedJobsRemoved: false,
  unmarkedForgotten: false,
  latestCallSettles: true,
  envelopeFallsApart: false,
  confirmedDuringCall: false,
  correctedThoughUnknown: false,
};

/** Moves a message, if the table lets it from where it is and all that the move expects was seen. */
export function moves(
  rules: Rules,
  name: MoveName,
  message: Message,
  to: State,
  seen: Partial<Record<Expectation, boolean>>,
): boolean {
  const move = rules.moves[name];
  if (!message.state || !move.from.includes(message.state)) return false;
  if (move.expects.some((expectation) => !seen[expectation])) return false;
  if (!move.to.includes(to)) throw new Error(`the model moves by ${name} to ${to}, the table does not`);
  message.state = to;
  rules.made?.add(name);
  return true;
}

/** A mistake that the model must see. */
export interface Mutation {
  readonly rules: Rules;
  readonly breaks: Invariant;
  /** The smallest world in which it shows. */
  readonly messages: 1 | 2;
  readonly bounds: Partial<Bounds>;
}

const without = (name: MoveName, expectation: Expectation): Rules => ({
  ...CODE,
  moves: {
    ...MOVES,
    [name]: {
      ...MOVES[name],
      expects: (MOVES[name].expects as readonly Expectation[]).filter((e) => e !== expectation),
    },
  },
});

export const MUTATIONS = {
  stageAfterAnswer: {
    rules: { ...CODE, stageAfterAnswer: true },
    breaks: 'an acknowledged order has its message',
    messages: 1,
    bounds: { crash: 1 },
  },
  markBeforeEnqueue: {
    rules: { ...CODE, markBeforeEnqueue: true },
    breaks: 'what is marked as enqueued was given to Redis',
    messages: 1,
    bounds: { crash: 1 },
  },
  relayByCursor: {
    rules: { ...CODE, relayByCursor: true },
    breaks: 'every message can still reach its end',
    messages: 2,
    bounds: {},
  },
  newKeyPerAttempt: {
    rules: { ...CODE, newKeyPerAttempt: true },
    breaks: 'calls are made under one key until a person has it written anew',
    messages: 1,
    bounds: { silence: 1 },
  },
  noGuardAt23h: {
    rules: { ...CODE, repeatableForHours: Number.POSITIVE_INFINITY },
    breaks: 'one letter at most is sent',
    messages: 1,
    bounds: { silence: 1, hours: 2 },
  },
  guardWithoutItsHour: {
    rules: { ...CODE, repeatableForHours: 24 },
    breaks: 'one letter at most is sent',
    messages: 1,
    bounds: { silence: 1, hours: 2 },
  },
  deadWithoutRun: {
    rules: without('settle', 'run'),
    breaks: 'a run dies of its own job',
    messages: 1,
    bounds: { stall: 1, refusal: 2, person: 1 },
  },
  refusalAfterTimeoutIsDefinite: {
    rules: { ...CODE, refusalAlwaysDefinite: true },
    breaks: 'what is dead as refused was not sent',
    messages: 1,
    bounds: { silence: 1, refusal: 1 },
  },
  // The model has found this one in the code.
  refusalOfAnyCallIsDefinite: {
    rules: { ...CODE, refusalOfLatestOnly: false },
    breaks: 'what is dead as refused was not sent',
    messages: 1,
    bounds: { stall: 1, silence: 1, refusal: 1 },
  },
  failedJobsRemoved: {
    rules: { ...CODE, failedJobsRemoved: true },
    breaks: 'every message can still reach its end',
    messages: 1,
    bounds: { refusal: 1 },
  },
  acceptanceWithoutMarkForgotten: {
    rules: { ...CODE, unmarkedForgotten: true },
    breaks: 'a job that completes says why',
    messages: 1,
    bounds: { unmarked: 1 },
  },
  envelopeFallsApart: {
    rules: { ...CODE, envelopeFallsApart: true },
    breaks: 'one letter at most is sent',
    messages: 2,
    bounds: { envelopes: 1, silence: 1 },
  },
  anyCallSettlesAnEnvelope: {
    rules: { ...CODE, latestCallSettles: false },
    breaks: 'one letter at most is sent',
    messages: 2,
    bounds: { envelopes: 1, stall: 1, refusal: 1 },
  },
  confirmedDuringCall: {
    rules: { ...CODE, confirmedDuringCall: true },
    breaks: 'one letter at most is sent',
    messages: 1,
    bounds: { stall: 1, refusal: 1, person: 1 },
  },
  correctedThoughUnknown: {
    rules: { ...CODE, correctedThoughUnknown: true },
    breaks: 'one letter at most is sent',
    messages: 1,
    bounds: { silence: 2, person: 1 },
  },
} as const satisfies Record<string, Mutation>;
