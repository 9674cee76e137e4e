/**
 * Orders at a steady rate, and how long after its commit each one's handler starts, on one queue or another. One process places the orders and
 * handles the jobs, so that one clock sees both; our relay is a process of its own. Prints milliseconds.
 */
import { Queue, Worker } from 'bullmq';
import { sql } from 'drizzle-orm';
import { run as runGraphile } from 'graphile-worker';
import { Redis } from 'ioredis';
import { PgBoss } from 'pg-boss';
import { v7 as uuidv7 } from 'uuid';
import { argumentsOf } from '../../local/installation.ts';
import { readConfig } from '../../src/config.ts';
import { coalesce, openDatabase, run } from '../../src/database.ts';
import { openHinter } from '../../src/hints.ts';
import type { Log } from '../../src/lifecycle.ts';
import { type Placing, placeOrders } from '../../src/orders.ts';
import { QUEUE } from '../../src/queue.ts';
import { startServer } from '../lib/child.ts';
import { JOB } from '../lib/place.ts';
import { CURRENCY, customerOf, ITEMS } from '../lib/shop.ts';
import { quantile } from '../lib/stats.ts';
import { openPool, placeThere } from '../servers/peer.ts';

const [who = '', rate = '', seconds = ''] = process.argv.slice(2);
const CONCURRENCY = 50;
const RELAY_PORT = 24_190;
const LEFT_MS = 30_000;
const WARM_UP_S = 2;
/** Each order comes at a moment of its own within its time: a steady one would keep step with a poll. */
const SPREAD = 0.618;
const config = readConfig(['DATABASE_URL', 'REDIS_URL']);
const quiet = () => undefined;
const log = { info: quiet, warn: quiet, error: quiet, debug: quiet } as unknown as Log; // all that is used of it here

/** When each order's commit was known, and when its handler started. */
const committed = new Map<string, number>();
const started = new Map<string, number>();
const handled = (orderId: string) => started.set(orderId, performance.now());

interface Way {
  /** Places one order and answers its id, when it is committed. */
  place(customerId: string): Promise<string>;
  close(): Promise<unknown>;
}

async function ours(hints: boolean): Promise<Way> {
  const ledger = openDatabase(config.databaseUrl, 'bench', 16);
  const hinter = openHinter(config.databaseUrl, log);
  const connection = new Redis(config.redisUrl, { maxRetriesPerRequest: null });
  const worker = new Worker(QUEUE, async (job) => void handled(job.data.orderId), {
    connection,
    concurrency: CONCURRENCY,
  });
  await worker.waitUntilReady();
  const place = coalesce((placings: readonly Placing[]) => placeOrders(ledger.db, placings), {
    limit: 64,
    most: 2,
  });
  const answerFor = () => ({ status: 201, body: '', location: null });
  return {
    async place(customerId) {
      const placed = await place({
        order: { customerId, currency: CURRENCY, items: ITEMS },
        key: null,
        answerFor,
      });
      if (placed.outcome !== 'placed') throw new Error(placed.outcome);
      if (hints) hinter.hint();
      return placed.orderId;
    },
    async close() {
      await worker.close();
      await connection.quit();
      await hinter.close();
      await ledger.close();
    },
  };
}

