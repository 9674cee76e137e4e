/**
 * Holds: while the provider refuses everybody, sending pauses for all notifiers and no message spends an attempt on it.
 * A hold is one row; its `until` only grows, except when it is lifted by a success that was seen after it had passed.
 */
import { sql } from 'drizzle-orm';
import { type Database, run } from './database.ts';

/** Why sending is held: a closed list, because it leaves the ledger. */
export type HoldReason = 'rate_limited' | 'quota_exceeded' | 'provider_denied';

export interface Hold {
  readonly reason: HoldReason;
  /** Exact text of the ledger's timestamp: what `liftHold` is guarded by. */
  readonly until: string;
  /** Whether `until` still lies ahead. When not, the next answers decide. */
  readonly ahead: boolean;
  /** Whether it stands, or stood a short while ago without a success since: then the trouble is probably not over. */
  readonly recent: boolean;
  /** ISO 8601. */
  readonly openedAt: string;
  readonly pauses: number;
}

/** The first pause, doubled by every further one up to the last. */
const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 60;
/** A hold that nobody has renewed for this long is history: the next one begins with the first pause again. */
const FORGOTTEN_AFTER_SECONDS = 300;
const RECENT_SECONDS = 60;

/**
 * Opens the hold or lets it grow. Of the many calls that one refusal of the provider makes fail together only the first
 * lengthens the pause.
 * @param seconds the provider's own wish (`retry-after`); null takes the growing pause.
 */
export async function openHold(db: Database, reason: HoldReason, seconds: number | null): Promise<void> {
  const growing = sql`make_interval(secs => least(${LONGEST_PAUSE_SECONDS}::float8, ${FIRST_PAUSE_SECONDS}::float8 * 2 ^ least(h.pauses, 10)))`;
  const wished = sql`make_interval(secs => ${seconds}::float8)`;
  const forgotten = sql`h.until < now() - make_interval(secs => ${FORGOTTEN_AFTER_SECONDS})`;
  await run(
    db,
    sql`insert into holds as h (name, reason, until, pauses)
        values ('sending', ${reason}, now() + coalesce(${wished}, make_interval(secs => ${FIRST_PAUSE_SECONDS})), 1)
        on conflict (name) do update set
          reason = excluded.reason,
          opened_at = case when ${forgotten} then now() else h.opened_at end,
          pauses = case when h.until > now() then h.pauses when ${forgotten} then 1 else h.pauses + 1 end,
          until = case when h.until > now() then greatest(h.until, now() + ${wished})
            when ${forgotten} then excluded.until else now() + coalesce(${wished}, ${growing}) end`,
  );
}

/** Ends the hold for all. `until` is what the caller saw: a hold that has grown since stays. */
export async function liftHold(db: Database, until: string): Promise<void> {
  await run(
    db,
    sql`delete from holds where name = 'sending' and until = ${until}::timestamptz and until <= now()`,
  );
}

export async function currentHold(db: Database): Promise<Hold | undefined> {
  const [hold] = await run<Hold>(
    db,
    sql`select reason, until::text as until, until > now() as ahead, until > now() - make_interval(secs => ${RECENT_SECONDS}) as recent,
          to_char(opened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "openedAt", pauses
        from holds where name = 'sending'`,
  );
  return hold;
}
