/** The API's routes: customers, orders, and what may be asked of them. The path of an order touches Postgres only. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Secret } from '../config.ts';
import type { Database } from '../database.ts';
import { MAX_AMOUNT, orderTotal } from '../money.ts';
import {
  cancelOrder,
  createCustomer,
  findCustomer,
  findOrder,
  listOrders,
  type Moved,
  placeOrder,
  type StoredAnswer,
  shipOrder,
} from '../orders.ts';
import { sendProblem } from '../problem.ts';
import { fromCursor, toCursor } from './cursor.ts';
import { idempotencyKey, sendStored } from './idempotency.ts';
import { authenticate } from './keys.ts';
import {
  Customer,
  Id,
  IdempotencyHeaders,
  IdParams,
  NewCustomer,
  NewOrder,
  Order,
  OrderPage,
  OrdersQuery,
  Placed,
  problems,
} from './schemas.ts';

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
        const errors = [{ path: '/items', message: `their total must not be above ${MAX_AMOUNT}` }];
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

function placedAnswer(orderId: string): StoredAnswer {
  const message = 'Order created successfully. You will receive a confirmation shortly.';
  return {
    status: 201,
    body: JSON.stringify({ success: true, orderId, message }),
    location: `/orders/${orderId}`,
  };
}
