/** Customers and orders against a real ledger: what one statement stores, refuses, replays and shows. */
import { createHash } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type postgres from 'postgres';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, connect, run } from '../src/database.ts';
import { MAX_AMOUNT } from '../src/money.ts';
import {
  cancelOrder,
  findCustomer,
  findOrder,
  listOrders,
  type Moved,
  type Order,
  type OrderRequest,
  type OrderRequestItem,
  type OrderStatus,
  type Placed,
  placeOrder,
  placeOrders,
  shipOrder,
} from '../src/orders.ts';
import { discardMessage, retryMessage } from '../src/outbox.ts';
import type { IdempotencyKey, StoredAnswer } from '../src/replays.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
let ada: string;
beforeAll(async () => {
  world = await openWorld();
  ada = await world.customer({ email: 'ada@example.com', name: 'Ada' });
});
afterAll(() => world.close());

const TEA: OrderRequestItem = { sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 };
const POT: OrderRequestItem = { sku: 'POT', name: 'Pot', quantity: 1, unitPrice: 2_999 };

const basket = (...items: OrderRequestItem[]): OrderRequest => ({ customerId: ada, currency: 'EUR', items });
/** The customer's id exists only once the tests run. */
function later(...items: OrderRequestItem[]): () => OrderRequest {
  return () => basket(...items);
}

const answerFor = (orderId: string): StoredAnswer => ({
  status: 201,
  body: `{"orderId": "${orderId}"}`,
  location: `/orders/${orderId}`,
});
const place = (order: OrderRequest, key: IdempotencyKey | null = null): Promise<Placed> =>
  placeOrder(world.db, order, key, answerFor);

async function placed(order: OrderRequest = basket(TEA)): Promise<string> {
  const result = await place(order);
  if (result.outcome !== 'placed') throw new Error(`the order was not placed: ${result.outcome}`);
  return result.orderId;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const keyOf = (key: string, body = 'one body', client = 'shop', route = 'POST /orders'): IdempotencyKey => ({
  ...{ client, route },
  keyHash: digest(key),
  fingerprint: digest(body),
});

/** How many rows everything has that an order is made of. */
async function rows() {
  const [counts] = await run<Record<'orders' | 'items' | 'messages' | 'keys', number>>(
    world.db,
    sql`select (select count(*)::int from orders) as orders, (select count(*)::int from order_items) as items,
          (select count(*)::int from outbox) as messages, (select count(*)::int from idempotency_keys) as keys`,
  );
  if (!counts) throw new Error('nothing was counted');
  return counts;
}

const messageTypes = async (orderId: string): Promise<string[]> =>
  (await world.read(orderId)).notifications.map(({ type }) => type);

const tally = (outcomes: readonly string[]) =>
  Object.fromEntries([...new Set(outcomes)].map((one) => [one, outcomes.filter((o) => o === one).length]));

const refusal = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => 'it was not refused',
    (error: unknown) => codeOf(error),
  );

