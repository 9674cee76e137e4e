/** A hostile request, and the exact answer to it. */
import { connect } from 'node:net';

export interface Row {
  readonly name: string;
  /** What goes over the wire, byte by byte; `\xff` is the byte 255. */
  readonly raw: string;
  readonly status: number;
  /** The paths of the fields that the answer blames, each once. */
  readonly blames?: readonly string[];
  /** Headers that the answer has, in small letters. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the body is something else than a problem: 2xx, and what browsers load. */
  readonly fine?: boolean;
}

export const KEY = 'Authorization: Bearer test-key';
export const JSON_TYPE = 'Content-Type: application/json';
export const NOBODY = '01a206b8-82f0-7023-9978-0ae66dfecce9';

interface Request {
  readonly method?: string;
  readonly path: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** A request as it goes over the wire; `Content-Length` is added where there is a body. */
export function wire({ method = 'GET', path, headers = [], body }: Request): string {
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`];
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: shop.example',
    'Connection: close',
    ...headers,
    ...length,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

/** Text as the bytes of its UTF-8. */
export const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** A POST with a key and a JSON body, given as a value or as text. */
export const post = (path: string, body: unknown, ...headers: string[]): string =>
  wire({
    method: 'POST',
    path,
    headers: [KEY, JSON_TYPE, ...headers],
    body: utf8(typeof body === 'string' ? body : JSON.stringify(body)),
  });

export interface Answer {
  /** NaN when the connection was closed without an answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** How many answers came. */
  readonly count: number;
}

/** Sends these bytes, and reads until the server closes the connection. */
export function exchange(port: number, raw: string): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const parts: Buffer[] = [];
    socket.on('data', (part) => parts.push(part));
    socket.on('error', () => undefined); // it may close before all was read
    socket.on('close', () => resolve(parse(Buffer.concat(parts).toString('utf8'))));
    socket.write(raw, 'latin1');
  });
}

function parse(text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(first)?.[1]),
    headers: Object.fromEntries(headers),
    body: rest.join('\r\n\r\n'),
    count: [...text.matchAll(/HTTP\/1\.1 \d+ /g)].length,
  };
}
