/**
 * The provider of a proof: the local mailbox with its troubles. It lives in the process that proves: nothing there is
 * ever killed, its letters are on disk before it answers, and orders and letters are timed by one clock.
 */
import { type Interception, startMailbox } from '../mailbox.ts';
import type { Random } from './chance.ts';
import type { FaultName } from './schedule.ts';

export type Trouble = Extract<FaultName, `provider-${string}`>;

export interface Provider {
  readonly url: string;
  /** Requests so far, whatever became of them. */
  requests(): number;
  /** From now on such trouble meets all requests, or half of them, by chance; undefined ends it. */
  trouble(trouble: Trouble | undefined, random?: Random): void;
  close(): Promise<void>;
}

const refusal = (statusCode: number, name: string, headers: Record<string, string> = {}): Interception => ({
  status: statusCode,
  headers,
  body: { statusCode, name, message: 'A trouble made by npm run prove.' },
});

const either = (random: Random, one: Interception, other: Interception) => (random() < 0.5 ? one : other);

const ANSWERS: Readonly<Record<Trouble, (random: Random) => Interception>> = {
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
};

/** Half of all troubles meet every request; the others half of them, so that some pass while others fail. */
const SHARES = [0.5, 1] as const;

/** Starts it; each accepted letter is a line of `file`. */
export async function openProvider(file: string): Promise<Provider> {
  const mailbox = await startMailbox({ file, ratePerSecond: Number.POSITIVE_INFINITY });
  let requests = 0;
  let answer: (() => Interception | undefined) | undefined;
  mailbox.intercept(() => {
    requests += 1;
    return answer?.();
  });
  return {
    url: mailbox.url,
    requests: () => requests,
    trouble(trouble, random = Math.random) {
      const share = SHARES[Math.floor(random() * SHARES.length)] ?? 1;
      answer = trouble && (() => (random() < share ? ANSWERS[trouble](random) : undefined));
    },
    close: mailbox.close,
  };
}
