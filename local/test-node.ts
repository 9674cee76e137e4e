/** `npm run test:node -- 24`: the whole of `npm test` under another Node, taken from the npm package `node`. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const version = process.argv[2] ?? '';

if (!/^\d+(\.\d+){0,2}$/.test(version)) {
  console.error('Say which: npm run test:node -- 24');
  process.exit(2);
}

const home = join(ROOT, '.data', `node-${version}`);
mkdirSync(home, { recursive: true });
writeFileSync(join(home, 'package.json'), JSON.stringify({ private: true, allowScripts: { node: true } }));
run('npm', ['install', '--no-save', '--no-package-lock', '--prefix', home, `node@${version}`]);

const bin = join(home, 'node_modules/node/bin');
const PATH = `${bin}${delimiter}${process.env.PATH}`;
run(join(bin, 'node'), ['--version']);
run('npm', ['test'], { ...process.env, PATH });

function run(command: string, args: readonly string[], env = process.env): void {
  const { status } = spawnSync(command, args, { cwd: ROOT, env, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
