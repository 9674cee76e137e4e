/** What the API takes and answers, as schemas: they check, and the document is made of them. */
import { Type } from 'typebox';
import { ADDRESS, CURSOR, KEY, LONGEST_NAME, NAME, PAGE_LIMIT } from '../fields.ts';
import { currencies, MAX_AMOUNT } from '../money.ts';

const MAX = Number(MAX_AMOUNT);

const strict = { additionalProperties: false };
/** The format alone takes `urn:uuid:…` too, which Postgres does not. */
export const Id = Type.String({ format: 'uuid', maxLength: 36 });
const Instant = Type.String({ format: 'date-time' });
const Text = (description: string) =>
  Type.String({ minLength: 1, maxLength: LONGEST_NAME, pattern: NAME.pattern, format: 'nfc', description });
const Amount = (description: string) => Type.Integer({ minimum: 0, maximum: MAX, description });
const Currency = Type.Enum([...currencies], { description: 'A circulating currency of ISO 4217' });
const OrderStatus = Type.Enum(['CREATED', 'SHIPPED', 'CANCELLED']);

export const NewCustomer = Type.Object(
  {
    email: Type.String({ pattern: ADDRESS.pattern, maxLength: 254 }),
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
/** As it was stored: what checks a request need not hold for it. */
const StoredItem = Type.Object({
  sku: Type.String(),
  name: Type.String(),
  quantity: Type.Integer(),
  unitPrice: Amount('Minor units of the currency'),
});
export const NewOrder = Type.Object(
  { customerId: Id, currency: Currency, items: Type.Array(Item, { minItems: 1, maxItems: 100 }) },
  strict,
);

export const Customer = Type.Object({
  customerId: Id,
  email: Type.String(),
  name: Type.String(),
  createdAt: Instant,
});
export const Placed = Type.Object({ success: Type.Literal(true), orderId: Id, message: Type.String() });
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
export const Order = Type.Object({
  id: Id,
  customerId: Id,
  status: OrderStatus,
  currency: Type.String(),
  total: Amount('Minor units, computed by the server'),
  createdAt: Instant,
  items: Type.Array(StoredItem),
  notifications: Type.Array(
    Type.Object({
      id: Id,
      type: Type.String(),
      status: NotificationStatus,
      reason: Type.Optional(Type.String({ description: 'Why it is dead' })),
      timeline: Type.Array(
        Type.Object({
          at: Instant,
          event: Type.String(),
          reason: Type.Optional(Type.String({ description: 'Of a death: why' })),
          by: Type.Optional(Type.String({ description: 'Which process it was, or which operator' })),
        }),
      ),
    }),
  ),
});
export const Problem = Type.Object(
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
export const problems = <const Status extends number>(...statuses: Status[]) =>
  Object.fromEntries(
    statuses.map((status) => [status, { content: { 'application/problem+json': { schema: Problem } } }]),
  );

export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: KEY.pattern,
      description: 'A request that is repeated under its key is done once, and answered as the first time',
    }),
  ),
});
/** For routes that take no query. */
export const NoQuery = Type.Object({}, strict);
/** RFC 9110: the client has the answer already. */
export const NotModified = { type: 'null', description: 'It is as the tag in If-None-Match says' };
export const IdParams = Type.Object({ id: Id });
export const OrdersQuery = Type.Object(
  {
    customerId: Type.Optional(Id),
    status: Type.Optional(OrderStatus),
    limit: Type.Optional(
      Type.String({ pattern: PAGE_LIMIT.pattern, description: '1 to 100; 20 unless told' }),
    ),
    cursor: Type.Optional(
      Type.String({ pattern: CURSOR.pattern, description: '`nextCursor` of the page before' }),
    ),
  },
  strict,
);
export const OrderPage = Type.Object({
  orders: Type.Array(Order),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
});
