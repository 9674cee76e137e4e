/** `npm run prove`: its schedule, its judgement (which must be able to fail), and one short proof with real faults. */
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { randomFrom } from '../local/prove/chance.ts';
import type { PlacedOrder } from '../local/prove/client.ts';
import type { Death } from '../local/prove/drain.ts';
import { type LedgerRow, type Letter, readLetters } from '../local/prove/evidence.ts';
import { causeOf } from '../local/prove/exits.ts';
import { makeFaults, type Victims } from '../local/prove/faults.ts';
import { BREACHES, type Evidence, judge } from '../local/prove/judge.ts';
import { readOptions } from '../local/prove/options.ts';
import { type Call, openProvider } from '../local/prove/provider.ts';
import { startProxy } from '../local/prove/proxy.ts';
import { recoveries } from '../local/prove/recovery.ts';
import { type Outcome, reportOf, tell } from '../local/prove/report.ts';
import { FAULT_NAMES, FAULTS, type Fault, type FaultName, planFaults } from '../local/prove/schedule.ts';
import { commandOf, pidsWith, type RunningNode, startNode } from './support/processes.ts';
import { until } from './support/until.ts';

const ROOT = join(import.meta.dirname, '..');

describe('the schedule', () => {
  const victims = ['web.1', 'relay.1', 'relay.2', 'notifier.1', 'notifier.2', 'monitor.1'];
  const plan = (seed: number, seconds = 60, names: readonly FaultName[] = FAULT_NAMES) =>
    planFaults({ seed, seconds, names, victims });

  it('follows from the seed and the seconds alone, on every machine', () => {
    expect(plan(1)).toEqual(plan(1));
    expect(plan(1)).not.toEqual(plan(2));
    expect(plan(1).slice(0, 2)).toEqual([
      { name: 'suspend', lane: 'process', victim: 'notifier.2', at: 1708, forMs: 961, seed: 878738272 },
      { name: 'kill', lane: 'process', victim: 'notifier.2', at: 3493, forMs: 0, seed: 3992282956 },
    ]);
  });

  it('of a longer run begins like that of a shorter one', () => {
    const short = plan(7, 30);
    const long = plan(7, 600).filter(({ at, forMs }) => at + forMs < 30_000);
    for (const fault of short) expect(long).toContainEqual(fault);
  });

  it('leaves the installation alone for the last third of every minute', () => {
    for (const { at, forMs } of plan(3, 600)) expect((at % 60_000) + forMs).toBeLessThan(40_000);
    const minutes = new Set(plan(3, 600).map(({ at }) => Math.floor(at / 60_000)));
    expect(minutes.size).toBe(10);
  });

  it('is over before the run is, and never has two faults of one lane at a time', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const ends = new Map<string, number>();
      for (const { lane, at, forMs } of plan(seed)) {
        expect(at).toBeGreaterThan(ends.get(lane) ?? 0);
        ends.set(lane, at + forMs);
        expect(at + forMs).toBeLessThan(60_000);
      }
    }
  });

  it('of ten minutes has every fault, and every blow to a process for every type', () => {
    const faults = plan(1, 600);
    expect(new Set(faults.map(({ name }) => name))).toEqual(new Set(FAULT_NAMES));
    const blows = new Set(
      faults.filter(({ lane }) => lane === 'process').map(({ name, victim }) => `${name} ${victim}`),
    );
    for (const name of ['kill', 'terminate', 'suspend'])
      for (const victim of victims) expect(blows).toContain(`${name} ${victim}`);
  });

  it('has only the faults that were asked for; those of the other lanes stay where they are', () => {
    const guests = FAULT_NAMES.filter((name) => FAULTS[name].lane === 'guest');
    const names: readonly FaultName[] = ['kill', 'redis-flush', ...guests];
    const some = plan(3, 60, names);
    expect(new Set(some.map(({ name }) => name))).toEqual(new Set(names));
    expect(some.filter(({ lane }) => lane === 'guest')).toEqual(
      plan(3).filter(({ lane }) => lane === 'guest'),
    );
  });
});

// ── The judgement ──

const ORDER = '01a20000-0000-7000-8000-000000000001';
const OTHER = '01a20000-0000-7000-8000-000000000002';

