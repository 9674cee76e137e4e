/**
 * From a letter to what became of it: letters wait in line for the installation's next request, go alone or share one, and the answer's
 * outcome is that of each of their jobs.
 */
import { v7 as uuidv7 } from 'uuid';
import type { Config } from './config.ts';
import { coalesce, isUnavailable } from './database.ts';
import {
  type EnvelopeSettlement,
  fillEnvelope,
  isWhole,
  type OpenEnvelope,
  reopenEnvelope,
  settleEnvelope,
} from './envelopes.ts';
import { plain, rest } from './lifecycle.ts';
import { openLine } from './line.ts';
import type { Mailer } from './mailer.ts';
import type { findMessageType } from './messages.ts';
import {
  type OpenCall,
  type OpeningCall,
  openCalls,
  type Settlement,
  type StartedMessage,
  settleAttempts,
} from './outbox.ts';
import {
  ASK_AGAIN_MS,
  type Outcomes,
  type OutcomesParts,
  openOutcomes,
  postponed,
  type Request,
  type Said,
  type Told,
  type Try,
} from './outcomes.ts';
import { type JobEnd, type QueueDoor, retryPause, type TakenJob } from './queue.ts';
import { type DeadReason, LARGEST_BATCH } from './schema.ts';

/** What a probe, or the call of an envelope, may take beyond the provider's answer. */
export const CALL_MARGIN_SECONDS = 10;
/** A request is no longer than this, in characters: nobody says how long it may be. */
const LONGEST_BATCH = 2_000_000;

/** A message of which a letter can be made. */
export type Sendable = Omit<StartedMessage, 'type' | 'order' | 'customer'> & {
  readonly type: NonNullable<ReturnType<typeof findMessageType>>;
  readonly order: NonNullable<StartedMessage['order']>;
  readonly customer: NonNullable<StartedMessage['customer']>;
};

/** A letter that waits for its request. */
interface Sending {
  readonly one: Try;
  readonly message: Sendable;
  /** What to freeze; null when it is frozen already. */
  readonly letter: OpeningCall['letter'];
  /** It is to have a request of its own. */
  readonly alone: boolean;
}

export interface Dispatch extends Pick<Outcomes, 'forgetStreak' | 'watchHolds'> {
  /** Sends a message's letter, when its turn has come. */
  send(one: Try, message: Sendable): Promise<JobEnd>;
  /** An orderly end without an attempt: it is not its turn. */
  wait(one: Try, ms: number): Promise<JobEnd>;
  /** An attempt that made no call, and after which the message is dead, if there is a reason. */
  giveUp(job: TakenJob, answer: string, dead: DeadReason | null): Promise<JobEnd>;
}

export interface DispatchParts extends OutcomesParts {
  readonly config: Pick<
    Config,
    'emailTimeoutMs' | 'emailRatePerSecond' | 'notificationAttempts' | 'notificationBackoffMs'
  >;
  readonly mailer: Mailer;
  readonly takeTurns: QueueDoor['takeTurns'];
}

/** By the message's id: what becomes of its job. */
type Ends = ReadonlyMap<string, JobEnd>;

const SETTLE_TRIES = 5;
/** Of a call that was opened and not made. */
const NOT_MADE = { answer: null, detail: null, notAccepted: true } as const;