const WAYS: Readonly<Record<string, () => Promise<Way>>> = {
  async ours() {
    const isUp = async () => {
      const { ok } = await fetch(`http://127.0.0.1:${RELAY_PORT}/readyz`);
      if (!ok) throw new Error('it is not ready');
    };
    const env = { DATABASE_URL: config.databaseUrl, REDIS_URL: config.redisUrl, PORT: String(RELAY_PORT) };
    const relay = await startServer(argumentsOf('relay'), env, isUp);
    const way = await ours(true);
    return { ...way, close: () => Promise.all([relay.stop(), way.close()]) };
  },
  /** The specification's loop: all that is waiting, ten at a time, and then a second's pause. */
  async textbook() {
    const way = await ours(false);
    const ledger = openDatabase(config.databaseUrl, 'textbook', 1);
    const queue = new Queue(QUEUE, { connection: new Redis(config.redisUrl) });
    let isOver = false;
    const loop = (async () => {
      while (!isOver) {
        const rows = await run<{ id: string; orderId: string }>(
          ledger.db,
          sql`select id, order_id as "orderId" from outbox where enqueued_at is null order by seq limit 10`,
        );
        for (const { id, orderId } of rows) {
          await queue.add(JOB, { orderId }, { jobId: `${id}-1` });
          await run(ledger.db, sql`update outbox set enqueued_at = now() where id = ${id}`);
        }
        if (rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    })();
    return {
      ...way,
      async close() {
        isOver = true;
        await loop;
        await Promise.all([way.close(), ledger.close(), queue.close()]);
      },
    };
  },
  /** As its page on performance advises; without its local queue, which waits for the next fetch. */
  async graphile() {
    const runner = await runGraphile({
      connectionString: config.databaseUrl,
      ...{ concurrency: CONCURRENCY, maxPoolSize: CONCURRENCY + 1, noHandleSignals: true },
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
      taskList: { [JOB]: async (payload) => void handled((payload as { orderId: string }).orderId) },
    });
    const pool = openPool();
    return {
      place: (customerId) =>
        placeThere(pool, order(customerId), (client, placed) =>
          client.query({
            ...{ name: 'add', text: `select graphile_worker.add_job('${JOB}', $1::json)` },
            values: [JSON.stringify(placed)],
          }),
        ),
      close: () => Promise.all([runner.stop(), pool.end()]),
    };
  },
  /** With its notifications, batches, and fetches without a pause while there is more. */
  async boss() {
    const boss = new PgBoss({
      connectionString: config.databaseUrl,
      useListenNotify: true,
      schedule: false,
      supervise: false,
    });
    await boss.start();
    await boss.work<{ orderId: string }>(
      JOB,
      {
        batchSize: CONCURRENCY,
        burstWhenBatchFull: true,
        pollingIntervalSeconds: 0.5,
        notifyPollingIntervalSeconds: 0.5,
      },
      async (jobs) => {
        for (const { data } of jobs) handled(data.orderId);
      },
    );
    const pool = openPool();
    return {
      place: (customerId) =>
        placeThere(pool, order(customerId), (client, placed) =>
          boss.send(JOB, placed, { db: { executeSql: (text, values) => client.query(text, values) } }),
        ),
      close: () => Promise.all([boss.stop({ graceful: false }), pool.end()]),
    };
  },
};

const order = (customerId: string) => ({ orderId: uuidv7(), customerId, currency: CURRENCY, items: ITEMS });

const open = WAYS[who];
if (!open) throw new Error(`nobody is called ${who}`);
const way = await open();
const total = (Number(seconds) + WARM_UP_S) * Number(rate);
const placing: Promise<void>[] = [];
const began = performance.now();
const counted: string[] = [];
for (let n = 0; n < total; n += 1) {
  const due = began + ((n + ((n * SPREAD) % 1)) * 1_000) / Number(rate);
  const early = due - performance.now();
  if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
  placing.push(
    way.place(customerOf((n % 1_000) + 1)).then((orderId) => {
      committed.set(orderId, performance.now());
      if (n >= WARM_UP_S * Number(rate)) counted.push(orderId);
    }),
  );
}
await Promise.all(placing);
const end = performance.now() + LEFT_MS;
while (started.size < total && performance.now() < end)
  await new Promise((resolve) => setTimeout(resolve, 20));
if (started.size < total) throw new Error(`${total - started.size} of ${total} orders were never handled`);
// A handler may start before the driver has told the one who placed the order.
const waits = counted.map((orderId) =>
  Math.max(0, (started.get(orderId) ?? 0) - (committed.get(orderId) ?? 0)),
);
await way.close();
console.log(JSON.stringify({ p50: quantile(waits, 0.5), p99: quantile(waits, 0.99) }));
process.exit(0);
