/**
 * Opens Postgres. Every statement of the system passes through `run`, which prepares it, puts a deadline around it and
 * strips the driver's parameters from its errors.
 */
import { hostname } from 'node:os';
import { DrizzleQueryError, type SQL, sql } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { DeadlineError, deadline } from './deadline.ts';
import { passing } from './failpoints.ts';
import { createTurnstile, type Pass, type Turnstile } from './turnstile.ts';

/** The server ends a statement after this long; a lock is waited for no longer either. */
const STATEMENT_TIMEOUT_MS = 5_000;
/** The server's own limit does not fire on a dead connection: after a kill a few statements never settle. */
const STATEMENT_DEADLINE_MS = 8_000;
const CONNECT_TIMEOUT_S = 5;

export type Database = PostgresJsDatabase;

export interface OpenDatabase {
  readonly db: Database;
  /** How many statements Postgres has answered so far, be it with an error of their own. */
  answers(): number;
  /** Waits at most five seconds for statements under way. */
  close(): Promise<void>;
}

/** @param connections how many the pool may open. */
export function openDatabase(url: string, name: string, connections: number): OpenDatabase {
  const client = preparing(connect(url, name, connections));
  const db = drizzle(client);
  const turnstile = createTurnstile(connections, isDown);
  turnstiles.set(db, turnstile);
  return { db, answers: turnstile.answers, close: () => client.end({ timeout: 5 }) };
}

/** The driver gets no more statements than it has connections: what it has queued it makes, however late. */
const turnstiles = new WeakMap<Database, Turnstile>();

/** One connection for what a pool or Drizzle cannot do: LISTEN, NOTIFY, and locks that belong to a session. */
export function connect(url: string, name: string, connections = 1): postgres.Sql {
  return postgres(url, {
    max: connections,
    connect_timeout: CONNECT_TIMEOUT_S,
    idle_timeout: 0,
    backoff: (failures: number) => Math.min(0.1 * 2 ** failures, 2),
    onnotice: () => {},
    // It would ask every new connection for the types of arrays; one that dies meanwhile rejects a promise that nobody
    // holds, and that ends the process.
    fetch_types: false,
    connection: {
      application_name: writerOf(name),
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: STATEMENT_TIMEOUT_MS,
      TimeZone: 'UTC',
    },
  });
}

/** Who this is, for the ledger's rows and Postgres' own views: which of us, and where. Postgres keeps 63 bytes of it. */
const writerOf = (name: string): string => `order-notifications ${name} ${process.pid}@${hostname()}`;

/** Drizzle asks for unnamed statements, which cost a second round trip and a new plan at every call. */
function preparing(client: postgres.Sql): postgres.Sql {
  const unsafe = client.unsafe.bind(client);
  client.unsafe = (query, params, options) => unsafe(query, params, { ...options, prepare: true });
  return client;
}

/**
 * Runs one statement and returns its rows.
 * @param name a literal of ours: statistics of Postgres show it, a deadline's error says it, and failpoints go by it.
 * @throws the driver's error without its parameters (they hold personal data), or a `DeadlineError`.
 */
export async function run<Row extends object = Record<string, unknown>>(
  db: Database,
  statement: SQL,
  name?: string,
): Promise<Row[]> {
  const named = name === undefined ? statement : sql`${sql.raw(`/* ${name} */ `)}${statement}`;
  const execute = () => db.execute<Record<string, unknown>>(named);
  const work = name === undefined ? execute : () => passing(name, execute);
  const pass = turnstiles.get(db)?.pass ?? passAtOnce;
  try {
    const rows = await pass(
      work,
      STATEMENT_DEADLINE_MS,
      name === undefined ? 'statement' : `the statement ${name}`,
    );
    // postgres.js returns an array with extra fields; the columns are what the statement's author says they are.
    return rows as unknown as Row[];
  } catch (error) {
    throw error instanceof DrizzleQueryError && error.cause ? error.cause : error;
  }
}

/** Within a transaction, which has its connection already. */
const passAtOnce: Pass = (work, ms, what) => deadline(work(), ms, what);

/**
 * Binds an array as one parameter: `= any(${array(ids, 'uuid')})`, `unnest(${array(runs, 'int')})`. It travels in Postgres'
 * own notation, because the driver knows no types of arrays; for the same reason a statement answers with JSON instead.
 */
