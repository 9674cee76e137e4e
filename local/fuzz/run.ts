/** One run: reads the document, makes what requests may name, sends the probes, so many at a time, and collects what is wrong. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Contract, type Document, readContract } from './contract.ts';
import { faultsOf, faultyLines, isUnderPressure, routeOf } from './judge.ts';
import { type Credentials, type Known, type Probe, probeOf, type Source } from './probes.ts';
import { type Answer, openWire, type Wire } from './wire.ts';

export interface RunOptions {
  readonly port: number;
  readonly credentials: Credentials;
  readonly seed: number;
  readonly requests: number;
  readonly concurrency: number;
  /** The number of the one request to send. */
  readonly only?: number | undefined;
  /** Ends the run early: it then throws. */
  readonly signal?: AbortSignal;
  /** All lines that the process has logged. */
  readonly log: () => readonly string[];
  readonly onAnswer?: (probe: Probe, answers: readonly Answer[]) => void;
}

interface Finding {
  /** The number of the request; undefined for what the log says. */
  readonly n: number | undefined;
  readonly what: string;
  readonly request: string;
  readonly answer: string;
}

export interface Report {
  readonly seed: number;
  readonly requests: number;
  readonly ms: number;
  /** By route (or kind, where there is none), then by status: how many answers. */
  readonly answers: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** How often it was told to come again because too much was asked at once. Those answers stand in no table. */
  readonly deferred: number;
  readonly findings: readonly Finding[];
}

const CUSTOMERS = 20;
const ORDERS = 60;
const SHOWN = 400;
const PATIENCE = 10;

export async function run(options: RunOptions): Promise<Report> {
  const { port, credentials, seed, requests, concurrency, only } = options;
  const contract = readContract(await readDocument(port));
  const known = await prepare(port, credentials.apiKey);
  const source: Source = { contract, credentials, known, seed };
  const wire = openWire(port, concurrency);
  const answers = new Map<string, Map<number, number>>();
  const findings: Finding[] = [];
  let deferred = 0;
  const start = performance.now();
  const numbers =
    only === undefined ? Array.from({ length: requests }, (_, n) => n).values() : [only].values();

  async function work(): Promise<void> {
    for (const n of numbers) {
      options.signal?.throwIfAborted();
      await examine(probeOf(source, n));
    }
  }

  async function examine(probe: Probe): Promise<void> {
    const got = await sent(wire, probe, () => {
      deferred += 1;
    });
    if (got instanceof Error) findings.push(findingOf(probe, `no answer: ${got.message}`));
    else options.onAnswer?.(probe, got);
    for (const answer of got instanceof Error ? [] : got) {
      count(answers, nameOf(contract, probe), answer.status);
      for (const what of faultsOf(contract, probe, answer)) findings.push(findingOf(probe, what, answer));
    }
  }

  try {
    await Promise.all(Array.from({ length: concurrency }, work)); // all take from the same numbers
    findings.push(...(await wellness(port)), ...faultyLines(options.log()).map(lineFinding));
  } finally {
    wire.close();
  }
  const table = Object.fromEntries(
    [...answers].sort().map(([name, row]) => [name, Object.fromEntries([...row].sort())]),
  );
  return {
    seed,
    requests: only === undefined ? requests : 1,
    ms: performance.now() - start,
    answers: table,
    deferred,
    findings,
  };
}

/** Waits and comes again when it is asked to, as a client does; but not for ever. */
async function sent(wire: Wire, probe: Probe, onDeferred: () => void): Promise<readonly Answer[] | Error> {
  for (let tries = 1; ; tries += 1) {
    const got = await wire.send(probe).catch((error: Error) => error);
    const asked = got instanceof Error ? undefined : got.find(isUnderPressure);
    if (!asked || tries === PATIENCE) return got;
    onDeferred();
    await delay(Math.min(Number(asked.headers['retry-after']), 5) * 1_000);
  }
}

const nameOf = (contract: Contract, { kind, method, path }: Probe): string =>
  routeOf(contract, method, path) ?? `(${kind})`;

