/**
 * Bull Board behind its gate: one can look and retry, nothing else. Retry and Retry all are the ledger's own moves,
 * because a job's own retry knows no operator and gives one more attempt instead of all.
 */
import { timingSafeEqual } from 'node:crypto';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { AppControllerRoute } from '@bull-board/api/typings/app';
import { FastifyAdapter } from '@bull-board/fastify';
import basicAuth from '@fastify/basic-auth';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from './config.ts';
import type { Database } from './database.ts';
import { type ActResult, deadGroups, ledgerTime, retryDead, retryMessage } from './outbox.ts';
import { addProblemHandlers, sendProblem } from './problem.ts';
import { parseJobId, QUEUE, type QueueDoor } from './queue.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is signed in to the dashboard. */
    operator: string;
  }
}

export interface BoardParts {
  readonly db: Database;
  readonly queue: QueueDoor;
  readonly admin: Config['admin'];
  readonly onStaged: () => void;
}

const BASE = '/admin/queues';
const RETRY_PAGE = 500;
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
  await authenticate(app, parts.admin);
  app.addHook('onRequest', requireSameOrigin);
  addProblemHandlers(app);
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
  const before = await ledgerTime(db);
  const dead = (await deadGroups(db)).reduce((sum, { count }) => sum + count, 0);
  let retried = 0;
  for (let page = 1; page > 0; retried += page) {
    page = await retryDead(db, operator, before, RETRY_PAGE);
    if (page > 0) onStaged();
  }
  return { retried, skipped: Math.max(0, dead - retried) };
}

const REFUSALS: Readonly<
  Record<Exclude<ActResult, 'done' | 'overtaken'>, readonly [status: number, detail: string]>
> = {
  unknown_message: [404, 'The ledger has no such message.'],
  finished: [409, 'This message is finished: it was sent or discarded.'],
  not_dead: [409, 'This message is not dead: it is on its way.'],
  outcome_unknown: [
    409,
    'This letter may have been accepted already: confirm what happened before it is sent again.',
  ],
};

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
}

function gate(route: AppControllerRoute): AppControllerRoute {
  const paths = [route.route].flat();
  const methods = [route.method].flat();
  if (methods.every((method) => method === 'get') && paths.every((path) => READS.has(path))) return route;
  const body = {
    type: 'about:blank',
    title: 'Forbidden',
    status: 403,
    detail: 'From here one can look and retry.',
  };
  return { ...route, handler: () => ({ status: 403, body }) };
}

async function authenticate(app: FastifyInstance, admin: Config['admin']): Promise<void> {
  app.decorateRequest('operator', '');
  await app.register(basicAuth, {
    authenticate: { realm: 'Order Notifications' },
    async validate(username, password, request) {
      const right =
        admin !== undefined &&
        [equal(username, admin.username), equal(password, admin.password)].every(Boolean);
      if (!right) throw Object.assign(new Error('Sign in as an operator.'), { statusCode: 401 });
      request.operator = username;
    },
  });
  app.addHook('onRequest', app.basicAuth);
}

/** In constant time for texts of the same length; the length itself is no secret worth more. */
function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Another site must not act with an operator's credentials: browsers say where a request comes from, tools say nothing. */
async function requireSameOrigin(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  if (SAFE_METHODS.has(request.method)) return;
  const site = request.headers['sec-fetch-site'];
  const fetched = Object.keys(request.headers).some((name) => name.startsWith('sec-fetch-'));
  if (site === 'same-origin' || !fetched) return;
  return sendProblem(reply, 403, 'This request came from another site.');
}
