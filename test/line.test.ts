/** A line serves whoever stands first, with those who may come along, and never stops moving. */
import { describe, expect, it } from 'vitest';
import { openLine } from '../src/line.ts';

/** Lets everything that is ready to happen happen. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

/** A line whose turns the test gives. */
function lineOf(serveAll: (items: readonly string[]) => Promise<readonly string[]>) {
  const turns: ((count: number) => void)[] = [];
  const line = openLine<string, string>({
    turns: () => new Promise((resolve) => turns.push(resolve)),
    choose: (waiting) => waiting.filter((item) => item[0] === waiting[0]?.[0]),
    serve(items) {
      const ends = serveAll(items);
      return items.map(async (_, i) => (await ends)[i] ?? '');
    },
  });
  return {
    join: line.join,
    async giveTurn(count = 1) {
      await settled();
      turns.shift()?.(count);
      await settled();
    },
    turnsAskedFor: () => turns.length,
  };
}

describe('a line', () => {
  it('serves the first with its company, and the others at their own turn', async () => {
    const served: (readonly string[])[] = [];
    const { join, giveTurn } = lineOf(async (items) => {
      served.push(items);
      return items.map((item) => `${item} is served`);
    });
    const ends = Promise.all(['a1', 'b1', 'a2', 'c1'].map(join));
    await giveTurn();
    expect(served).toEqual([['a1', 'a2']]);
    await giveTurn();
    await giveTurn();
    expect(served).toEqual([['a1', 'a2'], ['b1'], ['c1']]);
    expect(await ends).toEqual(['a1', 'b1', 'a2', 'c1'].map((item) => `${item} is served`));
  });

  it('takes along who has come while it waited for its turn', async () => {
    const served: (readonly string[])[] = [];
    const { join, giveTurn } = lineOf(async (items) => {
      served.push(items);
      return items;
    });
    const first = join('a1');
    await settled();
    const second = join('a2');
    await giveTurn();
    await Promise.all([first, second]);
    expect(served).toEqual([['a1', 'a2']]);
  });

  it('serves several at once when it has several turns, and no more than wait', async () => {
    const served: (readonly string[])[] = [];
    const { join, giveTurn, turnsAskedFor } = lineOf(async (items) => {
      served.push(items);
      return items;
    });
    const ends = Promise.all(['a1', 'b1', 'a2'].map(join));
    await giveTurn(5);
    expect(served).toEqual([['a1', 'a2'], ['b1']]);
    await ends;
    expect(turnsAskedFor()).toBe(0);
  });

  it('moves on while somebody is being served, and after a failure', async () => {
    const { join, giveTurn } = lineOf(async ([first]) => {
      if (first === 'never') return new Promise(() => undefined);
      if (first === 'fails') throw new Error('it failed');
      return [`${first} is served`];
    });
    void join('never');
    await giveTurn();
    const failing = join('fails').catch((error: Error) => error.message);
    await giveTurn();
    expect(await failing).toBe('it failed');
    const last = join('last');
    await giveTurn();
    expect(await last).toBe('last is served');
  });

  it('asks for no turn when nobody waits', async () => {
    const { join, giveTurn, turnsAskedFor } = lineOf(async (items) => items);
    await settled();
    expect(turnsAskedFor()).toBe(0);
    const one = join('a1');
    await giveTurn();
    await one;
    expect(turnsAskedFor()).toBe(0);
  });
});
