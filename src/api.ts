/** The API's routes: customers, orders, and what may be asked of them. The path of an order touches Postgres only. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Secret } from './config.ts';
import type { Database } from './database.ts';
import { currencies, MAX_AMOUNT, orderTotal } from './money.ts';
import {
  cancelOrder,
  createCustomer,
  findCustomer,
  findOrder,
  type IdempotencyKey,
  listOrders,
  type Moved,
  type OrderRequest,
  placeOrder,
  type StoredAnswer,
  shipOrder,
} from './orders.ts';
import { sendProblem } from './problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of the API key that the request came with. */
    client: string;
  }
}

const MAX = Number(MAX_AMOUNT);

/** One address: an ASCII dot-atom at a dotted domain, within the lengths of the mail standards. */
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const ADDRESS = `^(?=.{1,254}$)(?=.{1,64}@)${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$`;
/** At least one visible character, no control characters, no lone surrogates (Postgres refuses those). */
const TEXT = '^(?=.*[^\\s\\p{C}])[^\\p{Cc}\\p{Cs}]+$';

const strict = { additionalProperties: false };
/** The format alone takes `urn:uuid:…` too, which Postgres does not. */
const Id = Type.String({ format: 'uuid', maxLength: 36 });
const Instant = Type.String({ format: 'date-time' });
const Text = (description: string) =>
  Type.String({ minLength: 1, maxLength: 200, pattern: TEXT, description });
const Amount = (description: string) => Type.Integer({ minimum: 0, maximum: MAX, description });
const Currency = Type.Enum([...currencies], { description: 'A circulating currency of ISO 4217' });
const OrderStatus = Type.Enum(['CREATED', 'SHIPPED', 'CANCELLED']);

const NewCustomer = Type.Object(
  {
    email: Type.String({ pattern: ADDRESS, maxLength: 254 }),
    name: Text('How letters address the customer'),
  },
  strict,
);

const Item = Type.Object(
  {
    sku: Text('Your article number'),
    name: Text('What the letter calls the article'),
    quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    unitPrice: Amount('Minor units of the currency'),
  },
  strict,
);
const NewOrder = Type.Object(
  { customerId: Id, currency: Currency, items: Type.Array(Item, { minItems: 1, maxItems: 100 }) },
  strict,
);

const Customer = Type.Object({
  customerId: Id,
  email: Type.String(),
  name: Type.String(),
  createdAt: Instant,
});
const Placed = Type.Object({ success: Type.Literal(true), orderId: Id, message: Type.String() });
const NotificationStatus = Type.Enum([
  'staged',
  'enqueued',
  'sent',
  'delivered',
  'bounced',
  'complained',
  'dead',
  'discarded',
]);
const Order = Type.Object({
  id: Id,
  customerId: Id,
  status: OrderStatus,
  currency: Type.String(),
  total: Amount('Minor units, computed by the server'),
  createdAt: Instant,
  items: Type.Array(Item),
  notifications: Type.Array(
    Type.Object({
      id: Id,
      type: Type.String(),
      status: NotificationStatus,
      reason: Type.Optional(Type.String({ description: 'Why it is dead' })),
      timeline: Type.Array(Type.Object({ at: Instant, event: Type.String() })),
    }),
  ),
});
const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String(),
    errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
  },
  { description: 'RFC 9457 problem details' },
);
const problems = <const Status extends number>(...statuses: Status[]) =>
  Object.fromEntries(
    statuses.map((status) => [status, { content: { 'application/problem+json': { schema: Problem } } }]),
  );

const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,255}$',
      description: 'Repeating a request under its key never makes a second order',
    }),
  ),
});
const IdParams = Type.Object({ id: Id });
const OrdersQuery = Type.Object(
  {
    customerId: Type.Optional(Id),
    status: Type.Optional(OrderStatus),
    limit: Type.Optional(
      Type.String({ pattern: '^(?:[1-9]\\d?|100)$', description: '1 to 100; 20 unless told' }),
    ),
    cursor: Type.Optional(
      Type.String({ pattern: '^[A-Za-z0-9_-]{22}$', description: '`nextCursor` of the page before' }),
    ),
  },
  strict,
);
const OrderPage = Type.Object({
  orders: Type.Array(Order),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
});
const DEFAULT_PAGE = 20;

export interface ApiParts {
  readonly db: Database;
  readonly apiKeys: readonly Secret[];
  /** Called after every commit that has staged a message. */
  readonly onStaged: () => void;
}

