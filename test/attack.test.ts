/** `npm run attack` as it is built: a short one, of which the numbers are told and not judged here. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { quantile } from '../local/attack/orders.ts';

const COMMAND = join(import.meta.dirname, '../dist/local/attack.js');

const attack = (...args: readonly string[]) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], (error, output) =>
      resolve({ code: Number(error?.code ?? 0), output }),
    );
  });

describe('the command', () => {
  it('orders under an attack and without, loses no order, and says what that cost', async () => {
    const { output } = await attack('--seconds', '4', '--connections', '60', '--rate', '20');
    const [, quiet, , attacked] = /quiet +(\d+) +(0) .*\n +attacked +(\d+) +0 /.exec(output) ?? [];
    expect([quiet, attacked], output).toEqual(['80', '80']);
    expect(output).toMatch(/attackers: \d{2,} connections/);
    expect(output).toMatch(/p99 is \d+\.\d\d times the quiet one/);
  });

  it('tells how it is used, and refuses what makes no sense', async () => {
    expect(await attack('--help')).toMatchObject({
      code: 0,
      output: expect.stringContaining('--connections'),
    });
    for (const words of [['--seconds', '0'], ['--rate', 'x'], ['--connections', '1000000'], ['--fast']])
      expect((await attack(...words)).code, words.join(' ')).toBe(2);
  });
});

it.each([
  [[5], 0.99, 5],
  [[3, 1, 2], 0.5, 2],
  [Array.from({ length: 100 }, (_, i) => i), 0.99, 99],
  [[1, 2], 1, 2],
])('of %j the quantile %d is %d', (values, part, is) => {
  expect(quantile(values, part)).toBe(is);
});
