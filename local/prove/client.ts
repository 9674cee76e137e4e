/**
 * The client of a proof: places orders over HTTP at a steady rate, some of them twice or three times at once, repeats
 * under its key what was not answered, and writes down what it was told. It is the only witness of what was promised.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { randomFrom } from './chance.ts';

export interface PlacedOrder {
  /** Its Idempotency-Key, and the article in it: the letter says it too, so that letters are known without the ledger. */
  readonly key: string;
  readonly recipient: string;
  /** When it was first sent, in milliseconds by this process's clock. */
  readonly placedAt: number;
  /** `acknowledged`: a 201 was seen. `refused`: a 4xx. `unknown`: neither, after all repeats. */
  outcome: 'acknowledged' | 'refused' | 'unknown';
  /** The last answer by which it was refused; undefined without one. */
  refusal?: Answer;
  /** Every order id that a 201 named: more than one is two orders under one key. */
  readonly orderIds: Set<string>;
}

export interface Client {
  readonly history: readonly PlacedOrder[];
  /** Places no new orders; resolves when those under way have their outcome. */
  stop(): Promise<void>;
}

interface Customer {
  readonly id: string;
  readonly email: string;
}

export interface ClientOptions {
  readonly webs: readonly string[];
  readonly apiKey: string;
  readonly rate: number;
  readonly seed: number;
  /** Cuts everything short: what is under way stays unknown. */
  readonly signal: AbortSignal;
}

const CUSTOMERS = 50;
/** A quarter of the orders are sent more than once. */
const COPIES = [1, 1, 1, 1, 1, 1, 2, 3] as const;
/** Some name a customer that does not exist: they are to be refused, and never to be heard of. */
const STRANGERS = 0.02;
const NOBODY = { id: '01a00000-0000-7000-8000-000000000000', email: 'nobody@example.com' };
const TRIES = 6;
const FIRST_PAUSE_MS = 200;
const ANSWER_MS = 4_000;

/** Adds the customers and begins. The key of the n-th order is `prove-<seed>-<n>`. */
export async function startClient(options: ClientOptions): Promise<Client> {
  const { rate, seed, signal } = options;
  const customers = await addCustomers(options);
  const history: PlacedOrder[] = [];
  const underWay = new Set<Promise<void>>();
  const stopping = new AbortController();
  const ending = AbortSignal.any([signal, stopping.signal]);
  const random = randomFrom(seed, 'client');
  const start = Date.now();

  async function drive(): Promise<void> {
    for (let n = 0; ; n += 1) {
      const early = Math.max(0, start + (n * 1_000) / rate - Date.now());
      await delay(early, undefined, { signal: ending }).catch(() => undefined); // the loop looks itself
      if (ending.aborted) return;
      const customer = random() < STRANGERS ? NOBODY : pick(customers, random());
      const key = `prove-${seed}-${n}`;
      const order: PlacedOrder = {
        ...{ key, recipient: customer.email, placedAt: Date.now() },
        ...{ outcome: 'unknown', orderIds: new Set() },
      };
      history.push(order);
      const copies = pick(COPIES, random());
      const one: Promise<void> = place(options, customer, order, copies, n).finally(() =>
        underWay.delete(one),
      );
      underWay.add(one);
    }
  }

  const driving = drive();
  return {
    history,
    async stop() {
      stopping.abort();
      await driving;
      await Promise.all(underWay);
    },
  };
}

// `chance` is below 1 and no list is empty
const pick = <T>(list: readonly T[], chance: number): T => list[Math.floor(chance * list.length)] as T;

async function addCustomers({ webs, apiKey, signal }: ClientOptions): Promise<Customer[]> {
  const customers: Customer[] = [];
  for (let n = 1; n <= CUSTOMERS; n += 1) {
    const email = `customer-${n}@example.com`;
    const body = { email, name: `Customer ${n}` };
    const answer = await insist(() => post(`${webs[0]}/customers`, { apiKey, body, signal }), signal);
    if (answer?.status !== 201)
      throw new Error(
        `the proof could not begin: web has added no customer (${answer?.status ?? 'no answer'}). Is this machine overloaded? See processes.log`,
      );
    customers.push({ id: String(answer.body.customerId), email });
  }
  return customers;
}

async function place(
  { webs, apiKey, signal }: ClientOptions,
  customer: Customer,
  order: PlacedOrder,
  copies: number,
  n: number,
): Promise<void> {
  const items = [{ sku: order.key, name: 'Proof', quantity: 1 + (n % 3), unitPrice: 100 + n }];
  const body = { customerId: customer.id, currency: 'EUR', items };

  async function send(copy: number): Promise<void> {
    const answer = await insist((tries) => {
      const web = pick(webs, ((n + copy + tries) % webs.length) / webs.length);
      return post(`${web}/orders`, { apiKey, body, signal, key: order.key });
    }, signal);
    if (answer) writeDown(order, answer);
  }
  await Promise.all(Array.from({ length: copies }, (_, copy) => send(copy)));
}

/** Tries until there is a final answer, with growing pauses; undefined when there is none after all tries. */
async function insist(
  ask: (tries: number) => Promise<Answer | undefined>,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  for (let tries = 0; tries < TRIES && !signal.aborted; tries += 1) {
    const answer = await ask(tries);
    if (answer && isFinal(answer)) return answer;
    await delay(FIRST_PAUSE_MS * 2 ** tries, undefined, { signal }).catch(() => undefined); // the loop looks itself
  }
  return undefined;
}

/** Whether it says what became of the order. 408 and 429 are about the request, which came too slowly or too soon. */
const isFinal = ({ status }: Answer): boolean => status < 500 && status !== 408 && status !== 429;

/** A 201 outweighs everything: it was promised. */
function writeDown(order: PlacedOrder, answer: Answer): void {
  const { status, body } = answer;
  if (status === 201) {
    order.outcome = 'acknowledged';
    order.orderIds.add(String(body.orderId));
  } else {
    order.refusal = answer;
    if (order.outcome === 'unknown') order.outcome = 'refused';
  }
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Undefined when there is no whole answer in time. */
async function post(
  url: string,
  { apiKey, body, signal, key }: { apiKey: string; body: object; signal: AbortSignal; key?: string },
): Promise<Answer | undefined> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    // It is our own API's, whose shape is tested elsewhere; what is no JSON is as good as no answer.
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  } catch {
    return undefined; // refused, cut off or too late: all the same to a client
  }
}
