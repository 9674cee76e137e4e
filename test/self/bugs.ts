/**
 * Seeded bugs: mistakes that a good engineer might make in this code, each a patch of the same name beside this file. What is
 * to be seen of each, and in which trial; and the mutation of the model that stands for the same mistake, where there is one.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reason } from '../../local/prove/report.ts';
import type { FaultName } from '../../local/prove/schedule.ts';
import type { MUTATIONS } from '../model/rules.ts';
import { type Patch, readPatch } from './patch.ts';

/** A short proof: whatever is caught by it must be caught by one of its seeds, and without a bug each of them passes. */
export interface Trial {
  readonly seconds: number;
  readonly rate: number;
  readonly drain: number;
  readonly seeds: readonly number[];
  readonly faults: readonly FaultName[];
}

export const TRIALS = {
  answers: { seconds: 12, rate: 20, drain: 30, seeds: [2, 8, 4], faults: ['provider-mixed'] },
  garble: { seconds: 8, rate: 20, drain: 30, seeds: [7, 4, 8], faults: ['provider-garble'] },
  silence: { seconds: 7, rate: 20, drain: 15, seeds: [4, 7, 8], faults: ['provider-hang'] },
  releases: {
    ...{ seconds: 14, rate: 20, drain: 30, seeds: [6, 1, 4] },
    faults: ['release', 'provider-fail', 'provider-hang-up', 'provider-accept-hang-up'],
  },
  ledger: { seconds: 8, rate: 20, drain: 30, seeds: [2, 4, 8], faults: ['postgres-drop'] },
  queue: { seconds: 7, rate: 20, drain: 30, seeds: [8, 7, 3], faults: ['redis-cut', 'redis-blackhole'] },
  exception: { seconds: 6, rate: 20, drain: 30, seeds: [4, 6, 1], faults: ['exception'] },
  kills: { seconds: 40, rate: 40, drain: 40, seeds: [4, 8, 2], faults: ['kill', 'postgres-slow'] },
} as const satisfies Record<string, Trial>;

export interface Bug {
  readonly name: string;
  /** Undefined where no proof can tell, for a reason that stands beside it. */
  readonly trial?: keyof typeof TRIALS;
  /** What the proof must say, one of these at least: another complaint may be another matter. */
  readonly shows: readonly Reason[];
  readonly mutation?: keyof typeof MUTATIONS;
}

export const BUGS: readonly Bug[] = [
  { name: 'mark-before-enqueue', trial: 'queue', shows: ['unfounded'], mutation: 'markBeforeEnqueue' },
  {
    ...{ name: 'stage-after-commit', trial: 'ledger', mutation: 'stageAfterAnswer' },
    shows: ['withoutMessage', 'lost'],
  },
  {
    ...{ name: 'no-provider-key', trial: 'answers', mutation: 'newKeyPerAttempt' },
    shows: ['unkeyed', 'duplicated'],
  },
  {
    ...{ name: 'key-per-attempt', trial: 'answers', mutation: 'newKeyPerAttempt' },
    shows: ['unkeyed', 'duplicated'],
  },
  { name: 'envelope-falls-apart', trial: 'answers', shows: ['unkeyed', 'duplicated'] },
  { name: 'error-ignored', trial: 'answers', shows: ['lost', 'contradicted'] },
  { name: 'id-missing-accepted', trial: 'garble', shows: ['lost', 'contradicted'] },
  { name: 'relay-by-cursor', trial: 'answers', shows: ['lost', 'undrained'], mutation: 'relayByCursor' },
  { name: 'default-stall-limit', trial: 'kills', shows: ['unexplained'] },
  // It costs a person one more retry, and then all is well: nothing of it is left when the proof comes to look.
  { name: 'dead-without-run', shows: [], mutation: 'deadWithoutRun' },
  {
    ...{ name: 'refusal-after-timeout', trial: 'answers', mutation: 'refusalAfterTimeoutIsDefinite' },
    shows: ['contradicted'],
  },
  { name: 'failed-jobs-removed', trial: 'answers', shows: ['unmirrored'], mutation: 'failedJobsRemoved' },
  { name: 'exceptions-swallowed', trial: 'exception', shows: ['ended'] },
  { name: 'no-deadline', trial: 'silence', shows: ['undrained', 'lost'] },
  { name: 'two-statements', trial: 'ledger', shows: ['withoutMessage', 'lost'] },
  { name: 'rendered-anew', trial: 'releases', shows: ['unkeyed'] },
];

export const patchOf = ({ name }: Bug): Patch =>
  readPatch(readFileSync(join(import.meta.dirname, `${name}.patch`), 'utf8'));
