/** A list that keeps its newest entries, so that a mailbox under load for a day doesn't eat the machine. */

/** How many entries are kept. */
export const KEPT = 10_000;

/** And how many characters of bodies, for those who send attachments. */
const KEPT_CHARACTERS = 128_000_000;

export interface Recent<Entry> {
  /** Oldest first. */
  all(): readonly Entry[];
  add(entry: Entry): void;
  clear(): void;
}

export function keepRecent<Entry extends { body: string }>(): Recent<Entry> {
  const entries: Entry[] = [];
  let characters = 0;
  return {
    all: () => [...entries],
    add(entry) {
      entries.push(entry);
      characters += entry.body.length;
      while (entries.length > KEPT || (characters > KEPT_CHARACTERS && entries.length > 1)) {
        characters -= entries.shift()?.body.length ?? 0;
      }
    },
    clear() {
      entries.length = 0;
      characters = 0;
    },
  };
}
