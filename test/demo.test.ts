/** `npm run demo`: the whole system on one machine, and what is left of it afterwards: nothing. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../local/server.ts';
import { createEmptyDatabase, type EmptyDatabase, workersRedisUrl } from './support/ledger.ts';
import { commandOf, freeBase, pidsWith, type RunningNode, startNode } from './support/processes.ts';
import { until } from './support/until.ts';

const DEMO = join(import.meta.dirname, '../dist/local/demo.js');
const TYPES = 5;

let database: EmptyDatabase;
let base: number;
let mark: string;
let demo: RunningNode | undefined;

beforeEach(async () => {
  database = await createEmptyDatabase();
  const redis = new Redis(workersRedisUrl());
  await redis.flushdb();
  redis.disconnect();
  base = await freeBase(TYPES);
  mark = `DEMO_TEST=${randomUUID()}`;
});
afterEach(async () => {
  await demo?.end();
  for (const pid of pidsWith(mark)) process.kill(pid, 'SIGKILL');
  await database.close();
});

function start(args: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) {
  const [name = '', value = ''] = mark.split('=');
  demo = startNode([DEMO, ...args], {
    DATABASE_URL: database.url,
    REDIS_URL: workersRedisUrl(),
    PORT: String(base),
    [name]: value,
    ...environment,
  });
  return demo;
}

async function saying({ output, ended }: RunningNode, words: string) {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  await until(() => over || output().includes(words), words);
  expect(output()).toContain(words);
}

async function expectNothingLeft() {
  await until(() => pidsWith(mark).length === 0, 'no process left');
  for (let n = 0; n < TYPES; n += 1) await until(() => freePort(base + 100 * n), 'a free port');
}

const pidOf = (type: string) =>
  until(() => pidsWith(mark).find((pid) => commandOf(pid).includes(`${type}.js`)), `a ${type}`);

describe('the demonstration', () => {
  it('with --once tells what becomes of four orders, and ends with 0', async () => {
    const { ended, output } = start(['--once']);
    expect(await ended).toEqual({ code: 0, signal: null });
    for (const email of ['ada', 'flaky', 'hangup'])
      expect(output()).toMatch(new RegExp(`${email}@.* sent: `));
    expect(output()).toMatch(/flaky@.* the provider answered internal_server_error/);
    expect(output()).toMatch(/hangup@.* no answer: will be asked again with the same key/);
    expect(output()).toMatch(/refused@.* dead: refused; /);
    expect(output()).toContain('The monitor alerts: ');
    expect(output()).toContain('✓ Every order came to the end that it should');
    await expectNothingLeft();
  });

  it.each([
    { moment: 'it has said its first word', words: 'the whole system', signal: 'SIGINT' },
    { moment: 'its mailbox starts', words: 'starting the mailbox', signal: 'SIGTERM' },
    { moment: 'its processes start', words: 'starting release', signal: 'SIGINT' },
    { moment: 'its story is under way', words: 'ordered: ', signal: 'SIGTERM' },
    { moment: 'it waits for more orders', words: 'Ctrl-C ends it', signal: 'SIGINT' },
  ] as const)('leaves nothing behind when it gets $signal as $moment', async ({ words, signal }) => {
    const running = start();
    await saying(running, words);
    running.signal(signal);
    expect(await running.ended).toEqual({ code: 0, signal: null });
    expect(running.output()).not.toContain('✗');
    await expectNothingLeft();
  });

  it('leaves nothing behind either when a second signal cuts its end short', async () => {
    const running = start();
    await saying(running, 'Ctrl-C ends it');
    process.kill(await pidOf('notifier'), 'SIGSTOP'); // it will not end by itself
    running.signal('SIGINT');
    const asked = Date.now();
    await until(() => Date.now() - asked > 600); // sooner, it would count as the same key press
    running.signal('SIGINT');
    expect(await running.ended).toEqual({ code: 130, signal: null });
    await expectNothingLeft();
  });

  it('takes another port for its mailbox when somebody has the usual one', async () => {
    const somebody = createServer().listen(8025, '127.0.0.1');
    try {
      await once(somebody, 'listening').catch(() => undefined); // somebody else has it already
      const running = start();
      await saying(running, 'starting release');
      running.signal('SIGTERM');
      expect(await running.ended).toEqual({ code: 0, signal: null });
    } finally {
      somebody.close();
    }
    await expectNothingLeft();
  });

  it('ends with 78 for a faulty environment, with all its faults', async () => {
    const { ended, output } = start([], { PORT: 'x', LOG_LEVEL: 'loud', EMAIL_TIMEOUT_MS: '1' });
    expect(await ended).toEqual({ code: 78, signal: null });
    for (const name of ['PORT', 'LOG_LEVEL', 'EMAIL_TIMEOUT_MS'])
      expect(output()).toContain(`✗ ${name} must be`);
    await expectNothingLeft();
  });
});
