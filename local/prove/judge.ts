/**
 * The judgement: a pure function of what the client was told, of the letters that the provider accepted and of the
 * ledger's rows. The letters are matched with the orders by what stands in them; the ledger is a witness like the others.
 */
import type { PlacedOrder } from './client.ts';
import type { Death } from './drain.ts';
import type { LedgerRow, Letter } from './evidence.ts';
import type { MadeFault } from './faults.ts';
import type { Call } from './provider.ts';
import type { FaultName } from './schedule.ts';

export const BREACHES = [
  'lost',
  'duplicated',
  'unordered',
  'withoutMessage',
  'doubled',
  'contradicted',
  'unkeyed',
  'unexplained',
  'unfounded',
] as const;

/**
 * `lost`: acknowledged, and no letter. `duplicated`: two letters for one order or one message. `unordered`: a letter that
 * nobody ordered, or not so, or to somebody else. `withoutMessage`: an order whose message is missing. `doubled`: two
 * orders under one key. `contradicted`: what the ledger says of a letter is not so. `unkeyed`: a request that its key does not
 * protect. `unexplained`: dead for a reason that no fault of this run gives. `unfounded`: marked as enqueued before its job was
 * made.
 */
export type Breach = (typeof BREACHES)[number];

export interface Finding {
  readonly breach: Breach;
  readonly what: string;
  readonly key: string | null;
  readonly orderId: string | null;
  readonly messageId: string | null;
  /** When it happened: the letter that is one too many, else the order's placing; null where neither is known. */
  readonly at: number | null;
}

export interface Evidence {
  readonly history: readonly PlacedOrder[];
  readonly letters: readonly Letter[];
  readonly rows: readonly LedgerRow[];
  readonly calls: readonly Call[];
  readonly deaths: readonly Death[];
  /** The messages that a person had written anew, once for each time. */
  readonly rewritten: readonly string[];
  /** By job id, when it was made, by this machine's clock; only of jobs that Redis still has. */
  readonly jobs: ReadonlyMap<string, number>;
  readonly made: readonly Pick<MadeFault, 'name' | 'ended'>[];
}

export function judge(evidence: Evidence): Finding[] {
  const placed = new Map(evidence.history.map((order) => [order.key, order]));
  const finding: MakeFinding = (breach, what, about) => ({
    ...{ breach, what, key: about.key ?? null, orderId: about.orderId ?? null },
    messageId: about.messageId ?? null,
    at: about.acceptedAt ?? placed.get(about.key ?? '')?.placedAt ?? null,
  });
  return [
    ...lost(evidence, finding),
    ...duplicated(evidence, finding),
    ...unordered(evidence, placed, finding),
    ...withoutMessage(evidence, finding),
    ...doubled(evidence, finding),
    ...contradicted(evidence, finding),
    ...unkeyed(evidence, finding),
    ...unexplained(evidence, finding),
    ...unfounded(evidence, finding),
  ];
}

interface Subject {
  readonly key?: string | null;
  readonly orderId?: string | null;
  readonly messageId?: string | null;
  readonly acceptedAt?: number;
}

type MakeFinding = (breach: Breach, what: string, about: Subject) => Finding;

function lost({ history, letters, rows }: Evidence, finding: MakeFinding): Finding[] {
  const written = new Set(letters.map(({ key, orderId }) => `${key} ${orderId}`));
  const byOrder = new Map(rows.map((row) => [row.orderId, row]));
  return history.flatMap(({ key, orderIds }) =>
    [...orderIds].flatMap((orderId) => {
      if (written.has(`${key} ${orderId}`)) return [];
      const row = byOrder.get(orderId);
      const fate = row ? `its message is ${row.state ?? 'not there'}` : 'the ledger has no such order';
      return [finding('lost', `acknowledged without a letter; ${fate}`, { ...row, key, orderId })];
    }),
  );
}

function duplicated({ letters }: Evidence, finding: MakeFinding): Finding[] {
  // By whichever of the three a repeated letter can be known: one letter each, and no order may have two of any.
  const repeated = [groups(letters, ({ key }) => key), groups(letters, ({ orderId }) => orderId)];
  repeated.push(groups(letters, ({ messageId }) => messageId));
  const seen = new Set<string>();
  return repeated.flat().flatMap((group) => {
    const ids = group.map(({ id }) => id).join(', ');
    const [, second] = group;
    if (!second || seen.has(ids)) return [];
    seen.add(ids);
    return [finding('duplicated', `${group.length} letters: ${ids}`, second)];
  });
}

/** Things that share a name; those without a name belong to no group. */
function groups<T>(things: readonly T[], nameOf: (thing: T) => string): T[][] {
  const byName = new Map<string, T[]>();
  for (const thing of things) {
    const name = nameOf(thing);
    if (name !== '') byName.set(name, [...(byName.get(name) ?? []), thing]);
  }
  return [...byName.values()];
}

function unordered(
  { letters }: Evidence,
  placed: ReadonlyMap<string, PlacedOrder>,
  finding: MakeFinding,
): Finding[] {
  return letters.flatMap((letter) => {
    const fault = faultOf(letter, placed.get(letter.key));
    return fault === undefined ? [] : [finding('unordered', `letter ${letter.id}: ${fault}`, letter)];
  });
}

/** An unknown outcome may have a letter, of an order id that nobody was told. */
function faultOf(letter: Letter, order: PlacedOrder | undefined): string | undefined {
  if (!order) return 'nobody placed such an order';
  if (order.outcome === 'refused') return 'its order was refused';
  if (order.recipient !== letter.recipient)
    return `it went to ${letter.recipient}, and not to ${order.recipient}`;
  if (letter.messageId === '') return 'it bears no message id';
  if (order.outcome === 'acknowledged' && !order.orderIds.has(letter.orderId))
    return `it speaks of another order than ${[...order.orderIds].join(', ')}`;
  return undefined;
}

