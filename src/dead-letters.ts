/**
 * `npm run dead-letters -- list|show|retry|correct|redrive|confirm|discard|unsuppress`: the dead letters in a terminal, by the same moves as the dashboard.
 * Needs DATABASE_URL only. What it prints may hold addresses and the provider's words: it is for operators.
 */
import { userInfo } from 'node:os';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { readConfig } from './config.ts';
import { REFUSALS } from './cures.ts';
import { type Database, isUnavailable, openDatabase } from './database.ts';
import { type Lifted, unsuppress } from './deliveries.ts';
import { ADDRESS } from './fields.ts';
import { openHinter } from './hints.ts';
import { command, plain } from './lifecycle.ts';
import {
  type ActResult,
  ANY_DEAD,
  confirmNotSent,
  confirmSent,
  correctRecipient,
  type DeadLetter,
  deadCounts,
  deadGroups,
  deadLetters,
  discardMessage,
  findMessage,
  type MessageRecord,
  retryAllDead,
  retryMessage,
} from './outbox.ts';
import {
  CANARY,
  cancelRedrive,
  findRedrives,
  LARGEST_CANARY,
  MOST_PER_SECOND,
  PER_SECOND,
  type Redrive,
  startRedrive,
  tallyOf,
} from './redrives.ts';
import { DEAD_REASONS } from './schema.ts';

const PAGE = 500;
const CLI = 'npm run dead-letters --';

