// A process for the tests of the Procfile runner; its first argument names the part that it plays.
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';

const [part = '', ...rest] = process.argv.slice(2);

const stayAlive = () => setInterval(() => {}, 60_000);

const parts = {
  /** Ends well when asked to, and when its runner is gone. */
  steady() {
    process.on('SIGTERM', () => {
      console.log('bye');
      process.exit(0);
    });
    process.on('disconnect', () => process.exit(0));
    stayAlive();
    console.log(`up ${process.pid} PORT ${process.env.PORT}`);
  },
  /** Hears SIGTERM and stays. */
  deaf() {
    process.on('SIGTERM', () => console.log('heard SIGTERM'));
    process.on('disconnect', () => process.exit(0));
    stayAlive();
    console.log(`up ${process.pid}`);
  },
  /** Has something to finish when it hears SIGTERM. */
  slowEnd() {
    process.once('SIGTERM', () => {
      setTimeout(() => {
        console.log('bye');
        process.exit(0);
      }, 300);
    });
    stayAlive();
    console.log(`up ${process.pid}`);
  },
  /** Answers SIGTERM with the given code. */
  badEnd() {
    process.on('SIGTERM', () => process.exit(Number(rest[0])));
    stayAlive();
    console.log(`up ${process.pid}`);
  },
  /** Ends at once with the given code. */
  exit() {
    process.exitCode = Number(rest[0]);
  },
  /** Ends with code 3 as long as the given file does not exist, and makes it; then stays. */
  crashOnce() {
    if (existsSync(rest[0])) return parts.steady();
    writeFileSync(rest[0], '');
    process.exitCode = 3;
  },
  /** Takes a while, so that another process would be seen beside it. */
  slowRelease() {
    console.log('release begins');
    setTimeout(() => console.log('release done'), 300);
  },
  /** Writes a character in two halves, to both outputs, and a last line without an end. */
  async split() {
    const line = Buffer.from('5 € für Zoë\nlast');
    for (const stream of [process.stdout, process.stderr]) {
      stream.write(line.subarray(0, 3));
      await new Promise((resolve) => setTimeout(resolve, 200));
      stream.write(line.subarray(3));
    }
    parts.steady();
  },
  /** Leaves a child behind that hears nothing, in a group of its own when asked so. */
  parent() {
    const stdio = ['ignore', 'inherit', 'inherit'];
    const detached = rest[0] === 'detached';
    spawn(process.execPath, [process.argv[1], 'deaf'], { stdio, detached }).unref();
    parts.steady();
  },
  /** Has no handler at all and nothing to wait for but the channel to its runner. */
  plain() {
    console.log(`connected ${process.connected}`);
  },
};

await parts[part]();
