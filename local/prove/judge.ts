/**
 * The judgement: a pure function of what the client was told, of the letters that the provider accepted and of the
 * ledger's rows. The letters are matched with the orders by what stands in them; the ledger is a witness like the others.
 */
import type { PlacedOrder } from './client.ts';
import type { LedgerRow, Letter } from './evidence.ts';

export const BREACHES = [
  'lost',
  'duplicated',
  'unordered',
  'withoutMessage',
  'doubled',
  'contradicted',
] as const;

/**
 * `lost`: acknowledged, and no letter. `duplicated`: two letters for one order or one message. `unordered`: a letter that
 * nobody ordered, or not so, or to somebody else. `withoutMessage`: an order whose message is missing. `doubled`: two
 * orders under one key. `contradicted`: what the ledger says of a letter is not so.
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

function contradicted({ letters, rows }: Evidence, finding: MakeFinding): Finding[] {
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
  ];
}
