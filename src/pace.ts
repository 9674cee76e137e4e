/**
 * The pace of requests to the provider, for the whole installation: a bucket in Redis that all notifiers draw from. Requests
 * keep an even distance instead of coming in bursts, because nobody knows where the provider's own seconds begin.
 */
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** How many requests may be made now; when none, in how many milliseconds to ask again. */
export interface Turns {
  readonly turns: number;
  readonly inMs: number;
}

export interface Pace {
  /** Takes so many requests from the bucket, or as many as there are. */
  shared(most: number): Promise<Turns>;
  /** The same by this process's own count, for while Redis is away. */
  own(most: number): Promise<Turns>;
}

/** So much slower than allowed: requests do not take equally long to arrive, and may come closer together than they went. */
const SLACK = 1.12;
/** Above that rate several requests share a window, so that none is shorter than timers are exact. */
const MOST_WINDOWS_PER_SECOND = 20;

const KEY = 'requests';

/** @param redis a client of ioredis. */
export function openPace(perSecond: number, redis: object, keyPrefix: string): Pace {
  const points = Math.max(1, Math.floor(perSecond / MOST_WINDOWS_PER_SECOND));
  const windowMs = Math.round((points / perSecond) * 1_000 * SLACK);
  const settings = { points, duration: windowMs / 1_000, keyPrefix };
  const shared = new RateLimiterRedis({
    ...settings,
    storeClient: redis,
    duration: 1, // the library's own script knows whole seconds only; ours does not ask
    // A key without an end, or with one that is far away since a clock was set back, would stop everything.
    customIncrTtlLuaScript: `redis.call('set', KEYS[1], 0, 'PX', ${windowMs}, 'NX')
      local taken = redis.call('incrby', KEYS[1], ARGV[1])
      local left = redis.call('pttl', KEYS[1])
      if left < 0 or left > ${windowMs} then redis.call('pexpire', KEYS[1], ${windowMs}) end
      return {taken, redis.call('pttl', KEYS[1])}`,
  });
  const own = new RateLimiterMemory(settings);
  return {
    shared: (most) => draw(shared, Math.min(most, points), windowMs),
    own: (most) => draw(own, Math.min(most, points), windowMs),
  };
}

async function draw(
  limiter: RateLimiterRedis | RateLimiterMemory,
  wanted: number,
  windowMs: number,
): Promise<Turns> {
  try {
    await limiter.consume(KEY, wanted);
    return { turns: wanted, inMs: 0 };
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    // More were asked for than there were: what was left is ours, since it counts as taken.
    const left = limiter.points - (refusal.consumedPoints - wanted);
    return {
      turns: Math.max(0, left),
      inMs: Math.min(windowMs, Math.max(1, Math.ceil(refusal.msBeforeNext))),
    };
  }
}
