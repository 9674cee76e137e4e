/**
 * The provider of a proof: the local mailbox with its troubles. It lives in the process that proves: nothing there is
 * ever killed, its letters are on disk before it answers, and orders and letters are timed by one clock.
 */
import { createHash } from 'node:crypto';
import { type Interception, startMailbox } from '../mailbox.ts';
import type { Random } from './chance.ts';
import type { FaultName } from './schedule.ts';

export type Trouble = Extract<FaultName, `provider-${string}`>;

/** What was asked under one key for one message, whatever became of it. */
export interface Call {
  /** Null without one. */
  readonly key: string | null;
  /** By its tag; empty without one. */
  readonly messageId: string;
  /** How many different texts the requests had: more than one is a letter that was worded anew, or in other company. */
  readonly texts: number;
  /** Whether one of them may have been accepted, since its answer was no refusal that proves otherwise. */
  readonly open: boolean;
}

export interface Provider {
  readonly url: string;
  calls(): readonly Call[];
  /** Requests so far, whatever became of them; and those of them that carried several letters. */
  requests(): { readonly all: number; readonly shared: number };
  /** From now on such trouble meets all requests, or half of them by chance, if it is not total; undefined ends it. */
  trouble(trouble: Trouble | undefined, how?: { random: Random; total?: true | undefined }): void;
  close(): Promise<void>;
}

const refusal = (statusCode: number, name: string, headers: Record<string, string> = {}): Interception => ({
  status: statusCode,
  headers,
  body: { statusCode, name, message: 'A trouble made by npm run prove.' },
});

const either = (random: Random, one: Interception, other: Interception) => (random() < 0.5 ? one : other);

/** Nothing of this is in the provider's documentation: a proxy on the way says it. */
const garbled = (random: Random): Interception =>
  either(
    random,
    either(random, { status: 200, body: {} }, { status: 200, body: '<html>Welcome</html>' }),
    either(
      random,
      { status: 200, body: 'null' },
      { status: 307, headers: { location: 'http://127.0.0.1:9/' } },
    ),
  );

/** What meets a request by itself, whatever else has met it or others. */
type Alone = Exclude<Trouble, 'provider-mixed' | 'provider-letter'>;

const ANSWERS: Readonly<Record<Alone, (random: Random) => Interception>> = {
  'provider-limit': () => refusal(429, 'rate_limit_exceeded', { 'retry-after': '1' }),
  'provider-fail': (random) =>
    either(random, refusal(500, 'internal_server_error'), { status: 503, body: '<html>Unavailable</html>' }),
  'provider-hang': () => 'hang',
  'provider-hang-up': () => 'hang-up',
  'provider-accept-hang': () => 'accept-and-hang',
  'provider-accept-hang-up': () => 'accept-and-hang-up',
  'provider-deny': (random) =>
    either(random, refusal(401, 'restricted_api_key'), refusal(403, 'invalid_api_key')),
  'provider-in-flight': () => refusal(409, 'concurrent_idempotent_requests'),
  'provider-refuse': () => refusal(422, 'validation_error'),
  'provider-garble': garbled,
};

/** Those that meet one letter and not the next; a refusal of all would hold sending, and nothing else would be seen. */
const MIXED: readonly Alone[] = [
  'provider-fail',
  'provider-accept-hang-up',
  'provider-hang-up',
  'provider-in-flight',
  'provider-refuse',
  'provider-garble',
];

function answerTo(trouble: Exclude<Trouble, 'provider-letter'>, random: Random): Interception {
  if (trouble !== 'provider-mixed') return ANSWERS[trouble](random);
  const one = MIXED[Math.floor(random() * MIXED.length)] ?? 'provider-fail';
  return ANSWERS[one](random);
}

/** Half of all troubles meet every request; the others half of them, so that some pass while others fail. */
const SHARES = [0.5, 1] as const;

/** Starts it; each accepted letter is a line of `file`. */
export async function openProvider(file: string): Promise<Provider> {
  const mailbox = await startMailbox({ file, ratePerSecond: Number.POSITIVE_INFINITY });
  const requests = { all: 0, shared: 0 };
  let answer: Answer | undefined;
  const calls = rememberCalls();
  mailbox.intercept(({ idempotencyKey, body }) => {
    requests.all += 1;
    if (Array.isArray(body)) requests.shared += 1;
    const met = answer?.(idempotencyKey, Array.isArray(body));
    calls.note(idempotencyKey, body, !provesRefusal(met));
    return met;
  });
  return {
    url: mailbox.url,
    calls: calls.all,
    requests: () => ({ ...requests }),
    trouble(trouble, { random, total } = { random: Math.random }) {
      const share = total ? 1 : SHARES[Math.floor(random() * SHARES.length)];
      answer = trouble && (trouble === 'provider-letter' ? toOneLetter() : byChance(trouble, random, share));
    },
    close: mailbox.close,
  };
}

type Answer = (key: string | null, shared: boolean) => Interception | undefined;

const byChance =
  (trouble: Exclude<Trouble, 'provider-letter'>, random: Random, share = 1): Answer =>
  () =>
    random() < share ? answerTo(trouble, random) : undefined;

/** The first that comes by alone has bad luck from then on. */
function toOneLetter(): Answer {
  let unlucky: string | null | undefined;
  return (key, shared) => {
    if (!shared) unlucky ??= key;
    return key === unlucky ? refusal(500, 'internal_server_error') : undefined;
  };
}

/** 409 says that the request is under way, or was made before with another text. */
const provesRefusal = (met: Interception | undefined): boolean =>
  typeof met === 'object' && met.status >= 400 && met.status < 500 && met.status !== 409;

/** Every key with what was asked under it: the mailbox itself forgets what it has not accepted. */
function rememberCalls() {
  type Known = { key: string | null; messageId: string; digests: Set<string>; open: boolean };
  const known = new Map<string, Known>();
  return {
    /** A request for one letter, or for several at once. */
    note(key: string | null, body: unknown, open: boolean): void {
      const digest = createHash('sha256')
        .update(JSON.stringify(body) ?? '')
        .digest('base64');
      for (const letter of Array.isArray(body) ? body : [body]) {
        const messageId = messageIdOf(letter);
        const name = JSON.stringify([key, messageId]);
        const call = known.get(name) ?? { key, messageId, digests: new Set(), open: false };
        call.digests.add(digest);
        call.open ||= open;
        known.set(name, call);
      }
    },
    all: (): Call[] => [...known.values()].map(({ digests, ...call }) => ({ ...call, texts: digests.size })),
  };
}

function messageIdOf(body: unknown): string {
  const { tags } = (body ?? {}) as { tags?: readonly { name?: unknown; value?: unknown }[] }; // anything may be sent
  const tag = Array.isArray(tags) ? tags.find(({ name }) => name === 'message_id') : undefined;
  return typeof tag?.value === 'string' ? tag.value : '';
}
