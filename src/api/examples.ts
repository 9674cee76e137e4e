/** One example of every request, answer and refusal: the document shows them, and a test holds each against its schema. */
import { STATUS_CODES } from 'node:http';

const ID = {
  customer: '01a206b8-82f0-7023-9978-0ae66dfecce9',
  order: '01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4',
  message: '01a206b9-3c42-7a6b-8f13-9d2c40b7e158',
} as const;

const NEW_CUSTOMER = { email: 'ada@example.com', name: 'Ada Lovelace' };
const ITEMS = [{ sku: 'TEA-100', name: 'Green tea, 100 g', quantity: 2, unitPrice: 450 }];
const ORDER = {
  id: ID.order,
  customerId: ID.customer,
  status: 'CREATED',
  currency: 'EUR',
  total: 900,
  createdAt: '2026-11-26T16:40:00.000Z',
  items: ITEMS,
  notifications: [
    {
      id: ID.message,
      type: 'order.created',
      status: 'sent',
      timeline: [
        { at: '2026-11-26T16:40:00.000Z', event: 'staged', by: 'web 4711@shop-1' },
        { at: '2026-11-26T16:40:00.012Z', event: 'enqueued', by: 'relay 4712@shop-1' },
        { at: '2026-11-26T16:40:00.131Z', event: 'sent', by: 'notifier 815@shop-2' },
      ],
    },
  ],
};

const REDRIVE = {
  ...{ id: '01a206ba-77d0-7c1f-9d0a-64b0b7c2f1aa', operator: 'grace', note: 'their outage is over' },
  ...{ reason: 'attempts_exhausted', type: null, matched: 2_000, canary: 10, perSecond: 50 },
  ...{ putBack: 460, accepted: 455, failed: 1, underWay: 4 },
  ...{
    createdAt: '2026-11-26T16:50:00.000Z',
    passedAt: '2026-11-26T16:50:04.000Z',
    endedAt: null,
    ended: null,
  },
};
const UNSIGNED = { 401: 'Sign in as an operator or as a viewer.' };
const NO_MESSAGE = { 404: 'There is no such message.' };
const NOTE = { note: 'told by telephone' };
/** A route that makes something of a dead letter. */
const act = (operationId: string, meaning: string, request?: object): Told => ({
  operationId,
  ...(request ? { request } : {}),
  answer: [204, meaning, undefined],
  refusals: { ...NO_MESSAGE, ...UNSIGNED, 409: 'This message is not dead: it is on its way.' },
});

/** What the document says of one route beside its schemas. */
export interface Told {
  /** The name by which generated clients call it. */
  readonly operationId: string;
  readonly request?: unknown;
  /** The schema of a body that the route reads by itself. */
  readonly body?: object;
  /** Status, meaning and example of the answer when all is well. */
  readonly answer: readonly [status: number, meaning: string, example: unknown];
  /** The details of refusals where the usual ones say too little. */
  readonly refusals?: Readonly<Record<number, string>>;
}

/** Whatever else the provider sends is passed over, and what is missing is no fault. */
const REPORT = {
  type: 'object',
  required: ['type'],
  properties: {
    type: { type: 'string', pattern: '^[\\w.-]{1,100}$' },
    created_at: {},
    data: {},
  },
};

const NO_CUSTOMER = { 404: 'There is no such customer.' };