/** Runs `act` while another connection's transaction is open that has done `statement`; then ends that transaction. */
async function during<T>(
  statement: (client: postgres.Sql) => Promise<unknown>,
  end: 'commit' | 'rollback',
  act: () => Promise<T>,
): Promise<T> {
  const client = connect(world.config.databaseUrl, 'another');
  try {
    await client.unsafe('begin');
    await statement(client);
    const result = act();
    await until(async () => {
      const waiting = await run(
        world.db,
        sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return waiting.length > 0;
    }, 'a statement that waits for the other');
    await client.unsafe(end);
    return await result;
  } finally {
    await client.end();
  }
}

describe('a customer', () => {
  it('is found as it was stored, with its time in UTC', async () => {
    const id = await world.customer({ email: 'grace@example.com', name: 'Grace 🍵 Hopper' });
    expect(await findCustomer(world.db, id)).toEqual({
      customerId: id,
      email: 'grace@example.com',
      name: 'Grace 🍵 Hopper',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
  });

  it('may share its address with another', async () => {
    const twin = await world.customer({ email: 'ada@example.com', name: 'Ada' });
    expect(twin).not.toBe(ada);
  });

  it('is undefined when unknown', async () => {
    expect(await findCustomer(world.db, uuidv7())).toBeUndefined();
  });

  it('cannot have a name that Postgres refuses: the edge has to', async () => {
    const name = 'A\u0000da';
    expect(await refusal(world.customer({ email: 'a@example.com', name }))).toBe('22021');
  });
});

describe('placing an order', () => {
  it('stores order, items, message and key in one transaction', async () => {
    const before = await rows();
    const result = await place(basket(TEA, POT), keyOf('together'));
    expect(result.outcome).toBe('placed');
    expect(await rows()).toEqual({
      orders: before.orders + 1,
      items: before.items + 2,
      messages: before.messages + 1,
      keys: before.keys + 1,
    });
    const id = 'orderId' in result ? result.orderId : '';
    const transactions = await run(
      world.db,
      sql`select xmin::text from orders where id = ${id}
          union select xmin::text from order_items where order_id = ${id}
          union select xmin::text from outbox where order_id = ${id}
          union select xmin::text from idempotency_keys where key_hash = ${digest('together')}::bytea`,
    );
    expect(transactions).toHaveLength(1);
  });

  it('sums quantity times unit price and keeps the items as they were given', async () => {
    const order = await world.read(await placed(basket(POT, TEA, TEA)));
    expect(order).toMatchObject({ customerId: ada, status: 'CREATED', currency: 'EUR', total: 4_799 });
    expect(order.items).toEqual([POT, TEA, TEA]);
  });

  it('is exact up to the largest amount', async () => {
    const order = await world.read(
      await placed(basket({ ...TEA, quantity: 1, unitPrice: Number(MAX_AMOUNT) })),
    );
    expect(order.total).toBe(Number.MAX_SAFE_INTEGER);
    expect(order.items[0]?.unitPrice).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('stages one message that names order, customer, total and time', async () => {
    const id = await placed(basket(TEA));
    const messages = await run(
      world.db,
      sql`select type, payload, run, enqueued_at from outbox where order_id = ${id}`,
    );
    const payload = {
      orderId: id,
      customerId: ada,
      orderTotal: 900,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    };
    expect(messages).toEqual([{ type: 'order.created', payload, run: 1, enqueued_at: null }]);
  });

  it.each([
    ['an item without quantity', later(TEA, { ...POT, quantity: 0 })],
    ['an item above a million', later(TEA, { ...POT, quantity: 1_000_001 })],
    ['an item below zero', later(TEA, { ...POT, unitPrice: -1 })],
    ['a total above the largest amount', later(TEA, { ...POT, quantity: 2, unitPrice: 2 ** 52 })],
  ])('leaves nothing behind of an order with %s', async (_what, order) => {
    const before = await rows();
    expect(await refusal(place(order(), keyOf('failing')))).toBe('23514');
    expect(await rows()).toEqual(before);
  });

  it('leaves the key free that an order failed under', async () => {
    await refusal(place(basket({ ...TEA, quantity: 0 }), keyOf('second try')));
    expect((await place(basket(TEA), keyOf('second try'))).outcome).toBe('placed');
  });

  it('for an unknown customer stores nothing and consumes no key', async () => {
    const before = await rows();
    const stranger = { ...basket(TEA), customerId: uuidv7() };
    expect(await place(stranger, keyOf('too early'))).toEqual({ outcome: 'customer_missing' });
    expect(await place(stranger)).toEqual({ outcome: 'customer_missing' });
    expect(await rows()).toEqual(before);
    expect((await place(basket(TEA), keyOf('too early'))).outcome).toBe('placed');
  });

  it('is refused by the database at commit when no message was staged with it, whoever writes', async () => {
    const before = await rows();
    const bare = sql`insert into orders (id, customer_id, status, currency, total) values (${uuidv7()}, ${ada}, 'CREATED', 'EUR', 1)`;
    await expect(run(world.db, bare)).rejects.toMatchObject({
      code: '23000',
      constraint_name: 'order_has_its_message',
    });
    expect(await rows()).toEqual(before);
  });
});

describe('an idempotency key', () => {
  it('makes exactly one order of twenty twins; the others are its answer, byte for byte', async () => {
    const before = await rows();
    const key = keyOf('twins');
    const twins = await Promise.all(Array.from({ length: 20 }, () => place(basket(TEA, POT), key)));
    expect(tally(twins.map(({ outcome }) => outcome))).toEqual({ placed: 1, replayed: 19 });
    const first = twins.find((twin) => twin.outcome === 'placed');
    if (first?.outcome !== 'placed') throw new Error('no twin was first');
    for (const twin of twins) expect(twin).toMatchObject({ answer: answerFor(first.orderId) });
    expect(await rows()).toEqual({
      orders: before.orders + 1,
      items: before.items + 2,
      messages: before.messages + 1,
      keys: before.keys + 1,
    });
  });

  it('gives the first answer again, later too', async () => {
    const first = await place(basket(TEA), keyOf('later'));
    const again = await place(basket(TEA), keyOf('later'));
    expect(again).toEqual({ outcome: 'replayed', answer: 'answer' in first && first.answer });
  });

  it('is refused for another body and stores nothing then', async () => {
    await place(basket(TEA), keyOf('reused', 'tea'));
    const before = await rows();
    expect(await place(basket(POT), keyOf('reused', 'pot'))).toEqual({ outcome: 'key_reused' });
    expect(await rows()).toEqual(before);
  });

  it('belongs to its client alone', async () => {
    const shop = await place(basket(TEA), keyOf('shared', 'tea', 'shop'));
    const till = await place(basket(TEA), keyOf('shared', 'tea', 'till'));
    expect([shop.outcome, till.outcome]).toEqual(['placed', 'placed']);
  });

  const insertKey = (name: string) => (client: postgres.Sql) => {
    const { status, body, location } = answerFor('the other');
    return client`insert into idempotency_keys (client, route, key_hash, fingerprint, status, body, location)
      values ('shop', 'POST /orders', ${digest(name)}, ${digest('one body')}, ${status}, ${body}, ${location})`;
  };

  it('lets a twin wait for the first and replays its answer when that commits', async () => {
    const twin = await during(insertKey('commits'), 'commit', () => place(basket(TEA), keyOf('commits')));
    expect(twin).toEqual({ outcome: 'replayed', answer: answerFor('the other') });
  });

  it('places the order of the twin when the first comes to nothing', async () => {
    const twin = await during(insertKey('rolls back'), 'rollback', () =>
      place(basket(TEA), keyOf('rolls back')),
    );
    expect(twin.outcome).toBe('placed');
  });
});

describe('moving an order', () => {
  const moves = { ship: shipOrder, cancel: cancelOrder };

  it.each<[('ship' | 'cancel')[], Moved['outcome'][], OrderStatus, string[]]>([
    [['ship'], ['moved'], 'SHIPPED', ['order.shipped']],
    [['cancel'], ['moved'], 'CANCELLED', ['order.cancelled']],
    [['ship', 'ship', 'ship'], ['moved', 'was_so', 'was_so'], 'SHIPPED', ['order.shipped']],
    [['cancel', 'cancel'], ['moved', 'was_so'], 'CANCELLED', ['order.cancelled']],
    [['ship', 'cancel', 'ship'], ['moved', 'forbidden', 'was_so'], 'SHIPPED', ['order.shipped']],
    [['cancel', 'ship'], ['moved', 'forbidden'], 'CANCELLED', ['order.cancelled']],
  ])('by %j answers %j and stages one message', async (steps, outcomes, status, types) => {
    const id = await placed();
    const answers: Moved['outcome'][] = [];
    for (const step of steps) answers.push((await moves[step](world.db, id)).outcome);
    expect(answers).toEqual(outcomes);
    expect((await world.read(id)).status).toBe(status);
    expect(await messageTypes(id)).toEqual(['order.created', ...types]);
  });

  it('tells of the order and its total in the message', async () => {
    const id = await placed();
    await shipOrder(world.db, id);
    const [message] = await run(
      world.db,
      sql`select payload from outbox where order_id = ${id} and type = 'order.shipped'`,
    );
    expect(message?.payload).toMatchObject({ orderId: id, customerId: ada, orderTotal: 900 });
  });

  it('happens once when ten ship it at the same time', async () => {
    const id = await placed();
    const answers = await Promise.all(Array.from({ length: 10 }, () => shipOrder(world.db, id)));
    expect(tally(answers.map(({ outcome }) => outcome))).toEqual({ moved: 1, was_so: 9 });
    expect(await messageTypes(id)).toEqual(['order.created', 'order.shipped']);
  });

  it('goes one way only when shipping and cancelling race', async () => {
    const id = await placed();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? shipOrder : cancelOrder)(world.db, id)),
    );
    expect(tally(answers.map(({ outcome }) => outcome))).toEqual({ moved: 1, was_so: 9, forbidden: 10 });
    expect(await messageTypes(id)).toHaveLength(2);
  });

  it('stores the move, its message and its key in one transaction, with the answer as it is read afterwards', async () => {
    const id = await placed();
    const before = await rows();
    const moved = await shipOrder(world.db, id, keyOf('moves', id, 'shop', 'POST /orders/:id/ship'));
    expect(moved.outcome).toBe('moved');
    expect(await rows()).toEqual({ ...before, messages: before.messages + 1, keys: before.keys + 1 });
    const transactions = await run(
      world.db,
      sql`select xmin::text from orders where id = ${id}
          union select xmin::text from outbox where order_id = ${id} and type = 'order.shipped'
          union select xmin::text from idempotency_keys where key_hash = ${digest('moves')}::bytea`,
    );
    expect(transactions).toHaveLength(1);
    const body = 'answer' in moved ? moved.answer.body : '';
    expect(JSON.parse(body)).toEqual(JSON.parse(JSON.stringify(await world.read(id))));
  });

  it('under one key moves one of two orders at once, and the other not at all', async () => {
    for (let i = 0; i < 10; i += 1) {
      const ids = [await placed(), await placed()];
      const answers = await Promise.all(
        ids.map((id) => cancelOrder(world.db, id, keyOf(`race ${i}`, id, 'shop', 'POST /orders/:id/cancel'))),
      );
      expect(tally(answers.map(({ outcome }) => outcome))).toEqual({ moved: 1, key_reused: 1 });
      const statuses = await Promise.all(ids.map(async (id) => (await world.read(id)).status));
      expect(statuses.toSorted()).toEqual(['CANCELLED', 'CREATED']);
    }
  });

  it('answers that there is no such order', async () => {
    expect(await shipOrder(world.db, uuidv7())).toEqual({ outcome: 'order_missing' });
    expect(await cancelOrder(world.db, uuidv7())).toEqual({ outcome: 'order_missing' });
  });
});

describe('the story of a letter', () => {
  const letter = (order: Order) => order.notifications[0];
  const events = (order: Order) => letter(order)?.timeline.map(({ event }) => event);
  const messageId = (order: Order) => letter(order)?.id ?? '';

  it('begins when it is staged, goes on when it is enqueued and ends when it is sent', async () => {
    const id = await world.order();
    const staged = await world.read(id);
    expect([letter(staged)?.status, events(staged)]).toEqual(['staged', ['staged']]);

    const relay = await world.relay();
    await relay.drain();
    const enqueued = await world.read(id);
    expect([letter(enqueued)?.status, events(enqueued)]).toEqual(['enqueued', ['staged', 'enqueued']]);

    const notifier = world.notifier();
    const sent = await world.untilLetter(id, 'sent');
    expect(events(sent)).toEqual(['staged', 'enqueued', 'sent']);
    expect(letter(sent)).not.toHaveProperty('reason');
    await notifier.stop();
    await relay.stepDown();
  });

  it('tells why it is dead, that a person put it back, and that a person gave it up', async () => {
    const relay = await world.relay();
    const draining = world.draining(relay);
    const notifier = world.notifier();
    const id = await world.order('refused@example.com');
    const dead = await world.untilLetter(id, 'dead');
    expect(letter(dead)?.reason).toBe('refused');
    expect(events(dead)).toEqual(['staged', 'enqueued', 'answered: validation_error', 'dead']);
    await notifier.stop();
    await draining.stop();

    await retryMessage(world.db, { id: messageId(dead), run: null, operator: 'grace' });
    const retried = await world.read(id);
    expect(letter(retried)?.status).toBe('staged');
    expect(letter(retried)).not.toHaveProperty('reason');
    expect(events(retried)).toEqual(['staged', 'answered: validation_error', 'dead', 'retried']);

    const second = world.notifier();
    await relay.drain();
    await world.untilLetter(id, 'dead');
    await discardMessage(world.db, { id: messageId(dead), operator: 'grace', note: 'no such person' });
    const discarded = await world.read(id);
    expect([letter(discarded)?.status, events(discarded)?.at(-1)]).toEqual(['discarded', 'discarded']);
    await second.stop();
    await relay.stepDown();
  });

  it('has its times in ISO 8601 and in order', async () => {
    const id = await placed();
    await shipOrder(world.db, id);
    const order = await world.read(id);
    const times = order.notifications.flatMap(({ timeline }) => timeline.map(({ at }) => at));
    expect(times).toEqual(times.map((at) => new Date(at).toISOString()).sort());
  });

  it('does not exist for an unknown order', async () => {
    expect(await findOrder(world.db, uuidv7())).toBeUndefined();
  });
});

describe('listing orders', () => {
  const all = { customerId: null, status: null, limit: 100, before: null };
  let customer: string;
  let ids: string[]; // the newest first
  beforeAll(async () => {
    customer = await world.customer({ email: 'lists@example.com', name: 'Lists' });
    ids = [];
    for (let i = 0; i < 23; i += 1) ids.unshift(await placed({ ...basket(TEA), customerId: customer }));
    for (const id of ids.slice(3, 6)) await shipOrder(world.db, id);
    await cancelOrder(world.db, ids[6] ?? '');
  });

  it('shows the newest first, each as it is shown alone', async () => {
    const orders = await listOrders(world.db, { ...all, customerId: customer });
    expect(orders.map(({ id }) => id)).toEqual(ids);
    expect(orders).toEqual(await Promise.all(ids.map(world.read)));
  });

  it('takes customer, status and both', async () => {
    const shipped = await listOrders(world.db, { ...all, customerId: customer, status: 'SHIPPED' });
    expect(shipped.map(({ id }) => id)).toEqual(ids.slice(3, 6));
    const cancelled = await listOrders(world.db, { ...all, status: 'CANCELLED' });
    expect(cancelled.map(({ id }) => id)).toContain(ids[6]);
    expect(cancelled.every(({ status }) => status === 'CANCELLED')).toBe(true);
    expect(await listOrders(world.db, { ...all, customerId: uuidv7() })).toEqual([]);
  });

  it('page by page skips and repeats nothing while new orders come in', async () => {
    const seen: string[] = [];
    for (let before: string | null = null; ; before = seen.at(-1) ?? null) {
      const page = await listOrders(world.db, { ...all, customerId: customer, limit: 5, before });
      if (page.length === 0) break;
      seen.push(...page.map(({ id }) => id));
      await placed({ ...basket(POT), customerId: customer });
    }
    expect(seen).toEqual(ids);
  });
});

describe('orders placed together', () => {
  const placing = (order: OrderRequest, key: IdempotencyKey | null = null) => ({ order, key, answerFor });

  it('fare each as if it had come alone, and their messages stand in their order', async () => {
    const earlier = await place(basket(TEA), keyOf('before that statement'));
    const before = await rows();
    const fates = await placeOrders(world.db, [
      placing(basket(TEA, POT)),
      placing({ ...basket(TEA), customerId: uuidv7() }),
      placing(basket(POT), keyOf('in one statement')),
      placing(basket(POT), keyOf('in one statement')),
      placing(basket(TEA), keyOf('in one statement', 'another body')),
      placing(basket(TEA), keyOf('before that statement')),
      placing(basket(TEA), keyOf('in one statement', 'one body', 'another shop')),
      placing(basket(POT)),
    ]);
    expect(fates.map(({ outcome }) => outcome)).toEqual([
      'placed',
      'customer_missing',
      'placed',
      'replayed',
      'key_reused',
      'replayed',
      'placed',
      'placed',
    ]);
    expect(fates[3]).toEqual({
      outcome: 'replayed',
      answer: fates[2]?.outcome === 'placed' && fates[2].answer,
    });
    expect(fates[5]).toEqual({ outcome: 'replayed', answer: earlier.outcome === 'placed' && earlier.answer });
    const { orders, items, messages, keys } = await rows();
    expect([
      orders - before.orders,
      items - before.items,
      messages - before.messages,
      keys - before.keys,
    ]).toEqual([4, 5, 4, 2]);
    const ids = fates.flatMap((fate) => (fate.outcome === 'placed' ? [fate.orderId] : []));
    const staged = await run<{ order_id: string }>(
      world.db,
      sql`select order_id from outbox order by seq desc limit 4`,
    );
    expect(staged.map(({ order_id }) => order_id).reverse()).toEqual(ids);
    expect((await world.read(ids[0] ?? '')).items).toEqual([TEA, POT]);
  });

  it('are all refused where one is: nothing of any is stored', async () => {
    const before = await rows();
    const illegal = { ...basket(TEA), currency: 'euro' }; // four letters where three fit
    expect(
      await refusal(placeOrders(world.db, [placing(basket(TEA), keyOf('with another')), placing(illegal)])),
    ).toBe('22001');
    expect(await rows()).toEqual(before);
  });

  it('never wait for each other in a ring, whichever way round their keys come', async () => {
    const keys = Array.from({ length: 30 }, (_, i) => keyOf(`ring ${i}`));
    const batches = Array.from({ length: 40 }, (_, i) => (i % 2 ? keys : keys.toReversed()));
    const fates = await Promise.all(
      batches.map((ring) =>
        placeOrders(
          world.db,
          ring.map((key) => placing(basket(TEA), key)),
        ),
      ),
    );
    expect(tally(fates.flat().map(({ outcome }) => outcome))).toEqual({ placed: 30, replayed: 1170 });
  });
});
