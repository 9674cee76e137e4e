/** A request given again under its key gets the answer that was given before. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import type { IdempotencyKey, OrderRequest, StoredAnswer } from '../orders.ts';
import { sha256 } from './keys.ts';
import type { IdempotencyHeaders } from './schemas.ts';

export function idempotencyKey(
  request: FastifyRequest<{ Headers: Static<typeof IdempotencyHeaders>; Body: OrderRequest }>,
): IdempotencyKey | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  return { client: request.client, keyHash: sha256(key), fingerprint: sha256(canonical(request.body)) };
}

/** JSON with sorted keys and no white space: the same request, however it was written. */
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