function withoutMessage({ rows }: Evidence, finding: MakeFinding): Finding[] {
  return rows.flatMap((row) =>
    row.messageId === null ? [finding('withoutMessage', 'an order without a message', row)] : [],
  );
}

function doubled({ history, rows }: Evidence, finding: MakeFinding): Finding[] {
  const orders = new Map<string, Set<string>>(history.map(({ key, orderIds }) => [key, new Set(orderIds)]));
  for (const { key, orderId } of rows) {
    if (key !== null) orders.set(key, (orders.get(key) ?? new Set()).add(orderId));
  }
  const messages = groups(rows, ({ orderId }) => orderId);
  return [
    ...[...orders].flatMap(([key, ids]) =>
      ids.size > 1
        ? [finding('doubled', `${ids.size} orders under one key: ${[...ids].join(', ')}`, { key })]
        : [],
    ),
    ...messages.flatMap((group) =>
      group.length > 1 ? [finding('doubled', `${group.length} messages for one order`, group[0] ?? {})] : [],
    ),
  ];
}

function contradicted({ letters, rows, deaths }: Evidence, finding: MakeFinding): Finding[] {
  const written = new Set(letters.map(({ messageId }) => messageId));
  const known = new Set(rows.map(({ messageId }) => messageId));
  const strangers = letters.filter(({ messageId }) => messageId !== '' && !known.has(messageId));
  return [
    ...strangers.map((letter) =>
      finding('contradicted', 'a letter of a message that the ledger does not have', letter),
    ),
    ...rows.flatMap((row) => {
      const has = row.messageId !== null && written.has(row.messageId);
      if (row.state === 'sent' && !has)
        return [finding('contradicted', 'sent in the ledger, and no letter', row)];
      if (row.state !== 'sent' && has)
        return [finding('contradicted', `a letter, and ${row.state} in the ledger`, row)];
      return [];
    }),
    // A refusal is definite, or it is none.
    ...deaths.flatMap((death) =>
      death.reason === 'refused' && death.accepted
        ? [finding('contradicted', 'dead as refused, and there is a letter', death)]
        : [],
    ),
  ];
}

/**
 * What makes repeating safe: every request has a key, one key stands for one text, and one message has one key, but for keys of
 * which every request was refused for certain.
 */
function unkeyed({ calls, rewritten }: Evidence, finding: MakeFinding): Finding[] {
  const letters = groups(
    calls.filter(({ open }) => open),
    ({ messageId }) => messageId,
  );
  return [
    ...calls.flatMap(({ key, messageId, texts }) => {
      if (key === null) return [finding('unkeyed', 'a request without a key', { messageId })];
      return texts > 1 ? [finding('unkeyed', `${texts} texts under one key: ${key}`, { messageId })] : [];
    }),
    ...letters.flatMap((keys) => {
      const [{ messageId } = { messageId: '' }] = keys;
      const allowed = 1 + rewritten.filter((id) => id === messageId).length;
      return keys.length > allowed ? [finding('unkeyed', `${keys.length} keys`, { messageId })] : [];
    }),
  ];
}

const NO_ANSWER: readonly FaultName[] = [
  'provider-fail',
  'provider-hang',
  'provider-hang-up',
  'provider-accept-hang',
  'provider-accept-hang-up',
  'provider-garble',
  'provider-letter',
  'provider-mixed',
  'suspend', // a call outlasts its time when its caller stands still
];
const REFUSALS: readonly FaultName[] = ['provider-refuse', 'provider-mixed'];

/** Which faults a message may die of. Nothing that is made here gives the other reasons. */
const DEADLY: Readonly<Record<string, readonly FaultName[]>> = {
  attempts_exhausted: NO_ANSWER,
  refused: REFUSALS,
  outcome_unknown: REFUSALS,
  // A job that could not be put back into the line fails by BullMQ's hand.
  job_failed: [
    'redis-cut',
    'redis-drop',
    'redis-kill',
    'redis-lose',
    'redis-suspend',
    'redis-blackhole',
    'redis-full',
  ],
};

function unexplained({ deaths, made }: Evidence, finding: MakeFinding): Finding[] {
  const faults = new Set(made.map(({ name }) => name));
  return deaths.flatMap((death) =>
    (DEADLY[death.reason] ?? []).some((name) => faults.has(name))
      ? []
      : [finding('unexplained', `run ${death.run} is dead: ${death.reason}`, death)],
  );
}

/** By these Redis loses jobs. What was made anew afterwards is younger than the mark of the one that was lost. */
const LOSSES: ReadonlySet<FaultName> = new Set(['redis-flush', 'redis-lose', 'redis-kill']);

/**
 * A mark that comes before its job heals by itself, when a sweep comes by: afterwards only the times tell of it. The job of
 * a dead letter may have been made anew for the failed set.
 */
function unfounded({ rows, jobs, deaths, made }: Evidence, finding: MakeFinding): Finding[] {
  const died = new Set(deaths.map(({ messageId }) => messageId));
  const losses = made.flatMap(({ name, ended }) =>
    LOSSES.has(name) ? [ended ?? Number.POSITIVE_INFINITY] : [],
  );
  const lostUntil = Math.max(0, ...losses);
  return rows.flatMap((row) => {
    const { messageId, run, markedAt } = row;
    if (messageId === null || markedAt === null || died.has(messageId) || markedAt < lostUntil) return [];
    const early = (jobs.get(`${messageId}-${run}`) ?? 0) - markedAt;
    return early > 0
      ? [finding('unfounded', `marked as enqueued ${early.toFixed(1)} ms before its job was made`, row)]
      : [];
  });
}
