/**
 * All SQL of a message's life. Every move is one statement, guarded by what it expects (`src/life.ts` says from which
 * state), so that two healers cannot undo each other and a late process changes nothing. Statements over several messages lock their outbox rows first, in order
 * of id: unordered, opposed batches deadlock.
 *
 *     staged ──relay──▶ enqueued ──notifier──▶ sent
 *       ▲                  │
 *       ├── restaged ◀─────┤ Redis lost its job (same run)
 *       │                  └──▶ dead ──▶ discarded (a person gives it up)
 *       └── retried (run + 1) ◀──┘ a person puts it back
 */
import { type SQL, sql } from 'drizzle-orm';
import { array, type Database, recordset, run } from './database.ts';
import { inState, may } from './life.ts';
import type { Enqueueable, MessageRun } from './queue.ts';
import { type DeadReason, writer } from './schema.ts';

export interface StagedMessage extends Enqueueable {
  readonly seq: string;
}

/** Where a message's next letter goes, with its customer as `c`: to the address that a person has corrected, else to the customer's. */
export const addressOf = (message: string) => sql.raw(`coalesce(${message}.recipient, c.email)`);

/** `with given …, k …`: the messages of a statement, and their rows, locked in order of id. Guards go on `k`. */
export function locking(messages: readonly MessageRun[]): SQL {
  return sql`given as (
      select * from ${recordset(
        messages.map(({ id, run }) => ({ id, run })),
        'g (id uuid, run int)',
      )}
    ), k as materialized (
      select o.* from outbox o where o.id in (select id from given) order by o.id for update
    )`;
}

// ── The relay's moves ────────────────────────────────────────────────────────────────────────────────────────────

/** How long a lease lasts unless it is renewed: the longest pause after a relay's death. */
export const LEASE_SECONDS = 5;

/** Takes or renews the lease of that name. Answers whether `holder` has it now. */
export async function takeLease(db: Database, name: string, holder: string): Promise<boolean> {
  const rows = await run(
    db,
    sql`insert into leases as l (name, holder, until)
        values (${name}, ${holder}, now() + make_interval(secs => ${LEASE_SECONDS}))
        on conflict (name) do update set holder = excluded.holder, until = excluded.until
          where l.holder = excluded.holder or l.until < now()
        returning 1`,
    'takeLease',
  );
  return rows.length === 1;
}

/** Gives the lease back, so that nobody has to wait for its end. */
export async function giveLeaseBack(db: Database, name: string, holder: string): Promise<void> {
  await run(db, sql`delete from leases where name = ${name} and holder = ${holder}`, 'giveLeaseBack');
}

/** Whether anybody holds the lease of that name. */
export async function isLed(db: Database, name: string): Promise<boolean> {
  const [row] = await run<{ led: boolean }>(
    db,
    sql`select exists (select 1 from leases where name = ${name} and until > now()) as led`,
    'isLed',
  );
  return row?.led ?? false;
}

const leaseHeld = (holder: string) =>
  sql`exists (select 1 from leases where name = 'relay' and holder = ${holder} and until > now())`;

/**
 * The next messages to enqueue, in order of `seq`. `inFlight` are left out one by one and not by `seq > last`, because
 * lower numbers can commit late; as rows, which Postgres hashes, where it would go through an array anew for each message. Nothing for a
 * relay that has lost its lease.
 */
export async function stagedMessages(
  db: Database,
  holder: string,
  limit: number,
  inFlight: readonly string[],
): Promise<StagedMessage[]> {
  return run<StagedMessage>(
    db,
    sql`select id, seq, run, type, order_id as "orderId" from outbox o
        where ${inState(['staged'], 'o')} and seq not in (select unnest(${array(inFlight, 'bigint')})) and ${leaseHeld(holder)}
        order by seq limit ${limit}`,
    'stagedMessages',
  );
}

/** staged → enqueued. Changes nothing for a relay that has lost its lease. */
export async function markEnqueued(
  db: Database,
  holder: string,
  messages: readonly MessageRun[],
): Promise<void> {
  await run(
    db,
    sql`with ${locking(messages)}
        update outbox o set enqueued_at = now(), enqueued_by = ${writer}, enqueue_failures = 0
        from k join given g using (id, run)
        where o.id = k.id and ${may('enqueue', 'k')} and ${leaseHeld(holder)}`,
    'markEnqueued',
  );
}

/** How often Redis may refuse one message, while it takes others, before the message is dead. */
const ENQUEUE_TRIES = 5;

/** Charges messages that Redis refused while it took others; the last time they are dead. */
export async function chargeEnqueue(
  db: Database,
  holder: string,
  messages: readonly MessageRun[],
): Promise<void> {
  await run(
    db,
    sql`with ${locking(messages)}
        , charged as (
          update outbox o set enqueue_failures = k.enqueue_failures + 1,
            dead_at = case when k.enqueue_failures + 1 >= ${ENQUEUE_TRIES}::int then now() end,
            dead_reason = case when k.enqueue_failures + 1 >= ${ENQUEUE_TRIES}::int then 'not_enqueueable' end
          from k join given g using (id, run)
          where o.id = k.id and ${may('chargeEnqueue', 'k')} and ${leaseHeld(holder)} returning ${whoDied}
        )
        ${recordDeaths('charged')}`,
    'chargeEnqueue',
  );
}

/** Where a page of messages ended: the next one begins behind it. */
export interface Position {
  readonly at: string;
  readonly id: string;
}
export type Positioned = Enqueueable & Position;

const START: Position = { at: '-infinity', id: '00000000-0000-0000-0000-000000000000' };

/** Messages enqueued longer than `olderThanMs` ago and still unfinished, oldest first. */
export async function overdueMessages(
  db: Database,
  olderThanMs: number,
  limit: number,
  after = START,
): Promise<Positioned[]> {
  return run<Positioned>(
    db,
    sql`select id, run, type, order_id as "orderId", enqueued_at::text as at from outbox o
        where ${inState(['enqueued'], 'o')} and enqueued_at < now() - make_interval(secs => ${olderThanMs}::float8 / 1000)
          and (enqueued_at, id) > (${after.at}::timestamptz, ${after.id}::uuid)
        order by enqueued_at, id limit ${limit}`,
    'overdueMessages',
  );
}

