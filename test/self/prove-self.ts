/**
 * `npm run prove:self`: whether the proof can fail. Each seeded bug is patched into a copy of the tree and has to be caught
 * there, by a short `npm run prove`, which runs the real code, or else by the model, in which a mutation stands for it. The
 * same proofs of a copy without a patch have to pass.
 */
import { parseArgs } from 'node:util';
import type { Report } from '../../local/prove/report.ts';
import { onStop } from '../../local/stop.ts';
import { CODE, MUTATIONS } from '../model/rules.ts';
import { search } from '../model/search.ts';
import { BUGS, type Bug, patchOf, TRIALS } from './bugs.ts';
import { type Copy, isCaught, openCopy, type Proved } from './trial.ts';

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
/** Of all bugs so many at least. */
const MAY_ESCAPE = 1;

interface Row {
  readonly bug: Bug;
  /** Nothing when it was not caught. */
  readonly by: 'prove' | 'the model' | undefined;
  readonly showed: string;
  readonly seconds: number;
  readonly proofs: number;
}

/** A proof that has caught something: it must pass without the bug. */
type Caught = readonly [trial: keyof typeof TRIALS, seed: number];

async function run(args: readonly string[]): Promise<number> {
  const stop = onStop();
  try {
    const bugs = chosen(args);
    return await proveAll(bugs, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return EXIT_INTERRUPTED;
    say(`✗ ${error instanceof Error ? error.message : error}`);
    return EXIT_USAGE;
  }
}

function chosen(args: readonly string[]): readonly Bug[] {
  const { values } = parseArgs({ args: [...args], options: { only: { type: 'string' } } });
  const names = values.only?.split(',') ?? BUGS.map(({ name }) => name);
  const unknown = names.filter((name) => !BUGS.some((bug) => bug.name === name));
  if (unknown.length > 0)
    throw new Error(
      `no such bug: ${unknown.join(', ')}. There are ${BUGS.map(({ name }) => name).join(', ')}`,
    );
  return BUGS.filter(({ name }) => names.includes(name));
}

async function proveAll(bugs: readonly Bug[], signal: AbortSignal): Promise<number> {
  const began = performance.now();
  const rows: Row[] = [];
  const controls = new Map<string, Caught>();
  for (const bug of bugs) {
    const { row, caught } = await proveOne(bug, signal);
    rows.push(row);
    if (caught) controls.set(caught.join(), caught);
    say(`  ${row.by ? '✓' : '✗'} ${bug.name}: ${row.by ?? 'not caught'}, ${row.showed}\n`);
  }
  const failed = await proveControls([...controls.values()], signal);

  const escaped = rows.filter(({ by }) => by === undefined);
  const passed = escaped.length <= (bugs.length === BUGS.length ? MAY_ESCAPE : 0) && failed.length === 0;
  say(['', ...table(rows), '', ...failed].join('\n'));
  say(
    `${passed ? '✓' : '✗'} ${rows.length - escaped.length} of ${rows.length} bugs were caught; ` +
      `${controls.size - failed.length} of ${controls.size} proofs pass without them. ` +
      `It took ${Math.round((performance.now() - began) / 1_000)} s.`,
  );
  return passed ? 0 : 1;
}

async function proveOne(bug: Bug, signal: AbortSignal): Promise<{ row: Row; caught?: Caught }> {
  say(`${bug.name}: ${patchOf(bug).words}`);
  const { trial } = bug;
  const proved = trial && (await tryProofs(bug, trial, signal));
  if (proved?.caught) return proved;
  return { row: { seconds: 0, proofs: 0, ...proved?.row, bug, ...askModel(bug) } };
}

/** One seed after another, until it is caught. */
async function tryProofs(
  bug: Bug,
  trial: keyof typeof TRIALS,
  signal: AbortSignal,
): Promise<{ row: Row; caught?: Caught }> {
  const copy = await openCopy(patchOf(bug), signal);
  let seconds = 0;
  let proofs = 0;
  try {
    for (const seed of TRIALS[trial].seeds) {
      const proved = await proveWith(copy, trial, seed, signal);
      seconds += proved.seconds;
      proofs += 1;
      const showed = inWords(proved.report?.reasons ?? {});
      if (isCaught(bug, proved))
        return { row: { bug, by: 'prove', showed, seconds, proofs }, caught: [trial, seed] };
    }
  } finally {
    copy.remove();
  }
  return { row: { bug, by: undefined, showed: '', seconds, proofs } };
}

async function proveWith(
  copy: Copy,
  name: keyof typeof TRIALS,
  seed: number,
  signal: AbortSignal,
): Promise<Proved> {
  const proved = await copy.prove(TRIALS[name], seed, signal);
  const verdict = proved.report ? inWords(proved.report.reasons) || 'nothing wrong' : 'no report';
  say(`  ${name}, seed ${seed}: exit code ${proved.code} after ${proved.seconds.toFixed(0)} s, ${verdict}`);
  if (!proved.report) say(proved.output.replace(/^/gm, '    | '));
  return proved;
}

const inWords = (reasons: Report['reasons']): string =>
  Object.entries(reasons)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');

/** A mutation that breaks what it says, in a world in which the code as it is breaks nothing. */
function askModel({ mutation }: Bug): Pick<Row, 'by' | 'showed'> {
  if (!mutation) return { by: undefined, showed: 'and nothing in the model stands for it' };
  const { rules, breaks, messages, bounds } = MUTATIONS[mutation];
  const { broken } = search({ messages, bounds, rules });
  const sound = search({ messages, bounds, rules: CODE }).broken === undefined;
  if (!sound || broken?.invariant !== breaks) return { by: undefined, showed: `nor by ${mutation}` };
  return { by: 'the model', showed: `${mutation} breaks “${breaks}” in ${broken.trace.length} steps` };
}

/** The complaints. */
async function proveControls(controls: readonly Caught[], signal: AbortSignal): Promise<string[]> {
  if (controls.length === 0) return [];
  say('without a bug');
  const copy = await openCopy(undefined, signal);
  const failed: string[] = [];
  try {
    for (const [trial, seed] of controls) {
      const { code } = await proveWith(copy, trial, seed, signal);
      if (code !== 0)
        failed.push(`✗ the proof ${trial} with seed ${seed} does not pass without a bug either`);
    }
  } finally {
    copy.remove();
  }
  return failed;
}

function table(rows: readonly Row[]): string[] {
  const cells = rows.map(({ bug, by, showed, seconds, proofs }) => [
    bug.name,
    by ?? '–',
    proofs === 0 ? '–' : `${proofs} in ${Math.round(seconds)} s`,
    showed,
  ]);
  const all = [['bug', 'caught by', 'proofs', 'what it showed'], ...cells];
  const widths = all.reduce<number[]>(
    (most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)),
    [],
  );
  return all.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd());
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await run(process.argv.slice(2));
