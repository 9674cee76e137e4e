/**
 * Lets a process meet an exception that nobody catches, for `node --import`: thrown from a timer, once, as soon as the process
 * listens to such things. What a driver throws from a dead socket is no different.
 */
import { THROWING_NOW } from './exits.ts';

const LOOK_MS = 100;
/** So that it has begun to work. */
const LATER_MS = 1_000;

const looking = setInterval(() => {
  if (process.listenerCount('uncaughtException') === 0) return;
  clearInterval(looking);
  setTimeout(() => {
    process.stdout.write(`${THROWING_NOW}\n`);
    throw new Error('an exception made by npm run prove');
  }, LATER_MS);
}, LOOK_MS);
