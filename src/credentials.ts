/** Wrong credentials, API keys and passwords alike: whoever sends many of them has to wait; right ones always pass. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { type Counter, networkOf } from './limits.ts';
import { sendProblem } from './problem.ts';

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** In constant time, whatever their lengths. */
export const isSame = (digest: Buffer, text: string): boolean => timingSafeEqual(digest, sha256(text));

/**
 * Answers a request without credentials, or with wrong ones: 401, and 429 to an address from which too many came.
 * @param given whether there were any: who sends none does not guess.
 */
export function refuseCredentials(
  reply: FastifyReply,
  wrong: Counter,
  { given, detail }: { given: boolean; detail: string },
): FastifyReply {
  if (given) {
    const { allowed, seconds } = wrong.take(networkOf(reply.request.socket.remoteAddress ?? ''));
    if (!allowed) {
      reply.header('retry-after', String(seconds));
      return sendProblem(reply, 429, 'Too many wrong credentials came from this address.');
    }
  }
  return sendProblem(reply, 401, detail);
}
