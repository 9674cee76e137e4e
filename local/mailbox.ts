/**
 * The local mailbox, the only double in this project: a server on 127.0.0.1 that speaks Resend's HTTP API
 * (`POST /emails`, `POST /emails/batch`), enforces its documented rules, delivers nothing and shows every accepted
 * letter on its page.
 *
 * Addresses that misbehave on purpose, by the local part before any `+`, at any domain:
 *
 *     refused@   422 validation_error: a definite refusal
 *     limited@   429 rate_limit_exceeded once per idempotency key, then accepted
 *     down@      always 500
 *     flaky@     500 twice per idempotency key, then accepted
 *     slow@      accepted after 2 s
 *     hangup@    accepted, then the connection closes without an answer; the repeat under the same key answers 200
 *
 * Everything else is accepted at once. In a batch one such letter decides for the whole request, except that refused@
 * counts as a bad letter of its own. Requests without a key are told apart by their bodies; without a key hangup@
 * accepts a letter every time, as the provider would.
 *
 * Not checked: that the sender's domain is verified, quotas, templates. `scheduled_at` is let through and not waited for.
 * Kept in memory: the last 10,000 letters and the last 10,000 requests, of each at most 128 million characters of bodies.
 * Idempotency keys are kept for 24 hours, but not beyond a restart.
 */

import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import {
  type Answer,
  METHOD_NOT_ALLOWED,
  NOT_FOUND,
  refuse,
  SERVER_ERROR,
  validationError,
} from './mailbox/answers.ts';
import type { AcceptedLetter } from './mailbox/letter.ts';
import { type Call, type Office, openOffice } from './mailbox/office.ts';
import { DOCUMENTED_RATE } from './mailbox/rate.ts';
import { keepRecent } from './mailbox/recent.ts';
import { servePages } from './mailbox/site.ts';

/** The documented 40 MB of attachments, with room for the letter around them. */
const BODY_LIMIT = 48 * 1024 * 1024;

const API_PATHS = ['/emails', '/emails/batch'];

export interface Mailbox {
  /** Base URL, to be used as RESEND_BASE_URL; also the page. */
  readonly url: string;
  /** In order of acceptance; the last 10,000. */
  letters(): readonly AcceptedLetter[];
  /** Every POST to the API in order of arrival; the last 10,000. */
  requests(): readonly ReceivedRequest[];
  /** Test hook: while set, called for each request before the ordinary rules; returning an answer replaces them. */
  intercept(handler: Interceptor | null): void;
  /** Forgets letters, requests, idempotency keys, failures and the rate's window; leaves the file and the hook. */
  clear(): void;
  /** Also destroys hanging sockets at once; a letter still on its way to slow@ is not accepted. */
  close(): Promise<void>;
}

interface ReceivedRequest {
  /** ISO 8601, UTC. */
  at: string;
  path: string;
  idempotencyKey: string | null;
  /** `no answer` also while the request is under way, and when the client went away before its answer. */
  status: number | 'hung up' | 'no answer';
  body: string;
}

/** `body` is the parsed JSON, or undefined when it was none. */
type Interceptor = (request: {
  path: string;
  idempotencyKey: string | null;
  body: unknown;
}) => Interception | undefined;

/**
 * An answer in place of the ordinary one; or no answer (`hang`), or a closed connection (`hang-up`). With `accept-and-`
 * the ordinary rules, all of them, judge the request first, so that a good letter is accepted but nobody hears of it.
 * A string body is sent as it is, anything else as JSON.
 */
export type Interception =
  | { status: number; body?: unknown; headers?: Record<string, string> }
  | 'hang'
  | 'hang-up'
  | 'accept-and-hang-up'
  | 'accept-and-hang';

export interface MailboxOptions {
  /** Free when absent. */
  port?: number;
  /** Any `re_…` is accepted when absent. */
  apiKey?: string;
  /** Requests per second for the whole account, by default the documented 5; may be Infinity. */
  ratePerSecond?: number;
  /** Each accepted letter is appended here as a line of JSON before the request is answered. */
  file?: string;
}

