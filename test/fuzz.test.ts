/** `npm run fuzz`: a short run against a real process, and that its judgement can fail. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Contract, readContract } from '../local/fuzz/contract.ts';
import { CREDENTIALS, SETTINGS } from '../local/fuzz/installation.ts';
import { faultsOf, faultyLines, isUnderPressure, routeOf } from '../local/fuzz/judge.ts';
import { readOptions } from '../local/fuzz/options.ts';
import { type Probe, probeOf, type Source } from '../local/fuzz/probes.ts';
import { type Report, run, tell } from '../local/fuzz/run.ts';
import { type RunningProcess, startProcess } from './support/processes.ts';
import { openWorld, type World } from './support/world.ts';

const SEED = 4711;

let world: World;
let web: RunningProcess;
let contract: Contract;
beforeAll(async () => {
  world = await openWorld(SETTINGS);
  web = await startProcess('web', world.environment);
  await web.ready();
  const document = await fetch(`http://127.0.0.1:${web.port}/docs/json`);
  contract = readContract((await document.json()) as Parameters<typeof readContract>[0]);
});
afterAll(async () => {
  await web.end();
  await world.close();
});

const linesOf = (process: RunningProcess) => () => process.output().split('\n').slice(0, -1);

function fuzz(process: RunningProcess, requests: number, port = process.port): Promise<Report> {
  const log = linesOf(process);
  return run({ port, credentials: CREDENTIALS, seed: SEED, requests, concurrency: 8, log });
}
const foundIn = ({ findings }: Report) => [...new Set(findings.map(({ what }) => what))].sort();

describe('a short run', () => {
  it('finds nothing: no 5xx, no answer that the document does not describe, no error in the log', async () => {
    const report = await fuzz(web, 2_000);
    expect(report.findings, tell(report)).toEqual([]);
    const statuses = Object.values(report.answers).flatMap((row) => Object.keys(row));
    expect(statuses).toEqual(
      expect.arrayContaining(['200', '201', '400', '401', '404', '409', '413', '415', '431']),
    );
    for (const { route } of contract.operations) expect(Object.keys(report.answers)).toContain(route);
    expect(tell(report)).toMatch(
      /✓ Nothing was found in 2000 requests with seed 4711, in [\d.]+ s; 0 were told to come again\.$/,
    );
    expect(web.output()).not.toMatch(new RegExp(`${CREDENTIALS.apiKey}|@example|Lovelace`));
  });
});

describe('a mistake is found:', () => {
  it('a route that fails', async () => {
    const failing = await startProcess('web', {
      ...world.environment,
      FAILPOINTS: 'findCustomer:before=throw@3,createCustomer:before=unavailable@24',
    });
    try {
      await failing.ready();
      const found = foundIn(await fuzz(failing, 400));
      expect(found).toEqual(
        expect.arrayContaining(['answered 500', 'answered 503', 'the log tells of an error']),
      );
    } finally {
      await failing.end();
    }
  });

  const DISTORTIONS: [what: string, distort: Distort, found: RegExp][] = [
    [
      'a status that is not described',
      (one) => ({ ...one, status: 418 }),
      /^answered 418, which the document/,
    ],
    [
      'a lost field',
      (one) => ({ ...one, body: one.body.replace('createdAt', 'at') }),
      /property 'createdAt'/,
    ],
    ['no answer', () => undefined, /^no answer/],
  ];

  it.each(DISTORTIONS)('%s', async (_what, distort, found) => {
    const proxy = await distorting(web.port, distort);
    try {
      expect(foundIn(await fuzz(web, 200, proxy.port)).filter((one) => found.test(one))).not.toEqual([]);
    } finally {
      proxy.close();
    }
  });

  interface Distorted {
    readonly status: number;
    readonly type: string;
    readonly body: string;
  }
  type Distort = (answer: Distorted) => Distorted | undefined;

  /** Stands before the process and changes what it answers about a customer. */
  async function distorting(port: number, distort: Distort) {
    async function pass({ method = 'GET', url = '/', headers }: IncomingMessage, body: Buffer) {
      const { authorization = '', 'content-type': type = '' } = headers;
      const answer = await fetch(`http://127.0.0.1:${port}${new URL(url, 'http://x').pathname}`, {
        method: ['GET', 'POST', 'HEAD'].includes(method) ? method : 'GET',
        headers: { authorization, 'content-type': type },
        ...(method === 'POST' ? { body } : {}),
      });
      const own = {
        ...{ status: answer.status, type: answer.headers.get('content-type') ?? '' },
        body: await answer.text(),
      };
      return method === 'GET' && /^\/customers\/[^/]+$/.test(url) ? distort(own) : own;
    }
    async function relay(request: IncomingMessage, response: ServerResponse) {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const told = await pass(request, Buffer.concat(chunks));
      if (!told) response.destroy();
      else response.writeHead(told.status, { 'content-type': told.type }).end(told.body);
    }
    // What it can't pass on is not what is looked for.
    const server = createServer((request, response) => {
      relay(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port: own } = server.address() as AddressInfo; // it listens on TCP
    return {
      port: own,
      close() {
        server.close();
        server.closeAllConnections();
      },
    };
  }
});

