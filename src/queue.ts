/**
 * The only door to BullMQ: what a job looks like, how it is retried, how it is added, looked at, removed and consumed.
 * Redis is transport: nothing here decides what becomes of a message. A job carries ids only, and its failure a code.
 */
import { DelayedError, type Job, type JobsOptions, Queue, UnrecoverableError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Config } from './config.ts';
import { deadline } from './deadline.ts';
import { passing } from './failpoints.ts';
import { type Log, type Process, plain } from './lifecycle.ts';
import type { AddCounts } from './limits.ts';
import { openPace, type Turns } from './pace.ts';

export const QUEUE = 'order-notifications';
const PREFIX = 'bull';
const key = (suffix: string) => `${PREFIX}:${QUEUE}:${suffix}`;

/** A Redis that does not answer within this is away; against a black hole a command would wait for ever. */
const REDIS_DEADLINE_MS = 5_000;
/** How long a finished job still turns an addition of the same id into nothing. The ledger protects after that. */
const COMPLETED_JOBS_KEPT_S = 3_600;
/** BullMQ counts stalls for a job's whole life and buries it after the second kill. Starts are counted in the ledger. */
const NO_STALL_LIMIT = 1_000_000_000;
/** BullMQ waits for 15 s before it tries again what a lost connection has cut off. */
const AGAIN_MS = 1_000;

/** Without metrics of its workers Bull Board shows empty charts: a day of them, a point a minute. */
const MINUTES_OF_METRICS = 24 * 60;

/** One run of one message: what a job stands for. */
export interface MessageRun {
  readonly id: string;
  readonly run: number;
}

/** What a job is made of: a message's run, with what people like to see on it. */
export interface Enqueueable extends MessageRun {
  readonly type: string;
  readonly orderId: string;
}

/** A job's name is its message's type, its id `<message id>-<run>`. The ids inside are for people's eyes. */
interface JobData {
  readonly messageId: string;
  readonly orderId: string;
  readonly run: number;
}

export const jobId = ({ id, run }: MessageRun): string => `${id}-${run}`;

/** The message and run that a job stands for; undefined for a job that the relay has not made. */
export function parseJobId(id: string): MessageRun | undefined {
  const [, messageId, run] = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-([1-9]\d{0,8})$/.exec(id) ?? [];
  return messageId && run ? { id: messageId, run: Number(run) } : undefined;
}

/** Up to so much of a pause is left away at random. */
const JITTER = 0.5;

/** The pause before the n-th retry, from 1 on, of what BullMQ does not retry itself: as long as its own. In milliseconds. */
export const retryPause = (
  { notificationBackoffMs }: Pick<Config, 'notificationBackoffMs'>,
  n: number,
): number => Math.round(notificationBackoffMs * 2 ** (n - 1) * (1 - JITTER * Math.random()));

/** Attempts and the pauses between them: n-th retry after backoff · 2^(n−1), of which up to half is left away at random. */
export function retryPolicy(
  config: Pick<Config, 'notificationAttempts' | 'notificationBackoffMs'>,
): JobsOptions {
  return {
    attempts: config.notificationAttempts,
    backoff: { type: 'exponential', delay: config.notificationBackoffMs, jitter: JITTER },
    removeOnComplete: { age: COMPLETED_JOBS_KEPT_S },
    removeOnFail: false,
    stackTraceLimit: 0,
  };
}

/** What Redis shows of a job. */
type Sighting =
  | { readonly state: 'lost' }
  /** Workers cannot read it: it stays where it is and never fails. */
  | { readonly state: 'corrupt' }
  /** It is there, but where nobody looks for it: in no list of the queue, or delayed for longer than any job is. */
  | { readonly state: 'astray' }
  | { readonly state: 'unfinished' }
  | { readonly state: 'failed' }
  | { readonly state: 'completed'; readonly value: JobValue | null };

