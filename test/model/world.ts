/**
 * What there is in the model: the ledger's messages and letters, Redis's jobs, the provider's memory, and where each process
 * stands in its code. Whatever the system itself cannot see (what the provider truly accepted) is marked as a ghost.
 */
import type { State } from '../../src/life.ts';

/** Hours on the only clock, one number for each phase: at first, 23 hours later, and another hour later. */
export const HOURS = [0, 23, 24] as const;
export type Phase = 0 | 1 | 2;
/** For so long the provider knows a key again. */
export const WINDOW_HOURS = 24;
/** Attempts of one run: the second is the last. */
export const ATTEMPTS = 2;

export interface Letter {
  inForce: boolean;
  /** `first_unknown_at`. */
  unknownSince: Phase | null;
  /** Whether the ledger knows of its acceptance. */
  accepted: boolean;
  /** Ghost: when the provider last took it under this key for a letter that it had not seen. */
  taken: Phase | null;
  /** Ghost: it was sent out, under whichever key. */
  sentOut: boolean;
  /** The envelope that it shares. */
  envelope: number | null;
  /** `largest_batch = 1`: it shares no other. */
  alone: boolean;
}

/** Several letters in one request. */
export interface Envelope {
  /** By their runs at its latest call. */
  members: readonly Member[];
  /** Attempts spent. */
  spent: number;
  /** Whether it may be called for: no pause, and nobody's lease. */
  due: boolean;
  /** The ledger knows of it no more. */
  gone: boolean;
  /** Ghost: when the provider last took it under its key for one that it had not seen. */
  taken: Phase | null;
}

export interface Member {
  readonly m: number;
  readonly run: number;
  readonly letter: number;
}

export interface Job {
  state: 'none' | 'waiting' | 'active' | 'completed' | 'failed';
  /** Attempts spent. */
  spent: number;
  /** The letter that its value names as accepted. */
  value: number | null;
}

export interface Message {
  /** Ghost: its order's client has its 201. */
  acknowledged: boolean;
  /** Undefined until it is staged. */
  state: State | undefined;
  run: number;
  /** `enqueued_at is not null` of one that is dead: it had a job. */
  hadJob: boolean;
  reason: 'outcome_unknown' | 'refused' | 'other' | null;
  /** Ghost: the run of the job that it died of. */
  diedOf: number;
  /** Ghost: Redis has had a job of this run. */
  given: boolean;
  letters: Letter[];
  /** By run: that of run 1 comes first. */
  jobs: Job[];
  /** Ghost: letters that the provider sent out. */
  deliveries: number;
  /** Ghost: how often a person had it written anew. */
  rewritten: number;
}

export interface Batch {
  step: 'read' | 'added' | 'marked' | 'refused';
  entries: { readonly m: number; readonly run: number }[];
}

/** One thing that the relay's other loop is about. */
export interface Healing {
  what: 'epoch' | 'overdue' | 'dead' | 'failed';
  step: 'read' | 'adopt' | 'remove' | 'gone' | 'restaged' | 'leased' | 'written';
  m: number;
  run: number;
  /** `overdue`: its mark is still the one that was read. `epoch`: the ledger's mark is still the one that it wrote. */
  current: boolean;
  /** `epoch`: the messages enqueued since the loss was noticed, as bits. */
  since: number;
  /** The letter that the job's value named when it was looked at. */
  value: number | null;
}

export interface Relay {
  /** What it believes. */
  leads: boolean;
  /** What the ledger says. */
  lease: boolean;
  batch: Batch | null;
  healing: Healing | null;
  /** Only for a relay that reads on from the last number. */
  cursor: number;
}

/** A job in hand. */
export interface Hand {
  m: number;
  run: number;
  lastAttempt: boolean;
  /** Whether the job's lock is still its own. */
  locked: boolean;
  step:
    | 'taken'
    | 'hopeless'
    | 'sending'
    | 'opened'
    | 'accepted'
    | 'unknown'
    | 'refused'
    | 'held'
    | 'completes'
    | 'fails'
    | 'fails for good'
    | 'postpones';
  letter: number | null;
  unknownBefore: Phase | null;
  /** Whether its call is the letter's latest, or the envelope's. */
  latest: boolean;
  /** Another job of the same notifier, while both go the same way. */
  mate: Mate | null;
  /** The envelope that is called for. */
  envelope: number | null;
}

