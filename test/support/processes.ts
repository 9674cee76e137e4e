/** Real processes for tests: started from what is built, as the Procfile does, and ended by their own pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { argumentsOf } from '../../local/installation.ts';
import { freePort, hasCode } from '../../local/server.ts';
import { until } from './until.ts';

const ROOT = join(import.meta.dirname, '../..');

export type ProcessName = 'release' | 'web' | 'relay' | 'notifier' | 'monitor';

export interface RunningNode {
  readonly pid: number;
  /** What it has printed so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Its end: an exit code, or the signal that ended it. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Reads no more of what it prints, as the death of whoever collects its log does. */
  deafen(): void;
  /** Breaks the channel to it, as the death of whoever started it does. */
  disconnect(): void;
  /** SIGKILL, if it is still there. */
  end(): Promise<void>;
}

export interface RunningProcess extends RunningNode {
  readonly port: number;
  /** Resolves when /readyz answers 200. */
  ready(): Promise<void>;
}

export interface Company {
  /** Starts one process of the Procfile with the company's environment, in which `settings` override. */
  start(name: ProcessName, settings?: Readonly<Record<string, string>>): Promise<RunningProcess>;
  /** Starts them two at a time, for small machines, and waits until each is ready. */
  startReady<Name extends ProcessName>(...names: readonly Name[]): Promise<Record<Name, RunningProcess>>;
  /** SIGKILL to those that are still there. */
  end(): Promise<void>;
}

/** Processes that share an environment and the end of a test. */
export function company(environment: Readonly<Record<string, string>>): Company {
  const started: RunningProcess[] = [];
  async function start(name: ProcessName, settings = {}): Promise<RunningProcess> {
    const process = await startProcess(name, { ...environment, ...settings });
    started.push(process);
    return process;
  }
  return {
    start,
    async startReady<Name extends ProcessName>(...names: readonly Name[]) {
      const ready: [Name, RunningProcess][] = [];
      for (let i = 0; i < names.length; i += 2) {
        const pair = names.slice(i, i + 2).map(async (name) => {
          const process = await start(name);
          await process.ready();
          ready.push([name, process]);
        });
        await Promise.all(pair);
      }
      return Object.fromEntries(ready) as Record<Name, RunningProcess>; // one entry for each name
    },
    async end() {
      for (const process of started.splice(0)) await process.end();
    },
  };
}

/** Starts one process of the Procfile with exactly this environment (and PATH, HOME and a free PORT). */
export async function startProcess(
  name: ProcessName,
  environment: Readonly<Record<string, string>>,
): Promise<RunningProcess> {
  const port = await freePort();
  const node = startNode(argumentsOf(name), { PORT: String(port), ...environment });
  return { ...node, port, ready: () => untilReady(node, Number(environment.PORT ?? port)) };
}

/**
 * Starts Node with these arguments and exactly this environment (and PATH and HOME); with a `channel`, as the local
 * runner does.
 */
export function startNode(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  channel = false,
): RunningNode {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe', ...(channel ? (['ipc'] as const) : [])],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  // Not the event `close`: it does not come for a child that we have disconnected from.
  const printed = Promise.all([child.stdout, child.stderr].map((stream) => stream && once(stream, 'close')));
  const ended = once(child, 'exit').then(async ([code, signal]) => {
    await printed;
    return { code, signal };
  });
  return {
    pid: Number(child.pid),
    output: () => output,
    ended,
    signal: (name) => void child.kill(name),
    deafen: () => [child.stdout, child.stderr].forEach((stream) => void stream?.destroy()),
    disconnect: () => child.disconnect(),
    async end() {
      if (!hasEnded(child)) child.kill('SIGKILL');
      await ended;
    },
  };
}

/** The first of `count` ports, a hundred apart, that nobody listens on: for the local runner. */
export function freeBase(count: number): Promise<number> {
  return until(async () => {
    // Below the ports that the system gives to outgoing connections, one of which could take ours meanwhile.
    const base = 10_000 + Math.floor(Math.random() * 20_000);
    for (let n = 0; n < count; n += 1) await freePort(base + 100 * n);
    return base;
  }, 'free ports');
}

/** The pids of all processes that have `mark` in their environment: a process and all its descendants. Linux only. */
export function pidsWith(mark: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => readProc(pid, 'environ').includes(mark)).map(Number);
}

export const commandOf = (pid: number): string => readProc(String(pid), 'cmdline').replaceAll('\0', ' ');

/** Empty for a process that ended meanwhile, and for one that is not ours. */
function readProc(pid: string, what: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'EACCES')) return '';
    throw error;
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function untilReady({ ended, output }: RunningNode, port: number): Promise<void> {
  let gone = false;
  void ended.then(() => {
    gone = true;
  });
  await until(async () => {
    if (gone) return true;
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  }, 'a ready process');
  if (gone) throw new Error(`the process ended before it was ready:\n${output()}`);
}
