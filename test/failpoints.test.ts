/**
 * Every awaited boundary of web, relay, notifier and monitor is made to kill its process, to throw and to hang, before and
 * after its effect: no order is lost or doubled, no letter is missing or sent twice, nobody is dead who should not be.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../local/server.ts';
import { type Alert, createDelivery } from '../src/alerts.ts';
import { type Failpoint, readConfig } from '../src/config.ts';
import { run } from '../src/database.ts';
import { allStruck, arm } from '../src/failpoints.ts';
import { openHinter } from '../src/hints.ts';
import { createLimits } from '../src/limits.ts';
import { ANY_DEAD } from '../src/outbox.ts';
import { jobId, QUEUE } from '../src/queue.ts';
import { cancelRedrive, startRedrive } from '../src/redrives.ts';
import { createMonitor } from '../workers/monitor.ts';
import { createRelay } from '../workers/relay.ts';
import { doorCalls, statements } from './support/boundaries.ts';
import { company, type ProcessName, type RunningProcess } from './support/processes.ts';
import { report, signed } from './support/reports.ts';
import { outboxRow } from './support/rows.ts';
import {
  AS_LOST,
  AS_REFUSED,
  forgeAcceptance,
  forgeJob,
  forgeLetter,
  openStage,
  type Stage,
} from './support/stage.ts';
import { until } from './support/until.ts';
import { openWeb } from './support/web.ts';
import { RIGHT_CLOCK } from './support/world.ts';

/** What is begun may go on for as long, since its process is killed again and again: what takes longer is said by its name. */
const WORK_MS = 300_000;
const WALK_MS = 900_000;

/** Asks the web process, and again under the same key until it is answered, as a careful client does. */
type Ask = (
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: object,
  key?: string,
) => Promise<Record<string, string>>;

/** A part under its faults, whether it is a process or runs in this one. */
interface Part {
  readonly ask: Ask;
  /** Asks it to end in good order; in this process it goes on after that. */
  end(): Promise<unknown> | unknown;
}

/** Does what leads past a boundary. */
type Work = (stage: Stage, part: Part) => Promise<unknown>;

interface Scenario {
  readonly boundaries: Readonly<Record<string, Work>>;
  readonly settings?: Readonly<Record<string, string>>;
  /** Turns in this process, in the background. */
  inProcess(stage: Stage): Promise<Part & { stop(): Promise<void> }>;
  /** What must come true while the part still works, and nothing is armed any more. */
  settle?(stage: Stage): Promise<unknown>;
}

const nothing: Work = async () => undefined;
const plain: Work = (stage) => stage.message('one letter');
const ending: Work = async (_stage, part) => part.end();

// ── Web ──

const items = [{ sku: 'TEA', name: 'Tea', quantity: 2, unitPrice: 450 }];

const asking: Work = async (stage, { ask }) => {
  const key = randomUUID();
  const ada = { email: 'ada@example.com', name: 'Ada' };
  const { customerId = '' } = await ask('POST', '/customers', ada, key);
  expect((await ask('POST', '/customers', ada, key)).customerId).toBe(customerId);
  await ask('GET', `/customers/${customerId}`);
  const body = { customerId, currency: 'EUR', items };
  const { orderId = '' } = await ask('POST', '/orders', body, key);
  stage.expectOrder(orderId, 2);
  expect((await ask('POST', '/orders', body, key)).orderId).toBe(orderId);
  await ask('GET', `/orders?customerId=${customerId}`);
  await ask('GET', `/orders/${orderId}`);
  const shipped = await ask('POST', `/orders/${orderId}/ship`, undefined, key);
  expect(await ask('POST', `/orders/${orderId}/ship`, undefined, key)).toEqual(shipped);
  await ask('POST', `/orders/${orderId}/ship`, undefined, randomUUID());
};

const retryingOne: Work = async (stage, { ask }) => {
  const message = await stage.message('one letter', { change: AS_REFUSED });
  await ask('PUT', `/admin/queues/api/queues/${QUEUE}/${jobId(message)}/retry`);
};

