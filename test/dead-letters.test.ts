/** The dead letters in a terminal: what each command says, does and refuses; and the command as it is built. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../local/server.ts';
import { run } from '../src/database.ts';
import { createProgram } from '../src/dead-letters.ts';
import { listenForHints } from '../src/hints.ts';
import { discardMessage, markSent, openCalls, type StagedMessage, settleAttempts } from '../src/outbox.ts';
import { stepRedrive } from '../src/redrives.ts';
import type { DeadReason } from '../src/schema.ts';
import { startNode } from './support/processes.ts';
import { letterRows, outboxRow, stage } from './support/rows.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

const COMMAND = join(import.meta.dirname, '../dist/src/dead-letters.js');
const NOBODY = '0192f0c0-0000-7000-8000-000000000009';
const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`;

let world: World;
/** How often the relay was told that something was put back. */
let hints = 0;

beforeAll(async () => {
  world = await openWorld();
});
beforeEach(async () => {
  hints = 0;
  await run(
    world.db,
    sql`truncate customers, orders, order_items, outbox, notifications, operator_actions, suppressions, leases, epochs, redrives, message_events`,
  );
});
afterAll(() => world.close());

interface Outcome {
  readonly said: readonly string[];
  /** What is wrong; undefined where the command would exit with 0. */
  readonly failure: string | undefined;
}

/** Gives the program these words. */
async function cli(...args: readonly string[]): Promise<Outcome> {
  const said: string[] = [];
  const desk = {
    db: world.db,
    hint() {
      hints += 1;
    },
  };
  const program = createProgram(
    () => desk,
    (line) => said.push(line),
  );
  for (const each of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)])
    each.configureOutput({ writeErr: () => undefined });
  try {
    await program.parseAsync(args, { from: 'user' });
    return { said, failure: undefined };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { said, failure: error.message };
  }
}

const saying = (...said: readonly string[]): Outcome => ({ said, failure: undefined });

/** So many dead letters, the oldest first. */
async function dead(count: number, reason: DeadReason = 'refused'): Promise<string[]> {
  const messages = await stage(world.db, count);
  await die(messages, reason);
  return messages.map(({ id }) => id);
}

async function deadOne(reason: DeadReason = 'refused'): Promise<string> {
  const [id] = await dead(1, reason);
  if (!id) throw new Error('one was staged');
  return id;
}

async function die(messages: readonly StagedMessage[], reason: DeadReason): Promise<void> {
  for (const { id, run } of messages) {
    const letter = { id: uuidv7(), recipient: 'ada@example.com', body: '{}' };
    const [call] = await openCalls(world.db, [{ id, run, account: 'here', letter }]);
    const said = { answer: 'validation_error', detail: 'In its own words.', notAccepted: false };
    await settleAttempts(world.db, [{ id, run, call: call ?? null, ...said, dead: reason }]);
  }
}

async function sent(): Promise<string> {
  const id = await deadOne();
  const [letter] = await letterRows(world.db, id);
  await markSent(world.db, [{ messageId: id, letterId: letter?.id ?? '', providerId: 're_1' }]);
  return id;
}

async function discarded(): Promise<string> {
  const id = await deadOne();
  await discardMessage(world.db, { id, operator: 'eve', note: 'no' });
  return id;
}

const audit = () =>
  run(
    world.db,
    sql`select operator, action, message_id as id, run, note from operator_actions where operator <> 'eve' order by operator_actions.id`,
  );