describe('the judgement', () => {
  const PROBE: Probe = { n: 0, kind: 'valid', method: 'GET', path: '/orders', headers: [], expected: 'fine' };
  const JSON_TYPE = { 'content-type': 'application/json' };
  const problem = (status: number) =>
    JSON.stringify({ type: 'about:blank', title: 'x', status, detail: 'x', instance: '/' });
  const answer = (status: number, headers = {}, body = problem(status)) => ({
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body,
  });
  const judged = (probe: Partial<Probe>, ...given: Parameters<typeof answer>) =>
    faultsOf(contract, { ...PROBE, ...probe }, answer(...given));

  it.each<[what: string, probe: Partial<Probe>, answer: Parameters<typeof answer>, faults: string[]]>([
    ['a refusal that may be', { expected: 'anything' }, [400], []],
    [
      'an answer without credentials',
      { expected: 'denied' },
      [200, JSON_TYPE, '{"orders":[],"nextCursor":null}'],
      ['answered 200 without credentials'],
    ],
    [
      'an answer to what the document refuses',
      { expected: 'refused' },
      [200, JSON_TYPE, '{"orders":[],"nextCursor":null}'],
      ['answered 200 to what the document refuses'],
    ],
    [
      'the dashboard open',
      { kind: 'elsewhere', path: '/admin/queues', expected: 'denied' },
      [302],
      ['answered 302 without credentials'],
    ],
    [
      'something where nothing is',
      { kind: 'path', path: '/nowhere', expected: 'anything' },
      [200],
      ['answered 200, where nothing is'],
    ],
    [
      'a method that is refused without saying which is not',
      { method: 'PUT', kind: 'method', expected: 'anything' },
      [405],
      ['lacks the header allow'],
    ],
    ['a refusal without its header', { expected: 'anything' }, [401], ['lacks the header www-authenticate']],
    ['a refusal of what is right', {}, [400], ['answered 400 to what the document takes']],
    ['another media type', {}, [200, { 'content-type': 'text/html' }, '<p>'], ['is of the type text/html']],
    [
      'a field of another type',
      {},
      [200, JSON_TYPE, '{"orders":[],"nextCursor":7}'],
      [
        'the body is not as described: data/nextCursor must be string, data/nextCursor must be null, data/nextCursor must match a schema in anyOf',
      ],
    ],
    [
      'a stack in a refusal',
      { expected: 'anything' },
      [400, {}, problem(400).replace('"detail":"', '"detail":"at f (/x/y.js:1:2) ')],
      ['the answer shows our insides'],
    ],
    [
      'a problem of another status',
      { expected: 'anything' },
      [400, {}, problem(500)],
      ['a problem of status 500 under 400'],
    ],
    ['a body of HEAD', { method: 'HEAD', expected: 'anything' }, [400], ['HEAD has a body']],
    ['a store that is away', { expected: 'anything' }, [503, { 'retry-after': '2' }], ['answered 503']],
    [
      'a refusal that is no problem',
      { expected: 'anything' },
      [404, {}, '{"error":"x"}'],
      [
        'answered 404, which the document does not describe',
        "is no problem as described: data must have required property 'type'",
      ],
    ],
  ])('of %s', (_what, probe, given, faults) => {
    expect(judged(probe, ...given)).toEqual(faults);
  });

  it('takes a service that is busy for one that is well, and no other 503', () => {
    const busy = { status: 503, headers: { 'retry-after': '1' }, body: '{"detail":"Too busy now."}' };
    const away = { ...busy, body: '{"detail":"The order book cannot be reached."}' };
    expect([busy, away, { ...busy, headers: {} }, { ...busy, status: 500 }].map(isUnderPressure)).toEqual([
      ...[true, false, false, false],
    ]);
  });

  it('of the log: errors, and what is no log line', () => {
    const lines = [
      '{"level":30,"msg":"a"}',
      '{"level":40}',
      '{"level":50,"msg":"b"}',
      'Error: uncaught',
      '{"level":60}',
      '7',
    ];
    expect(faultyLines(lines)).toEqual(['{"level":50,"msg":"b"}', 'Error: uncaught', '{"level":60}', '7']);
  });

  it('knows which route a path is for, however it is spelt', () => {
    const routes = (
      [
        '/orders',
        '/orders?a=b',
        '/%6frders',
        '/orders#x',
        '/orders/7',
        '/orders/7/ship',
        '/orders/',
        '/x',
      ] as const
    ).map((path) => routeOf(contract, 'GET', path));
    expect(routes).toEqual([
      'GET /orders',
      'GET /orders',
      'GET /orders',
      'GET /orders',
      'GET /orders/{id}',
      undefined,
      undefined,
      undefined,
    ]);
    expect(routeOf(contract, 'HEAD', '/orders')).toBe('GET /orders');
  });
});

