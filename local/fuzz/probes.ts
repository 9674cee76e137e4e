/** Which requests are sent: the n-th follows from the seed, n, and what there is already. */
import { createHmac } from 'node:crypto';
import { type Random, randomFrom } from '../prove/chance.ts';
import type { Contract, Operation, Parameter } from './contract.ts';
import * as nasty from './nasty.ts';
import { changed, changesOf, type Known as Ids, pick, validValue } from './values.ts';

export interface Known extends Ids {
  /** Of letters that are on their way: what is done to dead ones is refused for them. */
  readonly messages: readonly string[];
  readonly cursors: readonly string[];
}

export interface Credentials {
  readonly apiKey: string;
  /** `name:password` */
  readonly operator: string;
  /** As the provider shows it, `whsec_…`. */
  readonly webhookSecret: string;
}

/**
 * What the sender knows of the answer. `fine`: it is not refused, but perhaps by the state of things. `refused`: whatever it is, not 2xx.
 * `denied`: nor is anything done, for want of credentials.
 */
type Expected = 'fine' | 'refused' | 'denied' | 'anything';

export interface Probe {
  readonly n: number;
  readonly kind: Kind;
  readonly method: string;
  readonly path: string;
  /** One may come twice. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Buffer | undefined;
  /** In place of all that: what goes over a socket of its own. */
  readonly bytes?: string | Buffer;
  readonly expected: Expected;
}

export interface Source {
  readonly contract: Contract;
  readonly credentials: Credentials;
  readonly known: Known;
  readonly seed: number;
}

type Made = Omit<Probe, 'n' | 'kind'>;
type Maker = (source: Source, random: Random, n: number) => Made;

/** How often each kind is sent, in a hundred. */
const KINDS = {
  valid: [24, valid],
  body: [28, brokenBody],
  text: [8, brokenText],
  parameter: [12, brokenParameter],
  header: [8, oddHeader],
  credentials: [5, wrongCredentials],
  method: [4, wrongMethod],
  path: [4, oddPath],
  elsewhere: [3, elsewhere],
  bytes: [4, oddBytes],
} as const satisfies Readonly<Record<string, readonly [weight: number, make: Maker]>>;
type Kind = keyof typeof KINDS;

const LOT = Object.entries(KINDS).flatMap(([kind, [weight]]) => Array<Kind>(weight).fill(kind as Kind)); // their keys are these

export function probeOf(source: Source, n: number): Probe {
  const random = randomFrom(source.seed, `request ${n}`);
  const kind = pick(LOT, random);
  return { n, kind, ...KINDS[kind][1](source, random, n) };
}

const JSON_TYPE = ['content-type', 'application/json'] as const;

/** The request that the operation wants. Its key is of this run alone, since the stores may be those of an earlier one. */
function rightRequest(source: Source, operation: Operation, random: Random, n: number): Made {
  const { contract, known } = source;
  const wished = operation.parameters.filter((one) => one.required || random() < 0.3);
  // A cursor belongs to the list that it came with: ours are of the list of all.
  const given = wished.some(({ name }) => name === 'cursor')
    ? wished.filter(({ name }) => name !== 'customerId' && name !== 'status')
    : wished;
  const value = (one: Parameter) => encodeURIComponent(String(rightValue(source, operation, one, random)));
  const query = given.filter((one) => one.in === 'query').map((one) => `${one.name}=${value(one)}`);
  const path = operation.path.replace(/\{(\w+)\}/g, () => pick(idsFor(operation, known), random));
  const body = operation.body && JSON.stringify(validValue(contract, operation.body, known, random));
  const headers = given
    .filter((one) => one.in === 'header' && !one.name.startsWith('svix-'))
    .map(
      (one) =>
        [
          one.name,
          one.name === 'idempotency-key'
            ? `fuzz-${known.orders[0]}-${n}`
            : rightValue(source, operation, one, random),
        ] as const,
    );
  return {
    method: operation.method,
    path: query.length > 0 ? `${path}?${query.join('&')}` : path,
    headers: [
      ...credentialsFor(source, operation, body ?? '', n),
      ...headers,
      ...(body === undefined ? [] : [JSON_TYPE]),
    ],
    body,
    // What takes a body that the document does not describe can't be asked rightly.
    expected:
      (operation.security.includes('webhook') && !operation.body) || !mayBeNamed(operation)
        ? 'anything'
        : 'fine',
  };
}