const placed = (more: Partial<PlacedOrder> = {}): PlacedOrder => ({
  ...{ key: 'prove-1-0', recipient: 'ada@example.com', placedAt: 1_000 },
  ...{ outcome: 'acknowledged', orderIds: new Set([ORDER]), ...more },
});
const letter = (more: Partial<Letter> = {}): Letter => ({
  ...{ id: 'letter-1', messageId: 'message-1', orderId: ORDER, key: 'prove-1-0' },
  ...{ recipient: 'ada@example.com', acceptedAt: 2_000, ...more },
});
const row = (more: Partial<LedgerRow> = {}): LedgerRow => ({
  ...{ orderId: ORDER, key: 'prove-1-0', messageId: 'message-1', run: 1 },
  ...{ state: 'sent', reason: null, enqueued: true, markedAt: 1_500, ...more },
});
const call = (more: Partial<Call> = {}): Call => ({
  key: 'a',
  messageId: 'message-1',
  texts: 1,
  open: true,
  ...more,
});
const death = (more: Partial<Death> = {}): Death => ({
  ...{
    messageId: 'message-1',
    orderId: ORDER,
    run: 1,
    reason: 'attempts_exhausted',
    accepted: false,
    ...more,
  },
});
const evidence = (more: Partial<Evidence> = {}): Evidence => ({
  ...{ history: [placed()], letters: [letter()], rows: [row()], deaths: [], rewritten: [] },
  ...{ calls: [call()], jobs: new Map([['message-1-1', 1_499]]), made: [], ...more },
});
const breaches = (given: Evidence) => judge(given).map(({ breach }) => breach);

