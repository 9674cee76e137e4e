/** What has hurt somebody's API somewhere: texts, numbers, names, types, paths and bytes. */

const FAR = 'a'.repeat(70_000);

// biome-ignore format: many to a line
export const TEXTS: readonly string[] = [
  '', ' ', '\t', '\n', '\r\n', '\0', 'a\0b', '\u0007', '\u001b[31m', '\u007f', '\u0085', '\u2028', '\u2029',
  '\ud800', '\udc00', 'a\ud83d', '\ufffe', '\uffff', '\ufeffx', '\u200b', '\u202eevil', '\u2066x\u2069',
  '\u00ad', 'e\u0301', '\u00e9', 'ﬁ', '👩‍👩‍👧‍👦', '🏳️‍🌈', 'İ', 'ß', '\u{10ffff}', 'a'.repeat(200),
  'a'.repeat(201), '😀'.repeat(200), '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '{{7*7}}',
  '$'.concat('{7*7}'), '%s%n', '../../etc/passwd', "' or 1=1 --", "'; drop table orders; --", '$1', '\\', '\\u0000',
  'null', 'true', 'NaN', '__proto__', 'constructor',
  'http://localhost/', 'a\r\nBcc: x@example.com', 'x'.repeat(10_000), FAR,
];

// biome-ignore format: many to a line
export const ADDRESSES: readonly string[] = [
  '', '@', 'a', 'a@', '@b.c', 'a@b', 'a@localhost', 'a@[127.0.0.1]', 'a@b..c', '.a@b.cd', 'a.@b.cd',
  'a..b@c.de', '"a b"@c.de', 'a b@c.de', 'a@b.cd, e@f.gh', 'a@b.cd;e@f.gh', 'A <a@b.cd>',
  'a@b.cd\r\nBcc: e@f.gh', 'a@b.cd\0', 'ä@b.cd', 'a@bücher.example', 'a@xn--bcher-kva.example', 'a@-b.cd',
  'a@b-.cd', 'a@b.c1', `${'a'.repeat(65)}@b.cd`, `a@${'b'.repeat(64)}.cd`, `a@${'b.'.repeat(126)}cd`,
  'a\u200b@b.cd', 'a@b.cd\u202e', "o'hara+x@b.cd", 'a@b.cd.', 'mailto:a@b.cd',
];

// biome-ignore format: many to a line
export const IDS: readonly string[] = [
  '0', '-1', '1e9', 'null', 'undefined', '{}', '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff', 'urn:uuid:01a206b8-82f0-7023-9978-0ae66dfecce9',
  '01A206B8-82F0-7023-9978-0AE66DFECCE9', '{01a206b8-82f0-7023-9978-0ae66dfecce9}',
  '01a206b882f070239978 0ae66dfecce9', "' or 1=1", 'a'.repeat(101), '%00', '\u00e9',
  '01a206b8-82f0-7023-9978-0ae66dfecce9\0', '٠١a206b8-82f0-7023-9978-0ae66dfecce9',
];

// biome-ignore format: many to a line
export const NUMBERS: readonly unknown[] = [
  0, -0, -1, 1.5, 1e-9, 1e21, 1e308, 2 ** 31, 2 ** 53, 2 ** 53 - 1, 2 ** 63, -(2 ** 53), 1_000_001,
  '1', '', '1e3', null, true, [], {}, [1],
];

/** Of every JSON type. */
// biome-ignore format: many to a line
export const VALUES: readonly unknown[] = [
  null, true, false, 0, -1, 1.5, 1e21, '', 'x', '7', [], [null], [[]], {}, { a: 1 },
];

// biome-ignore format: many to a line
export const NAMES: readonly string[] = [
  'extra', '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', ' ', '$ref', 'id',
  'total', 'status',
  'locale', 'template', 'email ', 'EMAIL', 'a/b~c', '\u0000', '\ud800', '%73', 'customerId[]',
];

