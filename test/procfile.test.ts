/** The Procfile runner, with real processes and real signals. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type FormationOptions,
  parseFormation,
  parseProcfile,
  prefixedPrinter,
  type RunningFormation,
  restartPauseMs,
  startFormation,
} from '../local/procfile.ts';
import { SAME_KEY_PRESS_MS } from '../local/stop.ts';

const ACTOR = fileURLToPath(new URL('support/procfile/actor.mjs', import.meta.url));
const START = fileURLToPath(new URL('../local/start.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const BELOW_NPM = { npm_lifecycle_event: 'start' };
/** It stays above what it runs, as npm's does. */
const SHELL = ['sh', '-c', '"$@"; exit', 'sh'];
/** Longer than any test: whoever passes did not wait for it. */
const ENDLESS_MS = 10 * 60_000;

let cwd: string;
const formations: RunningFormation[] = [];
const commands: ChildProcess[] = [];
const pidsSeen = new Set<number>();

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'procfile-'));
});

afterEach(async () => {
  for (const formation of formations.splice(0)) {
    formation.kill();
    await formation.ended;
  }
  for (const command of commands.splice(0)) killGroup(command);
  rmSync(cwd, { recursive: true });
});

afterAll(async () => {
  const leaked = () => [...pidsSeen].filter(isRunning);
  await eventually(() => expect(leaked()).toEqual([])).finally(() => {
    for (const pid of leaked()) process.kill(pid, 'SIGKILL');
  });
});

describe('a Procfile', () => {
  it('is read line by line, without comments and blank lines', () => {
    const text = '# the table of contents\n\nrelease: node  --flag release.js\r\n  # more\nweb:node web.js\n';
    expect(parseProcfile(text)).toEqual([
      { type: 'release', command: ['node', '--flag', 'release.js'] },
      { type: 'web', command: ['node', 'web.js'] },
    ]);
  });

  it('is refused with the number of every faulty line', () => {
    const text =
      'web: node web.js\nnonsense\nrelay:\nmonitor: node m.js | cat\nweb: node again.js\nclock: node $FILE';
    expect(() => parseProcfile(text)).toThrowError(
      'Procfile: line 2: expected "type: command"; line 3: relay has no command; ' +
        'line 4: monitor uses shell syntax; write one plain command; line 5: web is named twice; ' +
        'line 6: clock uses shell syntax; write one plain command',
    );
  });

  it('is refused when it names no process', () => {
    expect(() => parseProcfile('# nothing\n')).toThrowError('Procfile: it names no process');
  });
});

describe('a formation', () => {
  const types = ['web', 'relay', 'notifier'];

  it('is read from counts separated by commas or spaces', () => {
    expect(parseFormation('relay=2,notifier=100, web=0', types)).toEqual({ relay: 2, notifier: 100, web: 0 });
    expect(parseFormation('', types)).toEqual({});
  });

  it('is refused with all its faults and the known types', () => {
    expect(() =>
      parseFormation('relay=-1,clock=1,web=101,web,notifier=1.5,relay=1,relay=2', types),
    ).toThrowError(
      'formation: relay=-1 is not type=count with a count from 0 to 100; clock is not in the Procfile; ' +
        'web=101 is not type=count with a count from 0 to 100; web is not type=count with a count from 0 to 100; ' +
        'notifier=1.5 is not type=count with a count from 0 to 100; relay is named twice. ' +
        'Known types: web, relay, notifier',
    );
  });

  it('gives every process a port: 100 apart by type, 1 apart within it', async () => {
    const { running, lines } = await start('release: exit 0\nweb: steady\nrelay: steady\nnotifier: steady', {
      formation: { web: 2, relay: 0, notifier: 2, release: 0 },
      basePort: 4100,
    });
    const ports = { 'web.1': 4100, 'web.2': 4101, 'notifier.1': 4300, 'notifier.2': 4301 };
    expect(Object.fromEntries(running.ports)).toEqual(ports);
    for (const [name, port] of Object.entries(ports)) {
      await eventually(() =>
        expect(linesOf(lines, name).join()).toMatch(new RegExp(`^up \\d+ PORT ${port}$`)),
      );
    }
    expect([...running.pids().keys()].sort()).toEqual(Object.keys(ports).sort());
  });

  it('of nothing ends at once', async () => {
    const { running } = await start('web: steady', { formation: { web: 0 } });
    expect(await running.ended).toBe(0);
  });
});