describe('the judgement', () => {
  it.each<{ fact: string; given: Partial<Evidence> }>([
    { fact: 'an acknowledged order with its letter', given: {} },
    {
      fact: 'a refused order that nobody has heard of',
      given: {
        history: [placed({ outcome: 'refused', orderIds: new Set() })],
        letters: [],
        rows: [],
      },
    },
    {
      fact: 'an order of unknown outcome that was stored, with its letter',
      given: { history: [placed({ outcome: 'unknown', orderIds: new Set() })] },
    },
    {
      fact: 'an order of unknown outcome that was not stored',
      given: { history: [placed({ outcome: 'unknown', orderIds: new Set() })], letters: [], rows: [] },
    },
    {
      fact: 'a message that was written anew under a new key, by a person',
      given: { calls: [call(), call({ key: 'b' })], rewritten: ['message-1'] },
    },
    {
      fact: 'another key after one of which every request was refused for certain',
      given: { calls: [call({ open: false }), call({ key: 'b' })] },
    },
    {
      fact: 'a message that died of a fault that was made',
      given: {
        deaths: [death(), death({ reason: 'outcome_unknown', accepted: true })],
        made: [{ name: 'provider-mixed', ended: 1_000 }],
      },
    },
    {
      fact: 'a job made anew after Redis had lost it',
      given: { jobs: new Map([['message-1-1', 1_600]]), made: [{ name: 'redis-flush', ended: 1_550 }] },
    },
    {
      fact: 'the job of a dead letter, made anew for the failed set',
      given: {
        jobs: new Map([['message-1-1', 1_600]]),
        ...{ deaths: [death()], made: [{ name: 'provider-fail', ended: 1_000 }] },
      },
    },
  ])('finds nothing wrong with $fact', ({ given }) => {
    expect(judge(evidence(given))).toEqual([]);
  });

  it.each<{ crime: string; given: Partial<Evidence>; expected: readonly string[] }>([
    {
      crime: 'an acknowledged order without a letter, which waits',
      given: { letters: [], rows: [row({ state: 'enqueued' })] },
      expected: ['lost'],
    },
    {
      crime: 'an acknowledged order that the ledger does not have',
      given: { letters: [], rows: [] },
      expected: ['lost'],
    },
    {
      crime: 'an acknowledged order that somebody has given up',
      given: { letters: [], rows: [row({ state: 'discarded' })] },
      expected: ['lost'],
    },
    {
      crime: 'an acknowledged order whose letter names another one',
      given: { letters: [letter({ orderId: OTHER })] },
      expected: ['lost', 'unordered'],
    },
    {
      crime: 'two letters of one message',
      given: { letters: [letter(), letter({ id: 'letter-2' })] },
      expected: ['duplicated'],
    },
    {
      crime: 'two letters of one order by two messages',
      given: {
        letters: [letter(), letter({ id: 'letter-2', messageId: 'message-2' })],
        rows: [row(), row({ messageId: 'message-2' })],
      },
      expected: ['duplicated', 'doubled'],
    },
    {
      crime: 'two letters of one key by two orders',
      given: {
        history: [placed({ orderIds: new Set([ORDER, OTHER]) })],
        letters: [letter(), letter({ id: 'letter-2', orderId: OTHER, messageId: 'message-2' })],
        rows: [row(), row({ orderId: OTHER, messageId: 'message-2' })],
      },
      expected: ['duplicated', 'doubled'],
    },
    {
      crime: 'a second letter of an order whose outcome is unknown',
      given: {
        history: [placed({ outcome: 'unknown', orderIds: new Set() })],
        letters: [letter(), letter({ id: 'letter-2' })],
      },
      expected: ['duplicated'],
    },
    {
      crime: 'a letter that nobody ordered',
      given: {
        letters: [letter(), letter({ id: 'letter-2', key: 'prove-1-9', orderId: OTHER, messageId: 'm' })],
      },
      expected: ['unordered', 'contradicted'],
    },
    {
      crime: 'a letter of an order that was refused',
      given: { history: [placed({ outcome: 'refused', orderIds: new Set() })] },
      expected: ['unordered'],
    },
    {
      crime: 'a letter to somebody else',
      given: { letters: [letter({ recipient: 'eve@example.com' })] },
      expected: ['unordered'],
    },
    {
      crime: 'an order without a message',
      given: {
        history: [placed({ outcome: 'unknown', orderIds: new Set() })],
        letters: [],
        rows: [row({ messageId: null, state: null })],
      },
      expected: ['withoutMessage'],
    },
    {
      crime: 'two orders under one key, of which the client has heard of one',
      given: { rows: [row(), row({ orderId: OTHER, messageId: 'message-2', state: 'staged' })] },
      expected: ['doubled'],
    },
    {
      crime: 'a message that is sent without a letter',
      given: { history: [placed({ outcome: 'unknown', orderIds: new Set() })], letters: [] },
      expected: ['contradicted'],
    },
    {
      crime: 'a letter of a message that is still to be sent',
      given: { rows: [row({ state: 'staged' })] },
      expected: ['contradicted'],
    },
    {
      crime: 'a request without a key',
      given: { calls: [call({ key: null })] },
      expected: ['unkeyed'],
    },
    {
      crime: 'two texts under one key',
      given: { calls: [call({ texts: 2 })] },
      expected: ['unkeyed'],
    },
    {
      crime: 'two keys of one message that nobody had written anew',
      given: { calls: [call(), call({ key: 'b' })], rewritten: ['message-2'] },
      expected: ['unkeyed'],
    },
    {
      crime: 'a message that died of nothing that was made',
      given: { deaths: [death()], made: [{ name: 'provider-refuse', ended: 1_000 }] },
      expected: ['unexplained'],
    },
    {
      crime: 'a message that is dead as refused, and has a letter',
      given: {
        deaths: [death({ reason: 'refused', accepted: true })],
        made: [{ name: 'provider-refuse', ended: 1_000 }],
      },
      expected: ['contradicted'],
    },
    {
      crime: 'a message that was marked as enqueued before its job was made',
      given: { jobs: new Map([['message-1-1', 1_501]]), made: [{ name: 'redis-flush', ended: 1_400 }] },
      expected: ['unfounded'],
    },
  ])('finds $crime: $expected', ({ given, expected }) => {
    expect(breaches(evidence(given))).toEqual(expected);
  });

  it('tells of a letter too many with its ids, and with the fault before it', () => {
    const findings = judge(evidence({ letters: [letter(), letter({ id: 'letter-2', acceptedAt: 9_000 })] }));
    const report = reportOf(outcome({ findings }));
    expect(report).toMatchObject({ passed: false, counts: { duplicated: 1 } });
    expect(tell(report)).toContain('✗ duplicated: 2 letters: letter-1, letter-2 (key prove-1-0');
    expect(tell(report)).toContain('the fault before: kill web.1 at 8.0 s');
  });
});

