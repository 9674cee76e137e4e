/**
 * How much one may ask. Counted in this process at once, in windows of the clock that all processes have in common; what the others
 * have counted comes in between, off any request's path. While they cannot be heard each process counts for itself.
 */
import { createHash } from 'node:crypto';

export interface Limit {
  /** As clients see it. */
  readonly name: string;
  readonly most: number;
  readonly windowSeconds: number;
}

export interface Taken {
  readonly allowed: boolean;
  /** How many more are allowed in this window. */
  readonly left: number;
  /** Until the next window begins: whole seconds, at least 1. */
  readonly seconds: number;
}

/** One that was counted, if it was allowed. */
interface Place extends Taken {
  /** It came to nothing: it is counted no longer. To be called once at most. */
  giveBack(): void;
}

export interface Counter {
  readonly limit: Limit;
  /** Counts one more of that one, if it is allowed; what is refused is not counted. */
  take(who: string): Place;
  /** What other processes are to be told of: up to a thousand at a time. It counts as told, whether they hear of it or not. */
  pending(): Pending;
}

interface Pending {
  /** Names the limit and the window, and nobody. */
  readonly key: string;
  readonly counts: readonly { readonly field: string; readonly by: number }[];
  /** Whether there is more to tell. */
  readonly more: boolean;
  /** Takes in what others have counted. Where it is never called they are taken to have counted what they had before. @param totals of all processes, in the order of `counts`. */
  merge(totals: readonly number[]): void;
}

interface Entry {
  own: number;
  /** How many of its own it has told. */
  told: number;
  others: number;
}

const TOLD_AT_ONCE = 1_000;

/**
 * @param capacity how many are remembered at most. The one that was met first is forgotten for another, and may begin anew: the limit is
 *   no stronger than the memory that it is given.
 */
export function createCounter(limit: Limit, capacity: number, now: () => number = Date.now): Counter {
  const { name, most, windowSeconds } = limit;
  let window = 0;
  let entries = new Map<string, Entry>();
  /** Those that were asked for since others were told last. */
  let asked = new Map<string, Entry>();

  function turn(): number {
    const seconds = now() / 1_000;
    const current = Math.floor(seconds / windowSeconds);
    if (current !== window) {
      window = current;
      entries = new Map();
      asked = new Map();
    }
    return Math.max(1, Math.ceil((current + 1) * windowSeconds - seconds));
  }

  function entryOf(who: string): Entry {
    const known = entries.get(who);
    if (known) return known;
    const [first] = entries.size >= capacity ? entries.keys() : [];
    if (first !== undefined) forget(first);
    const entry = { own: 0, told: 0, others: 0 };
    entries.set(who, entry);
    return entry;
  }

  function forget(who: string): void {
    entries.delete(who);
    asked.delete(who);
  }

  return {
    limit,
    take(who) {
      const seconds = turn();
      const entry = entryOf(who);
      asked.set(who, entry);
      const left = most - entry.own - entry.others;
      if (left <= 0) return { allowed: false, left: 0, seconds, giveBack: () => undefined };
      entry.own += 1;
      const giveBack = () => {
        entry.own -= 1;
        if (entries.get(who) !== entry) return; // of a window that is over, or forgotten
        // Who never had one must not drive out those who had.
        if (entry.own + entry.told + entry.others === 0) forget(who);
        else asked.set(who, entry);
      };
      return { allowed: true, left: left - 1, seconds, giveBack };
    },
    pending() {
      turn();
      const telling: [string, Entry][] = [];
      // Of few all are told, also those that nobody asked for meanwhile: so what others have used up is heard of at once.
      for (const one of entries.size <= TOLD_AT_ONCE ? entries : asked) {
        if (telling.length === TOLD_AT_ONCE) break;
        telling.push(one);
      }
      const counts = telling.map(([who, entry]) => {
        const by = entry.own - entry.told;
        // Before it is sent: an answer that is lost says nothing, and telling twice would use up what is left.
        entry.told = entry.own;
        asked.delete(who);
        return { field: anonymous(who), by };
      });
      return {
        key: `${name}:${window}`,
        counts,
        more: asked.size > 0,
        merge: (totals) => {
          for (const [i, [, entry]] of telling.entries())
            entry.others = Math.max(0, (totals[i] ?? 0) - entry.told);
        },
      };
    },
  };
}

/** Nobody's name or id stands in Redis. */
const anonymous = (who: string) => createHash('sha256').update(who).digest('base64url').slice(0, 16);

export interface Counted {
  readonly limit: Limit;
  readonly taken: Taken;
}

/** The fields of the IETF's draft on rate limits, as structured fields; the first one is the nearest to its end. */
export function rateLimitHeaders(taken: readonly Counted[]): Record<string, string> {
  const nearest = taken.toSorted((a, b) => a.taken.left / a.limit.most - b.taken.left / b.limit.most);
  return {
    'ratelimit-policy': taken
      .map(({ limit }) => `"${limit.name}";q=${limit.most};w=${limit.windowSeconds}`)
      .join(', '),
    ratelimit: nearest
      .map(({ limit, taken: { left, seconds } }) => `"${limit.name}";r=${left};t=${seconds}`)
      .join(', '),
  };
}

export interface Limits {
  /** Per API key. */
  readonly orders: Counter;
  /** Per customer: each order leads to a letter. */
  readonly recipient: Counter;
  /** Wrong credentials, per address that they come from. Each process counts its own. */
  readonly wrong: Counter;
  /** One round: tells what was counted here, and hears of the others. Answers whether there is more to tell. */
  exchange(): Promise<boolean>;
}

/** Adds to counts that all processes share, and answers their totals. A count is kept for so many seconds. */
export type AddCounts = (
  key: string,
  counts: readonly { readonly field: string; readonly by: number }[],
  seconds: number,
) => Promise<number[]>;

/** An hour's customers at a hundred orders a second, in about 40 MB. */
const CUSTOMERS_REMEMBERED = 360_000;
const KEYS_REMEMBERED = 1_000;
const ADDRESSES_REMEMBERED = 10_000;
const WRONG_PER_MINUTE = 20;

export function createLimits(
  { orderRatePerMinute, recipientRatePerHour }: { orderRatePerMinute: number; recipientRatePerHour: number },
  addCounts: AddCounts,
): Limits {
  const orders = createCounter(
    { name: 'orders', most: orderRatePerMinute, windowSeconds: 60 },
    KEYS_REMEMBERED,
  );
  const recipient = createCounter(
    { name: 'recipient', most: recipientRatePerHour, windowSeconds: 3_600 },
    CUSTOMERS_REMEMBERED,
  );
  const wrong = createCounter(
    { name: 'wrong', most: WRONG_PER_MINUTE, windowSeconds: 60 },
    ADDRESSES_REMEMBERED,
  );
  return {
    orders,
    recipient,
    wrong,
    async exchange() {
      let anyMore = false;
      for (const counter of [orders, recipient]) {
        const { key, counts, more, merge } = counter.pending();
        anyMore ||= more;
        if (counts.length > 0) merge(await addCounts(key, counts, 2 * counter.limit.windowSeconds));
      }
      return anyMore;
    },
  };
}

/** The part of an address that stands for one household or machine: all of IPv4, the first half of IPv6. */
export function networkOf(address: string): string {
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4) return v4;
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const before = head.split(':').filter(Boolean);
  const after = (tail ?? '').split(':').filter(Boolean);
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  const groups = tail === undefined ? before : [...before, ...zeros, ...after];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