const idsFor = ({ path }: Operation, known: Known) =>
  path.startsWith('/customers') ? known.customers : path.startsWith('/admin') ? known.messages : known.orders;

/** What there is none of cannot be asked for rightly. */
const mayBeNamed = ({ path }: Operation) => !path.startsWith('/admin/api/dead-letters/redrives/{id}');

function rightValue(
  { contract, known }: Source,
  operation: Operation,
  one: Parameter,
  random: Random,
): string {
  const { name, schema, example } = one;
  if (name === 'id') return pick(idsFor(operation, known), random);
  if (name === 'customerId') return pick(known.customers, random);
  if (name === 'cursor') return pick(known.cursors, random);
  const own = contract.resolve(schema);
  return String(own.enum ? pick(own.enum, random) : example);
}

function credentialsFor(
  { credentials: { apiKey, webhookSecret, operator } }: Source,
  { security }: Operation,
  body: string,
  n: number,
): [string, string][] {
  if (security.includes('bearer')) return [['authorization', `Bearer ${apiKey}`]];
  if (security.includes('basic'))
    return [
      ['authorization', `Basic ${Buffer.from(operator).toString('base64')}`],
      ['sec-fetch-site', 'same-origin'],
    ];
  if (!security.includes('webhook')) return [];
  const [id, timestamp] = [`msg_${n}`, String(Math.floor(Date.now() / 1_000))];
  const secret = Buffer.from(webhookSecret.replace('whsec_', ''), 'base64');
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  return [
    ['svix-id', id],
    ['svix-timestamp', timestamp],
    ['svix-signature', `v1,${signature}`],
  ];
}

const any = ({ contract }: Source, random: Random): Operation => pick(contract.operations, random);
const anyWithBody = ({ contract }: Source, random: Random): Operation =>
  pick(
    contract.operations.filter(({ body }) => body),
    random,
  );

function valid(source: Source, random: Random, n: number): Made {
  return rightRequest(source, any(source, random), random, n);
}

/** The body given another; signed again where it is signed. */
function withBody(source: Source, operation: Operation, right: Made, body: string | Buffer, n: number): Made {
  const others = right.headers.filter(
    ([name]) => !name.startsWith('svix-') && !['authorization', 'sec-fetch-site'].includes(name),
  );
  const credentials = credentialsFor(source, operation, String(body), n);
  return { ...right, headers: [...credentials, ...others], body };
}

function brokenBody(source: Source, random: Random, n: number): Made {
  const operation = anyWithBody(source, random);
  const right = rightRequest(source, operation, random, n);
  const value: unknown = JSON.parse(String(right.body));
  const schema = operation.body ?? {};
  const body = JSON.stringify(changed(value, pick(changesOf(source.contract, schema, value), random)));
  const expected = source.contract.accepts(schema, JSON.parse(body)) ? 'anything' : 'refused';
  return { ...withBody(source, operation, right, body, n), expected };
}

function brokenText(source: Source, random: Random, n: number): Made {
  const operation = random() < 0.8 ? anyWithBody(source, random) : any(source, random);
  const right = rightRequest(source, operation, random, n);
  const body = pick(nasty.BODIES, random)(String(right.body ?? '{"a":1}'));
  const headers = [...right.headers.filter(([name]) => name !== 'content-type'), JSON_TYPE];
  return { ...withBody(source, operation, { ...right, headers }, body, n), expected: 'anything' };
}

