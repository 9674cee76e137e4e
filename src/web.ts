/** The web process: HTTP API, its documentation, the dashboard, health. It stays ready while Redis is away. */
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import { apiRoutes } from './api/routes.ts';
import { adminRoutes } from './board.ts';
import type { Database } from './database.ts';
import { formats } from './fields.ts';
import { addHealthRoutes, httpCloser } from './health.ts';
import { openHinter } from './hints.ts';
import { openLedger } from './ledger.ts';
import { main, type Process, plain } from './lifecycle.ts';
import { createLimits, type Limits } from './limits.ts';
import { documentOf } from './openapi.ts';
import { answerError } from './problem.ts';
import { openQueue, type QueueDoor } from './queue.ts';
import { answerUnknown, guardTransport, raiseShield, transportOptions } from './transport.ts';
import { webhookRoutes } from './webhooks.ts';

export interface WebParts {
  readonly db: Database;
  readonly queue: QueueDoor;
  readonly limits: Limits;
  readonly onStaged: () => void;
  /** For tests of what happens then. */
  readonly mostInProgress?: number;
}

/** How often processes tell each other what they have counted. */
const EXCHANGE_MS = 1_000;

/** The application, ready to listen or to be injected with requests. */
export async function createWeb(
  process: Process,
  { db, queue, limits, onStaged, mostInProgress }: WebParts,
): Promise<FastifyInstance> {
  const { config, log } = process;
  const logger: FastifyBaseLogger = log; // with pino's own type the application would be of another type than plugins expect
  const shield = { headers: {} };
  const app = fastify({
    ...transportOptions(shield),
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: 'idle',
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true, formats } },
  });
  app.setErrorHandler(answerError);
  answerUnknown(app);
  app.addHook('onRequest', forbidStoring);
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: contentSecurityPolicy },
  });
  guardTransport(app, shield, mostInProgress);
  addHealthRoutes(app, process);
  await app.register(swagger, documentOf(config.publicUrl));
  await app.register(swaggerUi, { routePrefix: '/docs', theme: { title: 'Order Notifications: API' } });
  await app.register(apiRoutes, { db, apiKeys: config.apiKeys, limits, onStaged });
  await app.register(webhookRoutes, { db, secrets: config.resendWebhookSecrets, wrong: limits.wrong });
  await app.register(adminRoutes, {
    ...{ prefix: '/admin', db, queue, onStaged },
    accounts: config,
    wrong: limits.wrong,
  });
  await raiseShield(app, shield);
  return app;
}

/** What is answered holds people's data, or says who may see it. Files that say otherwise are not of that kind. */
async function forbidStoring(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header('cache-control', 'no-store');
}

/** Nothing from other hosts. Swagger UI and Bull Board set styles from their scripts, and carry images in their CSS. */
const contentSecurityPolicy = {
  defaultSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  objectSrc: ["'none'"],
  baseUri: ["'self'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
};

await main(import.meta.filename, ['DATABASE_URL', 'REDIS_URL'], async (process) => {
  const { config, log } = process;
  const { db } = openLedger(process, 16);
  const hinter = openHinter(config.databaseUrl, log);
  process.onClose('hints', hinter.close);
  const queue = openQueue(config, log);
  process.onClose('queue', queue.close);
  if (config.apiKeys.length === 0) log.warn('API_KEYS is not set: every order is refused');
  if (config.resendWebhookSecrets.length === 0)
    log.warn('RESEND_WEBHOOK_SECRET is not set: what the provider reports of letters is refused');
  if (!config.admin) log.warn('ADMIN_USERNAME and ADMIN_PASSWORD are not both set: the dashboard is closed');

  const limits = createLimits(config, queue.addCounts);
  process.loop('limits', EXCHANGE_MS, () =>
    limits.exchange().catch((error: unknown) => {
      log.debug({ error: plain(error) }, 'the limits are not shared with others now');
      return false;
    }),
  );
  const app = await createWeb(process, { db, queue, limits, onStaged: hinter.hint });
  process.onClose('http', httpCloser(app));
  await app.listen({ host: config.host, port: config.port });
});