export interface QueueDoor {
  /** BullMQ's own object, for Bull Board alone. */
  readonly queue: Queue<JobData>;
  /** Adds all in their order. Ids that Redis already has, in whatever state, change nothing. When it throws, any may have been added. */
  enqueue(messages: readonly Enqueueable[]): Promise<void>;
  /** Adds each alone, in their order, and says how each fared: `refused` for a reason of its own, or Redis `unavailable`. */
  enqueueEach(
    messages: readonly Enqueueable[],
    place?: 'behind all',
  ): Promise<('added' | 'refused' | 'unavailable')[]>;
  /** How each job looks, in the order asked: two round trips, small reads each. */
  look(messages: readonly MessageRun[]): Promise<Sighting[]>;
  /** Removes jobs; answers those that are locked by a worker and stay for now. */
  remove<M extends MessageRun>(messages: readonly M[]): Promise<M[]>;
  /** A page of the failed set, from the newest on; undefined stands for a job that the relay has not made. */
  failedRuns(offset: number, limit: number): Promise<(MessageRun | undefined)[]>;
  /** The mark by which the ledger knows this Redis again. */
  readEpoch(): Promise<string | null>;
  writeEpoch(epoch: string): Promise<void>;
  /** Adds to counts that all processes share, for so many seconds, and answers their totals. Not of the queue: only its Redis. */
  addCounts: AddCounts;
  /**
   * Takes as many of the `EMAIL_RATE_PER_SECOND` requests that all notifiers together may make as there are now, and `most` at most. While
   * Redis is away each process counts its own.
   */
  takeTurns(most: number): Promise<Turns>;
  ping(): Promise<void>;
  /** What this Redis does when it is full, and whether it writes down what it was given. */
  manners(): Promise<{ readonly evictionPolicy: string | undefined; readonly appendOnly: boolean }>;
  close(): Promise<void>;
}

type DoorMethod = Exclude<keyof QueueDoor, 'queue' | 'close'>;

/** Opens the queue for everybody but the consumers. Every call has a deadline and throws when Redis is away. */
export function openQueue(config: Config, log: Log): QueueDoor {
  const redis = connectRedis(config, log, { maxRetriesPerRequest: 1, commandTimeout: REDIS_DEADLINE_MS });
  const queue = new Queue<JobData>(QUEUE, {
    connection: redis,
    prefix: PREFIX,
    skipWaitingForReady: true,
    // Its question fails when Redis is away at the start, and BullMQ gives that answer to every later call.
    skipVersionCheck: true,
  });
  queue.on('error', () => undefined); // the connection's own listener has logged it
  const options = retryPolicy(config);
  const pace = openPace(config.emailRatePerSecond, redis, `${QUEUE}:limits:pace`);
  const bounded = <T>(name: DoorMethod, call: () => Promise<T>) =>
    deadline(passing(`queue.${name}`, call), REDIS_DEADLINE_MS, `the call ${name} to Redis`);

  async function add(
    name: DoorMethod,
    messages: readonly Enqueueable[],
    place?: 'behind all',
  ): Promise<void> {
    // BullMQ takes jobs with a priority, whichever, after all that have none.
    const opts = place ? { ...options, priority: 1 } : options;
    const jobs = messages.map((message) => ({
      name: message.type,
      data: { messageId: message.id, orderId: message.orderId, run: message.run },
      opts: { ...opts, jobId: jobId(message) },
    }));
    await bounded(name, () => queue.addBulk(jobs));
  }

  return {
    queue,
    enqueue: (messages) => add('enqueue', messages),
    async enqueueEach(messages, place) {
      const fates = await Promise.allSettled(messages.map((message) => add('enqueueEach', [message], place)));
      return fates.map((fate) => {
        if (fate.status === 'fulfilled') return 'added';
        return isOwnFault(fate.reason) ? 'refused' : 'unavailable';
      });
    },
    async look(messages) {
      const reads = messages.map((m) => ['hmget', key(jobId(m)), ...SIGHTED]);
      return bounded('look', async () => {
        const answers = await redis.pipeline(reads).exec();
        const sightings = (answers ?? []).map(([error, answer]): Sighting => {
          // What stands there is no job. Adding it will be refused too, and charged to this message alone.
          if (isOwnFault(error)) return { state: 'lost' };
          if (error) throw error;
          return sighting(answer as (string | null)[]); // hmget answers with a list of texts
        });
        const found = await findPlaces(
          redis,
          messages.filter((_, i) => PLACED.has(sightings[i]?.state ?? 'lost')).map(jobId),
          longestDelay(config),
        );
        return sightings.map((seen, i) => {
          const id = jobId(messages[i] as MessageRun); // one for each
          return PLACED.has(seen.state) && !found(id) ? { state: 'astray' } : seen;
        });
      });
    },
    async remove(messages) {
      const answers = await Promise.all(messages.map((m) => bounded('remove', () => queue.remove(jobId(m)))));
      return messages.filter((_, i) => answers[i] === 0);
    },
    async failedRuns(offset, limit) {
      const ids = await bounded('failedRuns', () =>
        redis.zrevrange(key('failed'), offset, offset + limit - 1),
      );
      return ids.map(parseJobId);
    },
    readEpoch: () => bounded('readEpoch', () => redis.get(key('epoch'))),
    async writeEpoch(epoch) {
      await bounded('writeEpoch', () => redis.set(key('epoch'), epoch));
    },
    async addCounts(name, counts, seconds) {
      const counted = `${QUEUE}:limits:${name}`;
      return bounded('addCounts', async () => {
        const adding = redis.pipeline();
        for (const { field, by } of counts) adding.hincrby(counted, field, by);
        const answers = (await adding.expire(counted, seconds).exec()) ?? [];
        return counts.map((_, i) => {
          const [error, total] = answers[i] ?? [new Error('Redis did not answer')];
          if (error) throw error;
          return Number(total);
        });
      });
    },
    takeTurns: (most) => bounded('takeTurns', () => pace.shared(most)).catch(() => pace.own(most)),
    async ping() {
      await bounded('ping', () => redis.ping());
    },
    async manners() {
      const info = await bounded('manners', () => redis.info());
      return {
        evictionPolicy: /^maxmemory_policy:(\S+)/m.exec(info)?.[1],
        appendOnly: /^aof_enabled:1/m.test(info),
      };
    },
    async close() {
      await deadline(queue.close(), 1_000, 'closing the queue').catch(() => undefined); // away: nothing to say goodbye to
      redis.disconnect();
    },
  };
}

