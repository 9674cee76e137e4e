/**
 * outbox → queue: enqueues staged messages in their order, puts back what Redis lost, keeps the failed set a mirror of
 * the ledger's dead letters, and purges what is long finished. It alone adds and removes jobs. Of several relays one
 * works, by a lease in the ledger; a late write of one that has lost it changes nothing.
 */
import { Counter, Gauge } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import type { Config } from '../src/config.ts';
import type { Database } from '../src/database.ts';
import { purgeProviderEvents } from '../src/deliveries.ts';
import { serveHealth } from '../src/health.ts';
import { listenForHints } from '../src/hints.ts';
import { type Clock, openLedger } from '../src/ledger.ts';
import { type Log, main, type Process, plain, rest } from '../src/lifecycle.ts';
import {
  chargeEnqueue,
  deadMessages,
  giveLeaseBack,
  LEASE_SECONDS,
  ledgerTime,
  markEnqueued,
  markSent,
  outdatedRuns,
  overdueMessages,
  type Position,
  type Positioned,
  purgeEnvelopes,
  purgeFinished,
  purgeIdempotencyKeys,
  readEpoch,
  restage,
  restageAll,
  type StagedMessage,
  stagedMessages,
  takeLease,
  writeEpoch,
} from '../src/outbox.ts';
import { demandNoEviction, type JobValue, openQueue, QUEUE, type QueueDoor } from '../src/queue.ts';
import { stepRedrive } from '../src/redrives.ts';

const LEASE_LOOP_MS = (LEASE_SECONDS * 1_000) / 3;
/** Measured against bare `addBulk` (`npm run bench`): one batch at a time reaches 0.75, three in flight 0.95, five 1.0. */
const BATCHES_IN_FLIGHT = 5;
/** A turn ends now and then even in a flood, so that the loop is seen to turn. */
const TURN_MS = 5_000;
/** A sweep reads this many jobs at a time, rests, and stops after so many pages until its next turn. */
const SWEEP_PAGE = 500;
const SWEEP_REST_MS = 100;
const SWEEP_PAGES_PER_TURN = 20;
/** Until it listens: Postgres may be down at the start. */
const HINTS_LOOP_MS = 5_000;
/** A redrive is carried on twice a second. */
const REDRIVE_LOOP_MS = 500;
const PURGE_LOOP_MS = 3_600_000;
const PURGE_PAGE = 500;

/** Jobs that never come to an end by themselves. */
const USELESS: Readonly<Record<string, string>> = {
  corrupt: 'a job in Redis is corrupt',
  astray: 'a job in Redis stands where no worker looks for it',
};

export interface RelayParts {
  readonly db: Database;
  readonly queue: QueueDoor;
  readonly config: Pick<Config, 'relayBatch' | 'reconcileAfterMs' | 'retentionDays'>;
  readonly log: Log;
  readonly metrics: Process['metrics'];
  readonly ending: AbortSignal;
  readonly clock: Pick<Clock, 'isWrong'>;
}

export interface Relay {
  /** Takes or renews the lease. Answers whether this relay has just become the leader. */
  lead(): Promise<boolean>;
  stepDown(): Promise<void>;
  /** Enqueues all that is staged. Throws when Redis or the ledger refuse. */
  drain(): Promise<boolean>;
  /** One round of restaging and mirroring. */
  reconcile(): Promise<boolean>;
  purge(): Promise<boolean>;
  /** The next step of the redrive under way, if one is. Answers whether it has put any back. */
  redrive(): Promise<boolean>;
}

