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
const LADDER = [250, 320, 400, 500, 640, 800, 1_000, 1_250, 1_600, 2_000, 2_500, 3_200];
/** A rate is too high when nobody keeps it in so many tries. */
const TRIES = 2;
const MOST_MB = 200;

export async function compareSustained(place: Place, plan: Plan): Promise<Comparison> {
  const measure = (who: string, rate: number) => async () => {
    await forgetOrders(place);
    return runToEnd<Figures>(['bench/runs/sustained.ts', who, String(rate), String(plan.seconds)], place.env);
  };
  const contenders = plan.short ? ['ours', 'boss'] : Object.keys(NAMES);

  async function isKept(who: string, rate: number): Promise<boolean> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const figures = await measure(who, rate)().catch(() => ({ kept: 0 }) as Figures);
      plan.onRound(`sustained, ${rate} orders/s`)(tries + 1, who, figures);
      if (figures.kept) return true;
    }
    return false;
  }

  /** The highest rate at which nothing piles up. */
  async function climb(who: string): Promise<number> {
    let rate = RATE;
    for (const next of plan.short ? [] : LADDER) {
      if (!(await isKept(who, next))) break;
      rate = next;
    }
    return rate;
  }

  const inRounds = (rateOf: (who: string) => number, what: string) =>
    inTurns(
      Object.fromEntries(contenders.map((who) => [who, measure(who, rateOf(who))])),
      plan.rounds,
      plan.onRound(`sustained, ${what}`),
      plan.short ? 1 : 0,
    );

  const most: Record<string, number> = {};
  for (const who of contenders) most[who] = await climb(who);
  const atMost = await inRounds((who) => most[who] ?? RATE, 'the most that each can');
  const quiet = plan.short ? {} : await inRounds(() => RATE, `${RATE} orders/s`);

  const perCpu = (who: string) => atMost[who]?.perCpuSecond ?? [];
  const memory = (one: string) =>
    Math.max(...[atMost.ours, atMost.sharing].flatMap((series) => series?.[one] ?? []));
  const rowsOf = (all: Readonly<Record<string, Series>>, rateOf: (who: string) => number) =>
    Object.entries(all).map(([who, series]) => [
      rateOf(who),
      NAMES[who] ?? who,
      ...['perCpuSecond', 'transactions', 'p50', 'p99'].map((figure) => plan.show(series[figure])),
    ]);
  return {
    name: 'sustained',
    title: 'From the order to the accepted letter',
    text:
      'Orders over HTTP at the highest rate of a ladder at which neither letters pile up nor orders are late, each contender at its own, and then all at ' +
      `${RATE} a second. CPU seconds are those of everything on the machine but the client and the provider, which are one process and answer at once. The less there is to do, the ` +
      'fewer letters share a statement: at 200 a second each costs more. The peers read the order, send the same letter, and keep no record of what became of it. ' +
      `At their peaks our processes had ${PROCESSES.map((one) => `${one} ${Math.round(memory(one))} MB`).join(', ')}.`,
    columns: ['orders/s', 'who', 'orders per CPU second', 'transactions per order', 'p50, ms', 'p99, ms'],
    rows: [...rowsOf(atMost, (who) => most[who] ?? RATE), ...rowsOf(quiet, () => RATE)],
    chart: {
      unit: 'orders per CPU second, at the most that each can',
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