function count(answers: Map<string, Map<number, number>>, name: string, status: number): void {
  const row = answers.get(name) ?? new Map<number, number>();
  row.set(status, (row.get(status) ?? 0) + 1);
  answers.set(name, row);
}

function findingOf(probe: Probe, what: string, answer?: Answer): Finding {
  const { n, kind, method, path, body, bytes } = probe;
  const content = JSON.stringify(String(bytes ?? body ?? '')).slice(0, SHOWN);
  return {
    ...{ n, what, request: `${kind}: ${method} ${path.slice(0, SHOWN)} ${content}` },
    answer: answer ? `${answer.status} ${answer.body.slice(0, SHOWN)}` : '',
  };
}

const lineFinding = (line: string): Finding => ({
  ...{ n: undefined, what: 'the log tells of an error', request: '', answer: line.slice(0, SHOWN) },
});

/** Whether it lives and is ready after all that. */
async function wellness(port: number): Promise<Finding[]> {
  const [status, body] = await fetch(`http://127.0.0.1:${port}/readyz`).then(
    async (response) => [response.status, await response.text()] as const,
    (error: Error) => [0, error.message] as const,
  );
  if (status === 200) return [];
  return [
    {
      n: undefined,
      what: 'the process is not ready at the end',
      request: 'GET /readyz',
      answer: `${status} ${body}`,
    },
  ];
}

async function readDocument(port: number): Promise<Document> {
  const response = await fetch(`http://127.0.0.1:${port}/docs/json`);
  if (!response.ok) throw new Error(`the document cannot be read: ${response.status}`);
  return (await response.json()) as Document; // whether it is one is tested elsewhere
}

/** Customers and orders that requests can name, and cursors into them. */
async function prepare(port: number, apiKey: string): Promise<Known> {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  async function ask(path: string, body?: object): Promise<Record<string, unknown>> {
    const sending = body ? { method: 'POST', body: JSON.stringify(body) } : {};
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers, ...sending });
    if (!response.ok) throw new Error(`the run could not begin: ${path} answered ${response.status}`);
    return (await response.json()) as Record<string, unknown>;
  }
  const customers: string[] = [];
  for (let i = 1; i <= CUSTOMERS; i += 1)
    customers.push(
      String((await ask('/customers', { email: `customer-${i}@example.com`, name: `C ${i}` })).customerId),
    );
  const orders: string[] = [];
  const items = [{ sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 }];
  for (let i = 0; i < ORDERS; i += 1)
    orders.push(
      String(
        (await ask('/orders', { customerId: customers[i % CUSTOMERS], currency: 'EUR', items })).orderId,
      ),
    );
  const cursors = [
    String((await ask('/orders?limit=5')).nextCursor),
    String((await ask('/orders?limit=20')).nextCursor),
  ];
  const { orders: some } = (await ask('/orders?limit=100')) as {
    orders?: { notifications: { id: string }[] }[];
  }; // as the document says
  const messages = (some ?? []).flatMap(({ notifications }) => notifications.map(({ id }) => id));
  return { customers, orders, messages, cursors };
}

/** The report as a person reads it: a table, then what was found, grouped. */
export function tell({ seed, requests, ms, answers, deferred, findings }: Report): string {
  const rows = Object.entries(answers).map(([name, row]) => {
    const counts = Object.entries(row).map(([status, n]) => `${status}: ${n}`);
    return `  ${name.padEnd(28)} ${counts.join(', ')}`;
  });
  const kinds = [...new Set(findings.map(({ what }) => what))];
  const lines = kinds.flatMap((what) => {
    const all = findings.filter((one) => one.what === what);
    const [first] = all;
    return [
      `✗ ${what} (${all.length}; first: --only ${first?.n ?? '–'})`,
      `    ${first?.request}`,
      `    ${first?.answer}`,
    ];
  });
  const seconds = (ms / 1_000).toFixed(1);
  const verdict = findings.length === 0 ? '✓ Nothing was found' : `✗ ${findings.length} findings`;
  return [
    ...rows,
    '',
    ...lines,
    `${verdict} in ${requests} requests with seed ${seed}, in ${seconds} s; ${deferred} were told to come again.`,
  ].join('\n');
}
