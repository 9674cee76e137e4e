/** The news that an order was cancelled. */

import { writeLetter } from './layout.ts';
import { type MessageType, orderPayload } from './letter.ts';

export const orderCancelled = {
  type: 'order.cancelled',
  payload: orderPayload,
  render: (facts) =>
    writeLetter(facts, {
      subject: `Your order #${facts.orderId} was cancelled`,
      label: 'Order cancelled',
      headline: 'Your order was cancelled',
      opening: 'Your order was cancelled, and we will not ship it. These were its items.',
      closing: 'Please keep this letter for your records.',
    }),
} as const satisfies MessageType;
