/**
 * The pace of requests to the provider, for the whole installation: a bucket in Redis that all notifiers draw from. Requests
 * keep an even distance instead of coming in bursts, because nobody knows where the provider's own seconds begin.
 */
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

export interface Pace {
  /** Takes one request from the bucket. Answers 0 when it may be made now, else in how many milliseconds to ask again. */
  shared(): Promise<number>;
  /** The same by this process's own count, for while Redis is away. */
  own(): Promise<number>;
}

/** So much slower than allowed: requests do not take equally long to arrive, and may come closer together than they went. */
const SLACK = 1.05;
/** Above that rate several requests share a window, so that none is shorter than timers are exact. */
const MOST_WINDOWS_PER_SECOND = 20;

const KEY = 'requests';

/** @param redis a client of ioredis. */
export function openPace(perSecond: number, redis: object, keyPrefix: string): Pace {
  const points = Math.max(1, Math.floor(perSecond / MOST_WINDOWS_PER_SECOND));
  const windowMs = Math.ceil((points / perSecond) * 1_000 * SLACK);
  const settings = { points, duration: windowMs / 1_000, keyPrefix };
  const shared = new RateLimiterRedis({
    ...settings,
    storeClient: redis,
    duration: 1, // the library's own script knows whole seconds only; ours does not ask
    // A key that somebody has made without an end would stop everything for ever.
    customIncrTtlLuaScript: `redis.call('set', KEYS[1], 0, 'PX', ${windowMs}, 'NX')
      local taken = redis.call('incrby', KEYS[1], ARGV[1])
      if redis.call('pttl', KEYS[1]) < 0 then redis.call('pexpire', KEYS[1], ${windowMs}) end
      return {taken, redis.call('pttl', KEYS[1])}`,
  });
  const own = new RateLimiterMemory(settings);
  return { shared: () => draw(shared), own: () => draw(own) };
}

async function draw(limiter: RateLimiterRedis | RateLimiterMemory): Promise<number> {
  try {
    await limiter.consume(KEY);
    return 0;
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    return Math.max(1, Math.ceil(refusal.msBeforeNext));
  }
}
