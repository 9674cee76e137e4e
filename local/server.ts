/**
 * What the private Postgres and Redis have in common: one owner per directory, a free port, a child process that is
 * watched until it answers, and an end that leaves no process behind.
 */
import { type ChildProcess, execFile, execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, realpath, rename, rm, symlink } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const READY_MS = 30_000;
const STOP_MS = 8_000;
const POLL_MS = 20;
const TRIES = 3;
const CLAIMS = 6;
const CLAIM_PAUSE_MS = 100;
const LOG_TAIL_LINES = 15;

/** A server that answers. `gone` resolves when its process has ended, for whatever reason. */
export interface Server {
  readonly port: number;
  readonly pid: number;
  readonly gone: Promise<void>;
  /** Ends it gracefully, after 8 s by force. Harmless when it has ended already. */
  stop(): Promise<void>;
  /** SIGKILL for it and its children; resolves when all of them are gone. */
  kill(): Promise<void>;
}

/** How one kind of server is started and asked whether it is ready. */
export interface Plan {
  readonly name: string;
  /** Path of its log; that of the run before is kept beside it. */
  readonly log: string;
  /** A free one is chosen when undefined. */
  readonly port: number | undefined;
  readonly stopSignal: NodeJS.Signals;
  /** Spawns the server, detached, with `log` (a file descriptor) as its standard output and error. */
  spawn(port: number, log: number): ChildProcess;
  /** Rejects, within a few seconds, while the server does not answer yet. */
  probe(port: number): Promise<void>;
}

/** Runs a command to its end and returns what it printed; rejects with what it complained about. */
export const run = promisify(execFile);

