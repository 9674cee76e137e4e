/** The doctor at a real ledger and a real Redis: what is well, every fault planted, stores that do not answer. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SQL, sql } from 'drizzle-orm';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CHECK_WIDTH, examine } from '../src/checkup.ts';
import { readConfig } from '../src/config.ts';
import { run } from '../src/database.ts';
import { type Finding, lineOf, type Verdict } from '../src/findings.ts';
import { openHold } from '../src/holds.ts';
import { discardMessage, retryMessage } from '../src/outbox.ts';
import { jobId, QUEUE } from '../src/queue.ts';
import { createEmptyDatabase } from './support/ledger.ts';
import { company, startNode } from './support/processes.ts';
import { startProxy } from './support/proxy.ts';
import { outboxRow, stage, stageOne } from './support/rows.ts';
import { until } from './support/until.ts';
import { openWorld, type World } from './support/world.ts';

const DOCTOR = join(import.meta.dirname, '../dist/src/doctor.js');

/** Runs the command, and answers its exit code and what it has printed. */
async function doctor(
  environment: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<{ code: number | null; output: string; status(check: string): string | undefined }> {
  const node = startNode([DOCTOR, ...args], environment);
  onTestFinished(node.end);
  const { code } = await node.ended;
  const lines = node.output().split('\n');
  return {
    code,
    output: node.output(),
    status: (check) =>
      lines
        .find((line) => {
          const words = line.slice(7);
          return (
            words.startsWith(`${check}  `) ||
            /^not looked at, .*?: (.*)/.exec(words)?.[1]?.split(', ').includes(check)
          );
        })
        ?.slice(0, 5)
        .trim(),
  };
}

/** Makes the checkup in this process, and answers what it says of each check. */
async function examined(
  world: World,
  settings: Readonly<Record<string, string>> = {},
  { all = false, onFinding = (_: Finding): void => undefined } = {},
): Promise<{ of(check: string): Verdict; all: readonly Finding[] }> {
  const closers: (() => unknown)[] = [];
  const findings = await examine({
    config: readConfig([], { ...world.environment, ...settings }),
    log: pino({ level: 'silent' }),
    all,
    onClose: (_what, close) => void closers.push(close),
    onFinding,
  });
  for (const close of closers.reverse()) await close();
  return {
    all: findings,
    of(check) {
      const found = findings.find((finding) => finding.check === check);
      if (!found) throw new Error(`there is no check ${check}`);
      return found;
    },
  };
}

const lease = (name: string) =>
  sql`insert into leases (name, holder, until) values (${name}, ${uuidv7()}, now() + interval '1 hour')
      on conflict (name) do update set until = excluded.until`;

/** A world in which nothing is wrong: one letter was sent, one is dead, a notifier waits. */
async function healthyWorld(): Promise<World & { sent: string; dead: string }> {
  const world = await openWorld();
  onTestFinished(world.close);
  const relay = await world.relay();
  world.notifier();
  const [sentOrder, deadOrder] = [await world.order(), await world.order('refused@example.com')];
  await relay.drain();
  await relay.reconcile();
  const sent = (await world.untilLetter(sentOrder, 'sent')).notifications[0]?.id ?? '';
  const dead = (await world.untilLetter(deadOrder, 'dead')).notifications[0]?.id ?? '';
  await until(async () => (await world.queue.failedRuns(0, 1)).length === 1, 'a failed job');
  await until(async () => (await world.queue.queue.getActiveCount()) === 0, 'both jobs at their end');
  await run(world.db, lease('monitor'));
  await run(world.db, lease('relay'));
  return { ...world, sent, dead };
}

const plant = (world: World, statement: SQL) => run(world.db, statement);

describe('a healthy installation', () => {
  it('is well, and the command says so with exit code 0, as text and as JSON', async () => {
    const world = await openWorld({ ALERT_WEBHOOK_URL: 'http://127.0.0.1:9/alerts' });
    const processes = company(world.environment);
    onTestFinished(async () => {
      await processes.end();
      await world.close();
    });
    await processes.startReady('relay', 'notifier', 'monitor');
    await world.untilLetter(await world.order(), 'sent');

    const { code, output } = await doctor(world.environment);
    expect(output).not.toMatch(/FAULT|not looked at/);
    expect(code).toBe(0);
    const lines = output.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/^(All \d+ checks are well\.|Well enough: .*)$/);
    for (const line of lines.slice(0, -2)) {
      expect(line).toMatch(/^(ok {3}|warn ) {2}\S/);
      expect(line.slice(7 + CHECK_WIDTH)).toMatch(/^ {2}\S/);
    }

    const json = await doctor(world.environment, '--json');
    expect(json.code).toBe(0);
    const report: { well: boolean; summary: string; findings: Finding[] } = JSON.parse(json.output);
    expect(report).toMatchObject({ well: true, summary: lines.at(-1) });
    expect(report.findings.map(({ check }) => check)).toEqual(
      lines.slice(0, -2).map((line) => line.slice(7, 7 + CHECK_WIDTH).trim()),
    );
  });

  it('with one letter sent and one dead has a warning and no fault', async () => {
    const { all, of } = await examined(await healthyWorld());
    const unwell = all.filter(({ status }) => status !== 'ok').map(({ check }) => check);
    expect(unwell.filter((check) => check !== 'Redis persistence')).toEqual(['dead letters']);
    expect(of('dead letters').words).toMatch(/^1 message rests: 1 refused/);
    expect(of('sent has a letter').words).toMatch(/all 2 messages/);
  });

  it('is left as it was', async () => {
    const world = await healthyWorld();
    const before = await everything(world);
    await examined(world);
    await examined(world, {}, { all: true });
    expect(await everything(world)).toEqual(before);
  });

  it('is as well to a doctor that knows of no provider: it remarks what is not set', async () => {
    const { environment } = await healthyWorld();
    const { DATABASE_URL, REDIS_URL } = environment;
    const { code, output, status } = await doctor({
      DATABASE_URL: DATABASE_URL ?? '',
      REDIS_URL: REDIS_URL ?? '',
    });
    expect(status('environment')).toBe('ok');
    expect(output).toMatch(/not set here: RESEND_API_KEY, EMAIL_FROM, ALERT_WEBHOOK_URL/);
    expect(code).toBe(0);
  });

  /** All rows of the ledger, and all of Redis. */
  async function everything({ db, redis }: World): Promise<unknown> {
    const tables = [
      'orders',
      'outbox',
      'notifications',
      'operator_actions',
      'alerts',
      'holds',
      'leases',
      'epochs',
    ];
    const rows = await Promise.all(
      tables.map((table) =>
        run(
          db,
          sql`select ${table} as name, jsonb_agg(to_jsonb(t) order by t::text) as rows from ${sql.raw(table)} t`,
        ),
      ),
    );
    const lasting = (key: string) => !/:(stalled-check|limiter)$/.test(key); // those two end by themselves
    const keys = (await redis.keys('*')).filter(lasting).toSorted();
    const values = await Promise.all(
      keys.map(async (key) => (await redis.dumpBuffer(key)).toString('base64')),
    );
    return { rows, keys, values };
  }
});

