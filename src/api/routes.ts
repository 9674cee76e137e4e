/** The API's routes: customers, orders, and what may be asked of them. The path of an order touches Postgres only. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Secret } from '../config.ts';
import { coalesce, type Database } from '../database.ts';
import { CURSOR } from '../fields.ts';
import { type Counted, type Limits, rateLimitHeaders, type Taken } from '../limits.ts';
import { MAX_AMOUNT, orderTotal } from '../money.ts';
import {
  cancelOrder,
  createCustomer,
  findCustomer,
  findOrder,
  listOrders,
  type Moved,
  type Placed as Placement,
  type Placing,
  placeOrders,
  shipOrder,
} from '../orders.ts';
import { pointerToken, sendProblem } from '../problem.ts';
import { findReplay, type IdempotencyKey, type StoredAnswer } from '../replays.ts';
import { fromCursor, toCursor } from './cursor.ts';
import { tagged } from './etag.ts';
import { idempotencyKey, sendReplay, sendStored } from './idempotency.ts';
import { invalidBody, readJson } from './json.ts';
import { authenticate } from './keys.ts';
import {
  Customer,
  Id,
  IdempotencyHeaders,
  IdParams,
  NewCustomer,
  NewOrder,
  NoQuery,
  NotModified,
  Order,
  OrderPage,
  OrdersQuery,
  Placed,
  problems,
} from './schemas.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** By which limits it was counted so far. */
    counted: readonly Counted[] | null;
  }
}

const DEFAULT_PAGE = 20;
/**
 * Concurrent orders share a statement, a round trip and a commit: measured with 32 connections, that more than doubles orders per second. One that comes
 * alone is placed at once.
 */
const ORDERS_PER_STATEMENT = 64;
const STATEMENTS_OF_ORDERS = 2;

export interface ApiParts {
  readonly db: Database;
  readonly apiKeys: readonly Secret[];
  readonly limits: Limits;
  /** Called after every commit that has staged a message. */
  readonly onStaged: () => void;
}

