/** The confirmation of an order. */

import { writeLetter } from './layout.ts';
import { type MessageType, orderPayload } from './letter.ts';

export const orderCreated = {
  type: 'order.created',
  payload: orderPayload,
  render: (facts) =>
    writeLetter(facts, {
      subject: `Order Confirmation #${facts.orderId}`,
      label: 'Order confirmation',
      headline: 'Thank you for your order',
      opening: 'We have received your order. Here is what you ordered.',
      closing: 'We will write to you again as soon as it is on its way.',
    }),
} as const satisfies MessageType;
