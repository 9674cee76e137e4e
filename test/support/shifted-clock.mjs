// Preloaded into a process: its clock goes ahead by CLOCK_SHIFT_MS, for all that asks `Date`.
const shift = Number(process.env.CLOCK_SHIFT_MS);
const { now } = Date;
Date.now = () => now() + shift;
globalThis.Date = new Proxy(Date, {
  construct: (target, args) => (args.length > 0 ? new target(...args) : new target(now() + shift)),
});
