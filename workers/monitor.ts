/**
 * ledger, failed set → alerts and gauges. It looks at levels and not at events: it counts the ledger's rows, so that an
 * emptied failed set is no recovery, and goes through the failed set for dead jobs that the ledger does not know.
 */
import { Gauge } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import { type Alert, type AlertPlace, type Condition, compose, createDelivery, tell } from '../src/alerts.ts';
import type { Config } from '../src/config.ts';
import { type Database, isUnavailable } from '../src/database.ts';
import { serveHealth } from '../src/health.ts';
import { currentHold, endIdleHold, type Hold } from '../src/holds.ts';
import { type Clock, openLedger } from '../src/ledger.ts';
import { type Log, main, type Process } from '../src/lifecycle.ts';
import {
  type Backlog,
  backlog,
  type DeadGroup,
  deadGroups,
  doubleAcceptances,
  giveLeaseBack,
  LEASE_SECONDS,
  ledgerTime,
  markAlerted,
  recordFailedJobs,
  takeLease,
} from '../src/outbox.ts';
import { openQueue, QUEUE, type QueueDoor } from '../src/queue.ts';

const LEASE_LOOP_MS = (LEASE_SECONDS * 1_000) / 3;
const FAILED_PAGE = 500;
/** A restart of Postgres takes seconds and wakes nobody. */
const BLIND_AFTER_MS = 10_000;
/** So many failed jobs are looked at in one scan; the next one goes on from there. */
const FAILED_PAGES_PER_SCAN = 20;
/** All attempts of a letter take less than nine minutes with the defaults. */
const WAITS_LONG_SECONDS = 15 * 60;
const SLOW_FOR_SECONDS = 60;

export interface MonitorParts {
  readonly db: Database;
  readonly queue: QueueDoor;
  readonly config: Pick<Config, 'publicUrl'>;
  readonly log: Log;
  readonly metrics: Process['metrics'];
  readonly deliver: (alert: Alert) => Promise<boolean>;
  readonly clock: Pick<Clock, 'isWrong'>;
}

export interface Monitor {
  /** Takes or renews the lease: of several monitors one works. Answers whether it has just become this one. */
  lead(): Promise<boolean>;
  stepDown(): Promise<void>;
  /** Counts, and tells of what it counted. */
  scan(): Promise<boolean>;
  /** Writes down as dead whatever failed by another hand than the notifier's. */
  recordStragglers(): Promise<boolean>;
}

export function createMonitor({ db, queue, config, log, metrics, deliver, clock }: MonitorParts): Monitor {
  const holder = uuidv7();
  const place: AlertPlace = { queue: QUEUE, site: config.publicUrl };
  const gauges = createGauges(metrics);
  const blindness = createBlindness(place, deliver);
  /** Unknown until the ledger has answered for the first time. */
  let leading: boolean | undefined;
  let failedOffset = 0;

  async function look(): Promise<void> {
    const asOf = await ledgerTime(db);
    const groups = await deadGroups(db);
    const told = await tell(db, deadLettersCondition(groups), place, deliver);
    if (told)
      await markAlerted(
        db,
        groups.flatMap(({ fresh }) => fresh),
        asOf,
      );
    await endIdleHold(db);
    const hold = await currentHold(db);
    const counts = await backlog(db);
    for (const condition of [
      holdCondition(hold),
      waitingCondition(counts),
      doubleCondition(await doubleAcceptances(db)),
    ])
      await tell(db, condition, place, deliver);
    gauges.show(counts, groups, hold);
  }

  return {
    async lead() {
      const before = leading;
      // As long as it has never answered: the clock is wrong until then, and nobody would be told of the outage.
      if (before === undefined) await ledgerTime(db);
      if (before && clock.isWrong()) await giveLeaseBack(db, 'monitor', holder);
      leading = !clock.isWrong() && (await takeLease(db, 'monitor', holder));
      return leading && !before;
    },
    async stepDown() {
      leading = false;
      await giveLeaseBack(db, 'monitor', holder);
    },
    async scan() {
      try {
        if (leading === undefined) await ledgerTime(db);
        if (leading) await look();
      } catch (error) {
        if (isUnavailable(error)) await blindness.begin();
        throw error;
      }
      // Also by one that leads no more: only a ledger that answers again can have told it so.
      await blindness.end();
      return false;
    },
    async recordStragglers() {
      if (!leading) return false;
      for (let pages = 0; pages < FAILED_PAGES_PER_SCAN; pages += 1) {
        const page = await queue.failedRuns(failedOffset, FAILED_PAGE);
        const runs = page.filter((run) => run !== undefined);
        const recorded = runs.length > 0 ? await recordFailedJobs(db, runs) : 0;
        if (recorded > 0) log.error({ recorded }, 'jobs had failed without the ledger knowing');
        failedOffset = page.length < FAILED_PAGE ? 0 : failedOffset + FAILED_PAGE;
        if (failedOffset === 0) break;
      }
      return false;
    },
  };
}

function deadLettersCondition(groups: readonly DeadGroup[]): Condition {
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  const [only, ...others] = groups;
  return {
    name: 'dead_letters',
    severity: 'warning',
    count,
    reasons: groups.map(({ fresh: _, ...reason }) => reason),
    firing: `${count} ${count === 1 ? 'message' : 'messages'} in the dead letters of ${QUEUE}`,
    resolved: `No dead letters in ${QUEUE} any more`,
    page: only && others.length === 0 ? `/admin/dead-letters?reason=${only.reason}` : '/admin/dead-letters',
    news: groups.some(({ fresh }) => fresh.length > 0),
  };
}

