/** Letters to a provider without a limit: against a worker that makes the same requests for the same jobs and keeps no ledger. */
import { runToEnd } from '../lib/child.ts';
import { forgetOrders, type Place } from '../lib/place.ts';
import type { Comparison, Plan } from '../lib/report.ts';
import { type Figures, inTurns, type Series } from '../lib/stats.ts';

const NAMES: Readonly<Record<string, string>> = {
  ours: 'this system',
  bare: 'a bare worker of BullMQ',
};
const LETTERS = 10_000;
const SHOWN_MS = 0;

export async function compareNotifier(place: Place, plan: Plan): Promise<Comparison> {
  const some = plan.short ? 300 : LETTERS;
  const rows: (string | number)[][] = [];
  let drawn: Record<string, Series> = {};
  for (const delayMs of plan.short ? [SHOWN_MS] : [SHOWN_MS, 100]) {
    const send = (who: string) => async () => {
      await forgetOrders(place);
      return runToEnd<Figures>(['bench/runs/notifier.ts', who, String(some), String(delayMs)], place.env);
    };
    const all = await inTurns(
      { ours: send('ours'), bare: send('bare') },
      plan.rounds,
      plan.onRound(`notifier, ${delayMs} ms`),
      plan.short ? 1 : 0,
    );
    if (delayMs === SHOWN_MS) drawn = all;
    for (const [name, series] of Object.entries(all))
      rows.push([
        delayMs,
        NAMES[name] ?? name,
        ...['perSecond', 'cpuMs', 'mb'].map((figure) => plan.show(series[figure])),
      ]);
  }
  return {
    name: 'notifier',
    title: 'From the queue to the provider',
    text:
      `Letters per second of one process that may have 200 in hand, from the first request to the last of ${some.toLocaleString('en')} acceptances, with a provider ` +
      'that answers at once, or after 100 ms, and limits nobody. The bare worker makes the same requests for the same jobs and keeps no ledger. It is ' +
      'started from its TypeScript, which takes some 20 MB of its memory.',
    columns: ['answer after, ms', 'who', 'letters/s', 'CPU per letter, ms', 'resident memory at most, MB'],
    rows,
    chart: {
      unit: 'letters/s, answered at once',
      bars: Object.entries(drawn).map(([name, series]) => ({
        name: NAMES[name] ?? name,
        values: series.perSecond ?? [],
      })),
    },
    ratios: [],
  };
}
