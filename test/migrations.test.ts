import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

it('the migrations say all that the schema says', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'migrations-'));
  try {
    await cp(join(ROOT, 'migrations'), copy, { recursive: true });
    const before = await readdir(copy, { recursive: true });
    const kit = join(ROOT, 'node_modules/drizzle-kit/bin.cjs');
    // drizzle-kit takes its folder from the working directory on, and would write a migration for every difference.
    const args = [
      'generate',
      '--dialect=postgresql',
      '--schema=./src/schema.ts',
      `--out=${relative(ROOT, copy)}`,
    ];
    execFileSync(process.execPath, [kit, ...args], { cwd: ROOT, stdio: 'pipe' });
    expect(await readdir(copy, { recursive: true })).toEqual(before);
  } finally {
    await rm(copy, { recursive: true });
  }
});