describe('list', () => {
  it('says that there are none', async () => {
    expect(await cli('list')).toEqual(saying('No dead letters.'));
  });

  it('shows each in a line, the oldest first, and counts them by reason', async () => {
    const [first, second] = await dead(2);
    const third = await deadOne('outcome_unknown');
    await stage(world.db, 1);
    await sent();
    await discarded();
    const { said } = await cli('list');
    const line = (id: string | undefined, why: string) =>
      expect.stringMatching(new RegExp(`^${id}  ${TIME}  order\\.created +${why}: validation_error$`));
    expect(said).toEqual([
      line(first, 'refused'),
      line(second, 'refused'),
      line(third, 'outcome_unknown'),
      '3 in all: 2 refused, 1 outcome_unknown. Show one with: npm run dead-letters -- show <id>',
    ]);
  });

  it('shows a reason that is its own answer once', async () => {
    const id = await deadOne('poison');
    await run(world.db, sql`update notifications set answer = 'poison'`);
    const { said } = await cli('list');
    expect(said[0]).toMatch(new RegExp(`^${id}  ${TIME}  order\\.created +poison$`));
  });

  it('shows those of one reason, and does not call others none', async () => {
    await dead(2);
    const id = await deadOne('outcome_unknown');
    const { said } = await cli('list', '--reason', 'outcome_unknown');
    expect(said).toEqual([expect.stringContaining(id), expect.stringContaining('1 in all')]);
    expect(await cli('list', '--reason', 'poison')).toEqual(
      saying('No dead letters with the reason poison.'),
    );
  });

  it('names the reasons there are to who asks for another one', async () => {
    const { said, failure } = await cli('list', '--reason', 'bad_luck');
    expect(failure).toContain("'bad_luck' is invalid. Allowed choices are attempts_exhausted, refused, ");
    expect(said).toEqual([]);
  });

  it('goes on after a page', async () => {
    const messages = await stage(world.db, 501);
    await run(world.db, sql`update outbox set dead_at = now(), dead_reason = 'refused'`);
    const { said } = await cli('list');
    expect(new Set(said.slice(0, -1).map((line) => line.slice(0, 36)))).toEqual(
      new Set(messages.map(({ id }) => id)),
    );
    expect(said).toHaveLength(502);
  });
});

describe('show', () => {
  it('tells all that is known of one, and what can be done', async () => {
    const id = await deadOne();
    const { orderId } = (
      await run<{ orderId: string }>(world.db, sql`select order_id as "orderId" from outbox`)
    )[0] ?? { orderId: '' };
    expect(await cli('show', id)).toEqual(
      saying(
        `message     ${id}`,
        'type        order.created',
        `order       ${orderId}`,
        'recipient   ada@example.com',
        expect.stringMatching(new RegExp(`^dead since  ${TIME}$`)),
        'reason      refused',
        'answer      validation_error',
        'in words    In its own words.',
        'calls       1',
        'run         1',
        expect.stringMatching(new RegExp(`^staged at   ${TIME}$`)),
        '',
        'Put it back, or give it up:',
        `  npm run dead-letters -- retry ${id}`,
        `  npm run dead-letters -- correct ${id} --to '<the right address>' --note '<how you know>'`,
        `  npm run dead-letters -- discard ${id} --note '<why>'`,
        'What each reason asks for stands in docs/operations.md, under Dead letters.',
      ),
    );
  });

  it('of an unknown outcome tells how to settle it, and not to retry it', async () => {
    const id = await deadOne('outcome_unknown');
    const { said } = await cli('show', id);
    expect(said).toContain(`  npm run dead-letters -- confirm --sent ${id} --note '<how you know>'`);
    expect(said).toContain(`  npm run dead-letters -- confirm --not-sent ${id} --note '<how you know>'`);
    expect(said.join('\n')).not.toMatch(/retry|discard/);
  });

  it('of one that never had a letter tells where it would have gone', async () => {
    const [message] = await stage(world.db, 1);
    await run(world.db, sql`update outbox set dead_at = now(), dead_reason = 'unrenderable'`);
    const { said } = await cli('show', message?.id ?? '');
    expect(said).toEqual(
      expect.arrayContaining(['recipient   ada@example.com', 'answer      –', 'calls       0']),
    );
  });

  it('finds one also by the id of its job, which the dashboard shows, and in capitals', async () => {
    const id = await deadOne();
    for (const text of [`${id}-1`, id.toUpperCase()])
      expect((await cli('show', text)).said[0]).toBe(`message     ${id}`);
  });

  it('tells where a message stands that is not dead', async () => {
    const [staged] = await stage(world.db, 1);
    const fates = [
      [staged?.id ?? '', 'waits for the relay'],
      [await sent(), 'sent'],
      [await discarded(), 'discarded'],
    ] as const;
    for (const [id, words] of fates) {
      const { said, failure } = await cli('show', id);
      expect(failure).toBeUndefined();
      expect(said[0]).toBe(`message     ${id}`);
      expect(said[3]).toMatch(new RegExp(`^stands      ${words}, since ${TIME}$`));
    }
  });

  it('tells what people have done to it, and why', async () => {
    const id = await deadOne('outcome_unknown');
    await cli('confirm', '--sent', id, '--as', 'grace', '--note', 'seen at the provider');
    expect((await cli('show', id)).said.at(-1)).toMatch(
      new RegExp(`^${TIME}  confirm_sent by grace: seen at the provider$`),
    );
  });

  it('says of one that is not there that it may have been purged', async () => {
    expect(await cli('show', NOBODY)).toEqual({
      said: [],
      failure: 'no message has this id, or none any more: finished ones are purged',
    });
  });

  it.each(['', '1', 'ada@example.com', `${NOBODY}0`, `${NOBODY}-x`])('takes %j for no id', async (text) => {
    const { failure } = await cli('show', text);
    expect(failure).toBe(`${text} is not the id of a message; nothing was done`);
  });
});

