/** What goes wrong and when: a pure function of the seed and the length of the run, so that a run can be had again. */
import { bag, between, type Random, randomFrom } from './chance.ts';

/** Faults of one lane come one after another; those of different lanes meet. */
type Lane = 'process' | 'redis' | 'postgres' | 'provider' | 'guest';

interface FaultKind {
  readonly lane: Lane;
  /** Milliseconds, from and to; a fault that lasts no time is a blow. */
  readonly lasts: readonly [number, number];
  readonly about: string;
}

const kind = (lane: Lane, lasts: readonly [number, number], about: string): FaultKind => ({
  lane,
  lasts,
  about,
});

/** A blow; an absence; one that outlasts leases and locks; one that outlasts the deadline of a statement (8 s) at times. */
const BLOW = [0, 0] as const;
const AWAY = [100, 2_500] as const;
const LONG = [500, 7_000] as const;
const LONGER = [500, 9_000] as const;
const TROUBLE = [500, 4_000] as const;

export const FAULTS = {
  kill: kind('process', BLOW, 'kill -9 of a process, of each type in turn'),
  terminate: kind('process', BLOW, 'SIGTERM to a process; it has to end within its grace'),
  suspend: kind(
    'process',
    LONG,
    'SIGSTOP to a process, SIGCONT later: its leases and locks run out meanwhile',
  ),
  'redis-kill': kind('redis', AWAY, 'kill -9 of Redis; it comes back with its append-only file'),
  'redis-suspend': kind('redis', LONG, 'SIGSTOP to Redis, SIGCONT later'),
  'redis-flush': kind('redis', BLOW, 'FLUSHALL'),
  'redis-lose': kind('redis', AWAY, 'kill -9 of Redis; it comes back without its data'),
  'redis-full': kind('redis', TROUBLE, 'Redis is at its memory limit, and refuses every write'),
  'redis-slow': kind('redis', TROUBLE, 'every packet to and from Redis comes 20 to 400 ms later'),
  'redis-cut': kind('redis', AWAY, 'connections to Redis are cut, new ones refused'),
  'redis-blackhole': kind('redis', LONG, 'connections to Redis are taken, and nothing passes'),
  'redis-drop': kind('redis', TROUBLE, 'connections to Redis end at random, with packets in flight'),
  'postgres-backends': kind('postgres', BLOW, 'pg_terminate_backend of a random share'),
  'postgres-lock': kind('postgres', LONGER, 'somebody holds a lock on all of the outbox'),
  'postgres-crowd': kind(
    'postgres',
    TROUBLE,
    'all connections to Postgres are lost, and others take their places',
  ),
  'postgres-restart': kind('postgres', AWAY, 'a fast shutdown of Postgres, and a start'),
  'postgres-quit': kind('postgres', AWAY, 'an immediate shutdown of Postgres (SIGQUIT), and a start'),
  'postgres-kill': kind('postgres', AWAY, 'kill -9 of Postgres and its backends, and a start'),
  'postgres-slow': kind('postgres', TROUBLE, 'every packet to and from Postgres comes 20 to 400 ms later'),
  'postgres-cut': kind('postgres', AWAY, 'connections to Postgres are cut, new ones refused'),
  'postgres-blackhole': kind('postgres', LONGER, 'connections to Postgres are taken, and nothing passes'),
  'postgres-drop': kind('postgres', TROUBLE, 'connections to Postgres end at random, with packets in flight'),
  'provider-limit': kind('provider', TROUBLE, 'the provider answers 429 with retry-after'),
  'provider-fail': kind('provider', TROUBLE, 'the provider answers 500 or 503'),
  'provider-hang': kind('provider', TROUBLE, 'the provider takes requests and does not answer'),
  'provider-hang-up': kind('provider', TROUBLE, 'the provider hangs up before it accepts'),
  'provider-accept-hang': kind('provider', TROUBLE, 'the provider accepts and does not answer'),
  'provider-accept-hang-up': kind('provider', TROUBLE, 'the provider accepts and hangs up'),
  'provider-deny': kind('provider', TROUBLE, 'the key is revoked: the provider answers 401 or 403'),
  'provider-in-flight': kind('provider', TROUBLE, 'the provider answers 409: still working on that key'),
  'provider-letter': kind('provider', LONG, 'the provider answers 500 to one letter, and takes all others'),
  'provider-refuse': kind('provider', TROUBLE, 'the provider refuses single letters with 422'),
  'provider-garble': kind(
    'provider',
    TROUBLE,
    'the provider accepts nothing, and answers 200 without an id, or a redirect',
  ),
  'provider-mixed': kind('provider', TROUBLE, 'the provider meets each request with another of its troubles'),
  clock: kind('guest', [3_000, 6_000], 'one more notifier, whose clock is an hour fast or slow'),
  release: kind('guest', [3_000, 6_000], 'one more notifier, of a release that words its letters otherwise'),
  exception: kind('guest', BLOW, 'one more notifier, in which an exception is thrown that nobody catches'),
} as const satisfies Record<string, FaultKind>;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[]; // its own keys, as they are written