/** Dead letters that once had a job, oldest first: what the failed set must show. */
export async function deadMessages(db: Database, limit: number, after = START): Promise<Positioned[]> {
  return run<Positioned>(
    db,
    sql`select id, run, type, order_id as "orderId", dead_at::text as at from outbox o
        where ${inState(['dead'], 'o')} and enqueued_at is not null
          and (dead_at, id) > (${after.at}::timestamptz, ${after.id}::uuid)
        order by dead_at, id limit ${limit}`,
    'deadMessages',
  );
}

const recordRestaged = sql.raw(
  "insert into message_events (message_id, run, event) select id, run, 'restaged' from restaged",
);

/** enqueued → staged, for messages whose job Redis no longer has. Guarded by the mark that the sweep has seen. */
export async function restage(
  db: Database,
  holder: string,
  lost: readonly (MessageRun & { at: string })[],
): Promise<void> {
  await run(
    db,
    sql`with ${locking(lost)}, seen as (
          select * from ${recordset(
            lost.map(({ id, at }) => ({ id, at })),
            's (id uuid, at timestamptz)',
          )}
        ), restaged as (
          update outbox o set enqueued_at = null
          from k join given g using (id, run) join seen s using (id)
          where o.id = k.id and ${may('restage', 'k')} and k.enqueued_at = s.at and ${leaseHeld(holder)} returning o.id, o.run
        )
        ${recordRestaged}`,
    'restage',
  );
}

/**
 * enqueued → staged for one page of everything enqueued before `before`: for a Redis that has lost its data.
 * Answers how many were moved; less than `limit` means that this was the last page.
 */
export async function restageAll(
  db: Database,
  holder: string,
  before: string,
  limit: number,
): Promise<number> {
  const rows = await run(
    db,
    sql`with page as (
          select id from outbox o where ${may('restageAll', 'o')} and enqueued_at < ${before}::timestamptz
          order by enqueued_at, id limit ${limit}
        ), k as materialized (
          select id from outbox where id in (select id from page) order by id for update
        ), restaged as (
          update outbox o set enqueued_at = null from k
          where o.id = k.id and ${may('restageAll', 'o')} and o.enqueued_at < ${before}::timestamptz and ${leaseHeld(holder)}
          returning o.id, o.run
        )
        ${recordRestaged} returning 1`,
    'restageAll',
  );
  return rows.length;
}

/** The time by the ledger's clock, exact to the microsecond. */
export async function ledgerTime(db: Database): Promise<string> {
  const [row] = await run<{ now: string }>(db, sql`select now()::text as now`, 'ledgerTime');
  if (!row) throw new Error('the ledger did not tell the time');
  return row.now;
}

/** The epoch that the ledger believes its queue's Redis to be in. */
export async function readEpoch(db: Database, queue: string): Promise<string | undefined> {
  const [row] = await run<{ epoch: string }>(
    db,
    sql`select epoch from epochs where queue = ${queue}`,
    'readEpoch',
  );
  return row?.epoch;
}

export async function writeEpoch(db: Database, queue: string, epoch: string): Promise<void> {
  await run(
    db,
    sql`insert into epochs (queue, epoch) values (${queue}, ${epoch}) on conflict (queue) do update set epoch = excluded.epoch`,
    'writeEpoch',
  );
}

/** Which of these runs a failed job may no longer stand for: overtaken by a later run, finished, or purged. */
export async function outdatedRuns<M extends MessageRun>(db: Database, runs: readonly M[]): Promise<M[]> {
  const rows = await run<{ i: number }>(
    db,
    sql`select g.i
        from ${recordset(
          runs.map(({ id, run }, i) => ({ i, id, run })),
          'g (i int, id uuid, run int)',
        )}
        left join outbox o on o.id = g.id
        where o.id is null or o.run > g.run or o.sent_at is not null or o.discarded_at is not null`,
    'outdatedRuns',
  );
  return rows.flatMap(({ i }) => runs[i] ?? []);
}

/**
 * Deletes finished messages that were finished more than `days` ago, and their letters; the letters' personal data first. Ids begin with
 * their time: the oldest are found by the primary key, however many finished messages there are. Answers how many went.
 */
export async function purgeFinished(db: Database, days: number, limit: number): Promise<number> {
  const cutoff = firstIdOf(sql`now() - make_interval(days => ${days})`);
  const page = sql`select id from outbox where id < ${cutoff} and coalesce(sent_at, discarded_at) < now() - make_interval(days => ${days})
    order by id limit ${limit}`;
  await run(
    db,
    sql`update notifications n set recipient = null, body = null, answer_detail = null
        where n.message_id in (${page}) and (recipient is not null or body is not null or answer_detail is not null)`,
    'clearLetters',
  );
  const rows = await run(
    db,
    sql`with page as materialized (${page} for update skip locked),
          letters as (delete from notifications n using page p where n.message_id = p.id),
          events as (delete from message_events e using page p where e.message_id = p.id),
          changes as (update operator_actions a set change = null from page p where a.message_id = p.id and a.change is not null)
        delete from outbox o using page p where o.id = p.id returning 1`,
    'purgeFinished',
  );
  return rows.length;
}

/** Deletes envelopes that are older than that and whose letters are gone. Answers how many went. */
export async function purgeEnvelopes(db: Database, days: number, limit: number): Promise<number> {
  const rows = await run(
    db,
    sql`delete from envelopes where id in (
          select id from envelopes e where id < ${firstIdOf(sql`now() - make_interval(days => ${days})`)}
            and not exists (select from notifications n where n.envelope_id = e.id) order by id limit ${limit}
        ) returning 1`,
    'purgeEnvelopes',
  );
  return rows.length;
}

/** Ids begin with their time: none that was made at that moment or later is smaller than this one. */
const firstIdOf = (moment: SQL) =>
  sql`(lpad(to_hex((extract(epoch from ${moment}) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid`;

/** How long a replay of an idempotent request is promised. */
const IDEMPOTENCY_KEY_DAYS = 7;

