/** When a local command is asked to end: by a signal, or because the `npm` that started it is gone. */

export interface Stop {
  readonly signal: AbortSignal;
  /** Resolves when the end is asked for. */
  readonly asked: Promise<void>;
}

/** Listens from now on. A second signal ends the process at once; what it started is told so by its exit. */
export function onStop(): Stop {
  const controller = new AbortController();
  const asked = new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve()));
  let askedAt = 0;

  function ask(): void {
    // One Ctrl-C may arrive twice: from the terminal, and passed on by npm.
    if (controller.signal.aborted && Date.now() - askedAt > 500) process.exit(130);
    askedAt ||= Date.now();
    controller.abort(new Error('asked to stop'));
  }

  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, ask);
  // A shell between npm and us may die of a signal without passing it on: then another parent adopts us.
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && !controller.signal.aborted && ask(), 500).unref();
  return { signal: controller.signal, asked };
}
