/** Letters that wait to be sent, and who sends them: our notifiers, or bare workers of BullMQ with the same jobs. */
import { sql } from 'drizzle-orm';
import { Redis } from 'ioredis';
import { NIL } from 'uuid';
import { argumentsOf } from '../../local/installation.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { type Database, openDatabase, run } from '../../src/database.ts';
import { orderCreated } from '../../src/letters/order-created.ts';
import type { Log } from '../../src/lifecycle.ts';
import { openMailer } from '../../src/mailer.ts';
import { orderTotal } from '../../src/money.ts';
import { placeOrders } from '../../src/orders.ts';
import { type Enqueueable, openQueue, QUEUE, type QueueDoor } from '../../src/queue.ts';
import { type Child, startServer, usageOf } from './child.ts';
import { CURRENCY, customerOf, ITEMS } from './shop.ts';

export interface Sending {
  readonly who: keyof typeof PROGRAMS;
  readonly letters: number;
  readonly processes: number;
  /** The provider's. */
  readonly url: string;
  /** What they are started with besides. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Sent {
  /** Each was to have one letter. */
  readonly messageIds: readonly string[];
  /** Milliseconds of all processes together, from the first job to the last. */
  readonly cpuMs: number;
  /** The most resident memory that one of them has had, in MB. */
  readonly mb: number;
}

const PROGRAMS = {
  ours: argumentsOf('notifier'),
  bare: ['bench/servers/bullmq.ts'],
} as const;
const FIRST_PORT = 24_170;
const PAGE = 500;
const LOOK_MS = 20;
const LEFT_MS = 300_000;
const quiet = () => undefined;
const log = { info: quiet, warn: quiet, error: quiet, debug: quiet } as unknown as Log; // all that is used of it here

/**
 * Has them sent. All jobs are in the queue, and all processes up, before the first may be taken.
 * @throws unless all jobs are completed, and of ours all messages sent as the ledger has it.
 */
export async function sendLetters({ who, letters, processes, url, env }: Sending): Promise<Sent> {
  const { databaseUrl, redisUrl } = readConfig(['DATABASE_URL', 'REDIS_URL']);
  const settings = {
    ...{ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, RESEND_BASE_URL: url, RESEND_API_KEY: 're_bench' },
    ...{ EMAIL_FROM: 'Shop <shop@example.com>', ...env },
  };
  const config = readConfig([], settings);
  await empty(redisUrl);
  const ledger = openDatabase(databaseUrl, 'bench', 2);
  const queue = openQueue(config, log);
  let children: readonly Child[] = [];
  try {
    await queue.queue.pause();
    const messages = await placed(ledger.db, letters);
    for (let i = 0; i < letters; i += PAGE) await queue.enqueue(messages.slice(i, i + PAGE));
    const ofBare = { QUEUE, LETTER: letterAbout(messages[0]?.orderId ?? '', config) };
    const start = (port: number) =>
      startServer(PROGRAMS[who], { ...settings, ...ofBare, PORT: String(port) }, isUp(port));
    children = await Promise.all(Array.from({ length: processes }, (_, i) => start(FIRST_PORT + i)));
    const before = children.map(({ pid }) => usageOf(pid).cpuMs);
    await queue.queue.resume();
    await completion(queue, letters, children);
    const usages = children.map(({ pid }) => usageOf(pid));
    if (who === 'ours') await demandSent(ledger.db, letters);
    return {
      messageIds: messages.map(({ id }) => id),
      cpuMs: usages.reduce((sum, { cpuMs }, i) => sum + cpuMs - (before[i] ?? 0), 0),
      mb: Math.max(...usages.map(({ mb }) => mb)),
    };
  } finally {
    await Promise.all(children.map((child) => child.stop()));
    await Promise.all([queue.close(), ledger.close()]);
  }
}

const isUp = (port: number) => async () => {
  const { ok } = await fetch(`http://127.0.0.1:${port}/readyz`);
  if (!ok) throw new Error('it is not ready');
};

async function empty(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl);
  await redis.flushdb();
  await redis.quit();
}

/** Places so many orders, and marks their messages as enqueued. */
async function placed(db: Database, count: number): Promise<Enqueueable[]> {
  const answerFor = () => ({ status: 201, body: '', location: null });
  const placings = Array.from({ length: count }, (_, n) => ({
    order: { customerId: customerOf((n % 1_000) + 1), currency: CURRENCY, items: ITEMS },
    ...{ key: null, answerFor },
  }));
  for (let i = 0; i < count; i += PAGE) await placeOrders(db, placings.slice(i, i + PAGE));
  return run<Enqueueable>(
    db,
    sql`update outbox set enqueued_at = now() returning id, run, type, order_id as "orderId"`,
  );
}

/** The text of a request as a notifier would send it, with nobody's message in it. */
function letterAbout(orderId: string, config: Config): string {
  const items = ITEMS.map((item) => ({ ...item, unitPrice: BigInt(item.unitPrice) }));
  const letter = orderCreated.render({
    ...{ orderId, currency: CURRENCY, total: orderTotal(ITEMS), createdAt: new Date() },
    ...{ customerName: 'Customer 1', items },
  });
  return openMailer(config).compose(NIL, 'customer-1@example.com', letter);
}

async function completion({ queue }: QueueDoor, count: number, children: readonly Child[]): Promise<void> {
  const end = performance.now() + LEFT_MS;
  for (let done = 0; done < count; done = await queue.getCompletedCount()) {
    for (const child of children) child.demandAlive();
    if (performance.now() > end) throw new Error(`${done} of ${count} jobs were completed`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function demandSent(db: Database, count: number): Promise<void> {
  const [row] = await run<{ sent: number }>(
    db,
    sql`select count(*)::int as sent from outbox where sent_at is not null`,
  );
  if (row?.sent !== count) throw new Error(`${row?.sent} of ${count} messages are sent`);
}
