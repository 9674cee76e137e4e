/** The command line of `npm run fuzz`. */
import { parseArgs } from 'node:util';

export interface Options {
  readonly requests: number;
  readonly seed: number;
  readonly concurrency: number;
  /** Sends the request of that number alone, as the same seed makes it. */
  readonly only: number | undefined;
  /** Where the report is written as JSON. */
  readonly json: string | undefined;
}

const LARGEST_SEED = 4_294_967_295;

const USAGE = `Usage: npm run fuzz -- [options]

Starts private servers and the web process, reads the API's own document from it, and sends requests that follow from the seed:
valid ones, and ones that are broken in every way that the document and HTTP offer. Every answer must be one that the document
describes, none may be a 5xx, and the process must log no error.

  --requests <n>     how many (50000)
  --seed <n>         decides every request (by chance, and printed)
  --concurrency <n>  how many are under way at a time (16)
  --only <n>         sends the request of that number alone, and prints it with its answer
  --json <file>      writes the report there too

Exit code: 0 nothing was found, 1 something was or the run could not go on, 2 these words make no sense, 130 interrupted.`;

/** Throws an Error that says what is wrong with the words. `print` is a text to print in place of a run. */
export function readOptions(args: readonly string[]): Options | { readonly print: string } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ requests: text, seed: text, concurrency: text, only: text, json: text },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return { print: USAGE };
  const chance = String(Math.floor(Math.random() * 1_000_000));
  return {
    requests: wholeNumber('requests', values.requests ?? '50000', 1, 10_000_000),
    seed: wholeNumber('seed', values.seed ?? chance, 0, LARGEST_SEED),
    concurrency: wholeNumber('concurrency', values.concurrency ?? '16', 1, 256),
    only: values.only === undefined ? undefined : wholeNumber('only', values.only, 0, 10_000_000),
    json: values.json,
  };
}

export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new Error(`--${name} must be a whole number from ${least} to ${most}`);
}
