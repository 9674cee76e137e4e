/**
 * A checkup of a running installation: asks the ledger, Redis and the clocks, and has `findings.ts` judge the answers.
 * It reads only. Every question has a deadline, counts to a limit and goes by an index: it is asked in the middle of an
 * outage, of a ledger with millions of rows. A question that fails keeps none of the others from being asked.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SQL, sql } from 'drizzle-orm';
import type { Config } from './config.ts';
import { array, connect, type Database, openDatabase, recordset, run } from './database.ts';
import { DeadlineError, deadline } from './deadline.ts';
import {
  type Broken,
  type ClockReading,
  type DeadCount,
  type FailedSetFacts,
  type Finding,
  fault,
  inWords,
  type JobFacts,
  judgeBacklog,
  judgeClock,
  judgeConsumers,
  judgeDead,
  judgeEnvironment,
  judgeEviction,
  judgeFailedSet,
  judgeHold,
  judgeJobs,
  judgeLease,
  judgeMark,
  judgeMemory,
  judgeMigrations,
  judgeOldest,
  judgeOutcomeUnknown,
  judgePersistence,
  judgePostgres,
  judgeRedis,
  judgeRule,
  judgeSession,
  judgeTypes,
  type MigrationFacts,
  MOST,
  notLookedAt,
  type OldestMessage,
  type PostgresState,
  type RULES,
  type Scanned,
  type SessionFacts,
  type Verdict,
} from './findings.ts';
import { currentHold } from './holds.ts';
import type { Log, Process } from './lifecycle.ts';
import { findMessageType, messageTypes } from './messages.ts';
import { isLed, outdatedRuns, overdueMessages, type Position, type Positioned, readEpoch } from './outbox.ts';
import {
  inspectRedis,
  type MessageRun,
  openQueue,
  QUEUE,
  type QueueDoor,
  type RedisInspection,
} from './queue.ts';

/** After this long whatever is left is not looked at. Closing may take five seconds more. */
const TIME_MS = 14_000;
/** A way through a table goes no further after this long, and says how far it came. */
const SCAN_TIME_MS = 9_000;

export interface CheckupOptions {
  readonly config: Config;
  readonly log: Log;
  /** Every row instead of the newest, however long that takes. */
  readonly all: boolean;
  readonly onClose: Process['onClose'];
  /** Is told of each finding as soon as it is there. */
  readonly onFinding: (finding: Finding) => void;
}

type Store = 'Postgres' | 'Redis';

interface Check {
  readonly name: string;
  readonly needs: readonly Store[];
  /** The first question to a store: when it fails, the store is away. */
  readonly opens?: Store;
  readonly look: (patient: Patient) => Promise<Verdict> | Verdict;
}

/** What is examined. What several checks need is asked once. */
interface Patient {
  readonly config: Config;
  readonly all: boolean;
  /** Whether a way through a table has gone on for long enough. */
  readonly enough: (looked: number) => boolean;
  readonly db: Database;
  /** Opened once Redis has answered, and not before: it would go on trying to connect. */
  readonly queue: () => Promise<QueueDoor>;
  readonly redis: () => Promise<RedisInspection>;
  readonly redisState: () => ReturnType<RedisInspection['state']>;
  readonly postgresClock: () => Promise<ClockReading>;
  readonly hold: () => ReturnType<typeof currentHold>;
  readonly relayLeads: () => Promise<boolean>;
  readonly dead: () => Promise<DeadCount[]>;
  readonly letters: () => Promise<Record<LetterRule, Scanned>>;
}

type LetterRule = 'accepted is sent' | 'one letter each' | 'letters have a message';

const rule = (name: keyof typeof RULES, look: (patient: Patient) => Promise<Scanned>): Check => ({
  name,
  needs: ['Postgres'],
  look: async (patient) => judgeRule(name, await look(patient)),
});

