/**
 * Idempotency keys, for the one account that the mailbox is.
 *
 * Documented: a key has 1 to 256 characters and lives 24 hours; the same key with the same payload gives the same
 * answer again and no second letter; with another payload 409 `invalid_idempotent_request`; while the original request
 * is still in progress 409 `concurrent_idempotent_requests`. Not documented, and decided here in the way that demands
 * most of a client:
 * - the payload is compared byte by byte (with the path), so a body that only spells the same JSON differently is
 *   another payload;
 * - only acceptances are kept ("an email with the same key has already been sent"): after a refusal or a server error
 *   the key is free, for any payload;
 * - while the original is in progress every repeat is answered "in progress", whatever its payload.
 */

import { createHash } from 'node:crypto';
import {
  type Answer,
  IN_PROGRESS,
  INVALID_IDEMPOTENCY_KEY,
  OTHER_PAYLOAD,
  type Refusal,
  refuse,
} from './answers.ts';

const LIFETIME_MS = 24 * 60 * 60 * 1_000;

export interface Keys {
  /** Claims the key for a request, or gives the answer that it gets instead. A claim must be settled. */
  claim(key: string, payload: string): Answer | 'claimed';
  /** Ends a claim: keeps the answer of an acceptance for 24 hours, or frees the key with `null`. */
  settle(key: string, accepted: Answer | null): void;
  clear(): void;
}

interface Entry {
  fingerprint: string;
  claimedAt: number;
  answer: Answer | null;
}

/** An empty key is no key at all to the provider, but a mistake of the client's. */
export function wrongKey(key: string | null): Refusal | undefined {
  return key !== null && (key.length < 1 || key.length > 256) ? INVALID_IDEMPOTENCY_KEY : undefined;
}

/** Equal for equal payloads only; short, because a day of letters is to be remembered. */
export function fingerprintOf(payload: string): string {
  return createHash('sha256').update(payload).digest('base64');
}

export function rememberKeys(): Keys {
  // In order of their claims, so that the oldest are found first.
  const entries = new Map<string, Entry>();

  function forgetExpired() {
    for (const [key, { claimedAt }] of entries) {
      if (Date.now() - claimedAt < LIFETIME_MS) return;
      entries.delete(key);
    }
  }

  return {
    claim(key, payload) {
      forgetExpired();
      const fingerprint = fingerprintOf(payload);
      const entry = entries.get(key);
      if (entry)
        return entry.answer === null ? refuse(IN_PROGRESS) : repeat(entry, entry.answer, fingerprint);
      entries.set(key, { fingerprint, claimedAt: Date.now(), answer: null });
      return 'claimed';
    },
    settle(key, accepted) {
      const entry = entries.get(key);
      if (accepted === null) entries.delete(key);
      else if (entry) entry.answer = accepted;
    },
    clear: () => entries.clear(),
  };
}

function repeat(entry: Entry, answer: Answer, fingerprint: string): Answer {
  return entry.fingerprint === fingerprint ? answer : refuse(OTHER_PAYLOAD);
}
