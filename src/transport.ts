/**
 * What holds of every request before anybody asks what it wants: how long it may take to come, how large it may be, in what form,
 * and how many at once. Whatever is refused here is answered as a problem too, also where no request could be made of it.
 */
import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type {
  FastifyError,
  FastifyHttpOptions,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
} from 'fastify';
import { answerError, sendProblem } from './problem.ts';

/** Milliseconds. A slow sender is cut off, and looked for once a second. Balancers keep a connection for 60 s: ours outlives theirs. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 15_000;
const KEEP_ALIVE_MS = 65_000;
/** Nothing came and nothing went for so long: also who does not read an answer is cut off. A statement ends long before. */
export const SILENCE_MS = 30_000;
/** Further connections are dropped at once. One that idles costs some ten kilobytes. */
const MOST_CONNECTIONS = 5_000;
/** Requests that one connection may send before the first of them is answered. */
const MOST_IN_ADVANCE = 256;
/** So many requests are worked on at a time, those that wait for the ledger included. */
const MOST_IN_PROGRESS = 1_000;
const BODY_BYTES = 64 * 1024;

const SIGN_IN = 'Basic realm="Order Notifications", charset="UTF-8"';
const PROBES = /^\/(?:livez|readyz|metrics)(?:\?|$)/;
const FORM_TYPE = /^application\/x-www-form-urlencoded *(?:; *charset="?utf-8"?)?$/i;
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*(?:utf-8|"utf-8")[ \t]*)?$/i;

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether it is one of those in progress. */
    inProgress: boolean;
  }
  interface FastifyInstance {
    /** Where no route is: 404, or 405 where another method has one. */
    answerUnknown: (request: FastifyRequest, reply: FastifyReply) => FastifyReply;
  }
}

/** Headers that go with every answer; they are known once the application is made. */
interface Shield {
  headers: Readonly<Record<string, string>>;
}

/** The server's side of the rules. */
export function transportOptions(shield: Shield) {
  return {
    bodyLimit: BODY_BYTES,
    connectionTimeout: SILENCE_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: 1_000, requireHostHeader: false },
    frameworkErrors: (error, request, reply) => refusePath(error, request, reply.headers(shield.headers)),
    clientErrorHandler: (error, socket) => refuseConnection(error, socket, shield),
  } satisfies FastifyHttpOptions<Server>;
}

/** The requests' side. @param mostInProgress fewer for tests. */
export function guardTransport(
  app: FastifyInstance,
  shield: Shield,
  mostInProgress: number = MOST_IN_PROGRESS,
): void {
  const { server } = app;
  server.maxConnections = MOST_CONNECTIONS;
  takeTurns(server);
  // An `Expect` that we don't know may be ignored; Node's own 417 is no problem document and has none of our headers.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', (_request, socket) => {
    socket.on('error', () => socket.destroy()); // Node has taken its own listeners off it
    socket.end(bare(400, 'This server is no proxy.', shield), () => socket.destroy());
  });

  app.removeContentTypeParser('text/plain'); // JSON only
  app.addHook('onRequest', refuseDoubtful);
  app.addHook('preParsing', requireJson);

  let inProgress = 0;
  app.decorateRequest('inProgress', false);
  // When the body is there: those who send slowly take nobody's place.
  app.addHook('preHandler', async (request, reply) => {
    if (PROBES.test(request.url)) return;
    if (inProgress >= mostInProgress) {
      reply.header('retry-after', '1');
      return sendProblem(reply, 503, 'Too much is asked at once. Repeat the request.');
    }
    inProgress += 1;
    request.inProgress = true;
  });
  // When its work is done, also for somebody who has gone away meanwhile: `onResponse` is not called then.
  app.addHook('onSend', async (request, _reply, payload) => {
    if (request.inProgress) inProgress -= 1;
    request.inProgress = false;
    return payload;
  });
}

/**
 * Requests that came in advance on one connection are looked at one after another. Node hands all of them over at once: their answers would wait
 * in memory for a client that does not read, and what stands behind an unread answer is never told that the connection has ended.
 */
export function takeTurns(server: Server): void {
  const listeners = server.listeners('request');
  server.removeAllListeners('request');
  const waiting = new WeakMap<Socket, (() => void)[]>();
  server.on('request', (request, response) => {
    const { socket } = request;
    const handle = () => {
      for (const listener of listeners) listener.call(server, request, response);
    };
    const ahead = waiting.get(socket);
    const line = ahead ?? [];
    waiting.set(socket, line);
    response.once('close', () => {
      const next = line.shift();
      if (!next) waiting.delete(socket);
      else if (!socket.destroyed) next();
    });
    if (!ahead) handle();
    else if (line.length < MOST_IN_ADVANCE) line.push(handle);
    else socket.destroy();
  });
}

