/** What a letter is: the facts it is written from, the kinds of message that become one, and what it shows. */

import { type TSchema, Type } from 'typebox';
import { MAX_AMOUNT } from '../money.ts';

/** An order as its letters tell it. Amounts are in minor units of `currency`. */
export interface OrderFacts {
  orderId: string;
  currency: string;
  total: bigint;
  createdAt: Date;
  customerName: string;
  items: readonly { sku: string; name: string; quantity: number; unitPrice: bigint }[];
}

/** A letter ready for the provider. */
export interface Letter {
  subject: string;
  html: string;
  text: string;
}

/** A kind of message: its name in the ledger, the shape of its payload, and the letter that it becomes. */
export interface MessageType {
  readonly type: string;
  readonly payload: TSchema;
  /** Pure: looks at no clock, locale or setting, so that the same facts always give the same bytes. */
  render(facts: OrderFacts): Letter;
}

/** The payload that all messages about an order share; the total is in minor units. */
export const orderPayload = Type.Object(
  {
    orderId: Type.String({ format: 'uuid' }),
    customerId: Type.String({ format: 'uuid' }),
    orderTotal: Type.Integer({ minimum: 0, maximum: Number(MAX_AMOUNT) }),
    timestamp: Type.String({ format: 'date-time' }),
  },
  { additionalProperties: false },
);

/** What one kind of letter says in its own words; everything else is the layout's. */
export interface Wording {
  subject: string;
  /** One or two words above the headline that name the kind of letter. */
  label: string;
  headline: string;
  /** The paragraph between the greeting and the order. */
  opening: string;
  /** The paragraph below the total. */
  closing: string;
}

/** A letter's content with every value already printed: its HTML and its plain text show exactly this. */
export interface Sheet extends Wording {
  customerName: string;
  orderId: string;
  placedOn: string;
  rows: readonly SheetRow[];
  total: string;
  /** Why the reader has this letter. */
  reason: string;
}

export interface SheetRow {
  name: string;
  sku: string;
  quantity: string;
  unitPrice: string;
  amount: string;
}
