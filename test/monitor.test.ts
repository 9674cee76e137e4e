/** What operations hear, and when: the monitor's turns are called one by one, against a real ledger and a real queue. */
import { type SQL, sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Alert } from '../src/alerts.ts';
import { openDatabase, run } from '../src/database.ts';
import { openHold } from '../src/holds.ts';
import { confirmNotSent, discardMessage, markSent, retryMessage } from '../src/outbox.ts';
import { consume, type JobEnd, jobId, type MessageRun } from '../src/queue.ts';
import type { DeadReason } from '../src/schema.ts';
import { createMonitor, type Monitor, type MonitorParts } from '../workers/monitor.ts';
import type { Relay } from '../workers/relay.ts';
import { startProxy } from './support/proxy.ts';
import { until } from './support/until.ts';
import { openWorld, RIGHT_CLOCK, type World } from './support/world.ts';

const PUBLIC_URL = 'https://shop.example';

let world: World;
let relay: Relay;
let heard: Alert[];

beforeAll(async () => {
  world = await openWorld({ PUBLIC_URL, NOTIFICATION_ATTEMPTS: '1' });
  relay = await world.relay();
});
beforeEach(async () => {
  heard = [];
  await run(
    world.db,
    sql`truncate customers, orders, order_items, outbox, notifications, operator_actions, alerts, holds, leases, epochs`,
  );
  await world.redis.flushdb();
  await relay.lead();
});
afterAll(() => world.close());

const hear = async (alert: Alert): Promise<boolean> => heard.push(alert) > 0;
const statuses = () => heard.map(({ status }) => status);
const dedupKeys = () => new Set(heard.map(({ dedupKey }) => dedupKey));
const change = (statement: SQL) => run(world.db, statement);
const secondsPass = (seconds: number) =>
  change(sql`update alerts set notified_at = notified_at - make_interval(secs => ${seconds})`);

/** A monitor that leads; `parts` stand in for the world's own. */
async function monitor(parts: Partial<MonitorParts> = {}): Promise<Monitor> {
  const one = standby(parts);
  expect(await one.lead()).toBe(true);
  return one;
}

function standby(parts: Partial<MonitorParts> = {}): Monitor {
  const { db, queue, config, log } = world;
  return createMonitor({
    db,
    queue,
    config,
    log,
    metrics: new Registry(),
    deliver: hear,
    clock: RIGHT_CLOCK,
    ...parts,
  });
}

async function messageOf(orderId: string): Promise<MessageRun> {
  const [message] = await run<MessageRun>(
    world.db,
    sql`select id, run from outbox where order_id = ${orderId}`,
  );
  if (!message) throw new Error('no such message');
  return message;
}

async function die({ id }: MessageRun, reason: DeadReason): Promise<void> {
  await change(
    sql`update outbox set enqueued_at = now(), dead_at = clock_timestamp(), dead_reason = ${reason} where id = ${id}`,
  );
}

async function deadLetter(reason: DeadReason = 'refused'): Promise<MessageRun> {
  const message = await messageOf(await world.order());
  await die(message, reason);
  return message;
}

const discard = ({ id }: MessageRun) => discardMessage(world.db, { id, operator: 'ada', note: 'no' });
const retry = ({ id }: MessageRun) => retryMessage(world.db, { id, run: null, operator: 'ada' });

async function reasonOf({ id }: MessageRun): Promise<string | null | undefined> {
  const [row] = await run<{ reason: string | null }>(
    world.db,
    sql`select dead_reason as reason from outbox where id = ${id}`,
  );
  return row?.reason;
}

/** Lets a message be enqueued, and its job come to that end. */
async function jobEnding(end: JobEnd): Promise<MessageRun> {
  const message = await messageOf(await world.order());
  await relay.drain();
  const consumer = consume(world.config, world.log, async () => end);
  await until(async () => {
    const [job] = await world.queue.look([message]);
    return job?.state === end.end;
  }, `a job that has ${end.end}`);
  await consumer.close();
  return message;
}
const FAILED: JobEnd = { end: 'failed', code: 'internal_error', forGood: true };

