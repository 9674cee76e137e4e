/** The command behind `npm start`: runs the Procfile of the current folder on this machine. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError, readConfig } from '../src/config.ts';
import {
  FAULTY_ENVIRONMENT,
  type FormationOptions,
  parseFormation,
  parseProcfile,
  prefixedPrinter,
  type RunningFormation,
  startFormation,
} from './procfile.ts';
import { onOrphaned, SAME_KEY_PRESS_MS } from './stop.ts';

const USAGE = `Usage: npm start -- [type=count ...]
       npm start -- web=1,relay=2,notifier=4

Runs the processes of the Procfile in the current folder; a type that is not named runs once. The release runs first
and alone. The first type listens on PORT (3000), the next on PORT + 100 and so on. Ctrl-C stops everything within
SHUTDOWN_GRACE_MS (10000), a second Ctrl-C at once. Exits non-zero when one of the processes did.`;

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) console.log(USAGE);
else process.exitCode = await start(args.join(','));

async function start(formationText: string): Promise<number> {
  let options: FormationOptions;
  try {
    options = readOptions(formationText);
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      console.error(error instanceof Error ? error.message : error);
      return 1;
    }
    for (const fault of error.faults) console.error(fault);
    return FAULTY_ENVIRONMENT;
  }
  const running = await startFormation(options);
  stopOnSignals(running);
  onOrphaned(() => void running.stop());
  return running.ended;
}

function readOptions(formationText: string): FormationOptions {
  const { coloured, ...settings } = readSettings();
  const entries = parseProcfile(readFileSync('Procfile', 'utf8'));
  const types = entries.map(({ type }) => type);
  const formation = parseFormation(formationText, types);
  requireBuilt(entries.filter(({ type }) => formation[type] !== 0).flatMap(({ command }) => command));
  const print = prefixedPrinter({ entries, formation }, coloured, (text) => process.stdout.write(text));
  return { entries, formation, cwd: process.cwd(), print, ...settings };
}

/** Throws a ConfigError when the environment is faulty: better once, here, than from every process. */
function readSettings() {
  const { port, shutdownGraceMs } = readConfig([]);
  // Every process listens on a port of its own, but the links of all lead to the first.
  const PUBLIC_URL = process.env.PUBLIC_URL || `http://127.0.0.1:${port}`;
  return {
    env: { ...process.env, PUBLIC_URL },
    basePort: port,
    graceMs: shutdownGraceMs,
    coloured: process.stdout.isTTY && !process.env.NO_COLOR,
  };
}

function requireBuilt(words: readonly string[]): void {
  const missing = words.filter((word) => /^[^-].*\.[cm]?js$/.test(word) && !existsSync(resolve(word)));
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}. Run \`npm run build\` first.`);
}

function stopOnSignals(running: RunningFormation): void {
  let stoppedAt: number | undefined;
  const stop = () => {
    stoppedAt ??= performance.now();
    void running.stop();
  };
  process.on('SIGTERM', stop);
  process.on('SIGHUP', stop);
  process.on('SIGINT', () => {
    if (stoppedAt !== undefined && performance.now() - stoppedAt > SAME_KEY_PRESS_MS) running.kill();
    else stop();
  });
  // the reader of a pipe, or the terminal, is gone: nobody could see what goes on
  process.stdout.on('error', stop);
}
