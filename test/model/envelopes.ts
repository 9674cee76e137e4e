/** The steps of `src/envelopes.ts`: letters that share a request, under a key of its own. */
import { accept } from './relay.ts';
import { moves, type Rules } from './rules.ts';
import { at, type Steps } from './step.ts';
import {
  ATTEMPTS,
  copy,
  type Envelope,
  type Hand,
  HOURS,
  type Letter,
  type Member,
  type Message,
  type Phase,
  WINDOW_HOURS,
  type World,
} from './world.ts';

/** One notifier with a job of each message: there are no more than two. */
export function* takeBoth(world: World, who: number): Steps {
  const [first, second] = world.messages;
  if (world.left.envelopes === 0 || !first || !second) return;
  for (const [i, one] of first.jobs.entries())
    for (const [j, other] of second.jobs.entries()) {
      if (one.state !== 'waiting' || other.state !== 'waiting') continue;
      const next = copy(world);
      next.left.envelopes -= 1;
      for (const [m, run] of [i + 1, j + 1].entries())
        at(at(next.messages, m).jobs, run - 1).state = 'active';
      next.hands[who] = {
        ...{ m: 0, run: i + 1, lastAttempt: one.spent + 1 >= ATTEMPTS, locked: true },
        ...{ step: 'taken', letter: null, unknownBefore: null, latest: false, envelope: null },
        mate: { m: 1, run: j + 1, lastAttempt: other.spent + 1 >= ATTEMPTS, locked: true },
      };
      yield { actor: 'notifier', who, words: 'takes a job of each message', m: -1, fair: true, next };
    }
}

/** The jobs that a notifier has in hand. */
export const jobsOf = (hand: Hand) => (hand.mate ? [hand, hand.mate] : [hand]);

export const letterInForce = ({ letters }: Message): Letter | undefined =>
  letters.find(({ inForce }) => inForce);

/** Whether a letter may go into a new envelope: not while a call of its own may have been accepted. */
export const mayShare = (message: Message): boolean => {
  const letter = letterInForce(message);
  return (
    !letter || (letter.unknownSince === null && letter.envelope === null && !letter.alone && !letter.accepted)
  );
};

/** `fillEnvelope`. */
export function fill(world: World, rules: Rules, hand: Hand): string {
  const members = jobsOf(hand).flatMap(({ m, run }): Member[] => {
    const message = at(world.messages, m);
    const to = message.state ?? 'staged';
    if (!moves(rules, 'open', message, to, { run: message.run === run }) || !mayShare(message)) return [];
    const known = message.letters.findIndex(({ inForce }) => inForce);
    return [{ m, run, letter: known < 0 ? message.letters.push(newLetter()) - 1 : known }];
  });
  if (members.length === 0) {
    hand.step = 'postpones';
    return 'fills no envelope: both have moved on';
  }
  const envelope = world.envelopes.push({ members, spent: 0, due: false, gone: false, taken: null }) - 1;
  for (const member of members)
    Object.assign(letterOf(world, member), { envelope, unknownSince: world.phase });
  Object.assign(hand, { step: 'opened', envelope, unknownBefore: null, latest: true });
  return `opens a call for an envelope of ${members.length}`;
}

export const newLetter = (): Letter => ({
  ...{ inForce: true, unknownSince: null, accepted: false, taken: null, sentOut: false },
  ...{ envelope: null, alone: false },
});

const letterOf = (world: World, { m, letter }: Member): Letter => at(at(world.messages, m).letters, letter);

/** `reopenEnvelope`, and whether it is whole. */
export function reopen(world: World, rules: Rules, hand: Hand, index: number): string {
  const envelope = at(world.envelopes, index);
  const letters = envelope.members.map((member) => letterOf(world, member));
  const messages = envelope.members.map(({ m }) => at(world.messages, m));
  const age = (since: Phase | null) => (since === null ? 0 : HOURS[world.phase] - HOURS[since]);
  const isTooLate = letters.some(({ unknownSince }) => age(unknownSince) >= rules.repeatableForHours);
  const isWanted = messages.some(({ state }) => state === 'staged' || state === 'enqueued');
  if (!envelope.due || isTooLate || !isWanted) {
    hand.step = 'postpones';
    return 'opens no call for the envelope of %';
  }
  const since = letters.flatMap(({ unknownSince }) => (unknownSince === null ? [] : [unknownSince]));
  const unknownBefore = since.length > 0 ? (Math.min(...since) as Phase) : null;
  envelope.due = false;
  if (envelope.spent >= ATTEMPTS) envelope.spent = 0;
  envelope.members = envelope.members.map((member) => ({ ...member, run: at(world.messages, member.m).run }));
  for (const letter of letters) letter.unknownSince ??= world.phase;
  for (const other of world.hands) if (other?.envelope === index) other.latest = false;
  const isWhole =
    letters.every(({ inForce }) => inForce) && messages.every(({ state }) => state !== 'discarded');
  const step = isWhole ? 'opened' : 'hopeless';
  Object.assign(hand, { step, envelope: index, unknownBefore, latest: true });
  return 'opens the next call for the envelope of %';
}

