/**
 * Failpoints, for tests alone: every boundary at which a process awaits the outside world passes through here under a name,
 * and can be made to kill the process, to throw, or never to end. The doors call this, so that no other code knows of it.
 */
import { writeSync } from 'node:fs';
import type { Failpoint } from './config.ts';

/** What is yet to strike, with how often each boundary was passed. Undefined in every process but those of tests. */
let armed: { readonly points: Set<Failpoint>; readonly passes: Map<string, number> } | undefined;

/** Arms these points in place of whatever was armed; none disarms all. Each strikes once. */
export function arm(points: readonly Failpoint[]): void {
  armed = points.length > 0 ? { points: new Set(points), passes: new Map() } : undefined;
}

/** Whether none of the points that were armed is still to strike. */
export const allStruck = (): boolean => armed === undefined || armed.points.size === 0;

/** Does `act`, which awaits the outside world, behind the failpoints of that name. */
export function passing<T>(name: string, act: () => PromiseLike<T>): PromiseLike<T> {
  return armed === undefined ? act() : passArmed(name, act);
}

async function passArmed<T>(name: string, act: () => PromiseLike<T>): Promise<T> {
  await strike(name, 'before');
  const result = await act();
  // It has happened, and its caller does not know yet.
  await strike(name, 'after');
  return result;
}

async function strike(name: string, moment: Failpoint['moment']): Promise<void> {
  if (!armed) return;
  const { points, passes } = armed;
  const place = `${name}:${moment}`;
  const pass = (passes.get(place) ?? 0) + 1;
  passes.set(place, pass);
  const point = [...points].find((one) => one.name === name && one.moment === moment && one.pass === pass);
  if (!point) return;
  points.delete(point);
  writeSync(2, `failpoint ${place}=${point.act}\n`); // a log that is not written at once would die with the process
  return perform(point, place);
}

async function perform({ act }: Failpoint, place: string): Promise<void> {
  switch (act) {
    case 'throw':
      throw failure(`the failpoint ${place}`, 'FAILPOINT');
    case 'unavailable':
      throw failure(`the failpoint ${place}: as if the connection were lost`, 'ECONNRESET');
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
  }
  await new Promise<never>(() => undefined);
}

/** Neither a store's error nor one that anybody expects, unless its code says so. */
const failure = (message: string, code: string): Error => Object.assign(new Error(message), { code });
