import { describe, expect, it } from 'vitest';
import { createTurnstile } from '../src/turnstile.ts';
import { until } from './support/until.ts';

const LONG_MS = 60_000;
const SHORT_MS = 20;

/** Work that ends when it is told to, and says when it begins. */
function errand() {
  let begun = false;
  let end: { resolve(answer: string): void; reject(error: Error): void } | undefined;
  const result = new Promise<string>((resolve, reject) => {
    end = { resolve, reject };
  });
  return {
    work: () => {
      begun = true;
      return result;
    },
    begun: () => begun,
    answer: () => end?.resolve('answer'),
    fail: (message: string) => end?.reject(new Error(message)),
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function open(places: number) {
  const { pass } = createTurnstile(places, (error) => error instanceof Error && error.message === 'down');
  return (ms = LONG_MS) => {
    const one = errand();
    return { ...one, passed: pass(one.work, ms, 'an errand').catch((error: Error) => error.message) };
  };
}

describe('a turnstile', () => {
  it('lets so many in at a time, in the order of their coming', async () => {
    const come = open(2);
    const all = [come(), come(), come(), come()];
    await settled();
    expect(all.map(({ begun }) => begun())).toEqual([true, true, false, false]);
    all[1]?.answer();
    expect(await all[1]?.passed).toBe('answer');
    await settled();
    expect(all.map(({ begun }) => begun())).toEqual([true, true, true, false]);
    all[0]?.fail('a fault of its own');
    expect(await all[0]?.passed).toBe('a fault of its own');
    await settled();
    expect(all.map(({ begun }) => begun())).toEqual([true, true, true, true]);
  });

  it('never does the work of one who has given up waiting', async () => {
    const come = open(1);
    const inside = come();
    const late = come(SHORT_MS);
    const patient = come();
    expect(await late.passed).toMatch(/^an errand did not end within/);
    inside.answer();
    await inside.passed;
    await settled();
    expect([late.begun(), patient.begun()]).toEqual([false, true]);
  });

  it('lets in one at a time after somebody has given up inside, until one is answered', async () => {
    const come = open(3);
    const lost = [come(SHORT_MS), come(SHORT_MS), come(SHORT_MS)];
    const next = [come(), come(), come()];
    for (const { passed } of lost) expect(await passed).toMatch(/did not end/);
    await until(() => next[2]?.begun()); // the latest comer, who has the most time left
    await settled();
    expect(next.map(({ begun }) => begun())).toEqual([false, false, true]);
    next[2]?.answer();
    await next[2]?.passed;
    await settled();
    expect(next.map(({ begun }) => begun())).toEqual([true, true, true]);
  });

  it('is not barred by those who are inside still when one of them has been lost', async () => {
    const come = open(3);
    const stuck = come();
    await come(SHORT_MS).passed;
    const next = [come(), come()];
    await until(() => next[1]?.begun());
    next[1]?.answer();
    await next[1]?.passed;
    await settled();
    expect([stuck.begun(), next[0]?.begun()]).toEqual([true, true]);
  });

  it('lets nobody in whose time runs out with that of those inside', async () => {
    const come = open(2);
    const all = Array.from({ length: 50 }, () => come(SHORT_MS));
    for (const { passed } of all) expect(await passed).toMatch(/did not end/);
    const next = come();
    await settled();
    expect(next.begun()).toBe(false); // whoever comes now waits too
    await until(next.begun);
    expect(all.filter(({ begun }) => begun())).toHaveLength(2);
  });

  it('lets in one at a time after a failure that says that nobody is there', async () => {
    const come = open(3);
    const all = [come(), come(), come(), come(), come()];
    await settled();
    for (const one of all.slice(0, 3)) one.fail('down');
    for (const one of all.slice(0, 3)) expect(await one.passed).toBe('down');
    await settled();
    expect(all.map(({ begun }) => begun())).toEqual([true, true, true, false, true]);
  });

  it('has room for all again when one who had given up inside is answered after all', async () => {
    const come = open(2);
    const lost = come(SHORT_MS);
    await lost.passed;
    const next = [come(), come(), come()];
    lost.answer();
    await until(() => next[0]?.begun());
    next[0]?.answer();
    await next[0]?.passed;
    await settled();
    expect(next.map(({ begun }) => begun())).toEqual([true, true, true]);
  });
});
