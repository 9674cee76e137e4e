/** Where accepted letters are kept. */

import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import type { AcceptedLetter, Draft } from './letter.ts';
import { keepRecent } from './recent.ts';

export interface Shelf {
  /** Oldest first. */
  all(): readonly AcceptedLetter[];
  /** Makes letters of the drafts, all of them or, when the file cannot be written, none; returns their ids in order. */
  accept(drafts: readonly Draft[], idempotencyKey: string | null): string[];
  clear(): void;
}

/** Each letter is appended to the file, when there is one, as a line of JSON. Throws when it cannot be written. */
export function openShelf(file: string | undefined): Shelf {
  const letters = keepRecent<AcceptedLetter>();
  if (file !== undefined) appendFileSync(file, '');
  return {
    all: letters.all,
    clear: letters.clear,
    // Without a pause between its steps, and the file first: a letter that can be seen is in the file.
    accept(drafts, idempotencyKey) {
      const acceptedAt = new Date().toISOString();
      const accepted = drafts.map((draft) => ({ id: randomUUID(), ...draft, idempotencyKey, acceptedAt }));
      if (file !== undefined) appendFileSync(file, accepted.map(lineOf).join(''));
      accepted.forEach(letters.add);
      return accepted.map(({ id }) => id);
    },
  };
}

function lineOf(letter: AcceptedLetter): string {
  return `${JSON.stringify(letter)}\n`;
}
