/** The only door to Resend: composes a request's exact text, sends it, and says what the answer proves. */
import { type ErrorResponse, Resend, type Response } from 'resend';
import type { Config } from './config.ts';
import { deadline } from './deadline.ts';
import { passing } from './failpoints.ts';
import type { HoldReason } from './holds.ts';
import type { Letter } from './letters/letter.ts';

/** What an answer means. `code` is from a closed list; `detail` holds the provider's words, which stay in the ledger. */
export type Answer =
  | { readonly kind: 'accepted'; readonly providerId: string }
  /** It may have been accepted: only the same request under the same key may follow. */
  | { readonly kind: 'unknown'; readonly code: string; readonly detail: string | null }
  /** The same request is still being worked on: ask again in a few seconds. */
  | { readonly kind: 'in_flight'; readonly code: string; readonly detail: string | null }
  /** Not accepted, and neither would any other letter be: sending is to be held. `seconds` is the provider's own wish. */
  | {
      readonly kind: 'held';
      readonly code: string;
      readonly detail: string | null;
      readonly reason: HoldReason;
      readonly seconds: number | null;
    }
  /** This letter is refused for good: not accepted now, unless an earlier call of the same key was. */
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string | null }
  /** Our key stands for another text there: whether that was accepted is not to be learned by repeating. */
  | { readonly kind: 'contradicted'; readonly code: string; readonly detail: string | null };

/** Of several letters in one request: all are accepted, or none. The ids stand in the order of the letters. */
type BatchAnswer =
  | { readonly kind: 'accepted'; readonly providerIds: readonly string[] }
  | Exclude<Answer, { kind: 'accepted' }>;

export interface Mailer {
  /** Where idempotency keys count: provider and account. */
  readonly account: string;
  /** The exact text of the request that carries this letter; freeze it and send nothing else. */
  compose(messageId: string, recipient: string, letter: Letter): string;
  /** Sends that text under that key within `EMAIL_TIMEOUT_MS`. Never throws. */
  send(body: string, idempotencyKey: string): Promise<Answer>;
  /** The same with the texts of several letters, as one request: the same texts in the same order are the same request. */
  sendBatch(bodies: readonly string[], idempotencyKey: string): Promise<BatchAnswer>;
}

/** One letter that the provider dislikes refuses them all; its other way would accept some of a request and not the rest. */
const STRICT = { 'x-batch-validation': 'strict' };

export function openMailer(config: Config): Mailer {
  const resend = new Resend(config.resendApiKey, { baseUrl: config.resendBaseUrl });

  /** Makes the request and reads its answer; `idsOf` finds in what the provider gave the ids of all letters, or nothing. */
  async function call(
    path: string,
    request: { readonly body: string; readonly idempotencyKey: string; readonly headers?: object },
    idsOf: (data: unknown) => readonly string[] | undefined,
  ): Promise<BatchAnswer> {
    // `emails.send` would build the body anew, perhaps with other bytes. `post` lets ours through: it spreads these
    // options over its own. Followed redirects would hand the letter to another host.
    const exact = { ...request, redirect: 'manual', signal: AbortSignal.timeout(config.emailTimeoutMs) };
    const post = () => resend.post<unknown>(path, undefined, exact);
    try {
      // The signal frees the connection; the deadline holds whatever the SDK makes of the signal.
      return classify(
        await deadline(passing('mailer.send', post), config.emailTimeoutMs, 'a request'),
        idsOf,
      );
    } catch {
      // The SDK throws only what aborts it: the time is up.
      return { kind: 'unknown', code: 'no_answer', detail: null };
    }
  }

  return {
    account: `${config.resendBaseUrl} ${config.resendAccount}`,
    compose: (messageId, recipient, { subject, html, text }) =>
      JSON.stringify({
        from: config.emailFrom,
        to: [recipient],
        subject,
        html,
        text,
        tags: [{ name: 'message_id', value: messageId }],
      }),
    async send(body, idempotencyKey) {
      const answer = await call('/emails', { body, idempotencyKey }, idsOfOne);
      const [providerId = ''] = answer.kind === 'accepted' ? answer.providerIds : []; // it has one
      return answer.kind === 'accepted' ? { kind: 'accepted', providerId } : answer;
    },
    sendBatch: (bodies, idempotencyKey) =>
      call(
        '/emails/batch',
        { body: `[${bodies.join(',')}]`, idempotencyKey, headers: STRICT },
        idsOfEach(bodies.length),
      ),
  };
}

