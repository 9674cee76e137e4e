/**
 * A hint that something is staged, so that the relay need not wait for its next poll. Only a hint: it travels on
 * connections of its own, after the commit and outside of the order's statement (inside, it halves the orders per
 * second), and may be lost at any time. Polling is the truth.
 */
import { connect } from './database.ts';
import { deadline } from './deadline.ts';
import { passing } from './failpoints.ts';
import { type Log, plain } from './lifecycle.ts';

const CHANNEL = 'order_notifications_staged';
const HINT_DEADLINE_MS = 5_000;

export interface Hinter {
  /** Returns at once. Of the hints that are asked for while one is under way only one follows. */
  hint(): void;
  close(): Promise<void>;
}

export function openHinter(databaseUrl: string, log: Log): Hinter {
  const client = connect(databaseUrl, 'hints');
  let underWay = false;
  let again = false;

  async function send(): Promise<void> {
    underWay = true;
    do {
      again = false;
      const sent = passing('hints.send', () => client.notify(CHANNEL, ''));
      await deadline(sent, HINT_DEADLINE_MS, 'a hint').catch((error: unknown) =>
        log.debug({ error: plain(error) }, 'a hint was lost'),
      );
    } while (again);
    underWay = false;
  }

  return {
    hint() {
      again = true;
      if (!underWay) void send();
    },
    close: () => client.end({ timeout: 1 }),
  };
}

/**
 * Calls `wake` at every hint, and once whenever listening begins anew: what came meanwhile is lost. Resolves, to what ends
 * it, once it listens; from then on it listens again by itself. @throws when Postgres is away.
 */
export async function listenForHints(databaseUrl: string, wake: () => void): Promise<() => Promise<void>> {
  const client = connect(databaseUrl, 'hints');
  const stop = () => client.end({ timeout: 1 });
  try {
    const listening = passing('hints.listen', () => client.listen(CHANNEL, wake, wake));
    await deadline(listening, HINT_DEADLINE_MS, 'listening');
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}
