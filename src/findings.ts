/**
 * What a checkup makes of what it has seen: facts → a verdict, in words for somebody who was woken by it. Pure: no store
 * is asked here. Words hold counts, ids and codes, and nothing that a person has typed.
 */
import type { Hold } from './holds.ts';
import type { RedisState } from './queue.ts';

export interface Verdict {
  readonly status: 'ok' | 'warn' | 'fault' | 'not looked at';
  readonly words: string;
}

export interface Finding extends Verdict {
  readonly check: string;
}

const ok = (words: string): Verdict => ({ status: 'ok', words });
const warn = (words: string): Verdict => ({ status: 'warn', words });
export const fault = (words: string): Verdict => ({ status: 'fault', words });
export const notLookedAt = (words: string): Verdict => ({ status: 'not looked at', words });

// ── The report ───────────────────────────────────────────────────────────────────────────────────────────────────

const MARKS: Readonly<Record<Verdict['status'], string>> = {
  ok: 'ok',
  warn: 'warn',
  fault: 'FAULT',
  'not looked at': '-',
};

/** One line of the report. @param width of the longest check's name. */
export function lineOf({ check, status, words }: Finding, width: number): string {
  return `${MARKS[status].padEnd(5)}  ${check.padEnd(width)}  ${words}`;
}

/** Checks that were not made, one line for each cause: with a store away nearly all of them have the same. */
export function linesOfUnmade(findings: readonly Finding[]): string[] {
  const unmade = findings.filter(({ status }) => status === 'not looked at');
  const causes = new Set(unmade.map(({ words }) => words));
  return [...causes].map((cause) => {
    const names = unmade.filter(({ words }) => words === cause).map(({ check }) => check);
    return `${MARKS['not looked at'].padEnd(5)}  not looked at, ${cause}: ${names.join(', ')}`;
  });
}

/** Well is what has no fault and was looked at altogether; a warning alone is no illness. */
export function isWell(findings: readonly Finding[]): boolean {
  return findings.every(({ status }) => status === 'ok' || status === 'warn');
}

/** With a store away nearly all checks are not made: a line with all their names would help nobody. */
const MOST_NAMES = 10;

/** The last line: what to read again, by name. */
export function summaryOf(findings: readonly Finding[]): string {
  const named = (status: Verdict['status'], one: string, many: string) => {
    const names = findings.filter((finding) => finding.status === status).map(({ check }) => check);
    if (names.length === 0) return [];
    const which = names.length > MOST_NAMES ? '' : ` (${names.join(', ')})`;
    return [`${names.length} ${names.length === 1 ? one : many}${which}`];
  };
  const parts = [
    ...named('fault', 'fault', 'faults'),
    ...named('warn', 'warning', 'warnings'),
    ...named('not looked at', 'check not made', 'checks not made'),
  ];
  if (parts.length === 0) return `All ${findings.length} checks are well.`;
  return `${isWell(findings) ? 'Well enough' : 'Not well'}: ${parts.join(', ')}; ${findings.length} checks in all.`;
}

// ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `1 message`, `2,000 messages`; more than `most` were not counted. */
function count(n: number, one: string, many = `${one}s`, most = Number.POSITIVE_INFINITY): string {
  if (n > most) return `more than ${most.toLocaleString('en')} ${many}`;
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

/** `40 s`, `7 min`, `3 h`, `2 days`: never more than it is. */
function duration(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** What is no code is not said: it may be anything. */
const code = (text: string | null | undefined): string =>
  text && /^[a-z][a-z0-9_.]{0,63}$/i.test(text) ? text : '(no code)';

const examples = (ids: readonly string[]): string => ids.join(', ');

const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MB`;

/** What a store's refusal or silence means, by the codes of Postgres, Redis, the drivers and the system. */
const TROUBLES: readonly (readonly [RegExp, string])[] = [
  [/^ECONNREFUSED$/, 'nobody listens at that host and port. Is it running?'],
  [/^(ENOTFOUND|EAI_)/, 'the name of its host is not known. Look at the URL, and at the name service.'],
  [/^(EHOSTUNREACH|ENETUNREACH)$/, 'there is no way to its host. Look at the network.'],
  [
    /^(ETIMEDOUT|CONNECT_TIMEOUT|DeadlineError)$/,
    'no answer in time. Is it overloaded, or a firewall between?',
  ],
  [
    /^(ECONNRESET|EPIPE|CONNECTION_|NR_CLOSED|57P0[12])/,
    'the connection broke. Is it restarting, or a proxy between?',
  ],
  [/^(28|WRONGPASS|NOAUTH)/, 'it refuses the user or the password. Look at the URL.'],
  [/^3D000$/, 'there is no database of that name. Look at the URL.'],
  [/^08P01$/, 'it refuses what we ask for at the start. Is it a pooler that drops statement_timeout?'],
  [/^53300$/, 'it has no connection left. Find out who holds them, or raise max_connections.'],
  [/^(57P03|LOADING)$/, 'it is starting up or shutting down. Look again in a minute.'],
  [/^57014$/, 'the statement took longer than 5 s and was ended. Is Postgres overloaded?'],
  [/^55P03$/, 'somebody holds a lock on it. Is a migration running?'],
  [/^(42P01|42703|3F000)$/, 'the tables are not those of this release. See the migrations.'],
  [/^(42501|NOPERM)$/, 'this user may not read it.'],
  [/^(ERR_TLS|ERR_SSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO)/, 'it fails the check of its certificate.'],
];

/** An error in words. Its message is not among them: it may repeat what a person has typed, or a secret. */
export function inWords(error: unknown): string {
  const codes = codesOf(error);
  for (const [pattern, words] of TROUBLES) if (codes.some((code) => pattern.test(code))) return words;
  return `an error that nobody foresaw (${codes.at(0) ?? 'no Error'}).`;
}

/** Redis begins its answer with a code; others have a field for it. */
function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const ownWord = error.name === 'ReplyError' ? /^[A-Z]+\b/.exec(error.message)?.[0] : undefined;
  const field = 'code' in error && error.code ? String(error.code) : undefined;
  return [field, ownWord, error.name].filter((text) => text !== undefined);
}

// ── The environment ──────────────────────────────────────────────────────────────────────────────────────────────

/** @param absent variables that a process needs and the doctor does not: remarks, no faults. */
export function judgeEnvironment(absent: readonly string[], warnings: readonly string[]): Verdict {
  const remarks = absent.length > 0 ? [`not set here: ${absent.join(', ')}`, ...warnings] : warnings;
  if (remarks.length === 0) return ok('all is set that the processes need');
  return ok(`the doctor has what it needs. Remarks: ${remarks.join('; ')}`);
}

// ── Postgres ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface PostgresState {
  readonly version: string;
  /** 150008 is 15.8. */
  readonly number: number;
  /** Recovering, a replica, or set to read only. */
  readonly readOnly: boolean;
}

const OLDEST_POSTGRES = 130_000;

export function judgePostgres({ version, number, readOnly }: PostgresState): Verdict {
  if (readOnly) return fault(`${version} answers, but takes no writes: DATABASE_URL leads to a replica`);
  if (number < OLDEST_POSTGRES) return warn(`${version} answers; 13 and later are supported: upgrade it`);
  return ok(`${version} answers`);
}

export interface SessionFacts {
  /** Whether a prepared statement of one connection works again and again while others are busy. */
  readonly prepared: boolean;
  /** Whether it met the same server process each time. */
  readonly sameBackend: boolean;
  /** Whether what was notified on one connection was heard on another. */
  readonly heard: boolean;
  /** Whether the limits of time that we ask for are in force. */
  readonly limited: boolean;
}

const POOLER =
  'DATABASE_URL seems to lead to a pooler in transaction mode: go to Postgres itself, or pool by session';

export function judgeSession({ prepared, sameBackend, heard, limited }: SessionFacts): Verdict {
  if (!prepared) return fault(`prepared statements fail. ${POOLER}`);
  if (!sameBackend) return fault(`one connection meets several server processes. ${POOLER}`);
  if (!heard) return fault(`what is notified is not heard: the relay is never woken. ${POOLER}`);
  if (!limited)
    return warn(
      'statement_timeout is not in force: a pooler drops it, and what we have given up goes on in Postgres. Go to Postgres itself',
    );
  return ok('prepared statements and notifications work');
}

// ── Redis ────────────────────────────────────────────────────────────────────────────────────────────────────────

export function judgeRedis({ version, replica, cluster }: RedisState): Verdict {
  if (replica)
    return fault(`${version} answers, but is a replica and takes no jobs: set REDIS_URL to the primary`);
  if (cluster)
    return fault(
      `${version} answers, but is a cluster, where this queue's keys fall apart: use a single one`,
    );
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 2))
    return fault(`${version} answers; BullMQ needs 6.2: upgrade it`);
  return ok(`${version} answers, a primary`);
}