/** Customers and orders, behind bearer keys. */
export const apiRoutes: FastifyPluginAsyncTypebox<ApiParts> = async (app, { db, apiKeys, onStaged }) => {
  authenticate(app, apiKeys);
  const security = [{ bearer: [] }];

  app.post(
    '/customers',
    {
      schema: {
        tags: ['customers'],
        summary: 'Add a customer',
        security,
        body: NewCustomer,
        response: { 201: Type.Object({ customerId: Id }), ...problems(400, 401, 413, 415, 503) },
      },
    },
    async (request, reply) => reply.status(201).send({ customerId: await createCustomer(db, request.body) }),
  );

  app.get(
    '/customers/:id',
    {
      schema: {
        tags: ['customers'],
        summary: 'One customer',
        security,
        params: IdParams,
        response: { 200: Customer, ...problems(400, 401, 404, 503) },
      },
    },
    async (request, reply) => (await findCustomer(db, request.params.id)) ?? missing(reply, 'customer'),
  );

  app.post(
    '/orders',
    {
      schema: {
        tags: ['orders'],
        summary: 'Place an order; its confirmation follows by e-mail',
        security,
        headers: IdempotencyHeaders,
        body: NewOrder,
        response: { 201: Placed, ...problems(400, 401, 404, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      if (orderTotal(request.body.items) > MAX_AMOUNT) {
        const errors = [{ path: '/items', message: `their total must not be above ${MAX}` }];
        return sendProblem(reply, 400, 'The body is not valid.', errors);
      }
      const placed = await placeOrder(db, request.body, idempotencyKey(request), placedAnswer);
      switch (placed.outcome) {
        case 'placed':
          onStaged();
          return sendStored(reply, placed.answer);
        case 'replayed':
          return sendStored(reply.header('idempotency-replayed', 'true'), placed.answer);
        case 'key_reused':
          return sendProblem(reply, 422, 'This Idempotency-Key belongs to a request with another body.');
        case 'customer_missing':
          return missing(reply, 'customer');
      }
    },
  );

  app.get(
    '/orders/:id',
    {
      schema: {
        tags: ['orders'],
        summary: 'One order with the story of its letters',
        security,
        params: IdParams,
        response: { 200: Order, ...problems(400, 401, 404, 503) },
      },
    },
    async (request, reply) => (await findOrder(db, request.params.id)) ?? missing(reply, 'order'),
  );

  app.get(
    '/orders',
    {
      schema: {
        tags: ['orders'],
        summary: 'Orders, the newest first',
        security,
        querystring: OrdersQuery,
        response: { 200: OrderPage, ...problems(400, 401, 503) },
      },
    },
    async ({ query }) => {
      const limit = Number(query.limit ?? DEFAULT_PAGE);
      const orders = await listOrders(db, {
        customerId: query.customerId ?? null,
        status: query.status ?? null,
        limit,
        before: query.cursor ? fromCursor(query.cursor) : null,
      });
      const last = orders.length === limit ? orders.at(-1) : undefined;
      return { orders, nextCursor: last ? toCursor(last.id) : null };
    },
  );

  const move = (
    path: 'ship' | 'cancel',
    summary: string,
    act: (db: Database, id: string) => Promise<Moved>,
  ) =>
    app.post(
      `/orders/:id/${path}`,
      {
        schema: {
          tags: ['orders'],
          summary,
          security,
          params: IdParams,
          response: { 200: Order, ...problems(400, 401, 404, 409, 503) },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const moved = await act(db, id);
        if (moved === 'moved') onStaged();
        if (moved === 'forbidden')
          return sendProblem(
            reply,
            409,
            `This order can no longer be ${path === 'ship' ? 'shipped' : 'cancelled'}.`,
          );
        return (await findOrder(db, id)) ?? missing(reply, 'order');
      },
    );
  move('ship', 'Mark an order as shipped; repeating is harmless', shipOrder);
  move('cancel', 'Cancel an order; repeating is harmless', cancelOrder);
};

const missing = (reply: FastifyReply, what: string) => sendProblem(reply, 404, `There is no such ${what}.`);

/** Bearer keys, several at once for rotation, compared in constant time. */
function authenticate(app: Parameters<typeof apiRoutes>[0], apiKeys: readonly Secret[]): void {
  const known = apiKeys.map(({ name, secret }) => ({ name, digest: sha256(secret) }));
  app.decorateRequest('client', '');
  app.addHook('onRequest', async (request, reply) => {
    const [, given] = /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const digest = sha256(given ?? '');
    // All keys are compared, so that the time does not tell which one was near.
    const [match] = known.filter((key) => timingSafeEqual(key.digest, digest));
    if (!match) {
      reply.header('www-authenticate', 'Bearer');
      return sendProblem(reply, 401, 'Send Authorization: Bearer <key> with a key of this service.');
    }
    request.client = match.name;
  });
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

function idempotencyKey(
  request: FastifyRequest<{ Headers: Static<typeof IdempotencyHeaders>; Body: OrderRequest }>,
): IdempotencyKey | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  return { client: request.client, keyHash: sha256(key), fingerprint: sha256(canonical(request.body)) };
}

/** JSON with sorted keys and no white space: the same request, however it was written. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join(',')}}`;
}

function placedAnswer(orderId: string): StoredAnswer {
  const message = 'Order created successfully. You will receive a confirmation shortly.';
  return {
    status: 201,
    body: JSON.stringify({ success: true, orderId, message }),
    location: `/orders/${orderId}`,
  };
}

/** Sends an answer as it was stored, byte by byte. */
function sendStored(reply: FastifyReply, { status, body, location }: StoredAnswer): FastifyReply {
  if (location) reply.header('location', location);
  return reply.status(status).type('application/json; charset=utf-8').serializer(String).send(body);
}

/** A cursor is the bytes of the last order's id. */
const toCursor = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');

function fromCursor(cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
