/**
 * Patches as text: a few words, and a unified diff behind them. Neither `patch` nor `git` need be there to apply one. What a
 * hunk takes away must stand in its file exactly once, wherever that is by now.
 */

export interface Patch {
  /** The mistake, in words. */
  readonly words: string;
  readonly hunks: readonly Hunk[];
}

interface Hunk {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

/** @throws an Error when the text is no such patch. */
export function readPatch(text: string): Patch {
  const [head = '', ...files] = text.split(/^--- a\/(?=\S+\n\+\+\+ b\/)/m);
  const hunks = files.flatMap(readFile);
  if (head.trim() === '' || hunks.length === 0) throw new Error('a patch has words and at least one hunk');
  return { words: head.trim().replaceAll('\n', ' '), hunks };
}

function readFile(text: string): Hunk[] {
  const [names = '', ...hunks] = text.split(/^@@ .*\n/m);
  const [, file] = /^(\S+)\n\+\+\+ b\/\1\n$/.exec(names) ?? [];
  if (file === undefined) throw new Error(`a patch changes files, and does not rename them: ${names}`);
  return hunks.map((hunk) => {
    const lines = hunk.split('\n').slice(0, -1);
    const side = (sign: '-' | '+') =>
      lines.flatMap((line) => (line.startsWith(' ') || line.startsWith(sign) ? [`${line.slice(1)}\n`] : []));
    if (lines.some((line) => !/^[ +-]/.test(line))) throw new Error(`not a line of a hunk in ${file}`);
    return { file, before: side('-').join(''), after: side('+').join('') };
  });
}

/**
 * Applies it to files that are read and written by their names.
 * @throws an Error that names the file in which a hunk does not stand exactly once.
 */
export function applyPatch(
  { hunks }: Patch,
  read: (file: string) => string,
  write: (file: string, text: string) => void,
): void {
  for (const { file, before, after } of hunks) {
    const [head, tail, ...more] = read(file).split(before);
    if (head === undefined || tail === undefined || more.length > 0)
      throw new Error(`the patch does not apply to ${file}: ${before.split('\n')[0]} …`);
    write(file, `${head}${after}${tail}`);
  }
}
