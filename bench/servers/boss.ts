/** Orders on pg-boss: `send` with the transaction's connection. */
import { PgBoss } from 'pg-boss';
import { openPool, servePeer } from './peer.ts';

const pool = openPool();
const boss = new PgBoss({
  connectionString: process.env.DATABASE_URL ?? '',
  supervise: false,
  schedule: false,
});
await boss.start();
await servePeer(pool, (client, order) =>
  boss.send('order.created', order, {
    db: { executeSql: (text: string, values?: unknown[]) => client.query(text, values) },
  }),
);