export interface Fault {
  readonly name: FaultName;
  readonly lane: Lane;
  /** Milliseconds from the beginning. It may come later, when what went before it in its lane took longer. */
  readonly at: number;
  readonly forMs: number;
  /** The process that is hit, such as `web.1`; null where no one process is. */
  readonly victim: string | null;
  /** The seed of what the fault itself leaves to chance. */
  readonly seed: number;
  /** Whether a provider's trouble meets every request, whatever chance says. */
  readonly total?: true;
}

/** Calm between the end of a fault and the next one of its lane. */
const CALM: Readonly<Record<Lane, readonly [number, number]>> = {
  process: [500, 2_500],
  redis: [2_000, 6_000],
  postgres: [2_000, 6_000],
  provider: [1_500, 5_000],
  guest: [3_000, 9_000],
};

/** Faults come in storms, and in the lull after each of them the installation has to get well: so a recovery can be seen. */
const STORM_MS = 40_000;
const LULL_MS = 20_000;

/** When a fault of that length may begin, from `at` on: it does not reach into a lull. */
function inStorm(at: number, forMs: number): number {
  const into = at % (STORM_MS + LULL_MS);
  return into + forMs < STORM_MS ? at : at - into + STORM_MS + LULL_MS;
}

/**
 * The faults of a run, in the order of their beginnings. All end before the run does.
 * @param victims the processes by name, such as `web.1`: each type is hit in turn.
 */
export function planFaults(run: {
  seed: number;
  seconds: number;
  names: readonly FaultName[];
  victims: readonly string[];
}): Fault[] {
  const lanes = Object.keys(CALM) as Lane[]; // its own keys, as they are written
  return lanes.flatMap((lane) => planLane(lane, run)).sort((a, b) => a.at - b.at);
}

function planLane(lane: Lane, { seed, seconds, names, victims }: Parameters<typeof planFaults>[0]): Fault[] {
  const random = randomFrom(seed, lane);
  const ours = FAULT_NAMES.filter((name) => names.includes(name) && FAULTS[name].lane === lane);
  const draw = bag(lane === 'process' ? blowsFor(ours, victims) : ours.map((name) => ({ name })), random);
  const faults: Fault[] = [];
  let at = between(random, CALM[lane]);
  for (let drawn = draw(); drawn; drawn = draw()) {
    const filled = fill(drawn, victims, random);
    at = inStorm(at, filled.forMs);
    if (at + filled.forMs >= seconds * 1_000) break;
    faults.push({ lane, at, ...filled });
    at += filled.forMs + between(random, CALM[lane]);
  }
  return faults;
}

/** What may be the one fault of an outage: whatever befalls a store or the provider, and refuses no letter for good. */
export const OUTAGE_NAMES = FAULT_NAMES.filter(
  (name) => !['process', 'guest'].includes(FAULTS[name].lane) && name !== 'provider-refuse',
);

/** Orders are placed for so long before an outage, and for so long after it. */
const AROUND_OUTAGE_MS = 10_000;

/** One fault that lasts for so many seconds, or one blow and so many seconds to get over it. */
export function planOutage({ seed, seconds, name }: { seed: number; seconds: number; name: FaultName }) {
  const forMs = seconds * 1_000;
  const fault: Fault = {
    ...{ name, lane: FAULTS[name].lane, at: AROUND_OUTAGE_MS, forMs },
    ...{ victim: null, seed, total: true },
  };
  return { schedule: [fault], seconds: (2 * AROUND_OUTAGE_MS + forMs) / 1_000 };
}

interface Drawn {
  readonly name: FaultName;
  readonly type?: string;
}

/** Every fault of a process for every type of process. */
function blowsFor(names: readonly FaultName[], victims: readonly string[]): Drawn[] {
  const types = [...new Set(victims.map(typeOf))];
  return names.flatMap((name) => types.map((type) => ({ name, type })));
}

/** Which process, how long: chance is asked equally often for every kind, so that kinds do not shift each other. */
function fill({ name, type }: Drawn, victims: readonly string[], random: Random) {
  const those = victims.filter((victim) => typeOf(victim) === type);
  const victim = those[Math.floor(random() * those.length)] ?? null;
  return {
    name,
    victim,
    forMs: between(random, FAULTS[name].lasts),
    seed: Math.floor(random() * 0x1_0000_0000),
  };
}

/** `web.1` → `web`. */
export const typeOf = (processName: string): string => processName.replace(/\.\d+$/, '');