export function createRelay({ db, queue, config, log, metrics, ending, clock }: RelayParts): Relay {
  const holder = uuidv7();
  let leading = false;
  const enqueued = new Counter({
    name: 'relay_enqueued_total',
    help: 'Messages handed to the queue',
    registers: [metrics],
  });
  const restaged = new Counter({
    name: 'relay_restaged_total',
    help: 'Messages put back because Redis lost them',
    registers: [metrics],
  });
  const leader = new Gauge({
    name: 'relay_leader',
    help: '1 while this relay holds the lease',
    registers: [metrics],
  });

  async function lead(): Promise<boolean> {
    const before = leading;
    if (before && clock.isWrong()) await giveLeaseBack(db, 'relay', holder);
    leading = !clock.isWrong() && (await takeLease(db, 'relay', holder));
    leader.set(leading ? 1 : 0);
    if (leading !== before) log.info(leading ? 'leading' : 'standing by');
    return leading && !before;
  }

  // ── Draining ──

  interface Fates {
    readonly added: readonly StagedMessage[];
    readonly refused: readonly StagedMessage[];
    /** What Redis said to the refused. */
    readonly refusal: unknown;
  }

  async function drain(): Promise<boolean> {
    const inFlight = new Set<Promise<void>>();
    /** What the next read leaves out: messages in flight, and those that Redis has refused in this turn. */
    const leftOut = new Set<string>();
    const refused: StagedMessage[] = [];
    let refusal: unknown;
    const failures: unknown[] = [];
    const end = performance.now() + TURN_MS;
    let added = 0;
    let full = leading;

    async function enqueueBatch(batch: readonly StagedMessage[]): Promise<void> {
      const fates = await addToQueue(batch);
      refused.push(...fates.refused);
      refusal ??= fates.refusal;
      added += fates.added.length;
      await settleAdded(fates.added);
      // Not before they are marked: the next read would take them once more.
      for (const { seq } of fates.added) leftOut.delete(seq);
    }

    while (full && failures.length === 0 && performance.now() < end && !ending.aborted) {
      const batch = await stagedMessages(db, holder, config.relayBatch, [...leftOut]).catch(
        (error: unknown) => {
          failures.push(error);
          return [];
        },
      );
      full = batch.length === config.relayBatch;
      if (batch.length === 0) break;
      for (const { seq } of batch) leftOut.add(seq);
      const one: Promise<void> = enqueueBatch(batch)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => inFlight.delete(one));
      inFlight.add(one);
      if (inFlight.size >= BATCHES_IN_FLIGHT) await Promise.race(inFlight);
    }
    // After a failure nothing new starts before the others have settled: so order holds.
    await Promise.all(inFlight);
    // Who is refused alone pays; when nobody was added, Redis may be at fault, and nobody does.
    if (refused.length > 0 && added > 0) await chargeEnqueue(db, holder, refused);
    if (failures.length > 0) throw failures[0];
    if (refused.length > 0 && added === 0) throw refusal;
    return full && !ending.aborted;
  }

  /** Adds all at once; where that fails, each alone, so that one that Redis refuses stops nobody else. */
  async function addToQueue(batch: readonly StagedMessage[]): Promise<Fates> {
    try {
      await queue.enqueue(batch);
      return { added: batch, refused: [], refusal: undefined };
    } catch (error) {
      const fates = await queue.enqueueEach(batch);
      const those = (fate: (typeof fates)[number]) => batch.filter((_, i) => fates[i] === fate);
      const [added, refused] = [those('added'), those('refused')];
      if (added.length + refused.length === 0) throw error; // Redis is away
      if (refused.length > 0) {
        const messageIds = refused.slice(0, 3).map(({ id }) => id);
        log.warn({ messageIds, count: refused.length, error: plain(error) }, 'Redis refuses these');
      }
      return { added, refused, refusal: error };
    }
  }

  async function settleAdded(added: readonly StagedMessage[]): Promise<void> {
    if (added.length === 0) return;
    await markEnqueued(db, holder, added);
    enqueued.inc(added.length);
    const earlier = added.flatMap(({ id, run }) => (run > 1 ? [{ id, run: run - 1 }] : []));
    if (earlier.length > 0) await queue.remove(earlier); // locked ones are left to the mirror
  }

  // ── Reconciling ──

  async function reconcile(): Promise<boolean> {
    if (!leading) return false;
    if (!(await checkEpoch())) return true;
    await sweepOverdue();
    await mirrorDead();
    await mirrorFailed();
    return false;
  }

  /** While a Redis without mark is being filled again: when that was noticed. */
  let lossNoticedAt: string | undefined;

  /**
   * A Redis without the ledger's mark has lost its data: everything unfinished is restaged, in pages, and only then it
   * is marked. Answers whether that is done.
   */
  async function checkEpoch(): Promise<boolean> {
    const [known, seen] = await Promise.all([readEpoch(db, QUEUE), queue.readEpoch()]);
    if (known !== undefined && known === seen) {
      lossNoticedAt = undefined;
      return true;
    }
    // Without the lease nothing would be restaged: the new leader does it.
    leading = await takeLease(db, 'relay', holder);
    if (!leading) return false;
    lossNoticedAt ??= await ledgerTime(db);
    for (let pages = 0; pages < SWEEP_PAGES_PER_TURN; pages += 1) {
      const moved = await restageAll(db, holder, lossNoticedAt, SWEEP_PAGE);
      restaged.inc(moved);
      if (moved < SWEEP_PAGE) return markRedis(known === undefined);
    }
    return false;
  }

  async function markRedis(first: boolean): Promise<boolean> {
    lossNoticedAt = undefined;
    // Without the lease nothing was restaged: the new leader will do it.
    leading = await takeLease(db, 'relay', holder);
    if (!leading) return false;
    const epoch = uuidv7();
    await writeEpoch(db, QUEUE, epoch);
    await queue.writeEpoch(epoch);
    if (first) log.info("the queue is marked as this ledger's");
    else log.warn('Redis had lost its data: everything unfinished was staged again');
    return true;
  }

  /**
   * Looks for the jobs of messages that ought to have one. Adopts acceptances, removes what is of no use; answers the
   * messages without a job.
   */
  async function withoutJob(messages: readonly Positioned[]): Promise<Positioned[]> {
    const sightings = await queue.look(messages);
    const lost: Positioned[] = [];
    for (const [i, message] of messages.entries()) {
      const sighting = sightings[i];
      if (sighting?.state === 'lost') lost.push(message);
      const useless = sighting && USELESS[sighting.state];
      if (useless) log.error({ messageId: message.id }, useless);
      else if (sighting?.state !== 'completed') continue;
      else if (sighting.value && (await adopt(message, sighting.value))) continue;
      if ((await queue.remove([message])).length === 0) lost.push(message);
    }
    return lost;
  }

  /** Takes an acceptance over from a job's value. Answers whether the message is sent: a value may tell of no letter of its. */
  async function adopt({ id }: Positioned, value: JobValue): Promise<boolean> {
    const [sent = false] = await markSent(db, [{ messageId: id, ...value }]);
    return sent;
  }

  const sweepOverdue = sweeping(
    (after) => overdueMessages(db, config.reconcileAfterMs, SWEEP_PAGE, after),
    async (messages) => {
      const lost = await withoutJob(messages);
      if (lost.length === 0) return;
      await restage(db, holder, lost);
      restaged.inc(lost.length);
      log.warn({ restaged: lost.length }, 'Redis had lost jobs');
    },
  );

  /**
   * A dead letter that Redis lost is enqueued too: the notifier fails it again, with its reason and without a call. It
   * stands behind everybody who waits for a letter.
   */
  const mirrorDead = sweeping(
    (after) => deadMessages(db, SWEEP_PAGE, after),
    async (messages) => {
      const lost = await withoutJob(messages);
      if (lost.length === 0) return;
      const fates = await queue.enqueueEach(lost, 'behind all'); // one whose key is ruined stops no other
      if (fates.includes('unavailable')) throw new Error('Redis is away');
    },
  );

  let failedOffset = 0;
  async function mirrorFailed(): Promise<void> {
    for (let pages = 0; pages < SWEEP_PAGES_PER_TURN; pages += 1) {
      const page = await queue.failedRuns(failedOffset, SWEEP_PAGE);
      const outdated = await outdatedRuns(
        db,
        page.filter((run) => run !== undefined),
      );
      const locked = await queue.remove(outdated);
      failedOffset += page.length - outdated.length + locked.length;
      if (page.length < SWEEP_PAGE) {
        failedOffset = 0;
        return;
      }
      await rest(SWEEP_REST_MS, ending);
    }
  }

  /** Goes through pages from where the last turn stopped, and begins anew after the last one. */
  function sweeping(
    read: (after: Position | undefined) => Promise<Positioned[]>,
    handle: (page: readonly Positioned[]) => Promise<void>,
  ): () => Promise<void> {
    let after: Position | undefined;
    return async () => {
      for (let pages = 0; pages < SWEEP_PAGES_PER_TURN; pages += 1) {
        const page = await read(after);
        if (page.length > 0) await handle(page);
        after = page.length === SWEEP_PAGE ? page.at(-1) : undefined;
        if (!after || ending.aborted) return;
        await rest(SWEEP_REST_MS, ending);
      }
    };
  }

  // ── Purging ──

  async function purge(): Promise<boolean> {
    if (!leading) return false;
    const letters = await purgeFinished(db, config.retentionDays, PURGE_PAGE);
    const envelopes = await purgeEnvelopes(db, config.retentionDays, PURGE_PAGE);
    const keys = await purgeIdempotencyKeys(db, PURGE_PAGE);
    const events = await purgeProviderEvents(db, config.retentionDays, PURGE_PAGE);
    return [letters, envelopes, keys, events].includes(PURGE_PAGE);
  }

  // ── Redrives ──

  async function redrive(): Promise<boolean> {
    return leading && ((await stepRedrive(db)) ?? 0) > 0;
  }

  return {
    lead,
    drain,
    reconcile,
    purge,
    redrive,
    async stepDown() {
      leading = false;
      await giveLeaseBack(db, 'relay', holder);
    },
  };
}