/** The provider's side: within the window its key is known, and nobody is sent anything. */
export function receiveEnvelope(world: World, index: number): void {
  const envelope = at(world.envelopes, index);
  if (envelope.taken !== null && HOURS[world.phase] - HOURS[envelope.taken] < WINDOW_HOURS) return;
  envelope.taken = world.phase;
  for (const member of envelope.members) {
    at(world.messages, member.m).deliveries += 1;
    letterOf(world, member).sentOut = true;
  }
}

export function acceptEnvelope(world: World, rules: Rules, index: number): void {
  for (const { m, letter } of at(world.envelopes, index).members)
    accept(rules, at(world.messages, m), letter);
}

interface Outcome {
  readonly notAccepted: boolean;
  readonly dead: Message['reason'];
  readonly spends: boolean;
  /** Its letters share no other. */
  readonly alone: boolean;
}
const NOTHING: Outcome = { notAccepted: false, dead: null, spends: false, alone: false };

/** What its answer comes to, and `settleEnvelope`. */
export function settleEnvelope(world: World, rules: Rules, hand: Hand, index: number): string {
  const envelope = at(world.envelopes, index);
  const outcome = outcomeOf(rules, hand, envelope);
  const isLatest = hand.latest || !rules.latestCallSettles;
  if (!isLatest || envelope.gone) {
    hand.step = 'postpones';
    return 'has nothing to say of the envelope of % any more';
  }
  const letters = envelope.members.map((member) => letterOf(world, member));
  const refused = outcome.notAccepted && letters.every(({ accepted }) => !accepted);
  const dissolves = hand.unknownBefore === null && (refused || rules.envelopeFallsApart);
  for (const [i, { m, run }] of envelope.members.entries()) {
    const letter = at(letters, i);
    if (letter.accepted || letter.envelope !== index) continue;
    if (refused) letter.unknownSince = hand.unknownBefore;
    if (dissolves) letter.envelope = null;
    letter.alone ||= outcome.alone;
    const message = at(world.messages, m);
    const to = outcome.dead ? 'dead' : (message.state ?? 'staged');
    if (moves(rules, 'settle', message, to, { run: message.run === run }) && outcome.dead)
      Object.assign(message, { reason: outcome.dead, hadJob: true, diedOf: run });
  }
  envelope.gone = dissolves;
  envelope.spent += outcome.spends ? 1 : 0;
  hand.step = outcome.dead ? 'fails for good' : 'postpones';
  return `settles a call for the envelope of %${dissolves ? ', which dissolves' : ''}`;
}

function outcomeOf(rules: Rules, { step, unknownBefore }: Hand, { spent, members }: Envelope): Outcome {
  switch (step) {
    case 'unknown':
      return { ...NOTHING, spends: true, dead: spent + 1 >= ATTEMPTS ? 'other' : null };
    case 'held':
      return { ...NOTHING, notAccepted: true };
    case 'refused':
      if (unknownBefore !== null && !rules.refusalAlwaysDefinite)
        return { ...NOTHING, spends: true, dead: 'outcome_unknown' };
      if (members.length > 1) return { ...NOTHING, notAccepted: true, alone: true };
      return { ...NOTHING, notAccepted: true, spends: true, dead: 'refused' };
    default: // it is not whole any more
      return { ...NOTHING, spends: true, dead: 'outcome_unknown' };
  }
}

const UNDER_WAY: ReadonlySet<Hand['step']> = new Set(['opened', 'accepted', 'unknown', 'refused', 'held']);

/** A pause or a lease runs out: not while somebody calls and stands still for no longer than that. */
export function* pauses(world: World): Steps {
  for (const [index, { due, gone, members }] of world.envelopes.entries()) {
    const isHeld = world.hands.some(
      (hand) => hand?.envelope === index && hand.locked && hand.latest && UNDER_WAY.has(hand.step),
    );
    if (due || gone || isHeld) continue;
    const next = copy(world);
    at(next.envelopes, index).due = true;
    const [first] = members;
    yield {
      ...{ actor: 'the pause', who: -1, words: 'of the envelope of % is over', m: first?.m ?? -1 },
      ...{ fair: true, next },
    };
  }
}
