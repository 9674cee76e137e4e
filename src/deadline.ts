/** A time limit for what may never answer. */

export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/**
 * Gives a promise a time limit. What it does after the limit is not undone, and its late failure is not reported.
 * @throws DeadlineError when `ms` have passed.
 */
export async function deadline<T>(promise: PromiseLike<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`${what} did not end within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
