/**
 * `npm run prove`: whether the promises hold, shown on this machine: real processes, real stores, every fault that the
 * seed asks for, and each letter counted. Its exit code is 0 only when nothing was lost and nothing sent twice.
 */
import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { inspect } from 'node:util';
import { type Options, readOptions } from './prove/options.ts';
import { prepareProof, prove } from './prove/proof.ts';
import { tell } from './prove/report.ts';
import { onStop } from './stop.ts';

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

process.exitCode = await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if ('print' in options) say(options.print);
    else return await proveAndTell(options);
    return 0;
  } catch (error) {
    say(`✗ ${error instanceof Error ? error.message : error}`);
    return EXIT_USAGE;
  }
}

async function proveAndTell(options: Options): Promise<number> {
  const directory = prepareProof(options.directory);
  const stop = onStop();
  const closers: (() => Promise<unknown>)[] = [];
  let keep = false;
  say(
    `Proof with seed ${options.seed}: ${options.seconds} s, ${options.rate} orders per second, in ${directory}\n`,
  );
  try {
    const report = await prove({
      ...{ options, directory, say, signal: stop.signal },
      onClose: (close) => closers.push(close),
      // An end cut short waits for nobody, and what is frozen can't end.
      onExit: (act) => process.once('exit', act),
    });
    keep = !report.passed;
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
    say(`\n${tell(report)}`);
    return report.passed ? 0 : 1;
  } catch (error) {
    if (stop.signal.aborted) return EXIT_INTERRUPTED;
    keep = true;
    say(`✗ ${inspect(error)}`);
    return 1;
  } finally {
    for (const close of closers.reverse()) await close().catch((error: unknown) => say(`✗ ${error}`));
    if (keep) say(`\n  Letters, orders, the ledger and all logs are in ${directory}`);
    else await rm(directory, { recursive: true, force: true });
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