describe('retry', () => {
  it('puts one back as its next run, records who did it, and tells the relay', async () => {
    const id = await deadOne();
    expect(await cli('retry', id)).toEqual(saying(`${id}  put back`));
    expect(await outboxRow(world.db, id)).toMatchObject({ run: 2, dead_at: null, enqueued_at: null });
    expect(await audit()).toEqual([
      { operator: userInfo().username, action: 'retry', id, run: 1, note: null },
    ]);
    expect(hints).toBe(1);
  });

  it('puts several back, by whom --as names', async () => {
    const ids = await dead(3);
    expect(await cli('retry', ...ids, '--as', 'grace')).toEqual(
      saying(...ids.map((id) => `${id}  put back`)),
    );
    expect(await audit()).toEqual(
      ids.map((id) => ({ operator: 'grace', action: 'retry', id, run: 1, note: null })),
    );
  });

  it('has nothing to do the second time, and that is no failure', async () => {
    const id = await deadOne();
    const nothing = `${id}  nothing to do: it is on its way`;
    expect(await cli('retry', id, id)).toEqual(saying(`${id}  put back`, nothing));
    expect(await cli('retry', id)).toEqual(saying(nothing));
    expect(await outboxRow(world.db, id)).toMatchObject({ run: 2 });
    expect(await audit()).toHaveLength(1);
    expect(hints).toBe(1);
  });

  it('says which ones it refuses and why, fails, and does the others all the same', async () => {
    const [finished, doubtful, fine] = [await sent(), await deadOne('outcome_unknown'), await deadOne()];
    expect(await cli('retry', NOBODY, finished, doubtful, fine)).toEqual({
      said: [
        `${NOBODY}  refused: There is no such message.`,
        `${finished}  refused: This message is finished: it was sent or discarded.`,
        `${doubtful}  refused: This letter may have been accepted already: confirm what happened before it is sent again.`,
        `${fine}  put back`,
      ],
      failure: '3 of 4 refused',
    });
    expect(await outboxRow(world.db, doubtful)).toMatchObject({ run: 1, dead_reason: 'outcome_unknown' });
    expect(await audit()).toMatchObject([{ id: fine }]);
    expect(hints).toBe(1);
  });

  it('does nothing at all when one of several is no id', async () => {
    const id = await deadOne();
    expect((await cli('retry', id, 'typo')).failure).toContain('typo is not the id of a message');
    expect(await outboxRow(world.db, id)).toMatchObject({ run: 1 });
  });

  it('of all puts back what may be, says how many, and what it leaves alone', async () => {
    await dead(3);
    const doubtful = await dead(2, 'outcome_unknown');
    await discarded();
    expect(await cli('retry', '--all', '--as', 'grace')).toEqual(
      saying(
        'put back: 3',
        'left alone, outcome unknown: 2. See npm run dead-letters -- list --reason outcome_unknown',
      ),
    );
    expect(await audit()).toHaveLength(3);
    for (const id of doubtful) expect(await outboxRow(world.db, id)).toMatchObject({ run: 1 });
    expect(hints).toBeGreaterThan(0);
  });

  it('of all says so also when there is nothing', async () => {
    expect(await cli('retry', '--all')).toEqual(saying('put back: 0'));
  });

  it('wants to know which: these, or all', async () => {
    const id = await deadOne();
    for (const args of [[], [id, '--all']])
      expect(await cli('retry', ...args)).toEqual({ said: [], failure: 'name the messages, or say --all' });
    expect(await outboxRow(world.db, id)).toMatchObject({ run: 1 });
  });
});

