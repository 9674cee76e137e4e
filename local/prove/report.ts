/** What a proof came to: its verdict, and how it is told. */
import type { PlacedOrder } from './client.ts';
import type { Drained } from './drain.ts';
import type { Letter } from './evidence.ts';
import type { Exit } from './exits.ts';
import type { MadeFault } from './faults.ts';
import { BREACHES, type Breach, type Finding } from './judge.ts';
import { type Delays, delaysOf, letterDelays, type Recovery, recoveries } from './recovery.ts';
import type { FaultName } from './schedule.ts';

export interface Outcome {
  readonly seed: number;
  readonly seconds: number;
  readonly rate: number;
  readonly outage: FaultName | undefined;
  /** When the client began, in milliseconds by this process's clock. */
  readonly start: number;
  readonly history: readonly PlacedOrder[];
  readonly letters: readonly Letter[];
  readonly findings: readonly Finding[];
  readonly requests: { readonly all: number; readonly shared: number };
  readonly made: readonly MadeFault[];
  readonly drained: Drained;
  readonly exits: readonly Exit[];
  readonly peaks: ReadonlyMap<string, number>;
}

/**
 * Why a proof did not pass: what the judgement has found, and `undrained` (not all was finished in time), `unmirrored` (the
 * failed set and the ledger differ), `ended` (a process, for no known reason), `undue` (a death in an outage), `unpromised` (no
 * order was acknowledged: where nobody was promised anything, nothing could be broken).
 */
export type Reason = Breach | 'undrained' | 'unmirrored' | 'ended' | 'undue' | 'unpromised';

export interface Report {
  /** Whether there are no reasons why not. */
  readonly passed: boolean;
  /** How often each; without those that there are not. */
  readonly reasons: Readonly<Partial<Record<Reason, number>>>;
  readonly seed: number;
  readonly seconds: number;
  readonly rate: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly letters: number;
  readonly requests: { readonly all: number; readonly shared: number };
  readonly counts: Readonly<Record<Breach, number>>;
  readonly drained: Drained;
  /** What an outage may not have: dead letters that it does not explain. */
  readonly undueDead: number;
  /** Milliseconds from an acknowledged order's placing to its letter; null without any. */
  readonly delays: Delays | null;
  readonly recoveries: readonly Recovery[];
  readonly exits: readonly { readonly cause: string; readonly count: number; readonly expected: boolean }[];
  /** Bytes, by type of process. */
  readonly peaks: Readonly<Record<string, number>>;
  /** What is wrong, with the fault that began last before the order was placed. */
  readonly findings: readonly (Finding & { readonly after: string | null })[];
  readonly unexplainedExits: readonly (Exit & { readonly after: string | null })[];
  readonly faults: readonly {
    readonly name: string;
    readonly victim: string | null;
    readonly from: number;
    readonly to: number | null;
  }[];
}

export function reportOf(outcome: Outcome): Report {
  const { history, letters, findings, drained, exits, made, start } = outcome;
  const told = (which: PlacedOrder['outcome']) => history.filter((order) => order.outcome === which).length;
  const counts = Object.fromEntries(
    BREACHES.map((breach) => [breach, findings.filter((one) => one.breach === breach).length]),
  ) as Record<Breach, number>; // one entry for each
  const unexplainedExits = exits
    .filter(({ expected }) => !expected)
    .map((exit) => ({ ...exit, after: faultBefore(made, exit.at, start) }));
  const undueDead = outcome.outage ? Math.abs(deadOf(drained) - dueDead(outcome.outage)) : 0;
  const reasons = present({
    ...counts,
    undrained: drained.ended ? 0 : 1,
    unmirrored: drained.mirror.missing.length + drained.mirror.surplus.length,
    ended: unexplainedExits.length,
    undue: undueDead,
    unpromised: told('acknowledged') > 0 ? 0 : 1,
  });
  return {
    passed: Object.keys(reasons).length === 0,
    reasons,
    ...{ seed: outcome.seed, seconds: outcome.seconds, rate: outcome.rate },
    ...{ acknowledged: told('acknowledged'), refused: told('refused'), unknown: told('unknown') },
    ...{ letters: letters.length, requests: outcome.requests, counts, drained },
    ...{ undueDead, delays: delaysOf(letterDelays(history, letters)) },
    recoveries: recoveries(made, history, letters),
    exits: exitsByCause(exits),
    peaks: Object.fromEntries(outcome.peaks),
    findings: findings.map((one) => ({
      ...one,
      after: one.at === null ? null : faultBefore(made, one.at, start),
    })),
    unexplainedExits,
    faults: made.map(({ name, victim, began, ended }) => ({
      ...{ name, victim, from: began - start },
      to: ended === undefined ? null : ended - start,
    })),
  };
}

/** The letter that is answered with 500 for longer than its attempts last. */
const dueDead = (outage: FaultName): number => (outage === 'provider-letter' ? 1 : 0);

const deadOf = ({ retried, confirmed }: Drained): number =>
  Object.values(retried).reduce((a, b) => a + b, 0) + confirmed.sent + confirmed.notSent;

const present = (reasons: Readonly<Record<Reason, number>>): Report['reasons'] =>
  Object.fromEntries(Object.entries(reasons).filter(([, count]) => count > 0));

function exitsByCause(exits: readonly Exit[]): Report['exits'] {
  const causes = new Map<string, { cause: string; count: number; expected: boolean }>();
  for (const { name, cause, expected } of exits) {
    const type = name.replace(/\.\d+$/, '');
    const named = `${type}: ${cause}`;
    const so = causes.get(named) ?? { cause: named, count: 0, expected };
    so.count += 1;
    causes.set(named, so);
  }
  return [...causes.values()].sort((a, b) => a.cause.localeCompare(b.cause));
}

