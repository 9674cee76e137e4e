import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld, type World } from './support/world.ts';

describe('the journey of an order', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    world.draining(await world.relay());
    world.notifier();
  });
  afterAll(() => world.close());

  it('ends with one accepted letter', async () => {
    const orderId = await world.order();
    const order = await world.untilLetter(orderId, 'sent');
    expect(order.notifications).toHaveLength(1);
    expect(order.notifications[0]?.timeline.map(({ event }) => event)).toEqual([
      'staged',
      'enqueued',
      'sent',
    ]);
    expect(world.mailbox.letters().map(({ to, subject }) => ({ to, subject }))).toEqual([
      { to: ['ada@example.com'], subject: `Order Confirmation #${orderId}` },
    ]);
  });
});
