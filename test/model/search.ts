/**
 * Walks through every state that a small world can reach, breadth first, so that the first trace to a broken invariant is a
 * shortest one. What must be in reach from everywhere is looked for backwards from where it holds, over fair steps alone.
 */
import { forgetIdle } from './idle.ts';
import { brokenIn, type Invariant, REACHABLE } from './invariants.ts';
import { CODE, type Rules } from './rules.ts';
import type { Step } from './step.ts';
import { stepsFrom } from './steps.ts';
import { type Bounds, begin, keyOf, type World } from './world.ts';

export interface Findings {
  readonly states: number;
  readonly transitions: number;
  readonly broken?: { readonly invariant: Invariant; readonly trace: readonly string[] };
}

export interface Small {
  readonly messages: 1 | 2;
  readonly bounds: Partial<Bounds>;
  readonly rules?: Rules;
}

export function search({ messages, bounds, rules = CODE }: Small): Findings {
  const start = begin(messages, bounds);
  const graph = createGraph((world) => keyOf(forgetIdle(world), rules.relayByCursor));
  graph.note(start, 0);
  for (let id = 0; id < graph.size(); id += 1) {
    const world = graph.take(id);
    const invariant = brokenIn(world);
    if (invariant) return graph.findings({ invariant, trace: traceTo(graph, id, start, rules) });
    graph.open(id, REACHABLE.holds(world));
    for (const { next, fair } of stepsFrom(world, rules)) graph.link(id, graph.note(next, id), fair);
  }
  const stuck = graph.firstThatCannotRest();
  if (stuck === undefined) return graph.findings();
  return graph.findings({ invariant: REACHABLE.name, trace: traceTo(graph, stuck, start, rules) });
}

type Graph = ReturnType<typeof createGraph>;

/** States by number, in the order in which they were found. */
function createGraph(key: (world: World) => string) {
  const ids = new Map<string, number>();
  const keys: string[] = [];
  const worlds: (World | undefined)[] = [];
  const parents: number[] = [];
  const resting: number[] = [];
  /** Fair steps, as pairs. */
  const from = createNumbers();
  const to = createNumbers();
  let transitions = 0;

  return {
    size: () => keys.length,
    key,
    keyAt: (id: number) => keys[id],
    parent: (id: number) => parents[id] ?? 0,
    /** The number of a state; its first finder is its parent. */
    note(world: World, parent: number): number {
      const text = key(world);
      const known = ids.get(text);
      if (known !== undefined) return known;
      ids.set(text, keys.length);
      worlds.push(world);
      parents.push(parent);
      return keys.push(text) - 1;
    },
    /** Once: only what waits is kept whole. */
    take(id: number): World {
      const world = worlds[id];
      if (!world) throw new Error('taken twice');
      worlds[id] = undefined;
      return world;
    },
    open(id: number, rests: boolean): void {
      if (rests) resting.push(id);
    },
    link(a: number, b: number, fair: boolean): void {
      transitions += 1;
      if (!fair || a === b) return;
      from.push(a);
      to.push(b);
    },
    firstThatCannotRest(): number | undefined {
      const reached = backwards(keys.length, from.all(), to.all(), resting);
      const id = reached.indexOf(0);
      return id < 0 ? undefined : id;
    },
    findings: (broken?: Findings['broken']): Findings => ({
      states: keys.length,
      transitions,
      ...(broken ? { broken } : {}),
    }),
  };
}

/** Of every state, whether one of these can be reached from it. */
function backwards(size: number, from: Uint32Array, to: Uint32Array, ends: readonly number[]): Uint8Array {
  const first = new Uint32Array(size + 1);
  for (const id of to) first[id + 1] = (first[id + 1] ?? 0) + 1;
  for (let id = 0; id < size; id += 1) first[id + 1] = (first[id + 1] ?? 0) + (first[id] ?? 0);
  const free = first.slice();
  const before = new Uint32Array(from.length);
  for (const [i, id] of to.entries()) {
    const place = free[id] ?? 0;
    before[place] = from[i] ?? 0;
    free[id] = place + 1;
  }
  const reached = new Uint8Array(size);
  const ahead = [...ends];
  for (const id of ends) reached[id] = 1;
  for (let id = ahead.pop(); id !== undefined; id = ahead.pop())
    for (const earlier of before.subarray(first[id], first[id + 1])) {
      if (reached[earlier]) continue;
      reached[earlier] = 1;
      ahead.push(earlier);
    }
  return reached;
}

/** A list of numbers that grows without costing eight bytes each. */
function createNumbers() {
  let numbers = new Uint32Array(1 << 16);
  let length = 0;
  return {
    push(number: number): void {
      if (length === numbers.length) {
        const larger = new Uint32Array(length * 2);
        larger.set(numbers);
        numbers = larger;
      }
      numbers[length] = number;
      length += 1;
    },
    all: () => numbers.subarray(0, length),
  };
}

// ── Traces ──

/** The steps that lead there, in words. They are walked again from the start, so that names stay with their bearers. */
function traceTo(graph: Graph, id: number, start: World, rules: Rules): string[] {
  const way = [];
  for (let at = id; at > 0; at = graph.parent(at)) way.unshift(at);
  let world = start;
  return way.map((next) => {
    const step = stepTo(graph.keyAt(next), world, rules, graph.key);
    world = step.next;
    return inWords(step);
  });
}

function stepTo(key: string | undefined, world: World, rules: Rules, keyOf: Graph['key']): Step {
  for (const step of stepsFrom(world, rules)) if (keyOf(step.next) === key) return step;
  throw new Error('the trace is lost: two worlds with one key go different ways');
}

function inWords({ actor, who, words, m }: Step): string {
  const name = who < 0 ? actor : `${actor} ${'AB'[who]}`;
  return `${name} ${words.replace('%', `message ${m + 1}`)}`;
}
