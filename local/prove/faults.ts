/** Makes the faults of a schedule, one after another in each lane, and mends each, whatever happens meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { between, type Random, randomFrom } from './chance.ts';
import type { Processes } from './processes.ts';
import type { Provider, Trouble } from './provider.ts';
import type { Fault, FaultName } from './schedule.ts';
import type { Store } from './stores.ts';

/** What can go wrong. */
export interface Victims {
  readonly postgres: Store;
  readonly redis: Store;
  readonly provider: Provider;
  readonly processes: Processes;
}

/** A fault as it was: times by the clock of the process that proves, in milliseconds. */
export interface MadeFault extends Fault {
  readonly began: number;
  /** When all was mended; undefined while it lasts. */
  ended?: number;
}

const SLOWNESS_MS = [20, 400] as const;
/** The share of packets with which their connection ends. */
const DROPPED = 0.05;

export interface FaultMaker {
  /** In the order of their beginnings. */
  readonly made: readonly MadeFault[];
  /**
   * Settles when all are mended: they were all made, or the signal has cut them short, or one could not be made or mended,
   * with which it rejects.
   */
  readonly over: Promise<void>;
}

/** Makes the faults from now on. `told` hears of each as it begins. */
export function makeFaults(
  schedule: readonly Fault[],
  victims: Victims,
  told: (fault: MadeFault) => void,
  signal: AbortSignal,
): FaultMaker {
  const start = Date.now();
  const made: MadeFault[] = [];
  const failing = new AbortController();
  const cutShort = AbortSignal.any([signal, failing.signal]);

  async function runLane(faults: readonly Fault[]): Promise<void> {
    for (const fault of faults) {
      await pause(start + fault.at - Date.now(), cutShort);
      if (cutShort.aborted) return;
      const one: MadeFault = { ...fault, began: Date.now() };
      made.push(one);
      told(one);
      await MAKE[fault.name](victims, fault, randomFrom(fault.seed), cutShort);
      one.ended = Date.now();
    }
  }

  const lanes = [...new Set(schedule.map(({ lane }) => lane))];
  async function runAll(): Promise<void> {
    const running = lanes.map((lane) => runLane(schedule.filter((fault) => fault.lane === lane)));
    for (const one of running) one.catch(() => failing.abort());
    await Promise.allSettled(running);
    await Promise.all(running);
  }
  return { made, over: runAll() };
}

type Make = (victims: Victims, fault: Fault, random: Random, signal: AbortSignal) => Promise<void>;

const lineOf = (which: 'redis' | 'postgres', harm: (proxy: Store['proxy'], random: Random) => void): Make =>
  async function makeLine(victims, { forMs }, random, signal) {
    const { proxy } = victims[which];
    harm(proxy, random);
    await pause(forMs, signal);
    proxy.mend();
  };

const restarted =
  (which: 'redis' | 'postgres', how: Omit<Parameters<Store['restart']>[0], 'awayMs'>): Make =>
  (victims, { forMs }, _random, signal) =>
    victims[which].restart({ ...how, awayMs: forMs }, signal);

const troubled: Make = async ({ provider }, { name, forMs, total }, random, signal) => {
  provider.trouble(name as Trouble, { random, total }); // the table below has it at these names only
  await pause(forMs, signal);
  provider.trouble(undefined);
};

/** A process's name; the schedule gives one to every fault of that lane. */
const nameOf = ({ victim }: Fault): string => victim ?? '';