describe('a faulty environment', () => {
  it('ends with 78 and names what is missing', async () => {
    const { code, output } = await doctor({});
    expect(code).toBe(78);
    expect(output).toBe('DATABASE_URL is required\nREDIS_URL is required\n');
  });

  it('is not said of an option that does not exist', async () => {
    expect((await doctor({}, '--nonsense')).code).toBe(1);
    expect((await doctor({}, '--help')).code).toBe(0);
  });
});

type Planted = World & { sent: string; dead: string };
const stray = (world: Planted) => jobId({ id: world.dead, run: 1 });
const key = (name: string) => `bull:${QUEUE}:${name}`;

/** What is planted, and the line that it brings. */
const FAULTS: readonly [string, (world: Planted) => Promise<unknown>, string, Verdict['status'], RegExp][] = [
  [
    'a pending migration',
    (w) =>
      plant(
        w,
        sql`delete from drizzle.__drizzle_migrations where created_at = (select max(created_at) from drizzle.__drizzle_migrations)`,
      ),
    ...(['migrations', 'fault', /^1 of \d+ not applied yet/] as const),
  ],
  [
    'a ledger that is newer than this release',
    (w) =>
      plant(w, sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 9000000000000)`),
    ...(['migrations', 'warn', /1 more than this release knows/] as const),
  ],
  [
    'a Redis with the mark of another ledger',
    (w) => w.queue.writeEpoch(uuidv7()),
    ...(['Redis mark', 'fault', /another mark/] as const),
  ],
  [
    'a Redis that lost its data',
    (w) => w.redis.del(key('epoch')),
    'Redis mark',
    'fault',
    /has lost its data/,
  ],
  [
    'no relay',
    (w) => plant(w, sql`update leases set until = now() where name = 'relay'`),
    ...(['relay', 'fault', /no relay leads/] as const),
  ],
  [
    'no monitor',
    (w) => plant(w, sql`delete from leases where name = 'monitor'`),
    ...(['monitor', 'fault', /no monitor leads/] as const),
  ],
  [
    'a hold',
    (w) => openHold(w.db, 'provider_denied', 60),
    ...(['hold', 'fault', /^sending is held: provider_denied, since 20.* 1 pause so far/] as const),
  ],
  ['a rate limit', (w) => openHold(w.db, 'rate_limited', 60), 'hold', 'warn', /rate_limited/],
  [
    'a message that waits for six minutes',
    async (w) =>
      plant(
        w,
        sql`update outbox set created_at = now() - interval '6 min' where id = ${(await stageOne(w.db)).id}`,
      ),
    ...(['oldest message', 'warn', /^one waits for 6 min: 0[0-9a-f-]{35}\. It is staged/] as const),
  ],
  [
    'a message that waits for sixteen minutes while sending is held',
    async (w) => {
      const [young, old] = await stage(w.db, 2);
      await openHold(w.db, 'provider_denied', 60);
      await plant(w, sql`update outbox set enqueued_at = now() where id in (${young?.id}, ${old?.id})`);
      await plant(w, sql`update outbox set created_at = now() - interval '16 min' where id = ${old?.id}`);
    },
    ...(['oldest message', 'fault', /^one waits for 16 min: .* Sending is held/] as const),
  ],
  [
    'a dead letter put back after an hour: it waits only since then',
    async (w) => {
      await plant(w, sql`update outbox set created_at = now() - interval '1 hour' where id = ${w.dead}`);
      await retryMessage(w.db, { id: w.dead, run: null, operator: 'grace' });
    },
    ...(['oldest message', 'ok', /^one waits for \d+ s$/] as const),
  ],
  [
    'a message of an unknown type',
    async (w) =>
      plant(w, sql`update outbox set type = 'order.returned' where id = ${(await stageOne(w.db)).id}`),
    ...(['message types', 'warn', /^1 message waits .*\(order\.returned\): 0/] as const),
  ],
  [
    'a message whose job Redis has lost',
    async (w) =>
      plant(
        w,
        sql`update outbox set enqueued_at = now() - interval '32 s' where id = ${(await stageOne(w.db)).id}`,
      ),
    ...(['jobs', 'fault', /^1 message has no sound job in Redis: 0/] as const),
  ],
  [
    'a message whose job is corrupt in Redis',
    async (w) => {
      const message = await stageOne(w.db);
      await w.redis.hset(key(jobId(message)), { timestamp: '1', data: 'ruins', opts: '{}' });
      await plant(w, sql`update outbox set enqueued_at = now() - interval '32 s' where id = ${message.id}`);
    },
    ...(['jobs', 'fault', /^1 message has no sound job in Redis: 0/] as const),
  ],
  [
    'a job that the sweep need not have looked at yet',
    async (w) =>
      plant(
        w,
        sql`update outbox set enqueued_at = now() - interval '29 s' where id = ${(await stageOne(w.db)).id}`,
      ),
    ...(['jobs', 'ok', /no message/] as const),
  ],
  [
    'a completed job of an unfinished message',
    (w) =>
      plant(
        w,
        sql`update outbox set sent_at = null, enqueued_at = now() - interval '1 hour' where id = ${w.sent}`,
      ),
    ...(['jobs', 'warn', /^1 job ended without the ledger knowing/] as const),
  ],
  [
    'a letter of unknown outcome',
    (w) => plant(w, sql`update outbox set dead_reason = 'outcome_unknown' where id = ${w.dead}`),
    ...(['outcome unknown', 'warn', /^1 letter waits .*: 0/] as const),
  ],
  [
    'a dead letter that the failed set does not show',
    async (w) => {
      await w.redis.del(key(stray(w)));
      await plant(w, sql`update outbox set dead_at = now() - interval '1 min' where id = ${w.dead}`);
    },
    ...(['failed set', 'fault', /^1 dead letter is missing in it/] as const),
  ],
  [
    'a dead letter of a moment ago that the failed set does not show yet',
    (w) => w.redis.del(key(stray(w))),
    ...(['failed set', 'ok', /shows the dead letters/] as const),
  ],
  [
    'a dead letter that never had a job',
    async (w) =>
      plant(
        w,
        sql`update outbox set dead_at = now() - interval '1 min', dead_reason = 'not_enqueueable' where id = ${(await stageOne(w.db)).id}`,
      ),
    ...(['failed set', 'ok', /shows the dead letters/] as const),
  ],
  [
    'a failed job of a message that was discarded a minute ago',
    async (w) => {
      await discardMessage(w.db, { id: w.dead, operator: 'grace', note: 'told' });
      await plant(
        w,
        sql`update outbox set discarded_at = discarded_at - interval '1 min' where id = ${w.dead}`,
      );
      await plant(w, sql`update operator_actions set at = at - interval '1 min'`);
    },
    ...(['failed set', 'fault', /^1 job in it of no dead letter/] as const),
  ],
  [
    'a failed job of a message that was discarded right now',
    (w) => discardMessage(w.db, { id: w.dead, operator: 'grace', note: 'told' }),
    ...(['failed set', 'ok', /shows the dead letters/] as const),
  ],
  [
    'a failed job that the ledger does not know of',
    (w) => plant(w, sql`update outbox set dead_at = null, dead_reason = null where id = ${w.dead}`),
    ...(['failed set', 'warn', /^1 job in it that the monitor has not written down/] as const),
  ],
  [
    'a failed job that no relay has made',
    (w) => w.redis.zadd(key('failed'), 1, 'repair'),
    ...(['failed set', 'warn', /^1 job in it that no relay has made/] as const),
  ],
  [
    'an order without a message',
    (w) => plant(w, sql`delete from outbox where id = ${w.dead}`),
    ...(['orders have a message', 'fault', /^1 order has no message.*\(all 2 orders\): 0/] as const),
  ],
  [
    'an order whose message was purged',
    async (w) => {
      await plant(w, sql`update orders set created_at = now() - interval '91 days'`);
      await plant(w, sql`delete from outbox where id = ${w.dead}`);
    },
    ...(['orders have a message', 'ok', /all 2 orders/] as const),
  ],
  [
    'a message that counts as sent without an accepted letter',
    (w) => plant(w, sql`delete from notifications where message_id = ${w.sent}`),
    ...(['sent has a letter', 'fault', /^1 message counts as sent .*: 0/] as const),
  ],
  [
    'a message of which a person has said that it was sent',
    async (w) => {
      await plant(
        w,
        sql`insert into operator_actions (operator, action, message_id, run) values ('grace', 'confirm_sent', ${w.sent}, 1)`,
      );
      await plant(w, sql`delete from notifications where message_id = ${w.sent}`);
    },
    ...(['sent has a letter', 'ok', /all 2 messages/] as const),
  ],
  [
    'an accepted letter whose message is not sent',
    (w) => plant(w, sql`update outbox set sent_at = null where id = ${w.sent}`),
    ...([
      'accepted is sent',
      'fault',
      /^1 message has an accepted letter and does not.*Do not retry/,
    ] as const),
  ],
  [
    'a second letter',
    (w) =>
      plant(
        w,
        sql`insert into notifications (id, message_id, account, attempts, accepted_at, provider_id, replaced_at)
            values (${uuidv7()}, ${w.sent}, 'a', 1, now(), 'p', now())`,
      ),
    ...(['one letter each', 'fault', /^1 message has two accepted letters/] as const),
  ],
  [
    'a letter of a message that does not exist',
    (w) => plant(w, sql`delete from outbox where id = ${w.dead}`),
    ...(['letters have a message', 'fault', /^1 letter stands for a message/] as const),
  ],
];

describe('the line', () => {
  it.each(FAULTS)('tells of %s', async (_title, plantIt, check, status, words) => {
    const world = await healthyWorld();
    await plantIt(world);
    const verdict = (await examined(world)).of(check);
    expect(verdict.words).toMatch(words);
    expect(verdict.status).toBe(status);
  });

  it('tells of no notifier', async () => {
    const world = await openWorld();
    onTestFinished(world.close);
    expect((await examined(world)).of('notifiers')).toMatchObject({ status: 'fault' });
  });

  it('tells of a ledger without any table, and of what cannot be looked at then', async () => {
    const world = await openWorld();
    onTestFinished(world.close);
    const database = await createEmptyDatabase();
    onTestFinished(database.close);
    const { of } = await examined(world, { DATABASE_URL: database.url });
    expect(of('migrations')).toMatchObject({ status: 'fault', words: expect.stringMatching(/^none of \d+/) });
    expect(of('backlog')).toMatchObject({
      status: 'not looked at',
      words: expect.stringMatching(/migrations/),
    });
    expect(of('Redis eviction').status).toBe('ok');
  });

  it('is followed by exit code 1 where it tells of a fault, by 0 where it only warns', async () => {
    const world = await healthyWorld();
    await world.redis.zadd(key('failed'), 1, 'repair');
    expect((await doctor(world.environment)).code).toBe(0);
    await plant(world, sql`delete from outbox where id = ${world.dead}`);
    const { code, output, status } = await doctor(world.environment);
    expect(code).toBe(1);
    expect(status('letters have a message')).toBe('FAULT');
    expect(output).toMatch(/\nNot well: 3 faults \(.*orders have a message.*\)/);
  });

  it('names three of many, the newest first', async () => {
    const world = await healthyWorld();
    const messages = await stage(world.db, 5);
    await plant(world, sql`delete from outbox where sent_at is null and dead_at is null`);
    const named = messages.slice(2).map(({ orderId }) => orderId);
    const { words } = (await examined(world)).of('orders have a message');
    expect(words).toContain(`5 orders have no message`);
    expect(words.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g)).toEqual(named.toSorted().toReversed());
  });
});

describe('of many rows', () => {
  it('the newest 100,000 are looked at, and with --all every one', async () => {
    const world = await healthyWorld();
    // The oldest message of all has two letters; a hundred thousand lie above it.
    await plant(
      world,
      sql`insert into notifications (id, message_id, account, attempts, accepted_at, provider_id, replaced_at)
          select ('00000000-0000-7000-8000-00000000000' || i)::uuid, '00000000-0000-7000-8000-000000000000', 'a', 1, now(), 'p', now()
          from generate_series(1, 2) i`,
    );
    await plant(
      world,
      sql`insert into notifications (id, message_id, account, attempts)
          select ('01a20000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, ('01a10000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'a', 1
          from generate_series(1, 100000) i`,
    );
    const some = await examined(world);
    expect(some.of('one letter each')).toMatchObject({
      status: 'ok',
      words: expect.stringMatching(/the newest 100,000 letters; --all/),
    });
    const every = await examined(world, {}, { all: true });
    expect(every.of('one letter each')).toMatchObject({
      status: 'fault',
      words: expect.stringMatching(
        /^1 message has two .*\(all 100,004 letters\): 00000000-0000-7000-8000-000000000000/,
      ),
    });
  });

  it('the oldest 1,000 jobs are looked at, and with --all every one', async () => {
    const world = await openWorld();
    onTestFinished(world.close);
    const messages = await stage(world.db, 1_001);
    await world.queue.enqueue(messages.slice(0, 1_000));
    await plant(
      world,
      sql`update outbox set enqueued_at = now() - interval '1 hour' + seq * interval '1 ms'`,
    );
    expect((await examined(world)).of('jobs')).toMatchObject({
      status: 'ok',
      words: expect.stringMatching(/^1,000 messages .*the oldest 1,000; --all/),
    });
    expect((await examined(world, {}, { all: true })).of('jobs')).toMatchObject({
      status: 'fault',
      words: expect.stringContaining(`1 message has no sound job in Redis: ${messages.at(-1)?.id}`),
    });
  });
});

describe('a store that does not answer', () => {
  it.each(['frozen', 'cut'] as const)('is the fault, and all else is looked at: Redis %s', async (state) => {
    const world = await healthyWorld();
    const proxy = await startProxy(world.config.redisUrl);
    onTestFinished(proxy.close);
    state === 'frozen' ? proxy.freeze() : proxy.cut();
    const { code, output, status } = await doctor({ ...world.environment, REDIS_URL: proxy.url });
    expect(code).toBe(1);
    expect(status('Redis')).toBe('FAULT');
    expect(output).toMatch(state === 'frozen' ? /no answer in time/ : /the connection broke/);
    for (const check of ['Redis eviction', 'clock of Redis', 'jobs', 'failed set', 'notifiers'])
      expect(status(check)).toBe('-');
    for (const check of ['Postgres', 'relay', 'backlog', 'sent has a letter'])
      expect(status(check)).toBe('ok');
    expect(status('dead letters')).toBe('warn');
    expect(output).toMatch(/^- {6}not looked at, Redis is away: Redis eviction, /m);
  });

  it.each(['frozen', 'cut'] as const)(
    'is the fault, and all else is looked at: Postgres %s',
    async (state) => {
      const world = await healthyWorld();
      const proxy = await startProxy(world.environment.DATABASE_URL ?? '');
      onTestFinished(proxy.close);
      state === 'frozen' ? proxy.freeze() : proxy.cut();
      const { code, output, status } = await doctor({ ...world.environment, DATABASE_URL: proxy.url });
      expect(code).toBe(1);
      expect(status('Postgres')).toBe('FAULT');
      for (const check of ['clock here', 'backlog', 'relay', 'sent has a letter'])
        expect(status(check)).toBe('-');
      for (const check of ['Redis', 'Redis eviction', 'notifiers']) expect(status(check)).toBe('ok');
      expect(output).toMatch(/^- {6}not looked at, Postgres is away: connections, /m);
    },
  );

  it('and another that does not either are both told of', async () => {
    const world = await openWorld();
    onTestFinished(world.close);
    const [postgres, redis] = await Promise.all(
      [world.environment.DATABASE_URL ?? '', world.config.redisUrl].map(startProxy),
    );
    onTestFinished(async () => {
      await postgres?.close();
      await redis?.close();
    });
    postgres?.freeze();
    redis?.freeze();
    const { code, status } = await doctor({ DATABASE_URL: postgres?.url ?? '', REDIS_URL: redis?.url ?? '' });
    expect(code).toBe(1);
    expect([status('Postgres'), status('Redis'), status('backlog')]).toEqual(['FAULT', 'FAULT', '-']);
  });

  it('in the middle of a checkup ends it all the same', async () => {
    const world = await healthyWorld();
    const proxy = await startProxy(world.environment.DATABASE_URL ?? '');
    onTestFinished(proxy.close);
    const { of } = await examined(
      world,
      { DATABASE_URL: proxy.url },
      { onFinding: ({ check }) => check === 'migrations' && proxy.freeze() },
    );
    expect(of('migrations').status).toBe('ok');
    expect(of('relay')).toMatchObject({
      status: 'not looked at',
      words: expect.stringMatching(/no answer in time/),
    });
    expect(of('letters have a message').status).toBe('not looked at');
  });

  it('with a wrong password is told in words', async () => {
    const world = await openWorld();
    onTestFinished(world.close);
    const url = new URL(inUse(world, 'DATABASE_URL'));
    url.password = 'open-sesame';
    const { of } = await examined(world, { DATABASE_URL: url.href });
    // A server that trusts this machine asks for no password.
    if (of('Postgres').status === 'fault') expect(of('Postgres').words).toMatch(/the user or the password/);
    url.pathname = '/no_such_ledger';
    url.password = new URL(inUse(world, 'DATABASE_URL')).password;
    expect((await examined(world, { DATABASE_URL: url.href })).of('Postgres').words).toMatch(
      /no database of that name/,
    );
  });
});

const inUse = (world: World, name: string): string => world.environment[name] ?? '';

describe('the report', () => {
  it('holds nothing personal and no secret, whatever is wrong', async () => {
    const world = await healthyWorld();
    const planted = 'Wilhelmina.Nachname@privat.example';
    const personal = [/wilhelmina/i, /privat\.example/i, /dear ada/i, /@example\.com/];
    await plant(world, sql`update customers set email = ${planted}, name = ${planted}`);
    await plant(
      world,
      sql`update notifications set recipient = ${planted}, body = ${planted}, answer_detail = ${planted}, answer = ${planted}, answered_at = now()`,
    );
    await plant(world, sql`alter table outbox drop constraint outbox_dead_reason_known`);
    await plant(world, sql`update outbox set dead_reason = ${planted} where id = ${world.dead}`);
    const waiting = await stage(world.db, 2);
    await plant(
      world,
      sql`update outbox set created_at = now() - interval '1 hour', enqueued_at = now() - interval '1 hour' where id = ${waiting[0]?.id}`,
    );
    await plant(
      world,
      sql`insert into notifications (id, message_id, account, attempts, answer, answered_at) values (${uuidv7()}, ${waiting[0]?.id}, 'a', 1, ${planted}, now())`,
    );
    await plant(world, sql`update outbox set type = ${planted} where id = ${waiting[1]?.id}`);
    await openHold(world.db, 'provider_denied', 60);
    await plant(world, sql`update holds set reason = ${planted}`);
    await world.redis.zadd(key('failed'), 1, planted);
    await world.redis.set(key('epoch'), planted);

    const [text, json] = [await doctor(world.environment), await doctor(world.environment, '--json')];
    for (const { code, output } of [text, json]) {
      expect(code).toBe(1);
      for (const pattern of personal) expect(output).not.toMatch(pattern);
      for (const name of ['DATABASE_URL', 'REDIS_URL'])
        for (const part of [new URL(inUse(world, name)).password, inUse(world, name)])
          if (part) expect(output).not.toContain(part);
      for (const secret of ['test-key', 'operator-password', 're_test']) expect(output).not.toContain(secret);
    }
    expect(text.output).toMatch(/FAULT {2}oldest message +one waits for 60 min/);
    expect((await outboxRow(world.db, world.dead)).dead_reason).toBe(planted); // it was there to be seen
  });

  it('is what operations are told that it is', async () => {
    const text = readFileSync(join(import.meta.dirname, '../docs/operations.md'), 'utf8');
    const world = await healthyWorld();
    const { all } = await examined(world);
    const told = text.split('\n').filter((line) => /^ {0,4}(ok {3}|warn |FAULT|- {4}) {2}\S/.test(line));
    const columns = (line: string) =>
      line
        .trimStart()
        .slice(7, 7 + CHECK_WIDTH)
        .trim();
    expect(told.map(columns)).toEqual(all.map((finding) => columns(lineOf(finding, CHECK_WIDTH))));
  });
});
