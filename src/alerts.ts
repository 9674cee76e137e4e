/**
 * Raise, remind, recover: tells operations what they must know, through a webhook. What has been told is kept in the
 * ledger, so that an alert is never forgotten and at most repeated after a kill, under the same key.
 */
import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { type Database, run } from './database.ts';
import { deadline } from './deadline.ts';
import { passing } from './failpoints.ts';
import { type Log, plain } from './lifecycle.ts';

const SOURCE = 'notification-service';
const DELIVERY_TIMEOUT_MS = 5_000;
const REMIND_AFTER_SECONDS = 3_600;

interface AlertReason {
  /** A code from a closed list. */
  readonly reason: string;
  readonly count: number;
  /** ISO 8601. */
  readonly oldest: string;
  readonly messageIds: readonly string[];
}

/** The JSON that a webhook receives. `text` makes it readable in chat programs that show only that. */
export interface Alert {
  readonly severity: 'warning' | 'critical';
  readonly status: 'firing' | 'resolved';
  readonly message: string;
  readonly source: string;
  readonly queue: string;
  readonly count: number;
  readonly reasons: readonly AlertReason[];
  readonly link: string;
  readonly dedupKey: string;
  readonly text: string;
}

/** What is wrong now, or no longer. */
export interface Condition {
  readonly name: string;
  readonly severity: Alert['severity'];
  readonly count: number;
  readonly reasons: readonly AlertReason[];
  readonly firing: string;
  readonly resolved: string;
  /** The path of the page that shows it. */
  readonly page: string;
  /** Whether something came that no notice has told of. */
  readonly news: boolean;
}

export interface AlertPlace {
  readonly queue: string;
  /** `PUBLIC_URL`: the condition says which of its pages to look at. */
  readonly site: string;
}

interface OpenAlert {
  readonly dedupKey: string;
  readonly notified: boolean;
  readonly reminderDue: boolean;
}

/**
 * Brings what operations know up to a condition: a notice when it begins, when there is news, and while it lasts; a
 * recovery when it is over. Answers whether a notice of it being so was delivered now.
 */
export async function tell(
  db: Database,
  condition: Condition,
  place: AlertPlace,
  deliver: (alert: Alert) => Promise<boolean>,
): Promise<boolean> {
  if (condition.count === 0) return recover(db, condition, place, deliver);
  const open = await openAlert(db, condition.name);
  if (open.notified && !condition.news && !open.reminderDue) return false;
  if (!(await deliver(compose(condition, place, 'firing', open.dedupKey)))) return false;
  await run(db, sql`update alerts set notified_at = now() where name = ${condition.name}`, 'noteAlert');
  return true;
}

async function recover(
  db: Database,
  condition: Condition,
  place: AlertPlace,
  deliver: (alert: Alert) => Promise<boolean>,
): Promise<false> {
  const [open] = await run<OpenAlert>(
    db,
    sql`select ${openAlertColumns} from alerts where name = ${condition.name}`,
    'findAlert',
  );
  if (!open) return false;
  // Also when no notice is on record: it may have gone out, and its sender have died before it could say so.
  const told = await deliver(compose(condition, place, 'resolved', open.dedupKey));
  if (told)
    await run(
      db,
      sql`delete from alerts where name = ${condition.name} and dedup_key = ${open.dedupKey}`,
      'endAlert',
    );
  return false;
}

const openAlertColumns = sql`dedup_key as "dedupKey", notified_at is not null as notified,
  coalesce(notified_at < now() - make_interval(secs => ${REMIND_AFTER_SECONDS}), false) as "reminderDue"`;

async function openAlert(db: Database, name: string): Promise<OpenAlert> {
  const [open] = await run<OpenAlert>(
    db,
    sql`insert into alerts (name, dedup_key) values (${name}, ${uuidv7()})
        on conflict (name) do update set name = excluded.name returning ${openAlertColumns}`,
    'openAlert',
  );
  if (!open) throw new Error('the ledger did not open the alert');
  return open;
}

/** The notice as it goes out. */
export function compose(
  condition: Condition,
  { queue, site }: AlertPlace,
  status: Alert['status'],
  dedupKey: string,
): Alert {
  const { severity, count, reasons } = condition;
  const link = `${site}${condition.page}`;
  const message = status === 'firing' ? condition.firing : condition.resolved;
  const lines = reasons.map(
    (r) => `• ${r.reason}: ${r.count}, oldest ${r.oldest}, for example ${r.messageIds[0] ?? '–'}`,
  );
  const text = [`[${status === 'firing' ? severity : 'resolved'}] ${message}`, ...lines, link].join('\n');
  return { severity, status, message, source: SOURCE, queue, count, reasons, link, dedupKey, text };
}

/** Delivers to all URLs at once; true when at least one has taken it, or when there is none. Redirects are not followed. */
export function createDelivery(urls: readonly string[], log: Log): (alert: Alert) => Promise<boolean> {
  async function post(url: string, alert: Alert): Promise<void> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alert),
      redirect: 'manual',
      signal: AbortSignal.timeout(DELIVERY_TIMEOUT_MS),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the webhook answered ${response.status}`);
  }

  return async (alert) => {
    const { severity, status, message, dedupKey, reasons } = alert;
    log.warn({ severity, status, dedupKey, reasons }, message);
    const fates = await Promise.allSettled(
      urls.map((url) =>
        deadline(
          passing('alerts.deliver', () => post(url, alert)),
          DELIVERY_TIMEOUT_MS,
          'the webhook',
        ),
      ),
    );
    for (const fate of fates) {
      if (fate.status === 'rejected')
        log.error({ dedupKey, error: plain(fate.reason) }, 'an alert was not delivered');
    }
    return urls.length === 0 || fates.some(({ status }) => status === 'fulfilled');
  };
}
