/**
 * Fifty twins of one order at once, over HTTP and at two web processes' applications: one order, one letter. Ten rounds, or
 * as many as `TWINS_ROUNDS` says; then what was counted is printed.
 */
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase, run } from '../src/database.ts';
import { openHinter } from '../src/hints.ts';
import { until } from './support/until.ts';
import { openWeb } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

const ROUNDS = Number(process.env.TWINS_ROUNDS ?? 10);
const TWINS = 50;
/** As many as a web process has. */
const CONNECTIONS = 16;
const ROUND_MS = 60_000;

let world: World;
let ports: number[];
let agent: Agent;
beforeAll(async () => {
  // More of the same customer in a minute than anybody is to have.
  world = await openWorld({
    ORDER_RATE_PER_MINUTE: '1000000000',
    RECIPIENT_RATE_PER_HOUR: '1000000000',
  });
  agent = new Agent({ keepAlive: true, maxSockets: TWINS });
  ports = [];
  for (let i = 0; i < 2; i += 1) {
    const { db, close } = openDatabase(world.config.databaseUrl, 'web', CONNECTIONS);
    world.onClose(close);
    const hinter = openHinter(world.config.databaseUrl, world.log);
    world.onClose(hinter.close);
    const app = await openWeb(world, { db, onStaged: hinter.hint });
    await app.listen({ host: '127.0.0.1', port: 0 });
    ports.push((app.server.address() as AddressInfo).port); // it listens on TCP
  }
  world.draining(await world.relay());
  world.notifier();
});
afterAll(async () => {
  agent.destroy();
  await world.close();
});

interface Answer {
  readonly status: number;
  readonly replayed: boolean;
  readonly location: string | undefined;
  readonly body: string;
}

/** Each on a connection of its own, so that none waits behind another. */
function post(port: number, path: string, body: object, key: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...{ authorization: 'Bearer test-key', 'content-type': 'application/json' },
      'idempotency-key': key,
    };
    const sent = request({ agent, host: '127.0.0.1', port, path, method: 'POST', headers }, (response) => {
      text(response).then(
        (answer) =>
          resolve({
            status: response.statusCode ?? 0,
            replayed: response.headers['idempotency-replayed'] === 'true',
            location: response.headers.location,
            body: answer,
          }),
        reject,
      );
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

it(
  `fifty twins of one order make one order and one letter, over ${ROUNDS} rounds`,
  async () => {
    const statuses = new Map<string, number>();
    const orders: string[] = [];
    const customer = await post(
      ports[0] ?? 0,
      '/customers',
      { email: 'ada@example.com', name: 'Ada' },
      'ada',
    );
    const { customerId } = JSON.parse(customer.body);
    for (let round = 1; round <= ROUNDS; round += 1) {
      const items = [{ sku: `ROUND-${round}`, name: 'Tea', quantity: 2, unitPrice: 450 }];
      const order = { customerId, currency: 'EUR', items };
      const twins = Array.from({ length: TWINS }, (_, i) =>
        // A machine that is too busy may answer 503; a client repeats the request then.
        until(
          async () => {
            const answer = await post(ports[i % ports.length] ?? 0, '/orders', order, `round-${round}`);
            const seen = answer.replayed ? `${answer.status} replayed` : String(answer.status);
            statuses.set(seen, (statuses.get(seen) ?? 0) + 1);
            return answer.status !== 503 && answer;
          },
          'an answer',
          ROUND_MS,
        ),
      );
      const answers = await Promise.all(twins);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
      expect(answers.filter(({ replayed }) => !replayed).length).toBeLessThanOrEqual(1); // it may be the one that got a 503
      expect(new Set(answers.map(({ body, location }) => `${location} ${body}`)).size).toBe(1);
      const { orderId } = JSON.parse(answers[0]?.body ?? '');
      expect(answers[0]?.location).toBe(`/orders/${orderId}`);
      orders.push(orderId);
    }

    const [stored] = await run<{ orders: number; messages: number }>(
      world.db,
      sql`select (select count(*)::int from orders) as orders, count(*)::int as messages from outbox`,
    );
    expect(stored).toMatchObject({ orders: ROUNDS, messages: ROUNDS });
    await until(
      async () => (await run(world.db, sql`select 1 from outbox where sent_at is null limit 1`)).length === 0,
      'every letter sent',
      ROUND_MS,
    );
    const letters = world.mailbox.letters().map(({ subject }) => subject);
    expect(letters.toSorted()).toEqual(orders.map((id) => `Order Confirmation #${id}`).toSorted());
    if (process.env.TWINS_ROUNDS)
      console.log({
        rounds: ROUNDS,
        twins: TWINS,
        orders: stored?.orders,
        letters: letters.length,
        statuses,
      });
  },
  ROUND_MS * (ROUNDS + 1),
);
