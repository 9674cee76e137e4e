/** A long run at a rate that leaves the machine time: whether any process keeps what it no longer needs. */
import { runToEnd } from '../lib/child.ts';
import { forgetOrders, type Place } from '../lib/place.ts';
import { type Comparison, number, type Plan } from '../lib/report.ts';
import type { Figures } from '../lib/stats.ts';

const PROCESSES = ['web', 'relay', 'notifier', 'monitor'];
/** Orders a second. */
const RATE = 100;
const MINUTES = 30;
const MOST_MB = 200;
/** The last quarter against the second: the first is still warming up. */
const MOST_GROWTH = 1.1;

export async function soak(place: Place, plan: Plan): Promise<Comparison> {
  const seconds = plan.short ? 2 : MINUTES * 60;
  await forgetOrders(place);
  const figures = await runToEnd<Figures>(
    ['bench/runs/sustained.ts', 'sharing', String(RATE), String(seconds)],
    place.env,
  );
  plan.onRound('soak')(1, 'ours', figures);
  const quarter = (one: string, q: number) => figures[`${one}Q${q}`] ?? Number.NaN;
  return {
    name: 'soak',
    title: 'A long run',
    text:
      `${RATE} orders a second for ${MINUTES} minutes, with five requests to the provider a second. Resident memory of each process, in MB: the middle of each quarter of ` +
      'that time, and the most at any moment.',
    columns: ['process', 'first quarter', 'second', 'third', 'last', 'most'],
    rows: PROCESSES.map((one) => [
      one,
      ...[1, 2, 3, 4].map((q) => number(quarter(one, q))),
      number(figures[one] ?? Number.NaN),
    ]),
    chart: {
      unit: 'MB, in the last quarter',
      bars: PROCESSES.map((one) => ({ name: one, values: [quarter(one, 4)] })),
    },
    ratios: PROCESSES.flatMap((one) => [
      {
        what: `memory of ${one}, the last quarter against the second`,
        value: quarter(one, 4) / quarter(one, 2),
        most: MOST_GROWTH,
      },
      { what: `MB of ${one} at its peak`, value: figures[one] ?? Number.NaN, most: MOST_MB },
    ]),
  };
}
