/**
 * Redrives: many dead letters put back, a few first (the canary), then so many a second, until all are, or too many die again. Each step is
 * one statement that leaves behind where it came to, so that whoever makes the steps can be killed between any two, and be anybody.
 */
import { type SQL, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { type Database, run } from './database.ts';
import { type DeadCount, type DeadFilter, matching, putBack, retriable } from './outbox.ts';
import type { DeadReason, RedriveEnd } from './schema.ts';

/** How many letters go first, and a second after them, unless somebody says otherwise; and the most of each. */
export const CANARY = 10;
export const PER_SECOND = 50;
export const LARGEST_CANARY = 1_000;
export const MOST_PER_SECOND = 1_000;
/** Of those that are looked at, more than one in so many may not have died again. */
const ONE_IN = 5;
/** So many seconds' worth may be on their way: what comes in meanwhile does not queue behind all that is put back. */
const AHEAD_SECONDS = 10;
/** So many of the last ones are looked at, at most. */
const MOST_LOOKED_AT = 2_000;

export interface RedriveRequest {
  readonly filter: DeadFilter;
  /** 1 to 1,000. */
  readonly canary: number;
  /** 1 to 1,000. */
  readonly perSecond: number;
  readonly operator: string;
  readonly note: string | null;
}

export type Started =
  | { readonly outcome: 'started'; readonly id: string }
  /** Another is: one at a time. */
  | { readonly outcome: 'under_way'; readonly id: string }
  | { readonly outcome: 'nothing_matches' };

/** How many dead letters there are, and how many of these a retry would put back: it is refused for `outcome_unknown`. */
export interface Tally {
  readonly matched: number;
  readonly retriable: number;
}

export const tallyOf = (counts: readonly DeadCount[]): Tally => {
  const sum = (some: readonly DeadCount[]) => some.reduce((total, { count }) => total + count, 0);
  return {
    matched: sum(counts),
    retriable: sum(counts.filter(({ reason }) => reason !== 'outcome_unknown')),
  };
};

/** Begins a redrive of what matches and is dead now. What dies later is left alone. */
export async function startRedrive(
  db: Database,
  { filter, canary, perSecond, operator, note }: RedriveRequest,
): Promise<Started> {
  const { reason, type, since, until } = filter;
  const [row] = await run<{ id: string }>(
    db,
    sql`with matched as (
          select count(*)::int as n from outbox k where ${matching(filter, 'k')} and ${retriable}
        )
        insert into redrives (id, operator, note, reason, type, since, until, matched, canary, per_second)
        select ${uuidv7()}::uuid, ${operator}, ${note}, ${reason}, ${type}, ${since}::timestamptz, least(${until}::timestamptz, now()), n,
          ${canary}::int, ${perSecond}::int
        from matched where n > 0
        on conflict do nothing returning id`,
    'startRedrive',
  );
  if (row) return { outcome: 'started', id: row.id };
  const [other] = await run<{ id: string }>(
    db,
    sql`select id from redrives where ended_at is null`,
    'redriveUnderWay',
  );
  return other ? { outcome: 'under_way', id: other.id } : { outcome: 'nothing_matches' };
}

/** What has become of the last ones that a redrive has put back. */
const fates = (redrive: string, limit: SQL) => sql`(
    select count(*) filter (where o.sent_at is not null) as accepted,
      count(*) filter (where o.sent_at is null and (o.dead_at is not null or o.run > a.run + 1)) as failed,
      count(*) filter (where o.sent_at is null and o.dead_at is null and o.run = a.run + 1) as under_way
    from (
      select message_id, run from operator_actions where redrive_id = ${sql.raw(redrive)}.id order by id desc limit ${limit}
    ) a join outbox o on o.id = a.message_id
  )`;

const lookedAt = (redrive: string) =>
  sql.raw(
    `least(${MOST_LOOKED_AT}, greatest(${redrive}.canary, ${redrive}.per_second * ${AHEAD_SECONDS}))::int`,
  );

/**
 * The next step of the redrive under way: looks at what has become of the last ones, and puts back as many as may follow. Answers how many
 * that were, or undefined where none is under way or somebody else is making its step.
 */
export async function stepRedrive(db: Database): Promise<number | undefined> {
  const [row] = await run<{ moved: number }>(
    db,
    sql`with d as materialized (
          select * from redrives where ended_at is null for update skip locked
        ), look as materialized (
          select d.*, f.accepted, f.failed, f.under_way,
            -- As many as one in five of the canary: a single bad address in ten is no returning failure.
            f.failed > d.canary / ${ONE_IN}::int and f.failed * ${ONE_IN}::int > f.failed + f.accepted as fails,
            d.passed_at is not null or f.accepted >= d.canary - d.canary / ${ONE_IN}::int as passes
          from d, lateral ${fates('d', lookedAt('d'))} f
        ), plan as materialized (
          select look.*, case when fails then 0 when not passes then canary - put_back
            else greatest(0, least(ceil(per_second * least(coalesce(extract(epoch from now() - stepped_at), 1), 2)), ${lookedAt('look')} - under_way)) end::int as n
          from look
        ), page as materialized (
          select p.* from plan, lateral (
            select k.id, k.dead_at from outbox k
            where ${retriable} and (plan.reason is null or k.dead_reason = plan.reason) and (plan.type is null or k.type = plan.type)
              and k.dead_at >= coalesce(plan.since, '-infinity') and k.dead_at <= plan.until
              and (k.dead_at, k.id) > (coalesce(plan.last_dead_at, '-infinity'), coalesce(plan.last_id, '00000000-0000-0000-0000-000000000000'))
            order by k.dead_at, k.id limit plan.n
          ) p
        ), k as materialized (
          select o.* from outbox o where o.id in (select id from page) order by o.id for update
        ), moved as (
          update outbox o set run = k.run + 1, ${putBack} from k, plan
          where o.id = k.id and ${retriable} and k.dead_at <= plan.until returning o.id
        ), audit as (
          insert into operator_actions (operator, action, message_id, run, note, redrive_id)
          select plan.operator, 'retry', k.id, k.run, plan.note, plan.id from plan, k join moved using (id) order by k.dead_at, k.id
        ), last as (
          select dead_at, id from page order by dead_at desc, id desc limit 1
        ), fate as (
          select plan.id, case when fails then 'failures'
            when n > 0 and not exists (select from page) and under_way = 0 then 'done' end as ended
          from plan
        )
        update redrives r set stepped_at = now(), put_back = r.put_back + (select count(*) from moved),
          last_dead_at = coalesce((select dead_at from last), r.last_dead_at), last_id = coalesce((select id from last), r.last_id),
          passed_at = coalesce(r.passed_at, case when plan.passes and not plan.fails then now() end),
          ended = fate.ended, ended_at = case when fate.ended is not null then now() end
        from plan join fate using (id) where r.id = plan.id
        returning (select count(*)::int from moved) as moved`,
    'stepRedrive',
  );
  return row?.moved;
}

/** Ends it before its time: what is on its way stays so. Answers whether it was under way. */
export async function cancelRedrive(db: Database, id: string): Promise<boolean> {
  const rows = await run(
    db,
    sql`update redrives set ended = 'cancelled', ended_at = now() where id = ${id} and ended_at is null returning 1`,
    'cancelRedrive',
  );
  return rows.length > 0;
}

/** A redrive as people watch it. Times are ISO 8601. */
export interface Redrive {
  readonly id: string;
  readonly operator: string;
  readonly note: string | null;
  readonly reason: DeadReason | null;
  readonly type: string | null;
  readonly matched: number;
  readonly canary: number;
  readonly perSecond: number;
  readonly putBack: number;
  /** Of the last ones that it has put back (`lookedAt` of them at most). */
  readonly accepted: number;
  readonly failed: number;
  readonly underWay: number;
  readonly createdAt: string;
  readonly passedAt: string | null;
  readonly endedAt: string | null;
  readonly ended: RedriveEnd | null;
}

/** Redrives, the newest first; `id` asks for one alone. */
export async function findRedrives(
  db: Database,
  { id = null, limit }: { id?: string | null; limit: number },
): Promise<Redrive[]> {
  const iso = (column: string) =>
    sql.raw(`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);
  return run<Redrive>(
    db,
    sql`select r.id, r.operator, r.note, r.reason, r.type, r.matched, r.canary, r.per_second as "perSecond", r.put_back as "putBack",
          f.accepted::int, f.failed::int, f.under_way::int as "underWay",
          ${iso('r.created_at')} as "createdAt", ${iso('r.passed_at')} as "passedAt", ${iso('r.ended_at')} as "endedAt", r.ended
        from (select * from redrives where ${id}::uuid is null or id = ${id}::uuid order by id desc limit ${limit}) r,
          lateral ${fates('r', lookedAt('r'))} f
        order by r.id desc`,
    'findRedrives',
  );
}
