/** The benchmark, as its users start it, in its short form: everything runs, and nothing is said of how fast. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const NODE = 'bench/node_modules/.bin/node';

/** Its exit code and all that it printed. */
function ended(command: string, ...args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { cwd: ROOT, timeout: 230_000 }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: `${stdout}${stderr}` }),
    );
  });
}

it('measures everything, is of sound types, and says what it knows to who asks', async () => {
  const { code, output } = await ended('npm', 'run', 'bench', '--', '--short');
  expect(code, output).toBe(0);
  for (const what of [
    'orders, 32 connections',
    'relay',
    'latency, 100 orders/s',
    'sustained, the most that each can',
    'notifier, 0 ms',
    'limit',
    'growth',
    'desk',
    'soak',
  ])
    expect(output).toMatch(new RegExp(`^${what}, round 1: (?:ours|many|redriving) +\\w+ [\\d.,]+`, 'm'));
  expect(output).toMatch(
    /^[✓✗] orders\/s at 32 connections, against pgbench with the same statement: [\d.]+/m,
  );
  expect(await ended(process.execPath, 'node_modules/@typescript/native/bin/tsc', '-p', 'bench')).toEqual({
    ...{ code: 0, output: '' },
  });
  const help = await ended(NODE, 'bench/bench.ts', '--help');
  expect(help).toEqual({
    code: 0,
    output: expect.stringContaining('orders, relay, latency, sustained, notifier, limit, growth, desk, soak'),
  });
  const wrong = await ended(NODE, 'bench/bench.ts', '--only', 'everything');
  expect(wrong).toEqual({ code: 2, output: '✗ nothing is called everything\n' });
});