describe('correct', () => {
  const fix = (id: string, to = 'right@example.com') =>
    cli('correct', id, '--to', to, '--note', 'by telephone', '--as', 'grace');

  it('puts one back with a new letter to that address, records who knew it and how, and wakes the relay', async () => {
    const id = await deadOne();
    await run(world.db, sql`update notifications set first_unknown_at = null`);
    expect(await fix(id)).toEqual(saying(`${id}  put back, for a new letter to that address`));
    expect(await outboxRow(world.db, id)).toMatchObject({ run: 2, dead_at: null });
    expect(await audit()).toMatchObject([{ operator: 'grace', action: 'correct', id, note: 'by telephone' }]);
    expect(hints).toBe(1);
  });

  it('is refused while a letter may have been accepted at the address before', async () => {
    const id = await deadOne();
    expect(await fix(id)).toEqual({
      said: [expect.stringMatching(/^\S+ {2}refused: A letter of this message may have been accepted/)],
      failure: '1 of 1 refused',
    });
    expect(await audit()).toEqual([]);
  });

  it('takes one address and nothing else', async () => {
    const { failure } = await fix(await deadOne(), 'a@b, c@example.com');
    expect(failure).toContain('one e-mail address');
  });
});

describe('redrive', () => {
  it('counts what matches and does nothing, unless it is told to', async () => {
    await dead(3);
    await dead(2, 'outcome_unknown');
    expect(await cli('redrive')).toEqual(
      saying(
        'match: 5, of which 2 are left alone, outcome unknown',
        'Nothing was done. To put them back add: --yes',
      ),
    );
    expect(await cli('redrive', '--reason', 'poison')).toEqual(saying('match: 0', 'Nothing to put back.'));
    expect(await cli('redrive', 'show')).toEqual(saying('There has been no redrive.'));
  });

  it('begins what the relay carries on, shows it, is one at a time, and is cancelled', async () => {
    await dead(3);
    const begun = await cli(
      'redrive',
      '--reason',
      'refused',
      '--yes',
      '--canary',
      '2',
      '--rate',
      '5',
      '--as',
      'grace',
    );
    expect(begun.said).toEqual(['match: 3', expect.stringMatching(/^begun: [0-9a-f-]{36}\. /)]);
    const id = begun.said[1]?.slice(7, 43);
    expect(await stepRedrive(world.db)).toBe(2);
    expect(await cli('redrive', 'show')).toEqual(
      saying(
        `${id}  first ones  2 of 3 put back; of the last ones 0 accepted, 0 dead again, 2 on their way  by grace`,
      ),
    );
    expect((await cli('redrive', '--yes')).failure).toBe(`a redrive is under way already: ${id}`);
    expect(await cli('redrive', 'cancel')).toEqual(saying(`cancelled: ${id}`));
    expect((await cli('redrive', 'cancel')).failure).toBe('no redrive is under way');
  });

  it.each([
    ['--since', 'yesterday', 'A time is written as'],
    ['--until', '2026-13-01T00:00:00Z', 'A time is written as'],
    ['--canary', '0', 'A whole number from 1 to 1000'],
    ['--rate', '1001', 'A whole number from 1 to 1000'],
    ['--reason', 'bored', 'Allowed choices'],
  ])('does not take %s %s', async (option, value, words) => {
    await dead(1);
    expect((await cli('redrive', option, value, '--yes')).failure).toContain(words);
    expect(await stepRedrive(world.db)).toBeUndefined();
  });
});

