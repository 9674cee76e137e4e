/** Orders over HTTP from a given number of connections, each of which asks again as soon as it is answered. */
import autocannon from 'autocannon';
import { API_KEY, bodyOf } from './shop.ts';
import { quantile } from './stats.ts';

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
  const options = {
    url: `http://127.0.0.1:${port}/orders`,
    connections,
    duration: seconds,
    requests: customers.slice(0, CUSTOMERS_PER_RUN).map((customerId) => ({
      method: 'POST' as const,
      path: '/orders',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body: bodyOf(customerId),
    })),
  };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, found) => (error ? reject(error) : resolve(found)));
    run.on('response', (_client, status, _bytes, ms) => {
      if (status === 201) times.push(ms);
    });
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(
      `port ${port}: ${result.non2xx} answers were no 201, ${result.errors} connections failed`,
    );
  return {
    perSecond: result['2xx'] / result.duration,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
  };
}