describe('dead letters', () => {
  it('are told of by the scan that finds them, by reason, with count, age and three ids each', async () => {
    const refused = [await deadLetter(), await deadLetter(), await deadLetter(), await deadLetter()];
    const exhausted = await deadLetter('attempts_exhausted');
    await (await monitor()).scan();

    const oldest = await run<{ reason: string; oldest: Date }>(
      world.db,
      sql`select dead_reason as reason, to_char(min(dead_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as oldest
          from outbox group by dead_reason order by dead_reason`,
    );
    expect(heard).toEqual([
      {
        severity: 'warning',
        status: 'firing',
        message: '5 messages in the dead letters of order-notifications',
        source: 'notification-service',
        queue: 'order-notifications',
        count: 5,
        reasons: [
          {
            reason: 'refused',
            count: 4,
            oldest: oldest[1]?.oldest,
            messageIds: refused
              .map(({ id }) => id)
              .reverse()
              .slice(0, 3),
          },
          {
            reason: 'attempts_exhausted',
            count: 1,
            oldest: oldest[0]?.oldest,
            messageIds: [exhausted.id],
          },
        ],
        link: `${PUBLIC_URL}/admin/dead-letters`,
        dedupKey: expect.stringMatching(/^[0-9a-f-]{36}$/),
        text: expect.stringContaining('[warning] 5 messages in the dead letters of order-notifications\n'),
      },
    ]);
  });

  it('are told of once, and further ones by the scan that finds them, under the same key', async () => {
    const one = await monitor();
    await deadLetter();
    await one.scan();
    await one.scan();
    expect(heard.map(({ count }) => count)).toEqual([1]);
    await deadLetter();
    await one.scan();
    await one.scan();
    expect(heard.map(({ count }) => count)).toEqual([1, 2]);
    expect(heard[0]?.message).toBe('1 message in the dead letters of order-notifications');
    expect(dedupKeys().size).toBe(1);
  });

  it('are news also when as many others have gone', async () => {
    const one = await monitor();
    const first = await deadLetter();
    await one.scan();
    await discard(first);
    const second = await deadLetter();
    await one.scan();
    expect(heard.map(({ reasons }) => reasons[0]?.messageIds)).toEqual([[first.id], [second.id]]);
  });

  it('are recalled after an hour, and their end is told once', async () => {
    const one = await monitor();
    const message = await deadLetter();
    await one.scan();
    await secondsPass(3_500);
    await one.scan();
    expect(heard).toHaveLength(1);
    await secondsPass(200);
    await one.scan();
    await one.scan();
    expect(heard).toHaveLength(2);
    await discard(message);
    await one.scan();
    await one.scan();
    expect(statuses()).toEqual(['firing', 'firing', 'resolved']);
    expect(dedupKeys().size).toBe(1);
    expect(heard[2]).toMatchObject({
      count: 0,
      reasons: [],
      message: 'No dead letters in order-notifications any more',
    });
  });

  it('are over also when an acceptance is reported late', async () => {
    const one = await monitor();
    const message = await deadLetter();
    await change(
      sql`insert into notifications (id, message_id, account, attempts) values (${message.id}, ${message.id}, 'somewhere', 1)`,
    );
    await one.scan();
    await markSent(world.db, [{ messageId: message.id, letterId: message.id, providerId: 'provider-1' }]);
    await one.scan();
    expect(statuses()).toEqual(['firing', 'resolved']);
  });

  it('are news again when they were retried and died again', async () => {
    const one = await monitor();
    const other = await deadLetter();
    const message = await deadLetter();
    await one.scan();
    expect(await retry(message)).toBe('done');
    await one.scan();
    expect(heard).toHaveLength(1);
    await die(message, 'refused');
    await one.scan();
    expect(heard).toHaveLength(2);
    expect(heard[1]?.reasons[0]?.messageIds).toEqual([message.id, other.id]);
  });

  it('are news again also when that happened while the notice was on its way', async () => {
    const message = await deadLetter();
    const one = await monitor({
      deliver: async (alert) => {
        if (heard.push(alert) > 1) return true;
        await retry(message);
        await die(message, 'refused');
        return true;
      },
    });
    await one.scan();
    await one.scan();
    await one.scan();
    expect(heard).toHaveLength(2);
  });

  it('are not over because somebody has emptied the failed set', async () => {
    world.mailbox.clear();
    const { stop } = world.notifier();
    const orderId = await world.order('refused@example.com');
    await relay.drain();
    await world.untilLetter(orderId, 'dead');
    await until(async () => (await world.queue.failedRuns(0, 10)).length === 1);
    await stop();
    const one = await monitor();
    await one.scan();
    await world.queue.queue.obliterate({ force: true });
    expect(await world.queue.failedRuns(0, 10)).toEqual([]);
    await one.scan();
    await one.recordStragglers();
    await one.scan();
    expect(statuses()).toEqual(['firing']);
  });

  it('are told of without a name or an address', async () => {
    await deadLetter();
    await change(sql`update customers set name = 'Zebulon', email = 'zebulon@hemlock.example'`);
    await change(
      sql`insert into notifications (id, message_id, recipient, body, account, attempts, answer, answer_detail, answered_at)
          select id, id, 'zebulon@hemlock.example', 'Dear Zebulon', 'somewhere', 1, 'validation_error', 'no zebulon@hemlock.example', now() from outbox`,
    );
    const before = world.logged.length;
    await (await monitor()).scan();
    expect(heard).toHaveLength(1);
    expect(JSON.stringify(heard) + world.logged.slice(before).join('')).not.toMatch(/zebulon|hemlock/i);
  });
});

