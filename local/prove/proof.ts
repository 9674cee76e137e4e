/** One proof from beginning to end: opens the system, drives orders while faults are made, drains, and judges. */
import { setMaxListeners } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database.ts';
import { API_KEY, DATA } from '../installation.ts';
import { type Client, startClient } from './client.ts';
import { drain } from './drain.ts';
import { openTransport, readLedger, readLetters } from './evidence.ts';
import { type FaultMaker, makeFaults, type Victims } from './faults.ts';
import { judge } from './judge.ts';
import type { Options } from './options.ts';
import { namesOf, openProcesses } from './processes.ts';
import { openProvider } from './provider.ts';
import { type Outcome, type Report, reportOf } from './report.ts';
import { planFaults, planOutage } from './schedule.ts';
import { openPostgres, openRedis, type Store } from './stores.ts';

/** Two of whatever works by a lease or shares its work; one API is enough to be killed. */
const FORMATION = { web: 1, relay: 2, notifier: 2, monitor: 1 };
/** So short that a run of a minute sees many recoveries. */
const SHORT_TIMINGS = {
  LOCK_DURATION_MS: '1000',
  STALLED_INTERVAL_MS: '500',
  RECONCILE_AFTER_MS: '2000',
  RECONCILE_INTERVAL_MS: '500',
  NOTIFICATION_BACKOFF_MS: '300',
  EMAIL_TIMEOUT_MS: '800',
  MONITOR_INTERVAL_MS: '500',
  RELAY_POLL_MS: '250',
  SHUTDOWN_GRACE_MS: '2000',
};
/** Faults that take longer than planned put off those behind them, by some seconds. */
const TOLERATED_DELAY_S = 30;
/** For so long after a store's fault a process may still end of it: a statement's deadline, and its closing. */
const AFTERMATH_MS = 15_000;

export interface ProofParts {
  readonly options: Options;
  /** Where servers, letters and logs lie; it exists and is empty. */
  readonly directory: string;
  readonly say: (line: string) => void;
  /** Takes what must be closed at the end, in the order of opening. */
  readonly onClose: (close: () => Promise<unknown>) => void;
  /** Takes what must be done at once when the process ends, without waiting. */
  readonly onExit: (act: () => void) => void;
  /** Ends the proof early: it then throws. */
  readonly signal: AbortSignal;
}

/** Makes the directory of a proof. Throws when it holds anything. */
export function prepareProof(wished: string | undefined): string {
  const name = new Date().toISOString().replace(/[:.]/g, '-');
  const directory = resolve(wished ?? join(DATA, 'prove', name));
  mkdirSync(directory, { recursive: true });
  if (readdirSync(directory).length > 0) throw new Error(`${directory} is not empty`);
  return directory;
}

export async function prove(parts: ProofParts): Promise<Report> {
  const { options, directory, say, signal } = parts;
  const { seed, rate, outage } = options;
  const files = { letters: join(directory, 'letters.jsonl'), log: join(directory, 'processes.log') };
  let faults: FaultMaker | undefined;
  const victims = await openSystem(parts, files, () => inStoreFault(faults));

  const leaving = new AbortController();
  parts.onClose(async () => leaving.abort()); // the client of a run that has failed would place orders for ever
  const orders = AbortSignal.any([signal, leaving.signal]);
  setMaxListeners(0, orders); // every order under way listens to it
  const client = await startClient({
    ...{ webs: victims.processes.webs, apiKey: API_KEY, rate, seed },
    signal: orders,
  });
  const start = Date.now();
  const since = () => `${((Date.now() - start) / 1_000).toFixed(1).padStart(7)} s`;
  const { schedule, seconds } = plan(options);
  const maker = makeFaults(
    schedule,
    victims,
    ({ name, victim, forMs }) =>
      say(`${since()}  ${name}${victim ? ` ${victim}` : ''}${forMs > 0 ? `, ${forMs} ms` : ''}`),
    signal,
  );
  faults = maker;
  await withClient(client, maker, seconds, { ...parts, victims });
  say(`${since()}  no more orders, no more faults: draining`);
  if (Date.now() - start > (seconds + TOLERATED_DELAY_S) * 1_000)
    say(
      '           That took longer than it should: this machine is overloaded, and no time below says much.',
    );

  const { drained, rows, jobs } = await settle(
    { ...parts, victims },
    () => new Set(readLetters(files.letters).map(({ messageId }) => messageId)),
  );
  const letters = readLetters(files.letters);
  const { history } = client;
  const findings = judge({
    ...{ history, letters, rows, jobs, deaths: drained.deaths, rewritten: drained.rewritten },
    calls: victims.provider.calls(),
    made: maker.made,
  });
  const outcome: Outcome = {
    ...{ seed, seconds, rate, outage, start, history, letters, findings, drained },
    made: maker.made,
    requests: victims.provider.requests(),
    exits: victims.processes.exits(),
    peaks: victims.processes.peaks(),
  };
  const report = reportOf(outcome);
  writeDown(directory, { report, history, rows });
  return report;
}

