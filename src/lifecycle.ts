/**
 * The life of a process: settings, logger, loops, health, signals, closing in reverse order of opening, exit code.
 * Crash-only: what nobody expected is logged and ends the process; the supervisor starts a new one.
 */
import { setMaxListeners } from 'node:events';
import { realpathSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { setImmediate as afterEvents, setTimeout as pause } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { type Config, ConfigError, readConfig, type Variable } from './config.ts';
import { arm } from './failpoints.ts';

/** sysexits.h: the configuration is faulty. A supervisor need not try again. */
const EXIT_CONFIG = 78;
/** A shell's word for an end by SIGTERM. */
const EXIT_INTERRUPTED = 143;
const COMMAND_GRACE_MS = 5_000;
/** A loop that has not turned for this long is not slow but stuck. */
const STUCK_AFTER_MS = 60_000;
const LONGEST_ERROR_PAUSE_MS = 5_000;

export type Log = Logger;

export interface Process {
  readonly name: string;
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Registry;
  /** Registers what must be closed at the end; last in, first out, all of them even when one fails. */
  onClose(what: string, close: () => Promise<unknown> | unknown): void;
  /** Registers what must answer before the process counts as ready. It throws, or says why it is not. */
  onReady(what: string, check: () => Promise<unknown>): void;
  /** Runs `turn` until the end of the process. */
  loop(name: string, pauseMs: number, turn: Turn): Loop;
  /** The checks of `onReady` that fail, by name. */
  unready(): Promise<string[]>;
  /** Registers what people should know of a process that is ready all the same; undefined when there is nothing to say. */
  onStatus(what: string, tell: () => string | undefined): void;
  status(): Record<string, string>;
  readonly ending: AbortSignal;
  /** Ends the process in good order: for those that have nothing more to do. */
  finish(): void;
  /** Ends the process because of what it cannot mend itself. */
  fail(error: Error): void;
  /** Ends the process because of its surroundings: starting it again would not mend them. */
  refuse(why: string): void;
}

/** One turn of a loop: does one batch. Answers whether there is more to do at once. Its signal ends with the process. */
type Turn = (signal: AbortSignal) => Promise<boolean>;

interface Loop {
  /** Ends the pause after this turn, or the next one. */
  wake(): void;
  /** Ends the loop after the turn under way. */
  stop(): Promise<void>;
}

/**
 * Runs a process from beginning to end when its file is the one that Node was started with, and does nothing when the
 * file is only imported. Stands last in its file: what it starts may use everything above. Reads the settings, starts,
 * and ends on a signal or on an error that nobody expected.
 * @param file `import.meta.filename`: the process has its name.
 * @param kind a server that is asked to end has done its work; a task has not, and says so by its exit code.
 */
export async function main(
  file: string,
  required: readonly Variable[],
  start: (process: Process) => Promise<void>,
  kind: 'server' | 'task' = 'server',
): Promise<void> {
  if (!isEntry(file)) return;
  const name = basename(file, extname(file));
  const config = settings(name, required);
  const log = openLog(name, config.logLevel);
  for (const warning of config.warnings) log.warn(warning);
  arm(config.failpoints);
  const closers = new Closers(log, config.shutdownGraceMs);
  const ending = new AbortController();
  setMaxListeners(0, ending.signal); // whoever rests listens to it, and many may rest at once

  async function end(exitCode: number): Promise<void> {
    if (ending.signal.aborted) return;
    ending.abort();
    await closers.close();
    log.info({ exitCode }, 'ended');
    process.exit(exitCode);
  }
  function crash(error: unknown): void {
    log.fatal({ error: plain(error) }, 'unexpected error');
    void end(1);
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'ending');
      void end(kind === 'server' ? 0 : EXIT_INTERRUPTED);
    });
  }
  // Whoever started us with a channel is gone: nobody is left to stop us later.
  process.on('disconnect', () => void end(0));
  if (process.send && !process.connected) void end(0); // it was gone before we could listen
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  try {
    await start(
      createProcess({
        name,
        config,
        log,
        closers,
        ending: ending.signal,
        crash,
        end: (code) => void end(code),
      }),
    );
    if (!ending.signal.aborted) log.info('started');
  } catch (error) {
    crash(error);
  }
}

/**
 * Runs a person's command when its file is the one that Node was started with. What goes wrong is said in a sentence;
 * `act` answers the exit code.
 */
export async function command(
  file: string,
  act: (onClose: Process['onClose']) => Promise<number>,
): Promise<void> {
  if (!isEntry(file)) return;
  outliveReaders(); // `| head` has seen enough; what was asked for is done all the same
  const closers = new Closers(pino({ level: 'silent' }), COMMAND_GRACE_MS);
  try {
    process.exitCode = await act((what, close) => closers.add(what, close));
  } catch (error) {
    const sentences = error instanceof ConfigError ? error.faults : [plain(error).message];
    for (const sentence of sentences) console.error(sentence);
    process.exitCode = error instanceof ConfigError ? EXIT_CONFIG : 1;
  }
  await closers.close();
}

function isEntry(file: string): boolean {
  const entry = process.argv[1];
  return entry !== undefined && realpathSync(entry) === file;
}

/**
 * JSON lines on standard output. Node's own stream and not pino's: that one tries for ever to get rid of its last lines when
 * nobody reads them any more, and the process never ends.
 */
function openLog(name: string, level: Config['logLevel']): Log {
  outliveReaders(); // the letters still have to go out
  return pino({ level, base: { process: name, pid: process.pid } }, process.stdout);
}

