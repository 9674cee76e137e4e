/** `/livez`, `/readyz` and `/metrics`: the same three answers from every process, on its own PORT. */
import type { Socket } from 'node:net';
import { type FastifyInstance, fastify } from 'fastify';
import '@fastify/swagger'; // for the type of `hide`
import type { Process } from './lifecycle.ts';
import { SILENCE_MS, takeTurns } from './transport.ts';

/** Adds the three routes. They are for the private network, and carry no personal data. */
export function addHealthRoutes(app: FastifyInstance, process: Process): void {
  const options = { schema: { hide: true }, logLevel: 'silent' as const };
  app.get('/livez', options, async () => ({ status: 'ok' }));
  app.get('/readyz', options, async (_request, reply) => {
    const failed = process.ending.aborted ? ['ending'] : await process.unready();
    return reply
      .status(failed.length === 0 ? 200 : 503)
      .send({ status: failed.length === 0 ? 'ok' : 'unready', failed, ...process.status() });
  });
  app.get('/metrics', options, async (_request, reply) =>
    reply.type(process.metrics.contentType).send(await process.metrics.metrics()),
  );
}

/** Serves the three routes alone: for processes that have no API of their own. */
export async function serveHealth(process: Process): Promise<void> {
  const app = fastify({ logger: false, connectionTimeout: SILENCE_MS });
  takeTurns(app.server);
  addHealthRoutes(app, process);
  process.onClose('health', httpCloser(app));
  await app.listen({ host: process.config.host, port: process.config.port });
}

const IDLE_SWEEP_MS = 50;

/**
 * What ends the server, to be had before it listens: what is asked is answered; a connection kept alive is closed as soon
 * as it is idle, not once.
 */
export function httpCloser(app: FastifyInstance): () => Promise<void> {
  const connections = new Set<Socket>();
  app.server.on('connection', (connection) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
  });

  function sweep(): void {
    app.server.closeIdleConnections();
    // Browsers open connections in advance. Node takes one on which nothing was asked yet for busy.
    for (const connection of connections) if (connection.bytesRead === 0) connection.destroy();
  }

  return async () => {
    const sweeping = setInterval(sweep, IDLE_SWEEP_MS);
    await app.close().finally(() => clearInterval(sweeping));
  };
}
