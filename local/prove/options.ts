/** The command line of `npm run prove`. */
import { parseArgs } from 'node:util';
import { FAULT_NAMES, FAULTS, type FaultName, OUTAGE_NAMES } from './schedule.ts';

export interface Options {
  readonly seconds: number;
  /** Orders per second. */
  readonly rate: number;
  readonly seed: number;
  readonly faults: readonly FaultName[];
  /** In place of the seed's faults this one, for all of `seconds`, at the product's own timings: it may cost no letter. */
  readonly outage: FaultName | undefined;
  /** How long everything may take to be finished after the faults. */
  readonly drainSeconds: number;
  /** Undefined for one below `.data/prove`. */
  readonly directory: string | undefined;
  /** Where the report is written as JSON. */
  readonly json: string | undefined;
}

const LARGEST_SEED = 4_294_967_295;

const USAGE = `Usage: npm run prove -- [options]

Starts the Procfile's processes on private servers, places orders, makes faults that follow from the seed, and checks
that every acknowledged order has led to exactly one letter.

  --seconds <n>       how long orders are placed and faults made (60)
  --rate <n>          orders per second (20)
  --seed <n>          decides every fault: when, which, how long, whom (by chance, and printed)
  --faults <a,b>      only these (all)
  --list-faults       names and explains them
  --outage <fault>    in their place one fault alone, for all of --seconds, with the product's own timings. It must
                      also have put nothing among the dead letters; provider-letter that one letter
  --drain <n>         seconds that everything may take to be finished afterwards (120; 900 with --outage)
  --directory <path>  where servers, letters and logs lie (.data/prove/<time>); removed when all is well
  --json <file>       writes the report there too

Exit code: 0 every acknowledged order led to one letter, 1 a promise broke or the proof could not go on, 2 these words
make no sense, 130 interrupted.`;

/** Throws an Error that says what is wrong with the words. `help` and `list` are texts to print in place of a proof. */
export function readOptions(args: readonly string[]): Options | { readonly print: string } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{
        seconds: text,
        rate: text,
        seed: text,
        faults: text,
        outage: text,
        drain: text,
        directory: text,
        json: text,
      },
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
    outage: readOutage(values.outage, values.faults),
    drainSeconds: wholeNumber('drain', values.drain ?? (values.outage ? '900' : '120'), 1, 86_400),
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

function readOutage(text: string | undefined, faults: string | undefined): FaultName | undefined {
  if (text === undefined) return undefined;
  if (faults !== undefined) throw new Error('say --faults or --outage, not both');
  const name = OUTAGE_NAMES.find((known) => known === text);
  if (name) return name;
  const what = (FAULT_NAMES as readonly string[]).includes(text)
    ? `${text} can be no outage`
    : `no such outage: ${text}`;
  throw new Error(`${what}; there are ${OUTAGE_NAMES.join(', ')}`);
}

const listFaults = (): string =>
  [
    ...FAULT_NAMES.map((name) => {
      const mark = OUTAGE_NAMES.includes(name) ? '*' : ' ';
      return `${name.padEnd(24)}${mark} ${FAULTS[name].about}`;
    }),
    '* can be an --outage too',
  ].join('\n');