/** Goes on when nobody reads what it prints any more. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

function settings(name: string, required: readonly Variable[]): Config {
  try {
    return readConfig(required);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const log = openLog(name, 'info');
    for (const fault of error.faults) log.fatal(fault);
    return process.exit(EXIT_CONFIG);
  }
}

interface ProcessParts {
  readonly name: string;
  readonly config: Config;
  readonly log: Log;
  readonly closers: Closers;
  readonly ending: AbortSignal;
  crash(error: unknown): void;
  end(exitCode: number): void;
}

function createProcess({ name, config, log, closers, ending, crash, end }: ProcessParts): Process {
  const metrics = new Registry();
  metrics.setDefaultLabels({ process: name });
  collectDefaultMetrics({ register: metrics });
  const checks = new Map<string, () => Promise<unknown>>();
  const statuses = new Map<string, () => string | undefined>();

  return {
    name,
    config,
    log,
    metrics,
    ending,
    finish: () => end(0),
    fail: crash,
    refuse(why) {
      log.fatal(why);
      end(EXIT_CONFIG);
    },
    onStatus: (what, tell) => void statuses.set(what, tell),
    status: () =>
      Object.fromEntries(
        [...statuses].flatMap(([what, tell]) => {
          const said = tell();
          return said === undefined ? [] : [[what, said]];
        }),
      ),
    onClose: (what, close) => closers.add(what, close),
    onReady: (what, check) => void checks.set(what, check),
    loop(loopName, pauseMs, turn) {
      const loop = startLoop({ name: loopName, pauseMs, turn, log, onStuck: crash });
      closers.add(`loop ${loopName}`, loop.stop);
      return loop;
    },
    async unready() {
      const failed = await Promise.all(
        [...checks].map(([what, check]) =>
          check().then(
            () => [],
            () => [what],
          ),
        ),
      );
      return failed.flat();
    },
  };
}

/** An error's message, stack and code: never the fields that drivers hang on it, which hold personal data. */
export function plain(error: unknown): { message: string; code?: string; stack?: string } {
  if (!(error instanceof Error)) return { message: 'a value that is not an Error was thrown' };
  return {
    message: error.message,
    ...('code' in error ? { code: String(error.code) } : {}),
    ...(error.stack ? { stack: error.stack } : {}),
  };
}

/** What must be closed, last in first out, within one common grace period. */
class Closers {
  readonly #closers: { what: string; close: () => Promise<unknown> | unknown }[] = [];
  readonly #log: Log;
  readonly #graceMs: number;
  constructor(log: Log, graceMs: number) {
    this.#log = log;
    this.#graceMs = graceMs;
  }

  add(what: string, close: () => Promise<unknown> | unknown): void {
    this.#closers.push({ what, close });
  }

  /** Each may take what is left of the grace period, but for a little that is kept for those after it. */
  async close(): Promise<void> {
    const reserve = this.#graceMs * 0.05;
    const end = performance.now() + this.#graceMs - reserve;
    for (const [i, { what, close }] of this.#closers.reverse().entries()) {
      const kept = (this.#closers.length - 1 - i) * reserve;
      await this.#closeOne(what, close, Math.max(end - performance.now() - kept, reserve));
    }
  }

  async #closeOne(what: string, close: () => Promise<unknown> | unknown, ms: number): Promise<void> {
    const timer = new AbortController();
    const late = pause(ms, 'late' as const, { signal: timer.signal });
    try {
      const result = await Promise.race([late, Promise.resolve().then(close)]);
      if (result === 'late') this.#log.warn({ what }, 'left behind: it did not close in time');
    } catch (error) {
      this.#log.warn({ what, error: plain(error) }, 'did not close cleanly');
    } finally {
      timer.abort();
      await late.catch(() => undefined); // only its own abort can make it throw
    }
  }
}

/** How long a loop rests after the n-th failure in a row: 200 ms … 5 s. */
export function errorPauseMs(failures: number): number {
  return Math.min(100 * 2 ** failures, LONGEST_ERROR_PAUSE_MS);
}

interface LoopOptions {
  readonly name: string;
  readonly pauseMs: number;
  readonly turn: Turn;
  readonly log: Log;
  readonly onStuck: (error: Error) => void;
}

/** Turns until stopped. A turn that throws is logged and tried again after a growing pause; one that hangs is fatal. */
function startLoop({ name, pauseMs, turn, log, onStuck }: LoopOptions): Loop {
  const stopping = new AbortController();
  let waking = new AbortController();
  let failures = 0;
  // Counted, not read from a clock: a machine that slept, or whose clock was set, has no stuck loops.
  let secondsWithoutTurn = 0;

  const watchdog = setInterval(() => {
    secondsWithoutTurn += 1;
    if (secondsWithoutTurn * 1_000 > STUCK_AFTER_MS + pauseMs)
      onStuck(new Error(`the loop ${name} does not turn any more`));
  }, 1_000).unref();

  async function once(): Promise<number> {
    try {
      const more = await turn(stopping.signal);
      failures = 0;
      return more ? 0 : pauseMs;
    } catch (error) {
      failures += 1;
      log.warn({ loop: name, failures, error: plain(error) }, 'a turn failed and will be tried again');
      return errorPauseMs(failures);
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      waking = new AbortController();
      const ms = await once();
      secondsWithoutTurn = 0;
      // What failed waits, whoever hints: hints come by the hundred, and each would be another failure.
      if (ms > 0) await rest(ms, failures > 0 ? stopping.signal : waking.signal);
      else await afterEvents(); // a turn with ever more to do must not keep signals and timers waiting
    }
    clearInterval(watchdog);
  }

  const ended = run();
  return {
    wake: () => waking.abort(),
    stop: () => {
      stopping.abort();
      waking.abort();
      return ended;
    },
  };
}

/** Rests for `ms`, or until the signal. */
export async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => undefined); // an abort is the other good end
}
