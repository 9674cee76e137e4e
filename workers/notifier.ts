/**
 * queue → mailbox: turns each job into one letter that the provider has accepted, or into a dead letter. The ledger says
 * what a job means; what the provider answers is a value; what follows from it is decided in `conclude` alone.
 */
import { setMaxListeners } from 'node:events';
import { Counter, Gauge } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import type { Config } from '../src/config.ts';
import { coalesce, type Database, isUnavailable } from '../src/database.ts';
import {
  type EnvelopeSettlement,
  fillEnvelope,
  isWhole,
  type OpenEnvelope,
  reopenEnvelope,
  settleEnvelope,
} from '../src/envelopes.ts';
import { createGate, createHands } from '../src/gate.ts';
import { serveHealth } from '../src/health.ts';
import { currentHold, giveProbeBack, type HoldReason, liftHold, openHold, takeProbe } from '../src/holds.ts';
import { type Clock, openLedger } from '../src/ledger.ts';
import { type Log, main, type Process, plain, rest } from '../src/lifecycle.ts';
import { openLine } from '../src/line.ts';
import { type Answer, type BatchAnswer, type Mailer, openMailer } from '../src/mailer.ts';
import { findMessageType } from '../src/messages.ts';
import {
  type Acceptance,
  countLoneStart,
  markSent,
  type OpenCall,
  type OpeningCall,
  openCalls,
  othersFare,
  type Settlement,
  type StartedMessage,
  type StartingMessage,
  settleAttempts,
  startMessages,
} from '../src/outbox.ts';
import {
  type Consumer,
  consume,
  demandNoEviction,
  type JobEnd,
  openQueue,
  type QueueDoor,
  retryPause,
  type TakenJob,
} from '../src/queue.ts';
import { type DeadReason, LARGEST_BATCH } from '../src/schema.ts';

/** The provider forgets a key after 24 hours. An hour of them is kept for calls under way and clocks that differ. */
const REPEATABLE_FOR_SECONDS = 23 * 3_600;
const ASK_AGAIN_MS = 3_000;
/** For what only a newer release or a person can mend. */
const LATER_MS = 60_000;
/** How often the hold is looked at: a lifted one frees every notifier within a second. */
const WATCH_MS = 500;
/** So many unknown answers in a row, over at least two messages, are the provider's fault and not the letters'. */
const STREAK = 10;
/** So many starts alone without an orderly end, and the message is at fault. */
const LONE_STARTS = 10;
/** A message may go round for so long, and at least so often, before that spends an attempt. */
const CIRCLING_SECONDS = 15 * 60;
const CIRCLING_CALLS = 5;
/** What a probe, or the call of an envelope, may take beyond the provider's answer. */
const CALL_MARGIN_SECONDS = 10;
/** A request is no longer than this, in characters: nobody says how long it may be. */
const LONGEST_BATCH = 2_000_000;
const MARK_TRIES = 20;
/** Said also in a process's first moment, before the clocks were compared. */
const CLOCK = 'the clock is not known to be right';

export interface Notifier {
  handle(job: TakenJob): Promise<JobEnd>;
  /** One look at the ledger and at the clock: pauses or resumes the consumer. */
  watch(): Promise<boolean>;
  attach(consumer: Pick<Consumer, 'pause' | 'resume'>): void;
  /** Why it takes no work; undefined while it does. */
  holding(): string | undefined;
}

export interface NotifierParts {
  readonly db: Database;
  readonly config: Pick<
    Config,
    'emailTimeoutMs' | 'emailRatePerSecond' | 'notificationAttempts' | 'notificationBackoffMs'
  >;
  readonly mailer: Mailer;
  readonly takeTurn: QueueDoor['takeTurn'];
  readonly log: Log;
  readonly ending: AbortSignal;
  readonly metrics: Process['metrics'];
  readonly clock: Pick<Clock, 'isWrong'>;
}

/** A job in hand, and what is known of it besides. */
interface Try {
  readonly job: TakenJob;
  /** In whose name it holds the lease of the one message that may be sent during a hold; null of all others. */
  readonly prober: string | null;
  /** What the provider answered, as soon as it has. */
  answered?: Answer['kind'];
  /** Whether that has made the hold grow. */
  held?: true;
}

