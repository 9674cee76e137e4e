/** What must hold in every state, and what must be in reach from every state. */
import type { Message, World } from './world.ts';

/** By their names, as facts. */
const OF_A_MESSAGE = {
  'an acknowledged order has its message': (m) => !m.acknowledged || m.state !== undefined,
  'one letter at most is sent': (m) => m.deliveries <= 1,
  'calls are made under one key until a person has it written anew': (m) =>
    m.letters.length <= 1 + m.rewritten && m.letters.filter(({ inForce }) => inForce).length <= 1,
  'what is sent in the ledger was sent': (m) => m.state !== 'sent' || m.deliveries > 0,
  // … or somebody is about to say so.
  'what is dead as refused was not sent': (m, on) =>
    m.reason !== 'refused' || m.deliveries === 0 || on.hands.some((hand) => hand?.step === 'accepted'),
  'what is marked as enqueued was given to Redis': (m) => m.state !== 'enqueued' || m.given,
  'a run dies of its own job': (m) => m.diedOf === 0 || m.diedOf === m.run,
  'a job that completes says why': (m) =>
    m.jobs.every(
      ({ state, value }, i) => state !== 'completed' || value !== null || finished(m) || i + 1 < m.run,
    ),
  'a value in Redis tells of a letter that was sent': (m) =>
    m.jobs.every(({ value }) => value === null || m.letters[value]?.sentOut === true),
} as const satisfies Record<string, (message: Message, on: World) => boolean>;

const IN_REACH = 'every message can still reach its end';
export type Invariant = keyof typeof OF_A_MESSAGE | typeof IN_REACH;

const finished = ({ state }: Message) => state === 'sent' || state === 'discarded';

/** The first invariant that this state breaks. */
export function brokenIn(world: World): Invariant | undefined {
  for (const message of world.messages)
    for (const [name, holds] of Object.entries(OF_A_MESSAGE))
      if (!holds(message, world)) return name as keyof typeof OF_A_MESSAGE; // its own keys
  return undefined;
}

/** Whether all has come to its end: finished, or dead and, if it had a job, in the failed set, which holds nothing else. */
const isAtRest = (world: World) => world.messages.every(rests);

function rests(message: Message): boolean {
  const failed = message.jobs.flatMap(({ state }, i) => (state === 'failed' ? [i + 1] : []));
  if (finished(message)) return failed.length === 0;
  if (message.state !== 'dead') return false;
  return failed.every((run) => run === message.run) && (failed.length === 1 || !message.hadJob);
}

/** What is not in reach from a state of which this is false of everything that follows. */
export const REACHABLE: { readonly name: Invariant; readonly holds: (world: World) => boolean } = {
  name: IN_REACH,
  holds: isAtRest,
};