const retryingAll: Work = async (stage, { ask }) => {
  await stage.message('one letter', { change: AS_REFUSED });
  await ask('PUT', `/admin/queues/api/queues/${QUEUE}/retry/failed`);
};

/** The provider tells of a letter, once by its tag and once by its own id alone. */
const reporting: Work = async (stage, { ask }) => {
  const message = await stage.message('adopted', { change: sql`enqueued_at = now()` });
  await forgeLetter(stage, message);
  const email_id = randomUUID();
  const tags = { message_id: message.id };
  await ask('POST', '/webhooks/resend', report('email.delivered', { email_id, tags }));
  // For now: the address is everybody's here, and letters must go on to it.
  await ask('POST', '/webhooks/resend', report('email.bounced', { email_id, bounce: { type: 'Transient' } }));
  const [letter] = await run(
    stage.db,
    sql`select from notifications where message_id = ${message.id} and delivered_at is not null and bounced_at is not null`,
  );
  expect(letter).toBeDefined();
};

const headers = (path: string, body?: object, key?: string): Record<string, string> => ({
  ...(path.startsWith('/webhooks') ? signed(JSON.stringify(body)) : {}),
  authorization: path.startsWith('/admin')
    ? `Basic ${Buffer.from('operator:operator-password').toString('base64')}`
    : 'Bearer test-key',
  ...(path.startsWith('/admin') ? { 'sec-fetch-site': 'same-origin' } : {}),
  ...(body ? { 'content-type': 'application/json' } : {}),
  ...(key ? { 'idempotency-key': key } : {}),
});

/** `send` answers undefined for what must be asked again. */
const asker =
  (send: (...request: Parameters<Ask>) => Promise<{ status: number; text: string }>): Ask =>
  (...request) =>
    until(
      async () => {
        const { status, text } = await send(...request);
        if (status >= 500) return undefined;
        if (status >= 400) throw new Error(`${request[1]} is answered ${status}: ${text}`);
        return text ? (JSON.parse(text) as Record<string, string>) : {}; // ids and what is not looked at
      },
      `an answer of ${request[1]}`,
      WORK_MS,
    );

const overHttp = (port: number): Ask =>
  asker(async (method, path, body, key) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: headers(path, body, key),
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(12_000),
    });
    return { status: response.status, text: await response.text() };
  });

const web: Scenario = {
  boundaries: {
    createCustomer: asking,
    findCustomer: asking,
    placeOrder: asking,
    findReplay: asking,
    answerAgain: asking,
    'hints.send': asking,
    'queue.addCounts': asking,
    listOrders: asking,
    findOrder: asking,
    moveOrder: asking,
    messageOf: reporting,
    acceptReported: reporting,
    recordEvent: reporting,
    retryMessage: retryingOne,
    backlog: retryingAll,
    ledgerTime: retryingAll,
    retryDead: retryingAll,
  },
  async inProcess({ world }) {
    const hinter = openHinter(world.config.databaseUrl, world.log);
    world.onClose(hinter.close);
    const limits = createLimits(world.config, world.queue.addCounts);
    const app = await openWeb(world, { limits, onStaged: hinter.hint });
    const telling = again([limits.exchange]);
    const ask = asker(async (method, url, body, key) => {
      const answer = await app.inject({
        method,
        url,
        headers: headers(url, body, key),
        ...(body ? { payload: body } : {}),
      });
      return { status: answer.statusCode, text: answer.payload };
    });
    return { ask, end: nobody, stop: telling.stop };
  },
};

// ── Relay ──

const lost: Work = (stage) => stage.message('one letter', { change: AS_LOST });
/** Waits until it is purged: the strike may have been for another one, and when all is over nobody purges any more. */
const old: Work = async (stage) => {
  const { id } = await stage.message('purged', {
    daysAgo: 100,
    change: sql`enqueued_at = now() - interval '99 days', sent_at = now() - interval '99 days'`,
  });
  await until(
    async () => (await run(stage.db, sql`select 1 from outbox where id = ${id}`)).length === 0,
    'a purged message',
    WORK_MS,
  );
};

