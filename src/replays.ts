/** What an idempotency key keeps: the answer that was given under it. It is written in the statement of the act itself. */
import { type SQL, sql } from 'drizzle-orm';
import { type Database, run } from './database.ts';

/** An answer as it was given, to be given again. */
export interface StoredAnswer {
  readonly status: number;
  readonly body: string;
  readonly location: string | null;
}

/** An idempotency key with what it is bound to. Both digests are SHA-256. */
export interface IdempotencyKey {
  readonly client: string;
  readonly route: string;
  readonly keyHash: Buffer;
  readonly fingerprint: Buffer;
}

/**
 * What becomes of a request whose key was used before. `key_vanished`: it stood in the way a moment ago and lives for days, so
 * it was purged right now.
 */
export type Replay =
  | { readonly outcome: 'replayed'; readonly answer: StoredAnswer }
  | { readonly outcome: 'key_reused' }
  | { readonly outcome: 'key_vanished' };

/**
 * The part of a statement that consumes the key: it answers a row if the key was free. A twin waits here for the first to commit.
 * @param body the answer's, as a value or as a column of `from`.
 * @param from what must have a row for the key to be consumed.
 */
export const consume = (
  key: IdempotencyKey | null,
  { status, body, location }: { status: number; body: string | SQL; location: string | null },
  from: SQL,
): SQL =>
  sql`insert into idempotency_keys (client, route, key_hash, fingerprint, status, body, location)
      select ${key?.client ?? null}, ${key?.route ?? null}, ${key?.keyHash ?? null}::bytea, ${key?.fingerprint ?? null}::bytea, ${status}, ${body}, ${location}
      from ${from} where ${key !== null}::boolean
      on conflict do nothing returning 1`;

/** Whether the statement may act: without a key, or if `consume`, called `key` there, has consumed it. */
export const mayAct = (key: IdempotencyKey | null): SQL =>
  sql`(${key === null}::boolean or exists (select 1 from key))`;

/** What was answered under the key, or undefined if nothing was. */
export async function findReplay(
  db: Database,
  { client, route, keyHash, fingerprint }: IdempotencyKey,
): Promise<Replay | undefined> {
  const [stored] = await run<StoredAnswer & { same: boolean }>(
    db,
    sql`select status, body, location, fingerprint = ${fingerprint}::bytea as same from idempotency_keys
        where client = ${client} and route = ${route} and key_hash = ${keyHash}::bytea`,
    'findReplay',
  );
  if (!stored) return undefined;
  const { same, ...answer } = stored;
  return same ? { outcome: 'replayed', answer } : { outcome: 'key_reused' };
}
