/**
 * A Redis at its memory limit. It needs a server of its own, because what is full is full for all of its databases: so
 * this file is not run with given servers.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../local/redis.ts';
import { jobId, QUEUE } from '../src/queue.ts';
import { outboxRow, stage } from './support/rows.ts';
import { openWorld } from './support/world.ts';

it('while Redis is full a drain throws and charges no message, and all arrive in their order afterwards', async () => {
  const world = await openWorld({ REDIS_URL: await startFullableRedis() });
  onTestFinished(world.close);
  const relay = await world.relay();
  await world.redis.config('SET', 'maxmemory', '1');
  const messages = await stage(world.db, 50);
  for (let round = 0; round < 6; round += 1) await expect(relay.drain()).rejects.toThrow(/OOM/);
  for (const { id } of messages)
    expect(await outboxRow(world.db, id)).toMatchObject({
      enqueue_failures: 0,
      enqueued_at: null,
      dead_at: null,
    });
  await world.redis.config('SET', 'maxmemory', '0');
  await relay.drain();
  const waiting = await world.redis.lrange(`bull:${QUEUE}:wait`, 0, -1);
  expect(waiting.reverse()).toEqual(messages.map(jobId));
});

/** It stands beside the tests' own private copy of its program. */
async function startFullableRedis(): Promise<string> {
  const place = join(import.meta.dirname, '../.data/test');
  await mkdir(place, { recursive: true });
  const directory = await mkdtemp(join(place, 'full-redis-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const server = await startRedis(directory);
  onTestFinished(server.stop);
  return server.url;
}