export async function purgeIdempotencyKeys(db: Database, limit: number): Promise<number> {
  const rows = await run(
    db,
    sql`delete from idempotency_keys where ctid in (
          select ctid from idempotency_keys
          where created_at < now() - make_interval(days => ${IDEMPOTENCY_KEY_DAYS}) order by created_at limit ${limit}
        ) returning 1`,
    'purgeIdempotencyKeys',
  );
  return rows.length;
}

// ── The notifier's moves ─────────────────────────────────────────────────────────────────────────────────────────

/** What a job finds in the ledger. Missing parts are null: the notifier decides what that means. */
export interface StartedMessage {
  readonly id: string;
  readonly run: number;
  readonly type: string;
  readonly orderId: string;
  /** Starts since the last orderly end, this one included. */
  readonly starts: number;
  /** Calls in a row that spent no attempt although nothing held sending; and for how long that has gone on. */
  readonly unspent: number;
  readonly unspentForSeconds: number;
  readonly sentAt: string | null;
  readonly discardedAt: string | null;
  readonly deadReason: DeadReason | null;
  readonly order: {
    readonly currency: string;
    readonly total: string;
    readonly createdAt: string;
    readonly items: readonly { sku: string; name: string; quantity: number; unitPrice: number }[];
  } | null;
  readonly customer: { readonly email: string; readonly name: string } | null;
  /** Whether nothing is sent to its address any more. */
  readonly suppressed: boolean;
  readonly letter: {
    readonly id: string;
    readonly body: string | null;
    readonly account: string;
    readonly answer: string | null;
    /** Seconds since the outcome of one of its calls first became unknown. */
    readonly unknownForSeconds: number | null;
    /** With how many letters it may share a request. */
    readonly largestBatch: number;
    /** The envelope that it shares with others, and how long nobody is to call yet. */
    readonly envelope: { readonly id: string; readonly dueInMs: number } | null;
  } | null;
  /** Why sending is held, if it is. */
  readonly held: string | null;
}

export interface StartingMessage extends MessageRun {
  /** Its last start did end in good order, but the ledger could not be told. */
  readonly explained?: boolean;
}

/**
 * Counts a start and loads all that a letter needs. The answers stand in the order of `messages`; undefined where the
 * outbox has no such row.
 */
