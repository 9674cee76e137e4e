/** The gate and the hands: what keeps a process from taking work, and how one message is alone in it. */
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createGate, createHands } from '../src/gate.ts';

const log = pino({ level: 'silent' });

function gateWithConsumer() {
  const told: string[] = [];
  const gate = createGate(log);
  gate.attach({ pause: async () => void told.push('pause'), resume: () => void told.push('resume') });
  return { gate, told };
}

/** A promise and what settles it. */
function promised() {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Lets everything go on that waits for nothing but its turn. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a gate', () => {
  it('opens when the last of its causes is over, and pauses and resumes once', () => {
    const { gate, told } = gateWithConsumer();
    gate.close('hold', 'rate_limited');
    gate.close('ledger', 'the ledger cannot be reached');
    gate.close('hold', 'quota_exceeded');
    expect([gate.closed(), gate.closedBy('ledger'), gate.reason()]).toEqual([true, true, 'quota_exceeded']);
    gate.open('hold');
    expect([gate.closed(), gate.closedBy('hold'), gate.reason()]).toEqual([
      true,
      false,
      'the ledger cannot be reached',
    ]);
    gate.open('ledger');
    gate.open('ledger');
    expect([gate.closed(), gate.reason()]).toEqual([false, undefined]);
    expect(told).toEqual(['pause', 'resume']);
  });

  it('pauses a consumer that comes while it is closed', () => {
    const gate = createGate(log);
    const told: string[] = [];
    gate.close('clock', 'the clock is wrong');
    gate.attach({ pause: async () => void told.push('pause'), resume: () => void told.push('resume') });
    expect(told).toEqual(['pause']);
  });
});

describe('a message that is to be alone', () => {
  it('waits for what is under way, and keeps the gate closed until its end', async () => {
    const { gate, told } = gateWithConsumer();
    const hands = createHands(gate);
    const [other, own] = [promised(), promised()];
    const story: string[] = [];
    const first = hands.share(async () => {
      await other.promise;
      story.push('other');
    });
    const second = hands.share(() =>
      hands.alone(async () => {
        story.push('alone begins');
        await own.promise;
        story.push('alone ends');
      }),
    );
    await settled();
    expect([story, gate.closed()]).toEqual([[], true]);
    other.resolve();
    await first;
    await settled();
    expect([story, gate.closed()]).toEqual([['other', 'alone begins'], true]);
    own.resolve();
    await second;
    expect([story.at(-1), gate.closed()]).toEqual(['alone ends', false]);
    expect(told).toEqual(['pause', 'resume']);
  });

  it('is so one after the other, and a failure of one stops none', async () => {
    const { gate } = gateWithConsumer();
    const hands = createHands(gate);
    let inside = 0;
    let most = 0;
    const ends = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        hands.share(() =>
          hands.alone(async () => {
            inside += 1;
            most = Math.max(most, inside);
            await settled();
            inside -= 1;
            if (i % 3 === 0) throw new Error('no');
            return i;
          }),
        ),
      ),
    );
    expect(most).toBe(1);
    expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(7);
    expect(gate.closed()).toBe(false);
  });

  it('lets others work together again after it', async () => {
    const { gate } = gateWithConsumer();
    const hands = createHands(gate);
    await hands.share(() => hands.alone(async () => {}));
    const both = promised();
    let inside = 0;
    const shared = [1, 2].map(() =>
      hands.share(async () => {
        inside += 1;
        if (inside === 2) both.resolve();
        await both.promise;
      }),
    );
    await Promise.all(shared);
    expect(inside).toBe(2);
  });
});