/** What a person can do to one message. */
interface Act {
  /** How it is told when it is done. */
  readonly done: string;
  /** Whether it puts messages back: one that is on its way leaves nothing to do then. */
  readonly putsBack: boolean;
  make(db: Database, id: string): Promise<ActResult | Lifted>;
}

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
    .addOption(new Option('--reason <reason>', 'only these').choices(DEAD_REASONS))
    .action(async ({ reason = null }: { reason?: string | null }) => {
      const counts = new Map<string, number>();
      for await (const letter of allDead(reason)) {
        say(line(letter));
        counts.set(letter.reason, (counts.get(letter.reason) ?? 0) + 1);
      }
      if (counts.size === 0)
        return say(reason ? `No dead letters with the reason ${reason}.` : 'No dead letters.');
      say(`${summary(counts)}. Show one with: ${CLI} show <id>`);
    });

  program
    .command('show <id>')
    .description('all that is known of one; of any message, where it stands')
    .action(async (text: string) => {
      const { db } = openDesk();
      const id = messageId(text);
      const message = await findMessage(db, id);
      if (!message) throw new Error('no message has this id, or none any more: finished ones are purged');
      const [letter] = await deadLetters(db, { id, limit: 1 });
      for (const [name, value] of Object.entries(letter ? describe(letter) : whereabouts(message)))
        say(`${name.padEnd(12)}${value}`);
      for (const { at, operator, action, note } of message.acts)
        say(`${second(at)}  ${action} by ${operator}${note ? `: ${note}` : ''}`);
      for (const words of letter ? advice(letter) : []) say(words);
    });

  program
    .command('retry [ids...]')
    .description('puts dead letters back, with all their attempts')
    .option('--all', 'every one of them')
    .option('--as <operator>', 'who is acting', words, operator)
    .action(async (ids: string[], options: { all?: boolean; as: string }) => {
      if ((ids.length === 0) === !options.all) throw new Error('name the messages, or say --all');
      if (options.all) {
        const { db, hint } = openDesk();
        say(`put back: ${await retryAllDead(db, options.as, hint)}`);
        const left = (await deadGroups(db)).find(({ reason }) => reason === 'outcome_unknown');
        if (left) say(`left alone, outcome unknown: ${left.count}. See ${CLI} list --reason outcome_unknown`);
        return;
      }
      await actOnEach(ids, {
        done: 'put back',
        putsBack: true,
        make: (db, id) => retryMessage(db, { id, run: null, operator: options.as }),
      });
    });

  program
    .command('correct <id>')
    .description('puts one back with a new letter to another address')
    .requiredOption('--to <address>', 'the right address', address)
    .requiredOption('--note <how>', 'how you know it, for those who come after you', words)
    .option('--as <operator>', 'who is acting', words, operator)
    .action((id: string, options: { to: string; note: string; as: string }) =>
      actOnEach([id], {
        done: 'put back, for a new letter to that address',
        putsBack: true,
        make: (db, one) =>
          correctRecipient(db, { id: one, email: options.to, operator: options.as, note: options.note }),
      }),
    );

  const redrive = program
    .command('redrive')
    .description('puts many back: a few first, then at a rate, until letters die again');
  redrive
    .command('start', { isDefault: true })
    .description('counts what matches; with --yes puts it back')
    .addOption(new Option('--reason <reason>', 'only these').choices(DEAD_REASONS))
    .option('--type <type>', 'only messages of this type')
    .option('--since <time>', 'only those that are dead since then, as 2026-11-27T03:00:00Z', instant)
    .option('--until <time>', 'only those that were dead by then', instant)
    .option('--canary <count>', 'how many go first', upTo(LARGEST_CANARY), CANARY)
    .option('--rate <count>', 'how many a second follow', upTo(MOST_PER_SECOND), PER_SECOND)
    .option('--note <why>', 'why, for those who come after you', words)
    .option('--as <operator>', 'who is acting', words, operator)
    .option('--yes', 'not only count: begin')
    .action(async (options: RedriveOptions) => {
      const { db } = openDesk();
      const { reason = null, type = null, since = null, until = null } = options;
      const filter = { reason, type, since, until };
      const { matched, retriable } = tallyOf(await deadCounts(db, filter));
      const left = matched - retriable;
      say(`match: ${matched}${left > 0 ? `, of which ${left} are left alone, outcome unknown` : ''}`);
      if (!options.yes)
        return say(retriable > 0 ? 'Nothing was done. To put them back add: --yes' : 'Nothing to put back.');
      const { canary, rate: perSecond, note = null, as } = options;
      const started = await startRedrive(db, { filter, canary, perSecond, note, operator: as });
      if (started.outcome === 'nothing_matches')
        throw new Error('nothing matches that a retry would put back');
      if (started.outcome === 'under_way') throw new Error(`a redrive is under way already: ${started.id}`);
      say(`begun: ${started.id}. The relay carries it on; see how with: ${CLI} redrive show`);
    });
  redrive
    .command('show')
    .description('how the latest ones are getting on')
    .action(async () => {
      const redrives = await findRedrives(openDesk().db, { limit: 5 });
      if (redrives.length === 0) say('There has been no redrive.');
      for (const one of redrives) say(redriveLine(one));
    });
  redrive
    .command('cancel')
    .description('ends the one that is under way; what is put back goes its way')
    .action(async () => {
      const { db } = openDesk();
      const [latest] = await findRedrives(db, { limit: 1 });
      if (!latest || !(await cancelRedrive(db, latest.id))) throw new Error('no redrive is under way');
      say(`cancelled: ${latest.id}`);
    });

  program
    .command('discard <ids...>')
    .description('gives dead letters up: nobody will hear of these orders')
    .requiredOption('--note <why>', 'why, for those who come after you', words)
    .option('--as <operator>', 'who is acting', words, operator)
    .action((ids: string[], options: { note: string; as: string }) =>
      actOnEach(ids, {
        done: 'discarded',
        putsBack: false,
        make: (db, id) => discardMessage(db, { id, operator: options.as, note: options.note }),
      }),
    );

  program
    .command('confirm <ids...>')
    .description('says what became of letters whose outcome is unknown')
    .option('--sent', 'they were accepted: finishes them')
    .option('--not-sent', 'they were not: each gets a new letter, to the customer’s present address')
    .requiredOption('--note <how>', 'how you know, for those who come after you', words)
    .option('--as <operator>', 'who is acting', words, operator)
    .action((ids: string[], options: { sent?: boolean; notSent?: boolean; note: string; as: string }) => {
      if (options.sent === options.notSent) throw new Error('say --sent, or --not-sent');
      const confirm = options.sent ? confirmSent : confirmNotSent;
      return actOnEach(ids, {
        done: options.sent ? 'finished as sent' : 'put back, for a new letter',
        putsBack: !options.sent,
        make: (db, id) => confirm(db, { id, operator: options.as, note: options.note }),
      });
    });

  program
    .command('unsuppress <ids...>')
    .description('lets letters go again to the addresses of these messages')
    .requiredOption('--note <why>', 'how you know that they may, for those who come after you', words)
    .option('--as <operator>', 'who is acting', words, operator)
    .action((ids: string[], options: { note: string; as: string }) =>
      actOnEach(ids, {
        done: 'its address gets letters again; what is dead must be retried',
        putsBack: false,
        make: (db, id) => unsuppress(db, { id, operator: options.as, note: options.note }),
      }),
    );

  async function* allDead(only: string | null): AsyncGenerator<DeadLetter> {
    const { db } = openDesk();
    let after: DeadLetter | undefined;
    do {
      const page: DeadLetter[] = await deadLetters(db, {
        filter: { ...ANY_DEAD, reason: only },
        limit: PAGE,
        ...(after ? { after } : {}),
      });
      yield* page;
      after = page.length === PAGE ? page.at(-1) : undefined;
    } while (after);
  }

  /** Says of each what became of it; throws at the end when one was refused. */
  async function actOnEach(ids: readonly string[], act: Act): Promise<void> {
    const known = ids.map(messageId);
    const { db, hint } = openDesk();
    let refused = 0;
    for (const id of known) {
      const result = await act.make(db, id);
      if (result === 'done') {
        say(`${id}  ${act.done}`);
        if (act.putsBack) hint();
      } else if (result === 'not_dead' && act.putsBack) say(`${id}  nothing to do: it is on its way`);
      else {
        say(`${id}  refused: ${REFUSALS[result][1]}`);
        refused += 1;
      }
    }
    if (refused > 0) throw new Error(`${refused} of ${ids.length} refused`);
  }

  return program;
}

