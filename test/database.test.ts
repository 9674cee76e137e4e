/** Postgres: joint statements, deadlines, errors that betray nobody, and how an outage is told from a fault. */
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  array,
  coalesce,
  codeOf,
  connect,
  isUnavailable,
  type OpenDatabase,
  openDatabase,
  run,
} from '../src/database.ts';
import { DeadlineError, deadline } from '../src/deadline.ts';
import { createLedger, type Ledger } from './support/ledger.ts';
import { startProxy } from './support/proxy.ts';
import { until } from './support/until.ts';

let ledger: Ledger;
let db: Ledger['db'];
beforeAll(async () => {
  ledger = await createLedger();
  db = ledger.db;
});
afterAll(() => ledger.close());

function opened(url = ledger.url, connections = 1): OpenDatabase {
  const one = openDatabase(url, 'test', connections);
  onTestFinished(one.close);
  return one;
}

class CodeError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(`failed with ${code}`);
    this.code = code;
  }
}

describe('coalescing', () => {
  /** Answers each item with its double, and remembers what was asked together. */
  function doubling(limit?: number) {
    const batches: number[][] = [];
    const ask = coalesce(
      async (items: readonly number[]) => {
        batches.push([...items]);
        return items.map((item) => item * 2);
      },
      limit === undefined ? {} : { limit },
    );
    return { batches, ask };
  }

  it('asks once for all that is asked in one turn, and answers everybody with what is theirs', async () => {
    const { batches, ask } = doubling();
    const items = Array.from({ length: 100 }, (_, i) => i);
    expect(await Promise.all(items.map(ask))).toEqual(items.map((item) => item * 2));
    expect(batches).toEqual([items]);
  });

  it('asks again in the next turn, without waiting for the answer before', async () => {
    const batches: number[][] = [];
    const answers: (() => void)[] = [];
    const ask = coalesce(async (items: readonly number[]) => {
      batches.push([...items]);
      await new Promise<void>((resolve) => answers.push(resolve));
      return items;
    });
    const first = ask(1);
    await until(() => batches.length === 1);
    const second = ask(2);
    await until(() => batches.length === 2);
    answers[1]?.();
    expect(await second).toBe(2);
    answers[0]?.();
    expect(await first).toBe(1);
    expect(batches).toEqual([[1], [2]]);
  });

  it('collects what comes while as many as may be are under way, and what comes then waits for none that does not end', async () => {
    const batches: number[][] = [];
    const answers: (() => void)[] = [];
    const ask = coalesce(
      async (items: readonly number[]) => {
        batches.push([...items]);
        await new Promise<void>((resolve) => answers.push(resolve));
        return items;
      },
      { limit: 3, most: 1 },
    );
    const first = ask(1);
    await until(() => batches.length === 1);
    const others = [2, 3, 4, 5].map(ask);
    answers[0]?.();
    expect(await first).toBe(1);
    await until(() => batches.length === 2);
    expect(batches).toEqual([[1], [2, 3, 4]]);
    // The second does not end: the next one begins all the same.
    await until(() => batches.length === 3);
    for (const answer of answers) answer();
    expect(await Promise.all(others)).toEqual([2, 3, 4, 5]);
    expect(batches).toEqual([[1], [2, 3, 4], [5]]);
  });

  it('asks in portions no larger than its limit', async () => {
    const { batches, ask } = doubling(40);
    const items = Array.from({ length: 100 }, (_, i) => i);
    expect(await Promise.all(items.map(ask))).toEqual(items.map((item) => item * 2));
    expect(batches.map(({ length }) => length)).toEqual([40, 40, 20]);
  });

  it('lets one that fails fail alone, and its neighbours succeed', async () => {
    const ask = coalesce(async (items: readonly number[]) => {
      if (items.includes(13)) throw new CodeError('23514');
      return items;
    });
    const fates = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => ask(i)));
    expect(fates.map(({ status }) => status === 'fulfilled')).toEqual(fates.map((_, i) => i !== 13));
  });

  it('tries each alone after a deadlock or a time-out: it may have been the doing of one', async () => {
    for (const error of [new CodeError('40P01'), new CodeError('57014')]) {
      const ask = coalesce(async (items: readonly number[]) => {
        if (items.length > 1) throw error;
        return items;
      });
      expect(await Promise.all([ask(1), ask(2), ask(3)])).toEqual([1, 2, 3]);
    }
  });

  it.each(['CONNECTION_CLOSED', 'CONNECT_TIMEOUT', 'ECONNREFUSED', 'EAI_AGAIN', '57P01', '53300', '08006'])(
    'asks nobody again after %s: it would fail for all alike',
    async (code) => {
      let asked = 0;
      const ask = coalesce(async (): Promise<number[]> => {
        asked += 1;
        throw new CodeError(code);
      });
      const fates = await Promise.allSettled([ask(1), ask(2), ask(3)]);
      expect(fates).toEqual(Array(3).fill({ status: 'rejected', reason: expect.objectContaining({ code }) }));
      expect(asked).toBe(1);
    },
  );

  it('asks nobody again after a silence: the server ends what one of them may have done long before', async () => {
    let asked = 0;
    const ask = coalesce(async (): Promise<number[]> => {
      asked += 1;
      throw new DeadlineError('late');
    });
    const late = { status: 'rejected', reason: expect.any(DeadlineError) };
    expect(await Promise.allSettled([ask(1), ask(2)])).toEqual([late, late]);
    expect(asked).toBe(1);
  });

  it('stores what the neighbours of a row store that the database refuses', async () => {
    await run(db, sql`create table counted (id int primary key, n int check (n < 10))`);
    const add = coalesce(async (items: readonly { id: number; n: number }[]) => {
      await run(
        db,
        sql`insert into counted select * from unnest(${array(
          items.map(({ id }) => id),
          'int',
        )}, ${array(
          items.map(({ n }) => n),
          'int',
        )})`,
      );
      return items.map(() => true);
    });
    const fates = await Promise.allSettled([1, 2, 30, 4].map((n, id) => add({ id, n })));
    expect(fates.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(await run(db, sql`select n from counted order by id`)).toEqual([{ n: 1 }, { n: 2 }, { n: 4 }]);
  });
});

