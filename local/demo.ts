/**
 * `npm run demo`: the whole system on this machine, some orders, and what becomes of them, told in the terminal. It
 * stays up until Ctrl-C; with `--once` it ends by itself and says by its exit code whether all came as expected.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from '../src/config.ts';
import type { Order } from '../src/orders.ts';
import { API_KEY, DATA, type Installation, OPERATOR, openInstallation } from './installation.ts';
import { onStop } from './stop.ts';

const LOG = join(DATA, 'demo.log');
const BACKOFF_MS = 500;
const STORY_MS = 45_000;
const WARM_ORDERS = 5;

interface Person {
  readonly name: string;
  readonly email: string;
  readonly about: string;
  readonly end: 'sent' | 'dead';
}

const PEOPLE: readonly Person[] = [
  { name: 'Ada', email: 'ada@example.com', about: 'an address like any other', end: 'sent' },
  {
    name: 'Flo',
    email: 'flaky@example.com',
    about: 'the provider fails twice and then accepts',
    end: 'sent',
  },
  {
    name: 'Hal',
    email: 'hangup@example.com',
    about: 'the provider accepts and hangs up without a word',
    end: 'sent',
  },
  { name: 'Rex', email: 'refused@example.com', about: 'the provider refuses the address', end: 'dead' },
];

const once = process.argv.includes('--once');
const closers: (() => Promise<unknown>)[] = [];
const stop = onStop();

async function demonstrate(): Promise<number> {
  try {
    const installation = await open();
    const asExpected = await tellStory(installation);
    if (once) return asExpected ? 0 : 1;
    tellAddresses(installation);
    await Promise.race([stop.asked, installation.ended()]);
    return stop.signal.aborted ? 0 : 1;
  } catch (error) {
    if (stop.signal.aborted) return once ? 1 : 0;
    complain(error);
    return error instanceof ConfigError ? 78 : 1;
  } finally {
    if (!once) say('\nStopping …');
    for (const close of closers.reverse()) await close().catch(complain);
  }
}

function complain(error: unknown): void {
  if (error instanceof ConfigError) for (const fault of error.faults) say(`✗ ${fault}`);
  else say(`✗ ${error instanceof Error ? error.message : error}\n  The processes' own words are in ${LOG}`);
}

async function open(): Promise<Installation> {
  mkdirSync(DATA, { recursive: true });
  writeFileSync(LOG, '');
  say('Order Notifications, the whole system on this machine\n');
  const alerts = await listenForAlerts();
  const installation = await openInstallation({
    settings: {
      NOTIFICATION_BACKOFF_MS: String(BACKOFF_MS),
      MONITOR_INTERVAL_MS: '1000',
      ALERT_WEBHOOK_URL: alerts,
    },
    print: (name, line) => appendFileSync(LOG, `${name} ${line}\n`),
    say: (what) => say(`  starting ${what} …`),
    onClose: (close) => closers.push(close),
    signal: stop.signal,
  });
  say('  ready.\n');
  return installation;
}

let alerted: string | undefined;

/** Plays the part of the pager: what the monitor sends is printed. Returns its URL. */
async function listenForAlerts(): Promise<string> {
  const server = createServer(async (request, response) => {
    const { text: told } = JSON.parse(await text(request)) as { text: string }; // it comes from our own monitor
    alerted = told.split('\n')[0] ?? told;
    if (!once && storyTold) say(`\n  the monitor alerts: ${alerted}`);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // neither a pipe nor closed
}

let storyTold = false;

async function tellStory(installation: Installation): Promise<boolean> {
  say(
    `Four orders. A letter that fails is tried again after about ${BACKOFF_MS / 1000} s, four times in all (outside of this`,
  );
  say('demo after 60 s, then 120 s, then 240 s).\n');
  const width = Math.max(...PEOPLE.map(({ email }) => email.length));
  for (const { email, about } of PEOPLE) say(`  ${email.padEnd(width)}  ${about}`);
  say('');

  const ends = await Promise.all(PEOPLE.map((person) => follow(installation, person, width)));
  const asExpected = PEOPLE.every(({ end }, i) => ends[i] === end);
  const warm = await measure(installation);
  const told = await until(() => alerted !== undefined);
  if (told) say(`\n  The monitor alerts: ${alerted}`);
  storyTold = true;
  say(
    `\n  Order → accepted letter on the idle system: ${warm.toFixed(1)} ms (median of ${WARM_ORDERS}, by the ledger's clock).`,
  );
  say(
    asExpected && told
      ? '\n✓ Every order came to the end that it should: three letters sent, once each, and a dead letter for a person to look at.'
      : '\n✗ Not every order came to the end that it should.',
  );
  return asExpected && told;
}

/** Places an order and prints what becomes of it. Answers how its letter ended. */
async function follow(
  installation: Installation,
  person: Person,
  width: number,
): Promise<string | undefined> {
  const orderId = await placeOrder(installation, person);
  const printed = new Set<string>();
  let status: string | undefined;
  await until(async () => {
    const order = await readOrder(installation, orderId);
    const letter = order.notifications[0];
    const began = Date.parse(order.createdAt);
    for (const { at, event } of letter?.timeline ?? []) {
      if (printed.has(at + event)) continue;
      printed.add(at + event);
      say(
        `  ${person.email.padEnd(width)}  ${`+${Date.parse(at) - began} ms`.padStart(9)}  ${describe(event, letter?.reason)}`,
      );
    }
    status = letter?.status;
    return status === 'sent' || status === 'dead';
  });
  return status;
}

function describe(event: string, reason: string | undefined): string {
  const words: Record<string, string> = {
    staged: 'ordered: the order and its message are stored, in one statement',
    enqueued: 'enqueued: the relay has handed the message to the queue',
    sent: 'sent: the provider has accepted the letter',
    dead: `dead: ${reason}; it waits in the dashboard for a person`,
  };
  const answer = event.replace(/^answered: /, '');
  return (
    words[event] ??
    (answer === 'no_answer'
      ? 'no answer: will be asked again with the same key'
      : `the provider answered ${answer}`)
  );
}

/** Milliseconds from order to accepted letter, the median of a few orders one after another. */
async function measure(installation: Installation): Promise<number> {
  const durations: number[] = [];
  for (let i = 0; i < WARM_ORDERS && !stop.signal.aborted; i += 1) {
    const orderId = await placeOrder(installation, { name: 'Ada', email: 'ada@example.com' });
    await until(async () => {
      const { notifications, createdAt } = await readOrder(installation, orderId);
      const sent = notifications[0]?.timeline.find(({ event }) => event === 'sent');
      if (sent) durations.push(Date.parse(sent.at) - Date.parse(createdAt));
      return sent !== undefined;
    });
  }
  return durations.sort((a, b) => a - b)[Math.floor(durations.length / 2)] ?? Number.NaN;
}

async function placeOrder(
  { web }: Installation,
  { name, email }: { name: string; email: string },
): Promise<string> {
  const { customerId } = await call<{ customerId: string }>(`${web}/customers`, { email, name });
  const items = [
    { sku: 'TEA-100', name: 'Darjeeling First Flush', quantity: 2, unitPrice: 1490 },
    { sku: 'POT-1', name: 'Teapot, cast iron', quantity: 1, unitPrice: 5900 },
  ];
  return (await call<{ orderId: string }>(`${web}/orders`, { customerId, currency: 'EUR', items })).orderId;
}

const readOrder = ({ web }: Installation, id: string) => call<Order>(`${web}/orders/${id}`);

async function call<Answer>(url: string, body?: object): Promise<Answer> {
  const response = await fetch(url, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${API_KEY}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body ? JSON.stringify(body) : null,
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(10_000)]),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer; // our own API: its answers are tested elsewhere
}

/** Asks again and again; false when it is still not so after a while. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  const end = Date.now() + STORY_MS;
  while (!(await isSo())) {
    stop.signal.throwIfAborted();
    if (Date.now() > end) return false;
    await delay(20);
  }
  return true;
}

function tellAddresses({ web, mailbox, databaseUrl, redisUrl }: Installation): void {
  say(`
  API        ${web}/docs                 Authorization: Bearer ${API_KEY}
  Dashboard  ${web}/admin/queues         ${OPERATOR.username} / ${OPERATOR.password}
  Mailbox    ${mailbox.url}

  The next order, ready to paste (try a customer at flaky@, slow@, down@ or refused@example.com too):

    customer=$(curl -s ${web}/customers -H 'authorization: Bearer ${API_KEY}' -H 'content-type: application/json' \\
      -d '{"name":"Grace","email":"grace@example.com"}' | sed 's/.*"customerId":"\\([^"]*\\)".*/\\1/')
    curl -i ${web}/orders -H 'authorization: Bearer ${API_KEY}' -H 'content-type: application/json' \\
      -H "idempotency-key: $(date +%s)" \\
      -d '{"customerId":"'$customer'","currency":"EUR","items":[{"sku":"TEA-1","name":"Tea","quantity":2,"unitPrice":450}]}'

  Dead letters in the terminal, and whether all is well:

    export DATABASE_URL='${databaseUrl}' REDIS_URL='${redisUrl}'
    npm run dead-letters -- list
    npm run doctor

  Logs: ${LOG}
  Ctrl-C ends it and leaves nothing running.`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await demonstrate();
