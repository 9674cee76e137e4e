import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until the answer is neither undefined nor false, and returns it. @throws after `ms` with the last failure. */
export async function until<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  what = 'it',
  ms = 60_000,
): Promise<T> {
  const end = Date.now() + ms;
  let failure: unknown;
  while (Date.now() < end) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      failure = error;
    }
    await delay(10);
  }
  throw new Error(`${what} did not come true within ${ms} ms`, { cause: failure });
}