const outcome = (more: Partial<Outcome> = {}): Outcome => ({
  ...{ seed: 1, seconds: 10, rate: 20, outage: undefined, start: 0, requests: { all: 1, shared: 0 } },
  ...{ findings: [], exits: [], peaks: new Map() },
  ...{ history: [placed()], letters: [letter()] },
  made: [
    { name: 'redis-flush', lane: 'redis', victim: null, at: 0, forMs: 0, seed: 0, began: 500, ended: 600 },
    { name: 'kill', lane: 'process', victim: 'web.1', at: 0, forMs: 0, seed: 0, began: 8_000, ended: 8_000 },
  ],
  drained: {
    ...{ ended: true, ms: 5, retried: {}, confirmed: { sent: 0, notSent: 0 }, deaths: [], rewritten: [] },
    mirror: { looked: 0, missing: [], surplus: [] },
  },
  ...more,
});

describe('the verdict', () => {
  const drained = outcome().drained;
  const exit = { name: 'web.1', pid: 1, at: 9_000, cause: 'code 3, for no known reason' };

  it('is good when nothing was found, all was finished and every end is explained', () => {
    expect(reportOf(outcome()).passed).toBe(true);
    expect(tell(reportOf(outcome()))).toContain('With 1 acknowledged orders, none lost and none sent twice');
  });

  it.each<{ reason: string; more: Partial<Outcome> }>([
    ...BREACHES.map((breach) => ({
      reason: `something is ${breach}`,
      more: { findings: [{ breach, what: '', key: null, orderId: null, messageId: null, at: null }] },
    })),
    { reason: 'nothing was acknowledged', more: { history: [placed({ outcome: 'unknown' })] } },
    { reason: 'not all was finished in time', more: { drained: { ...drained, ended: false } } },
    {
      reason: 'the failed set lacked a dead letter',
      more: { drained: { ...drained, mirror: { looked: 1, missing: ['a-1'], surplus: [] } } },
    },
    {
      reason: 'the failed set showed one too many',
      more: { drained: { ...drained, mirror: { looked: 0, missing: [], surplus: ['a-1'] } } },
    },
    { reason: 'a process ended for no known reason', more: { exits: [{ ...exit, expected: false }] } },
    {
      reason: 'a letter died of an outage',
      more: { outage: 'postgres-cut', drained: { ...drained, retried: { attempts_exhausted: 1 } } },
    },
    {
      reason: 'a letter of unknown outcome needed a person after an outage',
      more: { outage: 'provider-hang', drained: { ...drained, confirmed: { sent: 1, notSent: 0 } } },
    },
    { reason: 'a letter that was always answered with 500 never died', more: { outage: 'provider-letter' } },
    {
      reason: 'another one died with it',
      more: { outage: 'provider-letter', drained: { ...drained, retried: { attempts_exhausted: 2 } } },
    },
  ])('is bad when $reason', ({ more }) => {
    expect(reportOf(outcome(more)).passed).toBe(false);
  });

  it.each<{ reason: string; more: Partial<Outcome> }>([
    {
      reason: 'faults of a seed have cost attempts',
      more: { drained: { ...drained, retried: { refused: 2 } } },
    },
    { reason: 'an outage has cost nothing', more: { outage: 'postgres-cut' } },
    {
      reason: 'the one letter that was always answered with 500 has died',
      more: { outage: 'provider-letter', drained: { ...drained, retried: { attempts_exhausted: 1 } } },
    },
  ])('is good when $reason', ({ more }) => {
    expect(reportOf(outcome(more)).passed).toBe(true);
  });
});