export function judgeEviction({ policy }: RedisState): Verdict {
  if (policy === 'noeviction') return ok('noeviction: a full Redis refuses jobs and throws none away');
  return fault(
    `${code(policy.replaceAll('-', '_')).replaceAll('_', '-')}: a full Redis throws jobs away. Set maxmemory-policy to noeviction`,
  );
}

export function judgePersistence({ appendOnly }: RedisState): Verdict {
  if (appendOnly) return ok('the append-only file is on');
  return warn(
    'no append-only file: a restart loses jobs. The ledger puts them back, late. Set appendonly to yes',
  );
}

const NEARLY_FULL = 0.8;

export function judgeMemory({ memory: { used, limit } }: RedisState): Verdict {
  if (limit === 0) return ok(`${megabytes(used)} used, no limit set`);
  const share = used / limit;
  const figures = `${megabytes(used)} of ${megabytes(limit)} used (${Math.floor(share * 100)} %)`;
  if (share >= 1) return fault(`${figures}: it is full and takes no jobs. Give it memory (maxmemory)`);
  if (share >= NEARLY_FULL) return warn(`${figures}: give it memory (maxmemory) before it refuses jobs`);
  return ok(figures);
}

export function judgeConsumers({ consumers }: RedisState): Verdict {
  if (consumers === null)
    return warn('this Redis does not tell who is connected: look whether notifiers run');
  if (consumers === 0) return fault('none waits for jobs: no letter is sent. Start a notifier');
  return ok(`${count(consumers, 'notifier waits', 'notifiers wait')} for jobs`);
}

// ── Clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** A clock, measured from here. */
export interface ClockReading {
  /** How much it is ahead of this machine's, in milliseconds. */
  readonly aheadMs: number;
  /** How long the question took: so much of `aheadMs` is uncertain, half to each side. */
  readonly roundTripMs: number;
}

const SKEW_FAULT_MS = 5_000;
const SKEW_WARN_MS = 1_000;

/** @param whose clock is compared with Postgres': a clock's reading, or this machine's own, which is ahead by nothing. */
export function judgeClock(
  whose: 'this machine' | 'Redis',
  clock: ClockReading,
  postgres: ClockReading,
): Verdict {
  const skew = clock.aheadMs - postgres.aheadMs;
  const uncertain = (clock.roundTripMs + postgres.roundTripMs) / 2;
  const sure = Math.abs(skew) - uncertain;
  const figures = `${whose} ${secondsApart(skew)} Postgres (give or take ${Math.ceil(uncertain)} ms)`;
  const advice = 'Set both by one time service (NTP)';
  if (sure > SKEW_FAULT_MS) return fault(`${figures}: retries and limits of time go wrong. ${advice}`);
  if (sure > SKEW_WARN_MS) return warn(`${figures}; 5 s are too much. ${advice}`);
  return ok(figures);
}

function secondsApart(ms: number): string {
  const apart = Math.round(Math.abs(ms));
  if (apart === 0) return 'agrees with';
  const figure = apart < 1_000 ? `${apart} ms` : `${(apart / 1_000).toFixed(1)} s`;
  return `is ${figure} ${ms < 0 ? 'behind' : 'ahead of'}`;
}

// ── The installation ─────────────────────────────────────────────────────────────────────────────────────────────

