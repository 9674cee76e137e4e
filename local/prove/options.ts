/** The command line of `npm run prove`. */
import { parseArgs } from 'node:util';
import { FAULT_NAMES, FAULTS, type FaultName } from './schedule.ts';

export interface Options {
  readonly seconds: number;
  /** Orders per second. */
  readonly rate: number;
  readonly seed: number;
  readonly faults: readonly FaultName[];
  /** How long everything may take to be finished after the faults. */
  readonly drainSeconds: number;
  /** Undefined for one below `.data/prove`. */
  readonly directory: string | undefined;
  /** Where the report is written as JSON. */
  readonly json: string | undefined;
}

const LARGEST_SEED = 4_294_967_295;

const USAGE = `Usage: npm run prove -- [--seconds 60] [--rate 20] [--seed <number>] [--faults kill,clock,…] [--list-faults]
                         [--drain 120] [--directory <path>] [--json <file>]

Starts the Procfile's processes on private servers, places orders, makes faults that follow from the seed, and checks
that every acknowledged order has led to exactly one letter. Exits with 0 only when that is so.`;

/** Throws an Error that says what is wrong with the words. `help` and `list` are texts to print in place of a proof. */
export function readOptions(args: readonly string[]): Options | { readonly print: string } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ seconds: text, rate: text, seed: text, faults: text, drain: text, directory: text, json: text },
      'list-faults': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return { print: USAGE };
  if (values['list-faults']) return { print: listFaults() };
  return {
    seconds: wholeNumber('seconds', values.seconds ?? '60', 1, 86_400),
    rate: wholeNumber('rate', values.rate ?? '20', 1, 1_000),
    seed: wholeNumber('seed', values.seed ?? String(Math.floor(Math.random() * 1_000_000)), 0, LARGEST_SEED),
    faults: readFaults(values.faults),
    drainSeconds: wholeNumber('drain', values.drain ?? '120', 1, 86_400),
    directory: values.directory,
    json: values.json,
  };
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new Error(`--${name} must be a whole number from ${least} to ${most}`);
}

function readFaults(text: string | undefined): readonly FaultName[] {
  if (text === undefined) return FAULT_NAMES;
  const words = text.split(',').filter((word) => word !== '');
  const unknown = words.filter((word) => !(FAULT_NAMES as readonly string[]).includes(word));
  if (unknown.length > 0) throw new Error(`no such fault: ${unknown.join(', ')}; see --list-faults`);
  return FAULT_NAMES.filter((name) => words.includes(name));
}

const listFaults = (): string =>
  FAULT_NAMES.map((name) => `${name.padEnd(24)} ${FAULTS[name].about}`).join('\n');
