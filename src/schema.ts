/**
 * The ledger's tables. States are timestamps tied together by CHECKs, so that the database forbids what the code must
 * not do; every index is named for the query that it serves, and those for unfinished work are partial, so that
 * millions of finished rows cost the relay nothing.
 */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  char,
  check,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'bytea' });
const instant = (name: string) => timestamp(name, { withTimezone: true });
const createdAt = () => instant('created_at').notNull().defaultNow();

/**
 * Why a message is dead: the closed list. Only these codes (and the provider's documented error names) leave the
 * ledger; free text never does.
 */
export const DEAD_REASONS = [
  'attempts_exhausted', // every attempt ended without an acceptance
  'refused', // the provider refused this letter for good
  'outcome_unknown', // it may have been accepted, and repeating is no longer safe
  'poison', // it took its process down ten times while it ran alone
  'not_enqueueable', // Redis refused this one job five times while it took others
  'order_missing', // the order it speaks of is gone
  'customer_missing', // the customer it is for is gone
  'letter_missing', // the frozen letter's text has been purged
  'unrenderable', // no letter could be made from its facts
  'suppressed', // its address has bounced for good, or somebody there has complained
  'job_failed', // its job failed by BullMQ's own hand
] as const;
export type DeadReason = (typeof DEAD_REASONS)[number];

/** Who writes: which process, on which machine. `src/database.ts` gives its connections that name. */
export const writer = sql`current_setting('application_name')`;

/** An amount of money in minor units: never negative, and exact as a JSON number. */
const amountCheck = (name: string, column: string) =>
  check(name, sql.raw(`${column} between 0 and 9007199254740991`));

export const customers = pgTable(
  'customers',
  {
    id: uuid('id').primaryKey(),
    email: text('email').notNull(),
    name: text('name').notNull(),
    createdAt: createdAt(),
  },
  (t) => [index('customers_by_email').on(sql`lower(${t.email})`)],
);

export const orders = pgTable(
  'orders',
  {
    id: uuid('id').primaryKey(),
    customerId: uuid('customer_id')
      .notNull()
      .references(() => customers.id),
    status: text('status', { enum: ['CREATED', 'SHIPPED', 'CANCELLED'] }).notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    total: bigint('total', { mode: 'bigint' }).notNull(),
    createdAt: createdAt(),
    shippedAt: instant('shipped_at'),
    cancelledAt: instant('cancelled_at'),
  },
  (t) => [
    index('orders_of_customer').on(t.customerId, t.id),
    index('orders_by_status').on(t.status, t.id),
    check('orders_status_known', sql`status in ('CREATED', 'SHIPPED', 'CANCELLED')`),
    check('orders_shipped_when_shipped', sql`(status = 'SHIPPED') = (shipped_at is not null)`),
    check('orders_cancelled_when_cancelled', sql`(status = 'CANCELLED') = (cancelled_at is not null)`),
    amountCheck('orders_total_exact', 'total'),
  ],
);

export const orderItems = pgTable(
  'order_items',
  {
    orderId: uuid('order_id')
      .notNull()
      .references(() => orders.id),
    position: smallint('position').notNull(),
    sku: text('sku').notNull(),
    name: text('name').notNull(),
    quantity: integer('quantity').notNull(),
    unitPrice: bigint('unit_price', { mode: 'bigint' }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.orderId, t.position] }),
    check('order_items_quantity_positive', sql`quantity between 1 and 1000000`),
    amountCheck('order_items_unit_price_exact', 'unit_price'),
  ],
);

/** What a message carries to whoever consumes it; the column `order_id` repeats its order for the ledger's own use. */
export interface OutboxPayload {
  readonly orderId: string;
  readonly customerId: string;
  /** Minor units of the order's currency. */
  readonly orderTotal: number;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
}