const CHECKS: readonly Check[] = [
  { name: 'environment', needs: [], look: ({ config }) => judgeEnvironment(absent(config), config.warnings) },
  {
    name: 'Postgres',
    needs: [],
    opens: 'Postgres',
    look: async ({ db }) => judgePostgres(await postgresState(db)),
  },
  {
    name: 'connections',
    needs: ['Postgres'],
    look: async ({ config }) => judgeSession(await sessionFacts(config.databaseUrl)),
  },
  {
    name: 'Redis',
    needs: [],
    opens: 'Redis',
    look: async ({ redisState }) => judgeRedis(await redisState()),
  },
  { name: 'Redis eviction', needs: ['Redis'], look: async (p) => judgeEviction(await p.redisState()) },
  { name: 'Redis persistence', needs: ['Redis'], look: async (p) => judgePersistence(await p.redisState()) },
  { name: 'Redis memory', needs: ['Redis'], look: async (p) => judgeMemory(await p.redisState()) },
  {
    name: 'clock here',
    needs: ['Postgres'],
    look: async (p) => judgeClock('this machine', { aheadMs: 0, roundTripMs: 0 }, await p.postgresClock()),
  },
  {
    name: 'clock of Redis',
    needs: ['Postgres', 'Redis'],
    async look(p) {
      const { time } = await p.redis();
      return judgeClock('Redis', await readClock(time), await p.postgresClock());
    },
  },
  { name: 'migrations', needs: ['Postgres'], look: async ({ db }) => judgeMigrations(await migrations(db)) },
  {
    name: 'Redis mark',
    needs: ['Postgres', 'Redis'],
    look: async ({ db, queue }) =>
      judgeMark((await readEpoch(db, QUEUE)) ?? null, await (await queue()).readEpoch()),
  },
  { name: 'relay', needs: ['Postgres'], look: async (p) => judgeLease('relay', await p.relayLeads()) },
  { name: 'notifiers', needs: ['Redis'], look: async (p) => judgeConsumers(await p.redisState()) },
  {
    name: 'monitor',
    needs: ['Postgres'],
    look: async ({ db }) => judgeLease('monitor', await isLed(db, 'monitor')),
  },
  { name: 'hold', needs: ['Postgres'], look: async (p) => judgeHold(await p.hold()) },
  { name: 'backlog', needs: ['Postgres'], look: async ({ db }) => judgeBacklog(await backlog(db)) },
  { name: 'oldest message', needs: ['Postgres'], look: async (p) => judgeOldest(await oldestMessage(p)) },
  { name: 'message types', needs: ['Postgres'], look: async ({ db }) => judgeTypes(await unknownTypes(db)) },
  { name: 'jobs', needs: ['Postgres', 'Redis'], look: async (p) => judgeJobs(await jobFacts(p)) },
  { name: 'dead letters', needs: ['Postgres'], look: async (p) => judgeDead(await p.dead()) },
  { name: 'outcome unknown', needs: ['Postgres'], look: async (p) => judgeOutcomeUnknown(await p.dead()) },
  {
    name: 'failed set',
    needs: ['Postgres', 'Redis'],
    look: async (p) => judgeFailedSet(await failedSetFacts(p)),
  },
  rule('orders have a message', ({ db, enough, config }) =>
    ordersWithoutMessage(db, enough, config.retentionDays),
  ),
  rule('sent has a letter', ({ db, enough }) => sentWithoutLetter(db, enough)),
  ...(['accepted is sent', 'one letter each', 'letters have a message'] as const).map((name) =>
    rule(name, async (p) => (await p.letters())[name]),
  ),
];

/** Of the longest name: for whoever prints what is found. */
export const CHECK_WIDTH = Math.max(...CHECKS.map(({ name }) => name.length));

/** Makes all checks, in their order, and answers what each has found. Throws nothing. */
export async function examine(options: CheckupOptions): Promise<Finding[]> {
  const patient = admit(options);
  const away = new Set<Store>();
  const end = performance.now() + TIME_MS;
  const findings: Finding[] = [];
  for (const check of CHECKS) {
    const left = options.all ? Number.POSITIVE_INFINITY : end - performance.now();
    const finding = { check: check.name, ...(await make(check, patient, away, left)) };
    findings.push(finding);
    options.onFinding(finding);
  }
  return findings;
}

