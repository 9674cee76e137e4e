/** What a checkup makes of what it has seen: from facts to a verdict, without any store. */
import { describe, expect, it } from 'vitest';
import {
  type ClockReading,
  type Finding,
  inWords,
  isWell,
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
  lineOf,
  linesOfUnmade,
  type OldestMessage,
  RULES,
  summaryOf,
  type Verdict,
} from '../src/findings.ts';
import type { RedisState } from '../src/queue.ts';

const redis = (state: Partial<RedisState> = {}): RedisState => ({
  version: '7.0.15',
  policy: 'noeviction',
  appendOnly: true,
  replica: false,
  cluster: false,
  memory: { used: 1_048_576, limit: 0 },
  consumers: 1,
  ...state,
});
const memory = (used: number, limit: number) => redis({ memory: { used, limit } });

const clock = (aheadMs: number, roundTripMs = 2): ClockReading => ({ aheadMs, roundTripMs });

const oldest = (facts: Partial<OldestMessage> = {}): OldestMessage => ({
  id: '01a206af-489f-72c1-b407-c572e1b1ebdb',
  seconds: 301,
  enqueued: true,
  knownType: true,
  enqueueFailures: 0,
  starts: 0,
  calls: 0,
  answer: null,
  job: 'unfinished',
  held: false,
  relayLeads: true,
  ...facts,
});

const ids = ['01a206af-489f-72c1-b407-c572e1b1ebdb'];
const none = { count: 0, ids: [] };
const failedSet = { missing: 0, outdated: 0, alive: 0, foreign: 0, complete: true };
const hold = {
  reason: 'provider_denied' as const,
  until: '',
  ahead: true,
  probed: false,
  openForSeconds: 60,
  openedAt: '2026-11-23T04:00:00.000Z',
  pauses: 7,
};

