/** `npm run prove:self` in short: its patches fit the tree, its table is true, and one seeded bug is really caught. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MUTATIONS } from './model/rules.ts';
import { BUGS, type Bug, patchOf, TRIALS } from './self/bugs.ts';
import { applyPatch, readPatch } from './self/patch.ts';
import { isCaught, openCopy, type Proved } from './self/trial.ts';

const ROOT = join(import.meta.dirname, '..');

describe('a seeded bug', () => {
  it('has a patch, and every patch is one of them', () => {
    const patches = readdirSync(join(ROOT, 'test/self')).filter((name) => name.endsWith('.patch'));
    expect(patches.toSorted()).toEqual(BUGS.map(({ name }) => `${name}.patch`).toSorted());
    expect(BUGS).toHaveLength(16);
  });

  it.each(BUGS)('$name fits the tree as it is, and changes it', (bug) => {
    const files = new Map<string, string>();
    const read = (file: string) => files.get(file) ?? readFileSync(join(ROOT, file), 'utf8');
    applyPatch(patchOf(bug), read, (file, text) => files.set(file, text));
    for (const [file, text] of files) {
      expect(file).toMatch(/^(src|workers|migrations)\//); // never what proves
      expect(text).not.toBe(readFileSync(join(ROOT, file), 'utf8'));
    }
    expect(files.size).toBeGreaterThan(0);
    if (bug.mutation) expect(Object.keys(MUTATIONS)).toContain(bug.mutation);
  });

  it('is caught by its own reasons only, and by an exit code that says so', () => {
    const bug: Bug = { name: 'a', trial: 'answers', shows: ['lost', 'undrained'] };
    const proved = (code: number | null, reasons: object | undefined) =>
      ({ code, report: reasons && { reasons }, seconds: 1, output: '' }) as Proved;
    expect(isCaught(bug, proved(1, { lost: 1 }))).toBe(true);
    expect(isCaught(bug, proved(1, { ended: 1, undrained: 1 }))).toBe(true);
    expect(isCaught(bug, proved(1, { ended: 1 }))).toBe(false);
    expect(isCaught(bug, proved(0, {}))).toBe(false);
    expect(isCaught(bug, proved(1, undefined))).toBe(false);
    expect(isCaught(bug, proved(null, { lost: 1 }))).toBe(false);
  });
});

describe('a patch', () => {
  const text = 'A mistake,\nin words.\n--- a/one.txt\n+++ b/one.txt\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n';
  const applied = (to: string, patch = text) => {
    let result = to;
    const write = (_file: string, changed: string) => {
      result = changed;
    };
    applyPatch(readPatch(patch), () => result, write);
    return result;
  };

  it('says what the mistake is', () => {
    expect(readPatch(text).words).toBe('A mistake, in words.');
  });

  it('changes what it names, wherever that has moved', () => {
    expect(applied('x\ny\na\nb\nc\nd\n')).toBe('x\ny\na\nB\nc\nd\n');
  });

  it('changes several places, also next to each other', () => {
    expect(applied('a\nb\nc\nd\n', `${text}@@ -3,2 +3,1 @@\n c\n-d\n`)).toBe('a\nB\nc\n');
  });

  it.each([
    { where: 'what it takes away is not there', to: 'a\nbb\nc\n' },
    { where: 'that stands there twice', to: 'a\nb\nc\na\nb\nc\n' },
  ])('is refused where $where', ({ to }) => {
    expect(() => applied(to)).toThrow('the patch does not apply to one.txt: a …');
  });

  it.each([
    { what: 'has no words', text: text.replace(/^.*\n.*\n/, '') },
    { what: 'has no hunk', text: 'words\n' },
    { what: 'renames a file', text: text.replace('b/one', 'b/two') },
    { what: 'was cut off in a line', text: text.replace('-b', 'b') },
  ])('is none when it $what', ({ text }) => {
    expect(() => readPatch(text)).toThrow();
  });
});

describe('the proof', { timeout: 300_000 }, () => {
  it('catches a letter that is sent without a key, in a copy of the tree', async () => {
    const bug = BUGS.find(({ name }) => name === 'no-provider-key') as Bug; // the test above counts them
    const { signal } = new AbortController();
    const copy = await openCopy(patchOf(bug), signal);
    onTestFinished(copy.remove);
    const proved = await copy.prove({ ...TRIALS.answers, seconds: 3, faults: [] }, 1, signal);
    expect(proved.report?.reasons, proved.output).toMatchObject({ unkeyed: expect.any(Number) });
    expect(isCaught(bug, proved)).toBe(true);
  });
});