interface Mate {
  m: number;
  run: number;
  lastAttempt: boolean;
  locked: boolean;
}

/** How much may still go wrong or be done by people. */
export interface Bounds {
  /** Processes killed, at any step. */
  crash: number;
  /** Locks and leases lost by a process that lives on. */
  stall: number;
  /** Times that Redis loses everything. */
  loss: number;
  /** Answers that never come, whether the letter was accepted or not. */
  silence: number;
  /** Answers that say no: for good, or for now. */
  refusal: number;
  /** Acceptances that cannot be written down before the process must end. */
  unmarked: number;
  /** Jobs that fail by another hand than the notifier's. */
  buried: number;
  /** Messages that Redis refuses while it takes others. */
  unenqueueable: number;
  /** Faults of whatever kind altogether. */
  any: number;
  /** Acts of a person. */
  person: number;
  /** Steps of the clock. */
  hours: number;
  /** Envelopes that are made. */
  envelopes: number;
}

export interface World {
  phase: Phase;
  left: Bounds;
  messages: Message[];
  /** Redis carries the ledger's mark. */
  marked: boolean;
  /** The lease is held by somebody who is dead. */
  orphanedLease: boolean;
  relays: Relay[];
  envelopes: Envelope[];
  /** What each notifier has in hand. */
  hands: (Hand | null)[];
  /** What the monitor has seen in the failed set. */
  monitor: { readonly m: number; readonly run: number } | null;
}

const NOTHING: Bounds = {
  ...{ crash: 0, stall: 0, loss: 0, silence: 0, refusal: 0 },
  ...{ unmarked: 0, buried: 0, unenqueueable: 0, person: 0, hours: 0, envelopes: 0 },
  any: 9,
};

/** A world before the first order, in which one relay leads. */
export function begin(messages: number, bounds: Partial<Bounds>): World {
  const relay = (leads: boolean): Relay => ({
    ...{ leads, lease: leads, batch: null, healing: null, cursor: -1 },
  });
  return {
    phase: 0,
    left: { ...NOTHING, ...bounds },
    messages: Array.from({ length: messages }, unborn),
    marked: true,
    orphanedLease: false,
    relays: [relay(true), relay(false)],
    envelopes: [],
    hands: [null, null],
    monitor: null,
  };
}

const unborn = (): Message => ({
  ...{ acknowledged: false, state: undefined, run: 1, hadJob: false, reason: null, diedOf: 0 },
  ...{ given: false, letters: [], jobs: [noJob()], deliveries: 0, rewritten: 0 },
});

export const noJob = (): Job => ({ state: 'none', spent: 0, value: null });

export function copy(world: World): World {
  return {
    ...world,
    left: { ...world.left },
    messages: world.messages.map((message) => ({
      ...message,
      letters: message.letters.map((letter) => ({ ...letter })),
      jobs: message.jobs.map((job) => ({ ...job })),
    })),
    relays: world.relays.map((relay) => ({
      ...relay,
      batch: relay.batch && { ...relay.batch },
      healing: relay.healing && { ...relay.healing },
    })),
    envelopes: world.envelopes.map((envelope) => ({ ...envelope })),
    hands: world.hands.map((hand) => hand && { ...hand, mate: hand.mate && { ...hand.mate } }),
  };
}

export type Fault = Exclude<keyof Bounds, 'any' | 'person' | 'hours' | 'envelopes'>;

export const mayGoWrong = ({ left }: World, fault: Fault) => left[fault] > 0 && left.any > 0;

/** The same world, in which this may go wrong once less. */
export function spend(world: World, fault: Fault): World {
  const next = copy(world);
  next.left[fault] -= 1;
  next.left.any -= 1;
  return next;
}

