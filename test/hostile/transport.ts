/** HTTP itself: what is no request, what is too large or too long, what is in no form of ours, and how proxies are fooled. */
import { JSON_TYPE, KEY, NOBODY, post, type Row, wire } from './row.ts';

const ada = JSON.stringify({ email: 'ada@example.com', name: 'Ada' });
const close = 'Host: shop.example\r\nConnection: close\r\n';
const typed = (type: string, body = ada, ...headers: string[]) =>
  wire({
    method: 'POST',
    path: '/customers',
    headers: [KEY, ...(type ? [`Content-Type: ${type}`] : []), ...headers],
    body,
  });
const chunked = (chunks: string, ...headers: string[]) =>
  wire({
    method: 'POST',
    path: '/customers',
    headers: [KEY, JSON_TYPE, 'Transfer-Encoding: chunked', ...headers],
  }) + chunks;
const length = (value: string, body = ada) =>
  `${wire({ method: 'POST', path: '/customers', headers: [KEY, JSON_TYPE, `Content-Length: ${value}`] })}${body}`;

/** Not HTTP as it is spoken here. */
const UNREAD: readonly (readonly [string, string])[] = [
  ['the beginning of TLS', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n'],
  ['words', 'hello?\r\n\r\n'],
  ['nothing but NUL', '\x00\x00\x00\x00\r\n\r\n'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a version that does not exist', `GET /livez HTTP/9.9\r\n${close}\r\n`],
  ['a version in small letters', `GET /livez http/1.1\r\n${close}\r\n`],
  ['a method that nobody knows', `FOO /orders HTTP/1.1\r\n${close}\r\n`],
  ['a method in small letters', `get /livez HTTP/1.1\r\n${close}\r\n`],
  ['lines that end with LF alone', 'GET /livez HTTP/1.1\nHost: x\nConnection: close\n\n'],
  ['a header over two lines', `GET /livez HTTP/1.1\r\n${close}X-A: b\r\n c\r\n\r\n`],
  ['a space before a colon', `GET /livez HTTP/1.1\r\n${close}X-A : b\r\n\r\n`],
  ['a header without a name', `GET /livez HTTP/1.1\r\n${close}: b\r\n\r\n`],
  ['a header without a colon', `GET /livez HTTP/1.1\r\n${close}X-A\r\n\r\n`],
  ['NUL in a header', `GET /livez HTTP/1.1\r\n${close}X-A: a\x00b\r\n\r\n`],
  ['CR in a header', `GET /livez HTTP/1.1\r\n${close}X-A: a\rb\r\n\r\n`],
  ['NUL in the path', `GET /or\x00ders HTTP/1.1\r\n${close}\r\n`],
  ['a path with a space', `GET /orders /x HTTP/1.1\r\n${close}\r\n`],
  ['a path that begins nowhere', `GET orders HTTP/1.1\r\n${close}\r\n`],
  ['two different lengths', length('2\r\nContent-Length: 3')],
  ['two lengths in one', length('2, 2')],
  ['a negative length', length('-1')],
  ['a length in hexadecimal', length('0x10')],
  ['a length with a sign', length('+37')],
  ['a length beyond all numbers', length('99999999999999999999999')],
  ['a length and chunks', chunked('0\r\n\r\n', 'Content-Length: 4')],
  [
    'a transfer encoding that nobody knows',
    wire({ method: 'POST', path: '/customers', headers: [KEY, JSON_TYPE, 'Transfer-Encoding: xchunked'] }),
  ],
  [
    'chunked and then something else',
    wire({
      method: 'POST',
      path: '/customers',
      headers: [KEY, JSON_TYPE, 'Transfer-Encoding: chunked, identity'],
    }),
  ],
  [
    'a transfer encoding behind a tab',
    wire({ method: 'POST', path: '/customers', headers: [KEY, JSON_TYPE, 'Transfer-Encoding:\x0bchunked'] }),
  ],
  ['a chunk of no size', chunked('zz\r\n')],
  ['a chunk of a negative size', chunked('-1\r\n')],
  ['a chunk of a size beyond all numbers', chunked('fffffffffffffffff\r\n')],
  ['a chunk that is longer than it says', chunked('2\r\n{}x\r\n0\r\n\r\n')],
];

const TYPES_REFUSED: readonly (readonly [string, string])[] = [
  ['no type', ''],
  ['text', 'text/plain'],
  ['a form', 'application/x-www-form-urlencoded'],
  ['a form in parts', 'multipart/form-data; boundary=x'],
  ['XML', 'application/xml'],
  ['a kin of JSON', 'application/problem+json'],
  ['a type that begins like ours', 'application/jsonp'],
  ['a type behind a tab', 'application/json\tx'],
  ['a type with a parameter behind a tab', 'application/json\t; x=y'],
  ['a type with a space in it', 'application/ json'],
  ['a type with a comma', 'application/json, text/plain'],
  ['a type with two', 'application/json text/plain'],
  ['a type without its second half', 'application/'],
  ['a type with a parameter of ours in a wrong place', 'text/plain; application/json'],
  ['another charset', 'application/json; charset=iso-8859-1'],
  ['UTF-16', 'application/json; charset=utf-16'],
  ['two charsets', 'application/json; charset=utf-8; charset=latin1'],
  ['a charset without an end', 'application/json; charset="utf-8'],
  ['a semicolon too many', 'application/json;;'],
];

const bodies = (body: string) => typed('application/json', body);

export const TRANSPORT: readonly Row[] = [
  ...UNREAD.map(([name, raw]) => ({ name, raw, status: 400, headers: { connection: 'close' } })),
  ...TYPES_REFUSED.map(([name, type]) => ({ name: `a body of ${name}`, raw: typed(type), status: 415 })),
  ...['gzip', 'br', 'deflate', 'zstd', 'x', 'identity, gzip'].map((encoding) => ({
    name: `a body in the encoding ${encoding}`,
    raw: typed('application/json', ada, `Content-Encoding: ${encoding}`),
    status: 415,
  })),
  {
    name: 'a body in the encoding identity',
    raw: typed('application/json', ada, 'Content-Encoding: Identity'),
    status: 201,
    fine: true,
  },
  { name: 'the type in capitals', raw: typed('APPLICATION/JSON'), status: 201, fine: true },
  {
    name: 'the type with its charset',
    raw: typed('application/json; charset="UTF-8"'),
    status: 201,
    fine: true,
  },
  {
    name: 'a body in chunks',
    raw: chunked(`${ada.length.toString(16)}\r\n${ada}\r\n0\r\n\r\n`),
    status: 201,
    fine: true,
  },
  {
    name: 'a trailer that claims to be a header',
    raw: chunked(`${ada.length.toString(16)}\r\n${ada}\r\n0\r\nAuthorization: Bearer x\r\n\r\n`),
    status: 201,
    fine: true,
  },
  { name: 'an empty body', raw: bodies(''), status: 400, blames: ['/'] },
  { name: 'a body of 64 KiB and one', raw: bodies(`"${'a'.repeat(64 * 1024 - 1)}"`), status: 413 },
  { name: 'a body of 64 KiB', raw: bodies(`"${'a'.repeat(64 * 1024 - 2)}"`), status: 400, blames: ['/'] },
  { name: 'a length of more than 64 KiB', raw: length('65537', ''), status: 413 },
  {
    name: 'chunks of more than 64 KiB',
    raw: chunked(`11000\r\n${' '.repeat(0x11000)}\r\n0\r\n\r\n`),
    status: 413,
  },
  {
    name: 'headers of more than 16 KiB',
    raw: wire({ path: '/livez', headers: [`X-A: ${'a'.repeat(17_000)}`] }),
    status: 431,
    headers: { connection: 'close' },
  },
  {
    name: 'a thousand headers',
    raw: wire({
      path: '/livez',
      headers: Array.from({ length: 1_000 }, (_, i) => `X-Some-Header-${i}: ${i}`),
    }),
    status: 431,
  },
  { name: 'a path of more than 16 KiB', raw: wire({ path: `/${'a'.repeat(17_000)}` }), status: 431 },
  {
    name: 'text for a path that leads nowhere',
    raw: wire({ method: 'POST', path: '/nope', headers: ['Content-Type: text/plain'], body: 'hello' }),
    status: 404,
  },
  { name: 'a path of 8 KiB', raw: wire({ path: `/${'a'.repeat(8_000)}` }), status: 404 },
  {
    name: 'an id of 200 characters',
    raw: wire({ path: `/orders/${'a'.repeat(200)}`, headers: [KEY] }),
    status: 414,
  },
  { name: 'no host', raw: 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n', status: 400 },
  { name: 'HTTP/1.0 without a host', raw: 'GET /livez HTTP/1.0\r\n\r\n', status: 200, fine: true },
  { name: 'HTTP/0.9', raw: 'GET /orders\r\n\r\n', status: 400 },
  {
    name: 'two hosts',
    raw: wire({ path: '/livez', headers: ['Host: elsewhere.example'] }),
    status: 400,
  },
  { name: 'two types', raw: typed('application/json', ada, 'Content-Type: text/plain'), status: 400 },
  {
    name: 'a whole address in place of a path',
    raw: wire({ path: 'http://elsewhere.example/orders', headers: [KEY] }),
    status: 200,
    fine: true,
  },
  {
    name: 'a whole address of another kind',
    raw: wire({ path: 'ftp://elsewhere.example/orders', headers: [KEY] }),
    status: 404,
  },
  { name: 'a star in place of a path', raw: wire({ method: 'OPTIONS', path: '*' }), status: 404 },
  {
    name: 'CONNECT',
    raw: 'CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example:443\r\n\r\n',
    status: 400,
    headers: { connection: 'close' },
  },
  {
    name: 'a request for another protocol',
    raw: 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n',
    status: 200,
    fine: true,
  },
  { name: 'a websocket', raw: wire({ path: '/orders', headers: ['Upgrade: websocket'] }), status: 401 },
  {
    name: 'an expectation that nobody knows',
    raw: post('/customers', ada, 'Expect: 200-maybe'),
    status: 201,
    fine: true,
  },
  ...['TRACE', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'PROPFIND', 'LOCK'].map((method) => ({
    name: `${method} of the orders`,
    raw: wire({ method, path: '/orders', headers: [KEY] }),
    status: 405,
    headers: { allow: 'GET, HEAD, POST' },
  })),
  {
    name: 'GET of what is only posted',
    raw: wire({ path: `/orders/${NOBODY}/ship`, headers: [KEY] }),
    status: 405,
    headers: { allow: 'POST' },
  },
  {
    name: 'a method in a header',
    raw: wire({
      method: 'POST',
      path: `/customers/${NOBODY}`,
      headers: [KEY, 'X-HTTP-Method-Override: GET'],
    }),
    status: 405,
    headers: { allow: 'GET, HEAD' },
  },
  ...[
    '/',
    '/orderss',
    '/Orders',
    '//orders',
    '/orders/x/ship/x',
    '/.env',
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/docs/static/..%2f..%2fpackage.json',
    '/orders;x=1',
    '/orders%3fx',
  ].map((path) => ({
    name: `the path ${path}`,
    raw: wire({ path, headers: [KEY] }),
    status: 404,
  })),
  ...['/orders/%zz', '/orders/%', '/orders/%e0%a4', '/orders/%c0%af', '/orders/%ff'].map((path) => ({
    name: `the path ${path}`,
    raw: wire({ path, headers: [KEY] }),
    status: 400,
  })),
  ...[
    '/orders/%00',
    '/orders/%0d%0ax',
    '/orders/%2e%2e',
    `/orders/${NOBODY}%20`,
    `/orders/urn:uuid:${NOBODY}`,
    '/orders/-1',
    '/orders/NaN',
    '/orders/null',
    "/orders/'%20or%201=1",
  ].map((path) => ({
    name: `the path ${path}`,
    raw: wire({ path, headers: [KEY] }),
    status: 400,
    blames: ['/id'],
  })),
];
