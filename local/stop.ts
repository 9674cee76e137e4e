/** When a local command is asked to end: by a signal, or because the `npm` that started it is gone. */
import { readFileSync } from 'node:fs';

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
  const lost = !isNpmOrBelow(parent);
  const looking = setInterval(() => {
    if (!lost && process.ppid === parent) return;
    clearInterval(looking);
    end();
  }, LOOK_MS).unref();
}

/** A shell, a supervisor or a test runner between npm and us has npm's variables too; whoever adopts orphans has not. */
function isNpmOrBelow(pid: number): boolean {
  const command = readProc(pid, 'cmdline');
  if (command === undefined) return pid !== 1; // no /proc here: only the first process adopts orphans
  return /npm|npx/.test(command) || /(^|\0)npm_lifecycle_event=/.test(readProc(pid, 'environ') ?? '');
}

/** Undefined where there is no such file, or where it is somebody else's. */
function readProc(pid: number, what: 'cmdline' | 'environ'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return undefined;
  }
}