const forgetting: Work = async (stage, part) => {
  await stage.world.redis.del(`bull:${QUEUE}:epoch`);
  await lost(stage, part);
};

/** A redrive of that message and of what an earlier one has left, all of it at once. */
const redriving: Work = async (stage) => {
  const reason = 'customer_missing';
  const { id } = await stage.message('one letter', {
    change: sql`enqueued_at = now(), dead_at = now(), dead_reason = ${reason}`,
  });
  const request = {
    filter: { ...ANY_DEAD, reason },
    canary: 1_000,
    perSecond: 1,
    operator: 'eve',
    note: null,
  };
  let begun = false;
  await until(
    async () => {
      const started = begun ? undefined : await startRedrive(stage.db, request);
      if (started?.outcome === 'under_way') await cancelRedrive(stage.db, started.id);
      begun ||= started?.outcome === 'started';
      return (await outboxRow(stage.db, id)).run > 1;
    },
    'a message that is put back',
    WORK_MS,
  );
};

const relay: Scenario = {
  boundaries: {
    takeLease: nothing,
    readEpoch: nothing,
    'queue.readEpoch': nothing,
    ledgerTime: forgetting,
    restageAll: forgetting,
    writeEpoch: forgetting,
    'queue.writeEpoch': forgetting,
    stagedMessages: plain,
    'queue.enqueue': plain,
    markEnqueued: plain,
    async chargeEnqueue(stage) {
      const one = await stage.message('one letter', { change: sql`enqueued_at = now()` });
      await stage.ruin(one);
      await run(stage.db, sql`update outbox set enqueued_at = null where id = ${one.id}`);
      for (let i = 0; i < 3; i += 1) await stage.message('one letter');
      // Five of these tries, and it would rightly be dead.
      await until(
        async () => {
          const { enqueue_failures, enqueued_at } = await outboxRow(stage.db, one.id);
          return enqueue_failures > 0 || enqueued_at !== null;
        },
        'a refused message',
        WORK_MS,
      );
      await stage.timePasses();
    },
    overdueMessages: nothing,
    'queue.look': lost,
    restage: lost,
    async markSent(stage) {
      const one = await stage.message('adopted', { change: sql`enqueued_at = now()` });
      await forgeAcceptance(stage, one);
      await run(stage.db, sql`update outbox set ${AS_LOST} where id = ${one.id}`);
    },
    deadMessages: nothing,
    'queue.enqueueEach': (stage) => stage.message('refused', { change: AS_REFUSED }),
    'queue.failedRuns': nothing,
    outdatedRuns: nothing,
    'queue.remove': (stage) => forgeJob(stage, { id: randomUUID(), run: 1 }, { failedReason: 'refused' }),
    clearLetters: old,
    purgeFinished: old,
    purgeEnvelopes: old,
    purgeIdempotencyKeys: old,
    purgeProviderEvents: old,
    stepRedrive: redriving,
    giveLeaseBack: ending,
  },
  async inProcess({ world: { db, queue, config, log } }) {
    const over = new AbortController();
    const clock = RIGHT_CLOCK;
    const part = createRelay({ db, queue, config, log, metrics: new Registry(), ending: over.signal, clock });
    const turning = again([part.lead, part.drain, part.reconcile, part.purge, part.redrive]);
    return { ask: nobody, end: closing(part.stepDown), stop: turning.stop };
  },
};

// ── Notifier ──

/** The relay's part: hands over what is staged. Nothing else of it is under way, so that faults find their own door. */
const handOver = ({ world }: Stage) =>
  until(
    async () => {
      // Again when its statement had to wait for too long: it shares its pool with those that are left without an answer.
      const part = await world.relay();
      await part.drain();
      await part.stepDown();
      return true;
    },
    'a hand-over',
    WORK_MS,
  );
