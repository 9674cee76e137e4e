/** The addresses that misbehave on purpose, so that every failure can be had on demand by writing to somebody. */

import { type Answer, refuse, SERVER_ERROR, tooManyRequests } from './answers.ts';

export type Trouble = 'refused' | 'limited' | 'down' | 'flaky' | 'slow' | 'hangup';

/** How long a letter to slow@ takes. */
export const SLOW_MS = 2_000;

const FLAKY_FAILURES = 2;
const LIMITED_RETRY_SECONDS = 1;

/** What writing to each address does, for people; the page shows it. */
export const TROUBLES: Record<Trouble, string> = {
  refused: 'refused for good: 422 validation_error',
  limited: '429 rate_limit_exceeded once per idempotency key, then accepted',
  down: 'always 500',
  flaky: '500 twice per idempotency key, then accepted',
  slow: 'accepted after 2 seconds',
  hangup: 'accepted, but the connection closes without an answer; the repeat under the same key answers 200',
};

/** The troubles that the recipients ask for: the local part before any `+`, in any case, at any domain. */
export function troublesOf(recipients: readonly string[]): Set<Trouble> {
  return new Set(recipients.map(nameOf).filter(isTrouble));
}

export interface Failures {
  /** The failure that is due to this request, if any; `who` tells requests apart. */
  next(troubles: ReadonlySet<Trouble>, who: string): Answer | undefined;
  /** For a request that was accepted: from now on its key is remembered elsewhere. */
  forget(who: string): void;
  clear(): void;
}

/** Counts how often each request has failed on purpose. */
export function countFailures(): Failures {
  const counts = new Map<string, Map<Trouble, number>>();

  function isDue(trouble: Trouble, who: string, enough: number): boolean {
    const mine = counts.get(who) ?? new Map<Trouble, number>();
    const count = mine.get(trouble) ?? 0;
    counts.set(who, mine.set(trouble, count + 1));
    return count < enough;
  }

  return {
    next(troubles, who) {
      if (troubles.has('limited') && isDue('limited', who, 1)) return limited();
      const fails = troubles.has('down') || (troubles.has('flaky') && isDue('flaky', who, FLAKY_FAILURES));
      return fails ? refuse(SERVER_ERROR) : undefined;
    },
    forget: (who) => counts.delete(who),
    clear: () => counts.clear(),
  };
}

function limited(): Answer {
  const refusal = refuse(tooManyRequests('This mailbox limits the first request to limited@.'));
  const seconds = String(LIMITED_RETRY_SECONDS);
  return {
    ...refusal,
    headers: { 'ratelimit-remaining': '0', 'ratelimit-reset': seconds, 'retry-after': seconds },
  };
}

function nameOf(recipient: string): string {
  const address = /<([^<>]*)>\s*$/.exec(recipient)?.[1] ?? recipient;
  return address
    .trim()
    .toLowerCase()
    .replace(/[+@].*/s, '');
}

function isTrouble(name: string): name is Trouble {
  return Object.hasOwn(TROUBLES, name);
}
