/** Hints: they wake a listener soon, coalesce, and may be lost without harm. */
import { sql } from 'drizzle-orm';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connect, run } from '../src/database.ts';
import { type Hinter, listenForHints, openHinter } from '../src/hints.ts';
import { createLedger, type Ledger } from './support/ledger.ts';
import { startProxy } from './support/proxy.ts';
import { until } from './support/until.ts';

const log = pino({ level: 'silent' });
let ledger: Ledger;
beforeAll(async () => {
  ledger = await createLedger();
});
afterAll(() => ledger.close());

interface Listener {
  woken(): number;
}

async function listener(url = ledger.url): Promise<Listener> {
  let count = 0;
  const stop = await listenForHints(url, () => {
    count += 1;
  });
  onTestFinished(stop);
  return { woken: () => count };
}

function hinter(url = ledger.url): Hinter {
  const opened = openHinter(url, log);
  onTestFinished(opened.close);
  return opened;
}

/** Ends the connections on which hints travel, as a restarting server would, and answers how many there were. */
async function terminate(): Promise<number> {
  const ended = await run(
    ledger.db,
    sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name like 'order-notifications hints %'`,
  );
  return ended.length;
}

/** Hints again and again: one of them may be lost. */
async function untilWoken(one: Listener, hinting: Hinter): Promise<void> {
  const before = one.woken();
  await until(() => {
    hinting.hint();
    return one.woken() > before;
  }, 'a hint that arrives');
}

describe('a listener', () => {
  it('is woken once when it begins, since it may have missed something before', async () => {
    const one = await listener();
    await until(() => one.woken() === 1, 'the first waking');
  });

  it('is woken by a hint, and so is every other', async () => {
    const both = [await listener(), await listener()];
    await until(() => both.every((one) => one.woken() === 1), 'the first waking');
    hinter().hint();
    await until(() => both.every((one) => one.woken() === 2), 'a hint');
  });

  it('is not woken by what is told to others', async () => {
    const one = await listener();
    await until(() => one.woken() === 1, 'the first waking');
    await run(ledger.db, sql`select pg_notify('another_channel', '')`);
    hinter().hint();
    await until(() => one.woken() === 2, 'a hint');
  });

  it('that has lost its connection is woken when it listens again, and by hints from then on', async () => {
    const one = await listener();
    await until(() => one.woken() === 1, 'the first waking');
    expect(await terminate()).toBeGreaterThan(0);
    await until(() => one.woken() === 2, 'the waking after the loss');
    await untilWoken(one, hinter());
  });

  it('does not begin while Postgres is away, and says so', async () => {
    const proxy = await startProxy(ledger.url);
    onTestFinished(proxy.close);
    proxy.cut();
    await expect(listenForHints(proxy.url, () => undefined)).rejects.toThrow();
    proxy.mend();
    await untilWoken(await listener(proxy.url), hinter());
  });
});

describe('a hinter', () => {
  it('makes a thousand hints of one moment into few', async () => {
    const one = await listener();
    await until(() => one.woken() === 1, 'the first waking');
    const client = connect(ledger.url, 'test');
    onTestFinished(() => client.end());
    let heard = 0;
    let last = false;
    await client.listen('order_notifications_staged', (payload) => {
      heard += 1;
      last ||= payload === 'last';
    });
    const hinting = hinter();
    for (let i = 0; i < 1_000; i += 1) hinting.hint();
    await until(() => heard >= 2, 'the first hint and the one that stands for all others');
    await client.notify('order_notifications_staged', 'last'); // what comes before it has been heard when it is
    await until(() => last, 'the last');
    expect(heard).toBe(3);
  });

  it('sends one more when it is asked while a hint is under way: none that was asked for is forgotten', async () => {
    const one = await listener();
    const hinting = hinter();
    await untilWoken(one, hinting);
    for (let i = 0; i < 20; i += 1) {
      const before = one.woken();
      hinting.hint();
      await until(() => one.woken() > before, `hint ${i}`);
    }
  });

  it('loses hints with its connection and nothing else', async () => {
    const one = await listener();
    const hinting = hinter();
    await untilWoken(one, hinting);
    for (let round = 0; round < 3; round += 1) {
      expect(await terminate()).toBeGreaterThan(0);
      for (let i = 0; i < 10; i += 1) hinting.hint();
      await untilWoken(one, hinting);
    }
  });

  it('neither throws nor waits while Postgres is away, and hints again when it is back', async () => {
    const proxy = await startProxy(ledger.url);
    onTestFinished(proxy.close);
    const one = await listener();
    const hinting = hinter(proxy.url);
    await untilWoken(one, hinting);
    proxy.cut();
    for (let i = 0; i < 100; i += 1) hinting.hint();
    proxy.mend();
    await untilWoken(one, hinting);
  });

  it('gives a hint up that is swallowed, and hints again when Postgres answers', async () => {
    const proxy = await startProxy(ledger.url);
    onTestFinished(proxy.close);
    const one = await listener();
    const hinting = hinter(proxy.url);
    await untilWoken(one, hinting);
    proxy.freeze();
    hinting.hint();
    proxy.mend();
    await untilWoken(one, hinting);
  });
});
