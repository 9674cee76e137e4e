/** The Procfile's processes under proof: killed, stopped and frozen by name, and watched as they end and as they grow. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { allReady, freeBase, ROOT } from '../installation.ts';
import {
  type End,
  type Formation,
  type FormationOptions,
  parseProcfile,
  type RunningFormation,
  startFormation,
} from '../procfile.ts';
import { hasCode } from '../server.ts';
import { type Blow, causeOf, type Exit, THROWING_NOW } from './exits.ts';
import { typeOf } from './schedule.ts';

/** Soon, so that a short run sees many recoveries, and not at once, so that a start that fails does not spin. */
const RESTART_PAUSE_MS = 200;
/** How much longer than its grace a process may take to end: this machine is busy. */
const OVERTIME_MS = 3_000;
const SAMPLE_MS = 500;
/** Below the ports that the system gives to outgoing connections, one of which could take ours between two lives. */
const FIRST_PORT = 21_000;
const PORTS = 9_000;
const CLOCK = join(import.meta.dirname, 'clock.js');
const EXCEPTION = join(import.meta.dirname, 'exception.js');
const THROWING = 'notifier-throwing';
/** For starting and throwing, and then for ending: this machine is busy. */
const EXCEPTION_MS = 30_000;
const AFTER_EXCEPTION_MS = 10_000;
const WENT_ON = 'went on after an exception that nobody had caught';
const HOUR_MS = 3_600_000;
/** Of the same account. */
const OTHER_SENDER = 'The New Shop <orders@shop.example>';

export interface Processes {
  /** Base URLs of the web processes. */
  readonly webs: readonly string[];
  /** Resolves when each is ready; throws when the signal is given before. */
  ready(signal: AbortSignal): Promise<void>;
  kill(name: string): void;
  /** SIGTERM; resolves when it has ended, if need be by force. */
  terminate(name: string): Promise<void>;
  /** SIGSTOP for so long, cut short by the signal. */
  suspend(name: string, ms: number, signal: AbortSignal): Promise<void>;
  /** Runs one more notifier for so long, whose clock is an hour fast, or slow. */
  runAstray(fast: boolean, ms: number, signal: AbortSignal): Promise<void>;
  /** Runs one more notifier for so long, as during a deployment: its letters have another sender's name. */
  runOther(ms: number, signal: AbortSignal): Promise<void>;
  /** Runs one more notifier until it has ended of an exception that nobody catches, or has gone on for too long after it. */
  runThrowing(signal: AbortSignal): Promise<void>;
  exits(): readonly Exit[];
  /** The largest resident memory seen of each type, in bytes; none where the system does not tell. */
  peaks(): ReadonlyMap<string, number>;
  /** When they have all ended, although nobody asked them to. */
  readonly ended: Promise<number>;
  stop(): Promise<void>;
  /** SIGKILL to all at once, frozen ones included; does not wait. */
  killAll(): void;
}

export interface ProcessesOptions {
  readonly formation: Formation;
  readonly env: Readonly<Record<string, string>>;
  readonly graceMs: number;
  readonly log: string;
  /** Whether a store is in trouble, or was shortly before. */
  readonly storeFault: () => boolean;
}

/** One more notifier, in an environment of its own. */
interface Beside {
  readonly type: string;
  readonly flags?: readonly string[];
  readonly more?: Readonly<Record<string, string>>;
}

/** The names of a formation's processes, such as `web.1`. */
export function namesOf(formation: Formation): string[] {
  return Object.entries(formation).flatMap(([type, count]) =>
    Array.from({ length: count }, (_, i) => `${type}.${i + 1}`),
  );
}

