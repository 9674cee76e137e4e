/** The web process's application inside a test: injected with requests, without a port. */
import type { FastifyInstance } from 'fastify';
import { createCounter, createLimits } from '../../src/limits.ts';
import { createWeb, type WebParts } from '../../src/web.ts';
import type { World } from './world.ts';

export interface Answer {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body, parsed; undefined when it is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

/** Asks for a path; a body that is no text is sent as JSON. Headers are added to those that the asker sends always. */
export type Ask = (
  method: Method,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string | undefined>>,
) => Promise<Answer>;

/** Opens the application in that world until the world ends; `parts` stand in for the world's own. */
export async function openWeb(world: World, parts: Partial<WebParts> = {}): Promise<FastifyInstance> {
  const app = await createWeb(world.process, {
    db: world.db,
    queue: world.queue,
    // All tests come from one address, and many of them with wrong credentials.
    limits: { ...createLimits(world.config, world.queue.addCounts), wrong: patient() },
    onStaged: () => undefined,
    ...parts,
  });
  await app.ready();
  world.onClose(() => app.close());
  return app;
}

const patient = () =>
  createCounter({ name: 'wrong', most: Number.POSITIVE_INFINITY, windowSeconds: 60 }, 100);

/** With a key of the API, unless told otherwise. A header that is undefined is not sent. */
export const withKey = (app: FastifyInstance, secret = 'test-key'): Ask =>
  asker(app, { authorization: `Bearer ${secret}` });

/** Signed in to the dashboard, unless told otherwise. */
export const signedIn = (app: FastifyInstance, name = 'operator', password = 'operator-password'): Ask =>
  asker(app, { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` });

export const anonymous = (app: FastifyInstance): Ask => asker(app, {});

function asker(app: FastifyInstance, always: Readonly<Record<string, string>>): Ask {
  return async (method, url, body, headers = {}) => {
    const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const sent = {
      ...always,
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    };
    const response = await app.inject({
      method,
      url,
      headers: Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined)),
      ...(payload === undefined ? {} : { payload }),
    });
    return {
      status: response.statusCode,
      headers: response.headers as Record<string, string>, // none of ours comes twice
      text: response.body,
      json: parse(response.body),
    };
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `METHOD /path` of every route that the application knows, from Fastify's own tree. */
export function registeredRoutes(app: FastifyInstance): string[] {
  const routes: string[] = [];
  const branch: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, indent = '', path, methods = ''] = /^([│ ]*)[├└]── (\S+) \(([A-Z, ]+)\)$/.exec(line) ?? [];
    if (!path) continue;
    const depth = indent.length / 4;
    branch.splice(depth, branch.length, (branch[depth - 1] ?? '') + path);
    for (const method of methods.split(', ')) routes.push(`${method} ${branch[depth]}`);
  }
  return routes;
}

/** The paths of the fields that a refusal blames, each once; or why it is no refusal of that status. */
export function blamed(answer: Answer, status = 400): string[] | string {
  const { json, text, headers } = answer;
  if (answer.status !== status || !headers['content-type']?.startsWith('application/problem+json'))
    return `answered ${answer.status}: ${text.slice(0, 300)}`;
  const errors: readonly { path: string; message: string }[] = json.errors ?? [];
  return [...new Set(errors.map(({ path }) => path))];
}