function admit({ config, log, all, onClose }: CheckupOptions): Patient {
  const { db, close } = openDatabase(config.databaseUrl, 'doctor', 1);
  onClose('database', close);
  // Both stores are knocked at together: two that are away are waited for once.
  const inspection = inspectRedis(config);
  inspection.then(({ close }) => onClose('Redis', close)).catch(() => undefined); // the check of Redis tells of it
  const redis = () => inspection;
  const queue = once(async () => {
    await redis();
    const door = openQueue(config, log);
    onClose('queue', door.close);
    return door;
  });
  const scanEnd = performance.now() + SCAN_TIME_MS;
  const enough = (looked: number) => !all && (looked >= MOST || performance.now() > scanEnd);
  return {
    config,
    all,
    enough,
    db,
    queue,
    redis,
    redisState: once(async () => (await redis()).state()),
    postgresClock: once(() => readClock(() => postgresTime(db))),
    hold: once(() => currentHold(db)),
    relayLeads: once(() => isLed(db, 'relay')),
    dead: once(() => deadByReason(db)),
    letters: once(() => lettersOutOfPlace(db, enough)),
  };
}

/** What several ask for is asked once; a failure is everybody's. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    answer ??= ask();
    return answer;
  };
}

async function make(check: Check, patient: Patient, away: Set<Store>, ms: number): Promise<Verdict> {
  const missing = check.needs.find((store) => away.has(store));
  if (missing) return notLookedAt(`${missing} is away`);
  if (ms <= 0) return notLookedAt(`no time was left after ${TIME_MS / 1_000} s: the stores are slow`);
  try {
    const looking = Promise.resolve(check.look(patient));
    return await (Number.isFinite(ms) ? deadline(looking, ms, check.name) : looking);
  } catch (error) {
    if (check.opens) away.add(check.opens);
    // A live server ends a statement itself: this store has gone since it was opened. Of two it may be either.
    const [only, ...others] = check.needs;
    if (only && others.length === 0 && error instanceof DeadlineError) away.add(only);
    return check.opens ? fault(inWords(error)) : notLookedAt(inWords(error));
  }
}

// ── The environment, and what opens the stores ───────────────────────────────────────────────────────────────────

function absent({ resendApiKey, emailFrom, alertWebhookUrls }: Config): string[] {
  return [
    ...(resendApiKey ? [] : ['RESEND_API_KEY']),
    ...(emailFrom ? [] : ['EMAIL_FROM']),
    ...(alertWebhookUrls.length > 0 ? [] : ['ALERT_WEBHOOK_URL']),
  ];
}

async function postgresState(db: Database): Promise<PostgresState> {
  return one(
    await run<PostgresState>(
      db,
      sql`select split_part(current_setting('server_version'), ' ', 1) as version,
            current_setting('server_version_num')::int as number, current_setting('transaction_read_only')::bool as "readOnly"`,
    ),
  );
}

function one<T>([row]: readonly T[]): T {
  if (row === undefined) throw new Error('the ledger did not answer');
  return row;
}

const NAP_SECONDS = 0.2;
const HEARING_MS = 2_000;

/**
 * Whether a connection is one session. A pooler in transaction mode gives each statement whichever server process is
 * free: while others are busy ours changes, and what it had prepared or listened to is somewhere else.
 */
async function sessionFacts(databaseUrl: string): Promise<SessionFacts> {
  const ours = connect(databaseUrl, 'doctor');
  const others = connect(databaseUrl, 'doctor', 3);
  try {
    const backends = new Set<number>();
    const ask = async () =>
      backends.add(one(await ours<{ pid: number }[]>`select pg_backend_pid() as pid`).pid);
    await deadline(ask(), HEARING_MS, 'a first question');
    const naps = Promise.all([1, 2, 3].map(() => others`select pg_sleep(${NAP_SECONDS})::text`));
    naps.catch(() => undefined); // awaited below, unless what follows fails first
    const prepared = await deadline(Promise.all([ask(), ask()]), HEARING_MS, 'a prepared statement').then(
      () => true,
      () => false,
    );
    await deadline(naps, HEARING_MS + NAP_SECONDS * 1_000, 'three connections at once');
    const heard = prepared && (await isHeard(ours));
    return {
      prepared,
      sameBackend: backends.size === 1,
      heard,
      limited: prepared && (await isLimited(ours)),
    };
  } finally {
    await Promise.all([ours, others].map((client) => client.end({ timeout: 1 })));
  }
}

async function isLimited(client: ReturnType<typeof connect>): Promise<boolean> {
  const asked = client<
    { limited: boolean }[]
  >`select current_setting('statement_timeout') <> '0' and current_setting('lock_timeout') <> '0' as limited`;
  return one(await deadline(asked, HEARING_MS, 'a question')).limited;
}

