/**
 * `POST /orders`, as fast as so many connections can ask: against pgbench with one order per statement (this Postgres' limit for that), against
 * the framework with an empty answer, and against the same endpoint on two other queues.
 */
import { argumentsOf } from '../../local/installation.ts';
import { type Child, startServer } from '../lib/child.ts';
import { loadOrders } from '../lib/load.ts';
import { pgbench } from '../lib/pgbench.ts';
import { forgetOrders, type Place } from '../lib/place.ts';
import type { Comparison, Plan } from '../lib/report.ts';
import { inTurns, ratioOf, type Series } from '../lib/stats.ts';

const SERVERS = {
  ours: argumentsOf('web'),
  graphile: ['bench/servers/graphile.ts'],
  boss: ['bench/servers/boss.ts'],
  empty: ['bench/servers/empty.ts'],
} as const;
const NAMES: Readonly<Record<string, string>> = {
  ours: 'this system',
  graphile: 'graphile-worker, `add_job` in the transaction',
  boss: 'pg-boss, `send` in the transaction',
  empty: 'Fastify, an empty answer',
  pgbench: 'pgbench, one order per statement',
};
const FIRST_PORT = 24_100;
const JUDGED_AT = 32;

export async function compareOrders(place: Place, plan: Plan): Promise<Comparison> {
  const connections = plan.short ? [JUDGED_AT] : [1, 8, JUDGED_AT, 128];
  const rows: (string | number)[][] = [];
  let judged: Record<string, Series> = {};
  const children: Child[] = [];
  try {
    const ports: Record<string, number> = {};
    for (const [i, [name, args]] of Object.entries(SERVERS).entries()) {
      const port = FIRST_PORT + i;
      ports[name] = port;
      const isUp = async () => {
        const { ok } = await fetch(`http://127.0.0.1:${port}/livez`);
        if (!ok) throw new Error('it is not up yet');
      };
      children.push(await startServer(args, { ...place.env, PORT: String(port) }, isUp));
    }
    for (const count of connections) {
      await forgetOrders(place);
      const asking = Object.entries(ports).map(
        ([name, port]) => [name, () => loadOrders(port, place.customers, count, plan.seconds)] as const,
      );
      const all = await inTurns(
        {
          ...Object.fromEntries(asking),
          pgbench: () => pgbench(place.databaseUrl, place.directory, count, plan.seconds),
        },
        plan.rounds,
        plan.onRound(`orders, ${count} connections`),
        plan.short ? 1 : 0,
      );
      if (count === JUDGED_AT) judged = all;
      for (const [name, series] of Object.entries(all))
        rows.push([
          count,
          NAMES[name] ?? name,
          ...['perSecond', 'p50', 'p99'].map((figure) => plan.show(series[figure])),
        ]);
    }
  } finally {
    for (const child of children) await child.stop();
  }
  const perSecond = (name: string) => judged[name]?.perSecond ?? [];
  const against = (name: string) => ratioOf(perSecond('ours'), perSecond(name));
  return {
    name: 'orders',
    title: 'Placing orders',
    text:
      'Orders per second and milliseconds until the answer, from so many connections, each of which asks again as soon as it is answered. The load, the ' +
      'process and Postgres share this machine. pgbench runs the statement of `placeOrders` with one order in it: it is the limit of an API ' +
      'that places each order by itself. Ours lets concurrent orders share a statement, and may be above it.',
    columns: ['connections', 'who', 'orders/s', 'p50, ms', 'p99, ms'],
    rows,
    chart: {
      unit: `orders/s, ${JUDGED_AT} connections`,
      bars: ['ours', 'pgbench', 'graphile', 'boss'].map((name) => ({
        name: NAMES[name] ?? name,
        values: perSecond(name),
      })),
    },
    ratios: [
      {
        what: `orders/s at ${JUDGED_AT} connections, against pgbench with the same statement`,
        value: against('pgbench'),
        least: 0.35,
      },
      { what: 'the same, against graphile-worker', value: against('graphile'), least: 4 },
      { what: 'the same, against pg-boss', value: against('boss'), least: 2 },
    ],
  };
}
