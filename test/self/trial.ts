/** A copy of the tree with or without a patch, built there, and a short proof in it. Nothing is done to the tree itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from '../../local/prove/report.ts';
import type { Bug, Trial } from './bugs.ts';
import { applyPatch, type Patch } from './patch.ts';

const ROOT = join(import.meta.dirname, '../..');
const DATA = join(ROOT, '.data');
/** What a proof is built from and runs on. */
const COPIED = ['src', 'workers', 'local', 'migrations', 'package.json', 'Procfile'];
const CONFIGS = ['tsconfig.json', 'tsconfig.build.json'];

export interface Copy {
  /** Runs one proof with this seed. `report` is missing when it came to none. */
  prove(trial: Trial, seed: number, signal: AbortSignal): Promise<Proved>;
  remove(): void;
}

export interface Proved {
  readonly code: number | null;
  readonly report: Report | undefined;
  readonly seconds: number;
  /** The end of what it printed. */
  readonly output: string;
}

/** A proof that fails for another reason than the bug's own has caught nothing. */
export const isCaught = ({ shows }: Bug, { code, report }: Proved): boolean =>
  code === 1 && shows.some((reason) => (report?.reasons[reason] ?? 0) > 0);

/** Copies, patches and builds. Throws when the patch does not apply or what it makes does not compile. */
export async function openCopy(patch: Patch | undefined, signal: AbortSignal): Promise<Copy> {
  const place = join(DATA, 'self', `${process.pid}-${Date.now()}`);
  const inCopy = (name: string) => join(place, name);
  const remove = () => rmSync(place, { recursive: true, force: true });
  try {
    mkdirSync(inCopy('.data'), { recursive: true });
    for (const name of [...COPIED, ...CONFIGS]) cpSync(join(ROOT, name), inCopy(name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), inCopy('node_modules'));
    // A Redis that was unpacked need not be unpacked for every copy. None can be unpacked into a link.
    if (existsSync(join(DATA, 'redis-binaries')))
      symlinkSync(join(DATA, 'redis-binaries'), inCopy('.data/redis-binaries'));
    if (patch)
      applyPatch(
        patch,
        (file) => readFileSync(inCopy(file), 'utf8'),
        (file, text) => writeFileSync(inCopy(file), text),
      );
    await build(place, signal);
  } catch (error) {
    remove();
    throw error;
  }
  return { remove, prove: (trial, seed, until) => proveIn(place, trial, seed, until) };
}

async function build(place: string, signal: AbortSignal): Promise<void> {
  const tsc = join(ROOT, 'node_modules/@typescript/native/bin/tsc');
  // A patch may leave something unused: that is not its mistake.
  const args = ['-p', 'tsconfig.build.json', '--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];
  for (const step of [[tsc, ...args], [join(place, 'dist/local/bundle.js')]]) {
    const { code, output } = await runNode(place, step, signal);
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`it does not compile: ${output}`);
  }
}

async function proveIn(place: string, trial: Trial, seed: number, signal: AbortSignal): Promise<Proved> {
  const began = performance.now();
  const [directory, json] = [join(place, 'run'), join(place, 'report.json')];
  for (const one of [directory, json]) rmSync(one, { recursive: true, force: true });
  const options = [
    ...['--seconds', String(trial.seconds), '--rate', String(trial.rate), '--drain', String(trial.drain)],
    ...['--seed', String(seed), '--faults', trial.faults.join(), '--directory', directory, '--json', json],
  ];
  const prove = join(place, 'dist/local/prove.js');
  const { code, output } = await runNode(place, ['--enable-source-maps', prove, ...options], signal);
  signal.throwIfAborted();
  const report = existsSync(json) ? (JSON.parse(readFileSync(json, 'utf8')) as Report) : undefined; // our own
  return { code, report, seconds: (performance.now() - began) / 1_000, output: output.slice(-4_000) };
}

/** Resolves when it has ended. The signal becomes a SIGTERM: what it has started ends with it. */
async function runNode(cwd: string, args: readonly string[], signal: AbortSignal) {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const ask = () => void child.kill('SIGTERM');
  signal.addEventListener('abort', ask);
  if (signal.aborted) ask();
  try {
    return await endOf(child);
  } finally {
    signal.removeEventListener('abort', ask);
  }
}

function endOf(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
