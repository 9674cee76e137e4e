/**
 * A whole installation on one machine: the stores (given or private), the mailbox in the provider's place, and the
 * Procfile's processes. What demo and development have in common.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readConfig } from '../src/config.ts';
import { type Mailbox, startMailbox } from './mailbox.ts';
import { type FormationOptions, parseProcfile, type RunningFormation, startFormation } from './procfile.ts';
import { freePort, hasCode } from './server.ts';
import { openStores } from './stores.ts';

export const ROOT = join(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '..' : '../..');
/** Where private stores and logs live. */
export const DATA = join(ROOT, '.data');

/** The credentials of a local installation: there is nothing to protect on loopback, and they are easy to type. */
export const API_KEY = 'local-api-key';
export const OPERATOR = { username: 'operator', password: 'local-password' };

const MAILBOX_PORT = 8025;
const REQUESTS_PER_SECOND = 100;

/** This project's own. */
const ownProcfile = () => parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8'));

/** With what Node is started for a process of that type, from the project's root on. */
export function argumentsOf(type: string): readonly string[] {
  const entry = ownProcfile().find((one) => one.type === type);
  if (!entry) throw new Error(`the Procfile has no ${type}`);
  return entry.command.slice(1);
}

export interface Installation {
  readonly web: string;
  readonly mailbox: Mailbox;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Resolves when the processes of now have ended. */
  ended(): Promise<number>;
  /** Stops the processes and starts them anew from what is built now. The stores and the mailbox stay. */
  restart(): Promise<void>;
}

export interface InstallationOptions {
  /** Settings for the processes, over those of the environment. */
  readonly settings: NodeJS.ProcessEnv;
  readonly print: FormationOptions['print'];
  /** Told of each thing as it begins. */
  readonly say: (what: string) => void;
  /** Takes what must be closed at the end, in the order of opening. */
  readonly onClose: (close: () => Promise<unknown>) => void;
  /** Ends the opening early: it then throws. */
  readonly signal: AbortSignal;
}

/**
 * Opens everything and waits until every process is ready.
 * @throws ConfigError for a faulty environment, an Error when a part does not come up or the signal is given.
 */
export async function openInstallation({
  settings,
  print,
  say,
  onClose,
  signal,
}: InstallationOptions): Promise<Installation> {
  const config = readConfig([]);
  say(config.databaseUrl && config.redisUrl ? 'Postgres and Redis: the given ones' : 'Postgres and Redis');
  const stores = await openStores({
    databaseUrl: config.databaseUrl || undefined,
    redisUrl: config.redisUrl || undefined,
    directory: DATA,
  });
  onClose(stores.close);
  signal.throwIfAborted();

  say('the mailbox');
  const mailbox = await openMailbox();
  onClose(mailbox.close);
  signal.throwIfAborted();

  const entries = ownProcfile();
  const basePort = await freeBase(config.port, entries.length);
  const web = `http://127.0.0.1:${basePort}`;
  say(entries.map(({ type }) => type).join(', '));
  const options: FormationOptions = {
    entries,
    formation: {},
    cwd: ROOT,
    basePort,
    graceMs: config.shutdownGraceMs,
    print,
    env: {
      ...process.env,
      DATABASE_URL: stores.databaseUrl,
      REDIS_URL: stores.redisUrl,
      HOST: '127.0.0.1',
      PUBLIC_URL: web,
      API_KEYS: `local:${API_KEY}`,
      ADMIN_USERNAME: OPERATOR.username,
      ADMIN_PASSWORD: OPERATOR.password,
      RESEND_API_KEY: 're_local',
      RESEND_BASE_URL: mailbox.url,
      EMAIL_FROM: 'The Shop <orders@shop.example>',
      EMAIL_RATE_PER_SECOND: String(REQUESTS_PER_SECOND),
      NODE_ENV: 'development',
      ...settings,
    },
  };
  let formation = await startFormation(options);
  onClose(() => formation.stop());
  // An end cut short waits for nobody; a process that does not end by itself would stay for ever.
  process.once('exit', () => formation.kill());
  await allReady(formation, signal);
  return {
    web,
    mailbox,
    databaseUrl: stores.databaseUrl,
    redisUrl: stores.redisUrl,
    ended: () => formation.ended,
    async restart() {
      await formation.stop();
      if (!signal.aborted) formation = await startFormation(options);
    },
  };
}

/** Polls every process's /readyz; throws when the formation ends or the signal is given before all are ready. */
export async function allReady(formation: RunningFormation, signal: AbortSignal): Promise<void> {
  let ended = false;
  void formation.ended.then(() => {
    ended = true;
  });
  for (const port of formation.ports.values()) {
    while (!(await isReady(port))) {
      signal.throwIfAborted();
      if (ended) throw new Error('the processes ended before they were ready');
      await delay(25);
    }
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // not listening yet
  }
}

/** On its usual port, or on any. Asked first whether it is free, two that start together would both take it. */
async function openMailbox(): Promise<Mailbox> {
  // A free account's five requests a second would slow a demonstration down and show nothing.
  const ratePerSecond = REQUESTS_PER_SECOND;
  try {
    return await startMailbox({ port: MAILBOX_PORT, ratePerSecond });
  } catch (error) {
    if (hasCode(error, 'EADDRINUSE', 'EACCES')) return startMailbox({ ratePerSecond });
    throw error;
  }
}

/** The first base of which every type's port is free: the wished one, or one of a few hundred above it. */
export async function freeBase(wished: number, types: number): Promise<number> {
  for (let base = wished; base + 100 * types < 65_536; base += 10) {
    const free = await Promise.all(Array.from({ length: types }, (_, n) => isFree(base + 100 * n)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no free ports above ${wished}: set PORT`);
}

async function isFree(port: number): Promise<boolean> {
  try {
    await freePort(port);
    return true;
  } catch (error) {
    if (hasCode(error, 'EADDRINUSE', 'EACCES')) return false;
    throw error;
  }
}
