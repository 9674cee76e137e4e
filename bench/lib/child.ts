/** Processes that are measured: each on this run's Node, in its own process, until it is stopped. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import './orphan.ts';

export interface Child {
  readonly pid: number;
  /** @throws what it printed when it has ended by itself. */
  demandAlive(): void;
  /** Ends it; resolves when it is gone. */
  stop(): Promise<void>;
}

const GRACE_MS = 10_000;
const INHERITED = { PATH: process.env.PATH };

const WITH_CHANNEL: StdioOptions = ['ignore', 'pipe', 'pipe', 'ipc'];

/** Starts `node <args>` with that environment alone; resolves when `isUp` does not throw any more. */
export async function startServer(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  isUp: () => Promise<unknown>,
): Promise<Child> {
  const child = spawn(process.execPath, args, { env: { ...INHERITED, ...env }, stdio: WITH_CHANNEL });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => said.push(String(text)));
  process.once('exit', () => child.kill('SIGKILL'));
  const demandAlive = () => {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`${args.join(' ')} has ended:\n${said.join('')}`);
  };
  for (;;) {
    demandAlive();
    const up = await isUp().then(
      () => true,
      () => false,
    );
    if (up) break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return { pid: Number(child.pid), demandAlive, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const force = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  child.kill('SIGTERM');
  await once(child, 'exit');
  clearTimeout(force);
}

export interface Usage {
  /** Milliseconds of all cores so far. */
  readonly cpuMs: number;
  /** The most resident memory so far, in MB. */
  readonly mb: number;
  /** Its resident memory now, in MB. */
  readonly mbNow: number;
}

/** Linux counts CPU in hundredths of a second, on whatever machine. */
const TICK_MS = 10;

/** What a process has used; nothing is known of it where there is no Linux. */
export function usageOf(pid: number): Usage {
  if (process.platform !== 'linux') return { cpuMs: Number.NaN, mb: Number.NaN, mbNow: Number.NaN };
  const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
  // After its name, which may be anything in brackets, come eleven fields that say something else.
  const ticks = read('stat')
    .replace(/^.*\) /s, '')
    .split(' ')
    .slice(11, 13)
    .map(Number);
  const status = read('status');
  const memory = (line: string) => Number(new RegExp(`^${line}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1_024;
  return {
    cpuMs: ticks.reduce((sum, some) => sum + some, 0) * TICK_MS,
    mb: memory('VmHWM'),
    mbNow: memory('VmRSS'),
  };
}

/** Runs `node <args>` to its end, and answers the last line of what it printed, as JSON. @throws when it fails. */
export async function runToEnd<Result>(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Result> {
  const child = spawn(process.execPath, args, {
    env: { ...INHERITED, ...env },
    stdio: WITH_CHANNEL,
  });
  let last = '';
  let errors = '';
  child.stderr?.on('data', (text) => {
    errors += text;
  });
  if (child.stdout)
    createInterface(child.stdout).on('line', (line) => {
      last = line;
    });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}:\n${errors}`);
  return JSON.parse(last) as Result;
}
