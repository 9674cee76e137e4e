/** The operator's desk among many dead letters: how soon its pages answer, and what a redrive of many costs those who order meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { argumentsOf } from '../../local/installation.ts';
import { type Database, run } from '../../src/database.ts';
import { ANY_DEAD } from '../../src/outbox.ts';
import { findRedrives, startRedrive } from '../../src/redrives.ts';
import { type Child, startServer } from '../lib/child.ts';
import type { Place } from '../lib/place.ts';
import { startProvider } from '../lib/provider.ts';
import { type Comparison, number, type Plan } from '../lib/report.ts';
import { openSettled, outside } from '../lib/settled.ts';
import { API_KEY, bodyOf } from '../lib/shop.ts';
import { inTurns, quantile, ratioOf } from '../lib/stats.ts';

const SETTLED = 1_000_000;
const DEAD = 100_000;
/** Put back in every round, at that rate: ten thousand in five rounds. */
const REDRIVEN = 2_000;
const PER_SECOND = 200;
const ORDERS_PER_SECOND = 50;
const ASKED = 100;
const MOST_MS = 100;
const MOST_RATIO = 2;
const FIRST_PORT = 24_220;
const ADMIN = { ADMIN_USERNAME: 'bench', ADMIN_PASSWORD: 'bench-password' };

export async function compareDesk(place: Place, plan: Plan): Promise<Comparison> {
  const count = plan.short ? 5_000 : SETTLED;
  const dead = plan.short ? 500 : DEAD;
  const redriven = plan.short ? 50 : REDRIVEN;
  const settled = await openSettled(place, count);
  const provider = await startProvider(0);
  const children: Child[] = [];
  try {
    await kill(settled.env.DATABASE_URL ?? '', dead, redriven * plan.rounds + (plan.short ? 0 : redriven));
    for (const [i, type] of ['web', 'relay', 'notifier'].entries())
      children.push(await start(type, FIRST_PORT + i, { ...settled.env, RESEND_BASE_URL: provider.url }));
    const pages = await askPages(settled.db, plan);
    const customers = place.customers;
    const seconds = redriven / PER_SECOND;
    const before = provider.letters();
    let placed = 0;
    const ordering = async (long: number) => {
      const times = await orderFor(customers, long);
      placed += times.length;
      return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
    };
    const all = await inTurns(
      {
        quiet: () => ordering(seconds),
        redriving: async () => {
          const [figures] = await Promise.all([ordering(seconds), redrive(settled.db, redriven)]);
          return figures;
        },
      },
      plan.rounds,
      plan.onRound('desk'),
      plan.short ? 1 : 0,
    );
    const rounds = plan.short ? plan.rounds : plan.rounds + 1;
    const expected = placed + redriven * rounds;
    for (let waited = 0; provider.letters() - before < expected && waited < 60; waited += 1)
      await sleep(1_000);
    const letters = provider.letters() - before;
    const p99 = (name: string) => all[name]?.p99 ?? [];
    const shown = (name: string) => [plan.show(all[name]?.p50), plan.show(p99(name))];
    return {
      name: 'desk',
      title: 'The operator’s desk',
      text:
        `A ledger with ${count.toLocaleString('en')} messages, ${dead.toLocaleString('en')} of them dead. Each page is asked for ${ASKED} times. Then ${ORDERS_PER_SECOND} orders a second are placed, in ` +
        `turns in quiet and while a redrive puts back ${redriven.toLocaleString('en')} dead letters, ${PER_SECOND} a second, all of which are sent: ${(redriven * rounds).toLocaleString('en')} in all. ` +
        `The provider, which answers at once, was given ${letters.toLocaleString('en')} letters, where ${expected.toLocaleString('en')} orders and dead letters were due.`,
      columns: ['what', 'p50, ms', 'p95 or p99, ms'],
      rows: [
        ...pages.map(({ path, p50, p95 }) => [`\`${path}\`, p95`, number(p50), number(p95)]),
        ['an order, in quiet, p99', ...shown('quiet')],
        ['an order, while letters are put back, p99', ...shown('redriving')],
      ],
      chart: { unit: 'ms, p95', bars: pages.map(({ path, p95 }) => ({ name: path, values: [p95] })) },
      ratios: [
        ...pages.map(({ path, p95 }) => ({ what: `${path}, p95 in ms`, value: p95, most: MOST_MS })),
        {
          what: 'an order’s p99 while letters are put back, against quiet',
          value: ratioOf(p99('redriving'), p99('quiet')),
          most: MOST_RATIO,
        },
        {
          what: 'letters that the provider was given, of those that were due',
          value: letters / expected,
          least: 1,
          most: 1,
        },
      ],
    };
  } finally {
    for (const child of children.toReversed()) await child.stop();
    provider.close();
    await settled.close();
  }
}