/** Whether what one connection notifies comes to another that listens. Nobody else listens to this channel. */
async function isHeard(client: ReturnType<typeof connect>): Promise<boolean> {
  const channel = `doctor_${randomUUID().replaceAll('-', '')}`;
  const hearing = new Promise<true>((resolve) => {
    client
      .listen(
        channel,
        () => resolve(true),
        () => void client.notify(channel, ''),
      )
      .catch(() => undefined); // unheard
  });
  return deadline(hearing, HEARING_MS, 'a notification').catch(() => false);
}

// ── Clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────

const READINGS = 3;

/** Reads a clock a few times: the quickest answer is the surest. */
async function readClock(time: () => Promise<number>): Promise<ClockReading> {
  const readings: ClockReading[] = [];
  for (let i = 0; i < READINGS; i += 1) {
    const [began, before] = [performance.now(), Date.now()];
    const there = await time();
    const roundTripMs = performance.now() - began;
    readings.push({ aheadMs: there - (before + roundTripMs / 2), roundTripMs });
  }
  return one(readings.toSorted((a, b) => a.roundTripMs - b.roundTripMs));
}

async function postgresTime(db: Database): Promise<number> {
  const rows = await run<{ ms: number }>(
    db,
    sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
  );
  return one(rows).ms;
}

// ── The installation ─────────────────────────────────────────────────────────────────────────────────────────────

async function migrations(db: Database): Promise<MigrationFacts> {
  const known = knownMigrations();
  const { ever } = one(
    await run<{ ever: boolean }>(
      db,
      sql`select to_regclass('drizzle.__drizzle_migrations') is not null as ever`,
    ),
  );
  if (!ever) return { known, applied: [] };
  const rows = await run<{ when: string }>(
    db,
    sql`select created_at::text as when from drizzle.__drizzle_migrations`,
  );
  return { known, applied: rows.map(({ when }) => Number(when)) };
}

/** `migrations/` stands beside `src/`, and beside `dist/` once built. */
function knownMigrations(): number[] {
  const root = import.meta.filename.endsWith('.ts') ? '..' : '../..';
  const journal: { entries: { when: number }[] } = JSON.parse(
    readFileSync(join(import.meta.dirname, root, 'migrations/meta/_journal.json'), 'utf8'),
  );
  return journal.entries.map(({ when }) => when);
}

// ── What waits ───────────────────────────────────────────────────────────────────────────────────────────────────

/** The predicates of the partial indexes: `outbox_staged` in order of seq, `outbox_enqueued` of (enqueued_at, id), `outbox_dead` of (dead_at, id). */
const staged = sql`enqueued_at is null and sent_at is null and dead_at is null`;
const enqueued = sql`enqueued_at is not null and sent_at is null and dead_at is null`;
const dead = sql`dead_at is not null and discarded_at is null`;

async function backlog(db: Database): Promise<{ staged: number; enqueued: number }> {
  const counted = (which: SQL) =>
    sql`(select count(*)::int from (select 1 from outbox where ${which} limit ${MOST + 1}::int) counted)`;
  return one(
    await run<{ staged: number; enqueued: number }>(
      db,
      sql`select ${counted(staged)} as staged, ${counted(enqueued)} as enqueued`,
    ),
  );
}

/** Of so many of each kind, the first in their index, the oldest is taken: a retried one stands among them by its new wait. */
const OLDEST_AMONG = 10_000;

type Waiting = Omit<OldestMessage, 'knownType' | 'job' | 'held' | 'relayLeads'> &
  MessageRun & { readonly type: string };

async function oldestMessage(p: Patient): Promise<OldestMessage | undefined> {
  const oldest = await longestWaiting(p.db);
  if (!oldest) return undefined;
  // Redis is asked in passing: where it is away the ledger's part of the answer stands.
  const [sighting] = oldest.enqueued
    ? await p
        .queue()
        .then((queue) => queue.look([oldest]))
        .catch(() => [])
    : [];
  const hold = await p.hold();
  return {
    ...oldest,
    knownType: findMessageType(oldest.type) !== undefined,
    job: sighting?.state ?? null,
    held: hold !== undefined,
    relayLeads: await p.relayLeads(),
  };
}

