/**
 * What the provider's answers come to: the one place where an answer to a request, of one letter or of several, becomes a job's end,
 * a spent attempt, a hold or a dead letter.
 */
import { setMaxListeners } from 'node:events';
import { Counter } from 'prom-client';
import { coalesce, type Database, isUnavailable } from './database.ts';
import type { Gate } from './gate.ts';
import { type HoldReason, openHold } from './holds.ts';
import { type Log, type Process, plain, rest } from './lifecycle.ts';
import type { Answer } from './mailer.ts';
import { type Acceptance, markSent, othersFare, type Settlement } from './outbox.ts';
import type { JobEnd, TakenJob } from './queue.ts';
import type { DeadReason } from './schema.ts';

export const ASK_AGAIN_MS = 3_000;
/** So many unknown answers in a row, over at least two messages, are the provider's fault and not the letters'. */
const STREAK = 10;
/** A message may go round for so long, and at least so often, before that spends an attempt. */
const CIRCLING_SECONDS = 15 * 60;
const CIRCLING_CALLS = 5;
const MARK_TRIES = 20;

/** A job in hand, and what is known of it besides. */
export interface Try {
  readonly job: TakenJob;
  /** In whose name it holds the lease of the one message that may be sent during a hold; null of all others. */
  readonly prober: string | null;
  /** Whether its start was counted as one in which nothing else ran. */
  counted?: true;
  /** What the provider answered, as soon as it has. */
  answered?: Answer['kind'];
  /** Whether that has made the hold grow. */
  held?: true;
}

/** A request whose outcome is to be judged: one letter's own, or an envelope's. */
export interface Request {
  /** Whose request it is, among those that fail in a row. */
  readonly key: string;
  /** One of its letters. */
  readonly letterId: string;
  readonly unknownBefore: string | null;
  /** Whether its failure now would be its last. */
  readonly lastAttempt: boolean;
  /** How many letters it carries. */
  readonly letters: number;
  /** How its messages have gone round without spending attempts, the least of them. */
  readonly message: { readonly unspent: number; readonly unspentForSeconds: number };
  /** Spends no attempt. */
  spare(said: Told, circling: 'again' | undefined, ms: number): Promise<JobEnd>;
  /** The same, where one of its letters may be what the provider refuses. */
  split(said: Said, circling: 'again' | undefined): Promise<JobEnd>;
  /** Spends one, the last where it is dead now. */
  spend(said: Said, dead: DeadReason | null): Promise<JobEnd>;
  /** Refused for certain, and never accepted. */
  refuse(said: Said): Promise<JobEnd>;
}

/** What is to be written down of a call, made or not. */
export type Told = Pick<Settlement, 'answer' | 'detail' | 'notAccepted'>;
/** What is to be written down of an answer. */
export type Said = Told & { readonly answer: string };

export interface Outcomes {
  /** Marks a letter as sent, and completes its job. */
  accepted(acceptance: Acceptance): Promise<JobEnd>;
  /** Notes an acceptance of a request of that key. */
  noteAccepted(one: Try, key: string): void;
  /** What follows from an answer that is no acceptance. */
  conclude(one: Try, request: Request, answer: Exclude<Answer, { kind: 'accepted' }>): Promise<JobEnd>;
  /** Forgets which answers were unknown: somebody's letter was accepted. */
  forgetStreak(): void;
  /** Answers whether a hold has been opened since then, or was being opened: what was read of holds meanwhile may be out of date. */
  watchHolds(): () => boolean;
}

export interface OutcomesParts {
  readonly db: Database;
  readonly gate: Gate;
  readonly log: Log;
  readonly ending: AbortSignal;
  readonly metrics: Process['metrics'];
}