type Outcome = Answer | 'hung up' | 'no answer';

/** Starts a mailbox on 127.0.0.1. Throws when the port is taken or the file cannot be written. */
export async function startMailbox(options: MailboxOptions = {}): Promise<Mailbox> {
  const requests = keepRecent<ReceivedRequest>();
  const { port = 0, apiKey, ratePerSecond = DOCUMENTED_RATE, file } = options;
  const office = openOffice({ apiKey, ratePerSecond, file });
  let interceptor: Interceptor | null = null;

  const app = fastify({ forceCloseConnections: true, bodyLimit: BODY_LIMIT });
  takeBodiesAsText(app);
  answerErrorsLikeTheProvider(app);
  servePages(app, office.letters);
  for (const path of API_PATHS) {
    app.post(path, async (request, reply) => {
      const call = callOf(path, request);
      const entry = entryOf(call);
      requests.add(entry);
      const outcome = await settle(call, interceptor, office);
      entry.status = statusOf(outcome, request);
      return deliver(outcome, reply);
    });
  }
  app.addHook('preClose', async () => office.close());

  return {
    url: await app.listen({ host: '127.0.0.1', port }),
    letters: office.letters,
    requests: requests.all,
    intercept: (handler) => {
      interceptor = handler;
    },
    clear: () => {
      requests.clear();
      office.clear();
    },
    close: () => app.close(),
  };
}

function takeBodiesAsText(app: FastifyInstance) {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
}

function answerErrorsLikeTheProvider(app: FastifyInstance) {
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.replace(/\?.*/s, '');
    return deliver(refuse(API_PATHS.includes(path) ? METHOD_NOT_ALLOWED : NOT_FOUND), reply);
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    const refusal = status < 500 ? { ...validationError(error.message), status } : SERVER_ERROR;
    return deliver(refuse(refusal), reply);
  });
}

function callOf(path: string, request: FastifyRequest): Call {
  const text = typeof request.body === 'string' ? request.body : '';
  const key = request.headers['idempotency-key'];
  return {
    path,
    authorization: request.headers.authorization,
    contentType: request.headers['content-type'] ?? '',
    permissive: request.headers['x-batch-validation'] === 'permissive',
    key: key === undefined ? null : String(key),
    text,
    json: parsed(text),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function entryOf({ path, key, text }: Call): ReceivedRequest {
  return { at: new Date().toISOString(), path, idempotencyKey: key, status: 'no answer', body: text };
}

async function settle(call: Call, interceptor: Interceptor | null, { judge }: Office): Promise<Outcome> {
  const interception = interceptor?.({ path: call.path, idempotencyKey: call.key, body: call.json });
  if (interception === 'hang') return 'no answer';
  if (interception === 'hang-up') return 'hung up';
  if (typeof interception === 'object') return interception;
  const { answer, hangUp } = await judge(call);
  if (interception === 'accept-and-hang') return 'no answer';
  return interception === 'accept-and-hang-up' || hangUp ? 'hung up' : answer;
}

function statusOf(outcome: Outcome, request: FastifyRequest): ReceivedRequest['status'] {
  if (typeof outcome === 'string') return outcome;
  return request.raw.socket.destroyed ? 'no answer' : outcome.status;
}

function deliver(outcome: Outcome, reply: FastifyReply): FastifyReply {
  if (typeof outcome === 'object') return answer(outcome, reply);
  reply.hijack();
  if (outcome === 'hung up') reply.raw.destroy();
  return reply;
}

function answer({ status, body, headers = {} }: Answer, reply: FastifyReply): FastifyReply {
  reply.status(status);
  if (typeof body === 'string' || body === undefined) return reply.headers(headers).send(body ?? '');
  return reply.type('application/json; charset=utf-8').headers(headers).send(JSON.stringify(body));
}