/** Two readers of such a request could take it for two different ones. Node keeps the first of such headers and drops the others. */
async function refuseDoubtful(
  { raw }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const refuse = (detail: string) => sendProblem(reply.header('connection', 'close'), 400, detail);
  const count = (name: string) =>
    raw.rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === name).length;
  // A line without a version is taken for HTTP/0.9, which knows no headers.
  if (!/^1\.[01]$/.test(raw.httpVersion)) return refuse('This is not HTTP as it is spoken here.');
  if (raw.httpVersion === '1.1' ? count('host') !== 1 : count('host') > 1)
    return refuse('A request has one header Host.');
  for (const name of ['authorization', 'content-type'])
    if (count(name) > 1) return refuse(`A request has one header ${name}.`);
  return undefined;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its body is a form of one of our pages. */
    form?: boolean;
  }
}

/** Fastify takes every type that begins like ours, whatever charset follows, and bodies in any encoding as they are. */
async function requireJson(
  { headers, is404, routeOptions }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  if (is404) return undefined; // there is nothing that could take it in any form
  const { 'content-encoding': encoding = 'identity', 'content-type': type = '' } = headers;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (!hasBody) return undefined;
  if (encoding.toLowerCase() !== 'identity')
    return sendProblem(reply, 415, 'A body is taken without Content-Encoding only.');
  if (routeOptions.config.form)
    return FORM_TYPE.test(type)
      ? undefined
      : sendProblem(reply, 415, 'A form is taken as browsers send it only.');
  if (JSON_TYPE.test(type)) return undefined;
  return sendProblem(reply, 415, 'A body is taken as application/json in UTF-8 only.');
}

/** Answers 404, or 405 for a path that knows other methods. To be called before there are routes. */
export function answerUnknown(app: FastifyInstance): void {
  const known: { readonly form: RegExp; readonly methods: Set<string> }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return; // the files of a page, and its preflights
    const source = `^${url.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`;
    const path = known.find(({ form }) => form.source === new RegExp(source).source);
    const methods = path?.methods ?? new Set<string>();
    for (const one of [method].flat()) methods.add(one);
    if (!path) known.push({ form: new RegExp(source), methods });
  });
  app.decorate('answerUnknown', (request, reply) => {
    const [path = ''] = request.url.split('?', 1);
    const methods = known.filter(({ form }) => form.test(path)).flatMap((one) => [...one.methods]);
    if (methods.length === 0) return sendProblem(reply, 404, 'There is nothing at this address.');
    reply.header('allow', [...new Set(methods)].sort().join(', '));
    return sendProblem(reply, 405, 'This address does not know this method.');
  });
  app.setNotFoundHandler(app.answerUnknown);
}

/** What the router refuses reaches no error handler, and no hook. Its words repeat the whole of what was asked. */
function refusePath(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // Like every path there, whether it can be read or not: what it would lead to is nobody's business.
  if (/^\/admin\b/i.test(request.url) && request.headers.authorization === undefined)
    return sendProblem(
      reply.header('www-authenticate', SIGN_IN),
      401,
      'Sign in as an operator or as a viewer.',
    );
  if (error.statusCode === 414) return sendProblem(reply, 414, 'The path is too long.');
  if (error.statusCode === 400) return sendProblem(reply, 400, 'The path cannot be read.');
  return answerError(error, request, reply);
}

const REFUSALS: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
};

/** What cannot be read as HTTP, or not in time: there is no request, and nothing more is read. */
function refuseConnection(error: Error & { code?: string }, socket: Socket, shield: Shield): void {
  // An answer in the middle of another would be taken for a part of it.
  const begun = (socket as { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent; // Node's own, of no type
  if (error.code === 'ECONNRESET' || !socket.writable || begun) {
    socket.destroy();
    return;
  }
  const [status, detail] = REFUSALS[error.code ?? ''] ?? [400, 'This is not HTTP as it is spoken here.'];
  socket.end(bare(status, detail, shield), () => socket.destroy());
}

/** An answer as text. It closes its connection. */
function bare(status: number, detail: string, { headers }: Shield): string {
  const title = STATUS_CODES[status] ?? 'Error';
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, instance: '/' });
  const all = {
    ...headers,
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${title}`, ...lines, '', body].join('\r\n');
}

const OWN_HEADERS = /^(?:content-type|content-length|date|connection|keep-alive)$/;

/** Reads from an answer which headers go with all of them. */
export async function raiseShield(app: FastifyInstance, shield: Shield): Promise<void> {
  const { headers } = await app.inject('/livez');
  shield.headers = Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      OWN_HEADERS.test(name) ? [] : [[name, String(value)]],
    ),
  );
}
