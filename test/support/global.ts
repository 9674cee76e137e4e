/**
 * Before the first test: builds, brings up a real Postgres and a real Redis (or takes those that DATABASE_URL and
 * REDIS_URL name), and makes the template that every test file's database is a copy of.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { openStores } from '../../local/stores.ts';
import { readConfig } from '../../src/config.ts';
import { applyMigrations } from '../../src/release.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A database of the server on which test files make their own. */
    databaseUrl: string;
    redisUrl: string;
    /** The name of a migrated, empty database. */
    template: string;
  }
}

const ROOT = join(import.meta.dirname, '../..');

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
  const { databaseUrl, redisUrl } = readConfig([]);
  const stores = await openStores({
    databaseUrl: databaseUrl || undefined,
    redisUrl: redisUrl || undefined,
    directory: join(ROOT, '.data/test'),
  });

  const template = `order_notifications_template_${process.pid}`;
  const server = postgres(stores.databaseUrl, { max: 1, onnotice: () => {} });
  await server.unsafe(`drop database if exists ${template}`);
  await server.unsafe(`create database ${template}`);
  const url = new URL(stores.databaseUrl);
  url.pathname = `/${template}`;
  await applyMigrations(url.href);

  project.provide('databaseUrl', stores.databaseUrl);
  project.provide('redisUrl', stores.redisUrl);
  project.provide('template', template);
  return async () => {
    await server.unsafe(`drop database ${template} with (force)`);
    await server.end();
    await stores.close();
  };
}
