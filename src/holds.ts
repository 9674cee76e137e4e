/**
 * Holds: while the provider refuses or answers nobody, sending pauses for all notifiers and no message spends an attempt on
 * it. A hold is one row; its `until` only grows. When that has passed, one notifier wins the row's lease and probes with one
 * message: its success lifts the hold for all, its failure doubles the pause.
 */
import { sql } from 'drizzle-orm';
import { type Database, run } from './database.ts';
import { inState } from './life.ts';

/** Why sending is held: a closed list, because it leaves the ledger. */
export type HoldReason = 'rate_limited' | 'quota_exceeded' | 'provider_denied' | 'provider_unreachable';

export interface Hold {
  readonly reason: HoldReason;
  /** Whether `until` still lies ahead. When not, somebody may probe. */
  readonly ahead: boolean;
  /** Whether somebody probes. */
  readonly probed: boolean;
  /** ISO 8601. */
  readonly openedAt: string;
  readonly openForSeconds: number;
  readonly pauses: number;
}

/** The first pause, doubled by every further one up to the last. */
const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 60;
/** A hold that nobody has renewed for this long is history: the next one begins with the first pause again. */
const FORGOTTEN_AFTER_SECONDS = 300;

/**
 * Opens the hold or lets it grow, and ends the probe that found it still needed. Of the many calls that one refusal of the
 * provider makes fail together only the first lengthens the pause.
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
          reason = excluded.reason, prober = null, probe_until = null,
          opened_at = case when ${forgotten} then now() else h.opened_at end,
          pauses = case when h.until > now() then h.pauses when ${forgotten} then 1 else h.pauses + 1 end,
          until = case when h.until > now() then greatest(h.until, now() + ${wished})
            when ${forgotten} then excluded.until else now() + coalesce(${wished}, ${growing}) end`,
    'openHold',
  );
}

const unprobed = sql`until <= now() and coalesce(probe_until < now(), true)`;

/**
 * Makes `prober` the one that probes, for so long at most: it may be killed meanwhile. Answers whether it is; not before
 * the hold's time is over, and not while another one probes.
 */
export async function takeProbe(db: Database, prober: string, seconds: number): Promise<boolean> {
  const rows = await run(
    db,
    sql`update holds set prober = ${prober}, probe_until = now() + make_interval(secs => ${seconds}::float8)
        where name = 'sending' and ${unprobed} returning 1`,
    'takeProbe',
  );
  return rows.length === 1;
}

/** Ends a probe that has learned nothing, so that another message can be tried. */
export async function giveProbeBack(db: Database, prober: string): Promise<void> {
  await run(
    db,
    sql`update holds set prober = null, probe_until = null where name = 'sending' and prober = ${prober}`,
    'giveProbeBack',
  );
}

/** Ends the hold for all, by whoever has probed. One that has grown since is not theirs any more, and stays. */
export async function liftHold(db: Database, prober: string): Promise<void> {
  await run(db, sql`delete from holds where name = 'sending' and prober = ${prober}`, 'liftHold');
}

/** Ends a hold whose time is over when there is no message to probe with. */
export async function endIdleHold(db: Database): Promise<void> {
  await run(
    db,
    sql`delete from holds where name = 'sending' and ${unprobed}
          and not exists (select from outbox o where ${inState(['enqueued'], 'o')})`,
    'endIdleHold',
  );
}

export async function currentHold(db: Database): Promise<Hold | undefined> {
  const [hold] = await run<Hold>(
    db,
    sql`select reason, until > now() as ahead, coalesce(probe_until >= now(), false) as probed, pauses,
          to_char(opened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "openedAt",
          extract(epoch from now() - opened_at)::float8 as "openForSeconds"
        from holds where name = 'sending'`,
    'currentHold',
  );
  return hold;
}
