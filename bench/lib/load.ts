/** Orders over HTTP from a given number of connections, each of which asks again as soon as it is answered. */
import autocannon from 'autocannon';
import { API_KEY, bodyOf } from './shop.ts';

export interface Load {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const CUSTOMERS_PER_RUN = 100;

/** @throws when any answer is not 201. */
export async function loadOrders(
  port: number,
  customers: readonly string[],
  connections: number,
  seconds: number,
): Promise<Load> {
  const times: number[] = [];
  const run = autocannon({
    url: `http://127.0.0.1:${port}/orders`,
    connections,
    duration: seconds,
    requests: customers.slice(0, CUSTOMERS_PER_RUN).map((customerId) => ({
      method: 'POST' as const,
      path: '/orders',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body: bodyOf(customerId),
    })),
  });
  run.on('response', (_client: unknown, status: number, _bytes: number, ms: number) => {
    if (status === 201) times.push(ms);
  });
  const result = await run;
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(
      `port ${port}: ${result.non2xx} answers were no 201, ${result.errors} connections failed`,
    );
  const sorted = times.sort((a, b) => a - b);
  const quantile = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  return { perSecond: result['2xx'] / result.duration, p50: quantile(0.5), p99: quantile(0.99) };
}
