/**
 * queue → mailbox: turns each job into one letter that the provider has accepted, or into a dead letter. The ledger says
 * what a job means; what the provider answers is a value; what follows from it is decided in `conclude` alone.
 */
import { Counter } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import { coalesce, type Database, isUnavailable, openDatabase } from '../src/database.ts';
import { serveHealth } from '../src/health.ts';
import { currentHold, liftHold, openHold } from '../src/holds.ts';
import { type Log, main, type Process, plain, rest } from '../src/lifecycle.ts';
import { type Answer, type Mailer, openMailer } from '../src/mailer.ts';
import { findMessageType } from '../src/messages.ts';
import {
  type Acceptance,
  markSent,
  type OpenCall,
  openCalls,
  type Settlement,
  type StartedMessage,
  settleAttempts,
  startMessages,
} from '../src/outbox.ts';
import { type Consumer, consume, type JobEnd, openQueue, type TakenJob } from '../src/queue.ts';
import type { DeadReason } from '../src/schema.ts';

/** The provider forgets a key after 24 hours. An hour of them is kept for calls under way and clocks that differ. */
const REPEATABLE_FOR_SECONDS = 23 * 3_600;
const ASK_AGAIN_MS = 3_000;
/** A type that only a newer release knows waits for one. */
const UNKNOWN_TYPE_MS = 60_000;
/** How often the hold is looked at: a lifted one frees every notifier within a second. */
const WATCH_MS = 500;
const MARK_TRIES = 20;

export interface Notifier {
  handle(job: TakenJob): Promise<JobEnd>;
  /** One look at the ledger: pauses or resumes the consumer. */
  watch(): Promise<boolean>;
  attach(consumer: Pick<Consumer, 'pause' | 'resume'>): void;
}

export interface NotifierParts {
  readonly db: Database;
  readonly mailer: Mailer;
  readonly log: Log;
  readonly ending: AbortSignal;
  readonly metrics: Process['metrics'];
}