function plan({ seed, seconds, faults, outage }: Options) {
  if (outage) return planOutage({ seed, seconds, name: outage });
  return { schedule: planFaults({ seed, seconds, names: faults, victims: namesOf(FORMATION) }), seconds };
}

async function openSystem(
  { options, directory, say, onClose, onExit, signal }: ProofParts,
  files: { letters: string; log: string },
  storeFault: () => boolean,
): Promise<Victims> {
  say('  starting Postgres, Redis, the provider …');
  const open = async (opening: Promise<Store>): Promise<Store> => {
    const store = await opening;
    onClose(store.close);
    onExit(store.wake);
    signal.throwIfAborted();
    return store;
  };
  const postgres = await open(openPostgres(directory));
  const redis = await open(openRedis(directory));
  const provider = await openProvider(files.letters);
  onClose(provider.close);
  signal.throwIfAborted();

  say(`  starting ${namesOf(FORMATION).join(', ')} …`);
  const timings = options.outage ? {} : SHORT_TIMINGS;
  const { shutdownGraceMs } = readConfig(['SHUTDOWN_GRACE_MS'], timings);
  const processes = await openProcesses({
    formation: FORMATION,
    graceMs: shutdownGraceMs,
    log: files.log,
    storeFault,
    env: {
      DATABASE_URL: postgres.proxy.url,
      REDIS_URL: redis.proxy.url,
      HOST: '127.0.0.1',
      PUBLIC_URL: 'http://127.0.0.1',
      API_KEYS: `prove:${API_KEY}`,
      RESEND_API_KEY: 're_prove',
      RESEND_BASE_URL: provider.url,
      EMAIL_FROM: 'The Shop <orders@shop.example>',
      EMAIL_RATE_PER_SECOND: '10', // so few that letters share requests, and so many that some go alone
      ORDER_RATE_PER_MINUTE: '1000000000',
      RECIPIENT_RATE_PER_HOUR: '1000000000',
      ...timings,
    },
  });
  onClose(processes.stop);
  onExit(processes.killAll);
  await processes.ready(signal);
  return { postgres, redis, provider, processes };
}

function inStoreFault(faults: FaultMaker | undefined): boolean {
  const now = Date.now();
  return (faults?.made ?? []).some(
    ({ lane, ended }) =>
      (lane === 'postgres' || lane === 'redis') && (ended === undefined || now - ended < AFTERMATH_MS),
  );
}

/** Until the time is over, all faults are mended and the last orders have their outcome. */
async function withClient(
  client: Client,
  faults: FaultMaker,
  seconds: number,
  { victims, signal, onClose }: ProofParts & { victims: Victims },
): Promise<void> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  // What is broken is mended before anything is closed, also when we end early.
  onClose(() => faults.over.catch(() => undefined)); // it is thrown below
  const ended = victims.processes.ended.then((code) => {
    throw new Error(`the processes have all ended, with ${code}`);
  });
  const time = delay(seconds * 1_000, undefined, { signal: both });
  try {
    await Promise.race([time, ended, faults.over.then(() => time)]);
    await Promise.race([faults.over, ended]);
    await Promise.race([client.stop(), ended]);
  } finally {
    ending.abort();
    ended.catch(() => undefined); // nobody waits for it any more
    time.catch(() => undefined);
  }
  signal.throwIfAborted();
}

/** Drains, stops the processes, and reads the ledger as they have left it. */
async function settle(
  { options, victims, signal }: ProofParts & { victims: Victims },
  acceptedMessages: () => ReadonlySet<string>,
) {
  const { postgres, redis, processes } = victims;
  const { db, close } = openDatabase(postgres.url, 'prove', 2);
  const transport = openTransport(redis.url);
  try {
    const drained = await drain({ db, transport, acceptedMessages }, options.drainSeconds, signal);
    await processes.stop();
    const rows = await readLedger(db);
    const jobs = await transport.madeAt(rows.map(({ messageId, run }) => `${messageId}-${run}`));
    return { drained, rows, jobs };
  } finally {
    transport.close();
    await close();
  }
}

function writeDown(
  directory: string,
  { report, history, rows }: { report: Report; history: Client['history']; rows: object },
): void {
  const write = (name: string, what: unknown) =>
    writeFileSync(join(directory, name), `${JSON.stringify(what, null, 1)}\n`);
  write('report.json', report);
  write(
    'history.json',
    history.map((order) => ({ ...order, orderIds: [...order.orderIds] })),
  );
  write('ledger.json', rows);
}
