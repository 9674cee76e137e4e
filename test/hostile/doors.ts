/** The doors: keys, idempotency keys, pages, the dashboard, the provider's webhook, health and metrics. */
import { signed } from '../support/reports.ts';
import { JSON_TYPE, KEY, NOBODY, post, type Row, wire } from './row.ts';

const get = (path: string, ...headers: string[]) => wire({ path, headers });
const basic = (text: string) => `Authorization: Basic ${Buffer.from(text).toString('base64')}`;
const OPERATOR = basic('operator:operator-password');
const BOARD = '/admin/queues/api/queues/order-notifications';

export const AUTH: readonly Row[] = [
  ...[
    '',
    'Authorization:',
    'Authorization: Bearer',
    'Authorization: Bearer ',
    'Authorization: Bearer  test-key',
    'Authorization: Bearer test-key x',
    'Authorization: Bearer test-key,',
    'Authorization: Bearer TEST-KEY',
    'Authorization: Bearer test-ke',
    'Authorization: Bearer test-keyy',
    'Authorization: Bearer "test-key"',
    'Authorization: test-key',
    'Authorization: Token test-key',
    'Authorization: Bearertest-key',
    basic('test:test-key'),
    OPERATOR,
    'Authorization: Bearer undefined',
    'Authorization: Bearer null',
    'Authorization: Bearer test',
    `Authorization: Bearer ${'x'.repeat(8_000)}`,
    'X-Api-Key: test-key',
    'Cookie: key=test-key',
    'Proxy-Authorization: Bearer test-key',
    'Authorization: Bearer \xe9',
    'Authorization: Bearer test-key\x85',
  ].map((header) => ({
    name: `the credentials ${JSON.stringify(header).slice(0, 60)}`,
    raw: get('/orders', ...(header ? [header] : [])),
    status: 401,
    headers: { 'www-authenticate': 'Bearer' },
  })),
  { name: 'a key in the query', raw: get('/orders?key=test-key'), status: 401 },
  {
    name: 'no key and no body that is right',
    raw: wire({ method: 'POST', path: '/orders', headers: [JSON_TYPE], body: '{' }),
    status: 401,
  },
  {
    name: 'no key and a body in a form of others',
    raw: wire({ method: 'POST', path: '/orders', headers: ['Content-Type: text/xml'], body: '<a/>' }),
    status: 401,
  },
  {
    name: 'a right key behind a wrong one',
    raw: get('/orders', 'Authorization: Bearer wrong', KEY),
    status: 400,
  },
  {
    name: 'the scheme in capitals',
    raw: get('/orders', 'AUTHORIZATION: BEARER test-key'),
    status: 200,
    fine: true,
  },
];

const place = (key: string) =>
  post(
    '/orders',
    { customerId: NOBODY, currency: 'EUR', items: [{ sku: 'T', name: 'T', quantity: 1, unitPrice: 1 }] },
    `Idempotency-Key: ${key}`,
  );

export const IDEMPOTENCY: readonly Row[] = [
  { name: 'an idempotency key that is DEL', raw: place('\x7f'), status: 400 }, // no header at all
  ...['', ' ', 'a b', 'a\tb', 'ä', '\xff', 'x'.repeat(256), 'ключ'].map((key) => ({
    name: `the idempotency key ${JSON.stringify(key).slice(0, 40)}`,
    raw: place(Buffer.from(key, 'utf8').toString('latin1')),
    status: 400,
    blames: ['/idempotency-key'],
  })),
  {
    name: 'two idempotency keys',
    raw: place('a\r\nIdempotency-Key: b'),
    status: 400,
    blames: ['/idempotency-key'],
  },
  ...['"quoted"', 'x'.repeat(255), "';--", '__proto__', '../..', '{}'].map((key) => ({
    name: `the idempotency key ${key.slice(0, 40)}`,
    raw: place(key),
    status: 404,
  })),
];