/** Migrations by the time that names them in the journal. */
export interface MigrationFacts {
  readonly known: readonly number[];
  readonly applied: readonly number[];
}

export function judgeMigrations({ known, applied }: MigrationFacts): Verdict {
  const pending = known.filter((when) => !applied.includes(when)).length;
  const unknown = applied.filter((when) => !known.includes(when)).length;
  const release = 'Run the release: npm run migrate';
  if (applied.length === 0) return fault(`none of ${known.length} is applied. ${release}`);
  if (pending > 0) return fault(`${pending} of ${known.length} not applied yet. ${release}`);
  if (unknown > 0)
    return warn(
      `the ledger has ${unknown} more than this release knows: it is of a newer one. Look with that release's doctor`,
    );
  return ok(`all ${known.length} applied`);
}

/** @param ledger the mark that the ledger has left in its Redis. @param redis the one that is there. */
export function judgeMark(ledger: string | null, redis: string | null): Verdict {
  const relay = 'Look again in a minute; if it stays, at the log of the relay';
  if (ledger === null && redis === null) return warn('no relay has worked with these stores yet. Start one');
  if (ledger === null)
    return fault(`Redis bears the mark of another ledger. Give each ledger its own Redis database`);
  if (redis === null)
    return fault(`Redis has lost its data, or is another one. The relay puts everything back. ${relay}`);
  if (ledger !== redis)
    return fault(
      `Redis bears another mark: it was restored, or two ledgers share it, which needs a Redis database each. ${relay}`,
    );
  return ok("Redis bears this ledger's mark");
}

export function judgeLease(name: string, led: boolean): Verdict {
  const without: Readonly<Record<string, string>> = {
    relay: 'staged messages stay where they are',
    monitor: 'nobody hears of dead letters',
  };
  if (led) return ok(`one ${name} leads`);
  return fault(`no ${name} leads: ${without[name]}. Start one; if one runs, read its log`);
}

export function judgeHold(hold: Hold | undefined): Verdict {
  if (!hold) return ok('sending is not held');
  const { reason, openedAt, pauses } = hold;
  const figures = `sending is held: ${code(reason)}, since ${openedAt.slice(0, 19)} UTC, ${count(pauses, 'pause')} so far`;
  const ours = reason === 'quota_exceeded' || reason === 'provider_denied';
  return ours
    ? fault(`${figures}. Look at the provider's key, domain, account and quota`)
    : warn(`${figures}. It ends by itself when the provider takes letters again`);
}

// ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** Where counting ends. */
export const MOST = 100_000;

export function judgeBacklog({ staged, enqueued }: { staged: number; enqueued: number }): Verdict {
  return ok(
    `${count(staged, 'message', 'messages', MOST)} staged, ${enqueued > MOST ? 'more than 100,000' : enqueued.toLocaleString('en')} enqueued`,
  );
}

/** The message that waits longest, and what is known of its waiting. */
export interface OldestMessage {
  readonly id: string;
  /** Since it was staged, or since a person has put it back. */
  readonly seconds: number;
  readonly enqueued: boolean;
  readonly knownType: boolean;
  readonly enqueueFailures: number;
  readonly starts: number;
  /** Calls made for its letter, and the code of the last answer. */
  readonly calls: number;
  readonly answer: string | null;
  /** How Redis shows its job, if it could be asked. */
  readonly job: 'lost' | 'corrupt' | 'astray' | 'unfinished' | 'failed' | 'completed' | null;
  readonly held: boolean;
  readonly relayLeads: boolean;
}

const OLD_SECONDS = 300;
const TOO_OLD_SECONDS = 900;

export function judgeOldest(oldest: OldestMessage | undefined): Verdict {
  if (!oldest) return ok('no message waits');
  const age = `one waits for ${duration(oldest.seconds)}`;
  if (oldest.seconds <= OLD_SECONDS) return ok(age);
  const words = `${age}: ${oldest.id}. ${whyItWaits(oldest)}`;
  return oldest.seconds > TOO_OLD_SECONDS ? fault(words) : warn(words);
}