export function array(
  values: readonly (string | number | null)[],
  type: 'uuid' | 'int' | 'bigint' | 'smallint' | 'text',
) {
  const elements = values.map((value) => (value === null ? 'null' : `"${escaped(String(value))}"`));
  return sql`${`{${elements.join()}}`}::${sql.raw(type)}[]`;
}

/**
 * Rows of ours as a table, in one parameter: `recordset(runs, 'g (id uuid, run int)')`. The keys are the columns' names;
 * what else a row holds is passed over.
 */
export function recordset(rows: readonly object[], columns: string) {
  return sql`json_to_recordset(${JSON.stringify(rows)}::json) as ${sql.raw(columns)}`;
}

const escaped = (text: string): string => text.replaceAll(/["\\]/g, '\\$&');

/**
 * SQLSTATE classes and codes that speak of the server's state, or of whether it lets us in, and not of the statement;
 * and what the driver and the system say of a connection (`EAI_AGAIN`: no name service).
 */
const SERVER_STATES =
  /^(08|28|3D|53|57P0|58|25006|CONNECT|EAI_|E[A-Z]+$|ERR_(TLS|SSL)|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO)/;
/** Time-outs, locks and deadlocks: not the statement's fault either, but perhaps the doing of one of its rows. */
const CONTENDED_STATES = /^(57014|55P03|40)/;

/** The error of a statement may be Drizzle's, with the driver's as its cause. */
const isDown = (error: unknown): boolean =>
  SERVER_STATES.test(codeOf(error instanceof DrizzleQueryError ? error.cause : error));

/** Whether an error says that Postgres cannot answer now, rather than that the statement was wrong. */
export function isUnavailable(error: unknown): boolean {
  return (
    error instanceof DeadlineError ||
    SERVER_STATES.test(codeOf(error)) ||
    CONTENDED_STATES.test(codeOf(error))
  );
}

/** The SQLSTATE of Postgres, or the driver's or the system's code, or an empty string. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Silence is nobody's own: the server ends a slow statement, and one that waits for a lock, long before. */
const mayBeOnes = (error: unknown): boolean =>
  !(error instanceof DeadlineError) && !SERVER_STATES.test(codeOf(error));

/** Statements that take longer than this wait for somebody: the next ones do not wait for them. */
const PATIENCE_MS = 50;

/**
 * Collects what concurrent callers ask for into one statement: `runBatch` gets the items of one turn of the event loop, and those that have
 * come while `most` statements were under way, and answers in their order. When a joint statement fails for a reason that may be one
 * row's own, each is tried alone, so that no item is charged for its neighbour.
 * @param limit how many items a statement has at most.
 */
export function coalesce<Item, Answer>(
  runBatch: (items: readonly Item[]) => Promise<readonly Answer[]>,
  { limit = 200, most = Number.POSITIVE_INFINITY }: { limit?: number; most?: number } = {},
): (item: Item) => Promise<Answer> {
  type Waiting = { item: Item; resolve: (answer: Answer) => void; reject: (error: unknown) => void };
  const waiting: Waiting[] = [];
  let underWay = 0;

  async function settle(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = await runBatch(batch.map(({ item }) => item));
      // runBatch answers item by item: the index always exists.
      for (const [i, { resolve }] of batch.entries()) resolve(answers[i] as Answer);
    } catch (error) {
      if (batch.length > 1 && mayBeOnes(error)) await Promise.all(batch.map((one) => settle([one])));
      else for (const { reject } of batch) reject(error);
    }
  }

  function flush(): void {
    while (waiting.length > 0 && underWay < most) begin();
  }

  /** One statement, which counts as under way until it ends or is seen to wait for somebody. */
  function begin(): void {
    underWay += 1;
    let counts = true;
    const end = () => {
      if (!counts) return;
      counts = false;
      underWay -= 1;
      flush();
    };
    const patience = most === Number.POSITIVE_INFINITY ? undefined : setTimeout(end, PATIENCE_MS);
    void settle(waiting.splice(0, limit)).finally(() => {
      clearTimeout(patience);
      end();
    });
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.push({ item, resolve, reject }) === 1) setImmediate(flush);
    });
}