export const READING: readonly Row[] = [
  ...[
    'limit=0',
    'limit=101',
    'limit=-1',
    'limit=1.5',
    'limit=1e1',
    'limit=',
    'limit=%31%30x',
    'limit=0x10',
    'limit=10&limit=10',
  ].map((query) => ({
    name: `the query ${query}`,
    raw: get(`/orders?${query}`, KEY),
    status: 400,
    blames: ['/limit'],
  })),
  ...[
    'cursor=',
    'cursor=x',
    'cursor=../..',
    `cursor=${'A'.repeat(28)}`,
    `cursor=${'_'.repeat(22)}`,
    `cursor=${NOBODY}`,
    'cursor=%00',
    'cursor[]=a',
    'cursor=a&cursor=b',
  ].map((query) => ({
    name: `the query ${query}`,
    raw: get(`/orders?${query}`, KEY),
    status: 400,
    blames: [query.startsWith('cursor[') ? '/cursor[]' : '/cursor'],
  })),
  ...['status=created', 'status=', 'status=SHIPPED%20', 'status[$ne]=x'].map((query) => ({
    name: `the query ${query}`,
    raw: get(`/orders?${query}`, KEY),
    status: 400,
    blames: [query.startsWith('status[') ? '/status[$ne]' : '/status'],
  })),
  ...['offset=5', '__proto__=1', 'constructor=1', 'a=b', '=', 'hasOwnProperty=1'].map((query) => ({
    name: `the query ${query}`,
    raw: get(`/orders?${query}`, KEY),
    status: 400,
    blames: [`/${query.split('=')[0]}`],
  })),
  {
    name: 'a thousand parameters',
    raw: get(`/orders?${Array.from({ length: 1_000 }, (_, i) => `a${i}=1`).join('&')}`, KEY),
    status: 400,
  },
  {
    name: 'an entity tag that is none',
    raw: get(`/orders/${NOBODY}`, KEY, `If-None-Match: ${'"'.repeat(2_000)}`),
    status: 404,
  },
];

export const DASHBOARD: readonly Row[] = [
  ...[
    '/admin',
    '/admin/queues',
    `${BOARD}`,
    '/admin/queues/static/x.js',
    '/admin/orders/x',
    '/%61dmin/queues',
    '/admin/%71ueues',
    '/admin/%zz',
    '/admin/%',
    `/admin/orders/${'a'.repeat(150)}`,
  ].map((path) => ({
    name: `the dashboard's ${path} without credentials`,
    raw: get(path),
    status: 401,
    headers: { 'www-authenticate': 'Basic realm="Order Notifications", charset="UTF-8"' },
  })),
  ...['DELETE', 'POST', 'PATCH'].flatMap((method) =>
    ['/retry/failed', '/clean/failed', '/obliterate', '/promote', '/pause', '/empty'].map((act) => ({
      name: `${method} ${act} of an operator`,
      raw: wire({ method, path: `${BOARD}${act}`, headers: [OPERATOR, 'Sec-Fetch-Site: same-origin'] }),
      status: 405,
      headers: { allow: act.includes('/', 1) ? 'PUT' : 'GET, HEAD, PUT' }, // one name alone may be a job's
    })),
  ),
  {
    name: 'another method for the story of an order',
    raw: wire({
      method: 'POST',
      path: '/admin/orders/x',
      headers: [OPERATOR, 'Sec-Fetch-Site: same-origin'],
    }),
    status: 405,
    headers: { allow: 'GET, HEAD' },
  },
  ...['events/flow', 'epoch', 'meta', 'completed/flow'].map((key) => ({
    name: `the queue's own key ${key} as a job`,
    raw: wire({ path: `${BOARD}/${key}`, headers: [OPERATOR] }),
    status: 404,
    fine: true, // in the board's own form
  })),
  {
    name: 'a page of the board beyond all numbers',
    raw: wire({
      path: '/admin/queues/api/queues?page=1e300&jobsPerPage=10&activeQueue=order-notifications&status=completed',
      headers: [OPERATOR],
    }),
    status: 200,
    fine: true,
  },
  {
    name: 'a queue whose name cannot be read',
    raw: wire({ path: '/admin/queues/api/queues?activeQueue=%25&status=failed', headers: [OPERATOR] }),
    status: 404,
    fine: true, // in the board's own form
  },
  ...[
    '/clean/failed',
    '/pause',
    '/resume',
    '/empty',
    '/obliterate',
    '/promote',
    '/retry/completed',
    '/clean/completed',
  ].map((act) => ({
    name: `PUT ${act} of an operator`,
    raw: wire({ method: 'PUT', path: `${BOARD}${act}`, headers: [OPERATOR, 'Sec-Fetch-Site: same-origin'] }),
    status: 403,
    fine: true, // in the board's own form
  })),
  {
    name: 'a retry from another site',
    raw: wire({
      method: 'PUT',
      path: `${BOARD}/retry/failed`,
      headers: [OPERATOR, 'Sec-Fetch-Site: cross-site'],
    }),
    status: 403,
  },
  {
    name: 'a retry from another origin',
    raw: wire({
      method: 'PUT',
      path: `${BOARD}/retry/failed`,
      headers: [OPERATOR, 'Origin: https://evil.example'],
    }),
    status: 403,
  },
  {
    name: 'a retry of no job',
    raw: wire({ method: 'PUT', path: `${BOARD}/${NOBODY}-1/retry`, headers: [OPERATOR] }),
    status: 404,
  },
  {
    name: 'a retry of another queue',
    raw: wire({
      method: 'PUT',
      path: `/admin/queues/api/queues/other/${NOBODY}-1/retry`,
      headers: [OPERATOR],
    }),
    status: 404,
  },
];

