/** When a local command is asked to end: by a signal, or because the `npm` that started it is gone. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

export interface Stop {
  readonly signal: AbortSignal;
  /** Resolves when the end is asked for. */
  readonly asked: Promise<void>;
}

/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm. */
export const SAME_KEY_PRESS_MS = 500;
const LOOK_MS = 500;

/** Listens from now on. A second signal ends the process at once; what it started is told so by its exit. */
export function onStop(): Stop {
  const controller = new AbortController();
  const asked = new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve()));
  let askedAt = 0;

  function ask(): void {
    if (controller.signal.aborted && Date.now() - askedAt > SAME_KEY_PRESS_MS) process.exit(130);
    askedAt ||= Date.now();
    controller.abort(new Error('asked to stop'));
  }

  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, ask);
  onOrphaned(ask);
  return { signal: controller.signal, asked };
}

/**
 * Calls `end`, once, when the `npm` that started this process is gone: its shell dies of a SIGTERM without passing it on,
 * and then another parent adopts us, perhaps before we could look for the first time.
 */
export function onOrphaned(end: () => void): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const lost = !isNpmOrItsShell(parent);
  const looking = setInterval(() => {
    if (!lost && process.ppid === parent) return;
    clearInterval(looking);
    end();
  }, LOOK_MS).unref();
}

function isNpmOrItsShell(pid: number): boolean {
  const script = basename(process.argv[1] ?? '');
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return /npm|npx/.test(command) || command.includes(script);
  } catch {
    return pid !== 1; // no /proc here: only the first process adopts orphans
  }
}
