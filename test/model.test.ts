/**
 * The message's life, walked through exhaustively in small worlds: nothing that may happen in them breaks an invariant, and
 * each mistake that the code might have made does.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { MOVES, type MoveName } from '../src/life.ts';
import { CODE, MUTATIONS, type Mutation } from './model/rules.ts';
import { type Findings, type Small, search } from './model/search.ts';

/** The longest of these walks takes some twenty seconds of one core where it has it for itself. */
const LONG_MS = 300_000;

const EVERY_FAULT = { crash: 2, stall: 1, loss: 1, silence: 2, refusal: 1, unmarked: 1, buried: 1 };

/** Two relays, two notifiers and a monitor in each of them. */
const WORLDS: Readonly<Record<string, Small>> = {
  'two messages, a crash and the loss of Redis': { messages: 2, bounds: { crash: 1, loss: 1 } },
  'two messages, two crashes or a lost answer, and an expired window': {
    messages: 2,
    bounds: { crash: 2, silence: 1, hours: 2, any: 2 },
  },
  'two messages, a crash, and a process that stands still': { messages: 2, bounds: { crash: 1, stall: 1 } },
  'two messages of which Redis may refuse one, and a person': {
    messages: 2,
    bounds: { unenqueueable: 1, person: 1 },
  },
  'two letters that share a request, and a crash with a lost answer or a refusal': {
    messages: 2,
    bounds: { envelopes: 1, crash: 1, silence: 1, refusal: 1, unmarked: 1, any: 2 },
  },
  // Who stands still is in the world of `anyCallSettlesAnEnvelope` below: with more faults it takes minutes.
  'two letters that share a request, a lost answer, and an expired window': {
    messages: 2,
    bounds: { envelopes: 1, silence: 1, hours: 2 },
  },
  'two letters that share a request, a refusal or a lost answer, and a person': {
    messages: 2,
    bounds: { envelopes: 1, silence: 1, refusal: 1, person: 1, any: 1 },
  },
  'one message, any two faults, and an expired window': {
    messages: 1,
    bounds: { ...EVERY_FAULT, any: 2, hours: 2 },
  },
  'one message, a crash, the loss of Redis, a lost answer, and an expired window': {
    messages: 1,
    bounds: { crash: 1, loss: 1, silence: 1, hours: 2 },
  },
  'one message, any fault, and a person who acts twice': {
    messages: 1,
    bounds: { ...EVERY_FAULT, unenqueueable: 1, any: 1, hours: 2, person: 2 },
  },
  'one message, a stall, a lost answer, a refusal, and a person': {
    messages: 1,
    bounds: { stall: 1, silence: 1, refusal: 1, person: 1 },
  },
};

describe('nothing breaks in a world of', () => {
  const made = new Set<MoveName>();
  const seen: Findings[] = [];

  it.each(Object.entries(WORLDS))('%s', { timeout: LONG_MS }, (name, world) => {
    const findings = search({ ...world, rules: { ...CODE, made } });
    seen.push(findings);
    console.log(`${name}: ${inNumbers([findings])}`);
    expect(findings.broken).toBeUndefined();
    expect(findings.states).toBeGreaterThan(1_000); // it has gone somewhere
  });

  it('all these, in which every move of the table is made', () => {
    expect([...made].toSorted()).toEqual(Object.keys(MOVES).toSorted());
  });

  afterAll(() => console.log(`in all: ${inNumbers(seen)}`));
});

function inNumbers(findings: readonly Findings[]): string {
  const sum = (of: 'states' | 'transitions') =>
    findings.reduce((total, one) => total + one[of], 0).toLocaleString('en');
  return `${sum('states')} states, ${sum('transitions')} transitions`;
}

describe('a mistake shows', () => {
  const mutations: [string, Mutation][] = Object.entries(MUTATIONS);

  it.each(mutations)('%s', (_name, { rules, breaks, messages, bounds }) => {
    const { broken } = search({ messages, bounds, rules });
    expect(broken?.invariant, broken?.trace.join('\n')).toBe(breaks);
    expect(broken?.trace[0]).toMatch(/^web /); // told from the first order on
  });

  it.each(mutations)('and without %s nothing breaks in the same world', (_name, { messages, bounds }) => {
    expect(search({ messages, bounds, rules: CODE }).broken).toBeUndefined();
  });
});
