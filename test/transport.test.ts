/**
 * Under pressure: so many requests are worked on at a time, further ones are told to come again, and the process stays to be asked. And
 * clients that ask much in advance, or leave in the middle.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../src/database.ts';
import { takeTurns } from '../src/transport.ts';
import { until } from './support/until.ts';
import { type Ask, anonymous, blamed, openWeb, withKey } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

const MOST = 3;

describe('with as many requests in progress as there may be', () => {
  let world: World;
  let app: Awaited<ReturnType<typeof openWeb>>;
  let ask: Ask;
  beforeAll(async () => {
    world = await openWorld();
    app = await openWeb(world, { mostInProgress: MOST });
    ask = withKey(app);
  });
  afterAll(() => world.close());

  /** Does something while nobody can read orders. */
  async function whileLocked(
    act: (waiting: (count: number) => Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    const blocker = postgres(world.config.databaseUrl, { max: 1 });
    // On another connection: in a transaction that view stands still.
    const waiting = (count: number) =>
      until(async () => {
        const rows = await run(
          world.db,
          sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return rows.length === count;
      }, `${count} requests that wait`);
    try {
      await blocker.unsafe('begin; lock table orders in access exclusive mode');
      await act(waiting);
    } finally {
      await blocker.unsafe('rollback');
      await blocker.end();
    }
  }

  it('the next is answered 503 with Retry-After, health is answered, and all is well afterwards', async () => {
    const held: Promise<{ status: number }>[] = [];
    await whileLocked(async (waiting) => {
      for (let i = 0; i < MOST; i += 1) held.push(ask('GET', '/orders'));
      await waiting(MOST);
      const refused = await ask('GET', '/orders');
      expect([refused.status, refused.headers['retry-after'], blamed(refused, 503)]).toEqual([503, '1', []]);
      // Also what touches no table waits its turn; who has no key is told so first.
      expect((await ask('GET', '/customers/7')).status).toBe(400);
      expect((await anonymous(app)('GET', '/orders')).status).toBe(401);
      for (const path of ['/livez', '/readyz', '/metrics'])
        expect((await anonymous(app)('GET', path)).status, path).toBe(200);
    });
    for (const { status } of await Promise.all(held)) expect(status).toBe(200);
    expect((await ask('GET', '/orders')).status).toBe(200);
  });

  it('a place is free again when whoever had it has gone away', async () => {
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo; // it listens on TCP
    await whileLocked(async (waiting) => {
      const gone = Array.from({ length: MOST }, () => connect(port, '127.0.0.1'));
      for (const socket of gone)
        socket.write('GET /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test-key\r\n\r\n');
      await waiting(MOST);
      for (const socket of gone) socket.destroy();
      await Promise.all(gone.map((socket) => once(socket, 'close')));
    });
    await until(async () => (await ask('GET', '/orders')).status === 200, 'a free place');
  });

  it('what one connection asks in advance waits for its turn, and is answered in order', async () => {
    const { port } = app.server.address() as AddressInfo; // it listens on TCP since the test before
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    let heard = '';
    socket.on('data', (text: string) => {
      heard += text;
    });
    await whileLocked(async (waiting) => {
      const asked = (path: string) =>
        `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test-key\r\n\r\n`;
      socket.write([...Array<string>(MOST).fill('/orders'), '/livez', '/customers/7'].map(asked).join(''));
      await waiting(1);
      expect((await ask('GET', '/customers/7')).status, 'its others have no place').toBe(400);
    });
    const answers = () => [...heard.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
    await until(async () => answers().length === MOST + 2, 'all answers');
    expect(answers()).toEqual([...Array<number>(MOST).fill(200), 200, 400]);
    socket.destroy();
  });

  it('who asks for a tunnel and has gone when it is refused ends nothing', async () => {
    const { port } = app.server.address() as AddressInfo; // as above
    for (let i = 0; i < 500; i += 1) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write('CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n');
      socket.resetAndDestroy();
    }
    expect((await ask('GET', '/orders')).status).toBe(200); // an error that nobody hears fails this file
  });
});

describe('requests in advance', () => {
  /** A server that answers nothing by itself. */
  async function openSilent() {
    const asked: { url: string | undefined; response: ServerResponse }[] = [];
    const server = createServer(({ url }, response) => asked.push({ url, response }));
    takeTurns(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1'); // it listens on TCP
    const arrivals = (count: number) => until(async () => asked.length === count, `request ${count}`);
    const send = (from: number, count: number) =>
      socket.write(
        Array.from({ length: count }, (_, i) => `GET /${from + i} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''),
      );
    return { asked, server, socket, arrivals, send };
  }

  it('256 wait, one by one; with more the connection is cut', async () => {
    const { asked, server, socket, arrivals, send } = await openSilent();
    send(1, 257);
    for (let i = 1; i <= 3; i += 1) {
      await arrivals(i);
      asked.at(-1)?.response.end();
    }
    await arrivals(4);
    const closed = once(socket, 'close');
    socket.resume();
    send(258, 4); // 253 wait, and 4 more are one too many
    await closed;
    expect(asked.map(({ url }) => url)).toEqual(['/1', '/2', '/3', '/4']);
    server.close();
  });

  it('nothing is begun for a client that has gone', async () => {
    const { asked, server, socket, arrivals, send } = await openSilent();
    send(1, 50);
    await arrivals(1);
    const gone = once(asked[0]?.response ?? socket, 'close');
    socket.destroy();
    await gone;
    server.close();
    await once(server, 'close');
    expect(asked.map(({ url }) => url)).toEqual(['/1']);
  });
});