export function createNotifier({ db, mailer, log, ending, metrics }: NotifierParts): Notifier {
  const gate = createGate(log);
  const start = coalesce((jobs: readonly TakenJob[]) => startMessages(db, jobs));
  const open = coalesce((calls: readonly Parameters<typeof openCalls>[1][number][]) => openCalls(db, calls));
  const mark = coalesce((acceptances: readonly Acceptance[]) => markSent(db, acceptances));
  const settle = coalesce((settlements: readonly Settlement[]) => settleAttempts(db, settlements));
  const answers = new Counter({
    name: 'notification_answers_total',
    help: "The provider's answers, by what they mean",
    labelNames: ['kind'],
    registers: [metrics],
  });

  async function handle(job: TakenJob): Promise<JobEnd> {
    if (gate.closed()) return postponed(0);
    try {
      return await attempt(job).catch((error: unknown) => unforeseen(job, error));
    } catch (error) {
      // Nothing can be written down: the message must not pay for it.
      gate.close('the ledger cannot be reached');
      log.warn({ messageId: job.id, run: job.run, error: plain(error) }, 'the ledger refuses');
      return postponed(0);
    }
  }

  async function unforeseen(job: TakenJob, error: unknown): Promise<JobEnd> {
    if (isUnavailable(error)) throw error;
    log.error(
      { messageId: job.id, run: job.run, error: plain(error) },
      'an attempt failed in a way nobody foresaw',
    );
    const said = { answer: 'internal_error', detail: null, notAccepted: false };
    return giveUp(job, null, said, job.lastAttempt ? 'attempts_exhausted' : null);
  }

  async function attempt(job: TakenJob): Promise<JobEnd> {
    const message = await start(job);
    if (message?.hold?.ahead) gate.close(message.hold.reason);
    const verdict = judge(job, message, mailer.account);
    switch (verdict.do) {
      case 'complete':
        return { end: 'completed', value: null };
      case 'fail':
        return { end: 'failed', code: verdict.code, forGood: true };
      case 'die':
        return giveUp(
          job,
          null,
          { answer: verdict.reason, detail: null, notAccepted: false },
          verdict.reason,
        );
      case 'wait':
        return wait(job, verdict.ms);
      case 'send':
        return deliver(job, verdict.message);
    }
  }

  /** An orderly end without an attempt. */
  async function wait({ id, run }: TakenJob, ms: number): Promise<JobEnd> {
    await settle({ id, run, call: null, answer: 'waiting', detail: null, notAccepted: false, dead: null });
    return postponed(ms);
  }

  async function deliver(job: TakenJob, message: Sendable): Promise<JobEnd> {
    const letter = message.letter ? null : composeLetter(message);
    if (letter === undefined) {
      return giveUp(job, null, { answer: 'unrenderable', detail: null, notAccepted: false }, 'unrenderable');
    }
    const call = await open({ id: job.id, run: job.run, account: mailer.account, letter });
    if (!call) return wait(job, ASK_AGAIN_MS); // the message has moved on, or a twin has just frozen its letter
    const answer = await mailer.send(call.body, call.letterId);
    answers.inc({ kind: answer.kind });
    return conclude(job, message, call, answer);
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

  /** The one place where an answer becomes a job's end. */
  async function conclude(job: TakenJob, message: Sendable, call: OpenCall, answer: Answer): Promise<JobEnd> {
    const told = { messageId: job.id, orderId: message.orderId, run: job.run, attempt: call.attempt };
    if (answer.kind === 'accepted') {
      log.info({ ...told, providerId: answer.providerId }, 'accepted');
      return accepted(message, { messageId: job.id, letterId: call.letterId, providerId: answer.providerId });
    }
    log.info({ ...told, answer: answer.kind, code: answer.code }, 'not accepted');
    const said = { answer: answer.code, detail: answer.detail };
    switch (answer.kind) {
      case 'unknown':
        return giveUp(
          job,
          call,
          { ...said, notAccepted: false },
          job.lastAttempt ? 'attempts_exhausted' : null,
        );
      case 'in_flight':
        await settle({ ...job, call, ...said, notAccepted: false, dead: null });
        return postponed(ASK_AGAIN_MS);
      case 'held':
        gate.close(answer.reason);
        await openHold(db, answer.reason, answer.seconds);
        await settle({ ...job, call, ...said, notAccepted: true, dead: null });
        return postponed(0);
      case 'refused':
        // A refusal now says nothing of an earlier call whose outcome nobody knows.
        return call.unknownBefore === null
          ? giveUp(job, call, { ...said, notAccepted: true }, 'refused')
          : giveUp(job, call, { ...said, notAccepted: false }, 'outcome_unknown');
      case 'contradicted':
        return giveUp(job, call, { ...said, notAccepted: false }, 'outcome_unknown');
    }
  }

  /** After an acceptance only the mark is tried again. What cannot be marked before the end stands in the job's value. */
  async function accepted(message: Sendable, acceptance: Acceptance): Promise<JobEnd> {
    const { letterId, providerId } = acceptance;
    for (let tries = 0; tries < MARK_TRIES || gate.closed(); tries += 1) {
      try {
        await mark(acceptance);
        break;
      } catch (error) {
        if (isUnavailable(error)) gate.close('the ledger cannot be reached');
        log.warn({ messageId: acceptance.messageId, error: plain(error) }, 'accepted, but not marked yet');
        if (ending.aborted) break;
        await rest(Math.min(50 * 2 ** tries, 1_000), ending);
      }
    }
    // A hold that stays although its time is over costs nothing; the next success lifts it.
    if (message.hold)
      await liftHold(db, message.hold.until).catch((error: unknown) =>
        log.debug({ error: plain(error) }, 'not lifted'),
      );
    return { end: 'completed', value: { letterId, providerId } };
  }

  /** Writes the attempt down, dead where it was the last, and only then lets the job fail. */
  async function giveUp(
    job: TakenJob,
    call: OpenCall | null,
    said: Pick<Settlement, 'answer' | 'detail' | 'notAccepted'>,
    dead: DeadReason | null,
  ): Promise<JobEnd> {
    await settle({ id: job.id, run: job.run, call, ...said, dead });
    if (!dead) return { end: 'failed', code: said.answer, forGood: false };
    log.warn({ messageId: job.id, run: job.run, reason: dead, code: said.answer }, 'dead');
    return { end: 'failed', code: deadCode(dead, said.answer), forGood: true };
  }

  return {
    handle,
    attach: gate.attach,
    async watch() {
      try {
        const hold = await currentHold(db);
        if (hold?.ahead) gate.close(hold.reason);
        else gate.open();
      } catch (error) {
        gate.close('the ledger cannot be reached');
        throw error;
      }
      return false;
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
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'send'; readonly message: Sendable };

/** What the ledger says of a job, before any call is made. Read from the top; the first row that matches wins. */
export function judge(job: TakenJob, message: StartedMessage | undefined, account: string): Verdict {
  if (!message || message.run !== job.run || message.sentAt || message.discardedAt) return { do: 'complete' };
  const { letter, order, customer } = message;
  if (message.deadReason) return { do: 'fail', code: deadCode(message.deadReason, letter?.answer ?? null) };
  if (message.hold?.ahead) return { do: 'wait', ms: 0 };
  const type = findMessageType(message.type);
  if (!type) return { do: 'wait', ms: UNKNOWN_TYPE_MS };
  if (!order) return { do: 'die', reason: 'order_missing' };
  if (!customer) return { do: 'die', reason: 'customer_missing' };
  if (letter && letter.body === null) return { do: 'die', reason: 'letter_missing' };
  if (letter && letter.unknownForSeconds !== null) {
    const elsewhere = letter.account !== account; // another account does not know the key of the first call
    if (elsewhere || letter.unknownForSeconds >= REPEATABLE_FOR_SECONDS)
      return { do: 'die', reason: 'outcome_unknown' };
  }
  return { do: 'send', message: { ...message, type, order, customer } };
}

/** Whether this process takes work. It opens and closes with the ledger's hold, and closes while the ledger is away. */
function createGate(log: Log) {
  let consumer: Pick<Consumer, 'pause' | 'resume'> | undefined;
  let reason: string | undefined;
  return {
    attach(one: Pick<Consumer, 'pause' | 'resume'>): void {
      consumer = one;
    },
    closed: () => reason !== undefined,
    close(why: string): void {
      if (reason === undefined) {
        log.warn({ reason: why }, 'holding');
        // A worker that takes one more job meets the closed gate in `handle`.
        consumer?.pause().catch((error: unknown) => log.debug({ error: plain(error) }, 'not paused'));
      }
      reason = why;
    },
    open(): void {
      if (reason === undefined) return;
      log.info({ reason }, 'sending again');
      reason = undefined;
      consumer?.resume();
    },
  };
}

await main(
  import.meta.filename,
  ['DATABASE_URL', 'REDIS_URL', 'RESEND_API_KEY', 'EMAIL_FROM'],
  async (process) => {
    const { config, log } = process;
    const { db, close } = openDatabase(config.databaseUrl, 'notifier', 10);
    process.onClose('database', close);
    const queue = openQueue(config, log);
    process.onClose('queue', queue.close);
    process.onReady('redis', queue.ping);
    await serveHealth(process);

    const notifier = createNotifier({
      db,
      mailer: openMailer(config),
      log,
      ending: process.ending,
      metrics: process.metrics,
    });
    const consumer = consume(config, log, notifier.handle);
    process.onClose('consumer', consumer.close);
    process.onReady('consumer', consumer.check);
    notifier.attach(consumer);
    process.onReady('database', () => currentHold(db));
    process.loop('watch', WATCH_MS, notifier.watch);
  },
);
