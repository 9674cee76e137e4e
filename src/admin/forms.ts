/** What forms and addresses of the desk carry: parsed at the edge, and refused in words that a person reads. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Cure } from '../cures.ts';
import { isUnavailable } from '../database.ts';
import { ADDRESS, NAME, UUID } from '../fields.ts';
import { plain } from '../lifecycle.ts';
import { html } from '../markup.ts';
import { ANY_DEAD, type DeadFilter, type Position } from '../outbox.ts';
import { answerError } from '../problem.ts';
import { CANARY, LARGEST_CANARY, MOST_PER_SECOND, PER_SECOND, type RedriveRequest } from '../redrives.ts';
import { DEAD_REASONS } from '../schema.ts';
import { page } from './page.ts';

/** A word to those who come after. */
export const LONGEST_NOTE = 500;
/** So many letters are retried by one form, or one request. */
const MOST_SELECTED = 100;

/** A refusal that a person is to read. */
class FormError extends Error {
  readonly statusCode = 400;
}

/** Takes what browsers send; a field that comes more than once is a list, an empty one is none. */
export function readForms(app: FastifyInstance): void {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      const fields: Record<string, string[]> = {};
      for (const [name, value] of new URLSearchParams(String(body)))
        if (value !== '')
          fields[name] = [...(Object.hasOwn(fields, name) ? (fields[name] ?? []) : []), value];
      done(null, fields);
    },
  );
}

/** A field's only value. */
export const fieldOf = (body: unknown, name: string): string | undefined => {
  const values = body !== null && typeof body === 'object' ? Reflect.get(body, name) : undefined;
  return Array.isArray(values) && values.length === 1 ? String(values[0]) : undefined;
};

const WORDS = new RegExp(NAME.pattern, 'u');
const ONE_ADDRESS = new RegExp(ADDRESS.pattern, 'u');

function noteOf(body: unknown): string {
  const note = fieldOf(body, 'note');
  if (note !== undefined && note.length <= LONGEST_NOTE && WORDS.test(note)) return note;
  throw new FormError(`Say why, in ${LONGEST_NOTE} characters at most: it is for those who come after you.`);
}

/** What a form wants done to a letter; undefined where that is nothing that there is. */
export function cureOf(act: string, body: unknown): Cure | undefined {
  switch (act) {
    case 'retry': {
      const run = Number(fieldOf(body, 'run'));
      return { do: 'retry', run: Number.isInteger(run) && run > 0 && run < 2 ** 31 ? run : null };
    }
    case 'correct': {
      const email = fieldOf(body, 'email');
      if (email === undefined || !ONE_ADDRESS.test(email))
        throw new FormError(`The address must be ${ADDRESS.words}.`);
      return { do: 'correct', email, note: noteOf(body) };
    }
    case 'confirm':
      return {
        do: 'confirm',
        outcome: fieldOf(body, 'outcome') === 'sent' ? 'sent' : 'not_sent',
        note: noteOf(body),
      };
    case 'discard':
    case 'unsuppress':
      return { do: act, note: noteOf(body) };
    default:
      return undefined;
  }
}

/** The letters that were ticked. */
export function idsOf(body: unknown): string[] {
  const ids = body !== null && typeof body === 'object' ? Reflect.get(body, 'id') : undefined;
  if (!Array.isArray(ids) || ids.length === 0)
    throw new FormError('Tick the letters that are to be retried.');
  if (ids.length > MOST_SELECTED || !ids.every((id) => typeof id === 'string' && UUID.test(id)))
    throw new FormError(`At most ${MOST_SELECTED} letters at once, by their ids.`);
  return ids;
}

export function redriveOf(body: unknown): Omit<RedriveRequest, 'operator'> {
  const fields = body !== null && typeof body === 'object' ? Object.entries(body) : [];
  const { filter } = filterOf(Object.fromEntries(fields.map(([name]) => [name, fieldOf(body, name)])));
  return {
    filter,
    canary: between(fieldOf(body, 'canary'), CANARY, LARGEST_CANARY),
    perSecond: between(fieldOf(body, 'perSecond'), PER_SECOND, MOST_PER_SECOND),
    note: fieldOf(body, 'note') === undefined ? null : noteOf(body),
  };
}

function between(text: string | undefined, usual: number, most: number): number {
  const number = text === undefined ? usual : Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= most) return number;
  throw new FormError(`A whole number from 1 to ${most.toLocaleString('en')}.`);
}

/** Which dead letters an address asks for, and behind which of them; what it does not say in our words it does not say. */
export function filterOf(query: unknown): { filter: DeadFilter; after?: Position } {
  const asked = new Map(Object.entries(query ?? {}));
  const { reason, type } = Object.fromEntries(asked);
  const after = positionOf(asked.get('after'));
  return {
    filter: {
      ...ANY_DEAD,
      reason: DEAD_REASONS.find((known) => known === reason) ?? null,
      type: typeof type === 'string' && /^[a-z.]{1,40}$/.test(type) ? type : null,
      since: instantOf(asked.get('since')),
      until: instantOf(asked.get('until')),
    },
    ...(after ? { after } : {}),
  };
}

/** Whether it asks for more than a reason. */
export const isNarrow = ({ type, since, until }: DeadFilter): boolean =>
  type !== null || since !== null || until !== null;

/** A time as browsers send it, which knows no zone: UTC, as everything here. */
function instantOf(text: unknown): string | null {
  if (typeof text !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z?$/.test(text))
    return null;
  const at = new Date(text.endsWith('Z') ? text : `${text}Z`);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}

const POSITION = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00) ([0-9a-f-]{36})$/;

/** Where a page ended, for the next one's address. */
export const positionText = ({ at, id }: Position): string =>
  Buffer.from(`${at} ${id}`).toString('base64url');

function positionOf(text: unknown): Position | undefined {
  if (typeof text !== 'string') return undefined;
  const [, at, id = ''] = POSITION.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  return at && UUID.test(id) ? { at, id } : undefined;
}

/** A refusal as a page. */
export function refuse(reply: FastifyReply, status: number, words: string): FastifyReply {
  return reply
    .status(status)
    .type('text/html; charset=utf-8')
    .send(
      page({
        ...{ title: 'Not done', here: null, told: { kind: 'refused', words } },
        body: html`<p><a href="/admin/dead-letters">To the dead letters</a></p>`,
      }),
    );
}

/** What goes wrong on a page is said on a page; the log hears of it as it does of everything. */
export function answerInWords(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof FormError) return refuse(reply, error.statusCode, error.message);
  if (!isUnavailable(error)) return answerError(error, request, reply);
  request.log.warn({ error: plain(error), route: request.routeOptions.url }, 'the ledger cannot be reached');
  reply.header('retry-after', '2');
  return refuse(
    reply,
    503,
    'Postgres cannot be asked now. Whether something was done shows when it is back.',
  );
}