describe('discard', () => {
  it('gives dead letters up, whatever their reason, and records who did it and why', async () => {
    const ids = [await deadOne(), await deadOne('outcome_unknown')];
    expect(await cli('discard', ...ids, '--note', 'told by telephone', '--as', 'grace')).toEqual(
      saying(...ids.map((id) => `${id}  discarded`)),
    );
    for (const id of ids)
      expect(await outboxRow(world.db, id)).toMatchObject({ discarded_at: expect.any(String) });
    expect(await audit()).toEqual(
      ids.map((id) => ({ operator: 'grace', action: 'discard', id, run: 1, note: 'told by telephone' })),
    );
    expect(hints).toBe(0); // nobody has anything to do now
  });

  it('is refused for what is on its way: it would be sent all the same', async () => {
    const [message] = await stage(world.db, 1);
    const id = message?.id ?? '';
    expect(await cli('discard', id, '--note', 'no')).toEqual({
      said: [`${id}  refused: This message is not dead: it is on its way.`],
      failure: '1 of 1 refused',
    });
  });

  it('is refused for what is finished', async () => {
    for (const id of [await sent(), await discarded()])
      expect(await cli('discard', id, '--note', 'no')).toEqual({
        said: [`${id}  refused: This message is finished: it was sent or discarded.`],
        failure: '1 of 1 refused',
      });
    expect(await audit()).toEqual([]);
  });
});

describe('confirm', () => {
  const note = ['--note', 'found at the provider', '--as', 'grace'];

  it('--sent finishes the message, and records who said so and how they know', async () => {
    const id = await deadOne('outcome_unknown');
    expect(await cli('confirm', '--sent', id, ...note)).toEqual(saying(`${id}  finished as sent`));
    expect(await outboxRow(world.db, id)).toMatchObject({
      sent_at: expect.any(String),
      dead_at: null,
      run: 1,
    });
    expect(await audit()).toEqual([
      { operator: 'grace', action: 'confirm_sent', id, run: 1, note: 'found at the provider' },
    ]);
    expect(hints).toBe(0);
  });

  it('--sent is refused the second time, and changes nothing', async () => {
    const id = await deadOne('outcome_unknown');
    await cli('confirm', '--sent', id, ...note);
    for (const how of ['--sent', '--not-sent'])
      expect(await cli('confirm', how, id, ...note)).toEqual({
        said: [`${id}  refused: This message is finished: it was sent or discarded.`],
        failure: '1 of 1 refused',
      });
    expect(await audit()).toHaveLength(1);
  });

  it('--not-sent puts it back, once, and tells the relay', async () => {
    const id = await deadOne('outcome_unknown');
    expect(await cli('confirm', '--not-sent', id, ...note)).toEqual(
      saying(`${id}  put back, for a new letter`),
    );
    expect(await cli('confirm', '--not-sent', id, ...note)).toEqual(
      saying(`${id}  nothing to do: it is on its way`),
    );
    expect(await outboxRow(world.db, id)).toMatchObject({ run: 2, dead_at: null, enqueued_at: null });
    expect(await audit()).toEqual([
      { operator: 'grace', action: 'confirm_not_sent', id, run: 1, note: 'found at the provider' },
    ]);
    expect(hints).toBe(1);
  });

  it('--sent is refused for what is on its way again', async () => {
    const id = await deadOne('outcome_unknown');
    await cli('confirm', '--not-sent', id, ...note);
    expect(await cli('confirm', '--sent', id, ...note)).toEqual({
      said: [`${id}  refused: This message is not dead: it is on its way.`],
      failure: '1 of 1 refused',
    });
  });

  it.each(['--sent', '--not-sent'])('%s is refused where nothing is in doubt', async (how) => {
    const id = await deadOne();
    expect(await cli('confirm', how, id, ...note)).toEqual({
      said: [`${id}  refused: Nothing is in doubt: retry this letter, or discard it.`],
      failure: '1 of 1 refused',
    });
    expect(await outboxRow(world.db, id)).toMatchObject({ run: 1, dead_reason: 'refused' });
    expect(await audit()).toEqual([]);
  });

  it('wants to know which of both', async () => {
    const id = await deadOne('outcome_unknown');
    for (const how of [[], ['--sent', '--not-sent']])
      expect(await cli('confirm', ...how, id, ...note)).toEqual({
        said: [],
        failure: 'say --sent, or --not-sent',
      });
    expect(await outboxRow(world.db, id)).toMatchObject({ run: 1, dead_reason: 'outcome_unknown' });
  });
});

