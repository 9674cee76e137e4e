/** What the project is made of: the lock file. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

describe('the lock file', () => {
  it('satisfies every package in it, peers included: npm 10, which comes with Node 20, installs no other', () => {
    const list = ['ls', '--all', '--package-lock-only', '--json'];
    const { problems = [] }: { problems?: string[] } = JSON.parse(
      execFileSync('npm', list, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 }),
    );
    expect(problems).toEqual([]);
  });
});
