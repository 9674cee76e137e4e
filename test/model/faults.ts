/** What people do with dead letters, and all that goes wrong, as often as the bounds allow. */
import { jobsOf } from './envelopes.ts';
import { addJob } from './relay.ts';
import { moves, type Rules } from './rules.ts';
import { at, type Step, type Steps } from './step.ts';
import { copy, type Hand, type Message, mayGoWrong, noJob, type Phase, spend, type World } from './world.ts';

export function* people(world: World, rules: Rules): Steps {
  if (world.left.person === 0) return;
  for (const [m, { state, reason, deliveries, letters }] of world.messages.entries()) {
    if (state !== 'dead') continue;
    const inForce = letters.find((letter) => letter.inForce);
    if (
      reason !== 'outcome_unknown' &&
      inForce &&
      (rules.correctedThoughUnknown || (inForce.unknownSince === null && inForce.envelope === null))
    )
      yield person(world, m, 'corrects the address of %', (one) => {
        if (moves(rules, 'correct', one, 'staged', {})) rewrite(one);
      });
    yield person(world, m, 'discards %', (one) => moves(rules, 'discard', one, 'discarded', {}));
    if (reason !== 'outcome_unknown')
      yield person(
        world,
        m,
        'retries %',
        (one) => moves(rules, 'retry', one, 'staged', { run: true }) && putBack(one),
      );
    else if (deliveries > 0)
      yield person(
        world,
        m,
        'confirms that % was sent',
        (one) => moves(rules, 'confirmSent', one, 'sent', {}) && clear(one),
      );
    else if (
      rules.confirmedDuringCall ||
      world.hands.every((hand) => hand?.step !== 'opened' || !isCalledFor(world, hand, m))
    )
      yield person(world, m, 'confirms that % was not sent', (one) => {
        if (moves(rules, 'confirmNotSent', one, 'staged', {})) rewrite(one);
      });
  }
}

/** Whether that call carries a letter of this message. */
const isCalledFor = (world: World, { m, envelope }: Hand, message: number) =>
  envelope === null ? m === message : at(world.envelopes, envelope).members.some((one) => one.m === message);

function person(world: World, m: number, words: string, act: (message: Message) => unknown): Step {
  const next = copy(world);
  next.left.person -= 1;
  act(at(next.messages, m));
  return { actor: 'a person', who: -1, words, m, fair: false, next };
}

function clear(message: Message): void {
  Object.assign(message, { reason: null, hadJob: false, diedOf: 0 });
}

function putBack(message: Message): void {
  clear(message);
  message.run += 1;
  message.given = false;
  message.jobs.push(noJob());
}

function rewrite(message: Message): void {
  putBack(message);
  message.rewritten += 1;
  for (const letter of message.letters) letter.inForce = false;
}

// ── Faults ──

export function* faults(world: World, rules: Rules): Steps {
  yield* crashes(world, rules);
  yield* stalls(world);
  yield* recoveries(world);
  yield* losses(world);
  yield* refusals(world);
  yield* hours(world);
}

/** A killed process forgets where it stood. Whatever it held in a store it still holds there, until that runs out. */
function* crashes(world: World, rules: Rules): Steps {
  if (!mayGoWrong(world, 'crash')) return;
  for (const [who, { batch, healing }] of world.relays.entries()) {
    if (!batch && !healing) continue;
    yield { actor: 'relay', who, words: 'is killed', m: -1, fair: false, next: relayKilled(world, who, 0) };
    if (batch && batch.entries.length > 1 && batch.step === (rules.markBeforeEnqueue ? 'added' : 'read'))
      for (const half of [1, 2])
        yield {
          actor: 'relay',
          who,
          words: `is killed while it adds: job ${half} is there`,
          m: -1,
          fair: false,
          next: relayKilled(world, who, half),
        };
  }
  for (const [who, hand] of world.hands.entries()) {
    if (!hand) continue;
    const next = spend(world, 'crash');
    next.hands[who] = null;
    yield { actor: 'notifier', who, words: 'is killed', m: -1, fair: false, next };
  }
  if (rules.stageAfterAnswer) yield* webKilled(world);
}

function relayKilled(world: World, who: number, added: number): World {
  const next = spend(world, 'crash');
  const relay = at(next.relays, who);
  const entry = relay.batch?.entries[added - 1];
  if (entry) addJob(at(next.messages, entry.m), entry.run);
  if (relay.lease) next.orphanedLease = true;
  Object.assign(relay, { leads: false, lease: false, batch: null, healing: null, cursor: -1 });
  return next;
}

