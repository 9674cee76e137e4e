/** What settled messages cost: the relay and what operators ask for, beside none of them and beside many; and a monitor among many dead letters. */

import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { Redis } from 'ioredis';
import { argumentsOf } from '../../local/installation.ts';
import { type Database, run } from '../../src/database.ts';
import { findCustomer, findOrder, listOrders } from '../../src/orders.ts';
import { backlog, deadGroups, deadMessages, overdueMessages, purgeFinished } from '../../src/outbox.ts';
import { QUEUE } from '../../src/queue.ts';
import { runToEnd, startServer, usageOf } from '../lib/child.ts';
import { forgetOrders, type Place } from '../lib/place.ts';
import type { Comparison, Plan } from '../lib/report.ts';
import { openSettled } from '../lib/settled.ts';
import { type Figures, inTurns, median, ratioOf } from '../lib/stats.ts';

const SETTLED = 10_000_000;
const MESSAGES = 100_000;
const MONITOR_PORT = 24_210;
/** Twice as long as it takes to go through the failed set once. */
const MONITOR_MS = 20_000;
const LEAST_RATIO = 0.9;
const MOST_MB = 200;
/** How often each question is asked, of the one and the other in turn. */
const TIMES = 15;

/** An order of that database, and whose it is. */
interface Known {
  readonly id: string;
  readonly customerId: string;
}

/** As relay, monitor and API ask, with their usual settings. */
const QUESTIONS: Readonly<Record<string, (db: Database, known: Known) => Promise<unknown>>> = {
  'how much is unfinished': (db) => backlog(db),
  'dead letters by reason': (db) => deadGroups(db),
  'messages overdue, a page': (db) => overdueMessages(db, 60_000, 500),
  'dead letters, a page': (db) => deadMessages(db, 500),
  'one order': (db, { id }) => findOrder(db, id),
  'the story of one order': async (db, { id }) => {
    const order = await findOrder(db, id);
    return findCustomer(db, order?.customerId ?? '');
  },
  'the newest orders, a page': (db) => listOrders(db, { ...ANY, customerId: null }),
  'the newest orders of a customer, a page': (db, { customerId }) => listOrders(db, { ...ANY, customerId }),
  'a purge with nothing to purge': (db) => purgeFinished(db, 90, 500),
};
const ANY = { status: null, limit: 21, before: null };

export async function compareGrowth(place: Place, plan: Plan): Promise<Comparison> {
  const count = plan.short ? 20_000 : SETTLED;
  const some = plan.short ? 5_000 : MESSAGES;
  const beside = `beside ${count.toLocaleString('en')} settled`;
  const settled = await openSettled(place, count);
  try {
    const drain = (env: Place['env']) =>
      runToEnd<Figures>(['bench/runs/relay.ts', 'ours', String(some)], env);
    const all = await inTurns(
      {
        none: async () => {
          await forgetOrders(place);
          return drain(place.env);
        },
        many: async () => {
          await settled.forgetOthers();
          return drain(settled.env);
        },
      },
      plan.rounds,
      plan.onRound('growth'),
      plan.short ? 1 : 0,
    );
    const asked = await ask(place.db, settled.db, plan);
    const mb = await monitorAmong(place, some, plan.short ? 1_000 : MONITOR_MS);
    const perSecond = (name: string) => all[name]?.perSecond ?? [];
    return {
      name: 'growth',
      title: 'Growth',
      text:
        `The relay drains ${some.toLocaleString('en')} staged messages, from a ledger with nothing else in it and from one with ${count.toLocaleString('en')} messages that were ` +
        'sent in the last eighty days. With those drained messages unfinished in both, each is asked in turn what operators and clients ask, by the statements of the system ' +
        `itself. The monitor watches ${some.toLocaleString('en')} dead letters, and as many failed jobs, once a second.`,
      columns: ['', 'beside none', beside],
      rows: [
        ['the relay, messages/s', plan.show(perSecond('none')), plan.show(perSecond('many'))],
        ...asked.map(({ what, none, many }) => [`${what}, ms`, plan.show(none), plan.show(many)]),
        ['the monitor among dead letters, resident memory, MB', plan.show([mb]), '–'],
      ],
      chart: {
        unit: 'messages/s',
        bars: [
          { name: `the relay, ${beside}`, values: perSecond('many') },
          { name: 'the relay, beside none', values: perSecond('none') },
        ],
      },
      ratios: [
        {
          what: `messages/s ${beside}, against none`,
          value: ratioOf(perSecond('many'), perSecond('none')),
          least: LEAST_RATIO,
        },
        {
          what: `MB of the monitor with ${some.toLocaleString('en')} dead letters`,
          value: mb,
          most: MOST_MB,
        },
      ],
    };
  } finally {
    await settled.close();
  }
}