/** Tells the person at the terminal why this takes a moment. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Creates the directory when it is missing, closed to other users, and returns its real path. */
export async function prepareDirectory(directory: string): Promise<string> {
  // The mode is only for the last part: parents closed to others would keep out the user that Postgres runs as.
  await mkdir(dirname(directory), { recursive: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return realpath(directory);
}

/**
 * Starts a server as the only one of `directory` (a real path), which stays locked until that server is gone.
 * Throws when another living process holds the directory.
 */
export async function exclusively(directory: string, start: () => Promise<Server>): Promise<Server> {
  const unlock = await lock(directory);
  try {
    const server = await start();
    const unlocked = server.gone.then(unlock);
    return {
      ...server,
      stop: () => server.stop().then(() => unlocked),
      kill: () => server.kill().then(() => unlocked),
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/**
 * Starts what the plan says and waits, at most 30 s, until it answers. A port that somebody else took meanwhile is
 * given up for another. Throws with the end of the server's log when it does not come up.
 */
export async function launch(plan: Plan): Promise<Server> {
  const deadline = Date.now() + READY_MS;
  for (let attempt = 1; ; attempt++) {
    const server = await begin(plan);
    try {
      await untilReady(plan, server);
      server.child.unref();
      return server;
    } catch (error) {
      await server.kill();
      if (!mayPass(error, attempt, deadline)) throw error;
      await delay(POLL_MS * 10);
    }
  }
}

/**
 * Ends the server that a killed parent left running. Its pid is the first line of `pidFile`; it is believed only if
 * that process's command line holds `marker` (a path of this directory), since pids are used again.
 */
export async function stopStale(pidFile: string, marker: string, stopSignal: NodeJS.Signals): Promise<void> {
  const pid = Number.parseInt(await ifMissing(readFile(pidFile, 'utf8'), ''), 10);
  if (pid > 1 && commandLine(pid).includes(marker)) {
    signal(pid, stopSignal);
    if (!(await within(STOP_MS, untilGone([pid])))) await killFamily(pid);
  }
  await rm(pidFile, { force: true });
}

/** Where a command is on PATH, or undefined. */
export function onPath(command: string): string | undefined {
  const { stdout } = spawnSync('/bin/sh', ['-c', 'command -v "$0"', command], { encoding: 'utf8' });
  return stdout?.startsWith('/') ? stdout.trim() : undefined;
}

/** Whether a process with this pid runs. */
export function isAlive(pid: number): boolean {
  return processes().some((each) => each.pid === pid);
}

/** The result of a file operation, or `otherwise` when the file does not exist. */
export async function ifMissing<T, U>(operation: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await operation;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return otherwise;
    throw error;
  }
}

/** Whether an error of the system carries one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

// Everybody claims first and looks for others second, so of two at most one finds nobody. No claim's name is used
// twice: removing a dead process's claim can't hit a new one.
async function lock(directory: string): Promise<() => Promise<void>> {
  for (let attempt = 1; ; attempt++) {
    const name = `lock-${randomUUID()}`;
    await claim(directory, name);
    const rival = await livingRival(directory, name);
    if (rival === undefined) return () => rm(join(directory, name), { force: true });
    await rm(join(directory, name), { force: true });
    if (attempt === CLAIMS) {
      throw new Error(
        `${directory} is in use: process ${rival} runs or starts a server there; stop it first`,
      );
    }
    // Two that saw each other both stepped back; on a busy machine a look takes as long as the first pauses.
    await delay(Math.random() * CLAIM_PAUSE_MS * 2 ** (attempt - 1));
  }
}

// A symbolic link comes into being together with its content: no reader finds it half-written.
async function claim(directory: string, name: string): Promise<void> {
  try {
    await symlink(`${process.pid} ${startOf(process.pid)}`, join(directory, name));
  } catch (error) {
    if (!hasCode(error, 'EACCES', 'EPERM', 'EROFS')) throw error;
    throw new Error(`${directory} can't be written by this user; was it made by another one?`, {
      cause: error,
    });
  }
}

/** The pid of a living process with another claim; claims of dead ones are removed. */
async function livingRival(directory: string, own: string): Promise<number | undefined> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith('lock-') || name === own) continue;
    const holder = await ifMissing(readlink(join(directory, name)), undefined);
    if (holder === undefined) continue;
    const pid = Number.parseInt(holder, 10);
    if (holder === `${pid} ${startOf(pid)}`) return pid;
    await rm(join(directory, name), { force: true });
  }
  return undefined;
}

type Starting = Server & { readonly child: ChildProcess };

async function begin(plan: Plan): Promise<Starting> {
  const port = plan.port ?? (await freePort());
  await ifMissing(rename(plan.log, `${plan.log}.previous`), undefined);
  const log = openSync(plan.log, 'w', 0o600);
  try {
    const child = plan.spawn(port, log);
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    await once(child, 'spawn'); // rejects with the child's 'error'
    return { port, child, ...controls(child, plan.stopSignal, gone) };
  } finally {
    closeSync(log);
  }
}

/** A port of 127.0.0.1 that nobody listened on a moment ago: the wished one, or any. Rejects when the wished one is taken. */
export async function freePort(wished = 0): Promise<number> {
  const server = createServer().listen(wished, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // neither a pipe nor closed
  server.close();
  await once(server, 'close');
  return port;
}

function controls(child: ChildProcess, stopSignal: NodeJS.Signals, gone: Promise<void>) {
  const pid = Number(child.pid);
  endWithThisProcess(child, stopSignal);
  return {
    pid,
    gone,
    async stop(): Promise<void> {
      child.ref();
      child.kill(stopSignal);
      if (!(await within(STOP_MS, gone))) await killFamily(pid);
      await gone;
    },
    async kill(): Promise<void> {
      child.ref();
      if (!hasEnded(child)) await killFamily(pid);
      await gone;
    },
  };
}

const children = new Map<ChildProcess, NodeJS.Signals>();

// A crash of this process can't wait for anything, but it can tell its servers to go.
function endWithThisProcess(child: ChildProcess, stopSignal: NodeJS.Signals): void {
  if (children.size === 0) process.once('exit', tellChildrenToGo);
  children.set(child, stopSignal);
  child.once('exit', () => {
    children.delete(child);
    if (children.size === 0) process.off('exit', tellChildrenToGo);
  });
}

function tellChildrenToGo(): void {
  for (const [child, stopSignal] of children) child.kill(stopSignal);
}

async function untilReady(plan: Plan, server: Starting): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (!hasEnded(server.child)) {
    try {
      // The probe of a server that ended may hang on a stranger who has its port.
      if (await Promise.race([plan.probe(server.port).then(() => true), server.gone.then(() => false)]))
        return;
    } catch (error) {
      if (Date.now() > deadline) throw failure(plan, `did not answer within ${READY_MS / 1000} s`, error);
    }
    await Promise.race([delay(POLL_MS), server.gone]);
  }
  throw failure(plan, `ended while starting on port ${server.port}`);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function failure(plan: Plan, what: string, cause?: unknown): Error {
  const tail = readFileSync(plan.log, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  return new Error(`${plan.name} ${what}. The end of ${plan.log}:\n${tail}`, { cause });
}

// A port may be taken between our look and the server's. And what is left of a Postgres that was killed holds its shared memory
// until its last backend has noticed, which takes seconds where the machine is busy.
function mayPass(error: unknown, attempt: number, deadline: number): boolean {
  const { message } = error as Error; // we threw it
  if (/address already in use/i.test(message)) return attempt < TRIES;
  return /shared memory block .* is still in use/.test(message) && Date.now() < deadline;
}

// Postgres' children each lead a group of their own, so no one signal reaches them. It is frozen first: what it forked
// after the look would escape.
async function killFamily(pid: number): Promise<void> {
  if (!signal(pid, 'SIGSTOP')) return;
  const family = [
    pid,
    ...processes()
      .filter((each) => each.parent === pid)
      .map((each) => each.pid),
  ];
  for (const each of family) signal(each, 'SIGKILL');
  await untilGone(family);
}

/** False when there is no such process. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
    throw error;
  }
}

async function untilGone(pids: readonly number[]): Promise<void> {
  while (processes().some((each) => pids.includes(each.pid))) await delay(POLL_MS);
}

/** Whether the event came in time. */
async function within(milliseconds: number, event: Promise<void>): Promise<boolean> {
  const timer = new AbortController();
  try {
    return await Promise.race([event.then(() => true), delay(milliseconds, false, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}

/** `started` tells apart two processes that had the same pid, in whatever unit the system counts. */
interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly started: string;
}

function startOf(pid: number): string | undefined {
  return processes().find((each) => each.pid === pid)?.started;
}

/** Every process that this user may see, but no zombies: they hold neither files nor ports. */
function processes(): Process[] {
  return process.platform === 'linux' ? processesOfLinux() : processesOfPs();
}

// Slim images have no `ps`.
function processesOfLinux(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readProc(`/proc/${name}/stat`);
      // The name of the command, in parentheses, may hold spaces and parentheses; fields are counted after it.
      const [state = 'Z', parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return 'ZX'.includes(state)
        ? []
        : [{ pid: Number(name), parent: Number(parent), started: `${rest[17]}` }];
    });
}

function processesOfPs(): Process[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,lstart='], { encoding: 'utf8' });
  return table.split('\n').flatMap((line) => {
    const [pid, parent, state = 'Z', ...started] = line.trim().split(/\s+/);
    return state.startsWith('Z')
      ? []
      : [{ pid: Number(pid), parent: Number(parent), started: started.join(' ') }];
  });
}

function commandLine(pid: number): string {
  if (process.platform === 'linux') return readProc(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
  return spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
}

/** Empty when the process ended meanwhile. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return '';
    throw error;
  }
}
