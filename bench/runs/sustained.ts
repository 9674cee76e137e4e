/**
 * Orders over HTTP at a steady rate, and their letters, by a whole system or by a peer's. Client and provider are this process; what everything else
 * takes is told by the machine's own count of CPU time. Prints what an order costs, how long its letter takes, and what was left at the end.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { sql } from 'drizzle-orm';
import { argumentsOf } from '../../local/installation.ts';
import { readConfig } from '../../src/config.ts';
import { openDatabase, run } from '../../src/database.ts';
import { type Child, startServer, usageOf } from '../lib/child.ts';
import { startProvider } from '../lib/provider.ts';
import { API_KEY, bodyOf, customerOf } from '../lib/shop.ts';
import { median, quantile } from '../lib/stats.ts';

const [who = '', rate = '', seconds = ''] = process.argv.slice(2);
const WARM_UP_S = 2;
const LEFT_MS = 60_000;
const FIRST_PORT = 24_150;
/** The machine counts CPU time in ticks of a hundredth of a second. */
const TICKS_PER_SECOND = 100;
const SAMPLE_MS = 250;
const QUARTERS = 4;
const { databaseUrl, redisUrl } = readConfig(['DATABASE_URL', 'REDIS_URL']);

type Programs = Readonly<Record<string, readonly string[]>>;
const OURS: Programs = Object.fromEntries(
  ['web', 'relay', 'notifier', 'monitor'].map((type) => [type, argumentsOf(type)]),
);
const peer = (name: string): Programs => ({
  ...{ web: [`bench/servers/${name}.ts`], worker: ['bench/servers/worker.ts', name] },
});
const SYSTEMS: Readonly<Record<string, { programs: Programs; env: Readonly<Record<string, string>> }>> = {
  ours: { programs: OURS, env: { EMAIL_RATE_PER_SECOND: '1000000' } },
  /** With the provider's documented limit, letters share requests. */
  sharing: { programs: OURS, env: { EMAIL_RATE_PER_SECOND: '5' } },
  ...{ graphile: { programs: peer('graphile'), env: {} }, boss: { programs: peer('boss'), env: {} } },
};

/** By the order that they speak of: when it was asked for, and when its letter was accepted. */
const asked = new Map<string, number>();
const accepted = new Map<string, number>();
const provider = await startProvider(0, (letter) => {
  const [orderId = ''] = /[0-9a-f-]{36}/.exec(letter.subject) ?? [];
  accepted.set(orderId, performance.now());
});

const system = SYSTEMS[who];
if (!system) throw new Error(`nobody is called ${who}`);
const children: [string, Child][] = [];
for (const [i, [name, args]] of Object.entries(system.programs).entries())
  children.push([name, await startProgram(args, FIRST_PORT + i)]);
const ledger = openDatabase(databaseUrl, 'bench', 1);

function startProgram(args: readonly string[], port: number): Promise<Child> {
  const isUp = async () => {
    const { ok } = await fetch(`http://127.0.0.1:${port}/livez`);
    if (!ok) throw new Error('it is not up yet');
  };
  const env = {
    ...{
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      HOST: '127.0.0.1',
      PORT: String(port),
      LOG_LEVEL: 'warn',
    },
    ...{
      API_KEY,
      API_KEYS: `bench:${API_KEY}`,
      ORDER_RATE_PER_MINUTE: '1000000000',
      RECIPIENT_RATE_PER_HOUR: '1000000000',
    },
    ...{ RESEND_BASE_URL: provider.url, RESEND_API_KEY: 're_bench', EMAIL_FROM: 'Shop <shop@example.com>' },
  };
  return startServer(args, { ...env, ...system?.env }, isUp);
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Places one order and answers its id. */
function place(customerId: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ agent, host: '127.0.0.1', port: FIRST_PORT, path: '/orders', method: 'POST' },
        headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      },
      (response) => {
        let body = '';
        response.on('data', (part) => {
          body += part;
        });
        response.on('end', () => {
          if (response.statusCode === 201) resolve(JSON.parse(body).orderId);
          else reject(new Error(`${response.statusCode}: ${body}`));
        });
      },
    );
    sent.on('error', reject);
    sent.end(bodyOf(customerId));
  });
}