export const outbox = pgTable(
  'outbox',
  {
    id: uuid('id').primaryKey(),
    /** The order of enqueuing. Ids are made by several clocks and cannot serve as one. */
    seq: bigint('seq', { mode: 'bigint' }).notNull().generatedAlwaysAsIdentity(),
    type: text('type').notNull(),
    orderId: uuid('order_id')
      .notNull()
      .references(() => orders.id),
    payload: jsonb('payload').$type<OutboxPayload>().notNull(),
    /** How often a person has put it back, plus one. The job's id is `<id>-<run>`. */
    run: integer('run').notNull().default(1),
    /** Starts since the last orderly end: what a kill leaves behind. From the second on it runs alone. */
    starts: integer('starts').notNull().default(0),
    /** Those of them in which nothing else ran in its process: only these say something of this message. */
    loneStarts: integer('lone_starts').notNull().default(0),
    /** Calls in a row that ended without spending an attempt while nothing held sending, and since when. */
    unspent: integer('unspent').notNull().default(0),
    unspentSince: instant('unspent_since'),
    /** Where its next letter goes instead of to its customer: what a person has corrected. */
    recipient: text('recipient'),
    /** Times that Redis refused this message while it took others. */
    enqueueFailures: smallint('enqueue_failures').notNull().default(0),
    createdAt: createdAt(),
    createdBy: text('created_by').default(writer),
    enqueuedAt: instant('enqueued_at'),
    enqueuedBy: text('enqueued_by'),
    sentAt: instant('sent_at'),
    deadAt: instant('dead_at'),
    deadReason: text('dead_reason', { enum: DEAD_REASONS }),
    discardedAt: instant('discarded_at'),
    /** When operations were told that it is dead; null again when it comes back to life. */
    alertedAt: instant('alerted_at'),
  },
  (t) => [
    index('outbox_staged').on(t.seq).where(sql`enqueued_at is null and sent_at is null and dead_at is null`),
    index('outbox_enqueued')
      .on(t.enqueuedAt, t.id)
      .where(sql`enqueued_at is not null and sent_at is null and dead_at is null`),
    index('outbox_dead').on(t.deadAt, t.id).where(sql`dead_at is not null and discarded_at is null`),
    // All that the states have of a dead one, so that counting needs no look at the rows.
    index('outbox_dead_by_reason')
      .on(t.deadReason, t.deadAt, t.id)
      .where(sql`sent_at is null and dead_at is not null and discarded_at is null`),
    index('outbox_of_order').on(t.orderId),
    check('outbox_sent_was_enqueued', sql`sent_at is null or enqueued_at is not null`),
    check('outbox_dead_has_reason', sql`(dead_at is null) = (dead_reason is null)`),
    check('outbox_sent_is_not_dead', sql`sent_at is null or dead_at is null`),
    check('outbox_discarded_was_dead', sql`discarded_at is null or dead_at is not null`),
    check('outbox_alerted_is_dead', sql`alerted_at is null or dead_at is not null`),
    check('outbox_unspent_has_since', sql`(unspent = 0) = (unspent_since is null)`),
    check(
      'outbox_counts_positive',
      sql`run >= 1 and starts >= 0 and lone_starts >= 0 and unspent >= 0 and enqueue_failures >= 0`,
    ),
    check(
      'outbox_dead_reason_known',
      sql.raw(`dead_reason in (${DEAD_REASONS.map((r) => `'${r}'`).join(', ')})`),
    ),
  ],
);

/** How many letters a request carries at most: the provider's rule. */
export const LARGEST_BATCH = 100;

/**
 * The frozen letter of a message and its fate. Alone it is a request, and its id the idempotency key that the provider sees. In an
 * envelope it shares the request, the key and the fate of all letters there. A message has one letter in force; replaced ones stay, because the provider may still report that it accepted them.
 */
export const notifications = pgTable(
  'notifications',
  {
    id: uuid('id').primaryKey(),
    messageId: uuid('message_id').notNull(),
    recipient: text('recipient'),
    /** The exact text of the request's body; null once purged. */
    body: text('body'),
    /** Base URL and account of the first attempt: the only place where the key counts. */
    account: text('account').notNull(),
    /** The envelope that it shares with others, and its place there: while it is in one, a trigger forbids it calls of its own. */
    envelopeId: uuid('envelope_id'),
    position: smallint('position'),
    /** With how many letters it may share a request: fewer after each one that was refused with it. */
    largestBatch: smallint('largest_batch').notNull().default(LARGEST_BATCH),
    /** Calls opened so far; also the token by which only the latest of them puts back `first_unknown_at`. */
    attempts: integer('attempts').notNull(),
    createdAt: createdAt(),
    firstUnknownAt: instant('first_unknown_at'),
    /** The last answer's code, and the provider's own words, which never leave the ledger. */
    answer: text('answer'),
    answerDetail: text('answer_detail'),
    answeredAt: instant('answered_at'),
    acceptedAt: instant('accepted_at'),
    /** The process that wrote it down. */
    acceptedBy: text('accepted_by'),
    providerId: text('provider_id'),
    replacedAt: instant('replaced_at'),
    /** What the provider has reported since, by its own clock. */
    deliveredAt: instant('delivered_at'),
    bouncedAt: instant('bounced_at'),
    complainedAt: instant('complained_at'),
  },
  (t) => [
    uniqueIndex('notifications_in_force').on(t.messageId).where(sql`replaced_at is null`),
    index('notifications_of_message').on(t.messageId),
    index('notifications_of_envelope').on(t.envelopeId).where(sql`envelope_id is not null`),
    // An acceptance under a key that was given up: a second letter, perhaps.
    index('notifications_accepted_though_replaced')
      .on(t.messageId)
      .where(sql`replaced_at is not null and accepted_at is not null`),
    index('notifications_of_provider').on(t.providerId).where(sql`provider_id is not null`),
    check('notifications_enclosed_has_place', sql`(envelope_id is null) = (position is null)`),
    check('notifications_accepted_has_id', sql`(accepted_at is null) = (provider_id is null)`),
    check('notifications_answered_has_code', sql`(answered_at is null) = (answer is null)`),
    check(
      'notifications_reported_was_accepted',
      sql`accepted_at is not null or coalesce(delivered_at, bounced_at, complained_at) is null`,
    ),
  ],
);

