/**
 * Puts a process's clock wrong, for `node --import`: every `Date` is PROVE_CLOCK_OFFSET_MS ahead. Timers and
 * `performance.now` go on as they do when a machine's clock is set wrong.
 */
const offsetMs = Number(process.env.PROVE_CLOCK_OFFSET_MS ?? 0);
const True = Date;

globalThis.Date = class extends True {
  constructor(...given: [] | ConstructorParameters<typeof True>) {
    if (given.length === 0) super(True.now() + offsetMs);
    else super(...(given as ConstructorParameters<typeof True>)); // not empty: one of Date's own forms
  }
  static override now(): number {
    return True.now() + offsetMs;
  }
} as DateConstructor; // only `Date()` without `new` is not there, and nobody calls it