export async function startMessages(
  db: Database,
  messages: readonly StartingMessage[],
): Promise<(StartedMessage | undefined)[]> {
  const explained = messages.flatMap(({ id, explained }) => (explained ? [id] : []));
  const starts = sql`(case when k.id = any (${array(explained, 'uuid')}) then 1 else k.starts + 1 end)`;
  const rows = await run<StartedMessage>(
    db,
    sql`with ${locking(messages)}, started as (
          update outbox o set starts = ${starts}
          from k join given g using (id, run)
          where o.id = k.id and ${may('start', 'k')}
          returning o.id
        )
        select k.id, k.run, k.type, k.order_id as "orderId", ${starts} as starts, k.unspent,
          coalesce(extract(epoch from now() - k.unspent_since), 0)::float8 as "unspentForSeconds",
          k.sent_at::text as "sentAt", k.discarded_at::text as "discardedAt", k.dead_reason as "deadReason",
          case when o.id is null then null else json_build_object(
            'currency', o.currency, 'total', o.total::text, 'createdAt', o.created_at,
            'items', (
              select coalesce(json_agg(json_build_object('sku', i.sku, 'name', i.name, 'quantity', i.quantity, 'unitPrice', i.unit_price) order by i.position), '[]')
              from order_items i where i.order_id = o.id and n.id is null
            )) end as "order",
          case when c.id is null then null else json_build_object('email', ${addressOf('k')}, 'name', c.name) end as customer,
          case when n.id is null then null else json_build_object('id', n.id, 'body', n.body, 'account', n.account, 'answer', n.answer,
            'unknownForSeconds', extract(epoch from now() - n.first_unknown_at), 'largestBatch', n.largest_batch,
            'envelope', case when e.id is null then null else json_build_object('id', e.id,
              'dueInMs', greatest(0, ceil(extract(epoch from e.due_at - now()) * 1000))) end) end as letter,
          exists (select from suppressions s where s.address = lower(coalesce(n.recipient, ${addressOf('k')}))) as suppressed,
          (select h.reason from holds h where h.name = 'sending') as held
        from k
        left join orders o on o.id = k.order_id
        left join customers c on c.id = o.customer_id
        left join notifications n on n.message_id = k.id and n.replaced_at is null
        left join envelopes e on e.id = n.envelope_id`,
    'startMessages',
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  return messages.map(({ id }) => byId.get(id));
}

/**
 * Counts a start in which nothing else runs in its process, of this message and of all that share an envelope with it. Answers how
 * many of these have had no orderly end, this one included; undefined when the message has moved on.
 */
export async function countLoneStart(
  db: Database,
  { id, run: itsRun }: MessageRun,
  envelopeId: string | null = null,
): Promise<number | undefined> {
  const rows = await run<{ id: string; starts: number }>(
    db,
    sql`with k as materialized (
          select o.* from outbox o
          where o.id = ${id} or o.id in (select message_id from notifications where envelope_id = ${envelopeId}) order by o.id for update
        )
        update outbox o set lone_starts = k.lone_starts + 1
        from k where o.id = k.id and ${may('start', 'k')} and (k.id <> ${id} or k.run = ${itsRun}::int)
          -- Of an envelope only whoever calls for it: the others of it only look whether it is their turn.
          and (${envelopeId}::uuid is null or exists (select from envelopes e where e.id = ${envelopeId} and e.due_at <= now()))
        returning o.id, o.lone_starts as starts`,
    'countLoneStart',
  );
  return rows.find((row) => row.id === id)?.starts;
}

/** The provider forgets a key after 24 hours. An hour of them is kept for calls under way and clocks that differ. */
export const REPEATABLE_FOR_SECONDS = 23 * 3_600;

/** A call that is about to be made. */
export interface OpeningCall extends MessageRun {
  /** Where it goes: keys count there alone. */
  readonly account: string;
  /** What to freeze when the message has no letter yet. */
  readonly letter: { readonly id: string; readonly recipient: string; readonly body: string } | null;
}

/** A call whose outcome counts as unknown until its answer is written down. */
export interface OpenCall {
  readonly letterId: string;
  /** The exact text to send. */
  readonly body: string;
  /** Which call of this letter it is: only the latest puts `first_unknown_at` back. */
  readonly attempt: number;
  /** What `first_unknown_at` was before this call. */
  readonly unknownBefore: string | null;
}

/**
 * Freezes letters that are not frozen yet, and writes down that a call is under way: from now on its outcome is unknown
 * unless an answer proves otherwise. Undefined where the message has moved on meanwhile, or is in an envelope, or it is too late to repeat.
 */
export async function openCalls(
  db: Database,
  calls: readonly OpeningCall[],
): Promise<(OpenCall | undefined)[]> {
  const opening = calls.map(({ id, run, account, letter }) => ({ message_id: id, run, account, ...letter }));
  const rows = await run<OpenCall & { messageId: string; run: number }>(
    db,
    sql`with ${locking(calls)}, alive as (
          select k.id, k.run from k where ${may('open', 'k')}
        ), opening as (
          select c.* from ${recordset(opening, 'c (message_id uuid, run int, account text, id uuid, recipient text, body text)')}
          join alive a on (a.id, a.run) = (c.message_id, c.run)
        ), frozen as (
          insert into notifications (id, message_id, recipient, body, account, attempts, first_unknown_at)
          select id, message_id, recipient, body, account, 1, now() from opening where id is not null
          on conflict (message_id) where replaced_at is null do nothing
          returning id, message_id, body
        ), before as (
          select n.id, n.first_unknown_at, c.account from notifications n join opening c using (message_id)
          where n.replaced_at is null and n.body is not null and n.envelope_id is null
            -- Whoever has stood still since it was judged may come too late.
            and coalesce(n.first_unknown_at > now() - make_interval(secs => ${REPEATABLE_FOR_SECONDS}), true) for update of n
        ), touched as (
          update notifications n set attempts = n.attempts + 1, first_unknown_at = coalesce(n.first_unknown_at, now()),
            account = case when n.first_unknown_at is null then b.account else n.account end
          from before b where n.id = b.id returning n.id, n.message_id, n.body, n.attempts
        )
        select t.message_id as "messageId", a.run, t.id as "letterId", t.body, t.attempts as attempt, b.first_unknown_at::text as "unknownBefore"
        from touched t join before b using (id) join alive a on a.id = t.message_id
        union all
        select f.message_id, a.run, f.id, f.body, 1, null from frozen f join alive a on a.id = f.message_id`,
    'openCalls',
  );
  const byMessage = new Map(rows.map((row) => [row.messageId, row]));
  return calls.map(({ id, run: itsRun }) => {
    const call = byMessage.get(id);
    if (call?.run !== itsRun) return undefined;
    byMessage.delete(id); // a twin in the same statement has opened no call of its own
    return call;
  });
}

/** What a good end takes off a message: the starts that nothing explained, and the calls that cost nothing. */
const unburdened = sql`starts = 0, lone_starts = 0, unspent = 0, unspent_since = null`;

export interface Acceptance {
  readonly messageId: string;
  readonly letterId: string;
  readonly providerId: string;
}

/**
 * → sent. An acceptance is a fact whoever reports it and whatever the message has become: it is guarded by the letter's
 * key and `sent_at is null` alone, and clears what says otherwise.
 * Answers of each whether its message is sent now: it is not when that message never had such a letter.
 */
export async function markSent(db: Database, acceptances: readonly Acceptance[]): Promise<boolean[]> {
  const sent = await run<{ id: string }>(
    db,
    sql`with accepted as (
          select distinct on ("letterId") "messageId" as message_id, "letterId" as letter_id, "providerId" as provider_id
          from ${recordset(acceptances, 'a ("messageId" uuid, "letterId" uuid, "providerId" text)')}
        ), k as materialized (
          select id from outbox where id in (select message_id from accepted) order by id for update
        ), letters as (
          update notifications n set accepted_at = now(), accepted_by = ${writer}, provider_id = a.provider_id, answer = 'accepted', answer_detail = null, answered_at = now()
          from accepted a join k on k.id = a.message_id
          where n.id = a.letter_id and n.message_id = a.message_id and n.accepted_at is null
          returning n.message_id
        ), moved as (
          update outbox o set sent_at = now(), enqueued_at = coalesce(o.enqueued_at, now()), ${unburdened},
            dead_at = null, dead_reason = null, discarded_at = null, alerted_at = null
          from letters l where o.id = l.message_id and ${may('accept', 'o')}
          returning o.id
        )
        select id from moved union select k.id from k join outbox o on o.id = k.id where o.sent_at is not null`,
    'markSent',
  );
  const ids = new Set(sent.map(({ id }) => id));
  return acceptances.map(({ messageId }) => ids.has(messageId));
}

/** What an attempt came to when it was not an acceptance. */
export interface Settlement extends MessageRun {
  /** The call, if one was made. */
  readonly call: OpenCall | null;
  /** A code from a closed list, null where nobody was asked, and the provider's own words. */
  readonly answer: string | null;
  readonly detail: string | null;
  /** Whether the answer proves that the letter was not accepted. */
  readonly notAccepted: boolean;
  readonly dead: DeadReason | null;
  /** Whether it has gone round once more without spending an attempt, and nothing else was at fault; or does so no longer. */
  readonly circling?: 'again' | 'over';
  /** It was not its turn: that explains this start alone, and clears it of nothing that its earlier ones are suspected of. */
  readonly looked?: 'alone' | 'among others';
}

/** What a letter's row is to say of an answer, if there was one. */
export const answered = (answer: SQL, detail: SQL) =>
  sql`answer = coalesce(${answer}, n.answer), answer_detail = case when ${answer} is null then n.answer_detail else ${detail} end,
            answered_at = case when ${answer} is null then n.answered_at else now() end`;

/** What `recordDeaths` needs of the rows that a statement has moved. */
export const whoDied = sql.raw('o.id, o.run, o.dead_reason');

/** Puts down those of a CTE that are dead now, for the day on which a retry has wiped that off the message. */
export const recordDeaths = (moved: string) =>
  sql.raw(
    `insert into message_events (message_id, run, event, code) select id, run, 'dead', dead_reason from ${moved} where dead_reason is not null`,
  );

/** An attempt's orderly end, of the row `o` as it was locked in `k`, by what `x` says of it: `dead`, `circling`, `looked`. */
export const attemptEnded = sql`starts = case when x.looked is null then 0 else greatest(k.starts - 1, 0) end,
          lone_starts = case when x.looked is null then 0 when x.looked = 'alone' then greatest(k.lone_starts - 1, 0) else k.lone_starts end,
          unspent = case x.circling when 'again' then k.unspent + 1 when 'over' then 0 else k.unspent end,
          unspent_since = case x.circling when 'again' then coalesce(k.unspent_since, now()) when 'over' then null else k.unspent_since end,
          dead_at = case when x.dead is null then null else now() end,
          -- Its job exists, whether the relay has come to say so or not: the failed set must show it.
          enqueued_at = case when x.dead is null then o.enqueued_at else coalesce(o.enqueued_at, now()) end`;

/**
 * Writes an attempt's end down: the answer, the orderly end of the start, and, where it is the last, that the message is
 * dead. A proof of non-acceptance puts `first_unknown_at` back, unless a later call is under way.
 */
export async function settleAttempts(db: Database, settlements: readonly Settlement[]): Promise<true[]> {
  const outcomes = settlements.map(
    ({ id, run, call, answer, detail, notAccepted, dead, circling, looked }) => ({
      ...{ id, run, answer, detail, not_accepted: notAccepted, dead, circling, looked },
      ...{ letter_id: call?.letterId, attempt: call?.attempt, unknown_before: call?.unknownBefore },
    }),
  );
  await run(
    db,
    sql`with ${locking(settlements)}, outcome as (
          select * from ${recordset(
            outcomes,
            `x (id uuid, run int, answer text, detail text, not_accepted boolean, dead text, circling text, looked text,
              letter_id uuid, attempt int, unknown_before timestamptz)`,
          )}
        ), called as materialized (
          -- Locked, and so as they are now: a later call may have been opened while this waited.
          select n.id, n.attempts from notifications n join outcome x on n.id = x.letter_id join k on k.id = x.id order by n.id for update of n
        ), letters as (
          update notifications n set ${answered(sql`x.answer`, sql`x.detail`)},
            first_unknown_at = case when x.not_accepted then x.unknown_before else n.first_unknown_at end
          from outcome x join k on k.id = x.id
          -- An earlier call that comes late has nothing to say about the letter any more.
          where n.id = x.letter_id and n.attempts = x.attempt and n.accepted_at is null
        ), overtaken as (
          select c.id from called c join outcome x on c.id = x.letter_id where c.attempts > x.attempt
        ), told as (
          insert into message_events (message_id, run, event, code, detail)
          select x.id, x.run, 'answered', x.answer, x.detail from outcome x join k on k.id = x.id where x.letter_id is not null and x.answer is not null
        ), ended as (
          update outbox o set ${attemptEnded},
            -- Nor does its refusal prove anything while a later call is under way, which may yet be accepted.
            dead_reason = case when x.dead = 'refused' and x.letter_id in (select id from overtaken) then 'outcome_unknown' else x.dead end
          from k join outcome x using (id, run)
          where o.id = k.id and ${may('settle', 'k')} returning ${whoDied}
        )
        ${recordDeaths('ended')}`,
    'settleAttempts',
  );
  return settlements.map(() => true);
}

/**
 * How others fare while a letter's outcome is unknown: one was accepted since, and since sending is held if it is (`pass`), or
 * none was and another one is in the same state (`fail`), or there is nobody to compare it with (`none`). What was accepted as an
 * outage began says nothing while it goes on.
 */
export async function othersFare(db: Database, letterId: string): Promise<'pass' | 'fail' | 'none'> {
  const [row] = await run<{ fare: 'pass' | 'fail' | 'none' }>(
    db,
    sql`with l as (
          select message_id, envelope_id, greatest(first_unknown_at, (select opened_at from holds where name = 'sending')) as since
          from notifications where id = ${letterId}
        )
        select case
          -- Frozen not long before, so that few rows are looked at.
          when exists (
            select from notifications a, l where a.id >= ${firstIdOf(sql`l.since - interval '15 minutes'`)} and a.accepted_at >= l.since
              and (l.envelope_id is null or a.envelope_id is distinct from l.envelope_id) -- nor do those that share its fate
          ) then 'pass'
          when exists (
            select from l, outbox o join notifications n on n.message_id = o.id and n.replaced_at is null
            where ${inState(['enqueued'], 'o')} and o.id <> l.message_id and n.answered_at >= n.first_unknown_at
              and (n.envelope_id is null or n.envelope_id is distinct from l.envelope_id) -- those share its fate and prove nothing
          ) then 'fail'
          else 'none' end as fare`,
    'othersFare',
  );
  return row?.fare ?? 'none';
}

/**
 * → sent, on the provider's own report that it has accepted a letter of this message at that time. Which of its letters
 * that was, its time tells: a replaced one was not sent any more after it had been replaced. Answers whether there is one.
 * @param at ISO 8601, the provider's.
 */
export async function acceptReported(
  db: Database,
  { messageId, providerId, at }: { messageId: string; providerId: string; at: string },
): Promise<boolean> {
  const [letter] = await run<{ id: string }>(
    db,
    sql`select id from notifications
        where message_id = ${messageId} and (provider_id = ${providerId} or (accepted_at is null
          and (replaced_at is null or replaced_at >= ${at}::timestamptz)))
        order by accepted_at is null, replaced_at nulls last limit 1`,
    'acceptReported',
  );
  if (letter) await markSent(db, [{ messageId, letterId: letter.id, providerId }]);
  return letter !== undefined;
}

// ── What people do ───────────────────────────────────────────────────────────────────────────────────────────────

/** What became of a person's act: done, or why not. */
export type ActResult =
  | 'done'
  | 'unknown_message'
  | 'finished'
  | 'overtaken'
  | 'not_dead'
  | 'outcome_unknown'
  | 'outcome_known'
  | 'perhaps_accepted';

/**
 * dead → staged, as the next run, with all attempts again. Repeated, it changes nothing: `run` is the one that the
 * person saw dead, or null for whichever it is now. Refused for finished messages, and for `outcome_unknown`, where
 * repeating could be a second letter.
 */
export async function retryMessage(
  db: Database,
  { id, run: seen, operator }: { id: string; run: number | null; operator: string },
): Promise<ActResult> {
  return act(
    db,
    sql`with k as materialized (select * from outbox where id = ${id} for update),
        moved as (
          update outbox o set run = k.run + 1, ${putBack} from k
          where o.id = k.id and k.run = coalesce(${seen}::int, k.run) and ${retriable} returning o.id
        ), audit as (
          insert into operator_actions (operator, action, message_id, run)
          select ${operator}, 'retry', k.id, k.run from k join moved using (id)
        )
        select k.sent_at, k.discarded_at, k.dead_at, k.dead_reason, k.run = coalesce(${seen}::int, k.run) as current,
          exists (select 1 from moved) as done from k`,
    'retryMessage',
  );
}

/** What a message sheds as it goes back to the relay. */
export const putBack = sql`dead_at = null, dead_reason = null, alerted_at = null, enqueued_at = null, enqueue_failures = 0, ${unburdened}`;
/** Whether the message in the row `k` is one that a retry puts back. */
export const retriable = sql`${may('retry', 'k')} and k.dead_reason <> 'outcome_unknown'`;

interface ActRow {
  readonly sent_at: string | null;
  readonly discarded_at: string | null;
  readonly dead_at: string | null;
  readonly dead_reason: DeadReason | null;
  readonly current: boolean;
  readonly done: boolean;
  /** Where a letter that may have been accepted was the last thing that could be in the way. */
  readonly frozen?: boolean;
}

async function act(db: Database, statement: SQL, name: string): Promise<ActResult> {
  const [row] = await run<ActRow>(db, statement, name);
  if (!row) return 'unknown_message';
  if (row.done) return 'done';
  if (row.sent_at || row.discarded_at) return 'finished';
  if (!row.current) return 'overtaken';
  if (!row.dead_at) return 'not_dead';
  if (row.dead_reason === 'outcome_unknown') return 'outcome_unknown';
  return row.frozen ? 'perhaps_accepted' : 'outcome_known';
}

/**
 * Retries one page of what was dead at `before`; what a retry is refused for is left alone. Answers how many were put
 * back: none means that nothing is left, fewer than `limit` only that somebody else may have moved some of the page.
 */
export async function retryDead(
  db: Database,
  operator: string,
  before: string,
  limit: number,
): Promise<number> {
  const rows = await run(
    db,
    sql`with page as (
          select id from outbox k where ${retriable} and k.dead_at <= ${before}::timestamptz order by dead_at, id limit ${limit}
        ), k as materialized (
          select * from outbox where id in (select id from page) order by id for update
        ), moved as (
          update outbox o set run = k.run + 1, ${putBack} from k
          where o.id = k.id and ${retriable} and k.dead_at <= ${before}::timestamptz returning o.id
        ), audit as (
          insert into operator_actions (operator, action, message_id, run)
          select ${operator}, 'retry', k.id, k.run from k join moved using (id)
        )
        select id from moved`,
    'retryDead',
  );
  return rows.length;
}

/** Retries all that is dead now, page by page. Answers how many were put back; `onPage` is told of each page. */
export async function retryAllDead(db: Database, operator: string, onPage: () => void): Promise<number> {
  const before = await ledgerTime(db);
  let count = 0;
  // Until a page moves nothing: a page may be short because somebody else has moved one of it meanwhile.
  for (let moved = 1; moved > 0; count += moved) {
    moved = await retryDead(db, operator, before, RETRY_PAGE);
    onPage();
  }
  return count;
}

const RETRY_PAGE = 500;

/** dead → discarded: a person gives it up, and says why. */
export async function discardMessage(
  db: Database,
  { id, operator, note }: { id: string; operator: string; note: string },
): Promise<ActResult> {
  return act(
    db,
    sql`with k as materialized (select * from outbox where id = ${id} for update),
        moved as (
          update outbox o set discarded_at = now() from k
          where o.id = k.id and ${may('discard', 'k')} returning o.id
        ), audit as (
          insert into operator_actions (operator, action, message_id, run, note)
          select ${operator}, 'discard', k.id, k.run, ${note} from k join moved using (id)
        )
        select k.sent_at, k.discarded_at, k.dead_at, k.dead_reason, true as current, exists (select 1 from moved) as done from k`,
    'discardMessage',
  );
}

/**
 * dead → staged, as the next run, with a new letter to another address. Refused while a letter of this message may have been accepted:
 * that would be a second one. The addresses before and after stand with the act, for as long as the message does.
 * @param email must be as the schema of a customer wants it.
 */
export async function correctRecipient(
  db: Database,
  { id, email, operator, note }: { id: string; email: string; operator: string; note: string },
): Promise<ActResult> {
  return act(
    db,
    sql`with k as materialized (select * from outbox where id = ${id} for update),
        letter as materialized (
          select n.* from notifications n join k on k.id = n.message_id where n.replaced_at is null for update of n
        ), moved as (
          update outbox o set run = k.run + 1, recipient = ${email}, ${putBack} from k
          where o.id = k.id and ${may('correct', 'k')} and k.dead_reason <> 'outcome_unknown'
            and not exists (select from letter where first_unknown_at is not null or accepted_at is not null or envelope_id is not null)
          returning o.id
        ), replaced as (
          update notifications n set replaced_at = now() from moved, letter where n.id = letter.id
        ), audit as (
          insert into operator_actions (operator, action, message_id, run, note, change)
          select ${operator}, 'correct', k.id, k.run, ${note}, json_build_object('from', coalesce(letter.recipient, ${addressOf('k')}), 'to', ${email}::text)
          from k join moved using (id) left join letter on true left join orders r on r.id = k.order_id left join customers c on c.id = r.customer_id
        )
        select k.sent_at, k.discarded_at, k.dead_at, k.dead_reason, true as current, exists (select 1 from moved) as done,
          exists (select 1 from letter) as frozen from k`,
    'correctRecipient',
  );
}

interface Confirmation {
  readonly id: string;
  readonly operator: string;
  /** How the person knows. */
  readonly note: string;
}

/** dead → sent, on a person's word that a letter of unknown outcome was accepted. */
export async function confirmSent(db: Database, { id, operator, note }: Confirmation): Promise<ActResult> {
  return act(
    db,
    sql`with k as materialized (select * from outbox where id = ${id} for update),
        moved as (
          update outbox o set sent_at = now(), enqueued_at = coalesce(o.enqueued_at, now()), ${unburdened},
            dead_at = null, dead_reason = null, alerted_at = null
          from k where o.id = k.id and ${may('confirmSent', 'k')} and k.dead_reason = 'outcome_unknown' returning o.id
        ), audit as (
          insert into operator_actions (operator, action, message_id, run, note)
          select ${operator}, 'confirm_sent', k.id, k.run, ${note} from k join moved using (id)
        )
        select k.sent_at, k.discarded_at, k.dead_at, k.dead_reason, true as current, exists (select 1 from moved) as done from k`,
    'confirmSent',
  );
}

/**
 * dead → staged, on a person's word that a letter of unknown outcome was not accepted: as the next run, and with a new
 * letter under a new key. Should the old one turn up as accepted all the same, it is recorded and told of.
 */
export async function confirmNotSent(db: Database, { id, operator, note }: Confirmation): Promise<ActResult> {
  return act(
    db,
    sql`with k as materialized (select * from outbox where id = ${id} for update),
        moved as (
          update outbox o set run = k.run + 1, ${putBack}
          from k where o.id = k.id and ${may('confirmNotSent', 'k')} and k.dead_reason = 'outcome_unknown' returning o.id
        ), replaced as (
          update notifications n set replaced_at = now() from moved where n.message_id = moved.id and n.replaced_at is null
        ), audit as (
          insert into operator_actions (operator, action, message_id, run, note)
          select ${operator}, 'confirm_not_sent', k.id, k.run, ${note} from k join moved using (id)
        )
        select k.sent_at, k.discarded_at, k.dead_at, k.dead_reason, true as current, exists (select 1 from moved) as done from k`,
    'confirmNotSent',
  );
}

export interface DeadLetter extends Positioned {
  readonly reason: DeadReason;
  /** The provider's code for its last answer. */
  readonly answer: string | null;
  /** The provider's own words. They stay with those who may read the ledger. */
  readonly detail: string | null;
  readonly recipient: string | null;
  readonly attempts: number;
  readonly createdAt: string;
}

/** Which dead letters: of that reason, of that type, dead since and until then (ISO 8601). Null where it does not matter. */
export interface DeadFilter {
  readonly reason: string | null;
  readonly type: string | null;
  readonly since: string | null;
  readonly until: string | null;
}
export const ANY_DEAD: DeadFilter = { reason: null, type: null, since: null, until: null };

/** `filter` as a condition on the outbox row of that alias. Only what matters is asked, so that the planner sees the index for it. */
export function matching({ reason, type, since, until }: DeadFilter, alias: string): SQL {
  const column = (name: string) => sql.raw(`${alias}.${name}`);
  const conditions = [
    inState(['dead'], alias),
    ...(reason === null ? [] : [sql`${column('dead_reason')} = ${reason}::text`]),
    ...(type === null ? [] : [sql`${column('type')} = ${type}::text`]),
    ...(since === null ? [] : [sql`${column('dead_at')} >= ${since}::timestamptz`]),
    ...(until === null ? [] : [sql`${column('dead_at')} <= ${until}::timestamptz`]),
  ];
  return sql.join(conditions, sql` and `);
}

export interface DeadCount {
  readonly reason: DeadReason;
  readonly count: number;
}

/** How many dead letters match of each reason, the largest group first. */
export async function deadCounts(db: Database, filter = ANY_DEAD): Promise<DeadCount[]> {
  return run<DeadCount>(
    db,
    sql`select dead_reason as reason, count(*)::int as count from outbox o where ${matching(filter, 'o')}
        group by dead_reason order by count desc, reason`,
    'deadCounts',
  );
}

/** Dead letters with what is known of them, oldest first; `id` asks for one alone. */
export async function deadLetters(
  db: Database,
  {
    id = null,
    filter = ANY_DEAD,
    limit,
    after = START,
  }: { id?: string | null; filter?: DeadFilter; limit: number; after?: Position },
): Promise<DeadLetter[]> {
  return run<DeadLetter>(
    db,
    sql`select o.id, o.run, o.type, o.order_id as "orderId", o.dead_at::text as at, o.dead_reason as reason, n.answer,
          n.answer_detail as detail, coalesce(n.recipient, ${addressOf('o')}) as recipient, coalesce(n.attempts, 0) + coalesce(e.attempts - 1, 0) as attempts, o.created_at::text as "createdAt"
        from outbox o
        left join notifications n on n.message_id = o.id and n.replaced_at is null
        left join envelopes e on e.id = n.envelope_id
        left join orders r on r.id = o.order_id
        left join customers c on c.id = r.customer_id
        where ${matching(filter, 'o')} ${id === null ? sql`` : sql`and o.id = ${id}`}
          and (o.dead_at, o.id) > (${after.at}::timestamptz, ${after.id}::uuid)
        order by o.dead_at, o.id limit ${limit}`,
    'deadLetters',
  );
}

/** What an order's story tells of a message beyond its timeline. */
export interface LetterFacts {
  readonly id: string;
  readonly run: number;
  /** Where it went, or will go. */
  readonly recipient: string | null;
  /** Whether there is a frozen letter to look at. */
  readonly frozen: boolean;
  /** The provider's own words of its last answer. */
  readonly detail: string | null;
}

export async function letterFacts(db: Database, orderId: string): Promise<LetterFacts[]> {
  return run<LetterFacts>(
    db,
    sql`select o.id, o.run, coalesce(n.recipient, ${addressOf('o')}) as recipient, n.body is not null as frozen, n.answer_detail as detail
        from outbox o join orders r on r.id = o.order_id join customers c on c.id = r.customer_id
        left join notifications n on n.message_id = o.id and n.replaced_at is null
        where o.order_id = ${orderId} order by o.seq`,
    'letterFacts',
  );
}

/** The exact text of a message's letter in force, and its order; undefined where there is none, or none any more. */
export async function frozenLetter(
  db: Database,
  id: string,
): Promise<{ readonly orderId: string; readonly body: string } | undefined> {
  const [letter] = await run<{ orderId: string; body: string }>(
    db,
    sql`select o.order_id as "orderId", n.body from outbox o
        join notifications n on n.message_id = o.id and n.replaced_at is null and n.body is not null where o.id = ${id}`,
    'frozenLetter',
  );
  return letter;
}

/** What a person has done to a message. */
interface PersonsAct {
  /** To the millisecond. */
  readonly at: string;
  readonly operator: string;
  readonly action: string;
  readonly note: string | null;
}

/** Where any message stands, finished ones too, and what people have done to it. */
export interface MessageRecord {
  readonly id: string;
  readonly type: string;
  readonly orderId: string;
  readonly stands: 'staged' | 'enqueued' | 'sent' | 'discarded' | 'dead';
  /** Since when it stands there. */
  readonly since: string;
  /** The oldest first. */
  readonly acts: readonly PersonsAct[];
}

/** Undefined where there is none, or none any more. */
export async function findMessage(db: Database, id: string): Promise<MessageRecord | undefined> {
  const [message] = await run<MessageRecord>(
    db,
    sql`select o.id, o.type, o.order_id as "orderId",
          case when sent_at is not null then 'sent' when discarded_at is not null then 'discarded' when dead_at is not null then 'dead'
            when enqueued_at is not null then 'enqueued' else 'staged' end as stands,
          coalesce(sent_at, discarded_at, dead_at, enqueued_at, created_at)::text as since,
          (select coalesce(json_agg(json_build_object('at', a.at::text, 'operator', a.operator, 'action', a.action, 'note', a.note) order by a.id), '[]')
            from operator_actions a where a.message_id = o.id) as acts
        from outbox o where o.id = ${id}`,
    'findMessage',
  );
  return message;
}

// ── What the monitor sees ────────────────────────────────────────────────────────────────────────────────────────

export interface DeadGroup {
  readonly reason: DeadReason;
  readonly count: number;
  /** ISO 8601. */
  readonly oldest: string;
  /** Three of them, the newest first. */
  readonly messageIds: readonly string[];
  /** Those that operations have not been told of, up to a thousand. */
  readonly fresh: readonly string[];
}

/** Dead letters, grouped by reason, the largest group first. */
export async function deadGroups(db: Database): Promise<DeadGroup[]> {
  return run<DeadGroup>(
    db,
    sql`select dead_reason as reason, count(*)::int as count,
          to_char(min(dead_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as oldest,
          to_json((array_agg(id order by dead_at desc, id))[1:3]) as "messageIds",
          coalesce(to_json((array_agg(id order by dead_at) filter (where alerted_at is null))[1:1000]), '[]') as fresh
        from outbox o where ${inState(['dead'], 'o')}
        group by dead_reason order by count desc, reason`,
    'deadGroups',
  );
}

/** Writes down that operations were told of these dead letters, as they were at that time: who died anew since is news. */
export async function markAlerted(db: Database, ids: readonly string[], asOf: string): Promise<void> {
  await run(
    db,
    sql`with k as materialized (
          select id from outbox where id = any (${array(ids, 'uuid')}) and dead_at <= ${asOf}::timestamptz order by id for update
        )
        update outbox o set alerted_at = now() from k where o.id = k.id and o.dead_at <= ${asOf}::timestamptz`,
    'markAlerted',
  );
}

/** → dead, for messages whose job failed by another hand than the notifier's. Answers how many the ledger did not know. */
export async function recordFailedJobs(db: Database, runs: readonly MessageRun[]): Promise<number> {
  const rows = await run(
    db,
    sql`with ${locking(runs)}
        , failed as (
          update outbox o set dead_at = now(), dead_reason = 'job_failed'
          from k join given g using (id, run)
          where o.id = k.id and ${may('recordFailure', 'k')} returning ${whoDied}
        )
        ${recordDeaths('failed')} returning 1`,
    'recordFailedJobs',
  );
  return rows.length;
}

/** Messages of which two letters were accepted: how many, and three of them. */
export async function doubleAcceptances(
  db: Database,
): Promise<{ readonly count: number; readonly messageIds: readonly string[]; readonly oldest: string }> {
  const [row] = await run<{ count: number; messageIds: string[]; oldest: string }>(
    db,
    sql`with second as (
          select message_id, accepted_at as at from notifications n where replaced_at is not null and accepted_at is not null
            and exists (select from notifications m where m.message_id = n.message_id and m.id <> n.id and m.accepted_at is not null)
          union all
          select message_id, at from provider_events where stray
        ), twice as (
          select message_id, min(at) as at from second group by message_id
        )
        select count(*)::int as count, coalesce(to_json((array_agg(message_id order by at desc))[1:3]), '[]') as "messageIds",
          coalesce(to_char(min(at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '') as oldest
        from twice`,
    'doubleAcceptances',
  );
  if (!row) throw new Error('the ledger did not count');
  return row;
}

export interface Backlog {
  readonly staged: number;
  readonly enqueued: number;
  readonly dead: number;
  /** Age of the oldest message that is neither finished nor dead; 0 when there is none. */
  readonly oldestSeconds: number;
  /** Its id. */
  readonly oldestId: string | null;
}

/** How much is unfinished, and for how long. */
export async function backlog(db: Database): Promise<Backlog> {
  const [row] = await run<Backlog>(
    db,
    sql`select
          (select count(*)::int from outbox o where ${inState(['staged'], 'o')}) as staged,
          (select count(*)::int from outbox o where ${inState(['enqueued'], 'o')}) as enqueued,
          (select count(*)::int from outbox o where ${inState(['dead'], 'o')}) as dead,
          coalesce(extract(epoch from now() - oldest.created_at), 0)::float8 as "oldestSeconds", oldest.id as "oldestId"
        from (values (1)) as one
        left join lateral (
          (select id, created_at from outbox o where ${inState(['staged'], 'o')} order by seq limit 1)
          union all
          (select id, created_at from outbox o where ${inState(['enqueued'], 'o')} order by created_at limit 1)
          order by created_at limit 1
        ) oldest on true`,
    'backlog',
  );
  if (!row) throw new Error('the ledger did not count');
  return row;
}
