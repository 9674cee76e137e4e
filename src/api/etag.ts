/** Entity tags: a client that has an answer already is told so. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sha256 } from '../credentials.ts';

/** For `onSend`: tags a 200 by its bytes, and answers 304 without them to whom they are known. */
export async function tagged(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  if (reply.statusCode !== 200 || typeof payload !== 'string') return payload;
  const tag = `"${sha256(payload).toString('base64url')}"`;
  reply.header('etag', tag);
  if (!isKnown(tag, request.headers['if-none-match'])) return payload;
  reply.status(304).removeHeader('content-type').removeHeader('content-length');
  return request.method === 'HEAD' ? payload : null; // Fastify measures what HEAD leaves out, and fails at null
}

/** RFC 9110: `*`, or a list of tags, of which weak ones count as well. What is neither is passed over. */
function isKnown(tag: string, header: string | undefined): boolean {
  if (header?.trim() === '*') return true;
  const tags: readonly string[] = (header ?? '').match(/"[\x21\x23-\x7e\x80-\xff]*"/g) ?? [];
  return tags.includes(tag);
}
