/** What is ordered, by everybody who is measured: the same customers, articles and amounts. */

import { sql } from 'drizzle-orm';
import type { Database } from '../../src/database.ts';
import { run } from '../../src/database.ts';

export const API_KEY = 'bench-key-of-some-length-0123';
export const CURRENCY = 'EUR';
export const ITEMS = [
  { sku: 'TEA-01', name: 'Darjeeling, first flush', quantity: 2, unitPrice: 1_450 },
  { sku: 'CUP-07', name: 'Cup with saucer', quantity: 1, unitPrice: 2_300 },
];
const CUSTOMERS = 1_000;

export const bodyOf = (customerId: string): string =>
  JSON.stringify({ customerId, currency: CURRENCY, items: ITEMS });

/** The id of the n-th customer: known to pgbench too, which can count but not read. */
export const customerOf = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** Adds the customers, unless they are there. Answers their ids. */
export async function addCustomers(db: Database): Promise<string[]> {
  await run(
    db,
    sql`insert into customers (id, email, name)
        select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'customer-' || n || '@example.com', 'Customer ' || n
        from generate_series(1, ${CUSTOMERS}::int) as n on conflict do nothing`,
  );
  return Array.from({ length: CUSTOMERS }, (_, i) => customerOf(i + 1));
}