// biome-ignore format: many to a line
export const CONTENT_TYPES: readonly string[] = [
  '', 'text/plain', 'application/xml', 'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x', '*/*', 'application/json; charset=utf-8',
  'application/json;charset=utf-16', 'application/json ; a=b', 'application/json,text/plain',
  'APPLICATION/JSON', 'application/jsonx', 'application/json\t', ' application/json', 'application/json;',
  'json', 'application/', 'application/problem+json', 'text/json', 'application/ld+json',
  'application/json\u00a0', 'a'.repeat(5_000),
];

// biome-ignore format: many to a line
export const AUTHORIZATIONS: readonly string[] = [
  '', 'Bearer', 'Bearer ', 'bearer x', 'Bearer undefined', 'Bearer null', 'Basic Og==', 'Basic',
  'Digest a=b', 'Bearer a b', 'Bearer \u00e9', `Bearer ${'x'.repeat(4_000)}`,
  'Bearer eyJhbGciOiJub25lIn0.e30.', 'Negotiate', ', Bearer x',
];

// biome-ignore format: many to a line
export const IDEMPOTENCY_KEYS: readonly string[] = [
  '', ' ', 'a', '"a"', 'a'.repeat(255), 'a'.repeat(256), 'a'.repeat(5_000), '\u00e9', 'a b', 'a\tb',
  '__proto__', "'", '%00', '~!@',
];

/** Paths below which nothing of the API is, and spellings of those below which something is. */
// biome-ignore format: many to a line
export const PATHS: readonly string[] = [
  '/', '//', '/nowhere', '/orders/', '//orders', '/orders//', '/ORDERS', '/orders/.', '/orders/..',
  '/./orders', '/orders%2f', '/orders/%00', '/orders/%', '/orders/%zz', '/orders/%ff', '/orders/%c0%af',
  '/orders;a=b', '/orders?', '/orders??', '/orders#x', '/customers', '/customers/', '/orders/x/ship/',
  '/orders/x/refund', '/orders/../admin', '/%6frders', '/orders\\x', '/*', '/:id', '/favicon.ico', '/.env',
  '/.git/config', '/api/v1/orders', '/metrics/', 
  `/orders/${'a'.repeat(101)}`, `/${'a/'.repeat(500)}`, `/orders?${'a=b&'.repeat(500)}`,
  `/${'a'.repeat(6_000)}`,
];

/** What is not the API's, and what may be answered there without credentials. */
// biome-ignore format: many to a line
export const ELSEWHERE: readonly string[] = [
  '/livez', '/readyz', '/metrics', '/docs', '/docs/', '/docs/json', '/docs/yaml', '/docs/static/index.html',
  '/docs/static/x', '/docs/static/%2e%2e/x', '/docs/../../etc/passwd',
];
// biome-ignore format: many to a line
export const DASHBOARD: readonly string[] = [
  '/admin', '/admin/', '/admin/queues', '/admin/queues/', '/admin/queues/api/queues',
  '/admin/queues/static/x.js', '/admin/%71ueues', '/admin/queues/api/queues/order-notifications/x/retry',
  '/admin/queues/api/queues/order-notifications/retry/failed', '/admin/nowhere', '/admin/queues/..%2f',
  '/admin/queues?a=b', '/admin/orders/x', '/admin/queues/api/queues/order-notifications/obliterate',
];

// biome-ignore format: many to a line
export const METHODS: readonly string[] = [
  'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE',
];