describe('the end of a process', () => {
  it.each([
    { how: 'killed by a fault', end: [null, 'SIGKILL', 'SIGKILL', false], expected: true },
    { how: 'killed by nobody we know', end: [null, 'SIGKILL', undefined, true], expected: false },
    { how: 'asked to, with 0', end: [0, null, 'SIGTERM', false], expected: true },
    { how: 'asked to before it could listen', end: [null, 'SIGTERM', 'SIGTERM', false], expected: true },
    { how: 'asked to, with 1', end: [1, null, 'SIGTERM', true], expected: false },
    {
      how: 'asked to, and killed after its grace',
      end: [null, 'SIGKILL', 'overdue', false],
      expected: false,
    },
    { how: 'at the end, with 0', end: [0, null, 'end of the run', false], expected: true },
    { how: 'at the end, by force', end: [null, 'SIGKILL', 'end of the run', false], expected: false },
    { how: 'with 1 while a store fails', end: [1, null, undefined, true], expected: true },
    { how: 'with 1 out of the blue', end: [1, null, undefined, false], expected: false },
    { how: 'with 1 after an exception', end: [1, null, 'exception', false], expected: true },
    { how: 'with 0 after an exception', end: [0, null, 'exception', false], expected: false },
    { how: 'with 0 unasked', end: [0, null, undefined, true], expected: false },
    { how: 'by an abort', end: [null, 'SIGABRT', undefined, true], expected: false },
  ] as const)('$how is explained: $expected', ({ end: [code, signal, blow, storeFault], expected }) => {
    expect(causeOf({ code, signal }, blow, storeFault).expected).toBe(expected);
  });
});

describe('the time to recover', () => {
  it('is from the end of a fault to the letter of the next acknowledged order placed after it', () => {
    const made = [
      { name: 'kill', ended: 1_000 },
      { name: 'kill', ended: 5_000 },
      { name: 'redis-flush', ended: 9_999 },
    ] as const;
    const history = [
      placed({ key: 'before', placedAt: 999 }),
      placed({ key: 'unknown', placedAt: 1_001, outcome: 'unknown' }),
      placed({ key: 'first', placedAt: 1_100 }),
      placed({ key: 'second', placedAt: 5_000 }),
    ];
    const letters = [
      letter({ key: 'before', acceptedAt: 1_050 }),
      letter({ key: 'unknown', acceptedAt: 1_060 }),
      letter({ key: 'first', acceptedAt: 1_400 }),
      letter({ key: 'second', acceptedAt: 5_007 }),
    ];
    expect(recoveries(made, history, letters)).toEqual([
      { name: 'kill', count: 2, p50: 7, p99: 400, max: 400 },
    ]);
  });
});

describe('the command line', () => {
  it('lists every fault', () => {
    const { print } = readOptions(['--list-faults']) as { print: string };
    for (const name of FAULT_NAMES) expect(print).toContain(`${name} `);
    for (const { about } of Object.values(FAULTS)) expect(print).toContain(about);
  });

  it.each([
    { args: ['--faults', 'kill,nonsense'], complaint: /no such fault: nonsense/ },
    { args: ['--seconds', '0'], complaint: /--seconds must be/ },
    { args: ['--rate', 'x'], complaint: /--rate must be/ },
    { args: ['--seed', '-1'], complaint: /seed/ },
    { args: ['--nonsense'], complaint: /nonsense/ },
    { args: ['--outage', 'kill'], complaint: /kill can be no outage; there are redis-kill, / },
    { args: ['--outage', 'redis-cut', '--faults', 'kill'], complaint: /not both/ },
  ])('refuses $args', ({ args, complaint }) => {
    expect(() => readOptions(args)).toThrow(complaint);
  });
});

// ── What breaks things ──

describe('a fault that cannot be made', () => {
  it('cuts the others short, and they are mended before anybody hears of it', async () => {
    const troubles: (string | undefined)[] = [];
    const victims = {
      provider: { trouble: (trouble: string | undefined) => troubles.push(trouble) },
      processes: {
        kill: () => {
          throw new Error('there is none');
        },
      },
    } as unknown as Victims; // as much of them as these two need
    const common = { victim: null, seed: 0 };
    const schedule: Fault[] = [
      { ...common, name: 'provider-hang', lane: 'provider', at: 0, forMs: 600_000 },
      { ...common, name: 'kill', lane: 'process', at: 10, forMs: 0 },
    ];
    const { over } = makeFaults(schedule, victims, () => undefined, new AbortController().signal);
    await expect(over).rejects.toThrow('there is none');
    expect(troubles).toEqual(['provider-hang', undefined]);
  });
});