async function longestWaiting(db: Database): Promise<Waiting | undefined> {
  const columns = sql`id, run, type, created_at, enqueued_at, starts, enqueue_failures`;
  const [oldest] = await run<Waiting>(
    db,
    sql`with waiting as (
          (select ${columns} from outbox where ${staged} order by seq limit ${OLDEST_AMONG}::int) union all
          (select ${columns} from outbox where ${enqueued} order by enqueued_at, id limit ${OLDEST_AMONG}::int)
        ), since as (
          select w.*, greatest(w.created_at, (select max(at) from operator_actions a where a.message_id = w.id and w.run > 1)) as since
          from waiting w
        )
        select s.id, s.run, s.type, extract(epoch from now() - s.since)::float8 as seconds, s.enqueued_at is not null as enqueued,
          s.enqueue_failures as "enqueueFailures", s.starts, coalesce(n.attempts, 0) as calls, n.answer
        from (select * from since order by since, id limit 1) s
        left join notifications n on n.message_id = s.id and n.replaced_at is null`,
  );
  return oldest;
}

async function unknownTypes(db: Database): Promise<Broken & { types: string[] }> {
  const known = array(
    messageTypes.map(({ type }) => type),
    'text',
  );
  const rows = await run<Broken & { types: string[] }>(
    db,
    sql`with waiting as (
          (select id, type from outbox where ${staged} order by seq limit ${MOST}::int) union all
          (select id, type from outbox where ${enqueued} order by enqueued_at, id limit ${MOST}::int)
        )
        select count(*)::int as count, to_json(coalesce((array_agg(id order by id desc))[1:3], '{}')) as ids,
          to_json(coalesce((array_agg(distinct type))[1:3], '{}')) as types
        from waiting where type <> all (${known})`,
  );
  return one(rows);
}

// ── The ledger against Redis ─────────────────────────────────────────────────────────────────────────────────────

const PAGE = 1_000;
/** Beyond what the sweep waits for, so long may its turns take. */
const SWEEP_SECONDS = 30;
const FAILED_PAGES = 10;

/** Messages enqueued so long ago that the sweep must have looked for their jobs. */
async function jobFacts({ db, queue: open, config, all }: Patient): Promise<JobFacts> {
  const queue = await open();
  const found = { lost: [] as string[], ended: [] as string[] };
  let looked = 0;
  let after: Position | undefined;
  do {
    const page = await overdueMessages(db, config.reconcileAfterMs + SWEEP_SECONDS * 1_000, PAGE, after);
    looked += page.length;
    const { lost, ended } = await withoutJob(db, queue, page);
    found.lost.push(...lost);
    found.ended.push(...ended);
    after = page.length === PAGE ? page.at(-1) : undefined;
  } while (after && all);
  return { looked, lost: some(found.lost), ended: some(found.ended), complete: after === undefined };
}

async function withoutJob(
  db: Database,
  queue: QueueDoor,
  page: readonly Positioned[],
): Promise<{ lost: string[]; ended: string[] }> {
  const sightings = await queue.look(page);
  const seen = (state: 'lost' | 'ended') => (_: unknown, i: number) => {
    const job = sightings[i]?.state;
    return state === 'lost'
      ? job === 'lost' || job === 'corrupt' || job === 'astray'
      : job === 'completed' || job === 'failed';
  };
  const [lost, ended] = [page.filter(seen('lost')), page.filter(seen('ended'))];
  const unmoved = new Set(await unmovedSince(db, [...lost, ...ended]));
  const still = (messages: readonly Positioned[]) =>
    messages.map(({ id }) => id).filter((id) => unmoved.has(id));
  return { lost: still(lost), ended: still(ended) };
}

/** Those that are still enqueued as they were: between two looks at two stores a message may have moved on. */
async function unmovedSince(db: Database, messages: readonly Positioned[]): Promise<string[]> {
  if (messages.length === 0) return [];
  const rows = await run<{ id: string }>(
    db,
    sql`select o.id from ${recordset(
      messages.map(({ id, run, at }) => ({ id, run, at })),
      'g (id uuid, run int, at timestamptz)',
    )} join outbox o using (id, run) where o.enqueued_at = g.at and ${enqueued}`,
  );
  return rows.map(({ id }) => id);
}

const some = (ids: readonly string[]): Broken => ({ count: ids.length, ids: ids.slice(0, 3) });