describe('an alert that nobody took', () => {
  it('is told again by the next scan, under the same key', async () => {
    let broken = true;
    const one = await monitor({ deliver: async (alert) => heard.push(alert) > 0 && !broken });
    await deadLetter();
    await one.scan();
    await one.scan();
    broken = false;
    await one.scan();
    await one.scan();
    expect(heard).toHaveLength(3);
    expect(dedupKeys().size).toBe(1);
  });

  it('is repeated under the same key after a kill between delivery and its mark', async () => {
    const killed = await monitor({
      deliver: async (alert) => {
        heard.push(alert);
        throw new Error('killed');
      },
    });
    await deadLetter();
    await expect(killed.scan()).rejects.toThrow('killed');
    await killed.stepDown();
    const next = await monitor();
    await next.scan();
    await next.scan();
    expect(statuses()).toEqual(['firing', 'firing']);
    expect(dedupKeys().size).toBe(1);
  });
});

describe('of two monitors', () => {
  it('one works, and the other takes over when it steps down', async () => {
    const [first, second] = [await monitor(), standby()];
    expect(await second.lead()).toBe(false);
    await deadLetter();
    await second.scan();
    expect(heard).toEqual([]);
    await first.scan();
    expect(heard).toHaveLength(1);

    await first.stepDown();
    expect(await second.lead()).toBe(true);
    await deadLetter();
    await first.scan();
    expect(heard).toHaveLength(1);
    await second.scan();
    expect(heard).toHaveLength(2);
    expect(dedupKeys().size).toBe(1);
  });

  it('the other takes over when the first has been silent for too long', async () => {
    const [first, second] = [await monitor(), standby()];
    await change(sql`update leases set until = now() - interval '1 second' where name = 'monitor'`);
    expect(await second.lead()).toBe(true);
    expect(await first.lead()).toBe(false);
    await deadLetter();
    await first.scan();
    expect(heard).toEqual([]);
  });
});

describe('a job that failed by another hand', () => {
  it('is dead in the ledger with job_failed, and told of', async () => {
    const message = await jobEnding(FAILED);
    const one = await monitor();
    await one.scan();
    expect(heard).toEqual([]);
    await one.recordStragglers();
    expect(await reasonOf(message)).toBe('job_failed');
    await one.scan();
    expect(heard[0]?.reasons).toMatchObject([{ reason: 'job_failed', count: 1, messageIds: [message.id] }]);
  });

  it('keeps the reason that the ledger has for it', async () => {
    const message = await jobEnding(FAILED);
    await die(message, 'refused');
    await (await monitor()).recordStragglers();
    expect(await reasonOf(message)).toBe('refused');
  });

  it('changes nothing for a message that was sent, or that was retried since', async () => {
    const sent = await jobEnding(FAILED);
    await change(sql`update outbox set sent_at = now() where id = ${sent.id}`);
    const retried = await jobEnding(FAILED);
    await die(retried, 'refused');
    await retry(retried);
    await (await monitor()).recordStragglers();
    expect([await reasonOf(sent), await reasonOf(retried)]).toEqual([null, null]);
  });

  it('is found among a thousand others, and beside jobs that are nobody’s', async () => {
    const message = await jobEnding(FAILED);
    const failed = 'bull:order-notifications:failed';
    const others = Array.from({ length: 1_000 }, (_, i) => [String(Date.now() + i), `stranger-${i}`]);
    await world.redis.zadd(failed, ...others.flat());
    expect((await world.redis.zrange(failed, '0', '0'))[0]).toBe(jobId(message));
    await (await monitor()).recordStragglers();
    expect(await reasonOf(message)).toBe('job_failed');
  });

  it('is left to the monitor that leads', async () => {
    const message = await jobEnding(FAILED);
    await standby().recordStragglers();
    expect(await reasonOf(message)).toBeNull();
  });
});