describe('the proxy', () => {
  async function echoing() {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).pipe(socket);
    });
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    );
    const proxy = await startProxy(`redis://127.0.0.1:${port}`);
    const near = connect(Number(new URL(proxy.url).port), '127.0.0.1');
    let heard = '';
    let closed = false;
    near
      .setEncoding('utf8')
      .on('error', () => undefined)
      .on('data', (text) => {
        heard += text;
      })
      .on('close', () => {
        closed = true;
      });
    onTestFinished(async () => {
      near.destroy();
      await proxy.close();
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { proxy, near, heard: () => heard, closed: () => closed };
  }

  it('slowed, and mended meanwhile, hands on everything in its order', async () => {
    const { proxy, near, heard } = await echoing();
    const words = Array.from({ length: 40 }, (_, i) => `${i} `);
    for (const [i, word] of words.entries()) {
      if (i % 10 === 0) proxy.slow(60 - i);
      if (i % 10 === 7) proxy.mend();
      near.write(word);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => heard().length === words.join('').length, 'all of it');
    expect(heard()).toBe(words.join(''));
  });

  it('drops a connection when it is told to, and only then', async () => {
    const { proxy, near, heard, closed } = await echoing();
    let packets = 0;
    proxy.drop(() => {
      packets += 1;
      return packets > 2; // there and back
    });
    near.write('a');
    await until(() => heard() === 'a', 'the first');
    near.write('b');
    await until(closed, 'the end of the connection');
    expect(heard()).toBe('a');
  });
});

describe('the provider', () => {
  /** A seed by which a trouble meets every request, and not half of them. */
  const EVERY_REQUEST = 1;

  async function provider() {
    const folder = mkdtempSync(join(ROOT, '.data/prove-test-'));
    const file = join(folder, 'letters.jsonl');
    const opened = await openProvider(file);
    onTestFinished(async () => {
      await opened.close();
      rmSync(folder, { recursive: true });
    });
    async function ask(key: string | null, messageId: string, subject = 'A letter') {
      const tags = [{ name: 'message_id', value: messageId }];
      const body = { from: 'a@example.com', to: ['b@example.com'], subject, text: 'Words', tags };
      const headers = {
        ...{ authorization: 'Bearer re_a', 'content-type': 'application/json' },
        ...(key === null ? {} : { 'idempotency-key': key }),
      };
      const options = { method: 'POST', redirect: 'manual', headers, body: JSON.stringify(body) } as const;
      return fetch(`${opened.url}/emails`, options).catch(() => undefined);
    }
    const letters = () => (existsSync(file) ? readLetters(file) : []);
    return { ...opened, ask, letters };
  }

  it('remembers every key with its message and its texts, accepted or not', async () => {
    const { ask, calls, trouble } = await provider();
    trouble('provider-fail', { random: () => 0.9 });
    await ask('a', 'one');
    trouble(undefined);
    await ask('a', 'one');
    await ask('b', 'two', 'A letter');
    await ask('b', 'two', 'Another letter');
    await ask('c', 'two');
    await ask(null, 'three');
    expect(calls()).toEqual([
      { key: 'a', messageId: 'one', texts: 1, open: true },
      { key: 'b', messageId: 'two', texts: 2, open: true },
      { key: 'c', messageId: 'two', texts: 1, open: true },
      { key: null, messageId: 'three', texts: 1, open: true },
    ]);
  });

  it('notes each letter of a shared request, and whether it may have been accepted', async () => {
    const { url, calls, requests, trouble } = await provider();
    const letterOf = (id: string) => ({
      ...{ from: 'a@example.com', to: ['b@example.com'], subject: id, text: 'Words' },
      tags: [{ name: 'message_id', value: id }],
    });
    const headers = {
      authorization: 'Bearer re_a',
      'content-type': 'application/json',
      'idempotency-key': 'a',
    };
    const share = (...ids: string[]) =>
      fetch(`${url}/emails/batch`, { method: 'POST', headers, body: JSON.stringify(ids.map(letterOf)) });
    trouble('provider-refuse', { random: () => 0.9 });
    await share('one', 'two');
    const one = { key: 'a', messageId: 'one', texts: 1, open: false };
    expect(calls()).toEqual([one, { ...one, messageId: 'two' }]);
    trouble('provider-in-flight', { random: () => 0.9 });
    await share('two', 'one');
    expect(calls()).toEqual([
      { ...one, texts: 2, open: true },
      { ...one, messageId: 'two', texts: 2, open: true },
    ]);
    expect(requests()).toEqual({ all: 2, shared: 2 });
  });

  it('that has it in for one letter answers that with 500 again and again, and takes all others', async () => {
    const { ask, trouble } = await provider();
    trouble('provider-letter');
    const statuses = async (key: string) => [(await ask(key, key))?.status, (await ask(key, key))?.status];
    expect(await statuses('a')).toEqual([500, 500]);
    expect(await statuses('b')).toEqual([200, 200]);
    trouble(undefined);
    expect(await statuses('a')).toEqual([200, 200]);
  });

  it('that garbles its answers says 200 without an id, or redirects, and has accepted nothing', async () => {
    const { ask, letters, trouble } = await provider();
    trouble('provider-garble', { random: randomFrom(EVERY_REQUEST) });
    const statuses = new Set<number | undefined>();
    for (let n = 0; n < 40; n += 1) {
      const answer = await ask(`key-${n}`, 'one');
      statuses.add(answer?.status);
      if (answer?.status === 200) expect(await answer.text()).not.toContain('"id"');
    }
    expect(statuses).toEqual(new Set([200, 307]));
    expect(letters()).toEqual([]);
  });

  it('that mixes its troubles meets one letter with several of them', async () => {
    const { ask, letters, trouble } = await provider();
    trouble('provider-mixed', { random: randomFrom(EVERY_REQUEST) });
    const statuses = new Set<number | undefined>();
    for (let n = 0; n < 60; n += 1) statuses.add((await ask('a', 'one'))?.status);
    expect(statuses).toEqual(new Set([undefined, 200, 307, 409, 422, 500, 503]));
    expect(letters()).toHaveLength(1);
  });
});