describe('unsuppress', () => {
  const note = ['--as', 'grace', '--note', 'mended'];
  const suppress = () =>
    run(
      world.db,
      sql`insert into suppressions (address, reason, message_id)
          select lower(email), 'bounced', gen_random_uuid() from customers limit 1`,
    );

  it('takes the address of a message off the list, and records who did it and why', async () => {
    const id = await deadOne('suppressed');
    await suppress();
    expect(await cli('unsuppress', id, ...note)).toEqual(
      saying(`${id}  its address gets letters again; what is dead must be retried`),
    );
    expect(await run(world.db, sql`select from suppressions`)).toEqual([]);
    expect(await audit()).toEqual([{ operator: 'grace', action: 'unsuppress', id, run: 1, note: 'mended' }]);
    expect(await outboxRow(world.db, id)).toMatchObject({ dead_reason: 'suppressed' });
  });

  it('is refused where the address is on no list, and where there is no message', async () => {
    const id = await deadOne('suppressed');
    expect(await cli('unsuppress', id, NOBODY, ...note)).toEqual({
      said: [
        `${id}  refused: The address of this message is not suppressed.`,
        `${NOBODY}  refused: There is no such message.`,
      ],
      failure: '2 of 2 refused',
    });
    expect(await audit()).toEqual([]);
  });

  it('is what show advises for such a dead letter', async () => {
    const id = await deadOne('suppressed');
    const { said } = await cli('show', id);
    expect(said).toContain(`  npm run dead-letters -- unsuppress ${id} --note '<how you know>'`);
    expect(said).toContain(`  npm run dead-letters -- retry ${id}`);
  });
});

describe.each(['discard', 'confirm --sent', 'confirm --not-sent'])('%s', (act) => {
  it.each([
    ['without a note', [], "required option '--note <"],
    ['with a note that says nothing', ['--note', ' '], 'It says nothing.'],
    ['by nobody', ['--note', 'so', '--as', ''], 'It says nothing.'],
  ])('%s does nothing', async (_, rest, why) => {
    const id = await deadOne('outcome_unknown');
    expect((await cli(...act.split(' '), id, ...rest)).failure).toContain(why);
    expect(await outboxRow(world.db, id)).toMatchObject({
      dead_reason: 'outcome_unknown',
      discarded_at: null,
    });
    expect(await audit()).toEqual([]);
  });
});

describe('a letter that is confirmed as not sent', () => {
  afterEach(() => world.mailbox.intercept(null));

  it('is written anew under a new key, and goes to the customer’s present address', async () => {
    const { mailbox } = world;
    mailbox.clear();
    const relay = await world.relay();
    const notifier = world.notifier();
    onTestFinished(notifier.stop);
    mailbox.intercept(() => ({
      status: 409,
      body: { statusCode: 409, name: 'invalid_idempotent_request', message: 'Another text.' },
    }));
    const orderId = await world.order('ada@old.example');
    await relay.drain();
    const id = (await world.untilLetter(orderId, 'dead')).notifications[0]?.id ?? '';
    await run(world.db, sql`update customers set email = 'ada@new.example'`);
    mailbox.intercept(null);

    expect((await cli('confirm', '--not-sent', id, '--note', 'not there')).failure).toBeUndefined();
    await relay.drain();
    await world.untilLetter(orderId, 'sent');
    expect(mailbox.letters().map(({ to }) => to)).toEqual([['ada@new.example']]);
    const keys = mailbox.requests().map(({ idempotencyKey }) => idempotencyKey);
    expect(new Set(keys).size).toBe(2);
    expect((await letterRows(world.db, id)).map((row) => row.recipient)).toEqual([
      'ada@old.example',
      'ada@new.example',
    ]);
  });
});

