/** A request given again under its key gets the answer that was given before. */
import type { FastifyReply } from 'fastify';
import { sha256 } from '../credentials.ts';
import { sendProblem } from '../problem.ts';
import type { IdempotencyKey, Replay, StoredAnswer } from '../replays.ts';

/** What a request tells of its key. */
interface Keyed {
  readonly client: string;
  readonly method: string;
  readonly routeOptions: { readonly url?: string | undefined };
  readonly headers: { readonly 'idempotency-key'?: string | undefined };
}

/** @param asked what is asked for: the body, or what the path says where there is none. */
export function idempotencyKey(
  { client, method, routeOptions, headers }: Keyed,
  asked: unknown,
): IdempotencyKey | null {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  return {
    ...{ client, route: `${method} ${routeOptions.url}` },
    ...{ keyHash: sha256(key), fingerprint: fingerprint(asked) },
  };
}

/** Of what was asked, however it was written: white space and the order of the fields make no difference. */
export const fingerprint = (asked: unknown): Buffer => sha256(canonical(asked));

/** JSON with sorted keys and no white space. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join(',')}}`;
}

/** Sends an answer as it was stored, byte by byte. */
export function sendStored(reply: FastifyReply, { status, body, location }: StoredAnswer): FastifyReply {
  if (location) reply.header('location', location);
  return reply.status(status).type('application/json; charset=utf-8').serializer(String).send(body);
}

/** Answers a request whose key was used before. */
export function sendReplay(reply: FastifyReply, replay: Replay): FastifyReply {
  switch (replay.outcome) {
    case 'replayed':
      return sendStored(reply.header('idempotency-replayed', 'true'), replay.answer);
    case 'key_reused':
      return sendProblem(reply, 422, 'This Idempotency-Key belongs to another request.', [
        { path: '/idempotency-key', message: 'was used for another body, or for another order' },
      ]);
    case 'key_vanished':
      reply.header('retry-after', '1');
      return sendProblem(reply, 409, 'What was answered under this Idempotency-Key is gone. Repeat it.');
  }
}
