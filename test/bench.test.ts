/** The benchmark, as its users start it, in its short form: everything runs, and nothing is said of how fast. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

function npm(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 230_000,
  });
  return { status, output: `${stdout}${stderr}` };
}

it('measures everything, and is of sound types', () => {
  const { status, output } = npm('run', 'bench', '--', '--short');
  expect(status, output).toBe(0);
  for (const what of ['orders, 32 connections', 'relay', 'latency, 100 orders/s'])
    expect(output).toMatch(new RegExp(`^${what}, round 1: ours +\\w+ [\\d.,]+`, 'm'));
  expect(output).toMatch(
    /^[✓✗] orders\/s at 32 connections, against pgbench with the same statement: [\d.]+/m,
  );
  const compiled = spawnSync(process.execPath, ['node_modules/@typescript/native/bin/tsc', '-p', 'bench'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(compiled.stdout).toBe('');
});

it('says what it knows to who asks, and what makes no sense to who asks for that', () => {
  const help = npm('run', '--silent', 'bench', '--', '--help');
  expect([help.status, help.output]).toEqual([0, expect.stringContaining('orders, relay, latency')]);
  const wrong = npm('run', '--silent', 'bench', '--', '--only', 'everything');
  expect([wrong.status, wrong.output]).toEqual([2, expect.stringContaining('nothing is called everything')]);
});
