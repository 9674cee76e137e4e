/** The two stores that every process needs: those that were given, else private servers on this machine. */
import { join } from 'node:path';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

export interface Stores {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Stops what was started here, and only that; repeating is harmless. */
  close(): Promise<void>;
}

interface Store {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Uses the given URLs; for each one missing starts a private server below `directory`, both at the same time.
 * Throws what the first server to fail threw, after stopping the other.
 */
export async function openStores(given: {
  databaseUrl?: string | undefined;
  redisUrl?: string | undefined;
  directory: string;
}): Promise<Stores> {
  const opened = await Promise.allSettled([
    given.databaseUrl === undefined
      ? startPostgres(join(given.directory, 'postgres'))
      : outside(given.databaseUrl),
    given.redisUrl === undefined ? startRedis(join(given.directory, 'redis')) : outside(given.redisUrl),
  ]);
  const close = () => stopAll(opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])));
  const [database, redis] = opened;
  if (database.status === 'fulfilled' && redis.status === 'fulfilled') {
    return { databaseUrl: database.value.url, redisUrl: redis.value.url, close };
  }
  await close();
  throw failures(opened)[0];
}

function outside(url: string): Store {
  return { url, stop: async () => {} };
}

async function stopAll(stores: readonly Store[]): Promise<void> {
  const failed = failures(await Promise.allSettled(stores.map((store) => store.stop())));
  if (failed.length > 0) throw new AggregateError(failed, 'a private server could not be stopped');
}

function failures(results: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return results.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
}
