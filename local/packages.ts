/** Programs from the distribution's own packages, unpacked without root into a folder of ours, where the system does not have them. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasCode, ifMissing, isAlive, run } from './server.ts';

const APT_MS = 180_000;

/** What a program from such a copy needs in its environment: where its libraries are. */
export async function environmentOf(copy: string): Promise<{ readonly LD_LIBRARY_PATH: string }> {
  const files = await ifMissing(readdir(copy, { recursive: true }), []);
  const libraries = files.filter((file) => /\.so(\.|$)/.test(file)).map((file) => dirname(join(copy, file)));
  return { LD_LIBRARY_PATH: [...new Set(libraries)].join(':') };
}

/**
 * Unpacks that package into `copy`, with whatever it needs that the system lacks. It is unpacked beside its place and then renamed, so that an interrupted
 * copy is never mistaken for a finished one.
 * @param runs whether what is in `copy` already, by another process, can be used.
 * @throws when the package cannot be had.
 */
export async function unpackPackage(name: string, copy: string, runs: () => Promise<boolean>): Promise<void> {
  await mkdir(dirname(copy), { recursive: true });
  await removeAbandoned(copy);
  const draft = `${copy}.partial-${process.pid}-${randomUUID()}`;
  const root = join(draft, 'root');
  try {
    for (const archive of await download(name, draft)) await run('dpkg-deb', ['-x', archive, root]);
    await replace(root, copy, runs);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function removeAbandoned(copy: string): Promise<void> {
  for (const name of await readdir(dirname(copy))) {
    const [, pid] = name.startsWith(basename(copy)) ? (/\.partial-(\d+)-/.exec(name) ?? []) : [];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(dirname(copy), name), { recursive: true, force: true });
  }
}

/** Puts the new copy into its place, unless another process was faster and its copy runs. */
async function replace(root: string, copy: string, runs: () => Promise<boolean>): Promise<void> {
  try {
    await rename(root, copy);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    if (await runs()) return;
    await rm(copy, { recursive: true, force: true });
    await rename(root, copy);
  }
}

/** Downloads the package and whatever it needs that the system lacks; returns the archives' paths. */
async function download(name: string, draft: string): Promise<string[]> {
  const archives = join(draft, 'cache/archives');
  const lists = join(draft, 'lists');
  const fetching = ['--yes', '--no-install-recommends', '--download-only', 'install', name];
  await mkdir(join(archives, 'partial'), { recursive: true });
  await mkdir(join(lists, 'partial'), { recursive: true });
  try {
    await apt(draft, '/var/lib/apt/lists', fetching);
  } catch {
    // The system's index is often absent (container images) or names versions that are gone: ask for a new one.
    await apt(draft, lists, ['update']);
    await apt(draft, lists, fetching);
  }
  const names = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  return names.map((name) => join(archives, name));
}

async function apt(draft: string, lists: string, command: readonly string[]): Promise<void> {
  const settings = join(draft, 'apt.conf');
  await writeFile(settings, aptSettings(draft, lists));
  await run('apt-get', ['-q', '-c', settings, ...command], { timeout: APT_MS });
}

// Everything that apt writes goes into our directory and needs no lock of the system's. As root it would otherwise
// download as the user _apt, who can't enter a closed home; the system's hooks are for the system's own updates.
function aptSettings(draft: string, lists: string): string {
  return [
    `Dir::State::lists "${lists}";`,
    `Dir::Cache "${join(draft, 'cache')}";`,
    'Dir::Cache::archives "archives";',
    'APT::Sandbox::User "root";',
    'Debug::NoLocking "true";',
    'Acquire::Languages "none";',
    'Acquire::Retries "1";',
    'Acquire::http::Timeout "20";',
    'Acquire::https::Timeout "20";',
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Pre-Install-Pkgs;',
    '#clear DPkg::Post-Invoke;',
    '',
  ].join('\n');
}