describe('a hold', () => {
  it.each(['provider_denied', 'quota_exceeded', 'provider_unreachable'] as const)(
    'for %s wakes somebody, and they hear of its end',
    async (reason) => {
      const one = await monitor();
      await openHold(world.db, reason, null);
      await one.scan();
      await one.scan();
      expect(heard).toMatchObject([
        {
          severity: 'critical',
          status: 'firing',
          message: `Sending of order-notifications is held: ${reason}`,
          count: 1,
          reasons: [{ reason, count: 1, messageIds: [] }],
        },
      ]);
      // Between two pauses it is not over yet, while there is something to send.
      await world.order();
      await change(sql`update outbox set enqueued_at = now()`);
      await change(sql`update holds set until = now() - interval '5 seconds'`);
      await one.scan();
      expect(heard).toHaveLength(1);
      await change(sql`delete from holds`);
      await one.scan();
      await one.scan();
      expect(statuses()).toEqual(['firing', 'resolved']);
      expect(dedupKeys().size).toBe(1);
    },
  );

  it('is over after its pause when nothing is left to be sent', async () => {
    const one = await monitor();
    await openHold(world.db, 'provider_denied', null);
    await one.scan();
    await change(sql`update holds set until = now() - interval '2 minutes'`);
    await one.scan();
    expect(statuses()).toEqual(['firing', 'resolved']);
  });

  it('because we are asked to go slower wakes nobody, unless it lasts for more than a minute', async () => {
    const one = await monitor();
    await openHold(world.db, 'rate_limited', 3_600);
    const openFor = (seconds: number) =>
      change(sql`update holds set opened_at = now() - make_interval(secs => ${seconds})`);
    for (const seconds of [0, 45]) {
      await openFor(seconds);
      await one.scan();
    }
    expect(heard).toEqual([]);
    await openFor(61);
    await one.scan();
    await one.scan();
    expect(heard).toMatchObject([
      {
        severity: 'critical',
        status: 'firing',
        message: 'Sending of order-notifications is held: rate_limited',
        reasons: [{ reason: 'rate_limited', count: 1 }],
      },
    ]);
    await change(sql`delete from holds`);
    await one.scan();
    await one.scan();
    expect(statuses()).toEqual(['firing', 'resolved']);
    expect(heard[1]?.message).toBe('Sending of order-notifications is no longer held');
    expect(dedupKeys().size).toBe(1);
  });
});

describe('a message that waits', () => {
  const waitFor = (minutes: number, { id }: MessageRun) =>
    change(sql`update outbox set created_at = now() - make_interval(mins => ${minutes}) where id = ${id}`);

  it.each([
    ['for a relay', false],
    ['for a notifier, or for one that knows its type', true],
  ])('%s is told of after a quarter of an hour, and when it waits no longer', async (_, enqueued) => {
    const one = await monitor();
    const message = await messageOf(await world.order());
    await world.order();
    await change(sql`update outbox set type = 'order.returned' where id = ${message.id}`);
    if (enqueued) await relay.drain();
    await waitFor(14, message);
    await one.scan();
    expect(heard).toEqual([]);
    await waitFor(16, message);
    await one.scan();
    await one.scan();
    expect(heard).toMatchObject([
      {
        severity: 'warning',
        status: 'firing',
        message: 'A message of order-notifications has waited for 16 minutes',
        count: 2,
        reasons: [{ reason: 'waiting', count: 2, messageIds: [message.id] }],
      },
    ]);
    const since = Date.now() - Date.parse(heard[0]?.reasons[0]?.oldest ?? '');
    expect(since / 60_000).toBeGreaterThanOrEqual(16);
    await change(sql`update outbox set enqueued_at = now(), sent_at = now() where id = ${message.id}`);
    await one.scan();
    await one.scan();
    expect(statuses()).toEqual(['firing', 'resolved']);
    expect(heard[1]).toMatchObject({
      count: 0,
      reasons: [],
      message: 'No message of order-notifications waits for long any more',
    });
    expect(dedupKeys().size).toBe(1);
  });

  it('as a dead letter is told of as that', async () => {
    const message = await deadLetter();
    await world.order(); // and this one has only just come
    await waitFor(60, message);
    await (await monitor()).scan();
    expect(heard.map(({ reasons }) => reasons[0]?.reason)).toEqual(['refused']);
  });
});