const handed =
  (act: (stage: Stage) => Promise<unknown>): Work =>
  async (stage) => {
    await act(stage);
    await handOver(stage);
  };
const expiredHold = (stage: Stage) =>
  run(
    stage.db,
    sql`insert into holds (name, reason, until, pauses) values ('sending', 'rate_limited', now() - interval '1 second', 1)
        on conflict (name) do update set until = excluded.until, prober = null, probe_until = null`,
  );
const probing = (email: string, fate: 'one letter' | 'no letter') =>
  handed(async (stage) => {
    await expiredHold(stage);
    await stage.message(fate, { email });
  });
const confirmation = handed((stage) => stage.message('one letter'));
const limited = handed((stage) => stage.message('one letter', { email: 'limited@example.com' }));

const notifier: Scenario = {
  boundaries: {
    currentHold: nothing,
    'worker.handle': confirmation,
    startMessages: confirmation,
    countLoneStart: handed((stage) => stage.message('one letter', { change: sql`starts = 1` })),
    'queue.takeTurns': confirmation,
    openCalls: confirmation,
    'mailer.send': confirmation,
    markSent: confirmation,
    settleAttempts: handed((stage) => stage.message('one letter', { email: 'flaky@example.com' })),
    openHold: limited,
    'worker.postpone': limited,
    takeProbe: probing('ada@example.com', 'one letter'),
    liftHold: probing('ada@example.com', 'one letter'),
    giveProbeBack: probing('refused@example.com', 'no letter'),
  },
  async inProcess({ world }) {
    const { stop } = world.notifier();
    return { ask: nobody, end: nobody, stop };
  },
};

/** Letters whose only attempt the provider answers with 500. */
const hopeless: Scenario = {
  ...notifier,
  settings: { NOTIFICATION_ATTEMPTS: '1' },
  boundaries: {
    othersFare: handed((stage) => stage.message('attempts_exhausted', { email: 'down@example.com' })),
  },
};

/** More letters than there may be requests in a second. */
const crowd = (email: string) =>
  handed(async (stage) => {
    for (let i = 0; i < 12; i += 1) await stage.message('one letter', { email });
  });

/** Its letters share requests. */
const crowded: Scenario = {
  ...notifier,
  settings: { EMAIL_RATE_PER_SECOND: '8' },
  boundaries: {
    fillEnvelope: crowd('ada@example.com'),
    'mailer.send': crowd('ada@example.com'),
    markSent: crowd('ada@example.com'),
    settleEnvelope: crowd('flaky@example.com'),
    reopenEnvelope: crowd('flaky@example.com'),
  },
};

// ── Monitor ──

const dying: Work = async (stage) => {
  const { alerts } = stage;
  const before = alerts.length;
  const { id } = await stage.message('refused', { change: AS_REFUSED });
  const isNotice = ({ status, message }: Alert) => status === 'firing' && message.includes('dead letters');
  await until(
    async () => alerts.slice(before).some(isNotice) || (await outboxRow(stage.db, id)).discarded_at !== null,
    'a notice of a new dead letter',
    WORK_MS,
  );
};
/** In the order in which everybody locks. */
const discardAll = ({ db }: Stage) =>
  run(
    db,
    sql`with k as materialized (
          select id from outbox where dead_at is not null and discarded_at is null order by id for update
        ) update outbox o set discarded_at = now() from k where o.id = k.id`,
  );
const told = ({ db }: Stage) =>
  until(
    async () => {
      const untold = sql`select from outbox where dead_at is not null and discarded_at is null and alerted_at is null`;
      return (await run(db, untold)).length === 0;
    },
    'an alert of every dead letter',
    WORK_MS,
  );

