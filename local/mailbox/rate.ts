/**
 * The limit on requests per second for the whole account. The documentation speaks of a window and of when it resets,
 * so this is a fixed window of one second, opened by its first request; refused requests don't use it up.
 */

/** The documented default for a team; older pages say 2. */
export const DOCUMENTED_RATE = 5;

const WINDOW_MS = 1_000;

export interface Rate {
  /** Takes a place in the window; `headers` are the documented ones for any answer. */
  take(): { allowed: boolean; headers: Record<string, string> };
  clear(): void;
}

/** `perSecond` may be Infinity, which sends no headers because they could not say so. */
export function limitRate(perSecond: number): Rate {
  let opened = Number.NEGATIVE_INFINITY;
  let used = 0;

  function headers(allowed: boolean): Record<string, string> {
    if (perSecond === Number.POSITIVE_INFINITY) return {};
    const reset = Math.max(1, Math.ceil((opened + WINDOW_MS - performance.now()) / 1_000));
    return {
      'ratelimit-limit': String(perSecond),
      'ratelimit-remaining': String(perSecond - used),
      'ratelimit-reset': String(reset),
      ...(allowed ? {} : { 'retry-after': String(reset) }),
    };
  }

  return {
    take() {
      if (performance.now() - opened >= WINDOW_MS) {
        opened = performance.now();
        used = 0;
      }
      const allowed = used < perSecond;
      if (allowed) used++;
      return { allowed, headers: headers(allowed) };
    },
    clear() {
      opened = Number.NEGATIVE_INFINITY;
    },
  };
}
