/** `npm run dev`: the whole system on this machine, built anew and restarted whenever a source file changes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { API_KEY, type Installation, OPERATOR, openInstallation, ROOT } from './installation.ts';
import { prefixedPrinter } from './procfile.ts';
import { onStop } from './stop.ts';

const SOURCES = ['src', 'workers', 'migrations'];
/** An editor writes several times. */
const QUIET_MS = 200;

const closers: (() => Promise<unknown>)[] = [];
const stop = onStop();

async function develop(): Promise<void> {
  const types = ['release', 'web', 'relay', 'notifier', 'monitor'].map((type) => ({ type, command: [] }));
  const print = prefixedPrinter({ entries: types, formation: {} }, Boolean(process.stdout.isTTY), (text) =>
    process.stdout.write(text),
  );
  const installation = await openInstallation({
    settings: { LOG_LEVEL: process.env.LOG_LEVEL ?? 'info' },
    print,
    say: (what) => console.log(`starting ${what} …`),
    onClose: (close) => closers.push(close),
    signal: stop.signal,
  });
  const { web, mailbox } = installation;
  console.log(
    `\n${web}/docs (key ${API_KEY})   ${web}/admin/queues (${OPERATOR.username} / ${OPERATOR.password})   ${mailbox.url}\n`,
  );
  await rebuildAndRestart(installation);
}

/** Builds and restarts when the sources have changed and have been quiet for a moment. A faulty build restarts nothing. */
async function rebuildAndRestart(installation: Installation): Promise<void> {
  let changedAt = 0;
  for (const folder of SOURCES) {
    const watcher = watch(join(ROOT, folder), { recursive: true }, () => {
      changedAt = Date.now();
    });
    closers.push(async () => watcher.close());
  }
  while (!stop.signal.aborted) {
    await delay(100, undefined, { signal: stop.signal }).catch(() => undefined); // asked to stop: the loop sees it
    if (changedAt === 0 || Date.now() - changedAt < QUIET_MS) continue;
    changedAt = 0;
    if (await build()) await installation.restart();
  }
}

async function build(): Promise<boolean> {
  const compiler = join(ROOT, 'node_modules/@typescript/native/bin/tsc');
  const tsc = spawn(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  const [code] = await once(tsc, 'exit');
  return code === 0;
}

try {
  await develop();
} catch (error) {
  if (!stop.signal.aborted) throw error;
} finally {
  for (const close of closers.reverse()) await close().catch((error: unknown) => console.error(error));
}
