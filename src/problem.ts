/** Error answers: RFC 9457 `application/problem+json`, without stack, SQL or anything the client has not sent. */
import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isUnavailable } from './database.ts';
import { inWords } from './fields.ts';
import { plain } from './lifecycle.ts';

export interface FieldError {
  /** JSON pointer into the request's body, or the name of a header or a parameter. */
  readonly path: string;
  readonly message: string;
}

interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly errors?: readonly FieldError[];
}

const RETRY_AFTER_SECONDS = '2';
/** An order of a hundred items can be wrong in thousands of places; an answer must not outgrow its request. */
const MOST_FIELD_ERRORS = 100;

/** Sends a problem. `errors` names the fields at fault. */
export function sendProblem(
  reply: FastifyReply,
  status: number,
  detail: string,
  errors?: readonly FieldError[],
): FastifyReply {
  return reply
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify(problem(reply.request, status, detail, errors)));
}

function problem(
  request: FastifyRequest,
  status: number,
  detail: string,
  errors?: readonly FieldError[],
): Problem {
  const title = STATUS_CODES[status] ?? 'Error';
  const instance = request.url.split('?', 1)[0] ?? '/'; // query strings may hold what does not belong in answers or logs
  return { type: 'about:blank', title, status, detail, instance, ...(errors ? { errors } : {}) };
}

const INVALID = {
  body: 'The body is not valid.',
  headers: 'A header is not valid.',
  params: 'The path is not valid.',
  querystring: 'The query is not valid.',
};

/** Makes a problem of what went wrong. */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error.validation) {
    return sendProblem(reply, 400, INVALID[error.validationContext ?? 'body'], fieldErrors(error));
  }
  if (isUnavailable(error)) {
    request.log.warn(
      { error: plain(error), route: request.routeOptions.url },
      'the ledger cannot be reached',
    );
    reply.header('retry-after', RETRY_AFTER_SECONDS);
    return sendProblem(
      reply,
      503,
      'The order book cannot be reached. Repeat the request, an order under the same Idempotency-Key: it may have been stored.',
    );
  }
  if (error.statusCode && error.statusCode < 500) return sendProblem(reply, error.statusCode, error.message);
  request.log.error({ error: plain(error), route: request.routeOptions.url }, 'a request failed');
  return sendProblem(reply, 500, 'Something went wrong here.');
}

/** Ajv's findings, each at the path of the field that it speaks of. */
function fieldErrors({ validation, validationContext }: FastifyError): FieldError[] {
  return (validation ?? []).slice(0, MOST_FIELD_ERRORS).map((finding) => {
    const { instancePath, params } = finding;
    const missing = params.missingProperty ?? params.additionalProperty;
    const path =
      typeof missing === 'string' ? `${instancePath}/${pointerToken(missing)}` : instancePath || '/';
    return { path, message: inWords(finding, validationContext === 'querystring') };
  });
}

/** RFC 6901: a client's field may have any name. */
export const pointerToken = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');
