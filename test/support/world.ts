/**
 * A small world for a test file: its own database, an emptied Redis, the mailbox in the provider's place, and the parts
 * of the system that the test asks for, in this process.
 */
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Mailbox, startMailbox } from '../../local/mailbox.ts';
import { type Config, readConfig } from '../../src/config.ts';
import type { Database } from '../../src/database.ts';
import type { Log, Process } from '../../src/lifecycle.ts';
import { openMailer } from '../../src/mailer.ts';
import { createCustomer, findOrder, type Order, placeOrder } from '../../src/orders.ts';
import { consume, openQueue, type QueueDoor } from '../../src/queue.ts';
import { createNotifier, type Notifier, type NotifierParts } from '../../workers/notifier.ts';
import { createRelay, type Relay } from '../../workers/relay.ts';
import { createLedger, workersRedisUrl } from './ledger.ts';
import { REPORT_SECRET } from './reports.ts';
import { until } from './until.ts';

export interface World {
  readonly db: Database;
  readonly config: Config;
  /** The environment that makes this configuration: for real processes. */
  readonly environment: Readonly<Record<string, string>>;
  readonly log: Log;
  /** All that was logged, as JSON lines. */
  readonly logged: string[];
  readonly redis: Redis;
  readonly queue: QueueDoor;
  readonly mailbox: Mailbox;
  /** Stands for the process that a part runs in. */
  readonly process: Process;
  /** Stores a customer; returns its id. */
  customer(customer: { email: string; name: string }): Promise<string>;
  /** Stores a customer with that address and name, and an order of theirs; returns the order's id. */
  order(email?: string, name?: string): Promise<string>;
  read(orderId: string): Promise<Order>;
  /** Waits until the order's first letter has that status. */
  untilLetter(orderId: string, status: Order['notifications'][number]['status']): Promise<Order>;
  /** A relay that leads. Its turns are the test's to call. */
  relay(): Promise<Relay>;
  /** A notifier whose jobs and looks are the test's to hand it; `parts` stand in for the world's own. */
  idleNotifier(parts?: Partial<NotifierParts>): Notifier;
  /** A notifier at work until the world ends, or until it is stopped. */
  notifier(parts?: Partial<NotifierParts>): { stop(): Promise<void> };
  /** Lets a relay lead and drain again and again in the background, as its process does. */
  draining(relay: Relay): { stop(): Promise<void> };
  onClose(close: () => Promise<unknown>): void;
  close(): Promise<void>;
}

/** For parts that a test makes itself. */
export const RIGHT_CLOCK = { isWrong: () => false };

/** Nobody asks for it again. */
const NO_ANSWER = { status: 201, body: '', location: null };

/** Opens a world; `settings` override the environment's variables. */
export async function openWorld(settings: Readonly<Record<string, string>> = {}): Promise<World> {
  const closers: (() => Promise<unknown>)[] = [];
  const ledger = await createLedger();
  closers.push(ledger.close);
  const mailbox = await startMailbox({ ratePerSecond: Number.POSITIVE_INFINITY });
  closers.push(mailbox.close);
  const environment = {
    DATABASE_URL: ledger.url,
    REDIS_URL: workersRedisUrl(),
    API_KEYS: 'test:test-key',
    ADMIN_USERNAME: 'operator',
    ADMIN_PASSWORD: 'operator-password',
    RESEND_API_KEY: 're_test',
    RESEND_BASE_URL: mailbox.url,
    RESEND_WEBHOOK_SECRET: REPORT_SECRET,
    EMAIL_FROM: 'The Shop <orders@shop.example>',
    EMAIL_RATE_PER_SECOND: '1000000',
    NOTIFICATION_BACKOFF_MS: '20',
    RECONCILE_AFTER_MS: '1000',
    ...settings,
  };
  const config = readConfig([], environment);
  const redis = new Redis(config.redisUrl, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined); // an outage is what a test has made, and what it asks for fails then
  await redis.flushdb();
  closers.push(async () => redis.disconnect());
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => void logged.push(line) });
  const queue = openQueue(config, log);
  closers.push(queue.close);
  const ending = new AbortController();
  const db = ledger.db;

  async function customer(who: { email: string; name: string }): Promise<string> {
    const added = await createCustomer(db, who, null, () => NO_ANSWER);
    if (added.outcome !== 'added') throw new Error(`the customer was not added: ${added.outcome}`);
    return added.customerId;
  }

  async function order(email = 'ada@example.com', name = 'Ada'): Promise<string> {
    const customerId = await customer({ email, name });
    const items = [{ sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 }];
    const placed = await placeOrder(db, { customerId, currency: 'EUR', items }, null, () => NO_ANSWER);
    if (placed.outcome !== 'placed') throw new Error(`the order was not placed: ${placed.outcome}`);
    return placed.orderId;
  }

  async function read(orderId: string): Promise<Order> {
    const found = await findOrder(db, orderId);
    if (!found) throw new Error('no such order');
    return found;
  }

  const idleNotifier = (parts: Partial<NotifierParts> = {}): Notifier =>
    createNotifier({
      db,
      config,
      mailer: openMailer(config),
      takeTurns: queue.takeTurns,
      log,
      ending: ending.signal,
      metrics: new Registry(),
      clock: RIGHT_CLOCK,
      ...parts,
    });

  return {
    db,
    config,
    environment,
    log,
    logged,
    redis,
    queue,
    mailbox,
    process: {
      name: 'test',
      config,
      log,
      metrics: new Registry(),
      ending: ending.signal,
      onClose: (_what, close) => void closers.push(async () => close()),
      onReady: () => undefined,
      onStatus: () => undefined,
      status: () => ({}),
      loop: () => {
        throw new Error('a test calls its turns itself');
      },
      unready: async () => [],
      finish: () => undefined,
      fail: (error) => {
        throw error;
      },
      refuse: (why) => {
        throw new Error(why);
      },
    },
    customer,
    order,
    read,
    untilLetter: (orderId, status) =>
      until(async () => {
        const found = await read(orderId);
        return found.notifications[0]?.status === status && found;
      }, `a letter that is ${status}`),
    async relay() {
      const relay = createRelay({
        db,
        queue,
        config,
        log,
        metrics: new Registry(),
        ending: ending.signal,
        clock: RIGHT_CLOCK,
      });
      await relay.lead();
      return relay;
    },
    idleNotifier,
    notifier(parts) {
      const notifier = idleNotifier(parts);
      const consumer = consume(config, log, notifier.handle);
      notifier.attach(consumer);
      const watching = repeating(notifier.watch);
      const stop = once(async () => {
        await watching.stop();
        await consumer.close();
      });
      closers.push(stop);
      return { stop };
    },
    draining(relay) {
      const turning = repeating(async () => {
        await relay.lead();
        await relay.drain();
      });
      closers.push(turning.stop);
      return turning;
    },
    onClose: (close) => void closers.push(close),
    async close() {
      ending.abort();
      for (const close of closers.reverse()) await close();
    },
  };
}

/** Calls `turn` every few milliseconds; what it throws is what a process would log and try again. */
function repeating(turn: () => Promise<unknown>): { stop(): Promise<void> } {
  let stopped = false;
  const ended = (async () => {
    while (!stopped) {
      await turn().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    stop() {
      stopped = true;
      return ended;
    },
  };
}

function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= act();
    return done;
  };
}
