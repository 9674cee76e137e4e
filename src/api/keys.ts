/** Who asks: bearer keys, each with a name. */
import type { FastifyInstance } from 'fastify';
import type { Secret } from '../config.ts';
import { isSame, refuseCredentials, sha256 } from '../credentials.ts';
import type { Counter } from '../limits.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of the API key that the request came with. */
    client: string;
  }
}

/** Several at once for rotation. */
export function authenticate(app: FastifyInstance, apiKeys: readonly Secret[], wrong: Counter): void {
  const known = apiKeys.map(({ name, secret }) => ({ name, digest: sha256(secret) }));
  app.decorateRequest('client', '');
  app.addHook('onRequest', async (request, reply) => {
    const { authorization } = request.headers;
    const [, given = ''] = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '') ?? [];
    // All keys are compared, so that the time does not tell which one was near.
    const [match] = known.filter((key) => isSame(key.digest, given));
    if (!match) {
      reply.header('www-authenticate', 'Bearer');
      return refuseCredentials(reply, wrong, {
        given: authorization !== undefined,
        detail: 'Send Authorization: Bearer <key> with a key of this service.',
      });
    }
    request.client = match.name;
  });
}
