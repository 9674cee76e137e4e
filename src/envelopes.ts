/**
 * Envelopes: several letters in one request. From its first call until its outcome is known an envelope stays as it is, and is only
 * ever repeated as itself, under its own key. It dissolves when the provider has refused it for certain, before any call whose
 * outcome is unknown: then its letters were not accepted, and each may go another way.
 */
import { sql } from 'drizzle-orm';
import { type Database, recordset, run } from './database.ts';
import { may } from './life.ts';
import {
  answered,
  attemptEnded,
  locking,
  type OpeningCall,
  REPEATABLE_FOR_SECONDS,
  recordDeaths,
  type Settlement,
  whoDied,
} from './outbox.ts';
import type { MessageRun } from './queue.ts';

/** A letter in an envelope whose call is open. */
interface Member {
  readonly messageId: string;
  /** Null where the message is gone. */
  readonly run: number | null;
  readonly letterId: string;
  /** Its part of the request's text. Null once purged. */
  readonly body: string | null;
  /** Whether a person has given it up: by a new letter in its place, or altogether. */
  readonly givenUp: boolean;
}

/** An envelope's call whose outcome counts as unknown until its answer is written down. */
export interface OpenEnvelope {
  readonly id: string;
  /** In the order of the request. */
  readonly members: readonly Member[];
  /** How many there were when it was first sent. */
  readonly letters: number;
  /** Which call of this envelope it is: only the latest settles it. */
  readonly attempt: number;
  /** Attempts spent before this call. */
  readonly spent: number;
  /** What `first_unknown_at` of its letters was before this call. */
  readonly unknownBefore: string | null;
}

type MemberRow = Member & Pick<OpenEnvelope, 'letters' | 'attempt' | 'spent' | 'unknownBefore'>;

/** Undefined without members. */
function fromRows(id: string, rows: readonly MemberRow[]): OpenEnvelope | undefined {
  const [first] = rows;
  if (!first) return undefined;
  const { letters, attempt, spent, unknownBefore } = first;
  return { id, members: rows, letters, attempt, spent, unknownBefore };
}

/**
 * Puts letters into a new envelope, freezing those that are not frozen yet, and writes down that its call is under way. Those
 * whose message has moved on meanwhile, or whose own call may be, are left out.
 * @param leaseSeconds for so long nobody else calls.
 */
export async function fillEnvelope(
  db: Database,
  id: string,
  letters: readonly OpeningCall[],
  leaseSeconds: number,
): Promise<OpenEnvelope | undefined> {
  const opening = letters.map(({ id: messageId, account, letter }, position) => ({
    ...{ message_id: messageId, account, position },
    ...letter,
  }));
  const rows = await run<MemberRow>(
    db,
    sql`with ${locking(letters)}, opening as (
          select c.* from ${recordset(opening, 'c (message_id uuid, account text, position int, id uuid, recipient text, body text)')}
          join k on k.id = c.message_id join given g on (g.id, g.run) = (k.id, k.run) where ${may('open', 'k')}
        ), frozen as (
          insert into notifications (id, message_id, recipient, body, account, attempts, first_unknown_at, envelope_id, position)
          select id, message_id, recipient, body, account, 1, now(), ${id}::uuid, position from opening where id is not null
          on conflict (message_id) where replaced_at is null do nothing
          returning id, message_id, body, position
        ), joined as (
          update notifications n set attempts = n.attempts + 1, first_unknown_at = now(),
            account = c.account, envelope_id = ${id}::uuid, position = c.position
          from opening c
          where n.message_id = c.message_id and c.id is null and n.replaced_at is null and n.body is not null
            and n.accepted_at is null and n.first_unknown_at is null and n.envelope_id is null
          returning n.id, n.message_id, n.body, n.position
        ), members as (
          select * from frozen union all select * from joined
        ), envelope as (
          insert into envelopes (id, letters, attempts, due_at)
          select ${id}::uuid, count(*), 1, now() + make_interval(secs => ${leaseSeconds}::float8) from members having count(*) > 0
        )
        select m.message_id as "messageId", k.run, m.id as "letterId", m.body, false as "givenUp",
          (count(*) over ())::int as letters, 1 as attempt, 0 as spent, null as "unknownBefore"
        from members m join k on k.id = m.message_id order by m.position`,
    'fillEnvelope',
  );
  return fromRows(id, rows);
}

/**
 * Opens an envelope's next call. Undefined when it is too early or too late, somebody else is calling, none of its messages waits any more, or
 * it has dissolved. An envelope that had
 * spent its attempts has all of them again: only a person can have brought one of its messages back.
 */
