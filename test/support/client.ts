/** The client that is made of the API's own document, at a web application with a real port. */
import type { AddressInfo } from 'node:net';
import createClient, { type Client } from 'openapi-fetch';
import type { paths } from '../client/api.d.ts';
import { openWeb } from './web.ts';
import type { World } from './world.ts';

export type ApiClient = Client<paths>;

/** Opens the application in that world, listening, until the world ends; the client has a key of it. */
export async function openClient(world: World): Promise<ApiClient> {
  const app = await openWeb(world);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo; // it listens on TCP
  return createClient<paths>({
    baseUrl: `http://127.0.0.1:${port}`,
    headers: { authorization: 'Bearer test-key' },
  });
}