const MAKE: Readonly<Record<FaultName, Make>> = {
  kill: async ({ processes }, fault) => processes.kill(nameOf(fault)),
  terminate: ({ processes }, fault) => processes.terminate(nameOf(fault)),
  suspend: ({ processes }, fault, _random, signal) => processes.suspend(nameOf(fault), fault.forMs, signal),
  'redis-kill': restarted('redis', { end: 'kill' }),
  'redis-lose': restarted('redis', { end: 'kill', forget: true }),
  'redis-suspend': ({ redis }, { forMs }, _random, signal) => redis.suspend(forMs, signal),
  'redis-flush': ({ redis }) => flush(redis.url),
  'redis-full': async ({ redis }, { forMs }, _random, signal) => {
    await limitMemory(redis.url, '1');
    await pause(forMs, signal);
    await limitMemory(redis.url, '0');
  },
  'redis-slow': lineOf('redis', (proxy, random) => proxy.slow(between(random, SLOWNESS_MS))),
  'redis-cut': lineOf('redis', (proxy) => proxy.cut()),
  'redis-blackhole': lineOf('redis', (proxy) => proxy.freeze()),
  'redis-drop': lineOf('redis', (proxy, random) => proxy.drop(() => random() < DROPPED)),
  'postgres-backends': ({ postgres }, _fault, random) => terminateBackends(postgres.url, random),
  'postgres-lock': ({ postgres }, { forMs }, _random, signal) =>
    withPostgres(postgres.url, (client) =>
      client.begin(async (transaction) => {
        await transaction`lock table outbox in access exclusive mode`;
        await pause(forMs, signal);
      }),
    ),
  'postgres-crowd': ({ postgres }, { forMs }, _random, signal) => crowd(postgres.url, forMs, signal),
  'postgres-restart': restarted('postgres', { end: 'stop' }),
  'postgres-quit': restarted('postgres', { end: 'quit' }),
  'postgres-kill': restarted('postgres', { end: 'kill' }),
  'postgres-slow': lineOf('postgres', (proxy, random) => proxy.slow(between(random, SLOWNESS_MS))),
  'postgres-cut': lineOf('postgres', (proxy) => proxy.cut()),
  'postgres-blackhole': lineOf('postgres', (proxy) => proxy.freeze()),
  'postgres-drop': lineOf('postgres', (proxy, random) => proxy.drop(() => random() < DROPPED)),
  'provider-limit': troubled,
  'provider-fail': troubled,
  'provider-hang': troubled,
  'provider-hang-up': troubled,
  'provider-accept-hang': troubled,
  'provider-accept-hang-up': troubled,
  'provider-deny': troubled,
  'provider-in-flight': troubled,
  'provider-letter': troubled,
  'provider-refuse': troubled,
  'provider-garble': troubled,
  'provider-mixed': troubled,
  clock: ({ processes }, { forMs }, random, signal) => processes.runAstray(random() < 0.5, forMs, signal),
  release: ({ processes }, { forMs }, _random, signal) => processes.runOther(forMs, signal),
  exception: ({ processes }, _fault, _random, signal) => processes.runThrowing(signal),
};

const flush = (url: string) => withRedis(url, (redis) => redis.flushall());

/** In bytes; 0 for none. */
const limitMemory = (url: string, bytes: string) =>
  withRedis(url, (redis) => redis.config('SET', 'maxmemory', bytes));

async function withRedis(url: string, act: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(url);
  await act(redis).finally(() => redis.disconnect());
}

/** Between a tenth and all of the system's connections, by chance. */
const terminateBackends = (url: string, random: Random) =>
  withPostgres(url, async (client) => {
    const share = 0.1 + 0.9 * random();
    const rows = await client<{ pid: number }[]>`
      select pid from pg_stat_activity where application_name like 'order-notifications%' order by pid`;
    const pids = rows.flatMap(({ pid }) => (random() < share ? [pid] : []));
    for (const pid of pids) await client`select pg_terminate_backend(${pid})`;
  });

/** Strangers take every place that is free, then those of the system, whose connections they end. */
async function crowd(url: string, forMs: number, signal: AbortSignal): Promise<void> {
  await withPostgres(url, async (client) => {
    const [{ places } = { places: 0 }] = await client<{ places: number }[]>`
      select current_setting('max_connections')::int as places`;
    const strangers = Array.from({ length: places }, () => connect(url));
    const takePlaces = () => Promise.allSettled(strangers.map((stranger) => stranger`select 1`));
    await takePlaces();
    await client`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'order-notifications%'`;
    await takePlaces();
    await pause(forMs, signal);
    await Promise.all(strangers.map((stranger) => stranger.end({ timeout: 1 })));
  });
}

async function withPostgres(url: string, act: (client: postgres.Sql) => Promise<unknown>): Promise<void> {
  const client = connect(url);
  await act(client).finally(() => client.end({ timeout: 1 }));
}

const connect = (url: string) => postgres(url, { max: 1, onnotice: () => {} });

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // the end of the run cuts it short; whoever pauses here mends afterwards
  await delay(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
}
