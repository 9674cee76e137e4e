/**
 * `npm run dead-letters -- list|show|retry|confirm|discard`: the dead letters in a terminal, by the same moves as the dashboard.
 * Needs DATABASE_URL only. What it prints may hold addresses and the provider's words: it is for operators.
 */
import { userInfo } from 'node:os';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { pino } from 'pino';
import { readConfig } from './config.ts';
import { type Database, openDatabase } from './database.ts';
import { openHinter } from './hints.ts';
import { command } from './lifecycle.ts';
import {
  type ActResult,
  confirmNotSent,
  confirmSent,
  type DeadLetter,
  deadLetters,
  discardMessage,
  retryAllDead,
  retryMessage,
} from './outbox.ts';
import { DEAD_REASONS } from './schema.ts';

const PAGE = 500;

const OUTCOMES: Readonly<Record<ActResult, string>> = {
  done: 'done',
  unknown_message: 'there is no such message',
  finished: 'refused: it is finished, sent or discarded',
  overtaken: 'nothing to do: it was put back before',
  not_dead: 'nothing to do: it is on its way',
  outcome_unknown: 'refused: it may have been accepted already; find out, and confirm it',
  outcome_known: 'refused: nothing is in doubt; retry it, or discard it',
};

export interface DeadLetterDesk {
  readonly db: Database;
  /** Tells the relay that something was put back. */
  hint(): void;
}

/** The command line, as a program that has yet to be given its words. The desk is opened when a command needs it. */
export function createProgram(openDesk: () => DeadLetterDesk, say: (line: string) => void): Command {
  const operator = userInfo().username;

  const program = new Command('dead-letters')
    .description('Messages at rest until a person moves them.')
    .exitOverride();
  program
    .command('list')
    .description('all dead letters, the oldest first')
    .option('--reason <reason>', 'only these', reason)
    .action(async (options: { reason?: string }) => {
      let count = 0;
      for await (const letter of allDead(options.reason ?? null)) {
        say(line(letter));
        count += 1;
      }
      say(
        count === 0
          ? 'No dead letters.'
          : `${count} in all. Show one with: npm run dead-letters -- show <id>`,
      );
    });

  program
    .command('show <id>')
    .description('all that is known of one')
    .action(async (id: string) => {
      const [letter] = await deadLetters(openDesk().db, { id: uuid(id), limit: 1 });
      if (!letter) throw new Error('there is no such dead letter');
      for (const [name, value] of Object.entries(describe(letter))) say(`${name.padEnd(12)}${value}`);
    });

  program
    .command('retry [ids...]')
    .description('puts dead letters back, with all their attempts')
    .option('--all', 'every one of them')
    .option('--as <operator>', 'who is acting', operator)
    .action(async (ids: string[], options: { all?: boolean; as: string }) => {
      if ((ids.length === 0) === !options.all) throw new Error('name the messages, or say --all');
      if (options.all) {
        const { db, hint } = openDesk();
        return say(`put back: ${await retryAllDead(db, options.as, hint)}`);
      }
      await actOnEach(ids, (db, id) => retryMessage(db, { id, run: null, operator: options.as }));
    });

  program
    .command('discard <ids...>')
    .description('gives dead letters up: nobody will hear of these orders')
    .requiredOption('--note <why>', 'why, for those who come after you')
    .option('--as <operator>', 'who is acting', operator)
    .action((ids: string[], options: { note: string; as: string }) =>
      actOnEach(ids, (db, id) => discardMessage(db, { id, operator: options.as, note: options.note })),
    );

  program
    .command('confirm <ids...>')
    .description('says what became of letters whose outcome is unknown')
    .option('--sent', 'they were accepted: finishes them')
    .option('--not-sent', 'they were not: each gets a new letter, to the customer’s present address')
    .requiredOption('--note <how>', 'how you know, for those who come after you')
    .option('--as <operator>', 'who is acting', operator)
    .action((ids: string[], options: { sent?: boolean; notSent?: boolean; note: string; as: string }) => {
      if (options.sent === options.notSent) throw new Error('say --sent, or --not-sent');
      const confirm = options.sent ? confirmSent : confirmNotSent;
      return actOnEach(ids, (db, id) => confirm(db, { id, operator: options.as, note: options.note }));
    });

  async function* allDead(only: string | null): AsyncGenerator<DeadLetter> {
    const { db } = openDesk();
    let after: DeadLetter | undefined;
    do {
      const page: DeadLetter[] = await deadLetters(db, {
        reason: only,
        limit: PAGE,
        ...(after ? { after } : {}),
      });
      yield* page;
      after = page.length === PAGE ? page.at(-1) : undefined;
    } while (after);
  }

  /** Says of each what became of it; throws at the end when one was refused. */
  async function actOnEach(
    ids: readonly string[],
    act: (db: Database, id: string) => Promise<ActResult>,
  ): Promise<void> {
    const known = ids.map(uuid);
    const { db, hint } = openDesk();
    let refused = 0;
    for (const id of known) {
      const result = await act(db, id);
      say(`${id}  ${OUTCOMES[result]}`);
      if (result === 'done') hint();
      else if (result !== 'overtaken' && result !== 'not_dead') refused += 1;
    }
    if (refused > 0) throw new Error(`${refused} of ${ids.length} refused`);
  }

  return program;
}

function uuid(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text.toLowerCase();
  throw new Error(`${text} is not the id of a message`);
}

function reason(text: string): string {
  const known: readonly string[] = DEAD_REASONS;
  if (known.includes(text)) return text;
  throw new InvalidArgumentError(`known reasons are ${DEAD_REASONS.join(', ')}`);
}

const second = (timestamp: string) => timestamp.slice(0, 19);

const line = (letter: DeadLetter) =>
  [
    letter.id,
    second(letter.at),
    letter.type.padEnd(15),
    letter.answer && letter.answer !== letter.reason ? `${letter.reason}: ${letter.answer}` : letter.reason,
  ].join('  ');

const describe = (letter: DeadLetter) => ({
  message: letter.id,
  type: letter.type,
  order: letter.orderId,
  recipient: letter.recipient ?? '–',
  'dead since': `${second(letter.at)} UTC`,
  reason: letter.reason,
  answer: letter.answer ?? '–',
  'in words': letter.detail ?? '–',
  calls: letter.attempts,
  run: letter.run,
  'staged at': `${second(letter.createdAt)} UTC`,
});

await command(import.meta.filename, async (onClose) => {
  function openDesk(): DeadLetterDesk {
    const { databaseUrl } = readConfig(['DATABASE_URL']);
    const { db, close } = openDatabase(databaseUrl, 'dead-letters', 1);
    onClose('database', close);
    const hinter = openHinter(databaseUrl, pino({ level: 'silent' }));
    onClose('hints', hinter.close);
    return { db, hint: hinter.hint };
  }
  try {
    await createProgram(openDesk, (text) => console.log(text)).parseAsync();
  } catch (error) {
    // Commander has said it already, be it help or a complaint.
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode;
  }
  return 0;
});
