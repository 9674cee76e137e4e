/** pgbench running the very statement that places an order: the most that this Postgres can do with it. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PgDialect } from 'drizzle-orm/pg-core';
import { environmentOf, unpackPackage } from '../../local/packages.ts';
import { onPath } from '../../local/server.ts';
import type { Database } from '../../src/database.ts';
import { placeOrders } from '../../src/orders.ts';
import type { Load } from './load.ts';
import { ROOT } from './root.ts';
import { CURRENCY, customerOf, ITEMS } from './shop.ts';

interface Script {
  readonly text: string;
  /** What it calls `:name`, as pgbench takes it. */
  readonly variables: readonly string[];
}

const UUID_V7 = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g;
const CUSTOMER = `('00000000-0000-7000-8000-' || lpad(:customer::text, 12, '0'))`;

/** The statement with its values in pgbench's own terms; ids are made by Postgres, ordered by time like ours. */
async function scriptOf(): Promise<Script> {
  const customer = customerOf(1);
  const statement = await statementFor(customer);
  const variables: string[] = [];
  const values = statement.params.map((value, i) => {
    // As in the application all values are parameters: texts are given to pgbench as variables.
    variables.push('-D', `v${i}=${value}`);
    const ids = [...new Set(String(value).match(UUID_V7) ?? [])];
    return ids.reduce(
      (text, id) => `replace(${text}, '${id}', ${id === customer ? CUSTOMER : 'uuidv7()::text'})`,
      `:v${i}`,
    );
  });
  const filled = statement.sql.replace(/\$(\d+)/g, (_, n: string) => values[Number(n) - 1] ?? '');
  // In a text too pgbench takes what follows a colon for a variable of its own.
  const flat = filled.replaceAll(/\s+/g, ' ').replaceAll('HH24:MI:SS', 'HH24.MI.SS');
  return { text: `\\set customer random(1, 1000)\n${flat};\n`, variables };
}

/** What `placeOrders` asks of Postgres for one order. */
async function statementFor(customerId: string): Promise<{ sql: string; params: unknown[] }> {
  const asked: { sql: string; params: unknown[] }[] = [];
  const dialect = new PgDialect();
  const db = {
    execute: async (query: Parameters<PgDialect['sqlToQuery']>[0]) => {
      asked.push(dialect.sqlToQuery(query));
      return [{ n: 0, placed: true }];
    },
  } as unknown as Database; // all that placeOrders uses of it
  const answerFor = () => ({ status: 201, body: '', location: null });
  await placeOrders(db, [{ order: { customerId, currency: CURRENCY, items: ITEMS }, key: null, answerFor }]);
  const [statement] = asked;
  if (!statement) throw new Error('placing an order ran no statement');
  return statement;
}

/** What it says of each second. */
const PROGRESS = /^progress: [\d.]+ s, ([\d.]+) tps, lat ([\d.]+) ms/gm;
const FAILED = /^number of failed transactions: (\d+)/m;
/** A new backend is slow at first: so many of them are warm after a second. */
const WARM_PER_SECOND = 8;

/** @param directory where its script is written. */
export async function pgbench(
  databaseUrl: string,
  directory: string,
  connections: number,
  seconds: number,
): Promise<Pick<Load, 'perSecond' | 'p50'>> {
  const file = join(directory, 'order.sql');
  const { text, variables } = await scriptOf();
  writeFileSync(file, text);
  const program = await findPgbench();
  const { username, password, host, pathname } = new URL(databaseUrl);
  const warmUp = Math.ceil(connections / WARM_PER_SECOND);
  const { stdout, stderr } = await promisify(execFile)(
    program.path,
    [
      ...[
        '-n',
        '-M',
        'prepared',
        '-f',
        file,
        '-c',
        String(connections),
        '-j',
        '1',
        '-T',
        String(warmUp + seconds),
        '-P',
        '1',
      ],
      ...variables,
      // Its password stays out of the arguments: an error would show them.
      `postgres://${username}@${host}${pathname}`,
    ],
    { env: { PATH: process.env.PATH, PGPASSWORD: password, ...program.environment } },
  );
  const told = [...stderr.matchAll(PROGRESS)].slice(-seconds);
  const mean = (group: number) => told.reduce((sum, line) => sum + Number(line[group]), 0) / told.length;
  if (!(mean(1) > 0) || FAILED.exec(stdout)?.[1] !== '0')
    throw new Error(`pgbench failed:\n${stdout}${stderr}`);
  return { perSecond: mean(1), p50: mean(2) };
}

interface Program {
  readonly path: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** The system's, or one unpacked from the distribution's package. */
async function findPgbench(): Promise<Program> {
  const found = programBelow('/');
  if (found) return { path: found, environment: {} };
  const copy = join(ROOT, '.data/pgbench-binaries');
  if (!programBelow(copy)) {
    if (!onPath('apt-get')) throw new Error(ADVICE);
    await unpackPackage('postgresql', copy, async () => programBelow(copy) !== undefined);
  }
  const path = programBelow(copy);
  if (!path) throw new Error(ADVICE);
  return { path, environment: await environmentOf(copy) };
}

const ADVICE = 'pgbench was found nowhere: install it (`apt-get install postgresql`).';

/** The newest, in Debian's place for it: the one on PATH would ask which version is meant. */
function programBelow(root: string): string | undefined {
  const versions = join(root, 'usr/lib/postgresql');
  const numbers = existsSync(versions)
    ? readdirSync(versions)
        .map(Number)
        .sort((a, b) => b - a)
    : [];
  const there = numbers.map((version) => join(versions, String(version), 'bin/pgbench')).find(existsSync);
  return there ?? (root === '/' ? onPath('pgbench') : undefined);
}