/** Customers and orders, behind bearer keys. */
export const apiRoutes: FastifyPluginAsyncTypebox<ApiParts> = async (
  app,
  { db, apiKeys, limits, onStaged },
) => {
  authenticate(app, apiKeys, limits.wrong);
  readJson(app);
  app.addHook('onRoute', ({ schema }) => {
    if (schema) schema.querystring ??= NoQuery; // what a route does not know it must not pass over
  });
  const security = [{ bearer: [] }];
  const { orders, recipient } = limits;
  app.decorateRequest('counted', null);
  /** Under which keys orders are being placed right now: their twins take no place of the customer's. */
  const placing = new Set<string>();
  const place = coalesce((placings: readonly Placing[]) => placeOrders(db, placings), {
    limit: ORDERS_PER_STATEMENT,
    most: STATEMENTS_OF_ORDERS,
  });

  /** Before the body is read: also what is refused afterwards was asked. */
  async function countOrder(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const taken = orders.take(request.client);
    countedBy(request, reply, { limit: orders.limit, taken });
    return taken.allowed
      ? undefined
      : tooMany(reply, taken, 'This key has placed as many orders as one may in a minute.');
  }

  app.post(
    '/customers',
    {
      schema: {
        tags: ['customers'],
        summary: 'Add a customer',
        security,
        headers: IdempotencyHeaders,
        body: NewCustomer,
        response: {
          201: Type.Object({ customerId: Id }),
          ...problems(400, 401, 409, 413, 415, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const key = idempotencyKey(request, request.body);
      const added = await createCustomer(db, request.body, key, addedAnswer);
      return added.outcome === 'added' ? sendStored(reply, added.answer) : sendReplay(reply, added);
    },
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
        response: { 201: Placed, ...problems(400, 401, 404, 409, 413, 415, 422, 429, 503) },
      },
      onRequest: countOrder,
    },
    async (request, reply) => {
      if (orderTotal(request.body.items) > MAX_AMOUNT) {
        const errors = [{ path: '/items', message: `their total must not be above ${MAX_AMOUNT}` }];
        return sendProblem(reply, 400, 'The body is not valid.', errors);
      }
      const order = { ...request.body, customerId: request.body.customerId.toLowerCase() };
      const key = idempotencyKey(request, order);
      const name = key && `${key.client} ${key.keyHash.toString('base64')}`;
      // A twin of one that is being placed will be its replay.
      const slot = name !== null && placing.has(name) ? null : recipient.take(order.customerId);
      if (slot && !slot.allowed) {
        const replay = key && (await findReplay(db, key));
        if (replay) return sendReplay(reply, replay);
        countedBy(request, reply, { limit: recipient.limit, taken: slot });
        return tooMany(reply, slot, 'This customer has had as many orders as one may have in an hour.');
      }
      if (slot && name !== null) placing.add(name);
      let placed: Placement | undefined;
      try {
        placed = await place({ order, key, answerFor: placedAnswer });
      } finally {
        if (slot && name !== null) placing.delete(name);
        // Only what leads to a letter counts. What was cut off may be repeated, and is counted then if it has not been placed.
        if (placed?.outcome !== 'placed') slot?.giveBack();
      }
      switch (placed.outcome) {
        case 'placed':
          onStaged();
          countedBy(request, reply, {
            limit: recipient.limit,
            taken: slot ?? recipient.take(order.customerId),
          });
          return sendStored(reply, placed.answer);
        case 'customer_missing':
          return missing(reply, 'customer');
        default:
          return sendReplay(reply, placed);
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
        response: { 200: Order, 304: NotModified, ...problems(400, 401, 404, 503) },
      },
      onSend: tagged,
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
    async ({ query }, reply) => {
      const limit = Number(query.limit ?? DEFAULT_PAGE);
      const filter = { customerId: query.customerId ?? null, status: query.status ?? null };
      const before = query.cursor === undefined ? null : fromCursor(query.cursor, filter);
      if (before === undefined) {
        const errors = [{ path: '/cursor', message: `must be ${CURSOR.words}` }];
        return sendProblem(reply, 400, 'The query is not valid.', errors);
      }
      // One more than is shown tells whether there is a next page.
      const found = await listOrders(db, { ...filter, limit: limit + 1, before });
      const orders = found.slice(0, limit);
      const last = found.length > limit ? orders.at(-1) : undefined;
      return { orders, nextCursor: last ? toCursor(last.id, filter) : null };
    },
  );

  const move = (
    path: 'ship' | 'cancel',
    summary: string,
    act: (db: Database, id: string, key: IdempotencyKey | null) => Promise<Moved>,
  ) =>
    app.post(
      `/orders/:id/${path}`,
      {
        schema: {
          tags: ['orders'],
          summary,
          security,
          headers: IdempotencyHeaders,
          params: IdParams,
          response: { 200: Order, ...problems(400, 401, 404, 409, 413, 415, 422, 503) },
        },
      },
      async (request, reply) => {
        refuseBody(request.body);
        const id = request.params.id.toLowerCase();
        const moved = await act(db, id, idempotencyKey(request, { id }));
        switch (moved.outcome) {
          case 'moved':
            onStaged();
            return sendStored(reply, moved.answer);
          case 'was_so':
            return sendStored(reply, moved.answer);
          case 'order_missing':
            return missing(reply, 'order');
          case 'forbidden':
            return sendProblem(
              reply,
              409,
              `This order can no longer be ${path === 'ship' ? 'shipped' : 'cancelled'}.`,
            );
          default:
            return sendReplay(reply, moved);
        }
      },
    );
  move('ship', 'Mark an order as shipped; repeating is harmless', shipOrder);
  move('cancel', 'Cancel an order; repeating is harmless', cancelOrder);
};

/** Tells of one more limit by which a request was counted. */
function countedBy(request: FastifyRequest, reply: FastifyReply, counted: Counted): void {
  request.counted = [...(request.counted ?? []), counted];
  reply.headers(rateLimitHeaders(request.counted));
}

function tooMany(reply: FastifyReply, { seconds }: Taken, detail: string): FastifyReply {
  reply.header('retry-after', String(seconds));
  return sendProblem(reply, 429, detail);
}

const missing = (reply: FastifyReply, what: string) => sendProblem(reply, 404, `There is no such ${what}.`);

/** Clients that send JSON always may send an empty object. */
function refuseBody(body: unknown): void {
  if (body === undefined) return;
  const faults =
    typeof body !== 'object' || body === null || Array.isArray(body)
      ? [{ path: '', message: 'must be an empty object, or nothing at all' }]
      : Object.keys(body).map((name) => ({ path: `/${pointerToken(name)}`, message: 'is not known here' }));
  if (faults.length > 0) throw invalidBody(faults);
}

const addedAnswer = (customerId: string): StoredAnswer => ({
  status: 201,
  body: JSON.stringify({ customerId }),
  location: null,
});

function placedAnswer(orderId: string): StoredAnswer {
  const message = 'Order created successfully. You will receive a confirmation shortly.';
  return {
    status: 201,
    body: JSON.stringify({ success: true, orderId, message }),
    location: `/orders/${orderId}`,
  };
}
