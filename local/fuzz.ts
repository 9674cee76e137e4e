/**
 * `npm run fuzz`: whether the API is what its own document says, whatever is sent to it. Its exit code is 0 only when no answer
 * was a 5xx or one that the document does not describe, and the process has logged no error.
 */
import { writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { CREDENTIALS, openTarget } from './fuzz/installation.ts';
import { type Options, readOptions } from './fuzz/options.ts';
import { run, tell } from './fuzz/run.ts';
import { onStop } from './stop.ts';

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (!('print' in options)) return await fuzz(options);
    say(options.print);
    return 0;
  } catch (error) {
    say(`✗ ${error instanceof Error ? error.message : error}`);
    return EXIT_USAGE;
  }
}

async function fuzz(options: Options): Promise<number> {
  const stop = onStop();
  const closers: (() => Promise<unknown>)[] = [];
  say(`Fuzzing with seed ${options.seed}: ${options.requests} requests, ${options.concurrency} at a time\n`);
  try {
    const target = await openTarget('fuzz', say, (close) => closers.push(close), stop.signal);
    const report = await run({
      ...{ ...target, credentials: CREDENTIALS, signal: stop.signal },
      ...{
        seed: options.seed,
        requests: options.requests,
        concurrency: options.concurrency,
        only: options.only,
      },
      onAnswer: (probe, answers) => {
        if (options.only !== undefined) say(inspect({ probe, answers }, { depth: 4 }));
      },
    });
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
    say(tell(report));
    return report.findings.length === 0 ? 0 : 1;
  } catch (error) {
    if (stop.signal.aborted) return EXIT_INTERRUPTED;
    say(`✗ ${inspect(error)}`);
    return 1;
  } finally {
    for (const close of closers.reverse()) await close().catch((error: unknown) => say(`✗ ${error}`));
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