export function openDispatch(parts: DispatchParts): Dispatch {
  const { db, config, mailer, takeTurns, gate, log, ending } = parts;
  const { accepted, conclude, noteAccepted, forgetStreak, watchHolds } = openOutcomes(parts);
  const open = coalesce((calls: readonly Parameters<typeof openCalls>[1][number][]) => openCalls(db, calls));
  const settle = coalesce((settlements: readonly Settlement[]) => settleAttempts(db, settlements));
  const line = openLine({ turns: nextTurns, choose: chooseCompany, serve: serveTogether });
  /** How many letters a new envelope takes: fewer after an unknown answer, more after each acceptance. Large ones alone may be what fails. */
  let largest = LARGEST_BATCH;
  const grow = () => {
    largest = Math.min(LARGEST_BATCH, largest * 2);
  };
  const leaseSeconds = config.emailTimeoutMs / 1_000 + CALL_MARGIN_SECONDS;

  async function send(one: Try, message: Sendable): Promise<JobEnd> {
    const letter = message.letter ? null : composeLetter(message);
    if (letter === undefined) return giveUp(one.job, 'unrenderable', 'unrenderable');
    return line.join({ one, message, letter, alone: false });
  }

  /** The frozen letter's making; undefined when no letter can be made of these facts. */
  function composeLetter(message: Sendable) {
    const { order, customer } = message;
    try {
      const letter = message.type.render({
        orderId: message.orderId,
        currency: order.currency,
        total: BigInt(order.total),
        createdAt: new Date(order.createdAt),
        customerName: customer.name,
        items: order.items.map((item) => ({ ...item, unitPrice: BigInt(item.unitPrice) })),
      });
      const body = mailer.compose(message.id, customer.email, letter);
      return { id: uuidv7(), recipient: customer.email, body };
    } catch (error) {
      // Without its message, which may quote a customer.
      log.error(
        { messageId: message.id, frames: plain(error).stack?.match(/^ {4}at .*$/gm) },
        'unrenderable',
      );
      return undefined;
    }
  }

  /**
   * Asked right before the request: whether so much time has passed since its call was opened that it could outlive its lease, or even that its key
   * is forgotten. By both clocks: one of them may stand still while a process or a machine does, and the other be set back.
   */
  function watchLateness(): () => boolean {
    const [wall, steady] = [Date.now(), performance.now()];
    return () => Math.max(Date.now() - wall, performance.now() - steady) > CALL_MARGIN_SECONDS * 1_000;
  }

  /** Until this installation may make its next requests, or nobody is to make any. */
  async function nextTurns(waiting: number): Promise<number> {
    while (!closed()) {
      const { turns, inMs } = await takeTurns(waiting);
      if (turns > 0) return turns;
      await rest(inMs, ending);
    }
    return waiting;
  }

  const closed = () => gate.closedBy('hold') || ending.aborted;

  /** Who goes into the next request: as many as could be sent within a second go alone, and a crowd shares. */
  function chooseCompany(waiting: readonly Sending[]): readonly Sending[] {
    const [first] = waiting;
    if (!first || closed()) return waiting;
    const envelopeId = envelopeOf(first);
    if (envelopeId) return waiting.filter((other) => envelopeOf(other) === envelopeId);
    const own = largestBatchOf(first);
    const most = Math.min(own, largest);
    if (most === 1 || waiting.length <= config.emailRatePerSecond) return [first];
    let length = 0;
    return waiting
      .filter((other) => largestBatchOf(other) === own)
      .slice(0, most)
      .filter((other, i) => {
        length += lengthOf(other);
        return i === 0 || length <= LONGEST_BATCH;
      });
  }

  function serveTogether(company: readonly Sending[]): readonly Promise<JobEnd>[] {
    const [first] = company;
    if (!first) return [];
    if (closed()) return company.map(sendInHold);
    if (envelopeOf(first)) return endsOf(repeatEnvelope(company), company);
    return company.length === 1 ? [sendAlone(first)] : sendEnvelope(company);
  }

  /** Only a probe is sent now; the others go back into the queue. */
  async function sendInHold(sending: Sending): Promise<JobEnd> {
    const { prober } = sending.one;
    if (!prober || ending.aborted) return wait(sending.one, 0);
    if (!envelopeOf(sending)) return sendAlone(sending);
    const [end] = endsOf(repeatEnvelope([sending]), [sending]);
    return end ?? postponed(ASK_AGAIN_MS);
  }

  async function sendAlone({ one, message, letter }: Sending): Promise<JobEnd> {
    const { job } = one;
    const isLate = watchLateness();
    const call = await open({ id: job.id, run: job.run, account: mailer.account, letter });
    if (!call) return wait(one, ASK_AGAIN_MS); // the message has moved on, or a twin has just frozen its letter
    const request = requestOf(job, message, call);
    if (isLate()) return request.spare(NOT_MADE, undefined, ASK_AGAIN_MS);
    const answer = await mailer.send(call.body, call.letterId);
    if (answer.kind === 'accepted') {
      grow();
      noteAccepted(one, job.id);
      return accepted({ messageId: job.id, letterId: call.letterId, providerId: answer.providerId });
    }
    return conclude(one, request, answer);
  }

  function requestOf(job: TakenJob, message: Sendable, call: OpenCall): Request {
    async function spare(said: Told, circling: 'again' | undefined, ms: number): Promise<JobEnd> {
      await settle({ ...job, call, ...said, dead: null, ...(circling ? { circling } : {}) });
      return postponed(ms);
    }
    return {
      ...{ key: job.id, letterId: call.letterId, letters: 1, unknownBefore: call.unknownBefore, message },
      ...{ lastAttempt: job.lastAttempt, spare },
      split: (said, circling) => spare(said, circling, 0),
      spend: (said, dead) => spendAttempt(job, call, said, dead),
      refuse: (said) => spendAttempt(job, call, said, 'refused'),
    };
  }

  /** Several letters in one request that did not exist before. */
  function sendEnvelope(company: readonly Sending[]): readonly Promise<JobEnd>[] {
    const letters = company.map(({ one: { job }, letter }) => ({ ...job, account: mailer.account, letter }));
    const isLate = watchLateness();
    const filled = fillEnvelope(db, uuidv7(), letters, leaseSeconds);
    const called = filled.then((envelope) => callFor(envelope, company, isLate));
    called.catch(() => undefined); // whoever asks for its end hears of it
    const cannotBeFilled = filled.then(
      () => false,
      (error: unknown) => {
        if (isUnavailable(error)) return false;
        log.warn({ error: plain(error), letters: letters.length }, 'no envelope: each letter goes alone');
        return true;
      },
    );
    return company.map(async (sending) =>
      (await cannotBeFilled) ? line.join({ ...sending, alone: true }) : endOf(called, sending),
    );
  }

  /** An envelope of which nobody knows what became of it: the very same request. */
  async function repeatEnvelope(company: readonly Sending[]): Promise<Ends> {
    const [first] = company;
    const id = first && envelopeOf(first);
    const isLate = watchLateness();
    const envelope = id && (await reopenEnvelope(db, id, config.notificationAttempts, leaseSeconds));
    return callFor(envelope || undefined, company, isLate);
  }

  const endsOf = (ends: Promise<Ends>, company: readonly Sending[]) =>
    company.map((sending) => endOf(ends, sending));

  /** Whoever is not in the envelope has moved on, or somebody else is calling for it. */
  const endOf = async (ends: Promise<Ends>, { one }: Sending): Promise<JobEnd> =>
    (await ends).get(one.job.id) ?? wait(one, ASK_AGAIN_MS);

  /** Sends an open envelope on behalf of those jobs. Answers the ends of its messages' jobs, in hand or not. */
  async function callFor(
    envelope: OpenEnvelope | undefined,
    company: readonly Sending[],
    isLate: () => boolean,
  ): Promise<Ends> {
    const ids = new Set(envelope?.members.map(({ messageId }) => messageId));
    const [first, ...others] = company.filter(({ one: { job } }) => ids.has(job.id));
    if (!envelope || !first) return new Map();
    const { members } = envelope;
    const request = requestOfEnvelope(envelope, [first, ...others]);
    const all = (end: JobEnd | undefined): Ends =>
      new Map(end && members.map(({ messageId }) => [messageId, end]));
    if (!isWhole(envelope)) {
      const said = { answer: 'outcome_unknown', detail: null, notAccepted: false };
      return all(await request.spend(said, 'outcome_unknown'));
    }
    if (isLate()) return all(await request.spare(NOT_MADE, undefined, ASK_AGAIN_MS));
    const answer = await mailer.sendBatch(
      members.map(({ body }) => body ?? ''), // it is whole
      envelope.id,
    );
    if (answer.kind === 'unknown') largest = Math.ceil(members.length / 2);
    if (answer.kind !== 'accepted') return all(await conclude(first.one, request, answer));
    grow();
    noteAccepted(first.one, envelope.id);
    const ends = members.map(async ({ messageId, letterId }, i) => {
      const providerId = answer.providerIds[i] ?? ''; // there are as many as members
      return [messageId, await accepted({ messageId, letterId, providerId })] as const;
    });
    return new Map(await Promise.all(ends));
  }

  function requestOfEnvelope(envelope: OpenEnvelope, company: readonly Sending[]): Request {
    const { id, members, unknownBefore, spent } = envelope;
    const least = (of: (message: Sendable) => number) =>
      Math.min(...company.map(({ message }) => of(message)));
    const half = members.length > 1 ? Math.ceil(members.length / 2) : null;

    async function settleAll(
      settlement: Omit<EnvelopeSettlement, 'largestBatch'>,
      end: JobEnd,
      largestBatch: number | null = null,
    ): Promise<JobEnd> {
      if (await persistently(() => settleEnvelope(db, envelope, { ...settlement, largestBatch }))) return end;
      // A later call is under way: this one has nothing to say, but it has come to an orderly end.
      await Promise.all(company.map(({ one }) => wait(one, ASK_AGAIN_MS)));
      return postponed(ASK_AGAIN_MS);
    }

    async function spend(said: Said, dead: DeadReason | null): Promise<JobEnd> {
      if (dead)
        log.warn({ envelopeId: id, letters: members.length, reason: dead, code: said.answer }, 'dead');
      const pauseMs = dead ? 0 : retryPause(config, spent + 1);
      const end: JobEnd = dead
        ? { end: 'failed', code: deadCode(dead, said.answer), forGood: true }
        : postponed(pauseMs);
      return settleAll({ ...said, dead, circling: 'over', spends: true, pauseMs }, end);
    }

    const spare = (
      said: Told,
      circling: 'again' | undefined,
      ms: number,
      largestBatch: number | null = null,
    ) =>
      settleAll(
        { ...said, dead: null, ...(circling ? { circling } : {}), spends: false, pauseMs: ms },
        postponed(ms),
        largestBatch,
      );

    return {
      ...{ key: id, letterId: members[0]?.letterId ?? '', letters: members.length, unknownBefore, spend },
      message: {
        unspent: least(({ unspent }) => unspent),
        unspentForSeconds: least(({ unspentForSeconds }) => unspentForSeconds),
      },
      lastAttempt: spent + 1 >= config.notificationAttempts,
      spare: (said, circling, ms) => spare(said, circling, ms),
      split: (said, circling) => spare(said, circling, 0, half),
      // One of them is at fault, and nobody says which: two halves, until it is alone.
      refuse: (said) => (half ? spare(said, undefined, 0, half) : spend(said, 'refused')),
    };
  }

  /** What an answer has told must be written down: a refusal that is forgotten is an unknown outcome. */
  async function persistently<T>(write: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await write();
      } catch (error) {
        if (tries >= SETTLE_TRIES || ending.aborted) throw error;
        await rest(50 * 2 ** tries, ending);
      }
    }
  }

  /** An orderly end without an attempt. */
  async function wait({ job: { id, run }, counted }: Try, ms: number): Promise<JobEnd> {
    const looked = counted ? 'alone' : 'among others';
    await settle({ id, run, call: null, answer: null, detail: null, notAccepted: false, dead: null, looked });
    return postponed(ms);
  }

  const giveUp = (job: TakenJob, answer: string, dead: DeadReason | null): Promise<JobEnd> =>
    spendAttempt(job, null, { answer, detail: null, notAccepted: false }, dead);

  /** Writes the attempt down, dead where it was the last, and only then lets the job fail. */
  async function spendAttempt(
    job: TakenJob,
    call: OpenCall | null,
    said: Said,
    dead: DeadReason | null,
  ): Promise<JobEnd> {
    await settle({ id: job.id, run: job.run, call, ...said, dead, circling: 'over' });
    if (!dead) return { end: 'failed', code: said.answer, forGood: false };
    log.warn({ messageId: job.id, run: job.run, reason: dead, code: said.answer }, 'dead');
    return { end: 'failed', code: deadCode(dead, said.answer), forGood: true };
  }

  return { send, wait, giveUp, forgetStreak, watchHolds };
}

/** The envelope in which its letter already is. */
const envelopeOf = ({ message }: Sending) => message.letter?.envelope?.id;

/** With how many its letter may go into a new envelope; 1 where it must not, since a request of its own may have been accepted. */
function largestBatchOf({ one, message: { letter }, alone }: Sending): number {
  if (alone || one.prober || (letter && (letter.unknownForSeconds !== null || letter.envelope))) return 1;
  return letter?.largestBatch ?? LARGEST_BATCH;
}

const lengthOf = ({ message, letter }: Sending): number =>
  (letter?.body ?? message.letter?.body ?? '').length;

/** A dead letter's reason with the provider's code, as the failed set shows it. */
export const deadCode = (reason: DeadReason, answer: string | null) =>
  answer && answer !== reason ? `${reason}: ${answer}` : reason;
