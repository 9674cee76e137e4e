/**
 * `npm run doctor`: examines a running installation and says in words what is wrong. It changes nothing, prints nothing
 * personal, and needs DATABASE_URL and REDIS_URL. Exit code: 0 well, 1 something is wrong, 78 a faulty environment.
 */
import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { CHECK_WIDTH, examine } from './checkup.ts';
import { readConfig } from './config.ts';
import { type Finding, isWell, lineOf, linesOfUnmade, summaryOf } from './findings.ts';
import { command } from './lifecycle.ts';

interface Options {
  readonly all?: boolean;
  readonly json?: boolean;
}

const program = new Command('doctor')
  .description('Examines a running installation and says what is wrong. Changes nothing.')
  .option('--all', 'every row instead of the newest 100,000, however long that takes')
  .option('--json', 'the same as JSON')
  .exitOverride();

/** Commander has said it already, be it help or a complaint: answers the exit code instead of options. */
function readOptions(): Options | number {
  try {
    return program.parse().opts<Options>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode;
  }
}

const asJson = (findings: readonly Finding[]): string =>
  JSON.stringify({ well: isWell(findings), summary: summaryOf(findings), findings }, null, 2);

await command(import.meta.filename, async (onClose) => {
  const options = readOptions();
  if (typeof options === 'number') return options;
  const { all = false, json = false } = options;
  const findings = await examine({
    config: readConfig(['DATABASE_URL', 'REDIS_URL']),
    log: pino({ level: 'silent' }),
    all,
    onClose,
    onFinding: (finding) =>
      json || finding.status === 'not looked at' || console.log(lineOf(finding, CHECK_WIDTH)),
  });
  console.log(json ? asJson(findings) : [...linesOfUnmade(findings), '', summaryOf(findings)].join('\n'));
  return isWell(findings) ? 0 : 1;
});
