/**
 * Runs the processes of a Procfile on one machine: starts them, prefixes what they print, restarts what ends
 * unexpectedly and leaves no process behind when it stops.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcfileEntry {
  readonly type: string;
  readonly command: readonly string[];
}

/** How many processes of each type; a type that is not named runs once. */
export type Formation = Readonly<Record<string, number>>;

export interface FormationOptions {
  readonly entries: readonly ProcfileEntry[];
  readonly formation: Formation;
  readonly env: NodeJS.ProcessEnv;
  readonly basePort: number;
  readonly graceMs: number;
  readonly cwd: string;
  /** Receives each line without its line end; the name is like `web.1`, or `runner` for the runner's own words. */
  readonly print: (processName: string, line: string) => void;
  /** How long to wait before the next start of a process that ended unexpectedly `earlier` times before: 1 s … 30 s unless told. */
  readonly restartPauseMs?: (earlier: number) => number;
  /** Told of every end, also of those that are restarted and of those that were asked for. */
  readonly onEnd?: (processName: string, pid: number, end: End) => void;
}

/** An exit code, or the signal that ended the process. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningFormation {
  /** `web.1` → port; the release has none. */
  readonly ports: ReadonlyMap<string, number>;
  /** The processes alive at this moment, the release included. */
  readonly pids: () => ReadonlyMap<string, number>;
  /** SIGTERM to all at once, SIGKILL to their groups `graceMs` + 2 s later. Idempotent. Resolves to the exit code. */
  stop(): Promise<number>;
  /** Stops without any grace: SIGKILL to every group now. */
  kill(): void;
  /** The exit code, once everything has ended: after a stop, a failed release or an exit with 78. */
  readonly ended: Promise<number>;
}

/**
 * Reads lines of `type: command word word`; blank lines and lines that open with # are skipped.
 * Throws an Error that lists every faulty line with its number.
 */
export function parseProcfile(text: string): ProcfileEntry[] {
  const entries: ProcfileEntry[] = [];
  const faults: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, type = '', command = ''] = /^([A-Za-z0-9_-]+)\s*:\s*(.*)$/.exec(line.trim()) ?? [];
    const fault = faultOfLine(type, command, entries);
    if (fault === undefined) entries.push({ type, command: command.split(/\s+/) });
    else faults.push(`line ${index + 1}: ${fault}`);
  }
  if (entries.length + faults.length === 0) faults.push('it names no process');
  if (faults.length > 0) throw new Error(`Procfile: ${faults.join('; ')}`);
  return entries;
}

