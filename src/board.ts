/**
 * Bull Board behind its gate: one can look and retry, nothing else. Retry and Retry all are the ledger's own moves,
 * because a job's own retry knows no operator and gives one more attempt instead of all.
 */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { AppControllerRoute } from '@bull-board/api/typings/app';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { deskApiRoutes } from './admin/api.ts';
import { deskRoutes } from './admin/desk.ts';
import type { Config } from './config.ts';
import { REFUSALS } from './cures.ts';
import type { Database } from './database.ts';
import type { Counter } from './limits.ts';
import { requireSignIn, SAFE_METHODS } from './operators.ts';
import { type ActResult, backlog, retryAllDead, retryMessage } from './outbox.ts';
import { answerError, sendProblem } from './problem.ts';
import { parseJobId, QUEUE, type QueueDoor } from './queue.ts';

export interface BoardParts {
  readonly db: Database;
  readonly queue: QueueDoor;
  readonly accounts: Pick<Config, 'admin' | 'viewer'>;
  /** Of wrong credentials. */
  readonly wrong: Counter;
  readonly onStaged: () => void;
}

const BASE = '/admin/queues';
const FOREIGN_LINKS = /<link[^>]+href="https?:[^>]*>/g;

/** What the board may ask. A route that is not here is refused, also one that a later version of the board brings. */
const READS: ReadonlySet<string> = new Set([
  '/api/redis/stats',
  '/api/queues',
  '/api/job-schedulers',
  '/api/queues/:queueName/metrics',
  '/api/queues/:queueName/default-job-options',
  '/api/queues/:queueName/workers',
  '/api/queues/:queueName/rate-limit',
  '/api/queues/:queueName/job-data-schema',
  '/api/queues/:queueName/:jobId/logs',
  '/api/queues/:queueName/:jobId/flow',
  '/api/queues/:queueName/:jobId',
]);
const RETRY_ONE = '/api/queues/:queueName/:jobId/retry';
const RETRY_ALL = '/api/queues/:queueName/retry/:queueStatus';

/** Everything below /admin: every path asks for credentials, also one that leads nowhere. */
export const adminRoutes: FastifyPluginAsync<BoardParts> = async (app, parts) => {
  await requireSignIn(app, parts.accounts, parts.wrong);
  app.addHook('onRequest', requireSameOrigin);
  app.setErrorHandler(answerError);
  app.setNotFoundHandler(app.answerUnknown); // of this scope: it asks for credentials before it answers
  await app.register(deskRoutes, { db: parts.db, onStaged: parts.onStaged });
  await app.register(deskApiRoutes, { db: parts.db, onStaged: parts.onStaged, prefix: '/api' });
  await app.register(boardRoutes, { ...parts, prefix: '/queues' });
};

async function boardRoutes(app: FastifyInstance, { db, queue, onStaged }: BoardParts): Promise<void> {
  app.put<{ Params: { queueName: string; jobId: string } }>(
    RETRY_ONE,
    { schema: { hide: true } },
    async (request, reply) => {
      const message = request.params.queueName === QUEUE ? parseJobId(request.params.jobId) : undefined;
      if (!message) return sendProblem(reply, 404, 'There is no such job.');
      const result = await retryMessage(db, { ...message, operator: request.operator });
      if (result === 'done') onStaged();
      return answerAct(reply, result);
    },
  );

  app.put<{ Params: { queueName: string; queueStatus: string } }>(
    RETRY_ALL,
    { schema: { hide: true } },
    async (request, reply) => {
      const { queueName, queueStatus } = request.params;
      if (queueName !== QUEUE) return sendProblem(reply, 404, 'There is no such queue.');
      if (queueStatus !== 'failed') return sendProblem(reply, 403, 'Only failed jobs can be retried.');
      return retryAll(db, request.operator, onStaged);
    },
  );

  // Its page links a font at another host: the policy refuses it, and browsers would complain of that on every page.
  app.addHook('onSend', async (_request, reply, payload) => {
    const isPage =
      typeof payload === 'string' && String(reply.getHeader('content-type')).startsWith('text/html');
    return isPage ? payload.replace(FOREIGN_LINKS, '') : payload;
  });

  const adapter = new GatedAdapter();
  adapter.setBasePath(BASE);
  createBullBoard({
    queues: [
      new BullMQAdapter(queue.queue, {
        externalJobUrl: ({ data }) => ({
          displayText: 'Story',
          href: `/admin/orders/${data.orderId}#${data.messageId}`,
        }),
        description: 'One job per run of a message; a failed job is a dead letter',
      }),
    ],
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Order Notifications' } },
  });
  await app.register(adapter.registerPlugin());
}