export function openOutcomes({ db, gate, log, ending, metrics }: OutcomesParts): Outcomes {
  setMaxListeners(0, ending); // each letter that cannot be marked yet rests until then
  const streak = createStreak();
  /** Holds that this process has begun to open, and those that it is opening. */
  let opened = 0;
  let opening = 0;
  const mark = coalesce((acceptances: readonly Acceptance[]) => markSent(db, acceptances));
  const answers = new Counter({
    name: 'notification_answers_total',
    help: "The provider's answers, by what they mean",
    labelNames: ['kind'],
    registers: [metrics],
  });

  /** Answers whether so many in a row were unknown that the provider is at fault. */
  function noteAnswer(one: Try, key: string, kind: Answer['kind']): boolean {
    one.answered = kind;
    answers.inc({ kind });
    return streak.note(key, kind);
  }

  /** The one place where an answer that is no acceptance becomes a job's end. */
  async function conclude(
    one: Try,
    request: Request,
    answer: Exclude<Answer, { kind: 'accepted' }>,
  ): Promise<JobEnd> {
    const isOutage = noteAnswer(one, request.key, answer.kind);
    log.info({ request: request.key, answer: answer.kind, code: answer.code }, 'not accepted');
    const said = { answer: answer.code, detail: answer.detail };
    const doubtful = { ...said, notAccepted: false };
    switch (answer.kind) {
      case 'unknown':
        if (isOutage || (await isShared(one, request)))
          return unspent(one, request, doubtful, { reason: 'provider_unreachable', seconds: null });
        if (!one.prober && gate.closedBy('hold')) return unspent(one, request, doubtful, null); // since another's answer
        return request.spend(doubtful, request.lastAttempt ? 'attempts_exhausted' : null);
      case 'in_flight':
        return unspent(one, request, doubtful, null);
      case 'held':
        return unspent(one, request, { ...said, notAccepted: true }, answer);
      case 'refused':
        // A refusal now says nothing of an earlier call whose outcome nobody knows.
        return request.unknownBefore === null
          ? request.refuse({ ...said, notAccepted: true })
          : request.spend(doubtful, 'outcome_unknown');
      case 'contradicted':
        return request.spend(doubtful, 'outcome_unknown');
    }
  }

  /** Whether others fail too: asked where it matters, of a probe and of a last attempt. */
  async function isShared({ prober }: Try, { letterId, lastAttempt, letters }: Request): Promise<boolean> {
    if (!prober && !lastAttempt) return false;
    const fare = await othersFare(db, letterId);
    return fare === 'fail' || ((prober !== null || letters > 1) && fare === 'none');
  }

  /**
   * An answer that is not the message's fault spends no attempt. But one that has gone round like this for long, while
   * nothing held the others, has its own problem, and pays.
   */
  async function unspent(
    one: Try,
    request: Request,
    said: Said,
    hold: { readonly reason: HoldReason; readonly seconds: number | null } | null,
  ): Promise<JobEnd> {
    if (!hold) return settleUnspent(one, request, said, null);
    one.held = true;
    gate.close('hold', hold.reason);
    // At once and beside the settlement: neither is to wait for the other, nor to fail with it.
    const held = holdAll(hold.reason, hold.seconds);
    try {
      return await settleUnspent(one, request, said, hold.reason);
    } finally {
      await held;
    }
  }

  async function holdAll(reason: HoldReason, seconds: number | null): Promise<void> {
    opened += 1;
    opening += 1;
    try {
      await openHold(db, reason, seconds);
    } catch (error) {
      log.warn({ error: plain(error) }, 'the hold cannot be opened'); // the next answer of its kind will
    }
    opening -= 1;
  }

  async function settleUnspent(
    { prober }: Try,
    request: Request,
    said: Said,
    held: HoldReason | null,
  ): Promise<JobEnd> {
    const { unspent: times, unspentForSeconds } = request.message;
    const circles = times >= CIRCLING_CALLS && unspentForSeconds >= CIRCLING_SECONDS;
    if (circles && !prober) return request.spend(said, request.lastAttempt ? 'attempts_exhausted' : null);
    // A probe is no round: nothing else was sent meanwhile. Nor does it end the circling of one that opens every hold itself.
    const circling = prober ? undefined : 'again';
    if (said.notAccepted && held !== 'rate_limited') return request.split(said, circling);
    return request.spare(said, circling, held ? 0 : ASK_AGAIN_MS);
  }

  /** After an acceptance only the mark is tried again. What cannot be marked before the end stands in the job's value. */
  async function accepted(acceptance: Acceptance): Promise<JobEnd> {
    const { messageId, letterId, providerId } = acceptance;
    log.info({ messageId, providerId }, 'accepted');
    for (let tries = 0; tries < MARK_TRIES || gate.closedBy('ledger'); tries += 1) {
      try {
        await mark(acceptance);
        break;
      } catch (error) {
        if (isUnavailable(error)) gate.close('ledger', 'the ledger cannot be reached');
        log.warn({ messageId, error: plain(error) }, 'accepted, but not marked yet');
        if (ending.aborted) break;
        await rest(Math.min(50 * 2 ** tries, 1_000), ending);
      }
    }
    return { end: 'completed', value: { letterId, providerId } };
  }

  return {
    accepted,
    conclude,
    noteAccepted: (one, key) => void noteAnswer(one, key, 'accepted'),
    forgetStreak: streak.forget,
    watchHolds() {
      const [before, wasOpening] = [opened, opening > 0];
      return () => wasOpening || opened !== before;
    },
  };
}

/** Unknown answers in a row, and whose they were. */
function createStreak() {
  let length = 0;
  const messages = new Set<string>();
  function forget(): void {
    length = 0;
    messages.clear();
  }
  return {
    forget,
    /** Answers whether there have been so many that no letter can be at fault. */
    note(messageId: string, kind: Answer['kind']): boolean {
      if (kind !== 'unknown') forget();
      else {
        length += 1;
        messages.add(messageId);
      }
      return length >= STREAK && messages.size >= 2;
    },
  };
}

export const postponed = (ms: number): JobEnd => ({ end: 'postponed', ms });