const monitor: Scenario = {
  boundaries: {
    takeLease: nothing,
    ledgerTime: nothing,
    deadGroups: nothing,
    openAlert: dying,
    'alerts.deliver': dying,
    noteAlert: dying,
    markAlerted: dying,
    findAlert: nothing,
    async endAlert(stage, part) {
      await dying(stage, part);
      await told(stage);
      await discardAll(stage);
    },
    endIdleHold: nothing,
    currentHold: nothing,
    backlog: nothing,
    doubleAcceptances: nothing,
    'queue.failedRuns': nothing,
    async recordFailedJobs(stage) {
      const one = await stage.message('job_failed', { change: sql`enqueued_at = now()` });
      await forgeJob(stage, one, { failedReason: 'stalled' });
      // The strike may have been for an earlier one, and whoever is written down after all is discarded would be told of for ever.
      await until(
        async () => (await outboxRow(stage.db, one.id)).dead_at !== null,
        'a failed job on record',
        WORK_MS,
      );
    },
    giveLeaseBack: ending,
  },
  async inProcess({ world: { db, queue, config, log } }) {
    const deliver = createDelivery(config.alertWebhookUrls, log);
    const parts = { db, queue, config, log, metrics: new Registry(), deliver, clock: RIGHT_CLOCK };
    const part = createMonitor(parts);
    const turning = again([part.lead, part.scan, part.recordStragglers]);
    return { ask: nobody, end: closing(part.stepDown), stop: turning.stop };
  },
  async settle(stage) {
    const { alerts } = stage;
    await told(stage);
    await discardAll(stage);
    await until(
      async () => (await run(stage.db, sql`select from alerts`)).length === 0,
      'no alert any more',
      WORK_MS,
    );
    const ids = alerts.filter(({ status }) => status === 'firing').map(({ dedupKey }) => dedupKey);
    const over = alerts.filter(({ status }) => status === 'resolved').map(({ dedupKey }) => dedupKey);
    for (const id of ids) expect(over).toContain(id);
  },
};

/** What every process passes on its way to being ready. */
const FRAME: Readonly<Record<string, ProcessName>> = {
  differenceMs: 'relay',
  'hints.listen': 'relay',
  'queue.manners': 'relay',
  'queue.ping': 'relay',
  'worker.check': 'notifier',
};

/** Boundaries that none of these processes passes in its ordinary work, and why they are not walked. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  answersAnew: 'asked after forty seconds without the ledger, and whatever becomes of it is an answer',
  ...Object.fromEntries(
    [
      ...['deadLetters', 'deadCounts', 'findMessage', 'findRedrives', 'letterFacts'],
      ...['frozenLetter', 'searchOrders', 'isLed', 'redriveUnderWay'],
    ].map((name) => [name, 'read for a person, who asks again']),
  ),
  startRedrive: 'a person’s act: it has begun, or it has not',
  cancelRedrive: 'a person’s act: it is over, or it is not',
  correctRecipient: 'a person’s act, at the desk or the command line',
  discardMessage: 'a person’s act at the command line',
  confirmSent: 'a person’s act at the command line',
  confirmNotSent: 'a person’s act at the command line',
  unsuppress: 'a person’s act at the command line',
};

/** No outside system stands behind these: the handler's own awaits have their deadlines, and BullMQ waits for Redis for ever. */
const NEVER_HANG = ['worker.handle', 'worker.postpone'];

const SCENARIOS = {
  ...{ web, relay, notifier, monitor },
  'a hopeless notifier': hopeless,
  'a crowded notifier': crowded,
};
type ScenarioName = keyof typeof SCENARIOS;
const NAMES = Object.keys(SCENARIOS) as ScenarioName[]; // keyof SCENARIOS is what they are

const nobody = async (): Promise<never> => {
  throw new Error('this part is not asked');
};

const moments = ['before', 'after'] as const;

const places = ({ boundaries }: Scenario, at: readonly (typeof moments)[number][] = moments) =>
  Object.entries(boundaries).flatMap(([name, work]) =>
    at.map((moment) => ({ place: `${name}:${moment}`, work })),
  );