const isId = (id: unknown): id is string => typeof id === 'string' && id !== '';
const idOf = (letter: unknown): unknown => (letter as { id?: unknown } | null | undefined)?.id; // anything may be answered

function idsOfOne(data: unknown): readonly string[] | undefined {
  const id = idOf(data);
  return isId(id) ? [id] : undefined;
}

/** Fewer ids than letters, or one that is none, leave open which letters were accepted. */
const idsOfEach =
  (count: number) =>
  (answer: unknown): readonly string[] | undefined => {
    const letters = (answer as { data?: unknown } | null)?.data;
    const ids = Array.isArray(letters) ? letters.map(idOf).filter(isId) : [];
    return ids.length === count && new Set(ids).size === count ? ids : undefined;
  };

const QUOTA = new Set(['daily_quota_exceeded', 'monthly_quota_exceeded']);

/** Resend's documented error names, the only ones that leave the ledger as they came. */
const KNOWN_NAMES: ReadonlySet<string> = new Set<ErrorResponse['name']>([
  'application_error',
  'concurrent_idempotent_requests',
  'daily_quota_exceeded',
  'internal_server_error',
  'invalid_access',
  'invalid_api_key',
  'invalid_attachment',
  'invalid_from_address',
  'invalid_idempotency_key',
  'invalid_idempotent_request',
  'invalid_parameter',
  'invalid_region',
  'method_not_allowed',
  'missing_api_key',
  'missing_required_field',
  'monthly_quota_exceeded',
  'not_found',
  'rate_limit_exceeded',
  'restricted_api_key',
  'security_error',
  'validation_error',
]);

/** The SDK hands on the body's word for the status, and not the answer's own: where that is missing, the name tells. */
const STATUS_OF_NAME: Readonly<Record<string, number>> = {
  missing_api_key: 401,
  restricted_api_key: 401,
  invalid_api_key: 403,
  rate_limit_exceeded: 429,
  daily_quota_exceeded: 429,
  monthly_quota_exceeded: 429,
};

/** Read from the top; the first row that matches wins. Only ids mean sent, and only a readable refusal is one. */
function classify(
  { data, error, headers }: Response<unknown>,
  idsOf: (data: unknown) => readonly string[] | undefined,
): BatchAnswer {
  const ids = idsOf(data);
  if (ids) return { kind: 'accepted', providerIds: ids.map(storable) };
  const name = typeof error?.name === 'string' ? error.name : '';
  const status = typeof error?.statusCode === 'number' ? error.statusCode : (STATUS_OF_NAME[name] ?? null);
  const code = status === null ? 'no_answer' : KNOWN_NAMES.has(name) ? name : `http_${status}`;
  const said = { code, detail: typeof error?.message === 'string' ? storable(error.message) : null };

  // The SDK says `application_error` also of what it could not read, whatever its status.
  if (status === null || status < 400 || status >= 500 || status === 408 || name === 'application_error') {
    return { kind: 'unknown', ...said };
  }
  if (status === 409 && name === 'concurrent_idempotent_requests') return { kind: 'in_flight', ...said };
  if (QUOTA.has(name)) return { kind: 'held', ...said, reason: 'quota_exceeded', seconds: null };
  if (status === 429) return { kind: 'held', ...said, reason: 'rate_limited', seconds: retryAfter(headers) };
  if (status === 401 || status === 403)
    return { kind: 'held', ...said, reason: 'provider_denied', seconds: null };
  if (status === 409 && name === 'invalid_idempotent_request') return { kind: 'contradicted', ...said };
  return { kind: 'refused', ...said };
}

/** The provider's words as the ledger can keep them: Postgres takes neither NUL nor half a character. */
const storable = (text: string): string =>
  text
    .slice(0, 500)
    .replaceAll('\0', '')
    .replace(/\p{Cs}/gu, '');

const LONGEST_RETRY_AFTER_S = 3_600;

/** The header's seconds, within reason; one second where it says nothing usable. */
function retryAfter(headers: Record<string, string> | null): number {
  const seconds = Number(headers?.['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, LONGEST_RETRY_AFTER_S) : 1;
}
