/** The news that an order has been sent to its customer. */

import { writeLetter } from './layout.ts';
import { type MessageType, orderPayload } from './letter.ts';

export const orderShipped = {
  type: 'order.shipped',
  payload: orderPayload,
  render: (facts) =>
    writeLetter(facts, {
      subject: `Your order #${facts.orderId} is on its way`,
      label: 'Order shipped',
      headline: 'Your order is on its way',
      opening: 'Good news: we have shipped your order. Here is what is coming to you.',
      closing: 'We hope you enjoy it. Thank you for shopping with us.',
    }),
} as const satisfies MessageType;
