/** The private Postgres and Redis of one machine: real servers, real kills, as root and as an ordinary user. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type LocalPostgres, startPostgres } from '../local/postgres.ts';
import { type LocalRedis, startRedis } from '../local/redis.ts';
import { openStores, type Stores } from '../local/stores.ts';

const checkout = fileURLToPath(new URL('..', import.meta.url));
const root = process.getuid?.() === 0;

let base = '';
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'local-stores-'));
  await chmod(base, 0o755); // as root, Postgres' user has to pass
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

afterAll(() => rm(base, { recursive: true, force: true }));

describe('a private Postgres', () => {
  it('is a durable UTF-8 database in UTC that only its password opens', async () => {
    const server = await startedPostgres('pg-settings');
    const [row] = await query(
      server.url,
      (sql) => sql`
        select current_database() as name, current_setting('fsync') as fsync, current_setting('TimeZone') as zone,
          current_setting('server_encoding') as encoding, current_setting('max_connections') as connections,
          current_setting('listen_addresses') as addresses`,
    );
    expect(row).toEqual({
      name: 'orders',
      fsync: 'on',
      zone: 'UTC',
      encoding: 'UTF8',
      connections: '200',
      addresses: '127.0.0.1',
    });
    const stranger = server.url.replace(/:[^:@]+@/, ':guessed@');
    await expect(query(stranger, (sql) => sql`select 1`)).rejects.toMatchObject({ code: '28P01' });
  });

  it('leaves neither process nor port behind when stopped, and keeps its data', async () => {
    const first = await startedPostgres('pg-restart');
    await query(first.url, (sql) => sql`create table kept as select 42 as answer`);
    await Promise.all([first.stop(), first.stop()]);
    expect(runs(first.pid)).toBe(false);
    expect(await listens(first.port)).toBe(false);
    const second = await startedPostgres('pg-restart', { port: first.port });
    expect(second.url).toBe(first.url);
    expect(await query(second.url, (sql) => sql`select answer from kept`)).toEqual([{ answer: 42 }]);
  });

  it('comes back with what was committed after a SIGKILL while a backend is busy', async () => {
    const first = await startedPostgres('pg-kill');
    await query(first.url, (sql) => sql`create table kept as select 42 as answer`);
    const busy = query(first.url, (sql) => sql.unsafe(COUNTING)).catch((error: unknown) => error);
    await vi.waitUntil(async () => (await counting(first.url)) === 1);
    await first.kill();
    expect(runs(first.pid)).toBe(false);
    expect(await busy).toBeInstanceOf(Error);
    const second = await startedPostgres('pg-kill');
    expect(await query(second.url, (sql) => sql`select answer from kept`)).toEqual([{ answer: 42 }]);
  });

  it('can be started again after somebody else killed it', async () => {
    const first = await startedPostgres('pg-crash');
    process.kill(first.pid, 'SIGKILL');
    await vi.waitUntil(() => !runs(first.pid));
    await first.stop();
    const second = await startedPostgres('pg-crash');
    expect(await query(second.url, (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  it('is initialised anew when its parent was killed in the middle of initdb', async () => {
    const directory = join(base, 'half');
    const parent = await spawnScript(directory);
    const half = () => entries(join(directory, 'postgres')).then(names('cluster.partial-'));
    await vi.waitUntil(async () => (await half()).length === 1, { timeout: 30_000, interval: 5 });
    await killed(parent.process);
    expect(await entries(join(directory, 'postgres'))).not.toContain('cluster');
    const server = await startedPostgres('half/postgres');
    expect(await query(server.url, (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
    expect(await half()).toEqual([]);
  });

  it('is started once by four at a time, over the lock of a dead process', async () => {
    await mkdir(join(base, 'pg-contested'));
    await symlink('999999999 1', join(base, 'pg-contested/lock-of-the-dead'));
    const starts = await Promise.allSettled([1, 2, 3, 4].map(() => startedPostgres('pg-contested')));
    const refused = starts.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
    const [started] = starts.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(refused).toHaveLength(3);
    for (const reason of refused) expect(reason).toContain(`pg-contested is in use: process ${process.pid} `);
    expect(await query(started?.url ?? '', (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  it('says what its log says when its port is taken, and leaves its directory usable', async () => {
    const occupier = createServer().listen(0, '127.0.0.1');
    await once(occupier, 'listening');
    closers.push(async () => occupier.close());
    const address = occupier.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await expect(startPostgres(join(base, 'pg-port'), { port })).rejects.toThrow(/Address already in use/);
    await startedPostgres('pg-port');
  });

  it('runs in a directory closed to others below a parent closed to others', async () => {
    await mkdir(join(base, 'closed'), { mode: 0o700 });
    const server = await startedPostgres('closed/pg');
    const [row] = await query(server.url, (sql) => sql`select current_setting('data_directory') as data`);
    const home = dirname(dirname(String(row?.data)));
    if (root) closers.unshift(() => rm(home, { recursive: true })); // runs last, when the server has stopped
    expect(home.startsWith('/var/tmp/order-notifications-')).toBe(root);
    expect((await stat(home)).mode & 0o007).toBe(0);
    await server.stop();
    const again = await startedPostgres('closed/pg');
    expect(again.url.replace(/\d+\/orders$/, '')).toBe(server.url.replace(/\d+\/orders$/, ''));
  });
});

describe('a private Redis', () => {
  it('appends every write to a file, evicts nothing, and only its password opens it', async () => {
    const server = await startedRedis('redis-settings', { settings: ['--maxmemory', '20mb'] });
    const settings = await command(server.url, (redis) =>
      redis.config('GET', 'appendonly', 'appendfsync', 'maxmemory-policy', 'bind', 'maxmemory'),
    );
    expect(Object.fromEntries(pairs(settings))).toEqual({
      appendonly: 'yes',
      appendfsync: 'everysec',
      'maxmemory-policy': 'noeviction',
      bind: '127.0.0.1',
      maxmemory: String(20 * 1024 * 1024),
    });
    const stranger = `redis://127.0.0.1:${server.port}`;
    await expect(command(stranger, (redis) => redis.get('any'))).rejects.toThrow(/NOAUTH/);
    expect((await stat(join(base, 'redis-settings/redis.conf'))).mode & 0o077).toBe(0);
  });

  it('leaves neither process nor port behind when stopped, and keeps its data', async () => {
    const first = await startedRedis('redis-restart');
    await command(first.url, (redis) => redis.set('kept', '42'));
    await Promise.all([first.stop(), first.stop()]);
    expect(runs(first.pid)).toBe(false);
    expect(await listens(first.port)).toBe(false);
    const second = await startedRedis('redis-restart');
    expect(await command(second.url, (redis) => redis.get('kept'))).toBe('42');
  });

  it('comes back with its data after a SIGKILL', async () => {
    const first = await startedRedis('redis-kill');
    await command(first.url, (redis) => redis.set('kept', '42'));
    await first.kill();
    expect(runs(first.pid)).toBe(false);
    const second = await startedRedis('redis-kill', { port: first.port });
    expect(await command(second.url, (redis) => redis.get('kept'))).toBe('42');
  });

  it('refuses a second start on its directory', async () => {
    await startedRedis('redis-twice');
    await expect(startedRedis('redis-twice')).rejects.toThrow(/redis-twice is in use/);
  });
});

describe('the stores', () => {
  it('are the given ones, and then nothing is started', async () => {
    const directory = join(base, 'never');
    const given = { databaseUrl: 'postgres://elsewhere/orders', redisUrl: 'redis://elsewhere' };
    const stores = await openStores({ ...given, directory });
    expect(stores).toMatchObject(given);
    await stores.close();
    expect(await entries(directory)).toEqual([]);
  });

  it('are private for each that was not given', async () => {
    const redis = await startedRedis('redis-given');
    const stores = await opened({ redisUrl: redis.url, directory: join(base, 'mixed') });
    expect(stores.redisUrl).toBe(redis.url);
    expect(await query(stores.databaseUrl, (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
    expect(await entries(join(base, 'mixed'))).toEqual(['postgres']);
    await Promise.all([stores.close(), stores.close()]);
    expect(await listens(Number(new URL(stores.databaseUrl).port))).toBe(false);
    expect(await command(redis.url, (client) => client.ping())).toBe('PONG');
  });

  it('leave nothing running when one of them fails to start', async () => {
    await mkdir(join(base, 'torn'));
    await writeFile(join(base, 'torn/redis'), 'not a directory');
    await expect(opened({ directory: join(base, 'torn') })).rejects.toThrow(/EEXIST/);
    await startedPostgres('torn/postgres');
  });

  it('replace the servers that a killed parent left running, with their data', async () => {
    const parent = await spawnScript(base);
    const left = await parent.opened();
    await query(left.databaseUrl, (sql) => sql`create table kept as select 42 as answer`);
    await command(left.redisUrl, (redis) => redis.set('kept', '42'));
    await killed(parent.process);
    expect(await ports(left)).toEqual([true, true]);
    const stores = await opened({ directory: base });
    expect(await ports(left)).toEqual([false, false]);
    expect(await query(stores.databaseUrl, (sql) => sql`select answer from kept`)).toEqual([{ answer: 42 }]);
    expect(await command(stores.redisUrl, (redis) => redis.get('kept'))).toBe('42');
  });

  it('go down with a parent that dies of an uncaught error', async () => {
    const parent = await spawnScript(base);
    const left = await parent.opened();
    parent.process.stdin?.end('throw\n');
    await once(parent.process, 'exit');
    await vi.waitUntil(async () => !(await ports(left)).includes(true), { timeout: 10_000 });
  });

  it('survive a Ctrl-C meant for their parent until that stops them', async () => {
    const parent = await spawnScript(base);
    const left = await parent.opened();
    // What a terminal does: SIGINT for every process of the group, which the script itself ignores.
    process.kill(-Number(parent.process.pid), 'SIGINT');
    // Both take a moment to obey a signal, so each is asked for an answer that takes a second.
    const slept = query(left.databaseUrl, (sql) => sql`select pg_sleep(1) is not null as slept`);
    const popped = command(left.redisUrl, (redis) => redis.blpop('empty', 1));
    expect(await Promise.all([slept, popped])).toEqual([[{ slept: true }], null]);
    parent.process.stdin?.end();
    expect(await once(parent.process, 'exit')).toEqual([0, null]);
    expect(await ports(left)).toEqual([false, false]);
  });

  it('work for an ordinary user without a home', async () => {
    const user = root ? { uid: idOf('-u', 'nobody'), gid: idOf('-g', 'nobody') } : undefined;
    const directory = join(base, 'ordinary');
    await mkdir(directory, { mode: 0o700 });
    if (user !== undefined) await chown(directory, user.uid, user.gid);
    const parent = await spawnScript(join(directory, 'data'), user);
    const stores = await parent.opened();
    expect(stores.uid).not.toBe(0);
    expect(await query(stores.databaseUrl, (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
    expect(await command(stores.redisUrl, (redis) => redis.ping())).toBe('PONG');
    const owner = await stat(join(directory, 'data/postgres/cluster/data'));
    expect(owner.uid).toBe(stores.uid);
    parent.process.stdin?.end();
    expect(await once(parent.process, 'exit')).toEqual([0, null]);
    expect(await ports(stores)).toEqual([false, false]);
  });
});

async function startedPostgres(name: string, options?: { port?: number }): Promise<LocalPostgres> {
  const server = await startPostgres(join(base, name), options);
  closers.push(server.stop);
  return server;
}

async function startedRedis(
  name: string,
  options?: { port?: number; settings?: readonly string[] },
): Promise<LocalRedis> {
  const server = await startRedis(join(base, name), options);
  closers.push(server.stop);
  return server;
}

async function opened(given: Parameters<typeof openStores>[0]): Promise<Stores> {
  const stores = await openStores(given);
  closers.push(stores.close);
  return stores;
}

async function query<T>(url: string, ask: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, connect_timeout: 10 });
  try {
    return await ask(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

// A backend that computes does not notice that its server has died, and holds the cluster's shared memory.
const COUNTING = 'do $$ begin for i in 1..2000000000 loop end loop; end $$';

async function counting(url: string): Promise<number> {
  const rows = await query(url, (sql) => sql`select from pg_stat_activity where query = ${COUNTING}`);
  return rows.length;
}

async function command<T>(url: string, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  redis.on('error', () => {}); // the command that it breaks rejects
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

/** Redis' flat list of names and values, two by two. */
function pairs(list: unknown): [string, string][] {
  const flat = Array.isArray(list) ? list.map(String) : [];
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as [string, string]] : []));
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function ports(stores: { databaseUrl: string; redisUrl: string }): Promise<boolean[]> {
  return Promise.all([stores.databaseUrl, stores.redisUrl].map((url) => listens(Number(new URL(url).port))));
}

