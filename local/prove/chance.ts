/** Chance that can be had again: the same seed gives the same numbers, on every machine. */

/** From 0 to below 1. */
export type Random = () => number;

/** Mulberry32: 32 bits of state, good enough to choose what goes wrong next. `of` tells apart streams of one seed. */
export function randomFrom(seed: number, of = ''): Random {
  let state =
    [...of].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193), seed) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

export const between = (random: Random, [from, to]: readonly [number, number]): number =>
  Math.round(from + random() * (to - from));

/** Draws all things before it draws one again, in an order of chance. */
export function bag<T>(things: readonly T[], random: Random): () => T | undefined {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...things];
    return left.splice(Math.floor(random() * left.length), 1)[0];
  };
}