describe('the command as it is built', () => {
  async function command(args: readonly string[], environment = { DATABASE_URL: world.config.databaseUrl }) {
    const node = startNode([COMMAND, ...args], environment);
    onTestFinished(node.end);
    const { code } = await node.ended;
    return { code, output: node.output() };
  }

  it('lists, shows, and puts back: the relay hears of it, and the letter is sent', async () => {
    const { mailbox } = world;
    mailbox.clear();
    const relay = await world.relay();
    const notifier = world.notifier();
    onTestFinished(notifier.stop);
    mailbox.intercept(() => ({
      status: 422,
      body: { statusCode: 422, name: 'validation_error', message: 'Not today.' },
    }));
    const orderId = await world.order();
    await relay.drain();
    const id = (await world.untilLetter(orderId, 'dead')).notifications[0]?.id ?? '';
    mailbox.intercept(null);

    expect(await command(['list'])).toEqual({
      code: 0,
      output: expect.stringMatching(
        new RegExp(
          `^${id}  ${TIME}  order.created    refused: validation_error\n1 in all: 1 refused. Show .*\n$`,
        ),
      ),
    });
    expect((await command(['show', id])).output).toContain('\nin words    Not today.\n');
    let woken = 0;
    onTestFinished(
      await listenForHints(world.config.databaseUrl, () => {
        woken += 1;
      }),
    );
    await until(() => woken === 1, 'a listener');
    expect(await command(['retry', id])).toEqual({ code: 0, output: `${id}  put back\n` });
    await until(() => woken > 1, 'a hint');
    await relay.lead();
    await relay.drain();
    await world.untilLetter(orderId, 'sent');
    expect(await command(['list'])).toEqual({ code: 0, output: 'No dead letters.\n' });
  });

  it('exits with 1 when something was refused, and says what', async () => {
    const id = await deadOne('outcome_unknown');
    const { code, output } = await command(['retry', id]);
    expect(code).toBe(1);
    expect(output).toContain(`${id}  refused: `);
    expect(output).toContain('1 of 1 refused\n');
    expect(output).not.toContain('    at '); // no stack: it is for people
  });

  it.each([
    ['no command', [], 'Usage: dead-letters'],
    ['an unknown reason', ['list', '--reason', 'bad_luck'], 'Allowed choices are'],
  ])('exits with 1 for %s', async (_, args, why) => {
    expect(await command(args)).toEqual({ code: 1, output: expect.stringContaining(why) });
  });

  it('exits with 0 for a question about itself', async () => {
    expect(await command(['--help'])).toMatchObject({ code: 0 });
    expect((await command(['confirm', '--help'])).output).toContain('--not-sent');
  });

  it('exits with 78 without a ledger to ask, and with 1 when that does not answer', async () => {
    expect(await command(['list'], { DATABASE_URL: '' })).toEqual({
      code: 78,
      output: 'DATABASE_URL is required\n',
    });
    const port = await freePort();
    const { code, output } = await command(['list'], {
      DATABASE_URL: `postgres://127.0.0.1:${port}/nowhere`,
    });
    expect(code).toBe(1);
    expect(output).toMatch(/^Postgres cannot be asked: .*ECONNREFUSED.*\n$/);
  });

  it('does all that it was asked to also when nobody reads what it says any more', async () => {
    const ids = await dead(3);
    const node = startNode([COMMAND, 'retry', ...ids], { DATABASE_URL: world.config.databaseUrl });
    onTestFinished(node.end);
    node.deafen();
    expect(await node.ended).toEqual({ code: 0, signal: null });
    for (const id of ids) expect(await outboxRow(world.db, id)).toMatchObject({ run: 2 });
  });
});
