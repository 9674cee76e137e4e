/**
 * Letters by a peer's worker: it reads the order that its job names, makes the same letter of it, and sends it with a request of its own under the
 * order's id as key. It keeps no record of what became of it: whatever that costs is to the peer's advantage.
 */
import { createServer } from 'node:http';
import { run } from 'graphile-worker';
import { PgBoss } from 'pg-boss';
import { readConfig } from '../../src/config.ts';
import { orderCreated } from '../../src/letters/order-created.ts';
import { openMailer } from '../../src/mailer.ts';
import { JOB } from '../lib/place.ts';
import '../lib/orphan.ts';
import { openPool, type PlacedOrder } from './peer.ts';

const [who = ''] = process.argv.slice(2);
const CONCURRENCY = 50;
const config = readConfig(['DATABASE_URL', 'RESEND_API_KEY', 'EMAIL_FROM']);
const mailer = openMailer(config);
const pool = openPool();

const FIND = {
  name: 'find',
  text: `select o.currency, o.total, o.created_at as "createdAt", c.email, c.name,
      (select json_agg(json_build_object('sku', i.sku, 'name', i.name, 'quantity', i.quantity, 'unitPrice', i.unit_price) order by i.position)
       from peer.order_items i where i.order_id = o.id) as items
    from peer.orders o join customers c on c.id = o.customer_id where o.id = $1`,
};

async function send({ orderId }: PlacedOrder): Promise<void> {
  const { rows } = await pool.query({ ...FIND, values: [orderId] });
  const [{ currency, total, createdAt, email, name, items }] = rows;
  const letter = orderCreated.render({
    ...{ orderId, currency, total: BigInt(total), createdAt, customerName: name },
    items: items.map((item: { unitPrice: number }) => ({ ...item, unitPrice: BigInt(item.unitPrice) })),
  });
  const answer = await mailer.send(mailer.compose(orderId, email, letter), orderId);
  if (answer.kind !== 'accepted') throw new Error(answer.code);
}

const WAYS: Readonly<Record<string, () => Promise<unknown>>> = {
  /** As its page on performance advises; without its local queue, which waits for the next fetch. */
  graphile: () =>
    run({
      connectionString: config.databaseUrl,
      ...{ concurrency: CONCURRENCY, maxPoolSize: CONCURRENCY + 1 },
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
      taskList: { [JOB]: (payload) => send(payload as PlacedOrder) },
    }),
  /** With its notifications, batches, and fetches without a pause while there is more. */
  async boss() {
    const boss = new PgBoss({
      connectionString: config.databaseUrl,
      ...{ useListenNotify: true, schedule: false, supervise: false },
    });
    await boss.start();
    const settings = {
      ...{ batchSize: CONCURRENCY, burstWhenBatchFull: true },
      ...{ pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 0.5 },
    };
    await boss.work<PlacedOrder>(JOB, settings, async (jobs) => {
      await Promise.all(jobs.map(({ data }) => send(data)));
    });
  },
};

const open = WAYS[who];
if (!open) throw new Error(`nobody is called ${who}`);
await open();
createServer((_request, response) => response.end()).listen(Number(process.env.PORT), '127.0.0.1');