interface Asked {
  readonly what: string;
  /** Milliseconds until the answer. */
  readonly none: readonly number[];
  readonly many: readonly number[];
}

async function ask(none: Database, many: Database, { onRound, short }: Plan): Promise<Asked[]> {
  const [one, other] = [await firstOrder(none), await firstOrder(many)];
  const asked: Asked[] = [];
  for (const [what, question] of Object.entries(QUESTIONS)) {
    const times = await inTurns(
      { none: () => timed(() => question(none, one)), many: () => timed(() => question(many, other)) },
      short ? 1 : TIMES,
      () => undefined,
    );
    const found = { what, none: times.none?.ms ?? [], many: times.many?.ms ?? [] };
    onRound('growth')(1, what, { noneMs: median(found.none), manyMs: median(found.many) });
    asked.push(found);
  }
  return asked;
}

async function firstOrder(db: Database): Promise<Known> {
  const [order] = await run<Known & Record<string, unknown>>(
    db,
    sql`select id, customer_id as "customerId" from orders order by id limit 1`,
  );
  if (!order) throw new Error('there is no order');
  return order;
}

async function timed(question: () => Promise<unknown>): Promise<Figures> {
  const began = performance.now();
  await question();
  return { ms: performance.now() - began };
}

/** The most resident memory of a monitor, in MB, while so many messages are dead and their jobs have failed. */
async function monitorAmong(place: Place, count: number, ms: number): Promise<number> {
  await forgetOrders(place);
  await runToEnd(['bench/runs/relay.ts', 'ours', String(count)], place.env);
  await failAll(place);
  const isUp = async () => {
    const { ok } = await fetch(`http://127.0.0.1:${MONITOR_PORT}/readyz`);
    if (!ok) throw new Error('it is not ready');
  };
  const monitor = await startServer(
    argumentsOf('monitor'),
    { ...place.env, PORT: String(MONITOR_PORT), MONITOR_INTERVAL_MS: '1000' },
    isUp,
  );
  try {
    await sleep(ms);
    monitor.demandAlive();
    return usageOf(monitor.pid).mb;
  } finally {
    await monitor.stop();
  }
}

/** As if a notifier had given up all that is enqueued. */
async function failAll({ db, redisUrl }: Place): Promise<void> {
  const page = 10_000;
  const dying = () =>
    run(
      db,
      sql`update outbox set dead_at = now(), dead_reason = 'refused'
          where id in (select id from outbox where dead_at is null limit ${page}) returning 1`,
    );
  while ((await dying()).length === page);
  const redis = new Redis(redisUrl);
  const key = `bull:${QUEUE}`;
  for (;;) {
    const ids = await redis.lpop(`${key}:wait`, page);
    if (!ids) break;
    const failing = redis.pipeline();
    for (const id of ids) {
      failing.hset(`${key}:${id}`, { finishedOn: Date.now(), failedReason: 'refused', atm: 1 });
      failing.zadd(`${key}:failed`, Date.now(), id);
    }
    await failing.exec();
  }
  await redis.quit();
}