async function entries(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

function names(prefix: string): (all: string[]) => string[] {
  return (all) => all.filter((name) => name.startsWith(prefix));
}

function idOf(which: string, name: string): number {
  return Number(execFileSync('id', [which, name], { encoding: 'utf8' }));
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** A parent of its own: opens the stores, prints their URLs, closes them when its standard input ends. */
const script = (from: string) => `
  import { openStores } from ${JSON.stringify(pathToFileURL(join(from, 'local/stores.ts')).href)};
  process.on('SIGINT', () => {});
  const stores = await openStores({ directory: process.argv[2] });
  console.log(JSON.stringify({ uid: process.getuid(), ...stores }));
  process.stdin.on('data', () => { throw new Error('uncaught') });
  process.stdin.on('end', () => stores.close());
`;

async function spawnScript(directory: string, user?: User) {
  const { node, from } = await checkoutFor(user);
  const file = join(base, 'parent.mts');
  await writeFile(file, script(from));
  const tsx = pathToFileURL(createRequire(join(from, 'package.json')).resolve('tsx')).href;
  const parent = spawn(node, ['--import', tsx, file, directory], {
    ...user,
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' }, // and no HOME
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  closers.push(() => killed(parent));
  return { process: parent, opened: () => firstLine(parent) };
}

async function firstLine(parent: ChildProcess & { stdout: NodeJS.ReadableStream }) {
  for await (const line of createInterface(parent.stdout)) {
    return JSON.parse(line) as { uid: number; databaseUrl: string; redisUrl: string }; // printed by the script above
  }
  throw new Error('the parent ended before its stores were open');
}

/** The checkout and node, or an open copy of them where the user can't read them (a checkout in root's home). */
async function checkoutFor(user: User | undefined): Promise<{ node: string; from: string }> {
  const reads = `require('fs').readFileSync(${JSON.stringify(join(checkout, 'local/stores.ts'))})`;
  const { status } = spawnSync(process.execPath, ['-e', reads], { ...user, cwd: '/' });
  if (status === 0) return { node: process.execPath, from: checkout };
  const from = join(base, 'checkout');
  for (const name of ['local', 'node_modules', 'package.json']) {
    await cp(join(checkout, name), join(from, name), { recursive: true, verbatimSymlinks: true });
  }
  await cp(process.execPath, join(from, 'node'));
  spawnSync('chmod', ['-R', 'a+rX', from]);
  return { node: join(from, 'node'), from };
}

async function killed(parent: ChildProcess): Promise<void> {
  if (parent.exitCode !== null || parent.signalCode !== null) return;
  parent.kill('SIGKILL');
  await once(parent, 'exit');
}
