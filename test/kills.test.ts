/** Notifiers that are killed again and again: nobody pays for it but the letter that does it. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../src/database.ts';
import { type Company, company, type RunningProcess } from './support/processes.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
let processes: Company;
beforeEach(async () => {
  world = await openWorld({
    LOCK_DURATION_MS: '1000',
    STALLED_INTERVAL_MS: '500',
    NOTIFIER_CONCURRENCY: '50',
    EMAIL_TIMEOUT_MS: '60000',
  });
  processes = company(world.environment);
  world.draining(await world.relay());
});
afterEach(async () => {
  await processes.end();
  await world.close();
});

const orders = (count: number, email?: string) =>
  Promise.all(Array.from({ length: count }, () => world.order(email)));

const statuses = async () => {
  const rows = await run<{ status: string }>(
    world.db,
    sql`select case when sent_at is not null then 'sent' when dead_at is not null then 'dead' else 'waiting' end as status from outbox`,
  );
  return rows.map(({ status }) => status);
};

async function kill(notifier: RunningProcess): Promise<void> {
  notifier.signal('SIGKILL');
  await notifier.ended;
}

describe('a notifier that is killed', () => {
  it('five times with fifty letters in its hands leaves none of them dead, and each is sent once', async () => {
    world.mailbox.intercept(() => 'hang');
    await orders(50);
    for (let round = 0; round < 5; round += 1) {
      const before = world.mailbox.requests().length;
      const notifier = await processes.start('notifier');
      // At first all fifty are under way; whoever was killed with them is tried alone.
      const calls = round === 0 ? 50 : 1;
      await until(() => world.mailbox.requests().length >= before + calls, 'calls under way');
      await kill(notifier);
    }
    world.mailbox.intercept(null);
    await processes.start('notifier');
    await until(
      async () => (await statuses()).every((status) => status === 'sent'),
      'letters for all',
      150_000,
    );
    expect(world.mailbox.letters()).toHaveLength(50);
  });

  it('by one letter ten times while that is alone in it, buries that letter and no other', async () => {
    const [poison] = await orders(1, 'poison@example.com');
    await orders(20);
    let starts = 0;
    const preload = new URL('support/poisoned.mjs', import.meta.url).href;
    await until(
      async () => {
        starts += 1;
        const notifier = await processes.start('notifier', { NODE_OPTIONS: `--import ${preload}` });
        const end = await Promise.race([notifier.ended, buried()]);
        return end === 'buried';
      },
      'a buried letter',
      250_000,
    );
    async function buried() {
      await until(async () => (await statuses()).every((status) => status !== 'waiting'), 'an end', 250_000);
      return 'buried' as const;
    }
    expect((await world.read(poison ?? '')).notifications).toMatchObject([
      { status: 'dead', reason: 'poison' },
    ]);
    expect((await statuses()).filter((status) => status === 'sent')).toHaveLength(20);
    expect(world.mailbox.letters()).toHaveLength(20);
    expect(starts).toBeLessThanOrEqual(13); // once with the others, ten times alone, and twice for what a kill may cut short
  }, 300_000);
});

describe('a notifier whose clock is an hour ahead', () => {
  it('takes no work, says why, and leaves all to another one', async () => {
    const preload = new URL('support/shifted-clock.mjs', import.meta.url).href;
    const shifted = await processes.start('notifier', {
      NODE_OPTIONS: `--import ${preload}`,
      CLOCK_SHIFT_MS: '3600000',
    });
    const readyz = async () => {
      const response = await fetch(`http://127.0.0.1:${shifted.port}/readyz`);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    await until(async () => (await readyz()).body.holding, 'a notifier that holds');
    const orderIds = await orders(5);
    for (const orderId of orderIds) await world.untilLetter(orderId, 'enqueued');
    expect(await readyz()).toMatchObject({
      status: 503,
      body: {
        failed: ['clock'],
        holding: 'the clock is not known to be right',
        clock: expect.stringMatching(/^3[56]\d\d s /),
      },
    });
    expect(world.mailbox.requests()).toEqual([]);
    await processes.start('notifier');
    for (const orderId of orderIds) await world.untilLetter(orderId, 'sent');
  });
});