function whyItWaits(oldest: OldestMessage): string {
  if (!oldest.knownType) return 'This release does not know its type: start notifiers of the newer one';
  return oldest.enqueued ? whyEnqueued(oldest) : whyStaged(oldest);
}

function whyStaged({ relayLeads, enqueueFailures }: OldestMessage): string {
  if (!relayLeads) return 'It is staged, and no relay leads';
  if (enqueueFailures > 0)
    return `Redis has refused it ${count(enqueueFailures, 'time')}: read the relay's log`;
  return 'It is staged, and a relay leads: read its log. Is Redis full or away?';
}

function whyEnqueued({ held, job, calls, answer, starts }: OldestMessage): string {
  if (held) return 'Sending is held';
  if (job === 'lost') return 'Redis has lost its job: a relay must put it back';
  if (job === 'astray')
    return 'Its job in Redis stands where no worker looks for it: a relay must make it anew';
  if (job === 'corrupt') return 'Its job in Redis is corrupt: a relay must make it anew';
  if (job === 'failed' || job === 'completed') return `Its job has ${job}, and the ledger does not know yet`;
  if (starts > 1)
    return `It was started ${starts} times without an orderly end: read the log of the notifiers`;
  if (calls > 0)
    return `${count(calls, 'call')} made, the last answer is ${code(answer ?? 'none_yet')}: it waits for its next attempt`;
  return 'No notifier has called for it yet: do they run, and keep up?';
}

/** Dead letters of one reason, and three of them. */
export interface DeadCount {
  readonly reason: string;
  readonly count: number;
  readonly ids: readonly string[];
}

export function judgeDead(groups: readonly DeadCount[]): Verdict {
  const total = groups.reduce((sum, group) => sum + group.count, 0);
  if (total === 0) return ok('none');
  const figures = groups
    .map((group) => `${group.count.toLocaleString('en')} ${code(group.reason)}`)
    .join(', ');
  return warn(
    `${count(total, 'message rests', 'messages rest', MOST)}: ${figures}. See npm run dead-letters -- list`,
  );
}

export function judgeOutcomeUnknown(groups: readonly DeadCount[]): Verdict {
  const waiting = groups.find(({ reason }) => reason === 'outcome_unknown');
  if (!waiting) return ok('no letter waits for a person to find out');
  return warn(
    `${count(waiting.count, 'letter waits', 'letters wait')} for a person to find out whether it was sent: ${examples(waiting.ids)}. Look for the tag message_id at the provider, then say it with npm run dead-letters -- confirm`,
  );
}

export interface FailedSetFacts {
  /** Dead letters that the failed set ought to show and does not. */
  readonly missing: number;
  /** Failed jobs of messages that are finished, purged, or put back since. */
  readonly outdated: number;
  /** Failed jobs of messages that the ledger calls alive. */
  readonly alive: number;
  /** Jobs that no relay has made. */
  readonly foreign: number;
  /** Whether both sides were looked at to their end. */
  readonly complete: boolean;
}

export function judgeFailedSet({ missing, outdated, alive, foreign, complete }: FailedSetFacts): Verdict {
  const scope = complete ? '' : ' (the first 10,000 of each; --all looks at every one)';
  const parts = [
    ...(missing > 0 ? [`${count(missing, 'dead letter is', 'dead letters are')} missing in it`] : []),
    ...(outdated > 0 ? [`${count(outdated, 'job', 'jobs')} in it of no dead letter`] : []),
    ...(alive > 0 ? [`${count(alive, 'job', 'jobs')} in it that the monitor has not written down yet`] : []),
    ...(foreign > 0 ? [`${count(foreign, 'job', 'jobs')} in it that no relay has made`] : []),
  ];
  if (parts.length === 0) return ok(`it shows the dead letters of the ledger, and no others${scope}`);
  const words = `${parts.join(', ')}${scope}`;
  if (missing + outdated > 0)
    return fault(`${words}. The relay mends it; if it stays, is a relay leading and a notifier running?`);
  return warn(alive > 0 ? `${words}. Is a monitor leading?` : `${words}. Who else writes into this queue?`);
}