/** A letter that waits for its request. */
interface Sending {
  readonly one: Try;
  readonly message: Sendable;
  /** What to freeze; null when it is frozen already. */
  readonly letter: OpeningCall['letter'];
  /** It is to have a request of its own. */
  readonly alone: boolean;
}

/** A request whose outcome is to be judged: one letter's own, or an envelope's. */
interface Request {
  /** Whose request it is, among those that fail in a row. */
  readonly key: string;
  /** One of its letters. */
  readonly letterId: string;
  readonly unknownBefore: string | null;
  /** Whether its failure now would be its last. */
  readonly lastAttempt: boolean;
  /** A message of it, and how that has gone round. */
  readonly message: Sendable;
  /** Spends no attempt. */
  spare(said: Said, circling: 'again' | undefined, ms: number): Promise<JobEnd>;
  /** Spends one, the last where it is dead now. */
  spend(said: Said, dead: DeadReason | null): Promise<JobEnd>;
  /** Refused for certain, and never accepted. */
  refuse(said: Said): Promise<JobEnd>;
}

export function createNotifier(parts: NotifierParts): Notifier {
  const { db, config, mailer, takeTurn, log, ending, metrics, clock } = parts;
  setMaxListeners(0, ending); // each letter that cannot be marked yet rests until then
  const gate = createGate(log);
  const hands = createHands(gate);
  const streak = createStreak();
  const start = coalesce((jobs: readonly StartingMessage[]) => startMessages(db, jobs));
  const open = coalesce((calls: readonly Parameters<typeof openCalls>[1][number][]) => openCalls(db, calls));
  const mark = coalesce((acceptances: readonly Acceptance[]) => markSent(db, acceptances));
  const settle = coalesce((settlements: readonly Settlement[]) => settleAttempts(db, settlements));
  const answers = new Counter({
    name: 'notification_answers_total',
    help: "The provider's answers, by what they mean",
    labelNames: ['kind'],
    registers: [metrics],
  });
  const holding = new Gauge({
    name: 'notifier_holding',
    help: '1 while this notifier takes no work',
    registers: [metrics],
  });
  const line = openLine({ turn: nextTurn, choose: chooseCompany, serve: serveTogether });
  /** The hold's time is over: whatever job comes next is to probe. */
  let probing = false;
  /** Messages whose last start ended in good order without the ledger being told. */
  const untold = new Set<string>();
  const toldTypes = new Set<string>();

  async function handle(job: TakenJob): Promise<JobEnd> {
    if (clock.isWrong()) gate.close('clock', CLOCK);
    if (gate.closed()) return postponed(0);
    return hands.share(() => (probing ? probeWith(job) : tryJob({ job, prober: null })));
  }

  /** One message, while all others wait for its answer. */
  async function probeWith(job: TakenJob): Promise<JobEnd> {
    probing = false;
    gate.close('hold', 'one message is tried');
    const prober = uuidv7();
    const one: Try = { job, prober };
    try {
      if (!(await takeProbe(db, prober, config.emailTimeoutMs / 1_000 + CALL_MARGIN_SECONDS)))
        return postponed(0);
    } catch (error) {
      return refusedByLedger(job, error);
    }
    try {
      return await tryJob(one);
    } finally {
      // Whatever goes wrong here, the probe's own time limit mends it.
      await endProbe(one, prober).catch((error: unknown) => log.debug({ error: plain(error) }, 'not ended'));
    }
  }

  async function endProbe({ answered, held }: Try, prober: string): Promise<void> {
    if (held) return;
    // Who answers in any known way is there again; but only an acceptance says that key and quota are in order.
    const hold = await currentHold(db);
    const isThere = answered !== undefined && answered !== 'unknown';
    const over = answered === 'accepted' || (isThere && hold?.reason === 'provider_unreachable');
    await (over ? liftHold : giveProbeBack)(db, prober);
    await watch();
  }

  async function tryJob(one: Try): Promise<JobEnd> {
    const { job } = one;
    try {
      return await attempt(one).catch((error: unknown) => unforeseen(one, error));
    } catch (error) {
      untold.add(job.id);
      return refusedByLedger(job, error);
    }
  }

  /** Nothing can be written down: the message must not pay for it, and when the ledger is away nor must any other. */
  function refusedByLedger(job: TakenJob, error: unknown): JobEnd {
    const isAway = isUnavailable(error);
    if (isAway) gate.close('ledger', 'the ledger cannot be reached');
    log.warn({ messageId: job.id, run: job.run, error: plain(error) }, 'the ledger refuses');
    return postponed(isAway ? 0 : ASK_AGAIN_MS);
  }

  async function unforeseen({ job }: Try, error: unknown): Promise<JobEnd> {
    if (isUnavailable(error)) throw error;
    log.error(
      { messageId: job.id, run: job.run, error: plain(error) },
      'an attempt failed in a way nobody foresaw',
    );
    const said = { answer: 'internal_error', detail: null, notAccepted: false };
    return giveUp(job, null, said, job.lastAttempt ? 'attempts_exhausted' : null);
  }

  async function attempt(one: Try): Promise<JobEnd> {
    const { job, prober } = one;
    const message = await start({ ...job, explained: untold.delete(job.id) });
    if (message?.held && !prober) gate.close('hold', message.held);
    const verdict = judge(job, message, mailer.account, prober !== null);
    switch (verdict.do) {
      case 'complete':
        return { end: 'completed', value: null };
      case 'fail':
        return { end: 'failed', code: verdict.code, forGood: true };
      case 'die':
        return die(job, verdict.reason);
      case 'wait':
        if (verdict.unknownType) tellOfType(verdict.unknownType, job);
        return wait(job, verdict.ms);
      case 'send':
        return deliver(one, verdict.message);
      case 'send alone':
        return hands.alone(() => deliverAlone(one, verdict.message));
    }
  }

  const die = (job: TakenJob, reason: DeadReason) =>
    giveUp(job, null, { answer: reason, detail: null, notAccepted: false }, reason);

  /** Once each: there may be thousands, again and again. How long they wait is the monitor's to tell. */
  function tellOfType(type: string, { id }: TakenJob): void {
    if (toldTypes.has(type)) return;
    toldTypes.add(type);
    log.warn({ type, messageId: id }, 'waits for a release that knows its type, and so do all others of it');
  }

  /** An orderly end without an attempt. */
  async function wait({ id, run }: TakenJob, ms: number): Promise<JobEnd> {
    await settle({ id, run, call: null, answer: 'waiting', detail: null, notAccepted: false, dead: null });
    return postponed(ms);
  }

  /** Nobody else can have ended the process in which this message is alone. */
  async function deliverAlone(one: Try, message: Sendable): Promise<JobEnd> {
    if (ending.aborted) return postponed(0); // it keeps its starts: the next one will be alone too
    const starts = await countLoneStart(db, one.job, message.letter?.envelope?.id ?? null);
    if (starts !== undefined && starts > LONE_STARTS) return die(one.job, 'poison');
    return deliver(one, message);
  }

  async function deliver(one: Try, message: Sendable): Promise<JobEnd> {
    const letter = message.letter ? null : composeLetter(message);
    if (letter === undefined) return die(one.job, 'unrenderable');
    return line.join({ one, message, letter, alone: false });
  }

  /** Until this installation may make its next request, or nobody is to make any. */
  async function nextTurn(): Promise<void> {
    while (!closed()) {
      const ms = await takeTurn();
      if (ms === 0) return;
      await rest(ms, ending);
    }
  }

  const closed = () => gate.closedBy('hold') || ending.aborted;

  /** Who goes into the next request: as many as could be sent within a second go alone, and a crowd shares. */
  function chooseCompany(waiting: readonly Sending[]): readonly Sending[] {
    const [first] = waiting;
    if (!first || closed()) return waiting;
    const envelopeId = envelopeOf(first);
    if (envelopeId) return waiting.filter((other) => envelopeOf(other) === envelopeId);
    const most = largestBatchOf(first);
    if (most === 1 || waiting.length <= config.emailRatePerSecond) return [first];
    let length = 0;
    return waiting
      .filter((other) => largestBatchOf(other) === most)
      .slice(0, most)
      .filter((other, i) => {
        length += lengthOf(other);
        return i === 0 || length <= LONGEST_BATCH;
      });
  }

  async function serveTogether(company: readonly Sending[]): Promise<readonly JobEnd[]> {
    const [first] = company;
    if (!first) return [];
    if (closed()) return Promise.all(company.map(sendInHold));
    const envelopeId = envelopeOf(first);
    if (envelopeId) return repeatEnvelope(envelopeId, company);
    return company.length === 1 ? [await sendAlone(first)] : sendEnvelope(company);
  }

  /** Only a probe is sent now; the others go back into the queue. */
  async function sendInHold(sending: Sending): Promise<JobEnd> {
    const { job, prober } = sending.one;
    if (!prober || ending.aborted) return wait(job, 0);
    const envelopeId = envelopeOf(sending);
    const [end] = envelopeId ? await repeatEnvelope(envelopeId, [sending]) : [await sendAlone(sending)];
    return end ?? postponed(ASK_AGAIN_MS);
  }

  async function sendAlone({ one, message, letter }: Sending): Promise<JobEnd> {
    const { job } = one;
    const call = await open({ id: job.id, run: job.run, account: mailer.account, letter });
    if (!call) return wait(job, ASK_AGAIN_MS); // the message has moved on, or a twin has just frozen its letter
    const answer = await mailer.send(call.body, call.letterId);
    if (answer.kind === 'accepted') {
      noteAnswer(one, job.id, answer);
      return accepted({ messageId: job.id, letterId: call.letterId, providerId: answer.providerId });
    }
    return conclude(one, requestOf(job, message, call), answer);
  }

  const requestOf = (job: TakenJob, message: Sendable, call: OpenCall): Request => ({
    ...{ key: job.id, letterId: call.letterId, unknownBefore: call.unknownBefore, message },
    lastAttempt: job.lastAttempt,
    async spare(said, circling, ms) {
      await settle({ ...job, call, ...said, dead: null, ...(circling ? { circling } : {}) });
      return postponed(ms);
    },
    spend: (said, dead) => giveUp(job, call, said, dead),
    refuse: (said) => giveUp(job, call, said, 'refused'),
  });

  /** Several letters in one request that did not exist before. */
  async function sendEnvelope(company: readonly Sending[]): Promise<readonly JobEnd[]> {
    const letters = company.map(({ one: { job }, letter }) => ({ ...job, account: mailer.account, letter }));
    let envelope: OpenEnvelope | undefined;
    try {
      envelope = await fillEnvelope(db, uuidv7(), letters, leaseSeconds);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      log.warn({ error: plain(error), letters: letters.length }, 'no envelope: each letter goes alone');
      return Promise.all(company.map((sending) => line.join({ ...sending, alone: true })));
    }
    return callFor(envelope, company);
  }

  /** An envelope of which nobody knows what became of it: the very same request. */
  async function repeatEnvelope(id: string, company: readonly Sending[]): Promise<readonly JobEnd[]> {
    return callFor(await reopenEnvelope(db, id, config.notificationAttempts, leaseSeconds), company);
  }

  const leaseSeconds = config.emailTimeoutMs / 1_000 + CALL_MARGIN_SECONDS;

  /** Sends an open envelope on behalf of those jobs: whoever is not in it has moved on, or somebody else is calling for it. */
  async function callFor(
    envelope: OpenEnvelope | undefined,
    company: readonly Sending[],
  ): Promise<readonly JobEnd[]> {
    const ids = new Set(envelope?.members.map(({ messageId }) => messageId));
    const [first] = company.filter(({ one: { job } }) => ids.has(job.id));
    const ends = envelope && first ? await callEnvelope(first, envelope) : new Map<string, JobEnd>();
    return Promise.all(company.map(({ one: { job } }) => ends.get(job.id) ?? wait(job, ASK_AGAIN_MS)));
  }

  async function callEnvelope(
    { one, message }: Sending,
    envelope: OpenEnvelope,
  ): Promise<ReadonlyMap<string, JobEnd>> {
    const { members } = envelope;
    const request = requestOfEnvelope(envelope, message);
    const all = (end: JobEnd) => new Map(members.map(({ messageId }) => [messageId, end]));
    if (!isWhole(envelope)) {
      const said = { answer: 'outcome_unknown', detail: null, notAccepted: false };
      return all(await request.spend(said, 'outcome_unknown'));
    }
    const answer = await mailer.sendBatch(
      members.map(({ body }) => body ?? ''), // it is whole
      envelope.id,
    );
    if (answer.kind !== 'accepted') return all(await conclude(one, request, answer));
    noteAnswer(one, envelope.id, answer);
    const ends = await Promise.all(
      members.map(async ({ messageId, letterId }, i) => {
        const providerId = answer.providerIds[i] ?? ''; // there are as many as members
        return [messageId, await accepted({ messageId, letterId, providerId })] as const;
      }),
    );
    return new Map(ends);
  }

  function requestOfEnvelope(envelope: OpenEnvelope, message: Sendable): Request {
    const { id, members, unknownBefore, spent } = envelope;
    async function settleAll(
      settlement: Omit<EnvelopeSettlement, 'largestBatch'>,
      end: JobEnd,
      largestBatch: number | null = null,
    ) {
      const isLatest = await settleEnvelope(db, envelope, { ...settlement, largestBatch });
      return isLatest ? end : postponed(ASK_AGAIN_MS);
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
    return {
      ...{ key: id, letterId: members[0]?.letterId ?? '', unknownBefore, message, spend },
      lastAttempt: spent + 1 >= config.notificationAttempts,
      spare: (said, circling, ms) =>
        settleAll(
          { ...said, dead: null, ...(circling ? { circling } : {}), spends: false, pauseMs: ms },
          postponed(ms),
        ),
      // One of them is at fault, and nobody says which: two halves, until it is alone.
      refuse: (said) =>
        members.length === 1
          ? spend(said, 'refused')
          : settleAll(
              { ...said, dead: null, spends: false, pauseMs: 0 },
              postponed(0),
              Math.ceil(members.length / 2),
            ),
    };
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

  /** Answers whether so many in a row were unknown that the provider is at fault. */
  function noteAnswer(one: Try, key: string, answer: Answer | BatchAnswer): boolean {
    one.answered = answer.kind;
    answers.inc({ kind: answer.kind });
    return streak.note(key, answer.kind);
  }

  /** The one place where an answer that is no acceptance becomes a job's end. */
  async function conclude(
    one: Try,
    request: Request,
    answer: Exclude<Answer, { kind: 'accepted' }>,
  ): Promise<JobEnd> {
    const isOutage = noteAnswer(one, request.key, answer);
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
  async function isShared({ prober }: Try, { letterId, lastAttempt }: Request): Promise<boolean> {
    if (!prober && !lastAttempt) return false;
    const fare = await othersFare(db, letterId);
    return fare === 'fail' || (prober !== null && fare === 'none');
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
    const { prober } = one;
    const { message } = request;
    if (hold) {
      one.held = true;
      gate.close('hold', hold.reason);
      await openHold(db, hold.reason, hold.seconds);
    }
    const circles = message.unspent >= CIRCLING_CALLS && message.unspentForSeconds >= CIRCLING_SECONDS;
    if (circles && !prober) return request.spend(said, request.lastAttempt ? 'attempts_exhausted' : null);
    // A probe is no round: nothing else was sent meanwhile. Nor does it end the circling of one that opens every hold itself.
    return request.spare(said, prober ? undefined : 'again', hold ? 0 : ASK_AGAIN_MS);
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

  /** Writes the attempt down, dead where it was the last, and only then lets the job fail. */
  async function giveUp(
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

  /** Opens the gate, keeps it closed, or lets the next job probe. */
  async function watch(): Promise<false> {
    if (clock.isWrong()) gate.close('clock', CLOCK);
    else gate.open('clock');
    try {
      await lookAtHold();
      gate.open('ledger');
    } catch (error) {
      gate.close('ledger', 'the ledger cannot be reached');
      throw error;
    } finally {
      holding.set(gate.closed() ? 1 : 0);
    }
    return false;
  }

  async function lookAtHold(): Promise<void> {
    const hold = await currentHold(db);
    probing = hold !== undefined && !hold.ahead && !hold.probed;
    if (hold && !probing) return gate.close('hold', hold.reason);
    if (!hold && gate.closedBy('hold')) streak.forget(); // somebody's letter was accepted
    gate.open('hold');
  }

  return { handle, attach: gate.attach, watch, holding: gate.reason };
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

type Said = Pick<Settlement, 'answer' | 'detail' | 'notAccepted'>;

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

const postponed = (ms: number): JobEnd => ({ end: 'postponed', ms });

/** A dead letter's reason with the provider's code, as the failed set shows it. */
const deadCode = (reason: DeadReason, answer: string | null) =>
  answer && answer !== reason ? `${reason}: ${answer}` : reason;

type Sendable = Omit<StartedMessage, 'type' | 'order' | 'customer'> & {
  readonly type: NonNullable<ReturnType<typeof findMessageType>>;
  readonly order: NonNullable<StartedMessage['order']>;
  readonly customer: NonNullable<StartedMessage['customer']>;
};

export type Verdict =
  | { readonly do: 'complete' }
  | { readonly do: 'fail'; readonly code: string }
  | { readonly do: 'die'; readonly reason: DeadReason }
  | { readonly do: 'wait'; readonly ms: number; readonly unknownType?: string }
  | { readonly do: 'send' | 'send alone'; readonly message: Sendable };

/** What the ledger says of a job, before any call is made. Read from the top; the first row that matches wins. */
export function judge(
  job: TakenJob,
  message: StartedMessage | undefined,
  account: string,
  probe: boolean,
): Verdict {
  if (!message || message.run !== job.run || message.sentAt || message.discardedAt) return { do: 'complete' };
  const { letter, order, customer } = message;
  if (message.deadReason) return { do: 'fail', code: deadCode(message.deadReason, letter?.answer ?? null) };
  if (message.held && !probe) return { do: 'wait', ms: 0 };
  const type = findMessageType(message.type);
  if (!type) return { do: 'wait', ms: LATER_MS, unknownType: message.type };
  if (!order) return { do: 'die', reason: 'order_missing' };
  if (!customer) return { do: 'die', reason: 'customer_missing' };
  if (letter && letter.body === null) return { do: 'die', reason: 'letter_missing' };
  const unknown = letter !== null && letter.unknownForSeconds !== null;
  // Never to a suppressed address, also not by repeating a call of which nobody knows whether it was one too many. But an envelope
  // goes as it is: the others in it are not to pay, and the provider knows that address too.
  if (message.suppressed && !letter?.envelope)
    return { do: 'die', reason: unknown ? 'outcome_unknown' : 'suppressed' };
  if (letter && letter.unknownForSeconds !== null) {
    const elsewhere = letter.account !== account; // another account does not know the key of the first call
    if (elsewhere || letter.unknownForSeconds >= REPEATABLE_FOR_SECONDS)
      return { do: 'die', reason: 'outcome_unknown' };
  }
  if (letter?.envelope && letter.envelope.dueInMs > 0) return { do: 'wait', ms: letter.envelope.dueInMs };
  // A start that nothing has explained may have ended its process, together with everybody else's.
  return { do: message.starts > 1 ? 'send alone' : 'send', message: { ...message, type, order, customer } };
}

await main(
  import.meta.filename,
  ['DATABASE_URL', 'REDIS_URL', 'RESEND_API_KEY', 'EMAIL_FROM'],
  async (process) => {
    const { config, log } = process;
    const { db, clock } = openLedger(process, 10);
    const queue = openQueue(config, log);
    process.onClose('queue', queue.close);
    process.onReady('redis', queue.ping);
    await serveHealth(process);

    const notifier = createNotifier({
      db,
      config,
      mailer: openMailer(config),
      takeTurn: queue.takeTurn,
      log,
      ending: process.ending,
      metrics: process.metrics,
      clock,
    });
    process.onStatus('holding', notifier.holding);
    const consumer = consume(config, log, notifier.handle);
    process.onClose('consumer', consumer.close);
    process.onReady('consumer', consumer.check);
    notifier.attach(consumer);
    process.loop('watch', WATCH_MS, notifier.watch);
    demandNoEviction(process, queue);
  },
);
