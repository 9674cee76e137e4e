/** The provider's reports: signed by it, taken in once each, and what is not understood is no reason for it to ask again. */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { NoQuery, problems } from './api/schemas.ts';
import { refuseCredentials } from './credentials.ts';
import type { Database } from './database.ts';
import { type ProviderEvent, receiveEvent } from './deliveries.ts';
import { UUID } from './fields.ts';
import type { Counter } from './limits.ts';
import { sendProblem } from './problem.ts';

export interface WebhookParts {
  readonly db: Database;
  /** `whsec_…`, the old and the new one while they are rotated. */
  readonly secrets: readonly string[];
  /** Of wrong credentials. */
  readonly wrong: Counter;
}

/** Older reports, and those from the future, may be somebody's who has listened. */
const WINDOW_SECONDS = 300;
/** While secrets are rotated the provider signs with each of them. */
const MOST_SIGNATURES = 16;

const SignatureHeaders = Type.Object({
  'svix-id': Type.Optional(Type.String({ description: 'The report’s id' })),
  'svix-timestamp': Type.Optional(Type.String({ description: 'Seconds since 1970' })),
  'svix-signature': Type.Optional(
    Type.String({
      description: '`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; several, apart by spaces',
    }),
  ),
});

export const webhookRoutes: FastifyPluginAsyncTypebox<WebhookParts> = async (app, { db, secrets, wrong }) => {
  const keys = secrets.map((secret) => Buffer.from(secret.slice('whsec_'.length), 'base64'));
  // The signature is over the very bytes.
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.post(
    '/webhooks/resend',
    {
      schema: {
        tags: ['webhooks'],
        summary: 'A report of the provider, signed by it',
        security: [{ webhook: [] }],
        headers: SignatureHeaders,
        querystring: NoQuery,
        response: {
          200: Type.Object({ received: Type.Literal(true) }),
          ...problems(400, 401, 404, 413, 415, 429, 503),
        },
      },
    },
    async (request, reply) => {
      if (keys.length === 0)
        return sendProblem(reply, 404, 'No secret is set here for reports of the provider.');
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const id = verified(request.headers, body, keys);
      if (id === undefined)
        return refuseCredentials(reply, wrong, {
          given: request.headers['svix-signature'] !== undefined,
          detail: 'This report is not signed by the provider.',
        });
      const event = readEvent(id, body);
      if (!event)
        return sendProblem(reply, 400, 'The body is not valid.', [{ path: '', message: 'is not a report' }]);
      await receiveEvent(db, event);
      return { received: true as const };
    },
  );
};

/** The report's id, if it is signed with one of the keys and of these minutes. */
function verified(
  headers: FastifyRequest['headers'],
  body: Buffer,
  keys: readonly Buffer[],
): string | undefined {
  const [id, timestamp, signature] = ['svix-id', 'svix-timestamp', 'svix-signature'].map((name) =>
    String(headers[name] ?? ''),
  );
  if (!id || !/^[\x21-\x7e]{1,200}$/.test(id) || !timestamp || !/^\d{1,12}$/.test(timestamp))
    return undefined;
  if (Math.abs(Date.now() / 1_000 - Number(timestamp)) > WINDOW_SECONDS) return undefined;
  const right = keys.map((key) =>
    createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest(),
  );
  const given = (signature ?? '')
    .split(' ', MOST_SIGNATURES)
    .filter((one) => one.startsWith('v1,'))
    .map((one) => Buffer.from(one.slice('v1,'.length), 'base64'));
  const isRight = given.some((one) =>
    right.some((digest) => one.length === digest.length && timingSafeEqual(one, digest)),
  );
  return isRight ? id : undefined;
}

const CODE = /^[\w.-]{1,100}$/;

/**
 * What is of use in a report; undefined when it is none at all. What is missing or has another form than expected is left out: the
 * provider would only send it again.
 */
function readEvent(id: string, body: Buffer): ProviderEvent | undefined {
  const report = parse(body);
  const type = text(field(report, 'type'), CODE);
  if (type === null) return undefined;
  const data = field(report, 'data');
  const at = instant(field(report, 'created_at')) ?? new Date().toISOString();
  return {
    ...{ id, type, at },
    messageId: text(tag(field(data, 'tags'), 'message_id'), UUID)?.toLowerCase() ?? null,
    providerId: text(field(data, 'email_id'), CODE),
    takenAt: instant(field(data, 'created_at')) ?? at,
    // Only what the receiver may take later is no reason to stop. A report without a kind is of a refusal for good.
    forGood: !/^(transient|undetermined)$/i.test(String(field(field(data, 'bounce'), 'type'))),
  };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

function field(of: unknown, name: string): unknown {
  if (typeof of !== 'object' || of === null || !Object.hasOwn(of, name)) return undefined;
  return (of as Readonly<Record<string, unknown>>)[name]; // it has it
}

/** They come as an object, or as they were sent: a list of names and values. */
function tag(tags: unknown, name: string): unknown {
  if (!Array.isArray(tags)) return field(tags, name);
  return field(
    tags.find((one) => field(one, 'name') === name),
    'value',
  );
}

const text = (value: unknown, form: RegExp): string | null =>
  typeof value === 'string' && form.test(value) ? value : null;

/** An instant that Postgres can hold; undefined for what is none, or cannot be true. */
function instant(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 40) return undefined;
  // The provider also writes `2026-11-22 23:41:12.126+00`.
  const ms = Date.parse(value.replace(/^(\d{4}-\d\d-\d\d) /, '$1T').replace(/([+-]\d\d)$/, '$1:00'));
  const known = ms > Date.UTC(2020, 0) && ms < Date.now() + 86_400_000;
  return known ? new Date(ms).toISOString() : undefined;
}
