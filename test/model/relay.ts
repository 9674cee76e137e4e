/** The steps of `workers/relay.ts`: the lease, draining, and the rounds of reconciling. */
import { moves, type Rules } from './rules.ts';
import { at, type Steps } from './step.ts';
import { type Batch, copy, type Healing, type Message, type Relay, type World } from './world.ts';

export function* relaySteps(world: World, rules: Rules): Steps {
  for (const who of world.relays.keys()) {
    yield* lead(world, who);
    const { batch } = at(world.relays, who);
    if (!batch) yield* readBatch(world, rules, who);
    else if (batch.step === 'read') yield* (rules.markBeforeEnqueue ? mark : add)(world, rules, who);
    else if (batch.step === 'added') yield* (rules.markBeforeEnqueue ? add : mark)(world, rules, who);
    else if (batch.step === 'marked') yield* removeEarlier(world, who);
    else yield* charge(world, rules, who);
  }
}

function* lead(world: World, who: number): Steps {
  const before = at(world.relays, who);
  const free = !world.orphanedLease && world.relays.every(({ lease }) => !lease);
  if (before.lease ? before.leads : !before.leads && !free) return; // nothing would change
  const next = copy(world);
  const relay = at(next.relays, who);
  relay.lease ||= free;
  relay.leads = relay.lease;
  const words = relay.leads ? 'takes the lease' : 'learns that it has lost the lease';
  yield { actor: 'relay', who, words, m: -1, fair: true, next };
}

function* readBatch(world: World, rules: Rules, who: number): Steps {
  const { leads, lease, cursor } = at(world.relays, who);
  if (!leads || !lease) return;
  const entries = world.messages.flatMap(({ state, run }, m) =>
    state === 'staged' && !(rules.relayByCursor && m <= cursor) ? [{ m, run }] : [],
  );
  const last = entries.at(-1);
  if (!last) return;
  const next = copy(world);
  const relay = at(next.relays, who);
  relay.batch = { step: 'read', entries };
  if (rules.relayByCursor) relay.cursor = last.m;
  yield { actor: 'relay', who, words: `reads ${entries.length} staged`, m: -1, fair: true, next };
}

/** `addBulk`: an id that exists changes nothing. */
function* add(world: World, rules: Rules, who: number): Steps {
  const next = copy(world);
  const batch = batchOf(next, who);
  for (const { m, run } of batch.entries) addJob(at(next.messages, m), run);
  if (rules.markBeforeEnqueue) goOn(next, who, batch);
  else batch.step = 'added';
  yield { actor: 'relay', who, words: 'adds the jobs', m: -1, fair: true, next };
}

export function addJob(message: Message, run: number): void {
  const job = at(message.jobs, run - 1);
  if (message.run === run) message.given = true;
  if (job.state === 'none') Object.assign(job, { state: 'waiting', spent: 0, value: null });
}

function* mark(world: World, rules: Rules, who: number): Steps {
  const next = copy(world);
  const batch = batchOf(next, who);
  const { lease } = at(next.relays, who);
  for (const { m, run } of batch.entries) {
    const message = at(next.messages, m);
    if (moves(rules, 'enqueue', message, 'enqueued', { lease, run: message.run === run })) stamp(next, m);
  }
  if (rules.markBeforeEnqueue) batch.step = 'added';
  else goOn(next, who, batch);
  yield { actor: 'relay', who, words: 'marks them as enqueued', m: -1, fair: true, next };
}

function goOn(world: World, who: number, batch: Batch): void {
  const later = batch.entries.filter(({ run }) => run > 1);
  at(world.relays, who).batch = later.length > 0 ? { step: 'marked', entries: later } : null;
}

function* removeEarlier(world: World, who: number): Steps {
  const next = copy(world);
  for (const { m, run } of batchOf(next, who).entries) removeJob(at(next.messages, m), run - 1);
  at(next.relays, who).batch = null;
  yield { actor: 'relay', who, words: 'removes the jobs of earlier runs', m: -1, fair: true, next };
}

/** Answers whether it is gone: a job in a worker's hands stays. */
function removeJob(message: Message, run: number): boolean {
  const job = at(message.jobs, run - 1);
  if (job.state === 'active') return false;
  Object.assign(job, { state: 'none', spent: 0, value: null });
  return true;
}

/** The fifth charge: the others change a counter only. */
function* charge(world: World, rules: Rules, who: number): Steps {
  const next = copy(world);
  const { lease } = at(next.relays, who);
  for (const { m, run } of batchOf(next, who).entries) {
    const message = at(next.messages, m);
    if (!moves(rules, 'chargeEnqueue', message, 'dead', { lease, run: message.run === run })) continue;
    Object.assign(message, { reason: 'other', hadJob: false, diedOf: run });
  }
  at(next.relays, who).batch = null;
  yield { actor: 'relay', who, words: 'charges what Redis has refused', m: -1, fair: true, next };
}

function batchOf(world: World, who: number): Batch {
  const { batch } = at(world.relays, who);
  if (!batch) throw new Error('there is no batch');
  return batch;
}

/** `enqueued_at` is another from now on: nobody who has read it holds it any more. */
function stamp(world: World, m: number): void {
  for (const { healing } of world.relays)
    if (healing?.what === 'epoch') healing.since |= 1 << m;
    else if (healing?.what === 'overdue' && healing.m === m) healing.current = false;
}

// ── Reconciling ──

export function* healingSteps(world: World, rules: Rules): Steps {
  for (const [who, { healing }] of world.relays.entries()) {
    if (!healing) yield* noticeAny(world, who);
    else if (healing.what === 'epoch') yield* epoch(world, rules, who, healing);
    else yield* heal(world, rules, who, healing);
  }
}