describe('the requests', () => {
  const ids = (digit: string) =>
    Array.from({ length: 3 }, (_, i) => `01a206b8-82f0-7023-9978-0ae66dfecc${digit}${i}`);
  const source = (seed: number): Source => ({
    ...{ contract, credentials: CREDENTIALS, seed },
    known: { customers: ids('a'), orders: ids('b'), messages: [], cursors: ['AaIGuTxBfQ6lslHwx6nm1A'] },
  });
  const probes = (seed: number, count: number) =>
    Array.from({ length: count }, (_, n) => probeOf(source(seed), n));

  it('follow from the seed and their number, and a report of the provider from the second too', () => {
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now());
    onTestFinished(() => clock.mockRestore());
    expect(probes(1, 200)).toEqual(probes(1, 200));
    expect(probes(1, 20)).not.toEqual(probes(2, 20));
    expect(probeOf(source(1), 137)).toEqual(probes(1, 138)[137]);
  });

  it('are of every kind, for every operation, and break what the document asks for', () => {
    const all = probes(1, 12_000);
    expect(new Set(all.map(({ kind }) => kind)).size).toBe(10);
    const valid = all
      .filter(({ kind }) => kind === 'valid')
      .map(({ method, path }) => routeOf(contract, method, path));
    expect(new Set(valid)).toEqual(new Set(contract.operations.map(({ route }) => route)));
    const broken = all.filter(({ kind, expected }) => kind === 'body' && expected === 'refused');
    expect(broken.length).toBeGreaterThan(500);
    for (const sign of ['__proto__', 'extra', '\\ud800', 'XXX', '1000001', '-1', 'null', '@localhost'])
      expect(
        broken.some(({ body }) => String(body).includes(sign)),
        sign,
      ).toBe(true);
  });
});

describe('the command line', () => {
  it('has defaults, and refuses what makes no sense', () => {
    expect(readOptions(['--seed', '7'])).toEqual({
      ...{ requests: 50_000, seed: 7, concurrency: 16, only: undefined, json: undefined },
    });
    expect(readOptions(['--help'])).toHaveProperty('print');
    expect(() => readOptions(['--requests', '0'])).toThrow(
      '--requests must be a whole number from 1 to 10000000',
    );
    expect(() => readOptions(['--sed', '7'])).toThrow(/sed/);
  });
});