function faultOfLine(type: string, command: string, earlier: readonly ProcfileEntry[]): string | undefined {
  if (type === '') return 'expected "type: command"';
  if (command === '') return `${type} has no command`;
  if (/[|&;<>()$`"'\\*?]/.test(command)) return `${type} uses shell syntax; write one plain command`;
  if (earlier.some((entry) => entry.type === type)) return `${type} is named twice`;
  return undefined;
}

/**
 * Reads `relay=2,notifier=4`, separated by commas or spaces; counts are whole numbers from 0 to 100.
 * Throws an Error that lists every fault and the known types.
 */
export function parseFormation(text: string, types: readonly string[]): Formation {
  const counts = new Map<string, number>();
  const faults: string[] = [];
  for (const word of text.split(/[\s,]+/).filter((part) => part !== '')) {
    const [, type = '', digits = ''] = /^([^=]+)=(\d{1,3})$/.exec(word) ?? [];
    if (type === '' || Number(digits) > 100)
      faults.push(`${word} is not type=count with a count from 0 to 100`);
    else if (!types.includes(type)) faults.push(`${type} is not in the Procfile`);
    else if (counts.has(type)) faults.push(`${type} is named twice`);
    else counts.set(type, Number(digits));
  }
  if (faults.length > 0) throw new Error(`formation: ${faults.join('; ')}. Known types: ${types.join(', ')}`);
  return Object.fromEntries(counts);
}

/**
 * Starts the release alone, if there is one, and everything else when it has ended well. Resolves as soon as the first
 * processes are spawned, so that a release can be stopped too: whoever needs a process to be ready has to ask it.
 */
export async function startFormation(options: FormationOptions): Promise<RunningFormation> {
  const { release, others } = plan(options);
  const run: Run = { options, children: new Map(), stopping: new AbortController(), exitCode: 0 };
  setMaxListeners(0, run.stopping.signal); // every process in its pause listens, and there may be hundreds
  const ended = runAll(run, release, others);
  return {
    ports: new Map(others.map(({ name, port }) => [name, port])),
    pids: () =>
      new Map([...run.children].flatMap(([name, { pid }]) => (pid === undefined ? [] : [[name, pid]]))),
    stop: () => {
      stopAll(run);
      return ended;
    },
    kill: () => {
      stopAll(run);
      killAll(run);
    },
    ended,
  };
}

/** The usual pause before the next start of a process that ended unexpectedly `earlier` times before. */
export function restartPauseMs(earlier: number): number {
  return Math.min(1000 * 2 ** earlier, 30_000);
}

/** A print function that aligns the names in front of the lines, one colour per type of process. */
export function prefixedPrinter(
  { entries, formation }: Pick<FormationOptions, 'entries' | 'formation'>,
  coloured: boolean,
  write: (text: string) => void,
): FormationOptions['print'] {
  const widths = entries.map(({ type }) => `${type}.${formation[type] ?? 1}`.length);
  const width = Math.max('runner'.length, ...widths);
  return (name, line) => {
    const index = entries.findIndex(({ type }) => name.startsWith(`${type}.`));
    const prefix = `${name.padEnd(width)} |`;
    write(`${coloured ? inColour(index, prefix) : prefix} ${line}\n`);
  };
}

/** Cyan, yellow, green, magenta, blue, red and again; grey for -1, the runner's own words. */
function inColour(index: number, text: string): string {
  const ansi = [36, 33, 32, 35, 34, 31][index % 6] ?? 90;
  return `\x1b[${ansi}m${text}\x1b[39m`;
}

interface Planned {
  readonly name: string;
  readonly command: readonly string[];
  readonly port?: number;
}

interface Run {
  readonly options: FormationOptions;
  readonly children: Map<string, ChildProcess>;
  readonly stopping: AbortController;
  exitCode: number;
  deadline?: NodeJS.Timeout;
}

/** EX_CONFIG of sysexits.h: the environment is at fault, and starting again would not mend it. */
export const FAULTY_ENVIRONMENT = 78;
/** A process that lived this long was well; its next end is a new story. */
const LONG_LIFE_MS = 60_000;
/** What a process has beyond its own grace before it is killed. */
const KILL_MARGIN_MS = 2000;
/** A grandchild in a session of its own may hold the pipes of a dead child open for ever. */
const OUTPUT_AFTER_EXIT_MS = 1000;

function plan({ entries, formation, basePort }: FormationOptions) {
  const release = entries.find(({ type }) => type === 'release' && formation[type] !== 0);
  const others = entries
    .filter(({ type }) => type !== 'release')
    .flatMap(({ type, command }, n) =>
      Array.from({ length: formation[type] ?? 1 }, (_, i) => ({
        name: `${type}.${i + 1}`,
        command,
        port: basePort + 100 * n + i,
      })),
    );
  return { release: release && { name: 'release.1', command: release.command }, others };
}

async function runAll(run: Run, release: Planned | undefined, others: readonly Planned[]): Promise<number> {
  if (release === undefined || (await endsWell(run, release))) {
    await Promise.all(others.map((planned) => keepRunning(run, planned)));
  }
  clearTimeout(run.deadline);
  run.stopping.abort(); // a stop that is asked for after the end has nothing to do
  return run.exitCode;
}

async function endsWell(run: Run, release: Planned): Promise<boolean> {
  const end = await runOnce(run, release);
  if (end.code === 0) return true;
  run.exitCode = end.code ?? 1;
  run.options.print('runner', `${release.name} ended with ${described(end)}, nothing else is started`);
  return false;
}

async function keepRunning(run: Run, planned: Planned): Promise<void> {
  const { signal } = run.stopping;
  for (let restarts = 0; !signal.aborted; restarts += 1) {
    const startedAt = performance.now();
    const end = await runOnce(run, planned);
    if (signal.aborted || end.code === FAULTY_ENVIRONMENT) return recordLastEnd(run, planned, end);
    if (end.code !== 0) run.exitCode ||= 1;
    if (performance.now() - startedAt >= LONG_LIFE_MS) restarts = 0;
    const { print, restartPauseMs: pauseOf = restartPauseMs } = run.options;
    const pauseMs = pauseOf(restarts);
    print('runner', `${planned.name} ended with ${described(end)}, restarting in ${pauseMs / 1000} s`);
    await pause(pauseMs, signal);
  }
}

function recordLastEnd(run: Run, planned: Planned, end: End): void {
  if (end.code === 0) return;
  if (end.code === FAULTY_ENVIRONMENT) run.exitCode = FAULTY_ENVIRONMENT;
  else run.exitCode ||= end.code ?? 1;
  run.options.print('runner', `${planned.name} ended with ${described(end)}`);
  stopAll(run);
}

async function runOnce(run: Run, planned: Planned): Promise<End> {
  const { print, onEnd } = run.options;
  const child = spawnDetached(run.options, planned);
  run.children.set(planned.name, child);
  const flushes = [child.stdout, child.stderr].map((stream) =>
    eachLine(stream, (line) => print(planned.name, line)),
  );
  const end = await endOf(child, (error) => print('runner', `${planned.name}: ${error.message}`));
  for (const flush of flushes) flush();
  run.children.delete(planned.name);
  if (child.pid !== undefined) onEnd?.(planned.name, child.pid, end);
  return end;
}

/**
 * Detached, so that the child leads a group of its own: a terminal's Ctrl-C reaches only the runner, and the whole group
 * can be killed. The IPC channel carries nothing: it breaks when the runner is killed, which tells the child to end.
 */
function spawnDetached({ cwd, env }: FormationOptions, { command, port }: Planned): ChildProcess {
  const [program = '', ...args] = command;
  return spawn(program === 'node' ? process.execPath : program, args, {
    cwd,
    env: port === undefined ? env : { ...env, PORT: String(port) },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
}

/** Settles when the child has ended and all its output is read, or when it could not be started (code 127, as in a shell). */
function endOf(child: ChildProcess, onError: (error: Error) => void): Promise<End> {
  return new Promise((resolve) => {
    let cutOff: NodeJS.Timeout;
    child.on('error', (error) => {
      onError(error);
      if (child.pid === undefined) resolve({ code: 127, signal: null });
    });
    child.once('exit', (code, signal) => {
      killGroup(child); // what a dead process leaves in its group is nobody's, and may hold its port
      cutOff = setTimeout(() => {
        closeChannels(child);
        resolve({ code, signal }); // `close` does not come for a child that we have disconnected from
      }, OUTPUT_AFTER_EXIT_MS);
    });
    child.once('close', (code, signal) => {
      clearTimeout(cutOff);
      resolve({ code, signal });
    });
  });
}

function closeChannels(child: ChildProcess): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
  if (child.connected) child.disconnect();
}

/** Hands on each line of a stream; the function returned hands on a last line that has no end. */
function eachLine(stream: Readable | null, onLine: (line: string) => void): () => void {
  let rest = '';
  // setEncoding keeps the bytes of a character together that arrives in two chunks
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  return () => {
    if (rest !== '') onLine(rest);
  };
}

function stopAll(run: Run): void {
  if (run.stopping.signal.aborted) return;
  run.stopping.abort();
  for (const child of run.children.values()) child.kill('SIGTERM');
  run.deadline = setTimeout(() => killAll(run), run.options.graceMs + KILL_MARGIN_MS);
}

function killAll(run: Run): void {
  for (const [name, child] of run.children) {
    run.options.print('runner', `${name} is killed`);
    killGroup(child);
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: the group is empty. EPERM: macOS's word for a group of which only unreaped processes are left.
    if (!(error instanceof Error && 'code' in error && ['ESRCH', 'EPERM'].includes(String(error.code))))
      throw error;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // a stop cuts the pause short, and the loop that called it looks at the signal itself
  await sleep(ms, undefined, { signal }).catch(() => {});
}

function described({ code, signal }: End): string {
  return signal === null ? `code ${code}` : `signal ${signal}`;
}
