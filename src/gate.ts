/**
 * Whether a process takes work, and how much at a time: the gate closes for causes that open it again one by one, and a
 * suspect is left alone with its process.
 */
import { type Log, plain } from './lifecycle.ts';
import type { Consumer } from './queue.ts';

/** What keeps a gate closed; each is the business of another watcher. */
type Cause = 'hold' | 'ledger' | 'clock' | 'alone';

export interface Gate {
  attach(consumer: Pick<Consumer, 'pause' | 'resume'>): void;
  /** A worker that takes one more job meets the closed gate in its handler. */
  closed(): boolean;
  closedBy(cause: Cause): boolean;
  /** In words, why it is closed; undefined when it is open. */
  reason(): string | undefined;
  close(cause: Cause, why: string): void;
  open(cause: Cause): void;
}

export function createGate(log: Log): Gate {
  let consumer: Pick<Consumer, 'pause' | 'resume'> | undefined;
  const causes = new Map<Cause, string>();

  function pause(): void {
    consumer?.pause().catch((error: unknown) => log.debug({ error: plain(error) }, 'not paused'));
  }

  return {
    attach(one) {
      consumer = one;
      if (causes.size > 0) pause();
    },
    closed: () => causes.size > 0,
    closedBy: (cause) => causes.has(cause),
    reason: () => causes.values().next().value,
    close(cause, why) {
      if (causes.size === 0) pause();
      if (!causes.has(cause) && cause !== 'alone') log.warn({ reason: why }, 'holding');
      causes.set(cause, why);
    },
    open(cause) {
      const why = causes.get(cause);
      if (!causes.delete(cause)) return;
      if (cause !== 'alone') log.info({ reason: why }, 'no longer held by this');
      if (causes.size === 0) consumer?.resume();
    },
  };
}

export interface Hands {
  /** Work that others may go on beside. */
  share<T>(work: () => Promise<T>): Promise<T>;
  /** From within shared work: a part that waits until nothing else is under way, and keeps everything else away. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

/** @param gate is closed to further work while one is alone, or waits for that. */
export function createHands(gate: Pick<Gate, 'close' | 'open'>): Hands {
  let sharing = 0;
  let suspects = 0;
  let line: Promise<unknown> = Promise.resolve();
  let onIdle: (() => void) | undefined;

  function leave(): void {
    sharing -= 1;
    if (sharing === 0) onIdle?.();
  }

  async function idle(): Promise<void> {
    if (sharing === 0) return;
    await new Promise<void>((resolve) => {
      onIdle = resolve;
    });
  }

  return {
    async share(work) {
      sharing += 1;
      try {
        return await work();
      } finally {
        leave();
      }
    },
    async alone(work) {
      suspects += 1;
      gate.close('alone', 'a message that may have ended its process runs alone');
      leave();
      const turn = line.then(async () => {
        await idle();
        return work();
      });
      line = turn.catch(() => undefined); // the next in line does not ask how this one fared
      try {
        return await turn;
      } finally {
        sharing += 1;
        suspects -= 1;
        if (suspects === 0) gate.open('alone');
      }
    },
  };
}
