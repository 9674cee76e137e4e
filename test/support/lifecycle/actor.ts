/**
 * A process for the tests of lifecycle.ts; its first argument names the part that it plays. What it prints besides its
 * log are plain lines.
 */
import { main, type Process } from '../../../src/lifecycle.ts';

/** What a driver hangs on its errors: other people's business. */
function driverError(): Error {
  return Object.assign(new Error('duplicate key value violates unique constraint "customers_email"'), {
    code: '23505',
    detail: 'Key (email)=(ada@example.com) already exists.',
    query: "insert into customers values ('ada@example.com')",
    parameters: ['ada@example.com'],
    cause: new Error('ada@example.com'),
  });
}

const never = new Promise<never>(() => undefined);

function closing(process: Process, what: string, then: () => unknown = () => undefined): void {
  process.onClose(what, () => {
    console.log(`closing ${what}`);
    return then();
  });
}

/** Keeps the process alive, as a server does. */
function stay(process: Process): void {
  const timer = setInterval(() => undefined, 60_000);
  closing(process, 'first', () => clearInterval(timer));
}

const parts: Readonly<Record<string, (process: Process) => unknown>> = {
  steady: stay,
  troubledEnd(process) {
    stay(process);
    closing(process, 'good');
    closing(process, 'failing', () => {
      throw driverError();
    });
    closing(process, 'rejecting', () => Promise.reject(driverError()));
    for (let i = 1; i <= 8; i += 1) closing(process, `hanging ${i}`, () => never);
    closing(process, 'last');
  },
  /** Its closer is still at work when it crashes as well. */
  crashingEnd(process) {
    stay(process);
    closing(process, 'crashing', async () => {
      setImmediate(() => {
        throw driverError();
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
  },
  uncaught(process) {
    stay(process);
    setImmediate(() => {
      throw driverError();
    });
  },
  unhandled(process) {
    stay(process);
    void Promise.reject(driverError());
  },
  failingStart(process) {
    stay(process);
    throw driverError();
  },
  async endlessStart(process) {
    stay(process);
    console.log('starting');
    await never;
  },
  throwingNoError(process) {
    stay(process);
    void Promise.reject({ email: 'ada@example.com' });
  },
  /** Fails three times, does well once with more to do, fails again, and then does well for ever. */
  flakyLoop(process) {
    let turns = 0;
    process.loop('flaky', 60_000, async () => {
      turns += 1;
      if (turns <= 3 || turns === 5) throw driverError();
      console.log(`turn ${turns} did well`);
      return turns === 4;
    });
  },
  /** In this process a minute lasts a few milliseconds for whoever counts with an interval. */
  hangingLoop(process) {
    const { setInterval } = globalThis;
    globalThis.setInterval = Object.assign(
      (turn: () => void, ms: number) => setInterval(turn, ms / 1000),
      setInterval,
    );
    stay(process);
    process.loop('stuck', 1_000, () => never);
  },
  wokenLoop(process) {
    let turns = 0;
    const loop = process.loop('woken', 3_600_000, async () => {
      turns += 1;
      console.log(`turn ${turns}`);
      if (turns < 3) setImmediate(loop.wake);
      return false;
    });
  },
  /** SIGTERM finds a turn at work, which ends with its signal. */
  busyLoop(process) {
    stay(process);
    process.loop('busy', 1_000, async (signal) => {
      console.log('turning');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      console.log('turned');
      return true;
    });
  },
  /** Always has more to do, and waits for nothing while it does it. */
  greedyLoop(process) {
    stay(process);
    process.loop('greedy', 1_000, async () => true);
  },
  finishing(process) {
    stay(process);
    process.finish();
  },
};

await main(import.meta.filename, [], async (process) => {
  await parts[globalThis.process.argv[2] ?? '']?.(process);
});