describe('a second letter', () => {
  async function accept(letterId: string, messageId: string): Promise<void> {
    await markSent(world.db, [{ messageId, letterId, providerId: `re_${letterId}` }]);
  }
  async function letterOf({ id }: MessageRun): Promise<string> {
    const letterId = uuidv7();
    await change(
      sql`insert into notifications (id, message_id, account, attempts) values (${letterId}, ${id}, 'somewhere', 1)`,
    );
    return letterId;
  }

  it('is told of when one that a person called not sent was accepted after all, and when it is purged', async () => {
    const one = await monitor();
    const message = await deadLetter('outcome_unknown');
    const first = await letterOf(message);
    await confirmNotSent(world.db, { id: message.id, operator: 'ada', note: 'not in their log' });
    const second = await letterOf(message);
    await accept(second, message.id);
    await one.scan();
    expect(heard).toEqual([]);
    await accept(first, message.id);
    await one.scan();
    await one.scan();
    expect(heard).toMatchObject([
      {
        severity: 'critical',
        status: 'firing',
        message:
          '1 message of order-notifications had a second letter: one confirmed as not sent was accepted after all',
        count: 1,
        reasons: [{ reason: 'second_letter', count: 1, messageIds: [message.id] }],
      },
    ]);
    await change(sql`delete from notifications`);
    await one.scan();
    await one.scan();
    expect(statuses()).toEqual(['firing', 'resolved']);
    expect(heard[1]?.message).toBe('No second letters of order-notifications on record any more');
    expect(dedupKeys().size).toBe(1);
  });
});