async function failedSetFacts(p: Patient): Promise<FailedSetFacts> {
  const queue = await p.queue();
  const shown = await deadNotShown(p, queue);
  const strangers = await failedStrangers(p, queue);
  return { ...strangers, ...shown, complete: shown.complete && strangers.complete };
}

/** What changed a moment ago the relay and the monitor have not seen yet: a turn of each, and a little. */
const freshSeconds = ({ reconcileIntervalMs, monitorIntervalMs }: Config): number =>
  5 + Math.max(reconcileIntervalMs, monitorIntervalMs) / 1_000;

async function deadNotShown(
  { db, config, all }: Patient,
  queue: QueueDoor,
): Promise<{ missing: number; complete: boolean }> {
  let missing = 0;
  let after: Position = { at: '-infinity', id: '00000000-0000-0000-0000-000000000000' };
  for (let pages = 0; all || pages < FAILED_PAGES; pages += 1) {
    const page = await run<MessageRun & Position>(
      db,
      sql`select id, run, dead_at::text as at from outbox
          where ${dead} and enqueued_at is not null and dead_at < now() - make_interval(secs => ${freshSeconds(config)}::float8)
            and (dead_at, id) > (${after.at}::timestamptz, ${after.id}::uuid)
          order by dead_at, id limit ${PAGE}::int`,
    );
    const sightings = page.length > 0 ? await queue.look(page) : [];
    const absent = page.filter((_, i) => sightings[i]?.state !== 'failed');
    missing += absent.length - (absent.length > 0 ? (await outdatedRuns(db, absent)).length : 0);
    const last = page.at(-1);
    if (page.length < PAGE || !last) return { missing, complete: true };
    after = last;
  }
  return { missing, complete: false };
}

type Strangers = Omit<FailedSetFacts, 'missing'>;

async function failedStrangers({ db, config, all }: Patient, queue: QueueDoor): Promise<Strangers> {
  const sum = { outdated: 0, alive: 0, foreign: 0 };
  for (let pages = 0; all || pages < FAILED_PAGES; pages += 1) {
    const page = await queue.failedRuns(pages * PAGE, PAGE);
    const runs = page.filter((run) => run !== undefined);
    const { outdated, alive } = await notDead(db, runs, freshSeconds(config));
    sum.outdated += outdated;
    sum.alive += alive;
    sum.foreign += page.length - runs.length;
    if (page.length < PAGE) return { ...sum, complete: true };
  }
  return { ...sum, complete: false };
}

/** Of these failed jobs' messages, how many are not dead; those that moved in the last seconds are passed over. */
async function notDead(
  db: Database,
  runs: readonly MessageRun[],
  seconds: number,
): Promise<{ outdated: number; alive: number }> {
  const rows = await run<{ outdated: number; alive: number }>(
    db,
    sql`select count(*) filter (where ended and not coalesce(moved_at > now() - make_interval(secs => ${seconds}::float8), false))::int as outdated,
          count(*) filter (where alive)::int as alive
        from (
          select o.id is null or o.run > g.run or o.sent_at is not null or o.discarded_at is not null as ended,
            o.run = g.run and o.sent_at is null and o.dead_at is null as alive,
            greatest(o.sent_at, o.discarded_at, (select max(at) from operator_actions a where a.message_id = g.id)) as moved_at
          from ${recordset(
            runs.map(({ id, run }) => ({ id, run })),
            'g (id uuid, run int)',
          )} left join outbox o on o.id = g.id
        ) judged`,
  );
  return one(rows);
}

async function deadByReason(db: Database): Promise<DeadCount[]> {
  return run<DeadCount>(
    db,
    sql`select dead_reason as reason, count(*)::int as count, to_json((array_agg(id order by dead_at))[1:3]) as ids
        from (select id, dead_at, dead_reason from outbox where ${dead} order by dead_at desc, id desc limit ${MOST + 1}::int) d
        group by dead_reason order by count desc, reason`,
  );
}

// ── What must never be ───────────────────────────────────────────────────────────────────────────────────────────

/** A message is purged so long after its order at the earliest: older orders may have none. */
async function ordersWithoutMessage(
  db: Database,
  enough: Patient['enough'],
  retentionDays: number,
): Promise<Scanned> {
  const { none } = await scan(db, enough, 'orders', 'id', {
    none: sql`t.created_at > now() - make_interval(days => ${retentionDays}::int)
      and not exists (select 1 from outbox o where o.order_id = t.id)`,
  });
  return none;
}