const about = (what: Healing['what'], m = 0, run = 0): Healing => ({
  ...{ what, step: 'read', m, run, current: true, since: 0, value: null },
});

function* noticeAny(world: World, who: number): Steps {
  if (!at(world.relays, who).leads) return;
  if (!world.marked) return yield* notice(world, who, about('epoch'), 'finds that Redis has lost the mark');
  for (const [m, message] of world.messages.entries()) {
    const { state, run, hadJob } = message;
    if (state === 'enqueued') yield* notice(world, who, about('overdue', m, run), 'finds % overdue');
    if (state === 'dead' && hadJob)
      yield* notice(world, who, about('dead', m, run), 'goes by % among the dead');
    for (const [i, job] of message.jobs.entries())
      if (job.state === 'failed')
        yield* notice(world, who, about('failed', m, i + 1), `sees % in the failed set, run ${i + 1}`);
  }
}

function* notice(world: World, who: number, healing: Healing, words: string): Steps {
  const next = copy(world);
  at(next.relays, who).healing = healing;
  yield { actor: 'relay', who, words, m: healing.m, fair: true, next };
}

function* epoch(world: World, rules: Rules, who: number, { step }: Healing): Steps {
  const next = copy(world);
  const relay = at(next.relays, who);
  const words = { read: restageAll, restaged: renew, leased: writeLedger, written: writeRedis }[
    step as 'read'
  ](next, rules, relay);
  yield { actor: 'relay', who, words, m: -1, fair: true, next };
}

function restageAll(world: World, rules: Rules, { lease, healing }: Relay): string {
  if (!healing) throw new Error('nothing to heal');
  for (const [m, message] of world.messages.entries()) {
    const unchanged = ((healing.since >> m) & 1) === 0;
    if (moves(rules, 'restageAll', message, 'staged', { lease, enqueued_at: unchanged })) stamp(world, m);
  }
  healing.step = 'restaged';
  return 'restages all that was enqueued before';
}

function renew(world: World, _rules: Rules, relay: Relay): string {
  relay.lease ||= !world.orphanedLease && world.relays.every(({ lease }) => !lease);
  relay.leads = relay.lease;
  if (relay.healing && relay.lease) Object.assign(relay.healing, { step: 'leased', since: 0 });
  else relay.healing = null;
  return relay.lease ? 'renews the lease' : 'leaves the mark to the new leader';
}

function writeLedger(world: World, _rules: Rules, relay: Relay): string {
  world.marked = false;
  for (const { healing } of world.relays) if (healing?.step === 'written') healing.current = false;
  if (relay.healing) Object.assign(relay.healing, { step: 'written', current: true });
  return 'writes a new mark into the ledger';
}

function writeRedis(world: World, _rules: Rules, relay: Relay): string {
  world.marked = relay.healing?.current ?? false;
  relay.healing = null;
  return 'writes its mark into Redis';
}

function* heal(world: World, rules: Rules, who: number, { what, step, m }: Healing): Steps {
  const next = copy(world);
  const relay = at(next.relays, who);
  const message = at(next.messages, m);
  const act = what === 'failed' ? (step === 'read' ? judgeFailed : dropFailed) : HEALING[step as 'read'];
  const words = act(next, rules, relay, message);
  yield { actor: 'relay', who, words, m, fair: true, next };
}

type Heal = (world: World, rules: Rules, relay: Relay, message: Message) => string;

const HEALING: Readonly<Record<'read' | 'adopt' | 'remove' | 'gone', Heal>> = {
  read(_world, _rules, relay, message) {
    const healing = healingOf(relay);
    const { state, value } = at(message.jobs, healing.run - 1);
    if (state === 'none') healing.step = 'gone';
    else if (state !== 'completed') relay.healing = null;
    else Object.assign(healing, { step: value === null ? 'remove' : 'adopt', value });
    return state === 'none' ? 'finds no job of %' : `finds the job of % ${state}`;
  },
  adopt(_world, rules, relay, message) {
    accept(rules, message, healingOf(relay).value ?? 0);
    relay.healing = null;
    return 'marks % as sent, by the value of its job';
  },
  remove(_world, _rules, relay, message) {
    const healing = healingOf(relay);
    if (removeJob(message, healing.run)) healing.step = 'gone';
    else relay.healing = null;
    return 'removes the completed job of %';
  },
  gone(world, rules, relay, message) {
    const { what, m, run, current } = healingOf(relay);
    relay.healing = null;
    if (what === 'dead') {
      addJob(message, run);
      return 'adds the job of % again, for the failed set';
    }
    const seen = { run: message.run === run, lease: relay.lease, enqueued_at: current };
    if (moves(rules, 'restage', message, 'staged', seen)) stamp(world, m);
    return 'restages %';
  },
};

const judgeFailed: Heal = (_world, _rules, relay, message) => {
  const finished = message.state === 'sent' || message.state === 'discarded';
  if (finished || message.run > healingOf(relay).run) healingOf(relay).step = 'gone';
  else relay.healing = null;
  return relay.healing ? 'finds that the failed job of % is outdated' : 'finds that % is rightly there';
};

const dropFailed: Heal = (_world, _rules, relay, message) => {
  removeJob(message, healingOf(relay).run);
  relay.healing = null;
  return 'removes the failed job of %';
};

function healingOf(relay: Relay): Healing {
  if (!relay.healing) throw new Error('nothing to heal');
  return relay.healing;
}

/** `markSent`: guarded by the letter alone. The letter keeps its acceptance also where its message is sent already. */
export function accept(rules: Rules, message: Message, letter: number): void {
  const one = at(message.letters, letter);
  if (moves(rules, 'accept', message, 'sent', { letter: !one.accepted }))
    Object.assign(message, { reason: null, hadJob: false, diedOf: 0 });
  one.accepted = true;
}
