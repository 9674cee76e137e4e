/**
 * Lets so many in at a time, and those who have given up waiting not at all. What stands in a driver's own queue cannot be
 * taken back: after an outage it would be done for people who have been told long ago that it was not.
 */
import { DeadlineError, deadline } from './deadline.ts';

/** Does the work when there is a place, within so many milliseconds from now or not at all. */
export type Pass = <T>(work: () => PromiseLike<T>, ms: number, what: string) => Promise<T>;

export interface Turnstile {
  readonly pass: Pass;
  /** How many have been answered so far, be it with a failure of their own. */
  answers(): number;
}

/** After one is lost nobody goes in for so long: otherwise all whose time runs out with it would follow it. */
const REST_MS = 1_000;

/**
 * @param places how many may be inside. While nobody is answered it is one at a time, the latest comer first, beside those who
 * were inside before: since somebody inside ran out of time, or met a failure of which `isDown` says so.
 */
export function createTurnstile(places: number, isDown: (error: unknown) => boolean): Turnstile {
  const waiting = new Set<() => void>();
  let inside = 0;
  /** Of those inside, how many came after the last loss; and how many losses there were. */
  let fresh = 0;
  let losses = 0;
  let answering = true;
  let resting = false;
  let answers = 0;

  function admit(): void {
    while (!resting && (answering ? inside < places : fresh === 0)) {
      // The latest comer has the most time left to be answered in.
      const enter = answering ? waiting.values().next().value : [...waiting].at(-1);
      if (!enter) return;
      waiting.delete(enter);
      inside += 1;
      fresh += 1;
      enter();
    }
  }

  function answered(): void {
    answers += 1;
    answering = true;
    resting = false;
  }

  function lost(): void {
    losses += 1;
    fresh = 0;
    answering = false;
    resting = true;
    setTimeout(() => {
      resting = false;
      admit();
    }, REST_MS).unref();
  }

  async function pass<T>(work: () => PromiseLike<T>, ms: number, what: string): Promise<T> {
    let hasPlace = false;
    let cameAfter = 0;
    let enter: () => void = () => undefined;
    const turn = new Promise<void>((resolve) => {
      enter = () => {
        hasPlace = true;
        cameAfter = losses;
        resolve();
      };
    });

    function giveBack(): void {
      if (!hasPlace) return;
      hasPlace = false;
      inside -= 1;
      if (cameAfter === losses) fresh -= 1;
    }

    async function perform(): Promise<T> {
      try {
        const value = await work();
        answered();
        return value;
      } catch (error) {
        if (isDown(error)) answering = false;
        else answered();
        throw error;
      } finally {
        giveBack();
        admit();
      }
    }

    waiting.add(enter);
    admit();
    try {
      return await deadline(turn.then(perform), ms, what);
    } catch (error) {
      if (error instanceof DeadlineError) {
        if (hasPlace) lost();
        waiting.delete(enter);
        giveBack();
      }
      throw error;
    }
  }

  return { pass, answers: () => answers };
}
