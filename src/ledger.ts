/**
 * The ledger as a process holds it: its pool, its clock, and the end of a process whose pool never answers again.
 */
import { sql } from 'drizzle-orm';
import { connect, type Database, openDatabase, run } from './database.ts';
import { deadline } from './deadline.ts';
import { passing } from './failpoints.ts';
import type { Process } from './lifecycle.ts';

/** A clock that differs by more makes delays, holds and ids wrong: such a process takes no work. */
const WRONG_BY_MS = 5_000;
const LOOK_MS = 5_000;
/** So many looks in a row without an answer, a minute or so, are no outage if Postgres answers somebody else. */
const WEDGED_AFTER_LOOKS = 8;
const FRESH_ANSWER_MS = 5_000;

export interface Clock {
  /** Whether this machine's clock is too far from the ledger's; true until they were compared. */
  isWrong(): boolean;
}

export interface HeldLedger {
  readonly db: Database;
  readonly clock: Clock;
}

/** Opens the ledger for a process, which is ready when Postgres answers and the clocks agree. */
export function openLedger(process: Process, connections: number): HeldLedger {
  const { config, log, name } = process;
  const { db, answers, close } = openDatabase(config.databaseUrl, name, connections);
  process.onClose('database', close);
  process.onReady('database', () => differenceMs(db));
  /** Milliseconds between the clocks; undefined until they were compared. */
  let difference: number | undefined;
  /** Looks in a row without an answer, while nobody else who uses the pool has been answered either. */
  let failures = 0;
  let answered = 0;

  const isWrong = () => difference === undefined || difference > WRONG_BY_MS;
  process.onReady('clock', async () => {
    if (isWrong()) throw new Error('the clock is wrong');
  });
  process.onStatus('clock', () =>
    difference !== undefined && isWrong()
      ? `${Math.round(difference / 1_000)} s away from the database's`
      : undefined,
  );

  process.loop('ledger', LOOK_MS, async () => {
    try {
      const before = isWrong();
      difference = await differenceMs(db);
      failures = 0;
      if (isWrong())
        log.error({ differenceMs: difference }, "the clock is not the database's: no work is taken");
      else if (before) log.info('the clock is right');
    } catch (error) {
      failures = answers() === answered ? failures + 1 : 1;
      answered = answers();
      if (failures >= WEDGED_AFTER_LOOKS && (await answersAnew(config.databaseUrl, name)))
        process.fail(new Error('Postgres answers, but not on the connections of this process'));
      throw error;
    }
    return false;
  });
  return { db, clock: { isWrong } };
}

/** How far the two clocks are apart at least: what the question and its answer may have taken is in favour of ours. */
async function differenceMs(db: Database): Promise<number> {
  const asked = Date.now();
  const [row] = await run<{ ms: number }>(
    db,
    sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
    'differenceMs',
  );
  if (!row) throw new Error('the ledger did not tell the time');
  return Math.max(asked - row.ms, row.ms - Date.now(), 0);
}

async function answersAnew(url: string, name: string): Promise<boolean> {
  const client = connect(url, name);
  try {
    await deadline(
      passing('answersAnew', () => client`select 1`),
      FRESH_ANSWER_MS,
      'a fresh connection',
    );
    return true;
  } catch {
    return false; // it is away for everybody
  } finally {
    await client.end({ timeout: 1 });
  }
}
