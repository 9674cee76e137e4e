/**
 * Letters by a bare worker of BullMQ: a request for each job, and nothing else. LETTER is the text of all of them, but for the message that
 * it names; with LIMIT so many a second are sent by BullMQ's own limiter, and one that is refused all the same waits as its documentation advises.
 */
import { createServer } from 'node:http';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { NIL } from 'uuid';
import '../lib/orphan.ts';

/** As many as a notifier has. */
const CONCURRENCY = 200;

const { REDIS_URL = '', RESEND_BASE_URL, RESEND_API_KEY, QUEUE = '', LETTER = '', LIMIT } = process.env;
const connection = new Redis(REDIS_URL, { maxRetriesPerRequest: null });
const queue = new Queue(QUEUE, { connection });

const worker = new Worker<{ messageId: string }>(
  QUEUE,
  async ({ id = '', data: { messageId } }) => {
    const response = await fetch(`${RESEND_BASE_URL}/emails`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${RESEND_API_KEY}`,
        'content-type': 'application/json',
        'idempotency-key': id,
      },
      body: LETTER.replace(NIL, messageId),
    });
    await response.json(); // frees the connection for the next one
    if (response.status === 429) {
      await queue.rateLimit(Number(response.headers.get('retry-after')) * 1_000);
      throw Worker.RateLimitError();
    }
    if (!response.ok) throw new Error(`the provider answered ${response.status}`);
  },
  {
    connection,
    concurrency: CONCURRENCY,
    ...(LIMIT ? { limiter: { max: Number(LIMIT), duration: 1_000 } } : {}),
  },
);
await worker.waitUntilReady();
createServer((_request, response) => response.end()).listen(Number(process.env.PORT), '127.0.0.1');
