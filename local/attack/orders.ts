/** Ordinary orders at a steady pace, each sent when it is due whether the last one was answered or not, and how long they take. */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

export interface Sample {
  /** Milliseconds from when it was due to its answer. */
  readonly times: number[];
  readonly failed: number;
}

export interface Shop {
  /** Places orders for so long. */
  order(seconds: number, perSecond: number, signal: AbortSignal): Promise<Sample>;
}

const DEADLINE_MS = 30_000;

export async function openShop(port: number, apiKey: string): Promise<Shop> {
  const url = `http://127.0.0.1:${port}`;
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  const post = (path: string, body: object, more: Record<string, string> = {}) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { ...headers, ...more },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
  const added = await post('/customers', { email: 'ada@example.com', name: 'Ada' });
  const { customerId } = (await added.json()) as { customerId: string }; // 201 says so
  const items = [{ sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 }];

  return {
    async order(seconds, perSecond, signal) {
      const times: number[] = [];
      const under: Promise<void>[] = [];
      let failed = 0;
      const began = performance.now();
      for (let n = 0; n < seconds * perSecond && !signal.aborted; n += 1) {
        const due = began + (n * 1_000) / perSecond;
        await pause(Math.max(0, due - performance.now()));
        under.push(
          post('/orders', { customerId, currency: 'EUR', items }, { 'idempotency-key': randomUUID() })
            .then(async (response) => {
              await response.arrayBuffer();
              if (response.status !== 201) throw new Error(`answered ${response.status}`);
              times.push(performance.now() - due);
            })
            .catch(() => {
              failed += 1;
            }),
        );
      }
      await Promise.all(under);
      return { times, failed };
    },
  };
}

/** The value below which that part of them lies; NaN of none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}
