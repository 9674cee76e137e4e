/**
 * After the faults: waits until the ledger has nothing unfinished, and acts on dead letters as a person would, who looks
 * at the provider's own record before saying anything about an unknown outcome.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/database.ts';
import {
  backlog,
  confirmNotSent,
  confirmSent,
  type DeadLetter,
  deadLetters,
  retryMessage,
} from '../../src/outbox.ts';
import type { Transport } from './evidence.ts';

const OPERATOR = 'prove';
const LOOK_MS = 250;
/** How long the failed set may take to become the mirror of the ledger's dead letters, once nothing else is on its way. */
const MIRROR_MS = 20_000;
/** When all is finished, what might still send a letter twice gets the time to do so. */
const QUIET_MS = 3_000;
const PAGE = 500;

/** A dead letter as it was found, before anybody moved it. */
export interface Death {
  readonly messageId: string;
  readonly orderId: string;
  readonly run: number;
  readonly reason: string;
  /** Whether the provider's record has a letter of it all the same. */
  readonly accepted: boolean;
}

export interface Drained {
  /** Whether nothing unfinished was left in time. */
  readonly ended: boolean;
  readonly ms: number;
  readonly deaths: readonly Death[];
  /** Messages that were confirmed as not sent, once for each time: each may have one more key. */
  readonly rewritten: readonly string[];
  /** Dead letters that were retried, by reason. */
  readonly retried: Readonly<Record<string, number>>;
  /** Letters of unknown outcome, settled by a look at the provider's record. */
  readonly confirmed: { readonly sent: number; readonly notSent: number };
  /** Job ids that the failed set lacked, and those that it had too much, when it ought to have been a mirror. */
  readonly mirror: {
    readonly looked: number;
    readonly missing: readonly string[];
    readonly surplus: readonly string[];
  };
}

export async function drain(
  {
    db,
    transport,
    acceptedMessages,
  }: {
    db: Database;
    transport: Transport;
    /** The messages of all letters that the provider has accepted. */
    acceptedMessages: () => ReadonlySet<string>;
  },
  seconds: number,
  signal: AbortSignal,
): Promise<Drained> {
  const began = performance.now();
  const retried: Record<string, number> = {};
  const confirmed = { sent: 0, notSent: 0 };
  const deaths: Death[] = [];
  const rewritten: string[] = [];
  const mirror = { looked: 0, missing: new Set<string>(), surplus: new Set<string>() };
  const inTime = () => performance.now() - began < seconds * 1_000;

  while (inTime() && !(await isQuiet())) {
    signal.throwIfAborted();
    const { staged, enqueued, dead } = await backlog(db);
    if (staged + enqueued === 0 && dead > 0) {
      await lookAtMirror();
      await actOnDead();
    }
    await delay(LOOK_MS);
  }

  async function isQuiet(): Promise<boolean> {
    const before = await finished();
    if (!before) return false;
    await delay(QUIET_MS, undefined, { signal });
    return finished();
  }

  async function finished(): Promise<boolean> {
    const { staged, enqueued, dead } = await backlog(db);
    return staged + enqueued + dead === 0 && (await transport.waiting()) === 0;
  }

  /** The failed set shows exactly the dead letters, before anybody moves them. */
  async function lookAtMirror(): Promise<void> {
    const until = performance.now() + MIRROR_MS;
    for (;;) {
      const wanted = new Set(
        (await allDead()).filter(({ reason }) => reason !== 'not_enqueueable').map(jobOf),
      );
      const failed = new Set(await transport.failed());
      const missing = [...wanted].filter((id) => !failed.has(id));
      const surplus = [...failed].filter((id) => !wanted.has(id));
      if (missing.length + surplus.length === 0 || performance.now() > until) {
        mirror.looked += wanted.size;
        for (const id of missing) mirror.missing.add(id);
        for (const id of surplus) mirror.surplus.add(id);
        return;
      }
      signal.throwIfAborted();
      await delay(LOOK_MS);
    }
  }

  async function actOnDead(): Promise<void> {
    const accepted = acceptedMessages(); // all is at rest: nothing more is accepted meanwhile
    for (const letter of await allDead()) {
      const { id, orderId, run, reason } = letter;
      deaths.push({ messageId: id, orderId, run, reason, accepted: accepted.has(id) });
      if (letter.reason === 'outcome_unknown') {
        await confirm(letter.id, accepted);
      } else if (
        (await retryMessage(db, { id: letter.id, run: letter.run, operator: OPERATOR })) === 'done'
      ) {
        retried[letter.reason] = (retried[letter.reason] ?? 0) + 1;
      }
    }
  }

  async function confirm(id: string, accepted: ReadonlySet<string>): Promise<void> {
    const [act, which] = accepted.has(id)
      ? ([confirmSent, 'sent'] as const)
      : ([confirmNotSent, 'notSent'] as const);
    const note = "by the provider's record";
    if ((await act(db, { id, operator: OPERATOR, note })) !== 'done') return;
    confirmed[which] += 1;
    if (which === 'notSent') rewritten.push(id);
  }

  async function allDead(): Promise<DeadLetter[]> {
    const all: DeadLetter[] = [];
    for (;;) {
      const last = all.at(-1);
      const page = await deadLetters(db, { limit: PAGE, ...(last ? { after: last } : {}) });
      all.push(...page);
      if (page.length < PAGE) return all;
    }
  }

  return {
    ended: await finished(),
    ms: performance.now() - began,
    deaths,
    rewritten,
    retried,
    confirmed,
    mirror: { looked: mirror.looked, missing: [...mirror.missing], surplus: [...mirror.surplus] },
  };
}

const jobOf = ({ id, run }: { id: string; run: number }) => `${id}-${run}`;