/** A person may have said that it was sent. */
async function sentWithoutLetter(db: Database, enough: Patient['enough']): Promise<Scanned> {
  const { none } = await scan(db, enough, 'outbox', 'id', {
    none: sql`t.sent_at is not null
      and not exists (select 1 from notifications n where n.message_id = t.id and n.accepted_at is not null)
      and not exists (select 1 from operator_actions a where a.message_id = t.id and a.action = 'confirm_sent')`,
  });
  return none;
}

async function lettersOutOfPlace(
  db: Database,
  enough: Patient['enough'],
): Promise<Record<LetterRule, Scanned>> {
  return scan(db, enough, 'notifications', 'message_id', {
    'accepted is sent': sql`t.accepted_at is not null
      and exists (select 1 from outbox o where o.id = t.message_id and o.sent_at is null)`,
    // Counted once: at the later of the two.
    'one letter each': sql`t.accepted_at is not null and exists (
      select 1 from notifications n where n.message_id = t.message_id and n.accepted_at is not null and n.id < t.id)`,
    'letters have a message': sql`not exists (select 1 from outbox o where o.id = t.message_id)`,
  });
}

const SCAN_PAGE = 10_000;

/** What the predicates look at. A letter's text is not among it: pages of it would fill the server's disk. */
const COLUMNS = {
  orders: sql`id, created_at`,
  outbox: sql`id, sent_at`,
  notifications: sql`id, message_id, accepted_at`,
} as const;

/**
 * Goes through a table from the newest row on, by its primary key (ids begin with their time), a page at a time, and
 * answers for each predicate over `t` how many rows it holds for, with three of the ids in the column `named`.
 */
async function scan<Name extends string>(
  db: Database,
  enough: Patient['enough'],
  table: keyof typeof COLUMNS,
  named: 'id' | 'message_id',
  predicates: Readonly<Record<Name, SQL>>,
): Promise<Record<Name, Scanned>> {
  const names = Object.keys(predicates) as Name[]; // a record's keys are its names
  const found = names.map(() => ({ count: 0, ids: [] as string[] }));
  let looked = 0;
  let before = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
  let complete = false;
  do {
    const page = await scanPage(db, table, named, Object.values<SQL>(predicates), before);
    looked += page.looked;
    complete = page.looked < SCAN_PAGE || page.last === null;
    before = page.last ?? before;
    for (const [i, sum] of found.entries()) {
      sum.count += page.found[i]?.count ?? 0;
      sum.ids.push(...(page.found[i]?.ids ?? []));
    }
  } while (!complete && !enough(looked));
  const answer = (i: number): Scanned => ({
    looked,
    complete,
    count: found[i]?.count ?? 0,
    ids: found[i]?.ids.slice(0, 3) ?? [],
  });
  return Object.fromEntries(names.map((name, i) => [name, answer(i)])) as Record<Name, Scanned>; // one for each
}

interface ScanPage {
  readonly looked: number;
  /** The last id of the page; null when there was none. */
  readonly last: string | null;
  readonly found: readonly Broken[];
}

async function scanPage(
  db: Database,
  table: keyof typeof COLUMNS,
  named: string,
  predicates: readonly SQL[],
  before: string,
): Promise<ScanPage> {
  const list = (parts: readonly SQL[]) => sql.join([...parts], sql`, `);
  const column = (i: number) => sql.raw(`b${i}`);
  // Materialized: each predicate is looked up once for a row, and not again for each thing that is counted.
  return one(
    await run<ScanPage>(
      db,
      sql`with t as materialized (
            select ${COLUMNS[table]} from ${sql.raw(table)} where id < ${before}::uuid order by id desc limit ${SCAN_PAGE}::int
          ), judged as materialized (
            select t.id, t.${sql.raw(named)} as named, ${list(predicates.map((p, i) => sql`(${p}) as ${column(i)}`))} from t
          )
          select count(*)::int as looked, min(id::text collate "C") as last, json_build_array(${list(
            predicates.map(
              (_, i) => sql`json_build_object('count', count(*) filter (where ${column(i)}),
                'ids', coalesce((array_agg(named order by id desc) filter (where ${column(i)}))[1:3], '{}'))`,
            ),
          )}) as found from judged`,
    ),
  );
}
