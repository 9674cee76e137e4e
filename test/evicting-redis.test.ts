/**
 * A Redis that may throw jobs away, and the processes that refuse it. It needs a server of its own, because a policy is a
 * whole server's: so this file is not run with given servers.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LocalRedis, startRedis } from '../local/redis.ts';
import { type Company, company } from './support/processes.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

let directory: string;
let server: LocalRedis;
let world: World;
let processes: Company;

beforeAll(async () => {
  const place = join(import.meta.dirname, '../.data/test'); // beside the tests' own private copy of its program
  await mkdir(place, { recursive: true });
  directory = await mkdtemp(join(place, 'evicting-redis-'));
  server = await startRedis(directory);
  world = await openWorld({ REDIS_URL: server.url });
  processes = company(world.environment);
});
afterEach(() => processes.end());
afterAll(async () => {
  await world.close();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

async function policy(name: string): Promise<void> {
  await world.redis.config('SET', 'maxmemory-policy', name);
}

describe('the manners of a Redis', () => {
  it('are what it does when it is full, and whether it writes down what it was given', async () => {
    await policy('noeviction');
    expect(await world.queue.manners()).toEqual({ evictionPolicy: 'noeviction', appendOnly: true });
    await policy('volatile-lru');
    await world.redis.config('SET', 'appendonly', 'no');
    expect(await world.queue.manners()).toEqual({ evictionPolicy: 'volatile-lru', appendOnly: false });
    await world.redis.config('SET', 'appendonly', 'yes');
  });
});

describe.each(['relay', 'notifier'] as const)('a %s', (name) => {
  it.each(['allkeys-lru', 'volatile-ttl'])(
    'refuses a Redis with the policy %s, and says so',
    async (evicting) => {
      await policy(evicting);
      const { ended, output } = await processes.start(name);
      expect(await ended).toEqual({ code: 78, signal: null });
      expect(fatal(output())).toEqual([
        `Redis may throw jobs away: set its maxmemory-policy to noeviction (it is ${evicting})`,
      ]);
    },
  );
});

describe('a relay and a notifier', () => {
  it('work with a Redis that throws nothing away, and only warn when it forgets all at its restart', async () => {
    await policy('noeviction');
    await world.redis.config('SET', 'appendonly', 'no');
    const both = Object.values(await processes.startReady('relay', 'notifier'));
    for (const { output } of both)
      await until(() => output().includes('has no append-only file'), 'a warning');
    await world.untilLetter(await world.order(), 'sent');
    for (const each of both) each.signal('SIGTERM');
    for (const { ended, output } of both) {
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(fatal(output())).toEqual([]);
    }
  });
});

const fatal = (output: string): string[] =>
  output
    .split('\n')
    .filter((line) => line.includes('"level":60'))
    .map((line) => (JSON.parse(line) as { msg: string }).msg);
