/** Every kind of letter, one line each. */

export { orderCancelled } from './order-cancelled.ts';
export { orderCreated } from './order-created.ts';
export { orderShipped } from './order-shipped.ts';