const start = (type: string, port: number, env: Place['env']): Promise<Child> =>
  startServer(
    argumentsOf(type),
    {
      ...{ ...env, ...ADMIN, PORT: String(port), LOG_LEVEL: 'warn', RESEND_API_KEY: 're_bench' },
      ...{ EMAIL_FROM: 'Shop <shop@example.com>', EMAIL_RATE_PER_SECOND: '1000000' },
    },
    async () => {
      const { ok } = await fetch(`http://127.0.0.1:${port}/readyz`);
      if (!ok) throw new Error('it is not ready');
    },
  );

/**
 * The youngest are dead as if each had been refused, and the first of them of their attempts: these are to be redriven. None has a job: the
 * relay would make one for each.
 */
const kill = (url: string, dead: number, exhausted: number): Promise<void> =>
  outside(url, async (client) => {
    await client`set session_replication_role = replica`;
    await client`create temp table chosen as select id, row_number() over (order by id) as n from (select id from outbox order by id desc limit ${dead}) youngest`;
    await client`update notifications n set accepted_at = null, provider_id = null, answer = 'validation_error' from chosen c where n.message_id = c.id`;
    await client`update outbox o set sent_at = null, enqueued_at = null, dead_at = created_at + interval '1 minute',
      dead_reason = case when c.n <= ${exhausted} then 'attempts_exhausted' else 'refused' end from chosen c where o.id = c.id`;
    await client.unsafe('vacuum analyze outbox, notifications');
  });

interface Answered {
  readonly path: string;
  readonly p50: number;
  readonly p95: number;
}

async function askPages(db: Database, { onRound, short }: Plan): Promise<Answered[]> {
  const [some] = await run<{ id: string }>(
    db,
    sql`select order_id as id from outbox where dead_at is not null limit 1`,
  );
  const paths: Readonly<Record<string, string>> = {
    '/admin': '/admin',
    '/admin/dead-letters': '/admin/dead-letters',
    '/admin/dead-letters?reason=…': '/admin/dead-letters?reason=attempts_exhausted',
    '/admin/dead-letters?type=…': '/admin/dead-letters?type=order.shipped',
    '/admin/orders/…': `/admin/orders/${some?.id}`,
  };
  const authorization = `Basic ${Buffer.from(`${ADMIN.ADMIN_USERNAME}:${ADMIN.ADMIN_PASSWORD}`).toString('base64')}`;
  const answered: Answered[] = [];
  for (const [path, url] of Object.entries(paths)) {
    const times: number[] = [];
    for (let n = 0; n < (short ? 3 : ASKED); n += 1) {
      const began = performance.now();
      const answer = await fetch(`http://127.0.0.1:${FIRST_PORT}${url}`, { headers: { authorization } });
      await answer.text();
      if (!answer.ok) throw new Error(`${url} is answered ${answer.status}`);
      times.push(performance.now() - began);
    }
    const found = { path, p50: quantile(times, 0.5), p95: quantile(times, 0.95) };
    onRound('desk')(1, path, { p50: found.p50, p95: found.p95 });
    answered.push(found);
  }
  return answered;
}

/** Places orders at a steady rate; answers how long each took from when it was due, in milliseconds. */
async function orderFor(customers: readonly string[], seconds: number): Promise<number[]> {
  const placing: Promise<number>[] = [];
  const began = performance.now();
  for (let n = 0; n < seconds * ORDERS_PER_SECOND; n += 1) {
    const due = began + (n * 1_000) / ORDERS_PER_SECOND;
    if (due > performance.now()) await sleep(due - performance.now());
    placing.push(order(customers[n % customers.length] ?? '', due));
  }
  return Promise.all(placing);
}

async function order(customerId: string, due: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${FIRST_PORT}/orders`, {
    ...{ method: 'POST', body: bodyOf(customerId) },
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
  });
  await answer.text();
  if (answer.status !== 201) throw new Error(`an order is answered ${answer.status}`);
  return performance.now() - due;
}

/** Puts so many back, and waits until their redrive is over; it is cancelled when it has put back enough. */
async function redrive(db: Database, most: number): Promise<void> {
  const [last] = await run<{ at: string }>(
    db,
    sql`select to_char(dead_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at from outbox
        where dead_reason = 'attempts_exhausted' and dead_at is not null and discarded_at is null and sent_at is null
        order by dead_at, id offset ${most - 1} limit 1`,
  );
  if (!last) throw new Error('there are not enough dead letters');
  const started = await startRedrive(db, {
    filter: { ...ANY_DEAD, reason: 'attempts_exhausted', until: last.at },
    ...{ canary: 10, perSecond: PER_SECOND, operator: 'bench', note: null },
  });
  if (started.outcome !== 'started') throw new Error(`the redrive has not begun: ${started.outcome}`);
  for (;;) {
    const [one] = await findRedrives(db, { id: started.id, limit: 1 });
    if (one?.ended === 'done') return;
    if (one?.ended) throw new Error(`the redrive has ended: ${one.ended}`);
    await sleep(100);
  }
}
