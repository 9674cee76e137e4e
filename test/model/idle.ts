/**
 * Forgets what can change nothing any more, so that worlds that differ in nothing else count as one. Each of these rules rests
 * on something that never comes back: a lost lock, an older run, a mark that was overtaken, a message that is finished.
 */
import { jobsOf } from './envelopes.ts';
import type { Batch, Envelope, Hand, Healing, Message, World } from './world.ts';

export function forgetIdle(world: World): World {
  for (const [who, hand] of world.hands.entries()) if (hand && isIdleHand(hand)) world.hands[who] = null;
  for (const relay of world.relays) {
    if (relay.batch?.step === 'added') relay.batch = stillToMark(world, relay.batch);
    if (relay.healing && isIdleHealing(world, relay.healing)) relay.healing = null;
  }
  // One that has dissolved is a request that nobody makes any more.
  for (const [index, { gone }] of world.envelopes.entries())
    if (gone && world.hands.every((hand) => hand?.envelope !== index)) world.envelopes[index] = FORGOTTEN;
  const { monitor } = world;
  if (monitor && !mayBeRecorded(world.messages[monitor.m], monitor.run)) world.monitor = null;
  return world;
}

const FORGOTTEN: Envelope = { members: [], spent: 0, due: false, gone: true, taken: null };

const ENDS: ReadonlySet<Hand['step']> = new Set(['completes', 'fails', 'fails for good', 'postpones']);

/** Without its lock a worker changes nothing of a job, whatever it would have it become. */
const isIdleHand = (hand: Hand) => jobsOf(hand).every(({ locked }) => !locked) && ENDS.has(hand.step);

/** A message that is dead or finished is not staged again in this run. One of a later run has an earlier job to be removed. */
function stillToMark(world: World, batch: Batch): Batch | null {
  const entries = batch.entries.filter(({ m, run }) => run > 1 || isAlive(world.messages[m], run));
  return entries.length > 0 ? { ...batch, entries } : null;
}

const isIdleHealing = (world: World, { what, step, m, run, current }: Healing) =>
  what === 'overdue' && step === 'gone' && !(current && isAlive(world.messages[m], run));

/** Whether the monitor has anything to record of a failed job of this run, now or later. */
export const mayBeRecorded = (message: Message | undefined, run: number) => isAlive(message, run);

const isAlive = (message: Message | undefined, run: number) =>
  message?.run === run && (message.state === 'staged' || message.state === 'enqueued');
