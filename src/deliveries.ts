/**
 * What becomes of letters after the provider has accepted them, by the provider's own reports: delivered, bounced, complained of;
 * and the addresses to which nothing is sent any more because of that.
 */
import { sql } from 'drizzle-orm';
import { type Database, run } from './database.ts';
import { acceptReported, addressOf } from './outbox.ts';

/** A report as it came, of what was read in it. */
export interface ProviderEvent {
  /** The report's own: the same when it is repeated. */
  readonly id: string;
  readonly type: string;
  /** From the letter's tag. */
  readonly messageId: string | null;
  readonly providerId: string | null;
  /** When it happened, and when the provider had taken the letter: ISO 8601, by its clock. */
  readonly at: string;
  readonly takenAt: string;
  /** Whether the address is refused for good, and not just now. */
  readonly forGood: boolean;
}

interface Meaning {
  /** The letter's timestamp that it sets. */
  readonly mark?: 'delivered' | 'bounced' | 'complained';
  /** Whether it proves that the provider has accepted the letter. One that it reports as failed it may never have tried to send. */
  readonly accepted: boolean;
}

/** The events of Resend that say something of a letter. All others are kept, and change nothing. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  'email.sent': { accepted: true },
  'email.delivered': { mark: 'delivered', accepted: true },
  'email.delivery_delayed': { accepted: true },
  'email.opened': { accepted: true },
  'email.clicked': { accepted: true },
  'email.bounced': { mark: 'bounced', accepted: true },
  'email.complained': { mark: 'complained', accepted: true },
};
const NOTHING: Meaning = { accepted: false };

/**
 * Takes a report in. First what it proves (an acceptance, which moves a message of unknown outcome to sent), then the report itself
 * with what it says of the letter, in one statement, once. Who dies in between is told again, and the first part changes nothing then.
 */
export async function receiveEvent(db: Database, event: ProviderEvent): Promise<void> {
  const { mark, accepted } = Object.hasOwn(MEANINGS, event.type)
    ? (MEANINGS[event.type] ?? NOTHING)
    : NOTHING;
  const { providerId } = event;
  const messageId =
    event.messageId ?? (providerId === null ? null : ((await messageOf(db, providerId)) ?? null));
  if (messageId !== null && providerId !== null && accepted)
    await acceptReported(db, { messageId, providerId, at: event.takenAt });
  await recordEvent(db, { ...event, messageId }, mark ?? null, accepted);
}

/** Whose letter the provider knows by that id. */
async function messageOf(db: Database, providerId: string): Promise<string | undefined> {
  const [row] = await run<{ messageId: string }>(
    db,
    sql`select message_id as "messageId" from notifications where provider_id = ${providerId} limit 1`,
    'messageOf',
  );
  return row?.messageId;
}

/**
 * A letter's timestamps are set once and never taken back, in whichever order the reports come. A bounce for good and a complaint
 * put the letter's address on the list; a report that is repeated later does not put it there again.
 */
async function recordEvent(
  db: Database,
  { id, type, messageId, providerId, at, forGood }: ProviderEvent,
  mark: Meaning['mark'] | null,
  accepted: boolean,
): Promise<void> {
  const set = (name: Meaning['mark']) =>
    sql`coalesce(n.${sql.raw(`${name}_at`)}, case when ${mark}::text = ${name} then ${at}::timestamptz end)`;
  await run(
    db,
    sql`with known as (
          select id from outbox where id = ${messageId}::uuid
        ), own as (
          select id from notifications where message_id = ${messageId}::uuid and provider_id = ${providerId}::text
        ), event as (
          insert into provider_events (id, type, message_id, provider_id, at, stray)
          values (${id}, ${type}, ${messageId}::uuid, ${providerId}::text, ${at}::timestamptz,
            ${accepted}::boolean and exists (select from known) and not exists (select from own))
          on conflict do nothing returning 1
        ), letter as (
          update notifications n set delivered_at = ${set('delivered')}, bounced_at = ${set('bounced')}, complained_at = ${set('complained')}
          from own, event where n.id = own.id returning n.message_id, n.recipient
        )
        insert into suppressions (address, reason, message_id)
        select lower(recipient), ${mark}::text, message_id from letter
        where recipient is not null and (${mark}::text = 'complained' or (${mark}::text = 'bounced' and ${forGood}::boolean))
        on conflict do nothing`,
    'recordEvent',
  );
}

/** Deletes reports that came more than `days` ago. Answers how many went. */
export async function purgeProviderEvents(db: Database, days: number, limit: number): Promise<number> {
  const rows = await run(
    db,
    sql`delete from provider_events where ctid in (
          select ctid from provider_events where received_at < now() - make_interval(days => ${days}) order by received_at limit ${limit}
        ) returning 1`,
    'purgeProviderEvents',
  );
  return rows.length;
}

/** What became of lifting: done, or why there was nothing to do. */
export type Lifted = 'done' | 'unknown_message' | 'not_suppressed';

/** Takes the address of that message off the list: a person knows that it works again, or is wished for. */
export async function unsuppress(
  db: Database,
  { id, operator, note }: { id: string; operator: string; note: string },
): Promise<Lifted> {
  const [row] = await run<{ done: boolean }>(
    db,
    sql`with k as (
          select o.id, o.run, lower(coalesce(n.recipient, ${addressOf('o')})) as address from outbox o
          left join notifications n on n.message_id = o.id and n.replaced_at is null
          left join orders r on r.id = o.order_id
          left join customers c on c.id = r.customer_id
          where o.id = ${id}
        ), lifted as (
          delete from suppressions s using k where s.address = k.address returning 1
        ), audit as (
          insert into operator_actions (operator, action, message_id, run, note)
          select ${operator}, 'unsuppress', id, run, ${note} from k where exists (select from lifted)
        )
        select exists (select from lifted) as done from k`,
    'unsuppress',
  );
  if (!row) return 'unknown_message';
  return row.done ? 'done' : 'not_suppressed';
}
