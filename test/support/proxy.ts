/** A TCP proxy in front of a store: cut, it is an outage; frozen, a black hole. The store itself knows nothing of it. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Proxy {
  /** The given URL with the proxy in the place of its host and port. */
  readonly url: string;
  /** Ends all connections and refuses new ones. */
  cut(): void;
  /** Takes connections and lets nothing through. */
  freeze(): void;
  /** All is well again. Frozen connections are ended. */
  mend(): void;
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<Proxy> {
  const to = new URL(target);
  const sockets = new Set<Socket>();
  let state: 'open' | 'cut' | 'frozen' = 'open';

  const server = createServer((near) => {
    if (state === 'cut') return void near.destroy();
    const far = connect(Number(to.port), to.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          sockets.delete(socket);
          (socket === near ? far : near).destroy();
        });
    }
    near.on('data', (bytes) => state === 'open' && far.write(bytes));
    far.on('data', (bytes) => state === 'open' && near.write(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port); // neither a pipe nor closed
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };

  return {
    url: url.href,
    cut() {
      state = 'cut';
      endAll();
    },
    freeze() {
      state = 'frozen';
    },
    mend() {
      if (state === 'frozen') endAll();
      state = 'open';
    },
    async close() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
