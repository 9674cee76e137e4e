/** The steps of `workers/notifier.ts`, each notifier with one job in hand or with two that share a request, and of the provider that it calls. */
import {
  acceptEnvelope,
  fill,
  jobsOf,
  letterInForce,
  mayShare,
  newLetter,
  pauses,
  receiveEnvelope,
  reopen,
  settleEnvelope,
  takeBoth,
} from './envelopes.ts';
import { accept } from './relay.ts';
import { moves, type Rules } from './rules.ts';
import { at, type Steps } from './step.ts';
import {
  ATTEMPTS,
  copy,
  type Hand,
  HOURS,
  type Job,
  type Message,
  mayGoWrong,
  type Phase,
  spend,
  WINDOW_HOURS,
  type World,
} from './world.ts';

export function* notifierSteps(world: World, rules: Rules): Steps {
  yield* pauses(world);
  for (const [who, hand] of world.hands.entries()) {
    if (!hand) {
      yield* take(world, who);
      yield* takeBoth(world, who);
    } else if (hand.step === 'opened') yield* call(world, who, hand);
    else {
      const next = copy(world);
      const mine = next.hands[who];
      if (!mine) throw new Error('the hand is empty');
      const words = act(next, rules, mine, who);
      yield { actor: 'notifier', who, words, m: hand.m, fair: true, next };
      if (hand.step === 'accepted' && mayGoWrong(world, 'unmarked'))
        yield unmarked(world, rules, who, hand.m);
    }
  }
}

function* take(world: World, who: number): Steps {
  for (const [m, message] of world.messages.entries())
    for (const [i, job] of message.jobs.entries()) {
      if (job.state !== 'waiting') continue;
      const next = copy(world);
      at(at(next.messages, m).jobs, i).state = 'active';
      next.hands[who] = inHand(m, i + 1, job.spent + 1 >= ATTEMPTS);
      yield { actor: 'notifier', who, words: `takes the job of %, run ${i + 1}`, m, fair: true, next };
    }
}

const inHand = (m: number, run: number, lastAttempt: boolean): Hand => ({
  ...{ m, run, lastAttempt, locked: true, step: 'taken', letter: null, unknownBefore: null, latest: false },
  ...{ mate: null, envelope: null },
});

function act(world: World, rules: Rules, hand: Hand, who: number): string {
  const message = at(world.messages, hand.m);
  if (hand.mate) beginBoth(world, rules, hand);
  if (hand.envelope !== null && JUDGED.has(hand.step))
    return settleEnvelope(world, rules, hand, hand.envelope);
  switch (hand.step) {
    case 'taken':
      if (message.state) moves(rules, 'start', message, message.state, { run: message.run === hand.run });
      hand.step = judge(world, rules, message, hand.run);
      return `starts %: ${hand.step}`;
    case 'hopeless':
      settle(rules, message, hand, false, 'outcome_unknown');
      return 'gives % up: its outcome has been unknown for too long';
    case 'sending':
      return hand.mate ? fill(world, rules, hand) : open(world, rules, message, hand);
    case 'accepted':
      if (hand.envelope !== null) acceptEnvelope(world, rules, hand.envelope);
      else accept(rules, message, hand.letter ?? 0);
      hand.step = 'completes';
      return 'marks % as sent';
    case 'unknown':
      settle(rules, message, hand, false, hand.lastAttempt ? 'other' : null);
      return 'settles an attempt at % whose outcome is unknown';
    case 'held':
      settle(rules, message, hand, true, null);
      hand.step = 'postpones';
      return 'settles an attempt at % that was refused for now';
    case 'refused':
      if (isDefinite(rules, hand)) settle(rules, message, hand, true, 'refused');
      else settle(rules, message, hand, false, 'outcome_unknown');
      return 'settles a refusal of %';
    default:
      return end(world, rules, message, hand, who);
  }
}

/** What `settleEnvelope` writes down. */
const JUDGED: ReadonlySet<Hand['step']> = new Set(['hopeless', 'unknown', 'held', 'refused']);

/** Two go together where both may: else the second goes back into the queue. */
function beginBoth(world: World, rules: Rules, hand: Hand): void {
  if (hand.step !== 'taken' || !hand.mate) return;
  const together = jobsOf(hand).every(({ m, run }) => {
    const message = at(world.messages, m);
    return judge(world, rules, message, run) === 'sending' && mayShare(message);
  });
  if (together) return;
  const { m, run, locked } = hand.mate;
  if (locked) at(at(world.messages, m).jobs, run - 1).state = 'waiting';
  hand.mate = null;
}

const isDefinite = (rules: Rules, { unknownBefore, latest }: Hand) =>
  rules.refusalAlwaysDefinite || (unknownBefore === null && (latest || !rules.refusalOfLatestOnly));

const hoursSince = (world: World, phase: Phase) => HOURS[world.phase] - HOURS[phase];

function judge(world: World, rules: Rules, message: Message, run: number): Hand['step'] {
  const { state } = message;
  if (message.run !== run || state === 'sent' || state === 'discarded') return 'completes';
  if (state === 'dead') return 'fails for good';
  const since = letterInForce(message)?.unknownSince ?? null;
  return since !== null && hoursSince(world, since) >= rules.repeatableForHours ? 'hopeless' : 'sending';
}

