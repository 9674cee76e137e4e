/** What the framework alone can do: an empty answer as JSON. */
import { fastify } from 'fastify';
import '../lib/orphan.ts';

const app = fastify({ logger: false });
app.get('/livez', async () => ({ status: 'ok' }));
app.post('/orders', async (_request, reply) => reply.status(201).send({}));
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