describe('a statement', () => {
  it('is prepared once and used again, in one round trip', async () => {
    const one = opened();
    for (let i = 0; i < 3; i += 1) await run(one.db, sql`select ${i}::int as remembered`);
    const prepared = await run<{ uses: number }>(
      one.db,
      sql`select (generic_plans + custom_plans)::int as uses from pg_prepared_statements where statement like '%remembered%' and statement not like '%pg_prepared%'`,
    );
    expect(prepared).toEqual([{ uses: 3 }]);
  });

  it('is ended by the server after five seconds, and the next one is answered', async () => {
    const one = opened();
    const slow = run(one.db, sql`select pg_sleep(60)`);
    await expect(slow).rejects.toMatchObject({ code: '57014' });
    expect(await run(one.db, sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  it('waits no longer for a lock', async () => {
    const holder = connect(ledger.url, 'test');
    onTestFinished(() => holder.end());
    await holder`select pg_advisory_lock(1)`;
    await expect(run(db, sql`select pg_advisory_lock(1)`)).rejects.toSatisfy(isUnavailable);
  });

  it('is given up on a connection that swallows it', async () => {
    const proxy = await startProxy(ledger.url);
    onTestFinished(proxy.close);
    const one = opened(proxy.url);
    await run(one.db, sql`select 1`);
    proxy.freeze();
    const swallowed = deadline(run(one.db, sql`select 1`, 'swallowed'), 12_000, 'a statement that gives up');
    await expect(swallowed).rejects.toThrow('the statement swallowed did not end within');
    proxy.mend();
    await until(async () => (await run(one.db, sql`select 1`)).length === 1, 'an answer');
  });

  it('that was given up before its turn is never made, however long the outage was', async () => {
    await run(db, sql`create table made (n int)`);
    const proxy = await startProxy(ledger.url);
    onTestFinished(proxy.close);
    const one = opened(proxy.url, 2);
    await run(one.db, sql`select 1`);
    proxy.freeze();
    const asked = Array.from({ length: 50 }, (_, n) => run(one.db, sql`insert into made values (${n}::int)`));
    for (const end of await Promise.allSettled(asked)) expect(end.status).toBe('rejected');
    proxy.mend();
    await until(
      async () => (await run(one.db, sql`insert into made values (50)`)) !== undefined,
      'an answer',
    );
    await until(async () => (await run(one.db, sql`insert into made values (51)`)) !== undefined, 'another');
    const made = await run<{ n: number }>(db, sql`select n from made where n < 50`);
    expect(made.length).toBeLessThanOrEqual(2); // those that the driver had in its hands
  });

  it('goes by its name in the statistics of the server', async () => {
    const one = opened();
    const said = sql`select query from pg_stat_activity where pid = pg_backend_pid() and ${1}::int = 1`;
    expect(await run(one.db, said, 'lookAtMe')).toEqual([
      { query: expect.stringMatching(/^\/\* lookAtMe \*\/ select/) },
    ]);
    const prepared = sql`select statement from pg_prepared_statements where statement like '/* lookAtMe */%'`;
    expect(await run(one.db, prepared)).toHaveLength(1);
  });

  it('is answered again after its connection was ended, also in the middle of a statement', async () => {
    const one = opened(ledger.url, 3);
    for (let round = 0; round < 5; round += 1) {
      const busy = Promise.allSettled(
        Array.from({ length: 6 }, () => run(one.db, sql`select pg_sleep(0.2)`)),
      );
      await until(async () => {
        const ended = await run(
          db,
          sql`select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid() and state = 'active'`,
        );
        return ended.length > 0;
      });
      for (const fate of await busy)
        if (fate.status === 'rejected') expect(isUnavailable(fate.reason), String(fate.reason)).toBe(true);
    }
    // The end of a connection may reach us with the next statement.
    expect(await until(() => run(one.db, sql`select 1 as one`))).toEqual([{ one: 1 }]);
  });

  it('is the first thing that its connection is asked: nothing of the driver’s own can fail without an owner', async () => {
    const target = new URL(ledger.url);
    const asked: Buffer[] = [];
    const tap = createServer((near) => {
      const far = dial(Number(target.port), target.hostname);
      near.on('data', (bytes: Buffer) => void asked.push(bytes));
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) socket.on('error', () => undefined);
    });
    onTestFinished(() => void tap.close());
    tap.listen(0, '127.0.0.1');
    await once(tap, 'listening');
    const url = new URL(ledger.url);
    url.port = String((tap.address() as AddressInfo).port); // neither a pipe nor closed
    const one = opened(url.href);
    expect(await run(one.db, sql`select 1 as one`)).toEqual([{ one: 1 }]);
    expect(
      Buffer.concat(asked)
        .toString('latin1')
        .match(/select/g),
    ).toEqual(['select']);
  });

  it("that fails tells what failed, and nobody's data", async () => {
    const id = '0191e5f0-1111-7222-8333-444455556666';
    const insert = () =>
      run(
        db,
        sql`insert into customers (id, email, name) values (${id}, 'x', ${'Ada Lovelace'}), (${id}, ${'ada@example.com'}, 'x')`,
      );
    const error = await insert().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: '23505', constraint_name: 'customers_pkey' });
    expect(`${error} ${(error as Error).stack}`).not.toMatch(/ada@|Lovelace/);
  });
});

describe('an array', () => {
  it.each([
    ['uuid', ['0191e5f0-1111-7222-8333-444455556666']],
    ['uuid', [null, '0191e5f0-1111-7222-8333-444455556666']],
    ['int', [1, -2, null, 2_147_483_647]],
    ['smallint', [1]],
    ['bigint', ['9223372036854775807']],
    ['text', ['', 'a,b', '"quoted"', '{}', 'null', null, '\\', "it's", 'ünï']],
    ['text', [null, null]],
    ['uuid', []],
    ['int', []],
    ['text', []],
  ] as const)('of %s arrives as it was given: %j', async (type, values) => {
    const rows = await run<{ value: string | number | null }>(
      db,
      sql`select value from unnest(${array(values, type)}) with ordinality as a (value, i) order by i`,
    );
    expect(rows.map(({ value }) => value)).toEqual(values);
  });
});

describe('unavailable', () => {
  it.each([
    '08000',
    '08006',
    '53100',
    '53200',
    '53300',
    '57P01',
    '57P02',
    '57P03',
    '57P04',
    '57P05',
    '25006',
    '57014',
    '55P03',
    '40001',
    '40P01',
    '28P01',
    '3D000',
    '58030',
    'CONNECTION_CLOSED',
    'CONNECTION_ENDED',
    'CONNECTION_DESTROYED',
    'CONNECT_TIMEOUT',
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
  ])('is a ledger that answers %s', (code) => {
    expect(isUnavailable(new CodeError(code))).toBe(true);
  });

  it.each([
    '23505',
    '23514',
    '22021',
    '22P02',
    '42P01',
    '42601',
    '',
    'ERR_INVALID_ARG_TYPE',
    'UNDEFINED_VALUE',
  ])('is not a ledger that answers %j', (code) => {
    expect(isUnavailable(new CodeError(code))).toBe(false);
  });

  it('is one that does not answer in time; nothing else without a code is', () => {
    expect(isUnavailable(new DeadlineError('late'))).toBe(true);
    expect([new Error('57P01'), '57P01', undefined, null, { code: '57P01' }].map(isUnavailable)).toEqual(
      Array(5).fill(false),
    );
    expect(codeOf(undefined)).toBe('');
  });

  it('is one whose connections are refused, cut, or at a name that nobody knows', async () => {
    const proxy = await startProxy(ledger.url);
    onTestFinished(proxy.close);
    const one = opened(proxy.url);
    await run(one.db, sql`select 1`);
    proxy.cut();
    await expect(run(one.db, sql`select 1`)).rejects.toSatisfy(isUnavailable);
    const unknown = new URL(ledger.url);
    unknown.hostname = 'nobody.invalid';
    await expect(run(opened(unknown.href).db, sql`select 1`)).rejects.toSatisfy(isUnavailable);
    proxy.mend();
    await until(async () => (await run(one.db, sql`select 1`)).length === 1, 'an answer');
  });

  it('is one that does not let us in, or has no such database', async () => {
    const stranger = new URL(ledger.url);
    stranger.password = 'guessed';
    await expect(run(opened(stranger.href).db, sql`select 1`)).rejects.toSatisfy(isUnavailable);
    const elsewhere = new URL(ledger.url);
    elsewhere.pathname = '/no_such_database';
    await expect(run(opened(elsewhere.href).db, sql`select 1`)).rejects.toSatisfy(isUnavailable);
  });
});