/** `openCalls`: whoever has opened a call of this letter before is its latest no more. */
function open(world: World, rules: Rules, message: Message, hand: Hand): string {
  const enclosed = letterInForce(message)?.envelope ?? null;
  if (enclosed !== null) return reopen(world, rules, hand, enclosed);
  const to = message.state ?? 'staged';
  if (!moves(rules, 'open', message, to, { run: message.run === hand.run })) {
    hand.step = 'postpones';
    return 'opens no call: % has moved on';
  }
  let letter = message.letters.findIndex(({ inForce }) => inForce);
  if (letter < 0 || rules.newKeyPerAttempt) {
    for (const one of message.letters) one.inForce = false;
    letter = message.letters.push(newLetter()) - 1;
  }
  for (const other of world.hands) if (other?.m === hand.m && other.letter === letter) other.latest = false;
  const { unknownSince } = at(message.letters, letter);
  Object.assign(hand, { step: 'opened', letter, unknownBefore: unknownSince, latest: true });
  at(message.letters, letter).unknownSince ??= world.phase;
  return 'opens a call for %';
}

/** `settleAttempts`, and what the job is to become. */
function settle(
  rules: Rules,
  message: Message,
  hand: Hand,
  notAccepted: boolean,
  dead: Message['reason'],
): void {
  const letter = hand.letter === null ? undefined : at(message.letters, hand.letter);
  if (letter && hand.latest && !letter.accepted && notAccepted) letter.unknownSince = hand.unknownBefore;
  const to = dead ? 'dead' : (message.state ?? 'staged');
  if (moves(rules, 'settle', message, to, { run: message.run === hand.run }) && dead)
    Object.assign(message, { reason: dead, hadJob: true, diedOf: hand.run });
  hand.step = dead ? 'fails for good' : 'fails';
}

function end(world: World, rules: Rules, _message: Message, hand: Hand, who: number): string {
  world.hands[who] = null;
  for (const { m, run, locked } of jobsOf(hand))
    if (locked) endJob(world, rules, hand, at(at(world.messages, m).jobs, run - 1), m);
  if (hand.step === 'completes') return 'completes the job of %';
  return hand.step === 'postpones' ? 'postpones the job of %' : 'lets the job of % fail';
}

function endJob(world: World, rules: Rules, hand: Hand, job: Job, m: number): void {
  const member = hand.envelope === null ? undefined : memberOf(world, hand.envelope, m);
  if (hand.envelope !== null && !member)
    job.state = 'waiting'; // it was left out
  // Only an acceptance that this very call has brought stands in the value.
  else if (hand.step === 'completes')
    Object.assign(job, { state: 'completed', spent: 0, value: member ? member.letter : hand.letter });
  else if (hand.step === 'postpones') job.state = 'waiting';
  else if (hand.step === 'fails') Object.assign(job, { state: 'waiting', spent: job.spent + 1 });
  else if (rules.failedJobsRemoved) Object.assign(job, { state: 'none', spent: 0 });
  else Object.assign(job, { state: 'failed', spent: 0 });
}

const memberOf = (world: World, envelope: number, m: number) =>
  at(world.envelopes, envelope).members.find((member) => member.m === m);

/** What cannot be marked before the end stands in the job's value. */
function unmarked(world: World, rules: Rules, who: number, m: number) {
  const next = spend(world, 'unmarked');
  const hand = next.hands[who];
  if (hand) Object.assign(hand, { step: 'completes', letter: rules.unmarkedForgotten ? null : hand.letter });
  return { actor: 'notifier', who, words: 'must end before it can mark %', m, fair: false, next };
}

// ── The provider ──

function* call(world: World, who: number, { m }: Hand): Steps {
  yield answered(world, who, m, true, 'accepted', 'calls for %: accepted');
  if (mayGoWrong(world, 'silence')) {
    yield answered(world, who, m, true, 'unknown', 'calls for %: accepted, but the answer is lost');
    yield answered(world, who, m, false, 'unknown', 'calls for %: the call is lost');
  }
  if (mayGoWrong(world, 'refusal')) {
    yield answered(world, who, m, false, 'refused', 'calls for %: refused');
    yield answered(world, who, m, false, 'held', 'calls for %: not now');
  }
}

function answered(
  world: World,
  who: number,
  m: number,
  reaches: boolean,
  step: 'accepted' | 'unknown' | 'refused' | 'held',
  words: string,
) {
  const next = step === 'accepted' ? copy(world) : spend(world, step === 'unknown' ? 'silence' : 'refusal');
  const hand = next.hands[who];
  if (!hand) throw new Error('nobody calls');
  if (reaches && hand.envelope !== null) receiveEnvelope(next, hand.envelope);
  else if (reaches) receive(next, at(next.messages, m), hand.letter ?? 0);
  hand.step = step;
  return { actor: 'notifier', who, words, m, fair: step === 'accepted', next };
}

/** Within the window a key that was accepted is known, and no second letter is sent. */
function receive(world: World, message: Message, letter: number): void {
  const one = at(message.letters, letter);
  if (one.taken !== null && hoursSince(world, one.taken) < WINDOW_HOURS) return;
  one.taken = world.phase;
  one.sentOut = true;
  message.deliveries += 1;
}
