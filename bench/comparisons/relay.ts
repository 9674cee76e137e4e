/** Draining staged messages into the queue: against `addBulk` of the same jobs, and against the loop that everybody writes first. */
import { runToEnd } from '../lib/child.ts';
import { forgetOrders, type Place } from '../lib/place.ts';
import type { Comparison, Plan } from '../lib/report.ts';
import { type Figures, inTurns, ratioOf } from '../lib/stats.ts';

const NAMES: Readonly<Record<string, string>> = {
  ours: 'the relay',
  bare: 'bare `addBulk` of the same jobs',
  textbook: 'ten rows, then one `add` and one update each',
};
const MESSAGES = 100_000;
const TEXTBOOK = 5_000;

export async function compareRelay(place: Place, plan: Plan): Promise<Comparison> {
  const some = plan.short ? 5_000 : MESSAGES;
  const drain = (who: string, count: number) => async () => {
    await forgetOrders(place);
    return runToEnd<Figures>(['bench/runs/relay.ts', who, String(count)], place.env);
  };
  const all = await inTurns(
    {
      ours: drain('ours', some),
      bare: drain('bare', some),
      textbook: drain('textbook', Math.min(some, TEXTBOOK)),
    },
    plan.rounds,
    plan.onRound('relay'),
    plan.short ? 1 : 0,
  );
  const perSecond = (name: string) => all[name]?.perSecond ?? [];
  return {
    name: 'relay',
    title: 'From the outbox into the queue',
    text:
      `${some.toLocaleString('en')} staged messages are drained at once (by the textbook's loop ${Math.min(some, TEXTBOOK).toLocaleString('en')}: it takes its time). ` +
      'The relay reads them from Postgres, adds them to Redis and marks them; `addBulk` alone, batch by batch, has read them before its time began and marks ' +
      'nothing.',
    columns: ['who', 'messages/s', 'resident memory, MB'],
    rows: Object.entries(all).map(([name, series]) => [
      NAMES[name] ?? name,
      plan.show(series.perSecond),
      plan.show(series.mb),
    ]),
    chart: {
      unit: 'messages/s',
      bars: Object.keys(all).map((name) => ({ name: NAMES[name] ?? name, values: perSecond(name) })),
    },
    ratios: [
      {
        what: 'messages/s, against bare `addBulk`',
        value: ratioOf(perSecond('ours'), perSecond('bare')),
        least: 0.95,
      },
      {
        what: 'messages/s, against the textbook',
        value: ratioOf(perSecond('ours'), perSecond('textbook')),
        least: 15,
      },
    ],
  };
}
