/** How long it takes, after each fault, until an order leads to its letter again. */
import type { PlacedOrder } from './client.ts';
import type { Letter } from './evidence.ts';
import type { MadeFault } from './faults.ts';

/** Milliseconds. */
export interface Delays {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Recovery extends Delays {
  readonly name: string;
}

/**
 * For each kind of fault: from its end until the letter of the next acknowledged order placed after it was accepted, both
 * by the clock of the process that proves. Other faults may have gone on meanwhile, and count in.
 */
export function recoveries(
  made: readonly Pick<MadeFault, 'name' | 'ended'>[],
  history: readonly PlacedOrder[],
  letters: readonly Letter[],
): Recovery[] {
  const acceptedAt = new Map(letters.map((letter) => [letter.key, letter.acceptedAt]));
  const promised = history.filter(({ outcome }) => outcome === 'acknowledged');
  const names = [...new Set(made.map(({ name }) => name))].sort();
  return names.flatMap((name) => {
    const times = made.flatMap((fault) => {
      if (fault.name !== name || fault.ended === undefined) return [];
      const { ended } = fault;
      const next = promised.find(({ placedAt }) => placedAt >= ended);
      const accepted = next && acceptedAt.get(next.key);
      return accepted === undefined ? [] : [accepted - ended];
    });
    const delays = delaysOf(times);
    return delays ? [{ name, ...delays }] : [];
  });
}

/** From each acknowledged order's placing to its letter's acceptance, for those that have one. */
export function letterDelays(history: readonly PlacedOrder[], letters: readonly Letter[]): number[] {
  const acceptedAt = new Map(letters.map((letter) => [letter.key, letter.acceptedAt]));
  return history.flatMap(({ key, outcome, placedAt }) => {
    const accepted = acceptedAt.get(key);
    return outcome === 'acknowledged' && accepted !== undefined ? [accepted - placedAt] : [];
  });
}

/** Null where there are none. */
export function delaysOf(times: readonly number[]): Delays | null {
  if (times.length === 0) return null;
  const sorted = times.toSorted((a, b) => a - b);
  return { count: sorted.length, p50: rank(sorted, 0.5), p99: rank(sorted, 0.99), max: rank(sorted, 1) };
}

/** The nearest rank, of a sorted list that is not empty. */
const rank = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
