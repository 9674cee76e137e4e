/** A provider without rules: takes every letter, alone or with others in one request, and answers after so long. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Provider {
  /** To be used as RESEND_BASE_URL. */
  readonly url: string;
  /** How many it has accepted; one that comes again counts again. */
  letters(): number;
  /** From the start of the first request to the last acceptance. */
  seconds(): number;
  close(): void;
}

/** Starts it in this process, on 127.0.0.1. */
export async function startProvider(delayMs: number): Promise<Provider> {
  let letters = 0;
  let began: number | undefined;
  let ended = Number.NaN;
  const server = createServer((request, response) => {
    began ??= performance.now();
    const parts: Buffer[] = [];
    const answer = () => {
      const ids = request.url === '/emails/batch' ? idsForEach(Buffer.concat(parts)) : [newId()];
      letters += ids.length;
      ended = performance.now();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(request.url === '/emails/batch' ? { data: ids } : ids[0]));
    };
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => (delayMs > 0 ? setTimeout(answer, delayMs) : answer()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    letters: () => letters,
    seconds: () => (ended - (began ?? Number.NaN)) / 1_000,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const newId = () => ({ id: randomUUID() });

const idsForEach = (body: Buffer) => (JSON.parse(body.toString()) as unknown[]).map(newId);
