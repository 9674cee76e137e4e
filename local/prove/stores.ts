/** The private stores of a proof: each behind a proxy, and each can be frozen, ended by force and started again in its place. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DATA } from '../installation.ts';
import { startPostgres } from '../postgres.ts';
import { startRedis } from '../redis.ts';
import { hasCode } from '../server.ts';
import { type Proxy as StoreProxy, startProxy } from './proxy.ts';

/** How a server's life ends: asked to, or not asked. */
type ServerEnd = 'stop' | 'quit' | 'kill';

export interface Store {
  /** Without the proxy: for those who look on. */
  readonly url: string;
  readonly proxy: StoreProxy;
  /**
   * Ends it, keeps it away for so long, cut short by the signal, and starts it again in the same place; `forget` without what
   * it had stored.
   */
  restart(how: { end: ServerEnd; awayMs: number; forget?: boolean }, signal: AbortSignal): Promise<void>;
  /** SIGSTOP for so long, cut short by the signal. */
  suspend(ms: number, signal: AbortSignal): Promise<void>;
  /** Wakes it, should it be frozen: what is frozen can't end. Does not wait. */
  wake(): void;
  close(): Promise<void>;
}

interface Server {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export async function openPostgres(directory: string): Promise<Store> {
  const place = join(directory, 'postgres');
  const server = await startPostgres(place);
  const { port, directory: home } = server;
  return openStore({
    server,
    start: () => startPostgres(place, { port }),
    forget: async () => {},
    // Started by root, its data may lie below /var/tmp, where nobody would look for it.
    afterwards: () =>
      home.startsWith('/var/tmp/order-') ? rm(home, { recursive: true }) : Promise.resolve(),
  });
}

/** With its append-only file, and always under the same password: those who use it know no other. */
export async function openRedis(directory: string): Promise<Store> {
  const place = join(directory, 'redis');
  const binaries = join(DATA, 'redis-binaries'); // unpacked once, and not for every proof
  const server = await startRedis(place, { binaries });
  const { port } = server;
  const { password } = new URL(server.url);
  return openStore({
    server,
    start: () => startRedis(place, { binaries, port, password }),
    forget: () => rm(join(place, 'appendonlydir'), { recursive: true, force: true }),
    afterwards: async () => {},
  });
}

async function openStore(parts: {
  server: Server;
  start: () => Promise<Server>;
  forget: () => Promise<void>;
  afterwards: () => Promise<void>;
}): Promise<Store> {
  let { server } = parts;
  const proxy = await startProxy(server.url);
  const wake = () => signal(server.pid, 'SIGCONT');
  return {
    url: server.url,
    proxy,
    wake,
    async restart({ end, awayMs, forget = false }, cutShort) {
      await endServer(server, end);
      if (forget) await parts.forget();
      await delay(awayMs, undefined, { signal: cutShort }).catch(() => undefined); // it is started all the same
      server = await parts.start();
    },
    async suspend(ms, cutShort) {
      signal(server.pid, 'SIGSTOP');
      await delay(ms, undefined, { signal: cutShort }).catch(() => undefined); // cut short: it is woken all the same
      wake();
    },
    async close() {
      wake();
      await proxy.close();
      await server.stop();
      await parts.afterwards();
    },
  };
}

async function endServer(server: Server, end: ServerEnd): Promise<void> {
  if (end === 'kill') return server.kill();
  if (end === 'quit') signal(server.pid, 'SIGQUIT'); // the later, gentler signal of `stop` changes nothing any more
  await server.stop();
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error; // it has ended already
  }
}