const report = JSON.stringify({ type: 'email.opened', data: {} });
const hook = (text: string, headers: object, path = '/webhooks/resend', type = JSON_TYPE) =>
  wire({
    method: 'POST',
    path,
    headers: [type, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)],
    body: text,
  });

export const WEBHOOK: readonly Row[] = [
  { name: 'a report without a signature', raw: hook(report, {}), status: 401 },
  { name: 'a report with a key', raw: hook(report, { Authorization: 'Bearer test-key' }), status: 401 },
  {
    name: 'a report with two ids',
    raw: hook(report, signed(report)).replace('svix-id:', 'svix-id: x\r\nsvix-id:'),
    status: 401,
  },
  {
    name: 'a report with another body',
    raw: hook(report.replace('opened', 'sent'), signed(report)),
    status: 401,
  },
  { name: 'an old report', raw: hook(report, signed(report, { timestamp: '1' })), status: 401 },
  { name: 'a signed report that is none', raw: hook('[]', signed('[]')), status: 400 },
  {
    name: 'a signed report with a query',
    raw: hook(report, signed(report), '/webhooks/resend?x=1'),
    status: 400,
    blames: ['/x'],
  },
  {
    name: 'a signed report as text',
    raw: hook(report, signed(report), '/webhooks/resend', 'Content-Type: text/plain'),
    status: 415,
  },
  {
    name: 'a signed report of more than 64 KiB',
    raw: hook(' '.repeat(70_000), signed(' '.repeat(70_000))),
    status: 413,
  },
  { name: 'a signed report', raw: hook(report, signed(report)), status: 200, fine: true },
  { name: 'GET of the webhook', raw: get('/webhooks/resend'), status: 405, headers: { allow: 'POST' } },
  { name: 'a report to another provider', raw: hook(report, signed(report), '/webhooks/other'), status: 404 },
];

export const HEALTH: readonly Row[] = [
  ...['/livez', '/readyz', '/metrics'].flatMap((path): Row[] => [
    { name: path, raw: get(path), status: 200, fine: true },
    { name: `${path} with a query`, raw: get(`${path}?verbose=1`), status: 200, fine: true },
    {
      name: `POST ${path}`,
      raw: wire({ method: 'POST', path, headers: [JSON_TYPE], body: '{}' }),
      status: 405,
      headers: { allow: 'GET, HEAD' },
    },
    { name: `${path}/x`, raw: get(`${path}/x`), status: 404 },
  ]),
  {
    name: 'HEAD of the API',
    raw: wire({ method: 'HEAD', path: '/orders', headers: [KEY] }),
    status: 200,
    fine: true,
  },
  { name: 'a debugger', raw: get('/debug/pprof'), status: 404 },
  { name: 'an environment', raw: get('/env'), status: 404 },
];
