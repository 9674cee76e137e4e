/** The pace of requests: what a bucket gives, to one process and to several, with Redis and without. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openPace } from '../src/pace.ts';
import { workersRedisUrl } from './support/ledger.ts';

let redis: Redis;
beforeAll(() => {
  redis = new Redis(workersRedisUrl());
});
beforeEach(() => redis.flushdb());
afterAll(() => redis.quit());

const bucket = 'pace:requests';

const granted = { turns: 1, inMs: 0 };

describe('a pace', () => {
  it.each([
    [1, 1_120],
    [5, 224],
    [20, 56],
  ])('of %d a second keeps %d ms between any two requests, of whichever process', async (rate, ms) => {
    const [one, other] = [openPace(rate, redis, 'pace'), openPace(rate, redis, 'pace')];
    expect(await one.shared(10)).toEqual(granted);
    const left = await redis.pttl(bucket);
    expect(left).toBeGreaterThan(0); // it has an end
    expect(left).toBeLessThanOrEqual(ms);
    for (const { turns, inMs } of [await other.shared(1), await one.shared(10)]) {
      expect(turns).toBe(0);
      expect(inMs).toBeGreaterThan(0);
      expect(inMs).toBeLessThanOrEqual(ms);
    }
    await redis.del(bucket); // as it goes by itself when the time is over
    expect(await other.shared(1)).toEqual(granted);
  });

  it('above twenty a second gives several at a time, and what is left to who asks for more', async () => {
    const [one, other] = [openPace(100, redis, 'pace'), openPace(100, redis, 'pace')];
    expect(await one.shared(3)).toEqual({ turns: 3, inMs: 0 });
    expect((await other.shared(50)).turns).toBe(2);
    expect((await one.shared(1)).turns).toBe(0);
  });

  it('gives as many as are asked for when there is hardly a limit', async () => {
    expect(await openPace(1_000_000, redis, 'pace').shared(200)).toEqual({ turns: 200, inMs: 0 });
  });

  it('is not made longer by those who ask in vain', async () => {
    const pace = openPace(1, redis, 'pace');
    await pace.shared(1);
    const before = await redis.pexpiretime(bucket);
    for (let i = 0; i < 5; i += 1) await pace.shared(1);
    expect(await redis.pexpiretime(bucket)).toBe(before);
  });

  it('goes on when somebody has made its key without an end', async () => {
    await redis.set(bucket, 1_000);
    expect((await openPace(5, redis, 'pace').shared(1)).turns).toBe(0);
    expect(await redis.pttl(bucket)).toBeGreaterThan(0);
  });

  it('goes on when a clock was set back, and the end of its key is an hour away', async () => {
    await redis.set(bucket, 1_000, 'PX', 3_600_000);
    expect((await openPace(5, redis, 'pace').shared(1)).inMs).toBeLessThanOrEqual(224);
    expect(await redis.pttl(bucket)).toBeLessThanOrEqual(224);
  });

  it('is counted by the process itself when it has nobody else to ask', async () => {
    const pace = openPace(5, redis, 'pace');
    expect(await pace.own(1)).toEqual(granted);
    const { turns, inMs } = await pace.own(1);
    expect(turns).toBe(0);
    expect(inMs).toBeGreaterThan(0);
    expect(inMs).toBeLessThanOrEqual(224);
    expect(await redis.exists(bucket)).toBe(0);
  });
});