/** A provider that asks us to go slower for a moment wakes nobody; one that refuses us altogether does. */
function holdCondition(hold: Hold | undefined): Condition {
  const firing = hold && (hold.reason !== 'rate_limited' || hold.openForSeconds > SLOW_FOR_SECONDS);
  return {
    name: 'sending_held',
    severity: 'critical',
    count: firing ? 1 : 0,
    reasons: firing
      ? [{ reason: hold.reason, count: hold.pauses, oldest: hold.openedAt, messageIds: [] }]
      : [],
    firing: `Sending of ${QUEUE} is held: ${hold?.reason ?? ''}`,
    resolved: `Sending of ${QUEUE} is no longer held`,
    page: '/admin',
    news: false,
  };
}

/** A message that waits for long tells of what no other watcher sees: no relay, no notifier, a type that nobody knows. */
function waitingCondition({ oldestSeconds, oldestId, staged, enqueued }: Backlog): Condition {
  const firing = oldestId !== null && oldestSeconds > WAITS_LONG_SECONDS;
  const oldest = new Date(Date.now() - oldestSeconds * 1_000).toISOString();
  return {
    name: 'messages_wait',
    severity: 'warning',
    count: firing ? staged + enqueued : 0,
    reasons: firing ? [{ reason: 'waiting', count: staged + enqueued, oldest, messageIds: [oldestId] }] : [],
    firing: `A message of ${QUEUE} has waited for ${Math.round(oldestSeconds / 60)} minutes`,
    resolved: `No message of ${QUEUE} waits for long any more`,
    page: '/admin',
    news: false,
  };
}

/** It cannot be undone, but somebody must hear of it. */
function doubleCondition({
  count,
  messageIds,
  oldest,
}: Awaited<ReturnType<typeof doubleAcceptances>>): Condition {
  return {
    name: 'second_letters',
    severity: 'critical',
    count,
    reasons: count > 0 ? [{ reason: 'second_letter', count, oldest, messageIds }] : [],
    firing: `${count} ${count === 1 ? 'message' : 'messages'} of ${QUEUE} had a second letter: one confirmed as not sent was accepted after all`,
    resolved: `No second letters of ${QUEUE} on record any more`,
    page: '/admin',
    news: false,
  };
}

/** What the monitor says while it cannot see the ledger: from memory, since nothing else is left. */
function createBlindness(place: AlertPlace, deliver: MonitorParts['deliver']) {
  let blind: { readonly key: string; readonly since: Date } | undefined;
  let told = false;

  function notice(status: Alert['status'], { key, since }: NonNullable<typeof blind>): Alert {
    const condition: Condition = {
      name: 'ledger_unreachable',
      severity: 'critical',
      count: status === 'firing' ? 1 : 0,
      reasons:
        status === 'firing'
          ? [{ reason: 'ledger_unreachable', count: 1, oldest: since.toISOString(), messageIds: [] }]
          : [],
      firing: 'The monitor cannot reach Postgres: orders are refused and letters wait',
      resolved: 'The monitor reaches Postgres again',
      page: '/admin',
      news: false,
    };
    return compose(condition, place, status, key);
  }

  return {
    async begin(): Promise<void> {
      blind ??= { key: uuidv7(), since: new Date() };
      if (told || Date.now() - blind.since.getTime() < BLIND_AFTER_MS) return;
      told = await deliver(notice('firing', blind));
    },
    async end(): Promise<void> {
      if (!blind || (told && !(await deliver(notice('resolved', blind))))) return;
      blind = undefined;
      told = false;
    },
  };
}

function createGauges(metrics: Process['metrics']) {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [metrics] });
  const staged = gauge('outbox_staged', 'Messages waiting for the relay');
  const enqueued = gauge('outbox_enqueued', 'Messages waiting for a notifier');
  const oldest = gauge(
    'outbox_oldest_seconds',
    'Age of the oldest message that is neither finished nor dead',
  );
  const heartbeat = gauge('monitor_last_scan_timestamp_seconds', 'When the monitor last saw the ledger');
  const dead = new Gauge({
    name: 'dead_letters',
    help: 'Dead letters by reason',
    labelNames: ['reason'],
    registers: [metrics],
  });
  const held = new Gauge({
    name: 'sending_held',
    help: 'Seconds for which sending has been held, by reason',
    labelNames: ['reason'],
    registers: [metrics],
  });
  return {
    show(counts: Backlog, groups: readonly DeadGroup[], hold: Hold | undefined): void {
      staged.set(counts.staged);
      enqueued.set(counts.enqueued);
      oldest.set(counts.oldestSeconds);
      held.reset();
      if (hold) held.set({ reason: hold.reason }, hold.openForSeconds);
      dead.reset();
      for (const { reason, count } of groups) dead.set({ reason }, count);
      heartbeat.setToCurrentTime();
    },
  };
}

await main(import.meta.filename, ['DATABASE_URL', 'REDIS_URL'], async (process) => {
  const { config, log } = process;
  const { db, clock } = openLedger(process, 3);
  const queue = openQueue(config, log);
  process.onClose('queue', queue.close);
  await serveHealth(process);

  const monitor = createMonitor({
    db,
    queue,
    config,
    log,
    metrics: process.metrics,
    deliver: createDelivery(config.alertWebhookUrls, log),
    clock,
  });
  process.onClose('lease', monitor.stepDown);
  const scanning = process.loop('scan', config.monitorIntervalMs, monitor.scan);
  process.loop('failed set', config.monitorIntervalMs, monitor.recordStragglers);
  process.loop('lease', LEASE_LOOP_MS, async () => {
    if (await monitor.lead()) scanning.wake();
    return false;
  });
});