/** A job's id names its message too: the dashboard shows those. */
function messageId(text: string): string {
  const [, id] = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-\d+)?$/i.exec(text) ?? [];
  if (id) return id.toLowerCase();
  throw new Error(`${text} is not the id of a message; nothing was done`);
}

function words(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It says nothing.');
}

function address(text: string): string {
  if (new RegExp(ADDRESS.pattern, 'u').test(text)) return text;
  throw new InvalidArgumentError(`It must be ${ADDRESS.words}.`);
}

function instant(text: string): string {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError('A time is written as 2026-11-27T03:00:00Z.');
}

const upTo = (most: number) => (text: string) => {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= most) return number;
  throw new InvalidArgumentError(`A whole number from 1 to ${most}.`);
};

interface RedriveOptions {
  readonly reason?: string;
  readonly type?: string;
  readonly since?: string;
  readonly until?: string;
  readonly canary: number;
  readonly rate: number;
  readonly note?: string;
  readonly as: string;
  readonly yes?: boolean;
}

const redriveLine = ({
  id,
  matched,
  putBack,
  accepted,
  failed,
  underWay,
  ended,
  passedAt,
  operator,
}: Redrive) =>
  [
    id,
    (ended ?? (passedAt ? 'under way' : 'first ones')).padEnd(10),
    `${putBack} of ${matched} put back; of the last ones ${accepted} accepted, ${failed} dead again, ${underWay} on their way`,
    `by ${operator}`,
  ].join('  ');

function summary(counts: ReadonlyMap<string, number>): string {
  const total = [...counts.values()].reduce((sum, count) => sum + count);
  return `${total} in all: ${[...counts].map(([reason, count]) => `${count} ${reason}`).join(', ')}`;
}

const second = (timestamp: string) => `${timestamp.slice(0, 19)} UTC`;

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
  'dead since': second(letter.at),
  reason: letter.reason,
  answer: letter.answer ?? '–',
  'in words': letter.detail ?? '–',
  calls: letter.attempts,
  run: letter.run,
  'staged at': second(letter.createdAt),
});

const STANDS: Readonly<Record<MessageRecord['stands'], string>> = {
  staged: 'waits for the relay',
  enqueued: 'on its way',
  sent: 'sent',
  discarded: 'discarded',
  dead: 'dead',
};

const whereabouts = ({ id, type, orderId, stands, since }: MessageRecord) => ({
  message: id,
  type,
  order: orderId,
  stands: `${STANDS[stands]}, since ${second(since)}`,
});

/** What can be done now, to be copied. */
const advice = ({ id, reason }: DeadLetter): string[] => [
  '',
  ...(reason === 'outcome_unknown'
    ? [
        'It may have been accepted. Look for it at the provider (its tag message_id is the message above), then say what you found:',
        `  ${CLI} confirm --sent ${id} --note '<how you know>'`,
        `  ${CLI} confirm --not-sent ${id} --note '<how you know>'`,
      ]
    : reason === 'suppressed'
      ? [
          'Nothing is sent to its address: it bounced, or somebody complained. If it may get letters again:',
          `  ${CLI} unsuppress ${id} --note '<how you know>'`,
          `  ${CLI} retry ${id}`,
          'Else give it up:',
          `  ${CLI} discard ${id} --note '<why>'`,
        ]
      : [
          'Put it back, or give it up:',
          `  ${CLI} retry ${id}`,
          ...(reason === 'refused'
            ? [`  ${CLI} correct ${id} --to '<the right address>' --note '<how you know>'`]
            : []),
          `  ${CLI} discard ${id} --note '<why>'`,
        ]),
  'What each reason asks for stands in docs/operations.md, under Dead letters.',
];

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
    if (error instanceof CommanderError) return error.exitCode;
    throw isUnavailable(error) ? new Error(`Postgres cannot be asked: ${plain(error).message}`) : error;
  }
  return 0;
});