function brokenParameter(source: Source, random: Random, n: number): Made {
  const operation = pick(
    source.contract.operations.filter(({ parameters }) => parameters.length > 0),
    random,
  );
  const right = rightRequest(source, operation, random, n);
  const bad = pick(
    [...nasty.TEXTS.filter((text) => text.length < 5_000), ...nasty.IDS, ...nasty.NUMBERS.map(String)],
    random,
  );
  const one = pick(operation.parameters, random);
  const coded = encodeURIComponent(bad.toWellFormed());
  const [path = '', query = ''] = right.path.split('?');
  if (one.in === 'path')
    return { ...right, path: operation.path.replace(/\{\w+\}/, coded || '%20'), expected: 'anything' };
  const name = random() < 0.3 ? encodeURIComponent(pick(nasty.NAMES, random).toWellFormed()) : one.name;
  const twice = random() < 0.1 ? `&${name}=${coded}` : '';
  return {
    ...right,
    path: `${path}?${query && `${query}&`}${name}=${coded}${twice}`,
    expected: isKnown(operation, name) ? 'anything' : 'refused',
  };
}

const isKnown = ({ parameters }: Operation, name: string): boolean =>
  parameters.some((one) => one.in === 'query' && one.name === name) ||
  !parameters.some((one) => one.in === 'query');

function oddHeader(source: Source, random: Random, n: number): Made {
  const operation = any(source, random);
  const right = rightRequest(source, operation, random, n);
  const without = (name: string) => right.headers.filter(([one]) => one !== name);
  const [name, value] = pick(
    [
      ['content-type', pick(nasty.CONTENT_TYPES, random)],
      ['content-type', 'application/json'],
      ['content-encoding', pick(['gzip', 'br', 'deflate', 'identity', 'x, gzip', ''], random)],
      ['idempotency-key', pick(nasty.IDEMPOTENCY_KEYS, random)],
      ['accept', pick(['text/html', 'application/xml', '', 'q=,', '*/*;q=0'], random)],
      ['if-none-match', pick(['*', '"x"', 'W/"x"', '"', '', '"x", "y"'], random)],
      ['x-http-method-override', 'DELETE'],
      ['x-forwarded-for', pick(['127.0.0.1', 'x', '::1, 1'], random)],
      ['origin', pick(['null', 'https://elsewhere.example'], random)],
      ['range', 'bytes=0-1'],
      ['expect', 'x'],
      ['cookie', '__proto__=x; a=b'],
      ['x-long', 'a'.repeat(20_000)],
    ] as const,
    random,
  );
  const headers =
    random() < 0.15 ? [...right.headers, [name, value] as const] : [...without(name), [name, value] as const];
  return { ...right, headers, expected: 'anything' };
}

function wrongCredentials(source: Source, random: Random, n: number): Made {
  const operation = any(source, random);
  const right = rightRequest(source, operation, random, n);
  const others = right.headers.filter(([name]) => name !== 'authorization' && name !== 'svix-signature');
  const { apiKey } = source.credentials;
  const wrong = pick(
    [...nasty.AUTHORIZATIONS, `Bearer ${apiKey}x`, `Bearer ${apiKey.slice(0, -1)}`, `Basic ${apiKey}`],
    random,
  );
  const given = random() < 0.2 ? [] : [['authorization', wrong] as const];
  return {
    ...right,
    headers: [...others, ...given],
    expected: operation.security.length > 0 ? 'denied' : 'anything',
  };
}

function wrongMethod(source: Source, random: Random, n: number): Made {
  const right = rightRequest(source, any(source, random), random, n);
  return { ...right, method: pick(nasty.METHODS, random), expected: 'anything' };
}

function oddPath(source: Source, random: Random): Made {
  const headers = [['authorization', `Bearer ${source.credentials.apiKey}`] as const];
  return {
    method: pick(['GET', 'GET', 'POST', 'HEAD'], random),
    path: pick(nasty.PATHS, random),
    headers,
    expected: 'anything',
  };
}

function elsewhere(_source: Source, random: Random): Made {
  const method = pick(nasty.METHODS, random);
  if (random() < 0.5)
    return { method, path: pick(nasty.ELSEWHERE, random), headers: [], expected: 'anything' };
  return { method, path: pick(nasty.DASHBOARD, random), headers: [], expected: 'denied' };
}

function oddBytes(source: Source, random: Random, n: number): Made {
  const order =
    source.contract.operations.find(({ route }) => route === 'POST /orders') ?? anyWithBody(source, random);
  const text = String(rightRequest(source, order, random, n).body);
  const bytes = pick(nasty.BYTES, random)(source.credentials.apiKey, text);
  return { method: '', path: '', headers: [], bytes, expected: 'anything' };
}
