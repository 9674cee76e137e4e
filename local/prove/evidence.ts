/** What a proof is judged by, read when all is at rest: the letters on disk, the ledger's rows, the failed set in Redis. */
import { readFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import { Redis } from 'ioredis';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { type Database, run } from '../../src/database.ts';

/** An accepted letter, known by itself: nothing here was asked of the ledger. */
export interface Letter {
  /** The provider's id. */
  readonly id: string;
  /** By its tag; empty without one. */
  readonly messageId: string;
  /** By its subject. */
  readonly orderId: string;
  /** By the article in it. */
  readonly key: string;
  readonly recipient: string;
  /** Milliseconds, by the clock of the process that proves. */
  readonly acceptedAt: number;
}

/** One order and one of its messages, as the ledger has them; without a message its fields are null. */
export interface LedgerRow {
  readonly orderId: string;
  readonly key: string | null;
  readonly messageId: string | null;
  readonly run: number | null;
  readonly state: 'staged' | 'enqueued' | 'sent' | 'dead' | 'discarded' | null;
  readonly reason: string | null;
  /** Whether it has, or had, a job: a message that Redis never took can have none in the failed set. */
  readonly enqueued: boolean | null;
  /** When it was marked so, in milliseconds by Postgres's clock. */
  readonly markedAt: number | null;
}

const Line = Type.Object({
  id: Type.String(),
  to: Type.Array(Type.String()),
  subject: Type.String(),
  text: Type.Optional(Type.String()),
  tags: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
  acceptedAt: Type.String(),
});

export function readLetters(file: string): Letter[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line) => (line === '' ? [] : [letterOf(line)]));
}

function letterOf(line: string): Letter {
  const { id, to, subject, text = '', tags, acceptedAt } = Value.Parse(Line, JSON.parse(line));
  return {
    id,
    messageId: tags.find(({ name }) => name === 'message_id')?.value ?? '',
    orderId: /#([0-9a-f-]{36})/.exec(subject)?.[1] ?? '',
    key: /\bprove-\d+-\d+\b/.exec(text)?.[0] ?? '',
    recipient: to.join(),
    acceptedAt: Date.parse(acceptedAt),
  };
}

const LEDGER_PAGE = 5_000;

export async function readLedger(db: Database): Promise<LedgerRow[]> {
  const rows: LedgerRow[] = [];
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const page = await readPage(db, after);
    rows.push(...page);
    const last = page.at(-1);
    if (!last) return rows;
    after = last.orderId;
  }
}

/** So many orders with all their messages: a page never cuts an order in two. */
function readPage(db: Database, after: string): Promise<LedgerRow[]> {
  return run<LedgerRow>(
    db,
    sql`with page as (select id from orders where id > ${after}::uuid order by id limit ${LEDGER_PAGE})
        select page.id as "orderId", (select min(i.sku) from order_items i where i.order_id = page.id) as key,
          m.id as "messageId", m.run, m.dead_reason as reason, m.enqueued_at is not null as enqueued,
          (extract(epoch from m.enqueued_at) * 1000)::float8 as "markedAt",
          case when m.id is null then null when m.sent_at is not null then 'sent' when m.discarded_at is not null then 'discarded'
            when m.dead_at is not null then 'dead' when m.enqueued_at is not null then 'enqueued' else 'staged' end as state
        from page left join outbox m on m.order_id = page.id order by page.id`,
  );
}

/** What Redis holds of the queue. */
export interface Transport {
  /** The failed set's job ids. */
  failed(): Promise<string[]>;
  /** Jobs in somebody's hands or waiting. */
  waiting(): Promise<number>;
  /** When each of these jobs was made, in milliseconds by its maker's clock; without those that are not there. */
  madeAt(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  close(): void;
}

export function openTransport(redisUrl: string): Transport {
  const redis = new Redis(redisUrl);
  redis.on('error', () => {}); // the command under way rejects with it
  const key = (name: string) => `bull:order-notifications:${name}`;
  return {
    failed: () => redis.zrevrange(key('failed'), 0, -1),
    async waiting() {
      const counts = await Promise.all([
        redis.llen(key('wait')),
        redis.llen(key('active')),
        redis.zcard(key('prioritized')),
      ]);
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async madeAt(ids) {
      const times = await Promise.all(ids.map((id) => redis.hget(key(id), 'timestamp')));
      return new Map(ids.flatMap((id, i) => (times[i] ? [[id, Number(times[i])] as [string, number]] : [])));
    },
    close: () => redis.disconnect(),
  };
}
