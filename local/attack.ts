/**
 * `npm run attack`: what slow senders and idle connections cost those who order. Quiet and attacked stretches take turns in one run;
 * its exit code is 0 only when no order failed and the attacked p99 is at most twice the quiet one.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { openShop, quantile, type Sample } from './attack/orders.ts';
import type { AttackOrder, AttackReport } from './attack/slow.ts';
import { CREDENTIALS, openTarget } from './fuzz/installation.ts';
import { wholeNumber } from './fuzz/options.ts';
import { onStop } from './stop.ts';

const MOST_RATIO = 2;
const ATTACKED_SECONDS = 60;
const QUIET_SECONDS = 30;

const USAGE = `Usage: npm run attack -- [options]

Starts private servers and the web process, orders at a steady pace, and meanwhile sends bodies and headers byte by byte and keeps idle
connections, in stretches with quiet ones in between. Everything stays on this machine.

  --seconds <n>      how long it attacks in all (600), in stretches of a minute after half a minute of quiet each
  --connections <n>  how many attackers at a time (1000)
  --rate <n>         ordinary orders per second (50)

Exit code: 0 the attacked p99 is at most twice the quiet one and no order failed, 1 otherwise, 2 these words make no sense.`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { seconds: text, connections: text, rate: text, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) {
      say(USAGE);
      return 0;
    }
    return await attack({
      seconds: wholeNumber('seconds', values.seconds ?? '600', 1, 3_600),
      connections: wholeNumber('connections', values.connections ?? '1000', 1, 4_000),
      rate: wholeNumber('rate', values.rate ?? '50', 1, 1_000),
    });
  } catch (error) {
    say(`✗ ${error instanceof Error ? error.message : error}`);
    return 2;
  }
}

interface Options {
  readonly seconds: number;
  readonly connections: number;
  readonly rate: number;
}

async function attack({ seconds, connections, rate }: Options): Promise<number> {
  const stop = onStop();
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const { port, log } = await openTarget('attack', say, (close) => closers.push(close), stop.signal);
    const shop = await openShop(port, CREDENTIALS.apiKey);
    const order = { port, apiKey: CREDENTIALS.apiKey, connections };
    const quiet: Sample[] = [];
    const attacked: Sample[] = [];
    const reports: AttackReport[] = [];
    await shop.order(Math.min(seconds, 5), rate, stop.signal); // until everything is warm
    for (let left = seconds; left > 0 && !stop.signal.aborted; left -= ATTACKED_SECONDS) {
      const stretch = Math.min(left, ATTACKED_SECONDS);
      quiet.push(await shop.order(Math.min(stretch, QUIET_SECONDS), rate, stop.signal));
      const { sample, report } = await underAttack(order, () => shop.order(stretch, rate, stop.signal));
      attacked.push(sample);
      reports.push(report);
      say(
        `  ${seconds - left + stretch} s: p99 ${ms(quantile(attacked.at(-1)?.times ?? [], 0.99))} attacked, ${ms(quantile(quiet.at(-1)?.times ?? [], 0.99))} before`,
      );
    }
    return tell(quiet, attacked, reports, log());
  } finally {
    for (const close of closers.reverse()) await close().catch((error: unknown) => say(`✗ ${error}`));
  }
}

async function underAttack(
  order: AttackOrder,
  act: () => Promise<Sample>,
): Promise<{ sample: Sample; report: AttackReport }> {
  const attackers = new Worker(new URL('./attack/slow.js', import.meta.url), { workerData: order });
  const gone = once(attackers, 'exit');
  const sample = await act();
  attackers.postMessage('enough');
  const [report] = (await once(attackers, 'message')) as [AttackReport]; // the only one it sends
  await gone;
  return { sample, report };
}

function tell(
  quiet: readonly Sample[],
  attacked: readonly Sample[],
  reports: readonly AttackReport[],
  log: readonly string[],
): number {
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  const row = (name: string, samples: readonly Sample[]) => {
    const times = samples.flatMap((sample) => sample.times);
    const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
    const failed = sum(samples.map((sample) => sample.failed));
    say(
      `  ${name.padEnd(10)}${String(times.length).padStart(8)}${String(failed).padStart(8)}${[p50, p99, Math.max(...times)].map((value) => ms(value).padStart(12)).join('')}`,
    );
    return { p99, failed };
  };
  say('\n              orders  failed         p50         p99         max');
  const calm = row('quiet', quiet);
  const hurt = row('attacked', attacked);
  say(
    `  attackers: ${sum(reports.map(({ opened }) => opened))} connections, ${sum(reports.map(({ cut }) => cut))} of them cut off by the server`,
  );
  const errors = log.filter((line) => /"level":(?:50|60)/.test(line) || / ended: /.test(line));
  for (const line of errors.slice(0, 5)) say(`  ${line}`);
  const ratio = hurt.p99 / calm.p99;
  const good = ratio <= MOST_RATIO && calm.failed + hurt.failed + errors.length === 0;
  say(
    `\n${good ? '✓' : '✗'} The attacked p99 is ${ratio.toFixed(2)} times the quiet one (at most ${MOST_RATIO}).`,
  );
  return good ? 0 : 1;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
