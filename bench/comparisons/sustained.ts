/** The whole way at a steady rate, from an order over HTTP to its accepted letter: what it costs, and how much of it this machine sustains. */
import { runToEnd } from '../lib/child.ts';
import { forgetOrders, type Place } from '../lib/place.ts';
import type { Comparison, Plan } from '../lib/report.ts';
import { type Figures, inTurns, ratioOf, type Series } from '../lib/stats.ts';

const NAMES: Readonly<Record<string, string>> = {
  ours: 'this system, a request for each letter',
  sharing: 'this system, five requests a second',
  graphile: 'graphile-worker',
  boss: 'pg-boss',
};
const PROCESSES = ['web', 'relay', 'notifier', 'monitor'];
/** Orders a second: so few that all keep pace. */
const RATE = 200;
const LADDER = [300, 400, 500, 600, 800, 1_000, 1_300, 1_600];
const MOST_MB = 200;

export async function compareSustained(place: Place, plan: Plan): Promise<Comparison> {
  const measure = (who: string, rate: number) => async () => {
    await forgetOrders(place);
    return runToEnd<Figures>(['bench/runs/sustained.ts', who, String(rate), String(plan.seconds)], place.env);
  };
  const contenders = plan.short ? ['ours', 'boss'] : Object.keys(NAMES);
  const all = await inTurns(
    Object.fromEntries(contenders.map((who) => [who, measure(who, RATE)])),
    plan.rounds,
    plan.onRound(`sustained, ${RATE} orders/s`),
    plan.short ? 1 : 0,
  );
  const most: Record<string, number> = {};
  const mb: Record<string, number> = {};
  for (const who of contenders) {
    most[who] = RATE;
    for (const rate of plan.short ? [] : LADDER) {
      const figures = await measure(who, rate)().catch(() => ({ kept: 0 }) as Figures);
      plan.onRound(`sustained, ${rate} orders/s`)(1, who, figures);
      if (!figures.kept) break;
      most[who] = rate;
      if (who === 'ours') for (const one of PROCESSES) mb[one] = Math.max(mb[one] ?? 0, figures[one] ?? 0);
    }
  }
  const perCpu = (who: string) => all[who]?.perCpuSecond ?? [];
  const memory = (one: string) =>
    Math.max(mb[one] ?? 0, ...(all.ours?.[one] ?? []), ...(all.sharing?.[one] ?? []));
  const cells = (series: Series | undefined) =>
    ['perCpuSecond', 'transactions', 'p50', 'p99'].map((figure) => plan.show(series?.[figure]));
  return {
    name: 'sustained',
    title: 'From the order to the accepted letter',
    text:
      `Orders over HTTP at ${RATE} a second, and then at higher rates until letters pile up or orders are late. CPU seconds are those of everything on the machine but the client and the ` +
      'provider, which are one process and answer at once. The peers read the order, send the same letter, and keep no record of what became of it. At their peaks the four processes ' +
      `had ${PROCESSES.map((one) => `${one} ${Math.round(memory(one))} MB`).join(', ')}.`,
    columns: [
      'who',
      'orders per CPU second',
      'transactions per order',
      'p50, ms',
      'p99, ms',
      'most orders/s',
    ],
    rows: contenders.map((who) => [NAMES[who] ?? who, ...cells(all[who]), most[who] ?? 0]),
    chart: {
      unit: 'orders per CPU second',
      bars: contenders.map((who) => ({ name: NAMES[who] ?? who, values: perCpu(who) })),
    },
    ratios: [
      {
        what: 'orders per CPU second, against graphile-worker',
        value: ratioOf(perCpu('ours'), perCpu('graphile')),
        least: 1,
      },
      { what: 'the same, against pg-boss', value: ratioOf(perCpu('ours'), perCpu('boss')), least: 1.5 },
      {
        what: 'most orders/s, against graphile-worker',
        value: (most.ours ?? 0) / (most.graphile ?? 1),
        least: 1,
      },
      ...PROCESSES.map((one) => ({ what: `MB of ${one} at its peak`, value: memory(one), most: MOST_MB })),
    ],
  };
}