/** Until Redis has answered. */
const MANNERS_LOOP_MS = 5_000;

/** Ends the process when its Redis may throw jobs away. Looks once, as soon as Redis answers. */
export function demandNoEviction(process: Process, { manners }: Pick<QueueDoor, 'manners'>): void {
  const looking = process.loop('manners of Redis', MANNERS_LOOP_MS, async () => {
    const { evictionPolicy, appendOnly } = await manners();
    if (evictionPolicy !== undefined && evictionPolicy !== 'noeviction')
      process.refuse(
        `Redis may throw jobs away: set its maxmemory-policy to noeviction (it is ${evictionPolicy})`,
      );
    if (!appendOnly) process.log.warn('Redis has no append-only file: every restart of it costs a restaging');
    void looking.stop();
    return false;
  });
}

/** What Redis answers about its own state, in whatever command. */
const REDIS_STATE =
  /OOM|READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|MISCONF|NOAUTH|NOPERM|TRYAGAIN|UNKILLABLE/;

/** Whether Redis has answered, and has refused this command rather than all. */
function isOwnFault(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError' && !REDIS_STATE.test(error.message);
}

/** The fields by which a job is judged, in the order of `sighting`. */
const SIGHTED = ['timestamp', 'finishedOn', 'returnvalue', 'failedReason', 'data', 'opts'] as const;

function sighting([timestamp, finishedOn, value, failedReason, data, opts]: (string | null)[]): Sighting {
  if (!timestamp && !data) return { state: 'lost' };
  if (!finishedOn) return { state: timestamp && isObject(data) && isObject(opts) ? 'unfinished' : 'corrupt' };
  return failedReason ? { state: 'failed' } : { state: 'completed', value: parseValue(value) };
}

/** The states in which a job must stand in a list of the queue, or in its failed set. */
const PLACED: ReadonlySet<Sighting['state']> = new Set(['unfinished', 'failed']);
/** So far a list is read. A job that is not found in a longer one may stand behind that. */
const LIST_SEEN = 1_000;
/** BullMQ keeps a delayed job under its time in milliseconds, times this. */
const DELAYED_SCORE = 0x1000;

/** No job is delayed for longer: for its last retry, or for a moment in which nothing may be sent. */
const longestDelay = ({
  notificationAttempts,
  notificationBackoffMs,
}: Pick<Config, 'notificationAttempts' | 'notificationBackoffMs'>): number =>
  Math.max(300_000, notificationBackoffMs * 2 ** (notificationAttempts - 1));

/**
 * Looks where these jobs stand, at one moment, since they wander: answers who stands where a worker, or the board, finds it.
 * Somebody may have deleted a list by hand, and a process with a fast clock have delayed a job for as long.
 */