export async function reopenEnvelope(
  db: Database,
  id: string,
  attempts: number,
  leaseSeconds: number,
): Promise<OpenEnvelope | undefined> {
  const rows = await run<MemberRow>(
    db,
    sql`with k as materialized (
          select o.* from outbox o where o.id in (select message_id from notifications where envelope_id = ${id}) order by o.id for update
        ), alive as materialized (
          -- Asked for by the next part, so that the messages are locked first, as everybody does.
          select count(*) filter (where ${may('open', 'k')}) as messages from k
        ), envelope as (
          update envelopes e set attempts = e.attempts + 1, due_at = now() + make_interval(secs => ${leaseSeconds}::float8),
            spent = case when e.spent >= ${attempts}::int then 0 else e.spent end
          where e.id = ${id} and e.due_at <= now() and (select messages from alive) > 0 and not exists (
            select from notifications n where n.envelope_id = e.id and n.first_unknown_at <= now() - make_interval(secs => ${REPEATABLE_FOR_SECONDS})
          ) returning id, letters, attempts, spent
        ), members as (
          select n.* from notifications n join envelope e on e.id = n.envelope_id for update of n
        ), opened as (
          update notifications n set first_unknown_at = now() from members m where n.id = m.id and n.first_unknown_at is null
        )
        select m.message_id as "messageId", k.run, m.id as "letterId", m.body,
          m.replaced_at is not null or k.discarded_at is not null as "givenUp",
          e.letters, e.attempts as attempt, e.spent, (min(m.first_unknown_at) over ())::text as "unknownBefore"
        from members m join envelope e on e.id = m.envelope_id left join k on k.id = m.message_id order by m.position`,
    'reopenEnvelope',
  );
  return fromRows(id, rows);
}

/** What a call of an envelope came to when it was not an acceptance: the same for all of its messages. */
export interface EnvelopeSettlement
  extends Pick<Settlement, 'answer' | 'detail' | 'notAccepted' | 'dead' | 'circling'> {
  /** Whether it spends an attempt. */
  readonly spends: boolean;
  /** For so long nobody calls again. */
  readonly pauseMs: number;
  /** With how many others each letter may share a request from now on, where it is to be fewer. */
  readonly largestBatch: number | null;
}

/**
 * Writes a call's end down on the envelope, its letters and its messages at once. A proof of non-acceptance puts `first_unknown_at` back;
 * where that was null, the envelope dissolves. An answer is no such proof where a webhook has told of an acceptance meanwhile.
 * Answers whether it did anything: not when a later call is under way.
 */
export async function settleEnvelope(
  db: Database,
  { id, attempt, spent, unknownBefore, members }: OpenEnvelope,
  { answer, detail, notAccepted, dead, circling, spends, pauseMs, largestBatch }: EnvelopeSettlement,
): Promise<boolean> {
  const runs = members.flatMap(({ messageId, run }): MessageRun[] => (run ? [{ id: messageId, run }] : []));
  const rows = await run(
    db,
    sql`with ${locking(runs)}, latest as materialized (
          select id from envelopes where id = ${id} and attempts = ${attempt} and (select count(*) from k) >= 0 for update -- these first
        ), enclosed as materialized (
          -- Locked, and so as they are now: a webhook may have told of an acceptance while this waited.
          select n.id, n.accepted_at from notifications n join latest l on n.envelope_id = l.id order by n.id for update of n
        ), proof as materialized (
          -- Whatever the answer says: where one of its letters was accepted, all of them were.
          select id, ${notAccepted}::boolean and not exists (select from enclosed where accepted_at is not null) as refused from latest
        ), fate as materialized (
          select id, refused, refused and ${unknownBefore}::timestamptz is null as dissolves from proof
        ), kept as (
          update envelopes e set spent = ${spent + (spends ? 1 : 0)}::int, due_at = now() + make_interval(secs => ${pauseMs}::float8 / 1000)
          from fate f where e.id = f.id and not f.dissolves
        ), gone as (
          delete from envelopes e using fate f where e.id = f.id and f.dissolves
        ), letters as (
          update notifications n set ${answered(sql`${answer}::text`, sql`${detail}::text`)},
            first_unknown_at = case when f.refused then ${unknownBefore}::timestamptz else n.first_unknown_at end,
            envelope_id = case when not f.dissolves then n.envelope_id end,
            position = case when not f.dissolves then n.position end,
            largest_batch = coalesce(${largestBatch}::int, n.largest_batch)
          from fate f where n.envelope_id = f.id and n.accepted_at is null
        ), told as (
          insert into message_events (message_id, run, event, code, detail)
          select g.id, g.run, 'answered', ${answer}::text, ${detail}::text from given g, latest where ${answer}::text is not null
        ), messages as (
          update outbox o set ${attemptEnded}, dead_reason = x.dead
          from k join given g using (id, run), latest, (select ${dead}::text as dead, ${circling ?? null}::text as circling, null::text as looked) x
          where o.id = k.id and ${may('settle', 'k')} returning ${whoDied}
        ), deaths as (
          ${recordDeaths('messages')}
        )
        select from latest`,
    'settleEnvelope',
  );
  return rows.length > 0;
}

/** Whether all of an envelope is still there and still wanted: else it would be another request, or a letter that nobody wants any more. */
export const isWhole = ({ members, letters }: OpenEnvelope): boolean =>
  members.length === letters && members.every(({ body, givenUp }) => body !== null && !givenUp);
