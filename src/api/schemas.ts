/** What the API takes and answers, as schemas: they check, and the document is made of them. */
import { Type } from 'typebox';
import { currencies, MAX_AMOUNT } from '../money.ts';

const MAX = Number(MAX_AMOUNT);

/** One address: an ASCII dot-atom at a dotted domain, within the lengths of the mail standards. */
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const ADDRESS = `^(?=.{1,254}$)(?=.{1,64}@)${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$`;
/** At least one visible character, no control characters, no lone surrogates (Postgres refuses those). */
const TEXT = '^(?=.*[^\\s\\p{C}])[^\\p{Cc}\\p{Cs}]+$';

const strict = { additionalProperties: false };
/** The format alone takes `urn:uuid:…` too, which Postgres does not. */
export const Id = Type.String({ format: 'uuid', maxLength: 36 });
const Instant = Type.String({ format: 'date-time' });
const Text = (description: string) =>
  Type.String({ minLength: 1, maxLength: 200, pattern: TEXT, description });
const Amount = (description: string) => Type.Integer({ minimum: 0, maximum: MAX, description });
const Currency = Type.Enum([...currencies], { description: 'A circulating currency of ISO 4217' });
const OrderStatus = Type.Enum(['CREATED', 'SHIPPED', 'CANCELLED']);

export const NewCustomer = Type.Object(
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
      pattern: '^[\\x21-\\x7e]{1,255}$',
      description: 'Repeating a request under its key never makes a second order',
    }),
  ),
});
export const IdParams = Type.Object({ id: Id });
export const OrdersQuery = Type.Object(
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
export const OrderPage = Type.Object({
  orders: Type.Array(Order),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
});
