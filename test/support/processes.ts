/** Real processes for tests: started from what is built, as the Procfile does, and ended by their own pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '../../local/server.ts';
import { until } from './until.ts';

const ROOT = join(import.meta.dirname, '../..');

export type ProcessName = 'release' | 'web' | 'relay' | 'notifier' | 'monitor';

export interface RunningProcess {
  readonly pid: number;
  readonly port: number;
  /** What it has printed so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Its end: an exit code, or the signal that ended it. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Resolves when /readyz answers 200. */
  ready(): Promise<void>;
  /** SIGKILL, if it is still there. */
  end(): Promise<void>;
}

/** Starts one process of the Procfile with exactly this environment (and PATH, HOME and a free PORT). */
export async function startProcess(
  name: ProcessName,
  environment: Readonly<Record<string, string>>,
): Promise<RunningProcess> {
  const file = join(ROOT, 'dist', name === 'web' || name === 'release' ? 'src' : 'workers', `${name}.js`);
  const port = await freePort();
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '',
    PORT: String(port),
    ...environment,
  };
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { port, output: () => output, ...controls(child, () => output, Number(env.PORT)) };
}

function controls(child: ChildProcess, output: () => string, port: number) {
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: Number(child.pid),
    ended,
    signal: (name: NodeJS.Signals) => void child.kill(name),
    async ready() {
      await until(async () => {
        if (hasEnded()) return true;
        const response = await fetch(`http://127.0.0.1:${port}/readyz`, {
          signal: AbortSignal.timeout(2_000),
        });
        await response.body?.cancel();
        return response.ok;
      }, 'a ready process');
      if (hasEnded()) throw new Error(`the process ended before it was ready:\n${output()}`);
    },
    async end() {
      if (!hasEnded()) child.kill('SIGKILL');
      await ended;
    },
  };
}
