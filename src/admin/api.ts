/** The desk for programs: dead letters and what can be done about them, as JSON, behind the same credentials as the pages. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { readJson } from '../api/json.ts';
import { Id, IdParams, NoQuery, problems } from '../api/schemas.ts';
import { type Cure, type Cured, cure, putsBack, REFUSALS } from '../cures.ts';
import type { Database } from '../database.ts';
import { ADDRESS, NAME } from '../fields.ts';
import { type DeadFilter, deadCounts, deadLetters } from '../outbox.ts';
import { sendProblem } from '../problem.ts';
import {
  CANARY,
  cancelRedrive,
  findRedrives,
  LARGEST_CANARY,
  MOST_PER_SECOND,
  PER_SECOND,
  startRedrive,
  tallyOf,
} from '../redrives.ts';
import { DEAD_REASONS, REDRIVE_ENDS } from '../schema.ts';
import { filterOf, LONGEST_NOTE, positionText } from './forms.ts';

const strict = { additionalProperties: false };
const Note = Type.String({
  ...{ minLength: 1, maxLength: LONGEST_NOTE, pattern: NAME.pattern },
  description: 'Why, for those who come after you',
});
const Instant = Type.String({ format: 'date-time' });
const maybe = <Schema extends TSchema>(schema: Schema) => Type.Optional(schema);
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

const filterFields = {
  reason: maybe(Type.Enum([...DEAD_REASONS])),
  type: maybe(Type.String({ pattern: '^[a-z.]{1,40}$' })),
  since: maybe(Type.String({ format: 'date-time', pattern: 'Z$', description: 'Dead since then, UTC' })),
  until: maybe(Type.String({ format: 'date-time', pattern: 'Z$', description: 'Dead until then, UTC' })),
};
const DeadLettersQuery = Type.Object(
  {
    ...filterFields,
    limit: maybe(Type.String({ pattern: '^(?:[1-9]\\d?|100)$' })),
    after: maybe(
      Type.String({ pattern: '^[A-Za-z0-9_-]{70,100}$', description: '`next` of the page before' }),
    ),
  },
  strict,
);
const DeadLetter = Type.Object({
  id: Id,
  orderId: Id,
  type: Type.String(),
  run: Type.Integer(),
  deadAt: Type.String(),
  reason: Type.Enum([...DEAD_REASONS]),
  answer: orNull(Type.String({ description: 'The provider’s code for its last answer' })),
  calls: Type.Integer(),
});
const DeadLetterPage = Type.Object({
  matched: Type.Integer({ description: 'How many there are' }),
  retriable: Type.Integer({ description: 'How many of them a retry would put back' }),
  deadLetters: Type.Array(DeadLetter),
  next: orNull(Type.String()),
});
const NewRedrive = Type.Object(
  {
    ...filterFields,
    canary: maybe(Type.Integer({ minimum: 1, maximum: LARGEST_CANARY, description: 'How many go first' })),
    perSecond: maybe(
      Type.Integer({ minimum: 1, maximum: MOST_PER_SECOND, description: 'How many a second follow' }),
    ),
    note: maybe(Note),
  },
  strict,
);
const Redrive = Type.Object({
  id: Id,
  operator: Type.String(),
  note: orNull(Type.String()),
  reason: orNull(Type.String()),
  type: orNull(Type.String()),
  matched: Type.Integer(),
  canary: Type.Integer(),
  perSecond: Type.Integer(),
  putBack: Type.Integer(),
  accepted: Type.Integer({ description: 'Of the last ones that were put back' }),
  failed: Type.Integer({ description: 'Of the last ones: dead again' }),
  underWay: Type.Integer(),
  createdAt: Instant,
  passedAt: orNull(Instant),
  endedAt: orNull(Instant),
  ended: orNull(Type.Enum([...REDRIVE_ENDS])),
});
const Nothing = Type.Null({ description: 'Done' });

export const deskApiRoutes: FastifyPluginAsyncTypebox<{
  readonly db: Database;
  readonly onStaged: () => void;
}> = async (app, { db, onStaged }) => {
  readJson(app);
  app.addHook('onRoute', ({ schema }) => {
    if (schema) schema.querystring ??= NoQuery;
  });
  const common = { tags: ['operators'], security: [{ basic: [] }] };

  async function act(reply: FastifyReply, id: string, what: Cure): Promise<FastifyReply> {
    const result: Cured = await cure(db, id, reply.request.operator, what);
    if (result !== 'done') return sendProblem(reply, ...REFUSALS[result]);
    if (putsBack(what)) onStaged();
    return reply.status(204).send(null);
  }

  app.get(
    '/dead-letters',
    {
      schema: {
        ...common,
        summary: 'Dead letters, the oldest first, and how many there are',
        querystring: DeadLettersQuery,
        response: { 200: DeadLetterPage, ...problems(503) },
      },
    },
    async ({ query }) => {
      const limit = Number(query.limit ?? 20);
      const { filter, after } = filterOf(query);
      const [page, counts] = await Promise.all([
        deadLetters(db, { filter, limit: limit + 1, ...(after ? { after } : {}) }),
        deadCounts(db, filter),
      ]);
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return {
        ...tallyOf(counts),
        deadLetters: shown.map(({ id, orderId, type, run, at, reason, answer, attempts }) => ({
          ...{ id, orderId, type, run, deadAt: at, reason, answer, calls: attempts },
        })),
        next: page.length > limit && last ? positionText(last) : null,
      };
    },
  );

  app.post(
    '/dead-letters/:id/retry',
    {
      schema: {
        ...common,
        summary: 'Put one back: the same letter, with all its attempts',
        params: IdParams,
        response: { 204: Nothing, ...problems(403, 404, 409, 503) },
      },
    },
    async ({ params }, reply) => void (await act(reply, params.id, { do: 'retry', run: null })),
  );

  app.post(
    '/dead-letters/:id/correct',
    {
      schema: {
        ...common,
        summary: 'Put one back with a new letter to another address',
        params: IdParams,
        body: Type.Object(
          { email: Type.String({ pattern: ADDRESS.pattern, maxLength: 254 }), note: Note },
          strict,
        ),
        response: { 204: Nothing, ...problems(403, 404, 409, 503) },
      },
    },
    async ({ params, body }, reply) => void (await act(reply, params.id, { do: 'correct', ...body })),
  );

  app.post(
    '/dead-letters/:id/confirm',
    {
      schema: {
        ...common,
        summary: 'Say what became of a letter of unknown outcome',
        params: IdParams,
        body: Type.Object({ outcome: Type.Enum(['sent', 'not_sent']), note: Note }, strict),
        response: { 204: Nothing, ...problems(403, 404, 409, 503) },
      },
    },
    async ({ params, body }, reply) => void (await act(reply, params.id, { do: 'confirm', ...body })),
  );

  for (const [what, summary] of [
    ['discard', 'Give one up'],
    ['unsuppress', 'Let letters go again to its address'],
  ] as const)
    app.post(
      `/dead-letters/:id/${what}`,
      {
        schema: {
          ...common,
          summary,
          params: IdParams,
          body: Type.Object({ note: Note }, strict),
          response: { 204: Nothing, ...problems(403, 404, 409, 503) },
        },
      },
      async ({ params, body }, reply) => void (await act(reply, params.id, { do: what, ...body })),
    );

  app.post(
    '/dead-letters/redrives',
    {
      schema: {
        ...common,
        summary: 'Put back all that match: a few first, then at a rate, until letters die again',
        body: NewRedrive,
        response: { 201: Redrive, ...problems(403, 409, 503) },
      },
    },
    async ({ body, operator }, reply) => {
      const filter: DeadFilter = filterOf(body).filter;
      const { canary = CANARY, perSecond = PER_SECOND, note = null } = body;
      const started = await startRedrive(db, { filter, canary, perSecond, note, operator });
      if (started.outcome === 'nothing_matches')
        return sendProblem(reply, 409, 'Nothing matches that a retry would put back.');
      if (started.outcome === 'under_way')
        return sendProblem(reply, 409, `A redrive is under way already: ${started.id}.`);
      const [redrive] = await findRedrives(db, { id: started.id, limit: 1 });
      if (!redrive) throw new Error('the redrive is gone that has just begun');
      reply.header('location', `/admin/api/dead-letters/redrives/${started.id}`);
      return reply.status(201).send(redrive);
    },
  );

  app.get(
    '/dead-letters/redrives/:id',
    {
      schema: {
        ...common,
        summary: 'How a redrive is getting on',
        params: IdParams,
        response: { 200: Redrive, ...problems(404, 503) },
      },
    },
    async ({ params }, reply) => {
      const [redrive] = await findRedrives(db, { id: params.id, limit: 1 });
      return redrive ?? sendProblem(reply, 404, 'There is no such redrive.');
    },
  );

  app.post(
    '/dead-letters/redrives/:id/cancel',
    {
      schema: {
        ...common,
        summary: 'End a redrive before its time',
        params: IdParams,
        response: { 204: Nothing, ...problems(403, 409, 503) },
      },
    },
    async ({ params }, reply) =>
      (await cancelRedrive(db, params.id))
        ? reply.status(204).send(null)
        : sendProblem(reply, 409, 'This redrive is not under way.'),
  );
};