/**
 * Who is killed before a boundary leaves behind what one leaves who is killed after the boundary before it. `KILLS=all` walks
 * both all the same, in twice the time.
 */
const KILLED_AT = process.env.KILLS === 'all' ? moments : (['after'] as const);

const points = (texts: readonly string[]): readonly Failpoint[] =>
  readConfig([], { FAILPOINTS: texts.join() }).failpoints;

/** What a process does with a close that fails: it goes on closing. */
const closing = (close: () => Promise<unknown>) => () => close().catch(() => undefined);

/** Does these turns again and again, each for itself as the loops of a process do. */
function again(turns: readonly (() => Promise<unknown>)[]): { stop(): Promise<void> } {
  let stopped = false;
  const ended = Promise.all(
    turns.map(async (turn) => {
      while (!stopped) {
        await turn().catch(() => undefined); // a process would log it and try again
        await pause(10);
      }
    }),
  );
  return {
    async stop() {
      stopped = true;
      await ended;
    },
  };
}

/** Work under way, which goes on while its process is dead and ends when it is there again. */
function workshop(stage: Stage, part: Part) {
  const works: Promise<unknown>[] = [];
  const begin = (work: Work): Promise<unknown> => {
    const ended = work(stage, part).then(
      () => undefined,
      (error: unknown) => error,
    );
    works.push(ended);
    return ended;
  };
  return {
    begin,
    /** Does the work until it has led to `struck`, anew every few seconds: something else may have come first. */
    strike: (work: Work, place: string, struck: () => boolean) =>
      until(() => {
        void begin(work);
        return until(struck, place, 4_000);
      }, `a strike of ${place}`),
    /** What has gone wrong in all that was begun, when it has ended. */
    failures: async () => (await Promise.all(works)).filter((error) => error !== undefined),
  };
}

const open: Stage[] = [];
async function stageOf(place: number, settings?: Readonly<Record<string, string>>): Promise<Stage> {
  const stage = await openStage(place, settings);
  open.push(stage);
  return stage;
}
async function closeAll(): Promise<void> {
  arm([]);
  for (const { world } of open.splice(0)) await world.close();
}

describe('the table of boundaries', () => {
  it('holds every one that the code has, and no other', () => {
    const inCode = new Set([...statements().map(({ name }) => name ?? ''), ...doorCalls()]);
    const walked = NAMES.flatMap((name) => Object.keys(SCENARIOS[name].boundaries));
    const here = new Set([...walked, ...Object.keys(FRAME), ...Object.keys(ELSEWHERE)]);
    expect([...here].toSorted()).toEqual([...inCode].toSorted());
  });
});

