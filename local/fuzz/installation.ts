/** What a run of the fuzzer is against: private stores, the release and one web process, whose log is kept. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allReady, DATA, freeBase, ROOT } from '../installation.ts';
import { parseProcfile, startFormation } from '../procfile.ts';
import { openStores } from '../stores.ts';
import type { Credentials } from './probes.ts';

export const CREDENTIALS: Credentials = {
  apiKey: 'fuzz-key-of-some-length-0123',
  operator: 'operator:fuzz-operator-password',
  webhookSecret: `whsec_${Buffer.from('a secret of the fuzzer alone').toString('base64')}`,
};

/** Limits so high that nothing is refused for its number; 429 is then an answer to wrong credentials alone. */
export const SETTINGS: Readonly<Record<string, string>> = {
  API_KEYS: `fuzz:${CREDENTIALS.apiKey}`,
  RESEND_WEBHOOK_SECRET: CREDENTIALS.webhookSecret,
  ADMIN_USERNAME: 'operator',
  ADMIN_PASSWORD: 'fuzz-operator-password',
  ORDER_RATE_PER_MINUTE: '1000000000',
  RECIPIENT_RATE_PER_HOUR: '1000000000',
};

const BASE_PORT = 23_000;
const GRACE_MS = 10_000;

export interface Target {
  readonly port: number;
  readonly log: () => readonly string[];
}

/**
 * @param folder where its stores lie: two of a kind cannot run at a time.
 * @param onClose takes what must be closed at the end, in the order of opening.
 */
export async function openTarget(
  folder: 'fuzz' | 'attack',
  say: (line: string) => void,
  onClose: (close: () => Promise<unknown>) => void,
  signal: AbortSignal,
): Promise<Target> {
  const stores = await openStores({ directory: join(DATA, folder) });
  onClose(stores.close);
  signal.throwIfAborted();
  const entries = parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8')).filter(({ type }) =>
    ['release', 'web'].includes(type),
  );
  const lines: string[] = [];
  const formation = await startFormation({
    ...{ entries, formation: {}, cwd: ROOT, graceMs: GRACE_MS, basePort: await freeBase(BASE_PORT, 2) },
    env: {
      ...{ PATH: process.env.PATH, HOME: process.env.HOME, HOST: '127.0.0.1' },
      ...{ DATABASE_URL: stores.databaseUrl, REDIS_URL: stores.redisUrl, ...SETTINGS },
    },
    print: (name, line) => (name.startsWith('web') ? lines.push(line) : say(`  ${name}: ${line}`)),
    onEnd: (name, _pid, end) => {
      if (name.startsWith('web') && !signal.aborted) lines.push(`${name} ended: ${JSON.stringify(end)}`);
    },
  });
  onClose(() => formation.stop());
  process.once('exit', () => formation.kill());
  await allReady(formation, signal);
  const port = formation.ports.get('web.1');
  if (port === undefined) throw new Error('the Procfile has no web process');
  return { port, log: () => lines };
}
