/**
 * Those who send slowly or not at all, in a thread of their own so that they delay nobody who is measured: as many connections as
 * they are told, each opened again when the server has cut it off.
 */
import { connect, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

export interface AttackOrder {
  readonly port: number;
  readonly apiKey: string;
  readonly connections: number;
}
/** What the attackers have seen when they are called off. */
export interface AttackReport {
  readonly opened: number;
  /** Cut off by the server, with or without an answer. */
  readonly cut: number;
}

const DRIP_MS = 1_000;
/** Opened anew not at once: an attacker too has to connect. */
const AGAIN_MS = 250;

const { port, apiKey, connections } = workerData as AttackOrder; // as whoever starts this thread gives it
const open = new Set<{ socket: Socket; drip: string }>();
let over = false;
let opened = 0;
let cut = 0;

const head = (path: string, ...more: string[]) =>
  [`POST ${path} HTTP/1.1`, 'Host: x', 'Content-Type: application/json', ...more].join('\r\n');
const KEY = `Authorization: Bearer ${apiKey}`;

/** What each says first, and then byte by byte. */
const KINDS: readonly (readonly [first: string, drip: string])[] = [
  [`${head('/orders', KEY)}\r\nContent-Length: 60000\r\n\r\n{`, ' '],
  [`${head('/orders', KEY)}\r\nTransfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
  [`${head('/webhooks/resend')}\r\nContent-Length: 60000\r\n\r\n{`, ' '],
  ['GET /orders HTTP/1.1\r\nX-A: ', 'a'],
  ['', ''],
  [`GET /livez HTTP/1.1\r\nHost: x\r\n\r\n`, ''], // and keeps its connection
];

function begin(n: number): void {
  if (over) return;
  const [first, drip] = KINDS[n % KINDS.length] ?? ['', ''];
  const socket = connect(port, '127.0.0.1');
  const one = { socket, drip };
  open.add(one);
  opened += 1;
  socket.on('connect', () => first && socket.write(first));
  socket.on('data', () => undefined);
  socket.on('error', () => undefined); // it is cut off in the middle of its words
  socket.on('close', () => {
    open.delete(one);
    if (over) return;
    cut += 1;
    setTimeout(begin, AGAIN_MS, n);
  });
}

for (let n = 0; n < connections; n += 1) begin(n);
const dripping = setInterval(() => {
  for (const { socket, drip } of open) if (drip && socket.writable) socket.write(drip);
}, DRIP_MS);

parentPort?.once('message', () => {
  over = true;
  clearInterval(dripping);
  for (const { socket } of open) socket.destroy();
  parentPort?.postMessage({ opened, cut } satisfies AttackReport);
  parentPort?.close();
});