const VERDICTS: readonly (readonly [string, Verdict, Verdict['status'], RegExp])[] = [
  ['an environment that has it all', judgeEnvironment([], []), 'ok', /^all is set/],
  ['what only a notifier needs', judgeEnvironment(['EMAIL_FROM'], []), 'ok', /not set here: EMAIL_FROM/],
  ['a weak setting', judgeEnvironment([], ['LOCK_DURATION_MS is …']), 'ok', /Remarks: LOCK_DURATION_MS/],

  ['Postgres 13', judgePostgres({ version: '13.0', number: 130_000, readOnly: false }), 'ok', /^13.0/],
  ['Postgres 12', judgePostgres({ version: '12.9', number: 120_009, readOnly: false }), 'warn', /upgrade/],
  ['a replica', judgePostgres({ version: '15.8', number: 150_008, readOnly: true }), 'fault', /no writes/],

  ['sessions', judgeSession({ prepared: true, sameBackend: true, heard: true, limited: true }), 'ok', /work/],
  [
    'lost statements',
    judgeSession({ prepared: false, sameBackend: true, heard: false, limited: true }),
    'fault',
    /^prepared/,
  ],
  [
    'a pooler',
    judgeSession({ prepared: true, sameBackend: false, heard: true, limited: true }),
    'fault',
    /transaction mode/,
  ],
  [
    'silence',
    judgeSession({ prepared: true, sameBackend: true, heard: false, limited: true }),
    'fault',
    /is not heard/,
  ],

  [
    'no limit of time',
    judgeSession({ prepared: true, sameBackend: true, heard: true, limited: false }),
    'warn',
    /^statement_timeout is not in force/,
  ],

  ['Redis 6.2', judgeRedis(redis({ version: '6.2.0' })), 'ok', /^6.2.0/],
  ['Redis 6.0', judgeRedis(redis({ version: '6.0.16' })), 'fault', /needs 6.2/],
  ['Redis 5', judgeRedis(redis({ version: '5.9.1' })), 'fault', /needs 6.2/],
  ['Redis 10', judgeRedis(redis({ version: '10.0.1' })), 'ok', /^10.0.1/],
  ['a replica of Redis', judgeRedis(redis({ replica: true })), 'fault', /replica/],
  ['a cluster', judgeRedis(redis({ cluster: true })), 'fault', /cluster/],

  ['no eviction', judgeEviction(redis()), 'ok', /^noeviction/],
  [
    'eviction of all',
    judgeEviction(redis({ policy: 'allkeys-lru' })),
    'fault',
    /^allkeys-lru: .*maxmemory-policy/,
  ],
  ['eviction of some', judgeEviction(redis({ policy: 'volatile-ttl' })), 'fault', /^volatile-ttl/],
  ['a log', judgePersistence(redis()), 'ok', /on$/],
  ['no log', judgePersistence(redis({ appendOnly: false })), 'warn', /appendonly/],
  ['memory without limit', judgeMemory(memory(5_242_880, 0)), 'ok', /^5 MB used, no limit/],
  ['memory below 80 %', judgeMemory(memory(799, 1_000)), 'ok', /79 %/],
  ['memory at 80 %', judgeMemory(memory(800, 1_000)), 'warn', /80 %/],
  ['memory that is full', judgeMemory(memory(1_000, 1_000)), 'fault', /takes no jobs/],
  ['a notifier', judgeConsumers(redis()), 'ok', /^1 notifier waits/],
  ['two notifiers', judgeConsumers(redis({ consumers: 2 })), 'ok', /^2 notifiers wait/],
  ['no notifier', judgeConsumers(redis({ consumers: 0 })), 'fault', /Start a notifier/],
  ['a Redis that does not tell', judgeConsumers(redis({ consumers: null })), 'warn', /does not tell/],

  ['one clock', judgeClock('Redis', clock(3), clock(3)), 'ok', /^Redis agrees with Postgres/],
  ['a second apart', judgeClock('Redis', clock(1_000), clock(0)), 'ok', /^Redis is 1.0 s ahead of/],
  ['more than a second', judgeClock('Redis', clock(-1_100), clock(0)), 'warn', /1.1 s behind/],
  ['perhaps a second', judgeClock('Redis', clock(1_100, 400), clock(0)), 'ok', /give or take 201 ms/],
  ['five seconds', judgeClock('this machine', clock(0, 0), clock(5_000)), 'warn', /5.0 s behind/],
  ['more than five', judgeClock('this machine', clock(0, 0), clock(5_002)), 'fault', /5.0 s behind.*NTP/],
  ['more than five ahead', judgeClock('Redis', clock(9_000), clock(3_000)), 'fault', /6.0 s ahead/],
  ['perhaps more than five', judgeClock('Redis', clock(5_100, 300), clock(0)), 'warn', /5.1 s ahead/],

  ['all migrations', judgeMigrations({ known: [1, 2], applied: [1, 2] }), 'ok', /^all 2/],
  ['no migration', judgeMigrations({ known: [1, 2], applied: [] }), 'fault', /none of 2.*npm run migrate/],
  ['one pending', judgeMigrations({ known: [1, 2], applied: [1] }), 'fault', /^1 of 2/],
  ['one pending, one unknown', judgeMigrations({ known: [1, 2], applied: [1, 3] }), 'fault', /^1 of 2/],
  ['a newer ledger', judgeMigrations({ known: [1, 2], applied: [1, 2, 3] }), 'warn', /1 more than/],

  ['its mark', judgeMark('a', 'a'), 'ok', /bears this ledger's/],
  ['no mark yet', judgeMark(null, null), 'warn', /no relay has worked/],
  ['a lost mark', judgeMark('a', null), 'fault', /lost its data/],
  ['another mark', judgeMark('a', 'b'), 'fault', /another mark/],
  ['the mark of another ledger', judgeMark(null, 'b'), 'fault', /another ledger/],
  ['a leader', judgeLease('relay', true), 'ok', /^one relay leads/],
  ['no relay', judgeLease('relay', false), 'fault', /staged messages/],
  ['no monitor', judgeLease('monitor', false), 'fault', /nobody hears/],

  ['no hold', judgeHold(undefined), 'ok', /not held/],
  ['a hold that waits for its probe', judgeHold({ ...hold, ahead: false }), 'fault', /provider_denied/],
  ['a hold', judgeHold(hold), 'fault', /provider_denied, since 2026-11-23T04:00:00 UTC, 7 pauses.*key/],
  ['a quota', judgeHold({ ...hold, reason: 'quota_exceeded' }), 'fault', /quota/],
  [
    'an outage of the provider',
    judgeHold({ ...hold, reason: 'provider_unreachable' }),
    'warn',
    /provider_unreachable.*ends by itself/,
  ],
  ['a rate limit', judgeHold({ ...hold, reason: 'rate_limited' }), 'warn', /ends by itself/],

  ['nothing that waits', judgeOldest(undefined), 'ok', /no message waits/],
  ['5 minutes', judgeOldest(oldest({ seconds: 300 })), 'ok', /^one waits for 5 min$/],
  ['more than 5', judgeOldest(oldest()), 'warn', /^one waits for 5 min: 01a206af-489f/],
  ['15 minutes', judgeOldest(oldest({ seconds: 900 })), 'warn', /15 min/],
  ['more than 15', judgeOldest(oldest({ seconds: 901 })), 'fault', /15 min/],
  ['days', judgeOldest(oldest({ seconds: 200_000 })), 'fault', /for 2 days/],
  ['an unknown type', judgeOldest(oldest({ knownType: false })), 'warn', /does not know its type/],
  [
    'nobody to enqueue',
    judgeOldest(oldest({ enqueued: false, relayLeads: false })),
    'warn',
    /no relay leads/,
  ],
  ['a slow relay', judgeOldest(oldest({ enqueued: false })), 'warn', /read its log/],
  ['refusals', judgeOldest(oldest({ enqueued: false, enqueueFailures: 2 })), 'warn', /refused it 2 times/],
  ['held', judgeOldest(oldest({ held: true })), 'warn', /Sending is held/],
  ['a lost job', judgeOldest(oldest({ job: 'lost' })), 'warn', /lost its job/],
  ['a corrupt job', judgeOldest(oldest({ job: 'corrupt' })), 'warn', /is corrupt/],
  ['a failed job', judgeOldest(oldest({ job: 'failed' })), 'warn', /has failed, and the ledger/],
  ['kills', judgeOldest(oldest({ starts: 3 })), 'warn', /started 3 times/],
  ['attempts', judgeOldest(oldest({ calls: 2, answer: 'http_500' })), 'warn', /2 calls made.*http_500/],
  ['words in a code', judgeOldest(oldest({ calls: 1, answer: 'Dear Ada' })), 'warn', /is \(no code\)/],
  ['nobody to send', judgeOldest(oldest({ job: null })), 'warn', /No notifier has called/],

  ['no dead letter', judgeDead([]), 'ok', /^none$/],
  [
    'dead letters',
    judgeDead([
      { reason: 'refused', count: 2, ids },
      { reason: 'poison', count: 1, ids },
    ]),
    'warn',
    /^3 messages rest: 2 refused, 1 poison\./,
  ],
  ['too many to count', judgeDead([{ reason: 'refused', count: 100_001, ids }]), 'warn', /more than 100,000/],
  ['no question', judgeOutcomeUnknown([{ reason: 'refused', count: 2, ids }]), 'ok', /no letter waits/],
  [
    'a question',
    judgeOutcomeUnknown([{ reason: 'outcome_unknown', count: 1, ids }]),
    'warn',
    /1 letter waits.*01a206af/,
  ],

  ['a true mirror', judgeFailedSet(failedSet), 'ok', /and no others$/],
  ['a part of it', judgeFailedSet({ ...failedSet, complete: false }), 'ok', /10,000.*--all/],
  [
    'missing ones',
    judgeFailedSet({ ...failedSet, missing: 1, alive: 1 }),
    'fault',
    /^1 dead letter is missing in it, 1 job/,
  ],
  ['outdated ones', judgeFailedSet({ ...failedSet, outdated: 2 }), 'fault', /^2 jobs in it of no dead/],
  ['living ones', judgeFailedSet({ ...failedSet, alive: 2 }), 'warn', /Is a monitor leading/],
  ['foreign ones', judgeFailedSet({ ...failedSet, foreign: 2 }), 'warn', /Who else/],

  ['no long wait', judgeJobs({ looked: 0, lost: none, ended: none, complete: true }), 'ok', /no message/],
  ['jobs', judgeJobs({ looked: 2, lost: none, ended: none, complete: true }), 'ok', /^2 messages.*each/],
  [
    'lost jobs',
    judgeJobs({ looked: 2, lost: { count: 1, ids }, ended: none, complete: true }),
    'fault',
    /^1 message has no sound job/,
  ],
  [
    'ended jobs',
    judgeJobs({ looked: 2, lost: none, ended: { count: 1, ids }, complete: true }),
    'warn',
    /^1 job ended/,
  ],

  ['known types', judgeTypes({ count: 0, ids: [], types: [] }), 'ok', /known type/],
  [
    'a new type',
    judgeTypes({ count: 1, ids, types: ['order.returned'] }),
    'warn',
    /\(order\.returned\).*newer release/,
  ],
  [
    'a type that is no name',
    judgeTypes({ count: 1, ids, types: ['ada@example.com'] }),
    'warn',
    /\(\(no code\)\)/,
  ],
];

describe('a verdict', () => {
  it.each(VERDICTS)('on %s', (_facts, verdict, status, words) => {
    expect(verdict.words).toMatch(words);
    expect(verdict.status).toBe(status);
  });

  it.each(Object.keys(RULES) as (keyof typeof RULES)[])('on a broken rule is a fault: %s', (name) => {
    expect(judgeRule(name, { looked: 7, complete: true, count: 0, ids: [] })).toMatchObject({ status: 'ok' });
    expect(judgeRule(name, { looked: 100_000, complete: false, count: 0, ids: [] }).words).toMatch(
      /the newest 100,000 \w+; --all/,
    );
    const broken = judgeRule(name, { looked: 7, complete: true, count: 2, ids });
    expect(broken).toMatchObject({ status: 'fault' });
    expect(broken.words).toMatch(/^2 \w+ .*\(all 7 \w+\): 01a206af-/);
  });
});

describe('an error', () => {
  const coded = (code: string) => Object.assign(new Error('secret'), { code });
  const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

  it.each([
    [coded('ECONNREFUSED'), /nobody listens/],
    [coded('ENOTFOUND'), /name of its host/],
    [coded('CONNECT_TIMEOUT'), /no answer in time/],
    [coded('28P01'), /user or the password/],
    [coded('3D000'), /no database of that name/],
    [coded('08P01'), /pooler/],
    [coded('53300'), /no connection left/],
    [coded('57014'), /longer than 5 s/],
    [coded('42P01'), /not those of this release/],
    [reply('WRONGPASS invalid username-password pair'), /user or the password/],
    [reply('NOAUTH secret'), /user or the password/],
    [reply('LOADING secret'), /starting up/],
    [coded('XX000'), /nobody foresaw \(XX000\)/],
    ['secret', /nobody foresaw \(no Error\)/],
  ])('is told in words, and its message is not: %s', (error, words) => {
    expect(inWords(error)).toMatch(words);
    expect(inWords(error)).not.toMatch(/secret/);
  });
});

describe('the report', () => {
  const finding = (check: string, status: Verdict['status']): Finding => ({
    check,
    status,
    words: 'so it is',
  });

  it('has a line for each check, in columns', () => {
    expect(lineOf(finding('Redis', 'ok'), 8)).toBe('ok     Redis     so it is');
    expect(lineOf(finding('Postgres', 'fault'), 8)).toBe('FAULT  Postgres  so it is');
  });

  it('has one line for all checks that were not made for the same cause', () => {
    const hold = { ...finding('hold', 'not looked at'), words: 'Redis is away' };
    const all = [
      hold,
      finding('Redis', 'fault'),
      finding('jobs', 'not looked at'),
      { ...hold, check: 'relay' },
    ];
    expect(linesOfUnmade(all)).toEqual([
      '-      not looked at, Redis is away: hold, relay',
      '-      not looked at, so it is: jobs',
    ]);
    expect(linesOfUnmade([finding('Redis', 'ok')])).toEqual([]);
  });

  it.each<[Verdict['status'][], boolean, string]>([
    [['ok', 'ok'], true, 'All 2 checks are well.'],
    [['ok', 'warn'], true, 'Well enough: 1 warning (1); 2 checks in all.'],
    [['fault', 'warn', 'fault'], false, 'Not well: 2 faults (0, 2), 1 warning (1); 3 checks in all.'],
    [['ok', 'not looked at'], false, 'Not well: 1 check not made (1); 2 checks in all.'],
    [Array(11).fill('not looked at'), false, 'Not well: 11 checks not made; 11 checks in all.'],
  ])('sums up: %j', (statuses, well, summary) => {
    const findings = statuses.map((status, i) => finding(String(i), status));
    expect(isWell(findings)).toBe(well);
    expect(summaryOf(findings)).toBe(summary);
  });
});
