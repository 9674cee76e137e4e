/**
 * A stage on which failpoints strike: a world at a Redis of its own, a pager, messages in every state that leads past a
 * boundary, and what must be true when all is over.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { inject } from 'vitest';
import type { Alert } from '../../src/alerts.ts';
import { type Database, openDatabase, run } from '../../src/database.ts';
import { jobId, type MessageRun, QUEUE } from '../../src/queue.ts';
import { stageOne } from './rows.ts';
import { until } from './until.ts';
import { openWorld, type World } from './world.ts';

const SHORT = {
  EMAIL_TIMEOUT_MS: '1000',
  LOCK_DURATION_MS: '1000',
  STALLED_INTERVAL_MS: '500',
  RELAY_POLL_MS: '20',
  RECONCILE_AFTER_MS: '1000',
  RECONCILE_INTERVAL_MS: '200',
  MONITOR_INTERVAL_MS: '200',
  NOTIFICATION_ATTEMPTS: '10',
  NOTIFICATION_BACKOFF_MS: '10',
  SHUTDOWN_GRACE_MS: '2000',
};

/** What a message must have come to: its accepted letters, or why it is dead without one; or that it is purged. */
type Fate =
  | 'one letter'
  | 'adopted'
  | 'purged'
  | 'refused'
  /** Refused, or, where the answer to its first call was lost, of unknown outcome. */
  | 'no letter'
  | 'attempts_exhausted'
  | 'job_failed';

export interface Stage {
  readonly world: World;
  /** The ledger on connections of the stage's own, which nobody else waits for. */
  readonly db: Database;
  /** Alerts in the order of their arrival. */
  readonly alerts: readonly Alert[];
  /** Stages a message of an order of its own, in whatever state `change` makes of it at once. */
  message(
    fate: Fate,
    options?: { email?: string; change?: ReturnType<typeof sql>; daysAgo?: number },
  ): Promise<MessageRun>;
  /** Says what must become of an order that came by the API; `letters` of its own. */
  expectOrder(orderId: string, letters: number): void;
  /** Leases, holds, probes and the calls of envelopes end at once, which would end by themselves in seconds; and Redis is repaired. */
  timePasses(): Promise<void>;
  /** A key of Redis where a job ought to stand. */
  ruin(message: MessageRun): Promise<void>;
  /** Lets a relay and a notifier work until nothing is left to do, and answers what is not as it must be. */
  rest(): Promise<string[]>;
}

