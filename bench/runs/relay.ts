/** One drain of so many staged messages, by our relay, by `addBulk` alone, or by the loop of the textbook. Prints how many a second. */
import { Queue } from 'bullmq';
import { sql } from 'drizzle-orm';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { readConfig } from '../../src/config.ts';
import { openDatabase, run } from '../../src/database.ts';
import type { Log } from '../../src/lifecycle.ts';
import { openQueue, QUEUE, retryPolicy } from '../../src/queue.ts';
import { createRelay } from '../../workers/relay.ts';

interface Staged {
  readonly id: string;
  readonly run: number;
  readonly type: string;
  readonly orderId: string;
}

const [who = '', count = ''] = process.argv.slice(2);
const config = readConfig(['DATABASE_URL', 'REDIS_URL']);
const quiet = () => undefined;
const log = { info: quiet, warn: quiet, error: quiet, debug: quiet } as unknown as Log; // all that is used of it here
const ledger = openDatabase(config.databaseUrl, 'bench', 6);
const redis = new Redis(config.redisUrl, { maxRetriesPerRequest: null });
const jobOf = ({ id, run, type, orderId }: Staged) => ({
  name: type,
  data: { messageId: id, orderId, run },
  opts: { ...retryPolicy(config), jobId: `${id}-${run}` },
});

const WAYS: Readonly<Record<string, () => Promise<number>>> = {
  async ours() {
    const queue = openQueue(config, log);
    const ending = new AbortController().signal;
    const relay = createRelay({
      ...{
        db: ledger.db,
        queue,
        config,
        log,
        ending,
        metrics: new Registry(),
        clock: { isWrong: () => false },
      },
    });
    await relay.lead();
    const leading = setInterval(() => void relay.lead(), 1_000); // a slow machine's drain outlasts the lease
    const ms = await timed(async () => {
      while (await relay.drain());
    });
    clearInterval(leading);
    await relay.stepDown();
    await queue.close();
    return ms;
  },
  async bare() {
    const queue = new Queue(QUEUE, { connection: redis });
    const jobs = (await staged(Number(count))).map(jobOf);
    const ms = await timed(async () => {
      for (let i = 0; i < jobs.length; i += config.relayBatch)
        await queue.addBulk(jobs.slice(i, i + config.relayBatch));
    });
    await queue.close();
    return ms;
  },
  /** As the pattern is described everywhere: with a table of its own, which has the index that its query asks for. */
  async textbook() {
    await run(
      ledger.db,
      sql`insert into peer.outbox (id, event_type, payload, created_at)
          select id, type, payload, created_at + seq * interval '1 microsecond' from outbox`,
    );
    const queue = new Queue(QUEUE, { connection: redis });
    const ms = await timed(async () => {
      for (;;) {
        const rows = await run<{ id: string; event_type: string; payload: object }>(
          ledger.db,
          sql`select * from peer.outbox where status = 'PENDING' order by created_at limit 10`,
        );
        for (const { id, event_type: type, payload } of rows) {
          await queue.add(type, payload, retryPolicy(config));
          await run(
            ledger.db,
            sql`update peer.outbox set status = 'PROCESSED', processed_at = now() where id = ${id}`,
          );
        }
        if (rows.length === 0) break;
      }
    });
    await queue.close();
    return ms;
  },
};

const staged = (limit: number) =>
  run<Staged>(
    ledger.db,
    sql`select id, run, type, order_id as "orderId" from outbox
        where enqueued_at is null and sent_at is null and dead_at is null order by seq limit ${limit}`,
  );

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Everything staged anew, with a message per order, in the tables that a run begins with. */
async function stage(messages: number): Promise<void> {
  const page = 10_000;
  for (let n = 0; n < messages; n += page)
    await run(
      ledger.db,
      sql`with made as (
            select uuidv7() as id, uuidv7() as message from generate_series(1, ${Math.min(page, messages - n)}::int)
          ), placed as (
            insert into orders (id, customer_id, status, currency, total)
            select id, (select id from customers limit 1), 'CREATED', 'EUR', 5200 from made
          )
          insert into outbox (id, type, order_id, payload)
          select message, 'order.created', id, jsonb_build_object('orderId', id, 'customerId', id, 'orderTotal', 5200, 'timestamp', now()) from made`,
    );
}

const way = WAYS[who];
if (!way) throw new Error(`nobody is called ${who}`);
await redis.flushdb();
await run(ledger.db, sql`delete from leases`);
await stage(Number(count));
const ms = await way();
const added = await redis.llen(`bull:${QUEUE}:wait`);
if (added !== Number(count)) throw new Error(`${added} jobs of ${count} messages`);
console.log(
  JSON.stringify({ perSecond: (Number(count) / ms) * 1_000, mb: process.memoryUsage.rss() / 2 ** 20 }),
);
await redis.quit();
await ledger.close();