describe('the output', () => {
  it('keeps characters together that arrive in two chunks, and flushes a last line without end', async () => {
    const { running, lines } = await start('web: split');
    await eventually(() => expect(linesOf(lines, 'web.1').join()).toContain('up'));
    await running.stop();
    const said = linesOf(lines, 'web.1');
    expect(said.filter((line) => line === '5 € für Zoë')).toHaveLength(2);
    expect(said).toContain('last');
    expect(said.join()).not.toContain('\ufffd');
  });

  it('is prefixed with aligned names', () => {
    const written: string[] = [];
    const entries = parseProcfile('web: node w\nnotifier: node n');
    const print = prefixedPrinter({ entries, formation: { notifier: 4 } }, false, (text) =>
      written.push(text),
    );
    print('web.1', '{"level":30}');
    print('notifier.4', 'ready');
    print('runner', 'hello');
    expect(written).toEqual(['web.1      | {"level":30}\n', 'notifier.4 | ready\n', 'runner     | hello\n']);
  });

  it('has one colour per type on a terminal', () => {
    const written: string[] = [];
    const entries = parseProcfile('web: node w\nrelay: node r');
    const print = prefixedPrinter({ entries, formation: {} }, true, (text) => written.push(text));
    for (const name of ['web.1', 'web.2', 'relay.1', 'runner']) print(name, 'x');
    const colours = written.map((line) => line.slice(0, line.indexOf('m') + 1));
    expect(colours).toEqual(['\x1b[36m', '\x1b[36m', '\x1b[33m', '\x1b[90m']);
  });
});

describe('the release', () => {
  it('runs alone to its end before anything else starts', async () => {
    const { running, lines } = await start('web: steady\nrelease: slowRelease\nrelay: steady');
    expect([...running.pids().keys()]).toEqual(['release.1']);
    await eventually(() => expect(running.pids().size).toBe(2));
    await eventually(() => expect(pidsIn(lines)).toHaveLength(2));
    expect(lines.slice(0, 2)).toEqual(['release.1: release begins', 'release.1: release done']);
    expect(await running.stop()).toBe(0);
  });

  it('that fails ends the formation with its code, and nothing else is started', async () => {
    const { running, lines } = await start('release: exit 7\nweb: steady');
    expect(await running.ended).toBe(7);
    expect(lines).toEqual(['runner: release.1 ended with code 7, nothing else is started']);
  });

  it('can be stopped, and nothing starts after it', async () => {
    const { running, lines } = await start('release: steady\nweb: steady');
    await eventually(() => expect(pidsIn(lines)).toHaveLength(1));
    expect(await running.stop()).toBe(0);
    expect(lines.filter((line) => line.startsWith('web'))).toEqual([]);
  });
});

