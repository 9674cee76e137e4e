/** Values made of a schema: such as it takes, and all the ways to break one that it takes. */
import { between, type Random } from '../prove/chance.ts';
import type { Contract, Schema } from './contract.ts';
import { ADDRESSES, IDS, NAMES, NUMBERS, TEXTS, VALUES } from './nasty.ts';

/** What there is already, for requests that name it. */
export interface Known {
  readonly customers: readonly string[];
  readonly orders: readonly string[];
}

// `random` is below 1 and no list is empty
export const pick = <T>(list: readonly T[], random: Random): T =>
  list[Math.floor(random() * list.length)] as T;

const ORDINARY = [
  ...[
    'Ada Lovelace',
    'Tea',
    'TEA-100',
    'Grüner Tee',
    '茶',
    'O’Neill & Söhne',
    'a',
    '😀 👩‍👩‍👧‍👦',
    'x'.repeat(200),
  ],
  ...['ada@example.com', "o'hara+x@sub.example.org", 'order-4711'],
];

/** A value that the schema takes, after the example of it; small enough for sums that are taken too. */
export function validValue(
  contract: Contract,
  schema: Schema,
  known: Known,
  random: Random,
  name = '',
): unknown {
  const own = contract.resolve(schema);
  if (own.const !== undefined) return own.const;
  if (own.enum) return pick(own.enum, random);
  switch (own.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(own.properties ?? {})
          .filter(([key]) => own.required?.includes(key) || random() < 0.5)
          .map(([key, one]) => [key, validValue(contract, one, known, random, key)]),
      );
    case 'array': {
      const most = Math.min(own.maxItems ?? 5, random() < 0.02 ? 100 : 5);
      const count = between(random, [own.minItems ?? 0, most]);
      return Array.from({ length: count }, () => validValue(contract, own.items ?? {}, known, random));
    }
    case 'integer':
      return between(random, [own.minimum ?? 0, Math.min(own.maximum ?? 1_000, 1_000)]);
    default:
      if (own.format === 'uuid') return pick(name === 'customerId' ? known.customers : known.orders, random);
      return pick(
        ORDINARY.filter((text) => contract.accepts(own, text)),
        random,
      );
  }
}

/** What is to be changed in a value: at that place put this, or, without `value`, take away what is there. */
export interface Change {
  readonly at: readonly (string | number)[];
  readonly value?: unknown;
}

/** Every way to break the value that the schema offers: each constraint, type, required and unknown field once. */
export function changesOf(
  contract: Contract,
  schema: Schema,
  value: unknown,
  at: Change['at'] = [],
): Change[] {
  const own = contract.resolve(schema);
  const here = (values: readonly unknown[]): Change[] => values.map((one) => ({ at, value: one }));
  switch (own.type) {
    case 'object':
      return [...here(VALUES), ...objectChanges(contract, own, Object(value), at)];
    case 'array':
      return [...here(VALUES), ...arrayChanges(contract, own, value, at)];
    case 'integer':
      return here([
        ...NUMBERS,
        ...(own.minimum === undefined ? [] : [own.minimum, own.minimum - 1]),
        ...above(own),
      ]);
    default:
      return here(textsFor(own));
  }
}

const above = ({ maximum }: Schema): number[] => (maximum === undefined ? [] : [maximum, maximum + 1]);

function textsFor({ format, pattern, enum: words, maxLength = 0 }: Schema): unknown[] {
  const long = 'a'.repeat(maxLength + 1);
  if (words)
    return [...VALUES, ...words.slice(0, 2).map((word) => ` ${String(word).toLowerCase()}`), 'XXX', 'XAU'];
  return [
    ...VALUES,
    ...TEXTS,
    ...(format === 'uuid' ? IDS : []),
    ...(pattern?.includes('@') ? ADDRESSES : []),
    long,
  ];
}

function objectChanges(
  contract: Contract,
  own: Schema,
  value: Record<string, unknown>,
  at: Change['at'],
): Change[] {
  return [
    ...NAMES.map((name) => ({ at: [...at, name], value: 'x' })),
    ...['__proto__', 'constructor'].map((name) => ({ at: [...at, name], value: { polluted: true } })),
    ...(own.required ?? []).map((name) => ({ at: [...at, name] })),
    ...Object.entries(own.properties ?? {}).flatMap(([name, one]) =>
      name in value ? changesOf(contract, one, value[name], [...at, name]) : [],
    ),
  ];
}

function arrayChanges(contract: Contract, own: Schema, value: unknown, at: Change['at']): Change[] {
  const items = Array.isArray(value) ? value : [];
  const tooMany = Array.from({ length: (own.maxItems ?? 0) + 1 }, () => items[0]);
  return [
    { at, value: [...items, null] },
    ...(own.maxItems === undefined
      ? []
      : [
          { at, value: tooMany.slice(1) },
          { at, value: tooMany },
        ]),
    ...(items.length > 0 && own.items ? changesOf(contract, own.items, items[0], [...at, 0]) : []),
  ];
}

/** The value with the change made. Its names may be any, `__proto__` too. */
export function changed(value: unknown, change: Change): unknown {
  const [key, ...rest] = change.at;
  if (key === undefined) return change.value;
  if (Array.isArray(value))
    return value.map((one, i) => (i === key ? changed(one, { ...change, at: rest }) : one));
  const entries = new Map(Object.entries(Object(value)));
  if (rest.length === 0 && !('value' in change)) entries.delete(String(key));
  else entries.set(String(key), changed(entries.get(String(key)), { ...change, at: rest }));
  return Object.fromEntries(entries); // defines `__proto__` as a field like any other
}
