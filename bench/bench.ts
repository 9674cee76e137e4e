/** `npm run bench`: everything that is measured, in one run, and what it comes to. Exit code 0 when all that is asked of it is kept. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sql } from 'drizzle-orm';
import { run } from '../src/database.ts';
import { compareDesk } from './comparisons/desk.ts';
import { compareGrowth } from './comparisons/growth.ts';
import { compareLatency } from './comparisons/latency.ts';
import { compareLimit } from './comparisons/limit.ts';
import { compareNotifier } from './comparisons/notifier.ts';
import { compareOrders } from './comparisons/orders.ts';
import { compareRelay } from './comparisons/relay.ts';
import { soak } from './comparisons/soak.ts';
import { compareSustained } from './comparisons/sustained.ts';
import { openPlace, type Place } from './lib/place.ts';
import {
  type Comparison,
  chart,
  chartFile,
  isKept,
  type Measured,
  markdown,
  number,
  type Plan,
  shown,
} from './lib/report.ts';
import { ROOT } from './lib/root.ts';

const COMPARISONS: Readonly<Record<string, (place: Place, plan: Plan) => Promise<Comparison>>> = {
  orders: compareOrders,
  relay: compareRelay,
  latency: compareLatency,
  sustained: compareSustained,
  notifier: compareNotifier,
  limit: compareLimit,
  growth: compareGrowth,
  desk: compareDesk,
  soak, // last: half an hour
};

const USAGE = `Usage: npm run bench -- [options]

Measures the system on this machine against what a user would take instead, side by side, and writes docs/benchmarks.md with its charts, and
docs/benchmarks.json. All of it takes two hours. Nothing else should run meanwhile. Everything stays on this machine, of whose disk growth takes 12 GB while it runs.

  --only <names>   some of ${Object.keys(COMPARISONS).join(', ')}: what is written of the others stays
  --rounds <n>     counted rounds (5)
  --seconds <n>    of one measurement (8)
  --short          a minute or two that show that everything runs; nothing is written, and the figures say nothing

Exit code: 0 all that is asked of it is kept (always, if short), 1 something is not, 2 these words make no sense.`;

/** As shells say it of a process that somebody has interrupted. */
const INTERRUPTED = 130;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  let values: { only?: string; rounds?: string; seconds?: string; short?: boolean; help?: boolean };
  let plan: Plan;
  let names: readonly string[];
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: { only: text, rounds: text, seconds: text, short: flag, help: { ...flag, short: 'h' } },
    }));
    names = values.only?.split(',') ?? Object.keys(COMPARISONS);
    const unknown = names.filter((name) => !(name in COMPARISONS));
    if (unknown.length > 0) throw new Error(`nothing is called ${unknown.join(', ')}`);
    plan = planOf(
      values.short ?? false,
      count('rounds', values.rounds ?? '5'),
      count('seconds', values.seconds ?? '8'),
    );
  } catch (error) {
    say(`✗ ${error instanceof Error ? error.message : error}`);
    return 2;
  }
  if (values.help) {
    say(USAGE);
    return 0;
  }
  const place = await openPlace();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void place.close().finally(() => process.exit(INTERRUPTED)));
  try {
    const found: Comparison[] = [];
    for (const name of names) {
      const compare = COMPARISONS[name];
      if (!compare) continue;
      const one = await compare(place, plan);
      found.push(one);
      if (!plan.short) await write(place, one, plan); // what comes later may fail
    }
    return tell(found, plan);
  } finally {
    await place.close();
  }
}

function count(name: string, text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`--${name} is to be a number from 1 to 999`);
  return Number(text);
}

function planOf(short: boolean, rounds: number, seconds: number): Plan {
  return {
    rounds: short ? 1 : rounds,
    seconds: short ? 1 : seconds,
    short,
    show: shown,
    onRound: (what) => (round, name, figures) => {
      const told = Object.entries(figures).map(([figure, value]) => `${figure} ${number(value)}`);
      say(`${what}, ${round === 0 ? 'warm-up' : `round ${round}`}: ${name.padEnd(9)} ${told.join(', ')}`);
    },
  };
}

function tell(found: readonly Comparison[], { short }: Plan): number {
  say('');
  let isAllKept = true;
  for (const ratio of found.flatMap(({ ratios }) => ratios)) {
    const asked = ratio.least === undefined ? `at most ${ratio.most}` : `at least ${ratio.least}`;
    isAllKept &&= isKept(ratio);
    say(`${isKept(ratio) ? '✓' : '✗'} ${ratio.what}: ${number(ratio.value)} (${asked})`);
  }
  return short || isAllKept ? 0 : 1;
}

async function write({ db }: Place, found: Comparison, { rounds }: Plan): Promise<void> {
  const [row] = await run<{ version: string }>(db, sql`select current_setting('server_version') as version`);
  const machine =
    `Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, ` +
    `Node ${process.versions.node}, Postgres ${row?.version}, private stores with their usual settings, ${rounds} rounds.`;
  const docs = join(ROOT, 'docs');
  const file = join(docs, 'benchmarks.json');
  const all = Object.keys(COMPARISONS).flatMap((name) =>
    name === found.name ? { ...found, machine } : earlier(file, name),
  );
  mkdirSync(join(docs, 'images'), { recursive: true });
  writeFileSync(join(docs, chartFile(found)), chart(found));
  writeFileSync(join(docs, 'benchmarks.md'), markdown(all, 'npm run bench'));
  writeFileSync(file, `${JSON.stringify({ comparisons: all }, null, 1)}\n`);
}

/** What an earlier run has written of it. */
function earlier(file: string, name: string): Measured[] {
  if (!existsSync(file)) return [];
  const { comparisons }: { comparisons: Measured[] } = JSON.parse(readFileSync(file, 'utf8'));
  return comparisons.filter((one) => one.name === name);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