async function findPlaces(
  redis: Redis,
  ids: readonly string[],
  longestDelayMs: number,
): Promise<(id: string) => boolean> {
  if (ids.length === 0) return () => true;
  const moment = redis.multi();
  for (const list of ['wait', 'paused', 'active']) moment.lrange(key(list), 0, LIST_SEEN);
  for (const set of ['prioritized', 'failed', 'delayed']) moment.zmscore(key(set), ...ids);
  const answers = ((await moment.exec()) ?? []).map(([error, answer]) => {
    if (error) throw error;
    return answer as (string | null)[]; // of a list the ids, of a set a score for each
  });
  const lists = answers.slice(0, 3);
  const [prioritized = [], failed = [], delayed = []] = answers.slice(3);
  const latest = (Date.now() + longestDelayMs) * DELAYED_SCORE;
  const places = new Set(lists.flat());
  for (const [i, id] of ids.entries()) {
    const score = prioritized[i] ?? failed[i];
    if (score || Number(delayed[i] ?? Number.POSITIVE_INFINITY) <= latest) places.add(id);
  }
  const isLong = lists.some((list) => list.length > LIST_SEEN);
  return (id) => isLong || places.has(id);
}

function isObject(text: string | null | undefined): boolean {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Redis may hold anything: what is not a value of ours is as good as none. */
function parseValue(text: string | null | undefined): JobValue | null {
  try {
    const { letterId, providerId } = JSON.parse(text ?? '');
    const ours = UUID.test(letterId) && typeof providerId === 'string' && !providerId.includes('\0');
    return ours ? { letterId, providerId } : null;
  } catch {
    return null;
  }
}

function connectRedis(
  config: Config,
  log: Log,
  options: { maxRetriesPerRequest: number | null; commandTimeout?: number },
): Redis {
  const redis = new Redis(config.redisUrl, {
    ...options,
    connectTimeout: REDIS_DEADLINE_MS,
    retryStrategy: (times) => Math.min(50 * 2 ** times, 1_000),
    // A fail-over leaves us with a replica: reconnect, and repeat the command there.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  });
  let connected = false;
  redis.on('error', (error) => log.debug({ error: plain(error) }, 'Redis'));
  redis.on('close', () => log.debug('the connection to Redis is closed'));
  redis.on('reconnecting', () => {
    if (connected) log.warn('the connection to Redis is lost'); // once, and not at every try to have it back
    connected = false;
  });
  redis.on('ready', () => {
    connected = true;
  });
  return redis;
}

/** A job in a worker's hands. */
export interface TakenJob extends MessageRun {
  /** Whether its failure now would be its last. */
  readonly lastAttempt: boolean;
}

/** What a completed job keeps: enough for the ledger to learn of an acceptance that could not be marked. */
export interface JobValue {
  readonly letterId: string;
  readonly providerId: string;
}

/** What is to become of a job: the handler's whole say. */
export type JobEnd =
  | { readonly end: 'completed'; readonly value: JobValue | null }
  /** Fails now, for good or until its next attempt; spends an attempt. */
  | { readonly end: 'failed'; readonly code: string; readonly forGood: boolean }
  /** Goes to the tail after so long, and spends no attempt. */
  | { readonly end: 'postponed'; readonly ms: number };

export interface Consumer {
  /** Takes no further jobs. A worker that waits on an empty queue may still take one. */
  pause(): Promise<void>;
  resume(): void;
  /** Throws unless its connection works and it takes jobs, or would if it were not paused. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Hands jobs to `handle`, many at a time, until closed. */
export function consume(config: Config, log: Log, handle: (job: TakenJob) => Promise<JobEnd>): Consumer {
  const connection = connectRedis(config, log, { maxRetriesPerRequest: null });
  const policy = retryPolicy(config);
  const worker = new Worker<JobData, JobValue | null>(
    QUEUE,
    async (job, token) => {
      Object.assign(job.opts, policy); // what Redis holds of it may be anything
      return finish(job, token, await handleJob(job, handle, config.notificationAttempts, log));
    },
    {
      connection,
      prefix: PREFIX,
      concurrency: config.notifierConcurrency,
      lockDuration: config.lockDurationMs,
      stalledInterval: config.stalledIntervalMs,
      maxStalledCount: NO_STALL_LIMIT,
      runRetryDelay: AGAIN_MS,
      metrics: { maxDataPoints: MINUTES_OF_METRICS },
    },
  );
  worker.on('error', (error) => log.warn({ error: plain(error) }, 'the worker'));
  return {
    pause: () => worker.pause(true),
    resume: () => worker.resume(),
    async check() {
      const waiting = passing('worker.check', () => worker.waitUntilReady());
      await deadline(waiting, REDIS_DEADLINE_MS, 'the worker');
      if (!worker.isRunning() && !worker.isPaused()) throw new Error('the worker has stopped');
    },
    async close() {
      await worker.close();
      connection.disconnect();
    },
  };
}

async function handleJob(
  job: Job<JobData>,
  handle: (job: TakenJob) => Promise<JobEnd>,
  attempts: number,
  log: Log,
): Promise<JobEnd> {
  const message = parseJobId(job.id ?? '');
  if (!message) return { end: 'failed', code: 'not_a_message', forGood: true };
  try {
    const taken = { ...message, lastAttempt: job.attemptsMade + 1 >= attempts };
    return await passing('worker.handle', () => handle(taken));
  } catch (error) {
    // Whatever it says must not reach Redis. A job that fails for the last time here is the monitor's to record.
    log.error(
      { messageId: message.id, run: message.run, error: plain(error) },
      'a job failed in a way nobody foresaw',
    );
    return { end: 'failed', code: 'internal_error', forGood: false };
  }
}

/** Says it in BullMQ's way. An error's message is stored in Redis: codes only. */
async function finish(job: Job<JobData>, token: string | undefined, end: JobEnd): Promise<JobValue | null> {
  switch (end.end) {
    case 'completed':
      return end.value;
    case 'failed':
      throw end.forGood ? new UnrecoverableError(end.code) : new Error(end.code);
    case 'postponed':
      await passing('worker.postpone', () => job.moveToDelayed(Date.now() + end.ms, token));
      throw new DelayedError();
  }
}

/** What Redis says of itself. */
export interface RedisState {
  readonly version: string;
  readonly policy: string;
  /** Whether it writes its append-only file. */
  readonly appendOnly: boolean;
  readonly replica: boolean;
  readonly cluster: boolean;
  /** In bytes; a limit of 0 is none. */
  readonly memory: { readonly used: number; readonly limit: number };
  /** Connections that wait for this queue's jobs; null where Redis does not tell. */
  readonly consumers: number | null;
}

/** A look at Redis that changes nothing. */
export interface RedisInspection {
  state(): Promise<RedisState>;
  /** Its own clock, in milliseconds since 1970. */
  time(): Promise<number>;
  close(): void;
}

/** Connects once, and does not try again. @throws what the system or Redis says of it, or a `DeadlineError`. */
export async function inspectRedis(config: Pick<Config, 'redisUrl'>): Promise<RedisInspection> {
  const redis = new Redis(config.redisUrl, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  let cause: unknown;
  redis.on('error', (error) => {
    cause = error; // `connect` itself says no more than that the connection is closed
  });
  const bounded = <T>(promise: Promise<T>) => deadline(promise, REDIS_DEADLINE_MS, 'a call to Redis');
  try {
    await bounded(redis.connect());
  } catch (error) {
    redis.disconnect();
    throw cause ?? error;
  }
  return {
    async state() {
      const info = parseInfo(await bounded(redis.info()));
      return { ...stateOf(info), consumers: await bounded(countConsumers(redis)) };
    },
    async time() {
      const [seconds, micros] = await bounded(redis.time());
      return Number(seconds) * 1_000 + Number(micros) / 1_000;
    },
    close: () => redis.disconnect(),
  };
}

const parseInfo = (text: string): ReadonlyMap<string, string> =>
  new Map(Array.from(text.matchAll(/^(\w+):(.*?)\r?$/gm), ([, name = '', value = '']) => [name, value]));

/** All of it stands in INFO: a hosted Redis often forbids CONFIG. */
function stateOf(info: ReadonlyMap<string, string>): Omit<RedisState, 'consumers'> {
  return {
    version: info.get('redis_version') ?? '',
    policy: info.get('maxmemory_policy') ?? '',
    appendOnly: info.get('aof_enabled') === '1',
    replica: info.get('role') !== 'master',
    cluster: info.get('cluster_enabled') === '1',
    memory: { used: Number(info.get('used_memory') ?? 0), limit: Number(info.get('maxmemory') ?? 0) },
  };
}

/** BullMQ names the connection on which a worker waits after its queue. A Redis may serve others in its other databases. */
async function countConsumers(redis: Redis): Promise<number | null> {
  const name = `name=${PREFIX}:${Buffer.from(QUEUE).toString('base64')} `;
  const database = ` db=${redis.options.db ?? 0} `;
  try {
    const clients = String(await redis.client('LIST')).split('\n');
    return clients.filter((client) => client.includes(name) && client.includes(database)).length;
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') return null; // a hosted Redis may forbid the question
    throw error;
  }
}