/**
 * One request for several letters, while its outcome is unknown and afterwards where it was accepted. Its id is the idempotency
 * key; its text is that of its letters, in their order. What a call of it comes to is written on all of them in one statement.
 */
export const envelopes = pgTable(
  'envelopes',
  {
    id: uuid('id').primaryKey(),
    /** How many letters were put into it: without one of them it would be another request. */
    letters: smallint('letters').notNull(),
    /** Calls opened so far; also the token by which a late call knows that it is not the latest. */
    attempts: integer('attempts').notNull(),
    /** Those of them that count, of the attempts that a message has. */
    spent: smallint('spent').notNull().default(0),
    /** Before this nobody calls: somebody is calling, or it is too early for the next attempt. */
    dueAt: instant('due_at').notNull(),
    createdAt: createdAt(),
  },
  () => [
    check(
      'envelopes_counts_positive',
      sql.raw(`letters between 1 and ${LARGEST_BATCH} and attempts >= 1 and spent >= 0`),
    ),
  ],
);

/** What befell a message on its way to a letter, or short of one. What goes well stands on the message and its letter. */
const MESSAGE_EVENTS = ['answered', 'dead', 'restaged'] as const;
export type MessageEvent = (typeof MESSAGE_EVENTS)[number];

/** The history of what went wrong, which a retry would wipe off the message itself. */
export const messageEvents = pgTable(
  'message_events',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    messageId: uuid('message_id').notNull(),
    run: integer('run').notNull(),
    at: instant('at').notNull().defaultNow(),
    event: text('event', { enum: MESSAGE_EVENTS }).notNull(),
    /** Of an answer its code, of a death its reason: both from closed lists. */
    code: text('code'),
    /** The provider's own words, which never leave the ledger. */
    detail: text('detail'),
    by: text('by').notNull().default(writer),
  },
  (t) => [
    index('message_events_of_message').on(t.messageId, t.id),
    check('message_events_known', sql.raw(`event in (${MESSAGE_EVENTS.map((e) => `'${e}'`).join(', ')})`)),
  ],
);

/** What the provider has reported, each report once. Whom it was about, its message tells: no address stands here. */
export const providerEvents = pgTable(
  'provider_events',
  {
    /** The report's own id, which stays the same when it is repeated. */
    id: text('id').primaryKey(),
    type: text('type').notNull(),
    messageId: uuid('message_id'),
    providerId: text('provider_id'),
    /** By the provider's clock. */
    at: instant('at').notNull(),
    receivedAt: instant('received_at').notNull().defaultNow(),
    /** It tells of a letter that the provider knows by another id than ours: a second one. */
    stray: boolean('stray').notNull(),
  },
  (t) => [
    index('provider_events_expired').on(t.receivedAt),
    index('provider_events_stray').on(t.messageId).where(sql`stray`),
  ],
);

/** Addresses, in lower case, to which nothing is sent any more, until a person lifts that. */
export const suppressions = pgTable(
  'suppressions',
  {
    address: text('address').primaryKey(),
    reason: text('reason', { enum: ['bounced', 'complained'] }).notNull(),
    /** Whose letter it was. */
    messageId: uuid('message_id').notNull(),
    createdAt: createdAt(),
  },
  () => [check('suppressions_reason_known', sql`reason in ('bounced', 'complained')`)],
);

export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    /** The name of the API key that the request came with. */
    client: text('client').notNull(),
    route: text('route').notNull(),
    keyHash: bytea('key_hash').notNull(),
    /** SHA-256 of what was asked: the canonical body, or the order that the path names. */
    fingerprint: bytea('fingerprint').notNull(),
    status: smallint('status').notNull(),
    body: text('body').notNull(),
    location: text('location'),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.client, t.route, t.keyHash] }),
    index('idempotency_keys_expired').on(t.createdAt),
  ],
);