export interface JobFacts {
  readonly looked: number;
  /** Messages whose job Redis has not, or only in ruins, and three of them. */
  readonly lost: Broken;
  /** Messages whose job has ended without the ledger knowing. */
  readonly ended: Broken;
  readonly complete: boolean;
}

export function judgeJobs({ looked, lost, ended, complete }: JobFacts): Verdict {
  const scope = complete ? '' : ' (the oldest 1,000; --all looks at every one)';
  if (lost.count > 0)
    return fault(
      `${count(lost.count, 'message has', 'messages have')} no sound job in Redis${scope}: ${examples(lost.ids)}. The relay puts them back; if they stay, read its log`,
    );
  if (ended.count > 0)
    return warn(
      `${count(ended.count, 'job', 'jobs')} ended without the ledger knowing${scope}: ${examples(ended.ids)}. Relay and monitor settle that; look again in a minute`,
    );
  if (looked === 0) return ok('no message has been enqueued for long');
  return ok(`${count(looked, 'message', 'messages')} enqueued for long, each with its job${scope}`);
}

/** @param types the names of types that this release does not know. */
export function judgeTypes({
  count: n,
  ids,
  types,
}: Broken & { readonly types: readonly string[] }): Verdict {
  if (n === 0) return ok('all that waits is of a known type');
  return warn(
    `${count(n, 'message waits', 'messages wait')} whose type this release does not know (${types.map(code).join(', ')}): ${examples(ids)}. Start notifiers of the newer release`,
  );
}

// ── What must never be ───────────────────────────────────────────────────────────────────────────────────────────

/** Rows that break a rule, and three of them, the newest first. */
export interface Broken {
  readonly count: number;
  readonly ids: readonly string[];
}

/** What one way through a table has found. */
export interface Scanned extends Broken {
  readonly looked: number;
  /** Whether that was the whole table. */
  readonly complete: boolean;
}

interface Rule {
  readonly rows: string;
  readonly kept: string;
  /** What is wrong with `n` of them. */
  broken(n: number): string;
  readonly advice: string;
}

const KEEP = 'Keep a copy of these rows, and report it';

/** Rules across orders, messages and letters, by the check's name. */
export const RULES = {
  'orders have a message': {
    rows: 'orders',
    kept: 'each has its message',
    broken: (n) => `${count(n, 'order has', 'orders have')} no message: nobody is told of it`,
    advice:
      'Was the trigger order_has_its_message taken away, or a message deleted by hand? Tell the customer',
  },
  'sent has a letter': {
    rows: 'messages',
    kept: 'what is sent has an accepted letter',
    broken: (n) => `${count(n, 'message counts', 'messages count')} as sent without an accepted letter`,
    advice: 'If nobody has marked it by hand, look for the tag message_id at the provider',
  },
  'accepted is sent': {
    rows: 'letters',
    kept: 'the message of each accepted one is sent',
    broken: (n) =>
      `${count(n, 'message has', 'messages have')} an accepted letter and does not count as sent`,
    advice: `Do not retry: that would be a second letter. ${KEEP}`,
  },
  'one letter each': {
    rows: 'letters',
    kept: 'no message has two that were accepted',
    broken: (n) => `${count(n, 'message has', 'messages have')} two accepted letters: the customer got both`,
    advice: KEEP,
  },
  'letters have a message': {
    rows: 'letters',
    kept: 'each has its message',
    broken: (n) => `${count(n, 'letter stands', 'letters stand')} for a message that does not exist`,
    advice: `The purge leaves none: was a message deleted by hand? ${KEEP}`,
  },
} as const satisfies Readonly<Record<string, Rule>>;

export function judgeRule(name: keyof typeof RULES, { looked, complete, count: n, ids }: Scanned): Verdict {
  const rule: Rule = RULES[name];
  const figure = looked.toLocaleString('en');
  const scope = complete
    ? `all ${figure} ${rule.rows}`
    : `the newest ${figure} ${rule.rows}; --all looks at every one`;
  if (n === 0) return ok(`${rule.kept} (${scope})`);
  return fault(`${rule.broken(n)} (${scope}): ${examples(ids)}. ${rule.advice}`);
}