/** CPU seconds of everything on this machine but this process. */
function othersCpu(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] =
    /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[0].split(/ +/).map(Number) ?? [];
  const own = process.cpuUsage();
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND - (own.user + own.system) / 1e6;
}

async function transactions(): Promise<number> {
  const [row] = await run<{ count: number }>(
    ledger.db,
    sql`select sum(xact_commit)::float8 as count from pg_stat_database where datname = current_database()`,
  );
  return row?.count ?? Number.NaN;
}

/** The middle of each quarter of the time. */
const quartersOf = (series: readonly number[]) =>
  [0, 1, 2, 3].map((q) =>
    median(series.slice((q * series.length) / QUARTERS, ((q + 1) * series.length) / QUARTERS)),
  );

const letters = (ids: Iterable<string>) => [...ids].filter((id) => accepted.has(id)).length;

/** Places orders for so long. Answers their ids, when all are answered. */
async function placeFor(secondsLong: number): Promise<string[]> {
  const placing: Promise<string>[] = [];
  const began = performance.now();
  for (let n = 0; n < secondsLong * Number(rate); n += 1) {
    const early = began + (n * 1_000) / Number(rate) - performance.now();
    if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
    const at = performance.now();
    placing.push(
      place(customerOf((n % 1_000) + 1)).then((orderId) => {
        asked.set(orderId, at);
        return orderId;
      }),
    );
  }
  return Promise.all(placing);
}

async function untilAllHaveLetters(): Promise<void> {
  const end = performance.now() + LEFT_MS;
  while (letters(asked.keys()) < asked.size && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const missing = asked.size - letters(asked.keys());
  if (missing > 0) throw new Error(`${missing} of ${asked.size} orders have no letter`);
}

await placeFor(WARM_UP_S);
await untilAllHaveLetters();
const [cpuBefore, transactionsBefore] = [othersCpu(), await transactions()];
const cpuMsBefore = children.map(([, { pid }]) => usageOf(pid).cpuMs);
const began = performance.now();
const samples = children.map((): number[] => []);
const sampling = setInterval(() => {
  for (const [i, [, { pid }]] of children.entries()) samples[i]?.push(usageOf(pid).mbNow);
}, SAMPLE_MS);
const ids = await placeFor(Number(seconds));
clearInterval(sampling);
const took = (performance.now() - began) / 1_000;
const left = ids.length - letters(ids);
await untilAllHaveLetters();
const cpu = othersCpu() - cpuBefore;
const waits = ids.map((id) => (accepted.get(id) ?? 0) - (asked.get(id) ?? 0));
const memory = Object.fromEntries(
  children.flatMap(([name, { pid }], i) => [
    [name, usageOf(pid).mb],
    ...quartersOf(samples[i] ?? []).map((mb, quarter) => [`${name}Q${quarter + 1}`, mb]),
  ]),
);
const cpuMs = children.map(
  ([name, { pid }], i) => [`${name}Ms`, (usageOf(pid).cpuMs - (cpuMsBefore[i] ?? 0)) / ids.length] as const,
);
const storesMs = (cpu * 1_000) / ids.length - cpuMs.reduce((sum, [, ms]) => sum + ms, 0);
await new Promise((resolve) => setTimeout(resolve, 1_200)); // backends tell their statistics once a second
const figures = {
  perCpuSecond: ids.length / cpu,
  transactions: ((await transactions()) - transactionsBefore) / ids.length,
  p50: quantile(waits, 0.5),
  p99: quantile(waits, 0.99),
  /** Whether the rate was kept, and nothing piled up: a second's worth of letters may be on its way. */
  kept: left <= Number(rate) && took < Number(seconds) * 1.05 + 0.5 ? 1 : 0,
};
if (provider.letters() !== asked.size)
  throw new Error(`${provider.letters()} letters of ${asked.size} orders`);
for (const [, child] of children.reverse()) await child.stop();
await ledger.close();
console.log(JSON.stringify({ ...figures, ...memory, ...Object.fromEntries(cpuMs), storesMs }));
process.exit(0);
