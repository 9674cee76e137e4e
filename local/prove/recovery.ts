/** How long it takes, after each fault, until an order leads to its letter again. */
import type { PlacedOrder } from './client.ts';
import type { Letter } from './evidence.ts';
import type { MadeFault } from './faults.ts';

export interface Recovery {
  readonly name: string;
  readonly count: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
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
    if (times.length === 0) return [];
    times.sort((a, b) => a - b);
    return [
      { name, count: times.length, p50: rank(times, 0.5), p99: rank(times, 0.99), max: rank(times, 1) },
    ];
  });
}

/** The nearest rank, of a sorted list that is not empty. */
const rank = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