/** By method and path, as the document writes it. A route of the API that is missing here fails a test. */
export const TOLD: Readonly<Record<string, Told>> = {
  'POST /customers': {
    operationId: 'addCustomer',
    request: NEW_CUSTOMER,
    answer: [201, 'The customer is stored', { customerId: ID.customer }],
  },
  'GET /customers/{id}': {
    operationId: 'getCustomer',
    answer: [
      200,
      'The customer',
      { customerId: ID.customer, ...NEW_CUSTOMER, createdAt: '2026-11-26T16:39:00.000Z' },
    ],
    refusals: NO_CUSTOMER,
  },
  'POST /orders': {
    operationId: 'placeOrder',
    request: { customerId: ID.customer, currency: 'EUR', items: ITEMS },
    answer: [
      201,
      'The order is stored together with its message',
      {
        success: true,
        orderId: ID.order,
        message: 'Order created successfully. You will receive a confirmation shortly.',
      },
    ],
    refusals: NO_CUSTOMER,
  },
  'GET /orders': {
    operationId: 'listOrders',
    answer: [200, 'A page of orders', { orders: [ORDER], nextCursor: 'AaIGuTxBfQ6lslHwx6nm1Axxxxxx' }],
  },
  'GET /orders/{id}': { operationId: 'getOrder', answer: [200, 'The order', ORDER] },
  'POST /orders/{id}/ship': {
    operationId: 'shipOrder',
    answer: [200, 'The order, shipped', { ...ORDER, status: 'SHIPPED' }],
    refusals: { 409: 'This order can no longer be shipped.' },
  },
  'POST /orders/{id}/cancel': {
    operationId: 'cancelOrder',
    answer: [200, 'The order, cancelled', { ...ORDER, status: 'CANCELLED' }],
    refusals: { 409: 'This order can no longer be cancelled.' },
  },
  'GET /admin/api/dead-letters': {
    operationId: 'listDeadLetters',
    answer: [
      200,
      'A page of dead letters',
      {
        ...{ matched: 1, retriable: 1, next: null },
        deadLetters: [
          {
            ...{ id: ID.message, orderId: ID.order, type: 'order.created', run: 1 },
            ...{
              deadAt: '2026-11-26T16:40:01.000Z',
              reason: 'refused',
              answer: 'validation_error',
              calls: 1,
            },
          },
        ],
      },
    ],
    refusals: UNSIGNED,
  },
  'POST /admin/api/dead-letters/{id}/retry': act('retryDeadLetter', 'Put back'),
  'POST /admin/api/dead-letters/{id}/correct': act('correctDeadLetter', 'Put back, for a new letter', {
    email: 'grace@example.com',
    ...NOTE,
  }),
  'POST /admin/api/dead-letters/{id}/confirm': act('confirmDeadLetter', 'Settled', {
    outcome: 'not_sent',
    note: 'not in their log',
  }),
  'POST /admin/api/dead-letters/{id}/discard': act('discardDeadLetter', 'Given up', NOTE),
  'POST /admin/api/dead-letters/{id}/unsuppress': act('allowAddress', 'Its address gets letters again', NOTE),
  'POST /admin/api/dead-letters/redrives': {
    operationId: 'startRedrive',
    request: { reason: 'attempts_exhausted', note: 'their outage is over' },
    answer: [
      201,
      'It has begun',
      { ...REDRIVE, putBack: 0, accepted: 0, failed: 0, underWay: 0, passedAt: null },
    ],
    refusals: { ...UNSIGNED, 409: 'Nothing matches that a retry would put back.' },
  },
  'GET /admin/api/dead-letters/redrives/{id}': {
    operationId: 'getRedrive',
    answer: [200, 'The redrive', REDRIVE],
    refusals: { ...UNSIGNED, 404: 'There is no such redrive.' },
  },
  'POST /admin/api/dead-letters/redrives/{id}/cancel': {
    operationId: 'cancelRedrive',
    answer: [204, 'It is over', undefined],
    refusals: { ...UNSIGNED, 409: 'This redrive is not under way.' },
  },
  'POST /webhooks/resend': {
    operationId: 'report',
    body: REPORT,
    request: {
      type: 'email.delivered',
      created_at: '2026-11-26T16:40:02.000Z',
      data: {
        email_id: '4ef9a417-02e9-4d39-ad75-9611e0fcc33c',
        created_at: '2026-11-26T16:40:00.131Z',
        tags: { message_id: ID.message },
      },
    },
    answer: [200, 'The report is taken in, or was before', { received: true }],
    refusals: {
      400: 'The body is not valid.',
      401: 'This report is not signed by the provider.',
      404: 'No secret is set here for reports of the provider.',
    },
  },
};

/** Parameters, by their names. */
export const PARAMETERS: Readonly<Record<string, unknown>> = {
  id: ID.order,
  customerId: ID.customer,
  status: 'CREATED',
  limit: '20',
  cursor: 'AaIGuTxBfQ6lslHwx6nm1Axxxxxx',
  reason: 'refused',
  type: 'order.created',
  since: '2026-11-26T16:00:00Z',
  until: '2026-11-26T17:00:00Z',
  after: 'MjAyNi0xMS0yNiAxNjo0MDowMS4wMDAxMjMrMDAgMDFhMjA2YjktM2M0Mi03YTZiLThmMTMtOWQyYzQwYjdlMTU4',
  'idempotency-key': 'order-4711',
  'if-none-match': '"4f2c1a90d7b3"',
  'svix-id': 'msg_2aXyJ8VhG9sXb4kQ',
  'svix-timestamp': '1795710402',
  'svix-signature': 'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
};

/** What each refusal means, and the detail of its example. */
export const REFUSALS: Readonly<Record<number, readonly [meaning: string, detail: string]>> = {
  400: ['The request is not valid; `errors` names the fields', 'The body is not valid.'],
  401: ['No credentials, or none of ours', 'Send Authorization: Bearer <key> with a key of this service.'],
  403: ['Not allowed', 'This request came from another site.'],
  404: ['There is no such thing', 'There is no such order.'],
  405: ['The path knows other methods: see Allow', 'This address does not know this method.'],
  408: ['The request did not arrive in time', 'The request did not arrive in time.'],
  409: [
    'The state of things forbids it, now or for ever',
    'A request under this Idempotency-Key is under way.',
  ],
  413: ['The body is above 64 KiB', 'Request body is too large'],
  414: ['The path is too long', 'The path is too long.'],
  415: ['The body is not JSON', 'Unsupported Media Type'],
  422: [
    'The Idempotency-Key belongs to another request',
    'This Idempotency-Key belongs to a request with another body.',
  ],
  429: [
    'Too many requests under this key, or too many wrong keys from this address: wait for Retry-After',
    'Too many requests.',
  ],
  431: ['The headers are too large', 'The headers are too large.'],
  503: [
    'Try again after Retry-After: what the request asked for may have happened',
    'The order book cannot be reached.',
  ],
};

/** The example of a refusal of that route. */
export function problemExample(status: number, path: string, detail?: string): object {
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: detail ?? REFUSALS[status]?.[1] ?? 'Refused.',
    instance: path.replace('{id}', path.startsWith('/customers') ? ID.customer : ID.order),
    ...(status === 400 ? { errors: [{ path: '/items/0/quantity', message: 'must be >= 1' }] } : {}),
  };
}
