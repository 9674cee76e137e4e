/** The life of a process: real processes, real signals. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { errorPauseMs } from '../src/lifecycle.ts';
import { type ProcessName, type RunningNode, startNode, startProcess } from './support/processes.ts';
import { until } from './support/until.ts';

const ACTOR = join(import.meta.dirname, 'support/lifecycle/actor.ts');
const AS_TYPESCRIPT = ['--import', 'tsx'];
const FATAL = 60;
const WARN = 40;

const running: { end(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.end();
});

function act(part: string, environment: Readonly<Record<string, string>> = {}, channel = false): RunningNode {
  const actor = startNode([...AS_TYPESCRIPT, ACTOR, part], environment, channel);
  running.push(actor);
  return actor;
}

async function started(part: string, environment?: Readonly<Record<string, string>>, channel?: boolean) {
  const actor = act(part, environment, channel);
  await until(() => actor.output().includes('"started"'), 'a started process');
  return actor;
}

interface Entry {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The lines of its log. */
const logOf = ({ output }: RunningNode): Entry[] =>
  output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

/** The lines that it printed besides its log. */
const saidBy = ({ output }: RunningNode): string[] =>
  output()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{'));

const well = { code: 0, signal: null };
const badly = { code: 1, signal: null };

describe('a process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends on %s also when nobody reads its log any more',
    async (signal) => {
      const actor = await started('steady');
      actor.deafen();
      actor.signal(signal);
      expect(await actor.ended).toEqual(well);
    },
  );

  it.each(['SIGTERM', 'SIGINT'] as const)('closes in good order on %s and exits 0', async (signal) => {
    const actor = await started('steady');
    actor.signal(signal);
    expect(await actor.ended).toEqual(well);
    expect(saidBy(actor)).toEqual(['closing first']);
    expect(logOf(actor).map(({ msg }) => msg)).toEqual(['started', 'ending', 'ended']);
  });

  it('closes what it opened last-in first-out, all of it, also when some fail or hang', async () => {
    const actor = await started('troubledEnd', { SHUTDOWN_GRACE_MS: '1000' });
    actor.signal('SIGTERM');
    actor.signal('SIGTERM'); // more of them change nothing
    const supervisor = setTimeout(() => actor.signal('SIGKILL'), 4_000); // each for itself would take eight seconds
    expect(await actor.ended).toEqual(well);
    clearTimeout(supervisor);
    const hanging = [8, 7, 6, 5, 4, 3, 2, 1].map((i) => `hanging ${i}`);
    const order = ['last', ...hanging, 'rejecting', 'failing', 'good', 'first'];
    expect(saidBy(actor)).toEqual(order.map((what) => `closing ${what}`));
    const told = logOf(actor).filter(({ level }) => level === WARN);
    expect(told.map(({ what, msg }) => `${what} ${msg}`)).toEqual([
      ...hanging.map((what) => `${what} left behind: it did not close in time`),
      'rejecting did not close cleanly',
      'failing did not close cleanly',
    ]);
  });

  it.each(['uncaught', 'unhandled', 'failingStart', 'throwingNoError'])(
    'logs what nobody expected as fatal, closes all the same and exits 1 (%s)',
    async (part) => {
      const actor = act(part);
      expect(await actor.ended).toEqual(badly);
      expect(saidBy(actor)).toEqual(['closing first']);
      expect(logOf(actor).filter(({ level }) => level === FATAL)).toMatchObject([
        { msg: 'unexpected error' },
      ]);
    },
  );

  it('that crashes while it ends goes on closing', async () => {
    const actor = await started('crashingEnd');
    actor.signal('SIGTERM');
    expect(await actor.ended).toEqual(well);
    expect(saidBy(actor)).toEqual(['closing crashing', 'closing first']);
  });

  it('that is still starting ends in good order too', async () => {
    const actor = act('endlessStart');
    await until(() => saidBy(actor).includes('starting'), 'a starting process');
    actor.signal('SIGTERM');
    expect(await actor.ended).toEqual(well);
    expect(saidBy(actor)).toEqual(['starting', 'closing first']);
  });

  it('that has nothing more to do ends in good order', async () => {
    const actor = act('finishing');
    expect(await actor.ended).toEqual(well);
    expect(saidBy(actor)).toEqual(['closing first']);
  });

  it('ends in good order when whoever started it goes away', async () => {
    const actor = await started('steady', {}, true);
    actor.disconnect();
    expect(await actor.ended).toEqual(well);
    expect(saidBy(actor)).toEqual(['closing first']);
  });

  it('ends also when whoever started it was gone before it could notice', async () => {
    const actor = act('steady', {}, true);
    actor.disconnect();
    expect(await actor.ended).toEqual(well);
  });

  it('ends when whoever started it is killed', async () => {
    const script = `
      const { spawn } = require('node:child_process');
      const stdio = ['ignore', 'inherit', 'inherit', 'ipc'];
      spawn(process.execPath, ${JSON.stringify([...AS_TYPESCRIPT, ACTOR, 'steady'])}, { stdio, detached: true });`;
    const starter = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    running.push({
      async end() {
        starter.kill('SIGKILL');
        const [, pid] = /"pid":(\d+)/.exec(output) ?? [];
        if (pid && !output.includes('"ended"')) process.kill(Number(pid), 'SIGKILL');
      },
    });
    starter.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await until(() => output.includes('"started"'), 'a started process');
    starter.kill('SIGKILL');
    await once(starter, 'close'); // the pipe closes with its last holder
    expect(output).toContain('closing first');
    expect(output).toContain('"ended"');
  });

  it('tells its warnings first', async () => {
    const actor = await started('steady', { LOCK_DURATION_MS: '1000' });
    expect(logOf(actor)[0]).toMatchObject({ level: WARN, msg: expect.stringContaining('LOCK_DURATION_MS') });
  });
});