describe('a process whose clock is wrong', () => {
  it('takes every date from it, and keeps its timers', async () => {
    const script =
      'console.log([Date.now(), +new Date(), new Date(5).getTime(), new Date() instanceof Date])';
    const clock = join(ROOT, 'dist/local/prove/clock.js');
    const { ended, output } = startNode(['--import', clock, '-e', script], {
      PROVE_CLOCK_OFFSET_MS: '-3600000',
    });
    expect(await ended).toMatchObject({ code: 0 });
    const [now = 0, date = 0, fixed, kind] = JSON.parse(output());
    for (const told of [now, date]) expect(Math.abs(Date.now() - told - 3_600_000)).toBeLessThan(60_000);
    expect([fixed, kind]).toEqual([5, true]);
  });
});

// ── The whole of it ──

describe('the command', { timeout: 600_000 }, () => {
  let base: string;
  let directory: string;
  let mark: string;
  let proof: RunningNode | undefined;

  beforeEach(() => {
    base = mkdtempSync(join(ROOT, '.data/prove-test-'));
    directory = join(base, 'run');
    mark = `/prove-test-${randomUUID()}`;
  });
  afterEach(async () => {
    await proof?.end();
    for (const pid of left()) process.kill(pid, 'SIGKILL');
    rmSync(base, { recursive: true, force: true });
  });

  /** What a proof starts has its PATH, or its directory among its words. */
  const left = () => {
    const ours = new Set(pidsWith(mark));
    for (const pid of pidsWith('')) if (commandOf(pid).includes(directory)) ours.add(pid);
    return [...ours];
  };

  function start(...args: readonly string[]) {
    proof = startNode([join(ROOT, 'dist/local/prove.js'), '--directory', directory, ...args], {
      PATH: `${process.env.PATH}:${mark}`,
    });
    return proof;
  }

  async function saying({ output, ended }: RunningNode, words: string) {
    let over = false;
    void ended.then(() => {
      over = true;
    });
    await until(() => over || output().includes(words), words, 120_000);
    expect(output()).toContain(words);
  }

  it('ends with 0 after a minute of faults of every lane, and leaves nothing behind', async () => {
    const json = join(base, 'report.json');
    const { ended, output } = start('--seconds', '60', '--seed', '5', '--json', json);
    expect(await ended, output()).toEqual({ code: 0, signal: null });
    const report = JSON.parse(readFileSync(json, 'utf8'));
    expect(report).toMatchObject({ passed: true, seed: 5, unexplainedExits: [], findings: [] });
    expect(report.acknowledged).toBeGreaterThan(0);
    expect(report.letters).toBeGreaterThanOrEqual(report.acknowledged);
    expect(report.refused).toBeGreaterThan(0);
    expect(report.requests.shared).toBeGreaterThan(0);
    expect(report.requests.all).toBeGreaterThan(report.requests.shared);
    const lanes = new Set(report.faults.map(({ name }: { name: FaultName }) => FAULTS[name].lane));
    expect(lanes).toEqual(new Set(['process', 'redis', 'postgres', 'provider', 'guest']));
    expect(output()).toContain('at 95 % confidence');
    expect(left()).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });

  it('ends with 0 after an outage at the product’s own timings that has cost nothing', async () => {
    const json = join(base, 'report.json');
    const { ended, output } = start('--outage', 'provider-fail', '--seconds', '5', '--json', json);
    expect(await ended, output()).toEqual({ code: 0, signal: null });
    const { faults, drained, acknowledged } = JSON.parse(readFileSync(json, 'utf8'));
    expect(faults).toMatchObject([{ name: 'provider-fail' }]);
    expect(drained).toMatchObject({ retried: {}, confirmed: { sent: 0, notSent: 0 } });
    expect(acknowledged).toBeGreaterThan(0);
  });

  it('ends with 1, names it and keeps everything when a letter is on disk twice', async () => {
    const running = start('--seconds', '4', '--seed', '5', '--faults', 'redis-flush');
    await saying(running, 'draining');
    const file = join(directory, 'letters.jsonl');
    const [first = ''] = readFileSync(file, 'utf8').split('\n');
    appendFileSync(file, `${JSON.stringify({ ...JSON.parse(first), id: 'planted' })}\n`);
    expect(await running.ended).toEqual({ code: 1, signal: null });
    expect(running.output()).toMatch(/✗ duplicated: 2 letters: \S+, planted \(key prove-5-\d+, order /);
    expect(readLetters(file).filter(({ id }) => id === 'planted')).toHaveLength(1);
    expect(JSON.parse(readFileSync(join(directory, 'report.json'), 'utf8')).counts.duplicated).toBe(1);
    expect(left()).toEqual([]);
  });

  it.each([
    { moment: 'Postgres starts', words: 'starting Postgres', signal: 'SIGTERM' },
    { moment: 'its processes start', words: 'starting web.1', signal: 'SIGINT' },
    { moment: 'a process and Redis are frozen', words: 'redis-suspend', signal: 'SIGINT' },
  ] as const)('leaves nothing behind when it gets $signal as $moment', async ({ words, signal }) => {
    const running = start('--seconds', '60', '--seed', '3', '--faults', 'redis-suspend,suspend');
    await saying(running, words);
    running.signal(signal);
    expect(await running.ended).toEqual({ code: 130, signal: null });
    expect(left()).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });

  it('ends with 1 and leaves no process behind when it cannot go on', async () => {
    const running = start('--seconds', '60', '--seed', '3', '--faults', 'redis-kill');
    await saying(running, 'redis-kill');
    mkdirSync(join(directory, 'redis/redis.log.previous/in-the-way'), { recursive: true }); // so that Redis can't start again
    expect(await running.ended).toEqual({ code: 1, signal: null });
    expect(running.output()).toMatch(/✗ .*redis\.log\.previous/);
    expect(left()).toEqual([]);
  });

  it('leaves no process behind either when a second signal cuts its end short', async () => {
    const running = start('--seconds', '60', '--seed', '3', '--faults', 'redis-suspend,suspend');
    await saying(running, 'redis-suspend');
    for (const pid of pidsWith(mark)) if (commandOf(pid).includes('workers/')) process.kill(pid, 'SIGSTOP'); // slow to end
    running.signal('SIGINT');
    const asked = Date.now();
    await until(() => Date.now() - asked > 600); // sooner, it would count as the same key press
    running.signal('SIGINT');
    expect(await running.ended).toEqual({ code: 130, signal: null });
    await until(() => left().length === 0, 'no process left');
  });
});
