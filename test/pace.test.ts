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

describe('a pace', () => {
  it.each([
    [1, 1_050],
    [5, 210],
    [20, 53],
  ])('of %d a second keeps %d ms between any two requests, of whichever process', async (rate, ms) => {
    const [one, other] = [openPace(rate, redis, 'pace'), openPace(rate, redis, 'pace')];
    expect(await one.shared()).toBe(0);
    expect(await redis.pttl(bucket)).toBeLessThanOrEqual(ms);
    for (const wait of [await other.shared(), await one.shared()]) {
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(ms);
    }
    await redis.del(bucket); // as it goes by itself when the time is over
    expect(await other.shared()).toBe(0);
  });

  it('above twenty a second gives several at a time', async () => {
    const pace = openPace(100, redis, 'pace');
    const given = [];
    for (let i = 0; i < 6; i += 1) given.push(await pace.shared());
    expect(given.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(given[5]).toBeGreaterThan(0);
    expect(given[5]).toBeLessThanOrEqual(53);
  });

  it('is not made longer by those who ask in vain', async () => {
    const pace = openPace(1, redis, 'pace');
    await pace.shared();
    const before = await redis.pexpiretime(bucket);
    for (let i = 0; i < 5; i += 1) await pace.shared();
    expect(await redis.pexpiretime(bucket)).toBe(before);
  });

  it('goes on when somebody has made its key without an end', async () => {
    await redis.set(bucket, 1_000);
    expect(await openPace(5, redis, 'pace').shared()).toBeGreaterThan(0);
    expect(await redis.pttl(bucket)).toBeGreaterThan(0);
  });

  it('is counted by the process itself when it has nobody else to ask', async () => {
    const pace = openPace(5, redis, 'pace');
    expect(await pace.own()).toBe(0);
    const wait = await pace.own();
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(210);
    expect(await redis.exists(bucket)).toBe(0);
  });
});
