/** Why a process ended: by our hand, as it is designed to, or for a reason that nobody can name. */
import type { End } from '../procfile.ts';

/** `exception.ts` says it before it throws: who never came so far cannot be blamed for going on. */
export const THROWING_NOW = 'an exception comes now';

/** What was done to a process before it ended. */
export type Blow = 'SIGKILL' | 'SIGTERM' | 'end of the run' | 'overdue' | 'exception';

export interface Exit {
  /** Such as `web.1`. */
  readonly name: string;
  readonly pid: number;
  /** By the clock of the process that proves, in milliseconds. */
  readonly at: number;
  readonly cause: string;
  /** Whether it ended by our hand or as it is designed to. */
  readonly expected: boolean;
}

/**
 * The cause of an end.
 * @param storeFault whether a store was in trouble then or shortly before.
 */
export function causeOf(
  { code, signal }: End,
  blow: Blow | undefined,
  storeFault: boolean,
): Pick<Exit, 'cause' | 'expected'> {
  const how = signal ?? `code ${code}`;
  if (blow === 'overdue') return { cause: 'did not end within its grace after SIGTERM', expected: false };
  if (blow === 'SIGKILL' && signal === 'SIGKILL') return { cause: 'kill -9', expected: true };
  if (blow === 'SIGTERM' || blow === 'end of the run') {
    const asked = blow === 'SIGTERM' ? 'SIGTERM' : 'SIGTERM at the end of the run';
    if (code === 0) return { cause: `${asked}: code 0`, expected: true };
    // Node has not installed the handler yet: nothing was begun that could be lost.
    if (signal === 'SIGTERM') return { cause: `${asked}, before it listened to signals`, expected: true };
    return { cause: `${asked}: ${how}`, expected: false };
  }
  if (blow === 'exception' && code === 1)
    return { cause: 'code 1 after an exception that nobody caught, as designed', expected: true };
  if (code === 1 && storeFault)
    return { cause: 'code 1 after a fault of a store, as designed', expected: true };
  return { cause: `${how}, for no known reason`, expected: false };
}
