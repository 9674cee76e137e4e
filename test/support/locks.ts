/** Rows that somebody holds, and who waits for them. */
import { sql } from 'drizzle-orm';
import { onTestFinished } from 'vitest';
import { connect, type Database, run } from '../../src/database.ts';
import { until } from './until.ts';

/** A connection of its own, until the test's end. */
export function somebody(databaseUrl: string) {
  const connection = connect(databaseUrl, 'test');
  onTestFinished(() => connection.end());
  return connection;
}

/** Until a statement in this database waits for a lock. */
export const untilBlocked = (db: Database) =>
  until(async () => {
    const waiting = await run(
      db,
      sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return waiting.length > 0;
  }, 'a statement that waits for a row');
