/**
 * The document of the API: its frame, and what is true of every route of a kind. Routes give their schemas; examples, headers
 * and the refusals that any request may meet are added here, so that a new route is a few lines.
 */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { PARAMETERS, problemExample, REFUSALS, TOLD } from './api/examples.ts';
import * as schemas from './api/schemas.ts';

const DESCRIPTION = `Place orders. Each is stored together with its confirmation, which arrives once.

Bodies are JSON in UTF-8 (\`application/json\`, no Content-Encoding), at most 64 KiB. Unknown fields and unknown query parameters
are refused, and nothing is coerced. Money is in minor units, times are ISO 8601 in UTC.

Every refusal is a problem of RFC 9457 (\`application/problem+json\`). What is true of all paths, also of those not listed here: an
unknown path is answered 404; a path that does not know the method 404 or 405, with \`Allow\`; HEAD is answered like GET, without
the body. What cannot be read as HTTP or as a path is answered 400, 408 (it did not arrive in time), 414 or 431, and the connection
may be closed. Missing or wrong credentials are found before anything else of a request is looked at. A 503 carries Retry-After:
under an Idempotency-Key a request may be repeated safely. Answers with data are not to be stored by caches.`;

/** What a request may be answered whatever the route says: for how it came, with what body, to what path, with which key. */
function everywhere(operation: Operation, method: string, path: string): number[] {
  return [
    ...[400, 408, 431],
    ...(operation.security ? [401] : []),
    ...(operation.security?.some((scheme) => 'bearer' in scheme || 'basic' in scheme) ? [429] : []),
    ...(path.includes('{') ? [414] : []),
    ...(method === 'post' ? [413, 415] : []),
  ];
}

/** Schemas that have a name in the document. Wherever one of them stands, the document points to it. */
const NAMED: Readonly<Record<string, object>> = {
  Problem: schemas.Problem,
  NewCustomer: schemas.NewCustomer,
  Customer: schemas.Customer,
  NewOrder: schemas.NewOrder,
  Placed: schemas.Placed,
  Order: schemas.Order,
  OrderPage: schemas.OrderPage,
};

interface Header {
  readonly description: string;
  readonly schema: { readonly type: string };
  readonly example: string;
}
const header = (description: string, example: string): Header => ({
  description,
  schema: { type: 'string' },
  example,
});
const RETRY_AFTER = { 'Retry-After': header('Seconds to wait before the next try', '2') };
const RATE_LIMIT = {
  RateLimit: header('What is left of the limit that is nearest, and until when', '"orders";r=5999;t=60'),
  'RateLimit-Policy': header('The limits in force', '"orders";q=6000;w=60'),
};
const LOCATION = {
  Location: header('Where what was made can be read', '/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4'),
};
const REPLAYED = {
  'Idempotency-Replayed': header('`true` when this answer was given before, under the same key', 'true'),
};
const ETAG = { ETag: header('The version that was read: send it as If-None-Match', '"4f2c1a90d7b3"') };
const IF_NONE_MATCH = {
  ...{ name: 'if-none-match', in: 'header', required: false, schema: { type: 'string' } },
  description: 'The ETag of an earlier answer: 304 if nothing has changed since',
};

interface Media {
  readonly schema: object;
  readonly example?: unknown;
}
interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, object>>;
  readonly content?: Readonly<Record<string, Media>>;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
}
interface Operation {
  readonly security?: readonly object[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Answer>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, object>>;
}

const SIGN_IN = 'Basic realm="Order Notifications", charset="UTF-8"';

/** How @fastify/swagger makes the document of the routes. */
export const documentOf = (publicUrl: string): FastifyDynamicSwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Order Notifications',
      version: '1',
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' } as { name: string }, // the plugin's types are of 3.0, which has no identifier
    },
    servers: [{ url: publicUrl, description: 'This installation' }],
    tags: [
      { name: 'customers', description: 'Whom letters go to' },
      { name: 'orders', description: 'Orders, and what became of their letters' },
      { name: 'webhooks', description: 'What the mail provider tells of letters' },
      { name: 'operators', description: 'Dead letters, and what is done about them' },
    ],
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A key of API_KEYS' },
        basic: {
          type: 'http',
          scheme: 'basic',
          description: 'An account of the dashboard; a viewer can only look',
        },
        webhook: {
          type: 'apiKey',
          in: 'header',
          name: 'svix-signature',
          description:
            'HMAC-SHA256 of `svix-id`.`svix-timestamp`.body, with a secret of RESEND_WEBHOOK_SECRET',
        },
      },
    },
  },
  convertConstToEnum: false, // 3.1 knows `const`
  // The plugin's types allow any version; ours is the one that stands above.
  transformObject: (made) =>
    complete((made as unknown as { openapiObject: Document }).openapiObject) as object,
});

