/** Letters under the limit that the provider documents, five requests a second: many in one request, against one in each. */
import { runToEnd } from '../lib/child.ts';
import { forgetOrders, type Place } from '../lib/place.ts';
import type { Comparison, Plan } from '../lib/report.ts';
import { type Figures, inTurns, median } from '../lib/stats.ts';

const NAMES: Readonly<Record<string, string>> = {
  ours: 'this system',
  two: 'the same, two notifiers',
  bare: 'a bare worker of BullMQ with its limiter',
};
const LETTERS = 2_500;
/** A letter for each request takes its time. */
const BARE = 50;

export async function compareLimit(place: Place, plan: Plan): Promise<Comparison> {
  const [some, few] = plan.short ? [300, 6] : [LETTERS, BARE];
  const send = (who: string, letters: number, processes: number) => async () => {
    await forgetOrders(place);
    return runToEnd<Figures>(['bench/runs/limit.ts', who, String(letters), String(processes)], place.env);
  };
  const all = await inTurns(
    {
      ours: send('ours', some, 1),
      ...(plan.short ? {} : { two: send('ours', some, 2) }),
      bare: send('bare', few, 1),
    },
    plan.rounds,
    plan.onRound('limit'),
    plan.short ? 1 : 0,
  );
  const perSecond = (name: string) => all[name]?.perSecond ?? [];
  return {
    name: 'limit',
    title: 'Five requests a second',
    text:
      `The provider takes five requests a second of an account, and answers 429 to the others. ${some.toLocaleString('en')} letters wait (for the bare worker, which sends one with ` +
      `each request, ${few}). The clock runs from the first request to the last acceptance: what is sent with the last one takes no time, so that both figures ` +
      'come out a little high where there are few requests.',
    columns: ['who', 'letters/s', 'requests/s', 'refused (429)'],
    rows: Object.entries(all).map(([name, series]) => [
      NAMES[name] ?? name,
      ...['perSecond', 'requests', 'refused'].map((figure) => plan.show(series[figure])),
    ]),
    chart: {
      unit: 'letters/s at 5 requests/s',
      bars: Object.keys(all).map((name) => ({ name: NAMES[name] ?? name, values: perSecond(name) })),
    },
    ratios: [{ what: 'letters/s at 5 requests/s', value: median(perSecond('ours')), least: 400 }],
  };
}
