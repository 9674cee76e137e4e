/** Where a request is judged and its letters are kept: credentials, rate, idempotency key, letter, address, in this order. */

import { setTimeout as wait } from 'node:timers/promises';
import { countFailures, SLOW_MS, troublesOf } from './addresses.ts';
import {
  type Answer,
  INVALID_API_KEY,
  isRefusal,
  MISSING_API_KEY,
  type Refusal,
  refuse,
  tooManyRequests,
  validationError,
} from './answers.ts';
import { fingerprintOf, rememberKeys, wrongKey } from './keys.ts';
import type { AcceptedLetter } from './letter.ts';
import { limitRate } from './rate.ts';
import { type Order, readBatch, readSingle } from './rules.ts';
import { openShelf } from './shelf.ts';

/** A request to the API, as far as the rules look at it. */
export interface Call {
  path: string;
  authorization: string | undefined;
  contentType: string;
  permissive: boolean;
  key: string | null;
  text: string;
  /** The parsed text, or undefined when it is not JSON. */
  json: unknown;
}

/** What the rules make of a request, and whether its client is to hear of it. */
interface Judgement {
  answer: Answer;
  hangUp: boolean;
}

export interface Office {
  judge(call: Call): Promise<Judgement>;
  /** Oldest first. */
  letters(): readonly AcceptedLetter[];
  clear(): void;
  /** Ends what is still waiting, without accepting it. */
  close(): void;
}

/** Throws when the file cannot be written. */
export function openOffice(settings: {
  apiKey: string | undefined;
  ratePerSecond: number;
  file: string | undefined;
}): Office {
  const { apiKey, ratePerSecond, file } = settings;
  const shelf = openShelf(file);
  const keys = rememberKeys();
  const rate = limitRate(ratePerSecond);
  const failures = countFailures();
  const closing = new AbortController();

  async function judge(call: Call): Promise<Judgement> {
    const stranger = wrongCredentials(call.authorization, apiKey);
    if (stranger) return refused(stranger);
    const { allowed, headers } = rate.take();
    const reason = `You can only make ${ratePerSecond} requests per second.`;
    const { answer, hangUp } = allowed ? await judgeKey(call) : refused(tooManyRequests(reason));
    return { answer: { ...answer, headers: { ...headers, ...answer.headers } }, hangUp };
  }

  async function judgeKey(call: Call): Promise<Judgement> {
    const fault = wrongKey(call.key) ?? wrongForm(call);
    if (fault) return refused(fault);
    if (call.key === null) return admit(call);
    const claim = keys.claim(call.key, payloadOf(call));
    if (claim !== 'claimed') return { answer: claim, hangUp: false };
    let accepted: Answer | null = null;
    try {
      const judgement = await admit(call);
      if (judgement.answer.status === 200) accepted = judgement.answer;
      return judgement;
    } finally {
      keys.settle(call.key, accepted);
    }
  }

  async function admit(call: Call): Promise<Judgement> {
    const order = readOrder(call);
    if (isRefusal(order)) return refused(order);
    const troubles = troublesOf(order.drafts.flatMap((draft) => draft.to));
    const who = call.key ?? fingerprintOf(payloadOf(call));
    const failure = failures.next(troubles, who);
    if (failure) return { answer: failure, hangUp: false };
    if (troubles.has('slow')) await wait(SLOW_MS, undefined, { signal: closing.signal });
    const ids = shelf.accept(order.drafts, call.key);
    failures.forget(who);
    return { answer: { status: 200, body: order.success(ids) }, hangUp: troubles.has('hangup') };
  }

  return {
    judge,
    letters: shelf.all,
    clear() {
      for (const part of [keys, rate, shelf, failures]) part.clear();
    },
    close: () => closing.abort(),
  };
}

function wrongCredentials(
  authorization: string | undefined,
  apiKey: string | undefined,
): Refusal | undefined {
  const key = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (key === undefined) return MISSING_API_KEY;
  return (apiKey === undefined ? key.startsWith('re_') : key === apiKey) ? undefined : INVALID_API_KEY;
}

function wrongForm({ contentType, json }: Call): Refusal | undefined {
  if (!/^application\/json\s*(;|$)/i.test(contentType)) {
    return validationError('The content type must be application/json.', 400);
  }
  return json === undefined ? validationError('The request body is not valid JSON.', 400) : undefined;
}

function readOrder({ path, json, text, permissive }: Call): Order | Refusal {
  return path === '/emails' ? readSingle(json, text) : readBatch(json, text, permissive);
}

function payloadOf({ path, text }: Call): string {
  return `${path}\n${text}`;
}

function refused(refusal: Refusal): Judgement {
  return { answer: refuse(refusal), hangUp: false };
}