describe('real processes', () => {
  it.concurrent.each(NAMES.map((name, i) => [name, i] as const))(
    'of the kind %s, killed at every boundary and started again, leave nothing undone and do nothing twice',
    async (name, i) => {
      const scenario = SCENARIOS[name];
      const stage = await openStage(4 + i, scenario.settings);
      const port = await freePort();
      const processes = company({ ...stage.world.environment, PORT: String(port) });
      const start = (settings: Readonly<Record<string, string>>) =>
        processes.start(
          name === 'a hopeless notifier' || name === 'a crowded notifier' ? 'notifier' : name,
          settings,
        );
      let current: RunningProcess | undefined;
      const end = async () => {
        await current?.ready().catch(() => undefined); // it may have ended of the same wish before
        current?.signal('SIGTERM');
      };
      const { strike, failures } = workshop(stage, { ask: overHttp(port), end });
      try {
        for (const { place, work } of places(scenario, KILLED_AT)) {
          const process = await start({ FAILPOINTS: `${place}=kill` });
          current = process;
          let dead = false;
          void process.ended.then(() => {
            dead = true;
          });
          await strike(work, place, () => dead);
          expect(await process.ended, process.output()).toEqual({ code: null, signal: 'SIGKILL' });
          expect(process.output()).toContain(`failpoint ${place}=kill`);
          await stage.timePasses();
        }
        current = await start({});
        await current.ready();
        expect(await failures()).toEqual([]);
        await scenario.settle?.(stage);
        current.signal('SIGTERM');
        expect(await current.ended).toEqual({ code: 0, signal: null });
        expect(await stage.rest()).toEqual([]);
      } finally {
        await processes.end();
        await stage.world.close();
      }
    },
    WALK_MS,
  );

  it.concurrent.each(['throw', 'hang'].map((act, i) => [act, i] as const))(
    'are ready all the same after what they asked first has met a %s',
    async (act, i) => {
      const stage = await openStage(10 + i);
      const processes = company(stage.world.environment);
      try {
        const ready = (['relay', 'notifier'] as const).map(async (file) => {
          const names = Object.keys(FRAME).filter((name) => FRAME[name] === file);
          const texts = names.flatMap((name) => moments.map((moment) => `${name}:${moment}=${act}`));
          const process = await processes.start(file, { FAILPOINTS: texts.join() });
          await until(
            async () => {
              await fetch(`http://127.0.0.1:${process.port}/readyz`);
              return texts.every((text) => process.output().includes(`failpoint ${text}`));
            },
            `all of ${texts}`,
            150_000,
          );
          await process.ready();
          process.signal('SIGTERM');
          expect(await process.ended).toEqual({ code: 0, signal: null });
        });
        await Promise.all(ready);
        await stage.timePasses();
        expect(await stage.rest()).toEqual([]);
      } finally {
        await processes.end();
        await stage.world.close();
      }
    },
    WALK_MS,
  );
});

describe.each(['throw', 'unavailable'])('met by an error (%s) at every boundary', (act) => {
  afterEach(closeAll);

  it.each(NAMES)(
    '%s leaves nothing undone and nothing done twice',
    async (name) => {
      const scenario = SCENARIOS[name];
      const stage = await stageOf(4, scenario.settings);
      const part = await scenario.inProcess(stage);
      const { strike, failures } = workshop(stage, part);
      for (const { place, work } of places(scenario)) {
        arm(points([`${place}=${act}`]));
        await strike(work, place, allStruck);
        arm([]);
        await stage.timePasses();
        expect(await failures(), place).toEqual([]);
      }
      await scenario.settle?.(stage);
      await part.stop();
      expect(await stage.rest()).toEqual([]);
    },
    WALK_MS,
  );
});

describe('left without an answer at every boundary', () => {
  afterEach(closeAll);

  const STAGES: Readonly<Record<ScenarioName, number>> = {
    web: 4,
    relay: 8,
    notifier: 3,
    'a hopeless notifier': 2,
    'a crowded notifier': 3,
    monitor: 8,
  };

  it.each(NAMES)(
    '%s goes on, leaves nothing undone and nothing done twice',
    async (name) => {
      const scenario = SCENARIOS[name];
      const stages = [];
      for (let i = 0; i < STAGES[name]; i += 1) stages.push(await stageOf(4 + i, scenario.settings));
      const walks = places(scenario).filter(
        ({ place }) => !NEVER_HANG.some((never) => place.startsWith(never)),
      );
      arm(points(walks.map(({ place }) => `${place}=hang`)));
      const wrongs = stages.map(async (stage, n) => {
        const part = await scenario.inProcess(stage);
        const { begin, failures } = workshop(stage, part);
        for (let i = n * 3; !allStruck(); i += 1) {
          // One that hangs must not keep the next from its turn.
          await Promise.race([begin(walks[i % walks.length]?.work ?? nothing), pause(1_000)]);
          await pause(100);
          if (i % 5 === 4) await stage.timePasses();
        }
        expect(await failures()).toEqual([]);
        await stage.timePasses();
        await scenario.settle?.(stage);
        await part.stop();
        return stage.rest();
      });
      expect((await Promise.all(wrongs)).flat()).toEqual([]);
    },
    WALK_MS,
  );
});