/** @param place a number that no other open stage has: it has that Redis database. */
export async function openStage(
  place: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const alerts: Alert[] = [];
  const pager = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      alerts.push(JSON.parse(body));
      response.end();
    });
  });
  await new Promise<void>((resolve) => pager.listen(0, '127.0.0.1', resolve));
  const redisUrl = new URL(inject('redisUrl'));
  redisUrl.pathname = `/${place}`;
  const world = await openWorld({
    ...SHORT,
    REDIS_URL: redisUrl.href,
    ALERT_WEBHOOK_URL: `http://127.0.0.1:${(pager.address() as AddressInfo).port}`, // neither a pipe nor closed
    ...settings,
  });
  world.onClose(async () => {
    pager.closeAllConnections();
    pager.close();
  });
  const { redis, queue } = world;
  const { db, close } = openDatabase(world.config.databaseUrl, 'stage', 2);
  world.onClose(close);
  const fates = new Map<string, Fate>();
  const orders = new Map<string, number>();
  const ruined = new Set<string>();

  return {
    world,
    db,
    alerts,
    expectOrder: (orderId, letters) => void orders.set(orderId, letters),
    message: (fate, { email = 'ada@example.com', change, daysAgo = 0 } = {}) =>
      db.transaction(async (transaction) => {
        // One transaction, so that nobody sees it before the change. It runs statements as the database does.
        const inside = transaction as unknown as Database;
        const { id, run: ofRun, orderId } = await stageOne(inside, daysAgo);
        await run(
          inside,
          sql`update customers c set email = ${email} from orders o where o.id = ${orderId} and c.id = o.customer_id`,
        );
        if (change) await run(inside, sql`update outbox set ${change} where id = ${id}`);
        fates.set(id, fate);
        return { id, run: ofRun };
      }),
    async timePasses() {
      await run(db, sql`update leases set until = now() - interval '1 second'`);
      await run(db, sql`update holds set until = least(until, now()), prober = null, probe_until = null`);
      await run(db, sql`update envelopes set due_at = least(due_at, now())`);
      for (const key of ruined) await redis.del(key);
      ruined.clear();
    },
    async ruin(message) {
      const key = `bull:${QUEUE}:${jobId(message)}`;
      await redis.set(key, 'no job');
      ruined.add(key);
    },
    async rest() {
      const relay = await world.relay();
      const draining = world.draining(relay);
      const notifier = world.notifier();
      const atRest = async () => {
        await relay.reconcile();
        await run(db, sql`update holds set until = least(until, now()), prober = null, probe_until = null`);
        await run(db, sql`update envelopes set due_at = least(due_at, now())`);
        const [{ moving } = { moving: 1 }] = await run<{ moving: number }>(
          db,
          sql`select count(*)::int as moving from outbox where sent_at is null and dead_at is null`,
        );
        const { completed, failed, ...underway } = await queue.queue.getJobCounts();
        return moving === 0 && Object.values(underway).every((count) => count === 0);
      };
      const wrongs = await until(atRest, 'a world at rest', 100_000).then(
        () => [],
        () => ['it did not come to rest'],
      );
      await draining.stop();
      await notifier.stop();
      return [...wrongs, ...(await faults())];
    },
  };

  async function faults(): Promise<string[]> {
    const rows = await run<{ id: string; orderId: string; sent: boolean; reason: string | null }>(
      db,
      sql`select id, order_id as "orderId", sent_at is not null as sent, dead_reason as reason from outbox`,
    );
    const letters = new Map<string, number>();
    for (const { tags } of world.mailbox.letters()) {
      const id = tags?.find(({ name }) => name === 'message_id')?.value ?? '';
      letters.set(id, (letters.get(id) ?? 0) + 1);
    }
    const known = new Map(rows.map((row) => [row.id, row]));
    const wrong = [...fates].flatMap(([id, fate]) => {
      const row = known.get(id);
      const is = `${row ? (row.sent ? 'sent' : (row.reason ?? 'unfinished')) : 'purged'}, ${letters.get(id) ?? 0} letters`;
      return MEANING[fate].includes(is) ? [] : [`a message is ${is}, not ${MEANING[fate].join(' or ')}`];
    });
    for (const [orderId, count] of orders) {
      const own = rows.filter((row) => row.orderId === orderId);
      const sent = own.filter(({ id, sent }) => sent && letters.get(id) === 1);
      if (own.length !== count || sent.length !== count) wrong.push(`an order has ${JSON.stringify(own)}`);
    }
    const strangers = rows.filter(({ id, orderId }) => !fates.has(id) && !orders.has(orderId));
    return [...wrong, ...strangers.map(({ orderId }) => `an order that nobody knows: ${orderId}`)];
  }
}

const MEANING: Readonly<Record<Fate, readonly string[]>> = {
  'one letter': ['sent, 1 letters'],
  adopted: ['sent, 0 letters'],
  purged: ['purged, 0 letters'],
  refused: ['refused, 0 letters'],
  'no letter': ['refused, 0 letters', 'outcome_unknown, 0 letters'],
  attempts_exhausted: ['attempts_exhausted, 0 letters'],
  job_failed: ['job_failed, 0 letters'],
};

/** What makes a message one of those that the relay, the monitor or a person look at. */
export const AS_LOST = sql`enqueued_at = now() - interval '1 hour'`;
export const AS_REFUSED = sql`enqueued_at = now() - interval '1 hour', dead_at = now(), dead_reason = 'refused'`;

/** Writes a finished job into Redis as BullMQ leaves it. */
export async function forgeJob(
  { world }: Stage,
  message: MessageRun,
  fields: Readonly<Record<string, string>>,
) {
  const id = jobId(message);
  const job = { name: 'order.created', data: '{}', opts: '{}', timestamp: '1', finishedOn: '1', ...fields };
  const transaction = world.redis.multi().hset(`bull:${QUEUE}:${id}`, job);
  const set = fields.failedReason ? 'failed' : 'completed';
  await transaction.zadd(`bull:${QUEUE}:${set}`, Date.now(), id).exec();
}

/** Freezes a letter of which nobody knows whether it was accepted. Answers its id. */
export async function forgeLetter(stage: Stage, message: MessageRun): Promise<string> {
  const letterId = uuidv7();
  await run(
    stage.db,
    sql`insert into notifications (id, message_id, recipient, body, account, attempts, first_unknown_at)
        values (${letterId}, ${message.id}, 'ada@example.com', '{}', 'here', 1, now())`,
  );
  return letterId;
}

/** Freezes a letter that was accepted although nobody could mark it; its job's value tells of it. */
export async function forgeAcceptance(stage: Stage, message: MessageRun): Promise<void> {
  const letterId = await forgeLetter(stage, message);
  const value = JSON.stringify({ letterId, providerId: uuidv7() });
  await forgeJob(stage, message, { returnvalue: value });
}
