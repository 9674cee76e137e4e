/**
 * queue → mailbox: turns each job into one letter that the provider has accepted, or into a dead letter. The ledger says
 * what a job means (`judge`); what the provider answers is a value, and what follows from it is decided in `conclude` alone.
 */
import { Gauge } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import { coalesce, isUnavailable } from '../src/database.ts';
import {
  CALL_MARGIN_SECONDS,
  type DispatchParts,
  deadCode,
  openDispatch,
  type Sendable,
} from '../src/dispatch.ts';
import { createGate, createHands } from '../src/gate.ts';
import { serveHealth } from '../src/health.ts';
import { currentHold, giveProbeBack, liftHold, takeProbe } from '../src/holds.ts';
import { type Clock, openLedger } from '../src/ledger.ts';
import { main, plain } from '../src/lifecycle.ts';
import { openMailer } from '../src/mailer.ts';
import { findMessageType } from '../src/messages.ts';
import {
  countLoneStart,
  REPEATABLE_FOR_SECONDS,
  type StartedMessage,
  type StartingMessage,
  startMessages,
} from '../src/outbox.ts';
import { ASK_AGAIN_MS, postponed, type Try } from '../src/outcomes.ts';
import {
  type Consumer,
  consume,
  demandNoEviction,
  type JobEnd,
  openQueue,
  type TakenJob,
} from '../src/queue.ts';
import type { DeadReason } from '../src/schema.ts';

/** For what only a newer release or a person can mend. */
const LATER_MS = 60_000;
/** How often the hold is looked at: a lifted one frees every notifier within a second. */
const WATCH_MS = 500;
/** So many starts alone without an orderly end, and the message is at fault. */
const LONE_STARTS = 10;
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

export interface NotifierParts extends Omit<DispatchParts, 'gate'> {
  readonly clock: Pick<Clock, 'isWrong'>;
}

export function createNotifier(parts: NotifierParts): Notifier {
  const { db, config, mailer, log, ending, metrics, clock } = parts;
  const gate = createGate(log);
  const hands = createHands(gate);
  const start = coalesce((jobs: readonly StartingMessage[]) => startMessages(db, jobs));
  const { send, wait, giveUp, forgetStreak, watchHolds } = openDispatch({ ...parts, gate });
  const holding = new Gauge({
    name: 'notifier_holding',
    help: '1 while this notifier takes no work',
    registers: [metrics],
  });
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
    return giveUp(job, 'internal_error', job.lastAttempt ? 'attempts_exhausted' : null);
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
        return giveUp(job, verdict.reason, verdict.reason);
      case 'wait':
        if (verdict.unknownType) tellOfType(verdict.unknownType, job);
        return wait(one, verdict.ms);
      case 'send':
        return send(one, verdict.message);
      case 'send alone':
        return hands.alone(() => sendAlone(one, verdict.message));
    }
  }

  /** Once each: there may be thousands, again and again. How long they wait is the monitor's to tell. */
  function tellOfType(type: string, { id }: TakenJob): void {
    if (toldTypes.has(type)) return;
    toldTypes.add(type);
    log.warn({ type, messageId: id }, 'waits for a release that knows its type, and so do all others of it');
  }

  /** Nobody else can have ended the process in which this message is alone. */
  async function sendAlone(one: Try, message: Sendable): Promise<JobEnd> {
    if (ending.aborted) return postponed(0); // it keeps its starts: the next one will be alone too
    if (!one.prober && gate.closedBy('hold')) return wait(one, 0); // since the one before it
    const starts = await countLoneStart(db, one.job, message.letter?.envelope?.id ?? null);
    // It has moved on, or another one calls for its envelope.
    if (starts === undefined) return wait(one, ASK_AGAIN_MS);
    one.counted = true;
    if (starts > LONE_STARTS) return giveUp(one.job, 'poison', 'poison');
    return send(one, message);
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
    const isOld = watchHolds();
    const hold = await currentHold(db);
    if (isOld()) return; // the next look will see what has been opened meanwhile
    probing = hold !== undefined && !hold.ahead && !hold.probed;
    if (hold && !probing) return gate.close('hold', hold.reason);
    if (!hold && gate.closedBy('hold')) forgetStreak(); // somebody's letter was accepted
    gate.open('hold');
  }

  return { handle, attach: gate.attach, watch, holding: gate.reason };
}

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
      takeTurns: queue.takeTurns,
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
