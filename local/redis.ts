/**
 * A private Redis in a directory of its own: the system's server when there is one, else a copy unpacked, without root,
 * from the distribution's own packages.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import {
  exclusively,
  hasCode,
  ifMissing,
  isAlive,
  launch,
  onPath,
  prepareDirectory,
  run,
  say,
  stopStale,
} from './server.ts';

const PROBE_MS = 2_000;
const APT_MS = 180_000;

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
    await unpackCopy(copy);
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
  const files = await ifMissing(readdir(copy, { recursive: true }), []);
  const libraries = files.filter((file) => /\.so(\.|$)/.test(file)).map((file) => dirname(join(copy, file)));
  const environment = { LD_LIBRARY_PATH: [...new Set(libraries)].join(':') };
  return PROGRAMS.map(({ file, name }) => ({ path: join(copy, 'usr/bin', file), name, environment })).find(
    runs,
  );
}

function runs({ path, name, environment }: Program): boolean {
  if (path === '') return false;
  const { stdout } = spawnSync(path, ['--version'], { argv0: name, env: environment, encoding: 'utf8' });
  return /server v=\d/i.test(stdout ?? '');
}

// Unpacked beside its place and then renamed, so that an interrupted copy is never mistaken for a finished one.
async function unpackCopy(copy: string): Promise<void> {
  say(`Redis is not installed: unpacking a private copy from the distribution's packages into ${copy} …`);
  await mkdir(dirname(copy), { recursive: true });
  await removeAbandoned(copy);
  const draft = `${copy}.partial-${process.pid}-${randomUUID()}`;
  const root = join(draft, 'root');
  try {
    for (const archive of await download(draft)) await run('dpkg-deb', ['-x', archive, root]);
    await replace(root, copy);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function removeAbandoned(copy: string): Promise<void> {
  for (const name of await readdir(dirname(copy))) {
    const [, pid] = name.startsWith(basename(copy)) ? (/\.partial-(\d+)-/.exec(name) ?? []) : [];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(dirname(copy), name), { recursive: true, force: true });
  }
}

/** Puts the new copy into its place, unless another process was faster and its copy runs. */
async function replace(root: string, copy: string): Promise<void> {
  try {
    await rename(root, copy);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    if ((await copiedProgram(copy)) !== undefined) return;
    await rm(copy, { recursive: true, force: true });
    await rename(root, copy);
  }
}

/** Downloads redis-tools and whatever it needs that the system lacks; returns the archives' paths. */
async function download(draft: string): Promise<string[]> {
  const archives = join(draft, 'cache/archives');
  const lists = join(draft, 'lists');
  await mkdir(join(archives, 'partial'), { recursive: true });
  await mkdir(join(lists, 'partial'), { recursive: true });
  try {
    await apt(draft, '/var/lib/apt/lists', fetchArguments);
  } catch {
    // The system's index is often absent (container images) or names versions that are gone: ask for a new one.
    await apt(draft, lists, ['update']);
    await apt(draft, lists, fetchArguments);
  }
  const names = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  return names.map((name) => join(archives, name));
}

const fetchArguments = ['--yes', '--no-install-recommends', '--download-only', 'install', 'redis-tools'];

async function apt(draft: string, lists: string, command: readonly string[]): Promise<void> {
  const settings = join(draft, 'apt.conf');
  await writeFile(settings, aptSettings(draft, lists));
  await run('apt-get', ['-q', '-c', settings, ...command], { timeout: APT_MS });
}

// Everything that apt writes goes into our directory and needs no lock of the system's. As root it would otherwise
// download as the user _apt, who can't enter a closed home; the system's hooks are for the system's own updates.
function aptSettings(draft: string, lists: string): string {
  return [
    `Dir::State::lists "${lists}";`,
    `Dir::Cache "${join(draft, 'cache')}";`,
    'Dir::Cache::archives "archives";',
    'APT::Sandbox::User "root";',
    'Debug::NoLocking "true";',
    'Acquire::Languages "none";',
    'Acquire::Retries "1";',
    'Acquire::http::Timeout "20";',
    'Acquire::https::Timeout "20";',
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Pre-Install-Pkgs;',
    '#clear DPkg::Post-Invoke;',
    '',
  ].join('\n');
}