// ── Keys ──

/** The same text for two worlds that differ only in who is called the first and who the second. */
export function keyOf(world: World, ordered: boolean): string {
  const straight = textOf(world, STRAIGHT);
  if (ordered || world.messages.length < 2) return straight;
  const swapped = textOf(world, SWAPPED);
  return swapped < straight ? swapped : straight;
}

const STRAIGHT = [0, 1] as const;
const SWAPPED = [1, 0] as const;
type Naming = typeof STRAIGHT | typeof SWAPPED;

function textOf(world: World, naming: Naming): string {
  const name = (m: number) => naming[m as 0 | 1]; // there are no more than two messages
  const messages = world.messages.map((_, m) => messageText(world.messages[name(m)] as Message));
  const [a, b] = world.relays.map((relay) => relayText(relay, name));
  const [c, d] = world.hands.map((hand) => (hand ? handText(hand, name) : ''));
  const { monitor, left } = world;
  return [
    `${world.phase}${+world.marked}${+world.orphanedLease}`,
    `${left.crash}${left.stall}${left.loss}${left.silence}${left.refusal}${left.unmarked}${left.buried}${left.unenqueueable}${left.any}${left.person}${left.envelopes}`,
    ...messages,
    ...world.envelopes.map((envelope) => envelopeText(envelope, name)),
    ...inOrder(a ?? '', b ?? ''),
    ...inOrder(c ?? '', d ?? ''),
    monitor ? `${name(monitor.m)}${monitor.run}` : '',
  ].join('|');
}

const inOrder = (a: string, b: string) => (a < b ? [a, b] : [b, a]);

const none = (value: number | null) => value ?? '-';

function messageText(m: Message): string {
  // Of one that is sent nobody asks any more since when its letter was unknown.
  const sent = m.state === 'sent';
  let text = `${+m.acknowledged}${m.state?.slice(0, 3) ?? ''}${m.run}${+m.hadJob}${m.reason?.slice(0, 2) ?? ''}${m.diedOf}${+(m.given || sent)}${m.deliveries}${m.rewritten}`;
  for (const l of m.letters)
    text += `,${+l.inForce}${sent ? '-' : none(l.unknownSince)}${+l.accepted}${none(l.taken)}${+l.sentOut}${none(l.envelope)}${+l.alone}`;
  for (const j of m.jobs) text += `;${j.state[0]}${j.spent}${none(j.value)}`;
  return text;
}

function relayText({ leads, lease, batch, healing: h, cursor }: Relay, name: (m: number) => number): string {
  let text = `${+leads}${+lease}${cursor < 0 ? '' : cursor}`;
  if (batch) {
    const entries = batch.entries.map(({ m, run }) => `${name(m)}${run}`);
    text += `,${batch.step[2]}${entries.toSorted().join('')}`;
  }
  if (h?.what === 'epoch') {
    const since = [0, 1].reduce((bits, m) => bits | (((h.since >> m) & 1) << name(m)), 0);
    text += `;e${h.step}${+h.current}${since}`;
  } else if (h) text += `;${h.what[0]}${h.step}${name(h.m)}${h.run}${+h.current}${none(h.value)}`;
  return text;
}

function handText(hand: Hand, name: (m: number) => number): string {
  const jobs = [hand, ...(hand.mate ? [hand.mate] : [])].map(
    ({ m, run, lastAttempt, locked }) => `${name(m)}${run}${+lastAttempt}${+locked}`,
  );
  return `${jobs.toSorted().join('+')}${hand.step}${none(hand.letter)}${none(hand.unknownBefore)}${+hand.latest}${none(hand.envelope)}`;
}

function envelopeText(envelope: Envelope, name: (m: number) => number): string {
  const members = envelope.members.map(({ m, run, letter }) => `${name(m)}${run}${letter}`);
  return `${members.toSorted().join('')}${envelope.spent}${+envelope.due}${+envelope.gone}${none(envelope.taken)}`;
}
