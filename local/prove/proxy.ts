/**
 * A TCP proxy in front of a store: cut, it is an outage; frozen, a black hole; slowed or dropping, a bad line. The store
 * itself knows nothing of it.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Proxy {
  /** The given URL with the proxy in the place of its host and port. */
  readonly url: string;
  /** Ends all connections and refuses new ones. */
  cut(): void;
  /** Takes connections and lets nothing through. */
  freeze(): void;
  /** Lets everything through, in its order, so many milliseconds later. */
  slow(ms: number): void;
  /** Ends a connection in place of handing on what arrives on it, whenever `isDropped` says so. */
  drop(isDropped: () => boolean): void;
  /** All is well again. Frozen connections are ended. */
  mend(): void;
  close(): Promise<void>;
}

type State =
  | { readonly is: 'open' | 'cut' | 'frozen' }
  | { readonly is: 'slow'; readonly ms: number }
  | { readonly is: 'dropping'; readonly isDropped: () => boolean };

export async function startProxy(target: string): Promise<Proxy> {
  const to = new URL(target);
  const sockets = new Set<Socket>();
  let state: State = { is: 'open' };

  const server = createServer((near) => {
    if (state.is === 'cut') return void near.destroy();
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
    const [towards, back] = [line(far), line(near)];
    near.on('data', (bytes) => handOn(bytes, far, towards));
    far.on('data', (bytes) => handOn(bytes, near, back));
  });

  function handOn(bytes: Buffer, socket: Socket, { later }: Line): void {
    if (state.is === 'frozen') return;
    if (state.is === 'dropping' && state.isDropped()) return void socket.destroy();
    later(bytes, state.is === 'slow' ? state.ms : 0);
  }

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
      state = { is: 'cut' };
      endAll();
    },
    freeze() {
      state = { is: 'frozen' };
    },
    slow(ms) {
      state = { is: 'slow', ms };
    },
    drop(isDropped) {
      state = { is: 'dropping', isDropped };
    },
    mend() {
      if (state.is === 'frozen') endAll();
      state = { is: 'open' };
    },
    async close() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Line {
  later(bytes: Buffer, ms: number): void;
}

/** Writes to a socket with a delay; what waits is never overtaken by what came after it. */
function line(socket: Socket): Line {
  const waiting: Buffer[] = [];
  return {
    later(bytes, ms) {
      if (ms === 0 && waiting.length === 0) return void socket.write(bytes);
      waiting.push(bytes);
      // Timers may come in another order than they were set: each writes whatever is next.
      setTimeout(() => {
        const next = waiting.shift();
        if (next && socket.writable) socket.write(next);
      }, ms);
    },
  };
}