/** Pages through all that is dead now. Answers as Bull Board expects: how many were put back, how many refused. */
async function retryAll(
  db: Database,
  operator: string,
  onStaged: () => void,
): Promise<{ retried: number; skipped: number }> {
  const { dead } = await backlog(db);
  const retried = await retryAllDead(db, operator, onStaged);
  return { retried, skipped: Math.max(0, dead - retried) };
}

/** A click repeated on a page that is no longer true changes nothing, and is not an error. */
function answerAct(reply: FastifyReply, result: ActResult): FastifyReply {
  if (result === 'done' || result === 'overtaken') return reply.status(204).send();
  return sendProblem(reply, ...REFUSALS[result]);
}

class GatedAdapter extends FastifyAdapter {
  override setApiRoutes(routes: AppControllerRoute[]): FastifyAdapter {
    const ours = (route: AppControllerRoute) => route.route === RETRY_ONE || route.route === RETRY_ALL;
    return super.setApiRoutes(routes.filter((route) => !ours(route)).map(gate));
  }

  /** Bull Board's own would tell what went wrong, and in development its stack. */
  override setErrorHandler(): this {
    return super.setErrorHandler((error: Error & { statusCode?: number }) =>
      error instanceof URIError || (error.statusCode && error.statusCode < 500)
        ? refusal(404, 'Not Found', 'There is nothing at this address.')
        : refusal(500, 'Internal Server Error', 'The queue cannot be read now: is Redis away?'),
    );
  }
}

function refusal(
  status: 403 | 404 | 500,
  title: string,
  detail: string,
): { status: 403 | 404 | 500; body: Record<string, unknown> } {
  return { status, body: { type: 'about:blank', title, status, detail } };
}

function gate(route: AppControllerRoute): AppControllerRoute {
  const isRead =
    [route.method].flat().every((method) => method === 'get') &&
    [route.route].flat().every((path) => READS.has(path));
  if (!isRead)
    return { ...route, handler: () => refusal(403, 'Forbidden', 'From here one can look and retry.') };
  return {
    ...route,
    // Keys of the queue itself would be read as jobs.
    handler: (request) =>
      request?.params.jobId !== undefined && !parseJobId(request.params.jobId)
        ? refusal(404, 'Not Found', 'There is no such job.')
        : route.handler(request && { ...request, query: bounded(request.query) }),
  };
}

const MOST_JOBS_PER_PAGE = 100;
const MOST_PAGES = 1_000_000;

/** A page of the failed set as large as somebody asks for would not fit into memory, nor its number into Redis. */
function bounded(query: Record<string, string>): Record<string, string> {
  const most = { jobsPerPage: MOST_JOBS_PER_PAGE, page: MOST_PAGES };
  const above = Object.entries(most).filter(([name, limit]) => Number(query[name]) > limit);
  return { ...query, ...Object.fromEntries(above.map(([name, limit]) => [name, String(limit)])) };
}

/**
 * Another site must not act with an operator's credentials. Browsers say where a request comes from (on plain HTTP only by
 * `Origin`), tools say nothing (a script on Node's own `fetch` must say `Sec-Fetch-Site: same-origin` itself).
 */
async function requireSameOrigin(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  if (SAFE_METHODS.has(request.method)) return;
  const site = request.headers['sec-fetch-site'];
  const fetched = Object.keys(request.headers).some((name) => name.startsWith('sec-fetch-'));
  if (site === 'same-origin' || (!fetched && isOwnOrigin(request))) return;
  return sendProblem(reply, 403, 'This request came from another site.');
}

function isOwnOrigin({ headers: { origin, host } }: FastifyRequest): boolean {
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