describe('while Postgres is away', () => {
  // Only the clock is ours: how long it has been away is the monitor's to measure, and not the test's to wait.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());
  const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);

  /** A monitor that leads, and whose ledger can be cut. */
  async function fragile(deliver = hear) {
    const proxy = await startProxy(world.config.databaseUrl);
    const { db, close } = openDatabase(proxy.url, 'fragile', 1);
    onTestFinished(async () => {
      proxy.mend();
      await close();
      await proxy.close();
    });
    const one = await monitor({ db, deliver });
    return { proxy, one };
  }

  it('the monitor says so from memory after ten seconds, once, and tells of the end', async () => {
    const { proxy, one } = await fragile();
    await one.scan();
    proxy.cut();
    await expect(one.scan()).rejects.toThrow();
    expect(heard).toEqual([]);
    pass(10_000);
    await expect(one.scan()).rejects.toThrow();
    await expect(one.scan()).rejects.toThrow();
    expect(heard).toMatchObject([
      {
        severity: 'critical',
        status: 'firing',
        message: 'The monitor cannot reach Postgres: orders are refused and letters wait',
        reasons: [{ reason: 'ledger_unreachable', count: 1 }],
      },
    ]);
    proxy.mend();
    await until(async () => (await one.scan()) === false);
    await one.scan();
    expect(statuses()).toEqual(['firing', 'resolved']);
    expect(dedupKeys().size).toBe(1);
  });

  it('a monitor that was started during the outage says so too, though it knows no time yet', async () => {
    const proxy = await startProxy(world.config.databaseUrl);
    proxy.cut();
    const { db, close } = openDatabase(proxy.url, 'started blind', 1);
    onTestFinished(async () => {
      await close();
      await proxy.close();
    });
    const one = standby({ db, clock: { isWrong: () => true } }); // as a clock is that was not compared yet
    for (const afterMs of [0, 10_000]) {
      pass(afterMs);
      await expect(one.lead()).rejects.toThrow();
      await expect(one.scan()).rejects.toThrow();
    }
    expect(heard).toMatchObject([{ status: 'firing', reasons: [{ reason: 'ledger_unreachable' }] }]);
    proxy.mend();
    await until(async () => (await one.lead()) === false);
    await one.scan();
    expect(statuses()).toEqual(['firing', 'resolved']);
  });

  it('and another monitor leads afterwards, the one that told of it tells of the end', async () => {
    const { proxy, one } = await fragile();
    proxy.cut();
    await expect(one.scan()).rejects.toThrow();
    pass(10_000);
    await expect(one.scan()).rejects.toThrow();
    await change(sql`update leases set until = now() - interval '1 second' where name = 'monitor'`);
    const other = await monitor();
    await other.scan();
    proxy.mend();
    await until(async () => (await one.lead()) === false);
    await one.scan();
    await one.scan();
    expect(statuses()).toEqual(['firing', 'resolved']);
    expect(dedupKeys().size).toBe(1);
  });

  it('for a moment, nobody is told', async () => {
    const { proxy, one } = await fragile();
    proxy.cut();
    await expect(one.scan()).rejects.toThrow();
    pass(9_000);
    proxy.mend();
    await until(async () => (await one.scan()) === false);
    pass(60_000);
    proxy.cut();
    await expect(one.scan()).rejects.toThrow();
    expect(heard).toEqual([]);
  });

  it('an alert and its end are told again until somebody takes them', async () => {
    let broken = true;
    const { proxy, one } = await fragile(async (alert) => heard.push(alert) > 0 && !broken);
    proxy.cut();
    await expect(one.scan()).rejects.toThrow();
    pass(10_000);
    await expect(one.scan()).rejects.toThrow();
    broken = false;
    await expect(one.scan()).rejects.toThrow();
    expect(statuses()).toEqual(['firing', 'firing']);
    broken = true;
    proxy.mend();
    await until(async () => (await one.scan()) === false);
    broken = false;
    await one.scan();
    await one.scan();
    expect(statuses()).toEqual(['firing', 'firing', 'resolved', 'resolved']);
    expect(dedupKeys().size).toBe(1);
  });
});

describe('the gauges', () => {
  it('show what waits, what is dead and for how long, and when the ledger was last seen', async () => {
    const metrics = new Registry();
    const one = await monitor({ metrics });
    const value = async (name: string) => (await metrics.getSingleMetric(name)?.get())?.values[0]?.value;

    await world.order();
    await relay.drain();
    await world.order();
    await world.order();
    await change(
      sql`update outbox set created_at = now() - interval '90 seconds' where enqueued_at is not null`,
    );
    const dead = await deadLetter('refused');
    await deadLetter('poison');
    const before = Date.now() / 1_000;
    await one.scan();

    expect(await value('outbox_staged')).toBe(2);
    expect(await value('outbox_enqueued')).toBe(1);
    expect(await value('outbox_oldest_seconds')).toBeGreaterThanOrEqual(90);
    expect(await value('monitor_last_scan_timestamp_seconds')).toBeGreaterThanOrEqual(before);
    const printed = await metrics.metrics();
    expect(printed).toContain('dead_letters{reason="refused"} 1');
    expect(printed).toContain('dead_letters{reason="poison"} 1');

    await discard(dead);
    await one.scan();
    expect(await metrics.metrics()).not.toContain('reason="refused"');
  });

  it('show for how long sending has been held and why, and nothing once it is not', async () => {
    const metrics = new Registry();
    const one = await monitor({ metrics });
    const held = async () => (await metrics.getSingleMetric('sending_held')?.get())?.values;
    await openHold(world.db, 'provider_unreachable', 3_600);
    await change(sql`update holds set opened_at = now() - interval '90 seconds'`);
    await one.scan();
    const [value, ...others] = (await held()) ?? [];
    expect(value?.labels).toEqual({ reason: 'provider_unreachable' });
    expect(value?.value).toBeGreaterThanOrEqual(90);
    expect(others).toEqual([]);
    await change(sql`delete from holds`);
    await one.scan();
    expect(await held()).toEqual([]);
  });
});
