/** From an order's commit to the start of its handler, at steady rates. */

import { runToEnd } from '../lib/child.ts';
import { forgetOrders, type Place } from '../lib/place.ts';
import type { Comparison, Plan } from '../lib/report.ts';
import { type Figures, inTurns, median } from '../lib/stats.ts';

const NAMES: Readonly<Record<string, string>> = {
  ours: 'this system',
  graphile: 'graphile-worker',
  boss: 'pg-boss',
  textbook: 'the textbook: a poll each second',
};
const MOST_MS: Readonly<Record<number, readonly [p50: number, p99: number]>> = {
  100: [3, 10],
  1000: [5, 60],
};

export async function compareLatency(place: Place, plan: Plan): Promise<Comparison> {
  const rates = plan.short ? [100] : [1, 100, 1_000];
  const rows: (string | number)[][] = [];
  const ratios: { what: string; value: number; most: number }[] = [];
  let at100: readonly { name: string; values: readonly number[] }[] = [];
  const seconds = plan.seconds;
  for (const rate of rates) {
    // A thousand a second is beyond what the textbook's loop can add.
    const names = Object.keys(NAMES).filter((name) => name !== 'textbook' || rate < 1_000);
    const all = await inTurns(
      Object.fromEntries(
        names.map((name) => [
          name,
          async () => {
            await forgetOrders(place);
            return runToEnd<Figures>(
              ['bench/runs/latency.ts', name, String(rate), String(seconds)],
              place.env,
            );
          },
        ]),
      ),
      rate === 1 ? Math.min(2, plan.rounds) : plan.rounds,
      plan.onRound(`latency, ${rate} orders/s`),
      plan.short ? 1 : 0,
    );
    for (const [name, series] of Object.entries(all))
      rows.push([rate, NAMES[name] ?? name, plan.show(series.p50), plan.show(series.p99)]);
    if (rate === 100)
      at100 = names
        .filter((name) => name !== 'textbook')
        .map((name) => ({ name: NAMES[name] ?? name, values: all[name]?.p50 ?? [] }));
    const [p50, p99] = MOST_MS[rate] ?? [];
    if (p50 !== undefined && p99 !== undefined)
      ratios.push(
        { what: `milliseconds at ${rate} orders/s, p50`, value: median(all.ours?.p50 ?? []), most: p50 },
        { what: `milliseconds at ${rate} orders/s, p99`, value: median(all.ours?.p99 ?? []), most: p99 },
      );
  }
  return {
    name: 'latency',
    title: 'From the commit to the handler',
    text:
      'Milliseconds from when the one who placed an order knows that it is committed until its handler starts. Orders come at a steady rate; one process places them ' +
      'and handles the jobs, fifty at a time. At one order a second a figure is of a few orders only.',
    columns: ['orders/s', 'who', 'p50, ms', 'p99, ms'],
    rows,
    chart: { unit: 'ms, p50 at 100 orders/s', bars: at100 },
    ratios,
  };
}