await main(import.meta.filename, ['DATABASE_URL', 'REDIS_URL'], async (process) => {
  const { config, log } = process;
  const { db, clock } = openLedger(process, 6);
  const queue = openQueue(config, log);
  process.onClose('queue', queue.close);
  process.onReady('redis', queue.ping);
  await serveHealth(process);

  const { metrics, ending } = process;
  const relay = createRelay({ db, queue, config, log, metrics, ending, clock });
  process.onClose('lease', relay.stepDown);
  const draining = process.loop('drain', config.relayPollMs, relay.drain);
  const reconciling = process.loop('reconcile', config.reconcileIntervalMs, relay.reconcile);
  const purging = process.loop('purge', PURGE_LOOP_MS, relay.purge);
  process.loop('redrive', REDRIVE_LOOP_MS, async () => {
    if (await relay.redrive()) draining.wake();
    return false; // its pace is the redrive's own
  });
  process.loop('lease', LEASE_LOOP_MS, async () => {
    if (await relay.lead()) for (const loop of [reconciling, draining, purging]) loop.wake();
    return false;
  });
  let stopListening: (() => Promise<void>) | undefined;
  process.onClose('hints', () => stopListening?.());
  process.loop('hints', HINTS_LOOP_MS, async () => {
    stopListening ??= await listenForHints(config.databaseUrl, draining.wake);
    return false;
  });
  demandNoEviction(process, queue);
});
