/** Who asks: bearer keys, each with a name. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Secret } from '../config.ts';
import { sendProblem } from '../problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of the API key that the request came with. */
    client: string;
  }
}

/** Bearer keys, several at once for rotation, compared in constant time. */
export function authenticate(app: FastifyInstance, apiKeys: readonly Secret[]): void {
  const known = apiKeys.map(({ name, secret }) => ({ name, digest: sha256(secret) }));
  app.decorateRequest('client', '');
  app.addHook('onRequest', async (request, reply) => {
    const [, given] = /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const digest = sha256(given ?? '');
    // All keys are compared, so that the time does not tell which one was near.
    const [match] = known.filter((key) => timingSafeEqual(key.digest, digest));
    if (!match) {
      reply.header('www-authenticate', 'Bearer');
      return sendProblem(reply, 401, 'Send Authorization: Bearer <key> with a key of this service.');
    }
    request.client = match.name;
  });
}

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