function complete({ paths, components, ...frame }: Document): Document {
  const completed = mapValues(paths, (operations, path) =>
    mapValues(operations, (operation, method) => completeOperation(operation, method, path)),
  );
  const named = mapValues(NAMED, (schema, name) => pointed(plain(schema), name));
  return { ...frame, paths: pointed(completed), components: { ...components, schemas: named } };
}

function completeOperation(operation: Operation, method: string, path: string): Operation {
  const told = TOLD[`${method.toUpperCase()} ${path}`];
  const body =
    operation.requestBody ??
    (told?.body && { required: true, content: { 'application/json': { schema: told.body } } });
  // Not in the route's schema, where it would be checked: what is no tag matches nothing, and is no mistake.
  const conditions = '304' in operation.responses ? [IF_NONE_MATCH] : [];
  const parameters = [...(operation.parameters ?? []), ...conditions];
  const refusals = Object.fromEntries(
    everywhere(operation, method, path).map((status) => [status, problemAnswer]),
  );
  return {
    ...operation,
    ...(told ? { operationId: told.operationId } : {}),
    ...(parameters.length > 0 ? { parameters: parameters.map((one) => completeParameter(one, path)) } : {}),
    ...(body && told?.request !== undefined
      ? { requestBody: { ...body, content: exemplified(body.content, told.request) } }
      : {}),
    responses: mapValues({ ...refusals, ...operation.responses }, (answer, status) =>
      completeAnswer(answer, Number(status), path, { ...operation, told }),
    ),
  };
}

const problemAnswer: Answer = {
  description: '',
  content: { 'application/problem+json': { schema: plain(schemas.Problem) } },
};

function completeParameter(parameter: Parameter, path: string): Parameter & { readonly example?: unknown } {
  const { name } = parameter;
  const example = PARAMETERS[name === 'id' && path.startsWith('/customers') ? 'customerId' : name];
  return example === undefined ? parameter : { ...parameter, example };
}

type Context = Operation & { readonly told: (typeof TOLD)[string] | undefined };

function completeAnswer(answer: Answer, status: number, path: string, context: Context): Answer {
  const headers = { ...answer.headers, ...headersOf(status, path, context) };
  const example =
    status < 400 ? context.told?.answer[2] : problemExample(status, path, context.told?.refusals?.[status]);
  return {
    description: meaningOf(answer, status, context),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    ...(answer.content ? { content: exemplified(answer.content, example) } : {}),
  };
}

function meaningOf({ description }: Answer, status: number, { told }: Context): string {
  if (status >= 400) return REFUSALS[status]?.[0] ?? description;
  if (status === told?.answer[0]) return told.answer[1];
  return status === 304 ? 'Unchanged since the version of If-None-Match' : description;
}

/** By what the route takes and may answer: nobody has to remember them. */
function headersOf(status: number, path: string, { parameters, responses }: Context): Record<string, Header> {
  const limited = '201' in responses && path === '/orders';
  const keyed = parameters?.some(({ name }) => name === 'idempotency-key');
  const isFine = status < 300;
  return {
    ...(status === 201 && path !== '/customers' ? LOCATION : {}),
    ...(isFine && keyed ? REPLAYED : {}),
    ...((isFine && '304' in responses) || status === 304 ? ETAG : {}),
    ...(limited && (isFine || status === 429) ? RATE_LIMIT : {}),
    ...(status === 429 || status === 503 || (status === 409 && keyed) ? RETRY_AFTER : {}),
    ...(status === 401 && path !== '/webhooks/resend'
      ? { 'WWW-Authenticate': header('The scheme to use', path.startsWith('/admin') ? SIGN_IN : 'Bearer') }
      : {}),
  };
}

const exemplified = (content: Readonly<Record<string, Media>>, example: unknown) =>
  mapValues(content, (media) => (example === undefined ? media : { ...media, example }));

/** Puts pointers where named schemas stand, but for the one whose own place this is. */
function pointed<T>(value: T, own?: string): T {
  if (Array.isArray(value)) return value.map((one) => pointed(one)) as T; // each of the same type, or a pointer, which is one too
  if (typeof value !== 'object' || value === null) return value;
  const name = NAMES.get(printed(value));
  if (name !== undefined && name !== own) return { $ref: `#/components/schemas/${name}` } as T;
  return mapValues(value as Record<string, unknown>, (one) => pointed(one)) as T;
}

/** JSON with sorted keys: the same schema, however it was put together. */
function printed(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}
const NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries(NAMED).map(([name, schema]) => [printed(schema), name]),
);

/** Without what TypeBox hangs on a schema. */
function plain<T>(schema: T): T {
  return JSON.parse(JSON.stringify(schema)) as T;
}

function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  map: (value: T, key: string) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
