/**
 * Every step that anybody can take next. One step is one awaited call of the code, with what the code decides from its answer:
 * between any two of them others may act, and processes may be killed.
 */

import { faults, people } from './faults.ts';
import { mayBeRecorded } from './idle.ts';
import { notifierSteps } from './notifier.ts';
import { healingSteps, relaySteps } from './relay.ts';
import { moves, type Rules } from './rules.ts';
import { at, type Steps } from './step.ts';
import { copy, type World } from './world.ts';

export function* stepsFrom(world: World, rules: Rules): Steps {
  yield* clients(world, rules);
  yield* relaySteps(world, rules);
  yield* healingSteps(world, rules);
  yield* notifierSteps(world, rules);
  yield* monitorSteps(world, rules);
  yield* people(world, rules);
  yield* faults(world, rules);
}

/** The first message stands for the lower number: it may commit late. */
function* clients(world: World, rules: Rules): Steps {
  for (const [m, message] of world.messages.entries()) {
    if (message.acknowledged && message.state) continue;
    const next = copy(world);
    const one = at(next.messages, m);
    if (!rules.stageAfterAnswer || message.acknowledged) one.state = 'staged';
    one.acknowledged = true;
    yield {
      actor: 'web',
      who: -1,
      words: one.state ? 'stores % and answers 201' : 'answers 201 for %',
      m,
      fair: true,
      next,
    };
  }
}

function* monitorSteps(world: World, rules: Rules): Steps {
  const { monitor } = world;
  if (monitor) {
    const next = copy(world);
    const message = at(next.messages, monitor.m);
    if (moves(rules, 'recordFailure', message, 'dead', { run: message.run === monitor.run })) {
      message.reason = 'other';
      message.hadJob = true;
      message.diedOf = monitor.run;
    }
    next.monitor = null;
    yield { actor: 'monitor', who: -1, words: 'records the failure of %', m: monitor.m, fair: true, next };
    return;
  }
  for (const [m, message] of world.messages.entries())
    for (const [i, job] of message.jobs.entries()) {
      if (job.state !== 'failed' || !mayBeRecorded(message, i + 1)) continue;
      const next = copy(world);
      next.monitor = { m, run: i + 1 };
      yield {
        actor: 'monitor',
        who: -1,
        words: `sees the failed job of %, run ${i + 1}`,
        m,
        fair: true,
        next,
      };
    }
}