/** What a person can do with a dead letter. The confirmations are a person's word of what became of it at the provider. */
const OPERATOR_ACTIONS = [
  'retry',
  'correct',
  'discard',
  'confirm_sent',
  'confirm_not_sent',
  'unsuppress',
] as const;
export type OperatorAction = (typeof OPERATOR_ACTIONS)[number];

/** Who did what to which message: written in the statement of the act itself. */
export const operatorActions = pgTable(
  'operator_actions',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    operator: text('operator').notNull(),
    action: text('action', { enum: OPERATOR_ACTIONS }).notNull(),
    messageId: uuid('message_id').notNull(),
    /** The run that was dead when the person acted. */
    run: integer('run').notNull(),
    note: text('note'),
    /** Of a correction: the address before and after it. Cleared with the letters of its message. */
    change: jsonb('change').$type<{ readonly from: string | null; readonly to: string }>(),
    /** The redrive that it was part of. */
    redriveId: uuid('redrive_id'),
    at: instant('at').notNull().defaultNow(),
  },
  (t) => [
    index('operator_actions_of_message').on(t.messageId),
    index('operator_actions_of_redrive').on(t.redriveId, t.id).where(sql`redrive_id is not null`),
    check(
      'operator_actions_known',
      sql.raw(`action in (${OPERATOR_ACTIONS.map((a) => `'${a}'`).join(', ')})`),
    ),
  ],
);

/** Why a redrive is over. */
export const REDRIVE_ENDS = ['done', 'failures', 'cancelled'] as const;
export type RedriveEnd = (typeof REDRIVE_ENDS)[number];

/**
 * Many dead letters that are put back: a few first, then at a rate, until all are or too many of them die again. The row is all that there
 * is of it, so that whoever carries it on can be killed at any time. One at a time.
 */
export const redrives = pgTable(
  'redrives',
  {
    id: uuid('id').primaryKey(),
    operator: text('operator').notNull(),
    note: text('note'),
    /** Which: of that reason, of that type, dead since and until then; null where that does not matter. */
    reason: text('reason', { enum: DEAD_REASONS }),
    type: text('type'),
    since: instant('since'),
    until: instant('until').notNull(),
    /** How many there were when it began; how many go first; how many a second go after them. */
    matched: integer('matched').notNull(),
    canary: integer('canary').notNull(),
    perSecond: integer('per_second').notNull(),
    /** How many were put back, and the last of them: the next ones stand behind it. */
    putBack: integer('put_back').notNull().default(0),
    lastDeadAt: instant('last_dead_at'),
    lastId: uuid('last_id'),
    createdAt: createdAt(),
    /** When so many of the first were accepted that the others may follow. */
    passedAt: instant('passed_at'),
    steppedAt: instant('stepped_at'),
    endedAt: instant('ended_at'),
    ended: text('ended', { enum: REDRIVE_ENDS }),
  },
  () => [
    uniqueIndex('redrives_under_way').on(sql`(ended_at is null)`).where(sql`ended_at is null`),
    check('redrives_ended_has_why', sql`(ended_at is null) = (ended is null)`),
    check('redrives_ended_known', sql.raw(`ended in (${REDRIVE_ENDS.map((end) => `'${end}'`).join(', ')})`)),
    check(
      'redrives_counts_positive',
      sql`matched >= 0 and canary >= 1 and per_second >= 1 and put_back >= 0`,
    ),
  ],
);

/** One row per alert that is firing or has fired; `dedup_key` names the incident, also across a kill. */
export const alerts = pgTable('alerts', {
  name: text('name').primaryKey(),
  dedupKey: uuid('dedup_key').notNull(),
  openedAt: instant('opened_at').notNull().defaultNow(),
  notifiedAt: instant('notified_at'),
});

/**
 * While this row is there, sending is held: until `until` altogether, and from then on for all but the one notifier that
 * probes with one message.
 */
export const holds = pgTable(
  'holds',
  {
    name: text('name').primaryKey(),
    reason: text('reason').notNull(),
    openedAt: instant('opened_at').notNull().defaultNow(),
    until: instant('until').notNull(),
    pauses: integer('pauses').notNull(),
    /** Who probes, and for how long at most: it may be killed meanwhile. */
    prober: uuid('prober'),
    probeUntil: instant('probe_until'),
  },
  () => [check('holds_probed_by_somebody', sql`(prober is null) = (probe_until is null)`)],
);

/** Who may act alone, and until when by the database's clock. */
export const leases = pgTable('leases', {
  name: text('name').primaryKey(),
  holder: uuid('holder').notNull(),
  until: instant('until').notNull(),
});

/** The mark that this ledger left in each queue's Redis. Another mark there, or none, means that Redis lost its data. */
export const epochs = pgTable('epochs', {
  queue: text('queue').primaryKey(),
  epoch: uuid('epoch').notNull(),
});