/** Starts all. Resolves as soon as they are spawned, so that they can be stopped: ask `ready`. */
export async function openProcesses(options: ProcessesOptions): Promise<Processes> {
  const { graceMs } = options;
  const blows = new Map<number, Blow>();
  const exits: Exit[] = [];
  let thrown = 0;
  const entries = parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8'));
  const wished = FIRST_PORT + Math.floor(Math.random() * PORTS);

  const common = {
    cwd: ROOT,
    graceMs,
    restartPauseMs: () => RESTART_PAUSE_MS,
    print: (name: string, line: string) => {
      if (line === THROWING_NOW) thrown += 1;
      appendFileSync(options.log, `${new Date().toISOString()} ${name} ${line}\n`);
    },
    onEnd(name: string, pid: number, end: End) {
      if (name.startsWith('release.')) return;
      const blow = blows.get(pid) ?? (typeOf(name) === THROWING ? 'exception' : undefined);
      exits.push({ name, pid, at: Date.now(), ...causeOf(end, blow, options.storeFault()) });
    },
  };
  const formations = new Set<RunningFormation>();
  const start = async (more: Pick<FormationOptions, 'entries' | 'formation' | 'basePort' | 'env'>) => {
    const running = await startFormation({ ...common, ...more });
    formations.add(running);
    return running;
  };
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...options.env };
  const basePort = await freeBase(wished, entries.length);
  const main = await start({ entries, formation: options.formation, basePort, env });
  const peaks = samplePeaks(() => [...formations].flatMap((one) => [...one.pids()]));

  /** The pid of the one that lives now; undefined between two lives. */
  const strike = (name: string, blow: Blow, what: NodeJS.Signals): number | undefined => {
    const pid = main.pids().get(name);
    // After kill -9 it may stand in the books for a moment longer. Whatever is sent to it then is not what ends it.
    if (pid === undefined || blows.get(pid) === 'SIGKILL') return undefined;
    blows.set(pid, blow);
    send(pid, what);
    return pid;
  };
  const stopFormation = async (one: RunningFormation) => {
    for (const pid of one.pids().values()) blows.set(pid, 'end of the run');
    await one.stop();
    formations.delete(one);
  };

  const startBeside = async ({ type, flags = [], more = {} }: Beside): Promise<RunningFormation> => {
    const [program = '', ...args] = entries.find((entry) => entry.type === 'notifier')?.command ?? [];
    return start({
      entries: [{ type, command: [program, ...flags, ...args] }],
      formation: {},
      basePort: await freeBase(basePort + 50, 1),
      env: { ...env, ...more },
    });
  };
  const stopAfter = async (beside: RunningFormation, ms: number, cutShort: AbortSignal) => {
    await delay(ms, undefined, { signal: cutShort }).catch(() => undefined); // it is stopped all the same
    await stopFormation(beside);
  };

  return {
    webs: [...main.ports].flatMap(([name, port]) =>
      typeOf(name) === 'web' ? [`http://127.0.0.1:${port}`] : [],
    ),
    ready: (signal) => allReady(main, signal),
    kill: (name) => void strike(name, 'SIGKILL', 'SIGKILL'),
    async terminate(name) {
      const pid = strike(name, 'SIGTERM', 'SIGTERM');
      if (pid === undefined || (await hasEnded(main, name, pid, graceMs + OVERTIME_MS))) return;
      strike(name, 'overdue', 'SIGKILL');
    },
    async suspend(name, ms, cutShort) {
      const pid = main.pids().get(name);
      if (pid === undefined) return;
      send(pid, 'SIGSTOP');
      await delay(ms, undefined, { signal: cutShort }).catch(() => undefined); // it is woken all the same
      send(pid, 'SIGCONT');
    },
    async runAstray(fast, ms, cutShort) {
      const more = { PROVE_CLOCK_OFFSET_MS: String(fast ? HOUR_MS : -HOUR_MS) };
      const astray = await startBeside({ type: 'notifier-astray', flags: ['--import', CLOCK], more });
      await stopAfter(astray, ms, cutShort);
    },
    async runOther(ms, cutShort) {
      const other = await startBeside({ type: 'notifier-other', more: { EMAIL_FROM: OTHER_SENDER } });
      await allReady(other, cutShort).catch(() => undefined); // it is stopped all the same
      await stopAfter(other, ms, cutShort);
    },
    async runThrowing(cutShort) {
      const before = thrown; // they come one at a time
      const throwing = await startBeside({ type: THROWING, flags: ['--import', EXCEPTION] });
      const [[name, pid] = [THROWING, 0]] = throwing.pids();
      const ended = (ms: number) => hasEnded(throwing, name, pid, ms, cutShort);
      const goesOn = !(await ended(EXCEPTION_MS)) && thrown > before && !(await ended(AFTER_EXCEPTION_MS));
      if (goesOn && !cutShort.aborted)
        exits.push({ name, pid, at: Date.now(), cause: WENT_ON, expected: false });
      await stopFormation(throwing);
    },
    exits: () => exits,
    peaks: () => peaks.seen,
    ended: main.ended,
    async stop() {
      peaks.stop();
      for (const one of formations) await stopFormation(one);
    },
    killAll() {
      for (const one of formations) one.kill();
    },
  };
}

async function hasEnded(
  formation: RunningFormation,
  name: string,
  pid: number,
  withinMs: number,
  cutShort?: AbortSignal,
): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (formation.pids().get(name) === pid) {
    if (performance.now() > end || cutShort?.aborted) return false;
    await delay(20);
  }
  return true;
}

function send(pid: number, what: NodeJS.Signals): void {
  try {
    process.kill(pid, what);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error; // it has just ended
  }
}

/** Looks at the system's own record of each process's largest resident memory, again and again. */
function samplePeaks(pids: () => readonly (readonly [string, number])[]) {
  const seen = new Map<string, number>();
  const sampling = setInterval(() => {
    for (const [name, pid] of pids()) {
      const type = typeOf(name);
      seen.set(type, Math.max(seen.get(type) ?? 0, peakOf(pid)));
    }
  }, SAMPLE_MS).unref();
  return { seen, stop: () => clearInterval(sampling) };
}

/** In bytes; 0 for a process that ended meanwhile, and where there is no /proc. */
function peakOf(pid: number): number {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes ?? 0) * 1_024;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return 0;
    throw error;
  }
}