describe('a loop', () => {
  it('tries a turn that fails again, and counts the failures in a row', async () => {
    const actor = act('flakyLoop');
    await until(() => saidBy(actor).includes('turn 6 did well'), 'the sixth turn');
    const failed = logOf(actor).filter(({ loop }) => loop === 'flaky');
    expect(failed.map(({ failures }) => failures)).toEqual([1, 2, 3, 1]);
    expect(saidBy(actor)).toEqual(['turn 4 did well', 'turn 6 did well']);
  });

  it('rests longer after every failure, and never longer than five seconds', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 10_000].map(errorPauseMs)).toEqual([
      200, 400, 800, 1600, 3200, 5000, 5000, 5000,
    ]);
  });

  it('that hangs ends the process', async () => {
    const actor = act('hangingLoop', { SHUTDOWN_GRACE_MS: '1000' });
    expect(await actor.ended).toEqual(badly);
    expect(logOf(actor).find(({ level }) => level === FATAL)).toMatchObject({
      error: { message: 'the loop stuck does not turn any more' },
    });
    expect(saidBy(actor)).toEqual(['closing first']);
  });

  it('turns at once when it is woken, also when that comes during its turn', async () => {
    const actor = await started('wokenLoop');
    await until(() => saidBy(actor).includes('turn 3'), 'the third turn');
    actor.signal('SIGTERM');
    expect(await actor.ended).toEqual(well);
    expect(saidBy(actor)).toEqual(['turn 1', 'turn 2', 'turn 3']);
  });

  it('that always finds more to do lets its process hear a signal', async () => {
    const actor = await started('greedyLoop');
    actor.signal('SIGTERM');
    expect(await actor.ended).toEqual(well);
    expect(saidBy(actor)).toEqual(['closing first']);
  });

  it('ends after the turn under way', async () => {
    const actor = await started('busyLoop');
    await until(() => saidBy(actor).includes('turning'), 'a turn');
    actor.signal('SIGTERM');
    expect(await actor.ended).toEqual(well);
    expect(saidBy(actor)).toEqual(['turning', 'turned', 'closing first']);
  });
});

describe('the log', () => {
  it.each(['uncaught', 'unhandled', 'throwingNoError', 'flakyLoop', 'troubledEnd'])(
    'carries an error without what its driver hung on it (%s)',
    async (part) => {
      const actor = act(part, { SHUTDOWN_GRACE_MS: '1000' });
      await until(() => actor.output().includes('"error"') || actor.output().includes('"started"'), 'a log');
      actor.signal('SIGTERM');
      await actor.ended;
      const errors = logOf(actor).flatMap(({ error }) => (error ? [error] : []));
      expect(errors.length).toBeGreaterThan(0);
      for (const error of errors) expect(Object.keys(error)).not.toEqual([]);
      expect(actor.output()).not.toContain('ada@example.com');
    },
  );

  it('names the process and its pid in every line', async () => {
    const actor = await started('steady');
    expect(logOf(actor)).toMatchObject([{ process: 'actor', pid: actor.pid, level: 30 }]);
  });
});

describe('a faulty environment', () => {
  const faulty = { PORT: 'x', LOG_LEVEL: 'loud', SHUTDOWN_GRACE_MS: '1', REDIS_URL: '', HOST: 'hush hush' };
  const common = ['PORT', 'LOG_LEVEL', 'SHUTDOWN_GRACE_MS', 'HOST', 'DATABASE_URL'];
  const required: Readonly<Record<ProcessName, readonly string[]>> = {
    release: [],
    web: ['REDIS_URL'],
    relay: ['REDIS_URL'],
    notifier: ['REDIS_URL', 'RESEND_API_KEY', 'EMAIL_FROM'],
    monitor: ['REDIS_URL'],
  };

  it.each(Object.keys(required) as ProcessName[])(
    'ends %s with 78 before any work, all faults listed by name',
    async (name) => {
      const process = await startProcess(name, faulty);
      running.push(process);
      expect(await process.ended).toEqual({ code: 78, signal: null });
      const log = logOf(process);
      expect(log.every(({ level }) => level === FATAL)).toBe(true);
      const named = log.map(({ msg }) => msg.split(' ')[0]);
      expect(named.toSorted()).toEqual([...common, ...required[name]].toSorted());
      expect(process.output()).not.toContain('hush');
    },
  );
});