/** Texts that are not the JSON that was meant, made of one that is. */
export const BODIES: readonly ((text: string) => string | Buffer)[] = [
  () => '',
  () => ' ',
  () => '{',
  () => 'null',
  () => '[]',
  () => '"x"',
  () => '0',
  () => 'undefined',
  () => '{"a":1}{"b":2}',
  () => '['.repeat(20_000),
  () => `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
  () => `"${'a'.repeat(65 * 1_024)}"`,
  () => `[${'0,'.repeat(30_000)}0]`,
  (text) => text.slice(0, -1),
  (text) => `${text}]`,
  (text) => `\ufeff${text}`,
  (text) => text.replaceAll('"', "'"),
  (text) => text.replace('{', '{"__proto__":{"a":1},'),
  (text) => text.replace('{', '{"constructor":{"prototype":{"a":1}},'),
  (text) => text.replace('{', `${text.slice(0, -1)},`),
  (text) => `${text.slice(0, -1)},}`,
  (text) => text.replace(/:(\d+)/, ':0x10'),
  (text) => text.replace(/:(\d+)/, ':1e400'),
  (text) => text.replace(/:(\d+)/, ':-0'),
  (text) => text.replace(/:(\d+)/, ':1.0'),
  (text) => text.replace(/:(\d+)/, ':9007199254740993'),
  (text) => text.replace(/:(\d+)/, ':NaN'),
  (text) => `/* */${text}`,
  (text) => Buffer.from(text, 'utf16le'),
  (text) => Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from([0xff, 0xfe, 0x22, 0x7d])]),
  (text) => Buffer.from(text.replace('a', '\u0000')),
];

/**
 * What comes over a socket and is not a request as it should be. `key` is a credential that works, `text` a body that is right.
 * The connection is half-closed after each.
 */
export const BYTES: readonly ((key: string, text: string) => string | Buffer)[] = [
  () => 'GET',
  () => '\r\n\r\n',
  () => Buffer.from([0, 1, 2, 3, 0xff, 0xfe]),
  () => Buffer.from('1603010200010001fc0303', 'hex'),
  () => 'GET / HTTP/1.1\r\n\r\n',
  () => 'GET / HTTP/0.9\r\n\r\n',
  () => 'GET / HTTP/2.0\r\nHost: x\r\n\r\n',
  () => 'GET  /orders HTTP/1.1\r\nHost: x\r\n\r\n',
  () => 'GET /orders\r\n\r\n',
  () => 'get /orders HTTP/1.1\r\nHost: x\r\n\r\n',
  () => 'NOPE /orders HTTP/1.1\r\nHost: x\r\n\r\n',
  () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  () => 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  () => 'CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n',
  () => 'GET http://elsewhere.example/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  () => 'GET /orders HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n',
  () => 'GET /orders HTTP/1.1\r\nHost : x\r\n\r\n',
  () => 'GET /orders HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n',
  () => 'GET /orders HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n',
  () => 'GET /orders HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n',
  () => 'GET /orders HTTP/1.1\nHost: x\nConnection: close\n\n',
  () => `GET /orders HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`,
  () => `GET /orders HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(3_000)}\r\n`,
  () => `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  () => 'GET /orders HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  () => 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  (key) => `GET /orders?limit=1 HTTP/1.0\r\nAuthorization: Bearer ${key}\r\n\r\n`,
  (key) =>
    `GET /orders?limit=\u00e9 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nConnection: close\r\n\r\n`,
  (key, text) => post(key, `Content-Length: ${text.length + 10}`, text),
  (key, text) => post(key, `Content-Length: ${Math.max(0, text.length - 10)}`, text),
  (key, text) => post(key, 'Content-Length: -1', text),
  (key, text) => post(key, 'Content-Length: 1e3', text),
  (key, text) => post(key, 'Content-Length: 99999999999999999999', text),
  (key, text) => post(key, `Content-Length: ${text.length}\r\nContent-Length: 5`, text),
  (key, text) => post(key, `Content-Length: ${text.length}\r\nTransfer-Encoding: chunked`, text),
  (key, text) => post(key, 'Transfer-Encoding: chunked', `zz\r\n${text}\r\n0\r\n\r\n`),
  (key, text) =>
    post(key, 'Transfer-Encoding: chunked', `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`),
  (key, text) => post(key, 'Transfer-Encoding: gzip, chunked', `5\r\nhello\r\n0\r\n\r\n${text}`),
  (key, text) => post(key, 'Transfer-Encoding: identity', text),
  (key, text) => post(key, `Content-Length: ${text.length}\r\nExpect: 100-continue`, text),
  (key, text) => post(key, `Content-Length: ${text.length}\r\nExpect: a-miracle`, text),
  (key) => post(key, 'Content-Length: 70000', `{"a":"${'a'.repeat(69_990)}"}`),
  (key) => post(key, 'Transfer-Encoding: chunked', `ffffffffff\r\n{`),
];

function post(key: string, length: string, body: string): Buffer {
  const head = `POST /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nConnection: close\r\n${length}\r\n\r\n`;
  return Buffer.from(head + body);
}
