/** Orders on graphile-worker: its SQL function in the order's transaction. */
import { openPool, servePeer } from './peer.ts';

const ADD = {
  name: 'add',
  text: `select graphile_worker.add_job('order.created', $1::json)`,
};
await servePeer(openPool(), (client, order) => client.query({ ...ADD, values: [JSON.stringify(order)] }));
