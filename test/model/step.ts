/** What a step is. */

import type { World } from './world.ts';

export interface Step {
  /** Who, in words; `who` tells the first from the second. */
  readonly actor: string;
  readonly who: number;
  /** What, with `%` for the message. */
  readonly words: string;
  readonly m: number;
  /** Whether it happens by itself sooner or later: no fault, no person and no passing of hours. */
  readonly fair: boolean;
  readonly next: World;
}

export type Steps = Generator<Step, void, undefined>;

/** What stands there: in a world of known size it always does. */
export function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`nothing stands at ${index}`);
  return found;
}
