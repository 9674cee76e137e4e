/** pgbench running the very statement that places an order: the most that this Postgres can do with it. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { Database } from '../../src/database.ts';
import { placeOrder } from '../../src/orders.ts';
import type { Load } from './load.ts';
import { CURRENCY, customerOf, ITEMS } from './shop.ts';

/** The statement with its values in pgbench's own terms; ids are made by Postgres, ordered by time like ours. */
async function script(): Promise<string> {
  const captured: { sql: string; params: unknown[] }[] = [];
  const dialect = new PgDialect();
  const db = {
    execute: async (query: Parameters<PgDialect['sqlToQuery']>[0]) => {
      captured.push(dialect.sqlToQuery(query));
      return [{ placed: true, customer: true }];
    },
  } as unknown as Database; // all that placeOrder uses of it
  const customer = customerOf(1);
  let orderId = '';
  await placeOrder(db, { customerId: customer, currency: CURRENCY, items: ITEMS }, null, (id) => {
    orderId = id;
    return { status: 201, body: 'an answer', location: null };
  });
  const [statement] = captured;
  if (!statement) throw new Error('placing an order ran no statement');
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7/;
  // As in the application all values are parameters: texts are given to pgbench as variables.
  const values = statement.params.map((value, i) => {
    if (value === orderId || (value !== customer && uuid.test(String(value)))) return 'uuidv7()';
    if (value === customer) return `('00000000-0000-7000-8000-' || lpad(:customer::text, 12, '0'))::uuid`;
    if (value === null) return 'null';
    if (typeof value === 'boolean') return String(value);
    return `:v${i}`;
  });
  variables = statement.params.flatMap((value, i) =>
    values[i] === `:v${i}` ? ['-D', `v${i}=${value}`] : [],
  );
  const text = statement.sql.replace(/\$(\d+)/g, (_, n: string) => values[Number(n) - 1] ?? '');
  // In a text too pgbench takes what follows a colon for a variable of its own.
  const flat = text.replaceAll(/\s+/g, ' ').replaceAll('HH24:MI:SS', 'HH24.MI.SS');
  return `\\set customer random(1, 1000)\n${flat};\n`;
}
let variables: string[] = [];

const PATTERN = {
  tps: /^tps = ([\d.]+)/m,
  latency: /^latency average = ([\d.]+) ms/m,
  failed: /^number of failed transactions: (\d+)/m,
};

/** @param directory where its script is written. */
export async function pgbench(
  databaseUrl: string,
  directory: string,
  connections: number,
  seconds: number,
): Promise<Pick<Load, 'perSecond' | 'p50'>> {
  const file = join(directory, 'order.sql');
  writeFileSync(file, await script());
  const { stdout } = await promisify(execFile)(findPgbench(), [
    ...['-n', '-M', 'prepared', '-f', file, '-c', String(connections), '-j', '1', '-T', String(seconds)],
    ...variables,
    databaseUrl,
  ]);
  const read = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1]);
  if (!(read(PATTERN.tps) > 0) || read(PATTERN.failed) > 0) throw new Error(`pgbench failed:\n${stdout}`);
  return { perSecond: read(PATTERN.tps), p50: read(PATTERN.latency) };
}

function findPgbench(): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const found = [...versions.map((version) => join(debian, version, 'bin/pgbench')), '/usr/bin/pgbench'].find(
    existsSync,
  );
  if (!found) throw new Error('pgbench was not found: install it (`apt-get install postgresql-contrib`)');
  return found;
}
