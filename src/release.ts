/** Applies the migrations, and ends. Any number may start at once: one works, the others wait for it. */
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { main } from './lifecycle.ts';

/** Any number will do, so long as nobody else on this database takes the same. */
const MIGRATION_LOCK = 7_305_817;

/** Brings the schema up to date. @throws when Postgres is away or a migration fails; then nothing of it is applied. */
export async function applyMigrations(databaseUrl: string): Promise<void> {
  // The lock belongs to the session, so that lock and migrations must share their only connection.
  const client = postgres(databaseUrl, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    await client`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await migrate(drizzle(client), { migrationsFolder: migrationsFolder() });
  } finally {
    await client.end({ timeout: 5 });
  }
}

/** `migrations/` stands beside `src/`, and beside `dist/` once built. */
function migrationsFolder(): string {
  const root = import.meta.filename.endsWith('.ts') ? '..' : '../..';
  return join(import.meta.dirname, root, 'migrations');
}

await main(
  import.meta.filename,
  ['DATABASE_URL'],
  async ({ config, log, finish }) => {
    await applyMigrations(config.databaseUrl);
    log.info('the migrations are applied');
    finish();
  },
  'task',
);
