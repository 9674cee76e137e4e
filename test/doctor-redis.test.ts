/**
 * The doctor at a Redis that is set up wrongly. It needs servers of its own, because settings are a whole server's: so
 * this file is not run with given servers.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../local/redis.ts';
import { examine } from '../src/checkup.ts';
import { readConfig } from '../src/config.ts';
import type { Finding } from '../src/findings.ts';
import { createLedger } from './support/ledger.ts';

it.each([
  ['that evicts', ['--maxmemory-policy', 'allkeys-lru'], 'Redis eviction', 'fault', /^allkeys-lru: /],
  ['that keeps no log', ['--appendonly', 'no'], 'Redis persistence', 'warn', /^no append-only file/],
  ['at its limit', ['--maxmemory', '1'], 'Redis memory', 'fault', /it is full/],
  ['near no limit', ['--maxmemory', '1gb'], 'Redis memory', 'ok', /^\d+ MB of 1024 MB used \(0 %\)/],
  ['that is a replica', ['--replicaof', '127.0.0.1', '1'], 'Redis', 'fault', /is a replica/],
] as const)('a Redis %s is told of', async (_title, settings, check, status, words) => {
  const ledger = await createLedger();
  onTestFinished(ledger.close);
  const finding = await found(check, { DATABASE_URL: ledger.url, REDIS_URL: await startRedisWith(settings) });
  expect(finding?.words).toMatch(words);
  expect(finding?.status).toBe(status);
});

async function found(
  check: string,
  environment: Readonly<Record<string, string>>,
): Promise<Finding | undefined> {
  const closers: (() => unknown)[] = [];
  const findings = await examine({
    config: readConfig([], environment),
    log: pino({ level: 'silent' }),
    all: false,
    onClose: (_what, close) => void closers.push(close),
    onFinding: () => undefined,
  });
  for (const close of closers.reverse()) await close();
  return findings.find((finding) => finding.check === check);
}

/** It stands beside the tests' own private copy of its program. */
async function startRedisWith(settings: readonly string[]): Promise<string> {
  const place = join(import.meta.dirname, '../.data/test');
  await mkdir(place, { recursive: true });
  const directory = await mkdtemp(join(place, 'doctor-redis-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const server = await startRedis(directory, { settings });
  onTestFinished(server.stop);
  return server.url;
}