describe('a process that ends unexpectedly', () => {
  it('is started again while the others go on, and the crash shows in the exit code', async () => {
    const { running, lines } = await start(`web: steady\nrelay: crashOnce ${join(cwd, 'crashed')}`);
    const web = running.pids().get('web.1');
    await eventually(() => expect(pidsIn(lines)).toHaveLength(2));
    const said = lines.filter((line) => !line.startsWith('web.1'));
    expect(said[0]).toBe('runner: relay.1 ended with code 3, restarting in 1 s');
    expect(said[1]).toMatch(/^relay\.1: up/);
    expect(running.pids().get('web.1')).toBe(web);
    expect(await running.stop()).toBe(1);
  });

  it('is started again after a SIGKILL, with a new pid on the same port', async () => {
    const { running, lines } = await start('relay: steady', { basePort: 4500 });
    await eventually(() => expect(pidsIn(lines)).toHaveLength(1));
    process.kill(pidOf(running, 'relay.1'), 'SIGKILL');
    await eventually(() => expect(pidsIn(lines)).toHaveLength(2));
    expect(lines[1]).toBe('runner: relay.1 ended with signal SIGKILL, restarting in 1 s');
    expect(lines[2]).toBe(`relay.1: up ${pidOf(running, 'relay.1')} PORT 4500`);
    expect(await running.stop()).toBe(1);
  });

  it('is started again after an orderly exit too, which is no failure', async () => {
    const { running, lines } = await start('relay: exit 0');
    await eventually(() =>
      expect(lines).toEqual([
        'runner: relay.1 ended with code 0, restarting in 1 s',
        'runner: relay.1 ended with code 0, restarting in 2 s',
      ]),
    );
    expect(await running.stop()).toBe(0);
  });

  it('waits longer before each start, up to 30 s', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 2000].map(restartPauseMs)).toEqual([
      1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  it('takes what it left in its group with it', async () => {
    const { running, lines } = await start('web: parent');
    await eventually(() => expect(pidsIn(lines)).toHaveLength(2));
    const pids = pidsIn(lines);
    process.kill(pidOf(running, 'web.1'), 'SIGKILL');
    await eventually(() => expect(pids.filter(isRunning)).toEqual([]));
  });

  it('that cannot be started at all is reported and tried again', async () => {
    const { running, lines } = await start('', { entries: [{ type: 'web', command: ['/no/such/program'] }] });
    await eventually(() => expect(lines).toContain('runner: web.1 ended with code 127, restarting in 1 s'));
    expect(lines[0]).toContain('ENOENT');
    expect(await running.stop()).toBe(1);
  });

  it('with 78, a faulty environment, stops the whole formation with 78', async () => {
    const { running, lines } = await start('web: steady\nrelay: exit 78');
    expect(await running.ended).toBe(78);
    expect(lines).toContain('runner: relay.1 ended with code 78');
    expect(running.pids().size).toBe(0);
  });
});

describe('a stop', () => {
  it('ends every process with SIGTERM and the formation with 0, also when asked for twice', async () => {
    const { running, lines } = await start('web: steady\nrelay: steady', { formation: { relay: 2 } });
    await eventually(() => expect(pidsIn(lines)).toHaveLength(3));
    expect(await Promise.all([running.stop(), running.stop(), running.ended])).toEqual([0, 0, 0]);
    expect(lines.filter((line) => line.endsWith(': bye')).sort()).toEqual([
      'relay.1: bye',
      'relay.2: bye',
      'web.1: bye',
    ]);
    expect(pidsIn(lines).filter(isRunning)).toEqual([]);
  });

  it('kills a process that does not hear SIGTERM after the grace period, and says so in the exit code', async () => {
    const { running, lines } = await start('web: steady\nrelay: deaf', { graceMs: 10 });
    await eventually(() => expect(pidsIn(lines)).toHaveLength(2));
    expect(await running.stop()).toBe(1);
    const toldOfRelay = lines.filter((line) => line.includes('relay.1')).slice(1);
    expect(toldOfRelay).toEqual([
      'relay.1: heard SIGTERM',
      'runner: relay.1 is killed',
      'runner: relay.1 ended with signal SIGKILL',
    ]);
    expect(pidsIn(lines).filter(isRunning)).toEqual([]);
  });

  it('leaves no grandchild', async () => {
    const { running, lines } = await start('web: parent');
    await eventually(() => expect(pidsIn(lines)).toHaveLength(2));
    expect(await running.stop()).toBe(0);
    await eventually(() => expect(pidsIn(lines).filter(isRunning)).toEqual([]));
  });

  it('is not held up by a stranger that holds the output of a process', async () => {
    const { running, lines } = await start('web: parent detached');
    await eventually(() => expect(pidsIn(lines)).toHaveLength(2));
    const strangers = pidsIn(lines).filter((pid) => pid !== running.pids().get('web.1'));
    expect(await running.stop()).toBe(0);
    expect(strangers.map(isRunning)).toEqual([true]);
    for (const pid of strangers) process.kill(pid, 'SIGKILL');
  });

  it('does not wait for a process that pauses before its next start', async () => {
    const stopped = await start('web: exit 5');
    await eventually(() => expect(stopped.lines.at(-1)).toContain('restarting in 4 s'));
    const other = await start('web: exit 5'); // in its second life before the pause of the first is over
    expect(await stopped.running.stop()).toBe(1);
    expect(other.lines.length).toBeLessThan(2);
    expect(stopped.lines).toHaveLength(3);
  });

  it('that a process answers with a code of its own ends with that code', async () => {
    const { running, lines } = await start('web: badEnd 9');
    await eventually(() => expect(pidsIn(lines)).toHaveLength(1));
    expect(await running.stop()).toBe(9);
  });
});

describe('the channel to the runner', () => {
  it('keeps no process alive that ignores it', async () => {
    const { lines } = await start('web: plain');
    await eventually(() =>
      expect(lines.slice(0, 2)).toEqual([
        'web.1: connected true',
        'runner: web.1 ended with code 0, restarting in 1 s',
      ]),
    );
  });
});

describe('the command', () => {
  it('explains itself with --help', async () => {
    const { ended, output } = launch(undefined, ['--help']);
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(output()).toContain('npm start -- web=1,relay=2,notifier=4');
  });

  it.each([
    ['no Procfile', undefined, [], 'Procfile'],
    ['an unknown type', 'web: steady', ['clock=1'], 'clock is not in the Procfile. Known types: web'],
    ['an entry that is not built', 'web: node dist/src/web.js', [], 'Run `npm run build` first.'],
  ])('refuses %s with a clear message', async (_, procfile, args, message) => {
    const { ended, output } = launch(procfile, args);
    expect(await ended).toEqual({ code: 1, signal: null });
    expect(output()).toContain(message);
    expect(output()).not.toContain('    at ');
  });

  it('starts a formation given in several words, prefixes without colour, and ends with 0 on SIGTERM', async () => {
    const { command, ended, output } = launch('web: steady\nrelay: steady', ['relay=2', 'web=1'], {
      PORT: '4700',
    });
    await eventually(() => expect(pidsIn([output()])).toHaveLength(3));
    expect(output()).toMatch(/^web\.1 {3}\| up \d+ PORT 4700$/m);
    expect(output()).toMatch(/^relay\.2 \| up \d+ PORT 4801$/m);
    command.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(output().match(/bye/g)).toHaveLength(3);
    expect(pidsIn([output()]).filter(isRunning)).toEqual([]);
  });

  it('is not warned by Node of leaks when many processes pause at once', async () => {
    const { command, ended, output } = launch('web: exit 5', ['web=12']);
    await eventually(() =>
      expect(new Set(output().match(/web\.\d+ ended with code 5, restarting/g)).size).toBe(12),
    );
    command.kill('SIGTERM');
    expect(await ended).toEqual({ code: 1, signal: null });
    expect(output()).not.toContain('Warning');
  });

  it('takes several SIGINTs at the same moment for one Ctrl-C', async () => {
    const { command, ended, output } = launch('web: slowEnd');
    await eventually(() => expect(pidsIn([output()])).toHaveLength(1));
    for (let times = 0; times < 10; times += 1) {
      command.kill('SIGINT');
      await new Promise((resolve) => setTimeout(resolve, 1)); // signals that are pending together would be one
    }
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(output()).toContain('bye');
  });

  it('kills everything at the second Ctrl-C', async () => {
    const { command, ended, output } = launch('web: deaf', [], { SHUTDOWN_GRACE_MS: String(ENDLESS_MS) });
    await eventually(() => expect(pidsIn([output()])).toHaveLength(1));
    command.kill('SIGINT');
    let askedAt = Date.now();
    await eventually(() => expect(output()).toContain('heard SIGTERM'));
    await eventually(() => {
      // One at a time, and late enough to be another key press: a third would meet a process that has no more ears for it.
      if (Date.now() - askedAt > 2 * SAME_KEY_PRESS_MS) {
        command.kill('SIGINT');
        askedAt = Date.now();
      }
      expect(output()).toContain('web.1 is killed');
    });
    expect(await ended).toEqual({ code: 1, signal: null });
    expect(pidsIn([output()]).filter(isRunning)).toEqual([]);
  });

  it('that is itself killed leaves no process behind', async () => {
    const { command, output } = launch('web: steady\nrelay: steady');
    await eventually(() => expect(pidsIn([output()])).toHaveLength(2));
    command.kill('SIGKILL');
    await eventually(() => expect(pidsIn([output()]).filter(isRunning)).toEqual([]));
  });

  it('goes on below whatever npm has started', async () => {
    const { command, ended, output } = launch('web: exit 5', [], BELOW_NPM, SHELL);
    // Longer than it takes to see who the parent is, because of the pause before the first restart.
    await eventually(() => expect(output()).toContain('restarting in 2 s'));
    command.kill('SIGTERM');
    await ended;
  });

  it('stops when the shell of npm dies above it without passing the signal on', async () => {
    const { command, ended, output } = launch('web: steady', [], BELOW_NPM, SHELL);
    await eventually(() => expect(pidsIn([output()])).toHaveLength(1));
    command.kill('SIGTERM');
    await ended; // the runner holds the same output, so this is its end too
    expect(output()).toContain('bye');
    expect(pidsIn([output()]).filter(isRunning)).toEqual([]);
  });
});

/** Starts a formation in this process; a command in `procfile` is the part and its words, as the actor takes them. */
async function start(procfile: string, changes: Partial<FormationOptions> = {}) {
  const lines: string[] = [];
  const running = await startFormation({
    entries: changes.entries ?? parseProcfile(played(procfile)),
    formation: {},
    env: process.env,
    basePort: 4000,
    graceMs: 30_000,
    cwd,
    print: (name, line) => lines.push(`${name}: ${line}`),
    ...changes,
  });
  formations.push(running);
  return { running, lines };
}

/** Runs the command in a folder of its own, under `wrapper` if there is one; `ended` waits for its output too. */
function launch(procfile?: string, args: string[] = [], env: NodeJS.ProcessEnv = {}, wrapper: string[] = []) {
  if (procfile !== undefined) writeFileSync(join(cwd, 'Procfile'), played(procfile));
  const [program = '', ...words] = [...wrapper, process.execPath, '--import', TSX, START, ...args];
  const command = spawn(program, words, { cwd, env: { ...process.env, ...env }, detached: true });
  commands.push(command);
  let text = '';
  for (const stream of [command.stdout, command.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const ended = new Promise((resolve) => {
    command.once('close', (code, signal) => resolve({ code, signal }));
  });
  return { command, ended, output: () => text };
}

/** Nothing but what a failed test left: of a wrapper, the runner below it. */
function killGroup({ pid = 0 }: ChildProcess): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    expect(error).toHaveProperty('code', 'ESRCH');
  }
}

function played(procfile: string): string {
  return procfile.replaceAll(/^(\w+): (?!node )/gm, `$1: node ${ACTOR} `);
}

function linesOf(lines: readonly string[], name: string): string[] {
  return lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
}

function pidsIn(lines: readonly string[]): number[] {
  const pids = [...lines.join('\n').matchAll(/\bup (\d+)/g)].map((match) => Number(match[1]));
  for (const pid of pids) pidsSeen.add(pid);
  return pids;
}

function pidOf(running: RunningFormation, name: string): number {
  const pid = running.pids().get(name);
  if (pid === undefined) throw new Error(`${name} is not running`);
  return pid;
}

/** A zombie is not running: who adopts orphans in a container may never reap them. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false; // no such file system here
  }
}

function eventually(assertion: () => void): Promise<void> {
  return vi.waitFor(assertion, { timeout: 30_000, interval: 50 });
}