function faultBefore(made: readonly MadeFault[], at: number, start: number): string | null {
  const fault = made.findLast(({ began }) => began <= at);
  if (!fault) return null;
  return `${fault.name}${fault.victim ? ` ${fault.victim}` : ''} at ${seconds(fault.began - start)}`;
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

/** The report as a person reads it: one table, then what is wrong, with ids. */
export function tell(report: Report): string {
  return [
    ...table(report),
    '',
    ...recoveryLines(report),
    '',
    ...exitLines(report),
    ...wrong(report),
    '',
    sentence(report),
  ].join('\n');
}

function table(report: Report): string[] {
  const { counts, drained, delays } = report;
  const retried = Object.entries(drained.retried);
  const megabytes = Object.entries(report.peaks).map(
    ([type, bytes]) => `${type} ${Math.round(bytes / 1e6)} MB`,
  );
  const rows: [string, string | number][] = [
    ['seed', report.seed],
    ['seconds, orders per second', `${report.seconds}, ${report.rate}`],
    ['faults', report.faults.length],
    ['orders acknowledged', report.acknowledged],
    ['orders refused', report.refused],
    ['orders whose outcome is unknown', report.unknown],
    ['letters accepted', report.letters],
    ['requests to the provider', report.requests.all],
    ['  of which for several letters', report.requests.shared],
    ['acknowledged without a letter', counts.lost],
    ['letters for one order above one', counts.duplicated],
    ['letters nobody ordered', counts.unordered],
    ['orders without a message', counts.withoutMessage],
    ['two orders under one key', counts.doubled],
    ['ledger against letters', counts.contradicted],
    ['requests that no key protects', counts.unkeyed],
    ['dead without a fault to die of', counts.unexplained],
    ['marked as enqueued before the job', counts.unfounded],
    ['failed set against the ledger', drained.mirror.missing.length + drained.mirror.surplus.length],
    [
      'dead, then retried by a person',
      sum(
        retried.map(([, count]) => count),
        retried.map(([reason, count]) => `${reason} ${count}`),
      ),
    ],
    [
      'outcome unknown, then settled',
      `${drained.confirmed.sent} as sent, ${drained.confirmed.notSent} as not sent`,
    ],
    ['dead through an outage', report.undueDead],
    [
      'order to letter',
      delays ? `p50 ${seconds(delays.p50)}, p99 ${seconds(delays.p99)}, max ${seconds(delays.max)}` : '–',
    ],
    ['drained', drained.ended ? `in ${seconds(drained.ms)}` : `NOT within ${seconds(drained.ms)}`],
    ['peak resident memory', megabytes.join(', ') || '–'],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(34)} ${value}`);
}

const sum = (counts: readonly number[], words: readonly string[]): string =>
  counts.length === 0 ? '0' : `${counts.reduce((a, b) => a + b, 0)} (${words.join(', ')})`;

function recoveryLines({ recoveries: kinds }: Report): string[] {
  const line = (cells: readonly (string | number)[]) =>
    `  ${cells.map((cell, i) => (i === 0 ? String(cell).padEnd(24) : String(cell).padStart(8))).join(' ')}`;
  return [
    line(['recovery, ms', 'times', 'p50', 'p99', 'max']),
    ...kinds.map(({ name, count, p50, p99, max }) => line([name, count, p50, p99, max])),
  ];
}

function exitLines({ exits }: Report): string[] {
  return [
    '  ends of processes',
    ...exits.map(
      ({ cause, count, expected }) => `  ${expected ? ' ' : '✗'} ${String(count).padStart(4)}  ${cause}`,
    ),
  ];
}

/** The terminal shows so many; all of them stand in the report. */
const SHOWN = 20;

function wrong({ findings, unexplainedExits, drained: { mirror } }: Report): string[] {
  const lines = [
    ...findings.map(
      ({ breach, what, key, orderId, messageId, after }) =>
        `✗ ${breach}: ${what} (key ${key}, order ${orderId}, message ${messageId}; the fault before: ${after})`,
    ),
    ...unexplainedExits.map(
      ({ name, pid, cause, after }) => `✗ ${name} (pid ${pid}): ${cause} (the fault before: ${after})`,
    ),
    ...mirror.missing.map((id) => `✗ the failed set lacks the dead letter ${id}`),
    ...mirror.surplus.map((id) => `✗ the failed set shows ${id}, which is not dead`),
  ];
  const hidden = lines.length - SHOWN;
  if (lines.length === 0) return [];
  return ['', ...lines.slice(0, SHOWN), ...(hidden > 0 ? [`✗ and ${hidden} more, in report.json`] : [])];
}

/** The rule of three: with none in N, the true rate is below 3/N, with 95 % confidence. */
function sentence({ acknowledged, counts, passed, findings }: Report): string {
  const verdict = passed ? '✓ The promises held.' : failure(acknowledged, findings.length);
  if (counts.lost + counts.duplicated > 0 || acknowledged === 0) return verdict;
  const percent = (300 / acknowledged).toPrecision(2);
  return (
    `${verdict} With ${acknowledged} acknowledged orders, none lost and none sent twice, the rate of either is below ` +
    `${percent} % at 95 % confidence (the rule of three: 3/N), for faults such as these.`
  );
}

function failure(acknowledged: number, breaches: number): string {
  if (acknowledged === 0) return '✗ Nothing was shown: no order was acknowledged.';
  if (breaches > 0) return '✗ A promise broke: see the lines marked ✗.';
  return '✗ No letter broke a promise, but not everything came to its end as it must: see the lines marked ✗.';
}