/** Between its two statements: the second is never made. */
function* webKilled(world: World): Steps {
  yield { actor: 'web', who: -1, words: 'is killed', m: -1, fair: false, next: spend(world, 'crash') };
}

/** A process that stood still for too long has lost its lock or lease, and does not know it. */
function* stalls(world: World): Steps {
  if (!mayGoWrong(world, 'stall')) return;
  for (const [who, { lease }] of world.relays.entries()) {
    if (!lease) continue;
    const next = spend(world, 'stall');
    at(next.relays, who).lease = false;
    yield { actor: 'relay', who, words: 'stands still until its lease is over', m: -1, fair: false, next };
  }
  for (const [who, hand] of world.hands.entries()) {
    if (!hand?.locked) continue;
    const next = spend(world, 'stall');
    unlock(next, who);
    for (const { m, run, locked } of jobsOf(hand))
      if (locked) at(at(next.messages, m).jobs, run - 1).state = 'waiting';
    yield {
      actor: 'notifier',
      who,
      words: 'stands still until its lock on % is over',
      m: hand.m,
      fair: false,
      next,
    };
  }
}

function unlock(world: World, who: number): void {
  const hand = world.hands[who];
  if (hand) for (const job of jobsOf(hand)) job.locked = false;
}

/** What the dead held runs out. */
function* recoveries(world: World): Steps {
  if (world.orphanedLease) {
    const next = { ...copy(world), orphanedLease: false };
    yield { actor: 'the lease', who: -1, words: 'of the dead relay runs out', m: -1, fair: true, next };
  }
  for (const [m, { jobs }] of world.messages.entries())
    for (const [i, { state }] of jobs.entries()) {
      const held = world.hands.some(
        (hand) => hand && jobsOf(hand).some((job) => job.m === m && job.run === i + 1 && job.locked),
      );
      if (state !== 'active' || held) continue;
      const next = copy(world);
      at(at(next.messages, m).jobs, i).state = 'waiting';
      yield { actor: 'BullMQ', who: -1, words: 'finds the job of % stalled', m, fair: true, next };
    }
}

function* losses(world: World): Steps {
  if (mayGoWrong(world, 'loss')) {
    const next = spend(world, 'loss');
    next.marked = false;
    for (const message of next.messages) message.jobs = message.jobs.map(noJob);
    for (const who of next.hands.keys()) unlock(next, who);
    yield { actor: 'Redis', who: -1, words: 'loses everything', m: -1, fair: false, next };
  }
  if (!mayGoWrong(world, 'buried')) return;
  for (const [who, hand] of world.hands.entries()) {
    if (!hand?.locked) continue;
    const next = spend(world, 'buried');
    next.hands[who] = null;
    Object.assign(at(at(next.messages, hand.m).jobs, hand.run - 1), { state: 'failed', spent: 0 });
    yield {
      actor: 'BullMQ',
      who: -1,
      words: 'lets the job of % fail by itself',
      m: hand.m,
      fair: false,
      next,
    };
  }
}

/** Redis refuses one of two, and may have taken it all the same. */
function* refusals(world: World): Steps {
  if (!mayGoWrong(world, 'unenqueueable')) return;
  for (const [who, { batch }] of world.relays.entries()) {
    if (batch?.step !== 'read') continue;
    for (const { m, run } of batch.entries)
      for (const taken of [false, true]) {
        const next = spend(world, 'unenqueueable');
        if (taken) addJob(at(next.messages, m), run);
        at(next.relays, who).batch = { step: 'refused', entries: [{ m, run }] };
        yield {
          actor: 'Redis',
          who: -1,
          words: taken ? 'takes % and says that it does not' : 'refuses %',
          m,
          fair: false,
          next,
        };
      }
  }
}

/**
 * Twenty-three hours do not pass between the look at the clock and the call that it allows. One hour may: it is what the
 * guard keeps in hand.
 */
function* hours(world: World): Steps {
  // Before the first letter nothing has an age.
  if (world.left.hours === 0 || world.messages.every(({ letters }) => letters.length === 0)) return;
  const underWay = world.hands.some((hand) => hand?.step === 'sending' || hand?.step === 'opened');
  if (world.phase === 0 && underWay) return;
  const next = copy(world);
  next.left.hours -= 1;
  next.phase = (world.phase + 1) as Phase;
  yield {
    actor: 'the clock',
    who: -1,
    words: world.phase === 0 ? 'goes on by 23 hours' : 'goes on by an hour',
    m: -1,
    fair: false,
    next,
  };
}
