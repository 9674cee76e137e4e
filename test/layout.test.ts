/** Who may know whom: imports run downwards, every outside system has one door, every process one file. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { doorCalls, queueMethods, statements } from './support/boundaries.ts';

const ROOT = join(import.meta.dirname, '..');

/** From top to bottom: a file may import what stands below it. A folder's name stands for all its files. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  entries: [
    'src/web.ts',
    'src/release.ts',
    'src/dead-letters.ts',
    'src/doctor.ts',
    'workers/relay.ts',
    'workers/notifier.ts',
    'workers/monitor.ts',
  ],
  surfaces: [
    'src/api/',
    'src/board.ts',
    'src/operators.ts',
    'src/admin/',
    'src/webhooks.ts',
    'src/checkup.ts',
    'src/findings.ts',
    'src/openapi.ts',
  ],
  orders: ['src/orders.ts', 'src/replays.ts', 'src/cures.ts', 'src/dispatch.ts', 'src/outcomes.ts'],
  messages: ['src/outbox.ts', 'src/envelopes.ts', 'src/redrives.ts', 'src/deliveries.ts', 'src/messages.ts'],
  doors: [
    'src/queue.ts',
    'src/mailer.ts',
    'src/holds.ts',
    'src/letters/',
    'src/alerts.ts',
    'src/hints.ts',
    'src/gate.ts',
    'src/line.ts',
  ],
  ground: [
    'src/config.ts',
    'src/lifecycle.ts',
    'src/database.ts',
    'src/schema.ts',
    'src/deadline.ts',
    'src/turnstile.ts',
    'src/failpoints.ts',
    'src/money.ts',
    'src/fields.ts',
    'src/health.ts',
    'src/problem.ts',
    'src/transport.ts',
    'src/credentials.ts',
    'src/limits.ts',
    'src/pace.ts',
    'src/markup.ts',
    'src/life.ts',
    'src/ledger.ts',
  ],
};

/** The only imports between neighbours of a layer, each for a reason. */
const NEIGHBOURS: Readonly<Record<string, string>> = {
  'src/board.ts → src/operators.ts': 'its gate',
  'src/board.ts → src/admin/': 'pages and routes behind the same gate',
  'src/admin/ → src/api/': 'bodies are read and described as there',
  'src/credentials.ts → src/limits.ts': 'who sends many wrong ones has to wait',
  'src/credentials.ts → src/problem.ts': 'how they are refused',
  'src/openapi.ts → src/api/': 'the document is of its schemas, with its examples',
  'src/checkup.ts → src/findings.ts': 'what it has seen is judged apart, without any store',
  'src/orders.ts → src/replays.ts': 'what it writes consumes the key in the same statement',
  'src/webhooks.ts → src/api/': 'how answers are described',
  'src/deliveries.ts → src/outbox.ts': 'a report can prove that a letter was accepted',
  'src/dispatch.ts → src/outcomes.ts': 'what answers come to',
  'src/envelopes.ts → src/outbox.ts': 'letters, messages and how these are locked',
  'src/redrives.ts → src/outbox.ts': 'what a retry does to a message',
  'src/mailer.ts → src/holds.ts': 'the type of what an answer may ask for: a hold',
  'src/mailer.ts → src/letters/': 'the type of what is sent: a letter',
  'src/lifecycle.ts → src/config.ts': 'a process begins with its settings',
  'src/lifecycle.ts → src/failpoints.ts': 'which may say where it is to fail',
  'src/database.ts → src/deadline.ts': 'every statement has one',
  'src/database.ts → src/failpoints.ts': 'every statement passes them',
  'src/database.ts → src/turnstile.ts': 'and waits there for a connection',
  'src/turnstile.ts → src/deadline.ts': 'nobody waits for ever',
  'src/failpoints.ts → src/config.ts': 'the type of what it is armed with',
  'src/health.ts → src/lifecycle.ts': 'the type of whose health it tells: a process',
  'src/health.ts → src/transport.ts': 'requests of one connection take turns there too',
  'src/gate.ts → src/queue.ts': 'the type of what a gate pauses: a consumer',
  'src/ledger.ts → src/database.ts': 'what a process holds of it',
  'src/ledger.ts → src/deadline.ts': 'a fresh connection has one',
  'src/ledger.ts → src/failpoints.ts': 'and passes them',
  'src/ledger.ts → src/lifecycle.ts': 'the type of who holds it: a process',
  'src/problem.ts → src/fields.ts': 'what is wrong with a field is said in words',
  'src/transport.ts → src/problem.ts': 'what is refused before it is read is a problem too',
  'src/problem.ts → src/lifecycle.ts': 'an error is logged without what its driver hung on it',
  'src/problem.ts → src/database.ts': 'an unreachable ledger is 503 and nothing else is',
};

/** The only files that import a package which stands for something outside, or for a way of working. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  bullmq: ['src/queue.ts'],
  ioredis: ['src/queue.ts'],
  resend: ['src/mailer.ts'],
  'rate-limiter-flexible': ['src/pace.ts'],
  postgres: ['src/database.ts', 'src/release.ts'],
  'drizzle-orm/postgres-js': ['src/database.ts', 'src/release.ts'],
  'drizzle-orm/postgres-js/migrator': ['src/release.ts'],
  '@bull-board/api': ['src/board.ts'],
  '@bull-board/fastify': ['src/board.ts'],
  commander: ['src/dead-letters.ts', 'src/doctor.ts'],
  pino: ['src/dead-letters.ts', 'src/doctor.ts', 'src/lifecycle.ts'],
  'drizzle-orm': [
    'src/alerts.ts',
    'src/checkup.ts',
    'src/database.ts',
    'src/deliveries.ts',
    'src/envelopes.ts',
    'src/holds.ts',
    'src/ledger.ts',
    'src/life.ts',
    'src/orders.ts',
    'src/outbox.ts',
    'src/redrives.ts',
    'src/replays.ts',
    'src/schema.ts',
  ],
};

const filesIn = (...folders: readonly string[]): string[] =>
  folders
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true }).map((name) => `${folder}/${name}`),
    )
    .filter((name) => name.endsWith('.ts'))
    .toSorted();

const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** What a file imports, types included: files of the project from its root on, packages by their names. */
function importsOf(file: string): string[] {
  const code = textOf(file);
  const statements = [
    /^import\s+(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm,
    /^export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+'([^']+)'/gm,
    /\bimport\(\s*'([^']+)'/g,
    /\brequire\(\s*'([^']+)'/g,
  ];
  const names = statements.flatMap((statement) => [...code.matchAll(statement)].map(([, name = '']) => name));
  return names.map((name) => (name.startsWith('.') ? posix.join(dirname(file), name) : name));
}

/** A file's code without its comments. */
const codeOf = (file: string): string =>
  textOf(file)
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/(^|\s)\/\/.*$/gm, '');

/** A file's place: itself, or its folder where that stands in the table. */
const placeOf = (file: string): string =>
  Object.values(LAYERS)
    .flat()
    .find((place) => file === place || (place.endsWith('/') && file.startsWith(place))) ?? file;

const heightOf = (place: string): number =>
  Object.values(LAYERS).findIndex((places) => places.includes(place));

const SYSTEM = filesIn('src', 'workers');
const ALL = filesIn('src', 'workers', 'local', 'test');

/** `a → b` for every import between two places of the table. */
const arrows = SYSTEM.flatMap((file) =>
  importsOf(file)
    .filter((name) => SYSTEM.includes(name))
    .map((name) => ({ from: placeOf(file), to: placeOf(name) }))
    .filter(({ from, to }) => from !== to),
);
const drawn = (drawing: readonly { from: string; to: string }[]) =>
  [...new Set(drawing.map(({ from, to }) => `${from} → ${to}`))].toSorted();

describe('the layers', () => {
  it('hold every file of src and workers, and nothing that is not there', () => {
    expect([...new Set(SYSTEM.map(placeOf))].toSorted()).toEqual(Object.values(LAYERS).flat().toSorted());
  });

  it('are imported downwards only', () => {
    expect(drawn(arrows.filter(({ from, to }) => heightOf(from) > heightOf(to)))).toEqual([]);
  });

  it('know of neighbours only what is listed, and all of that is true', () => {
    const level = arrows.filter(({ from, to }) => heightOf(from) === heightOf(to));
    expect(drawn(level)).toEqual(Object.keys(NEIGHBOURS).toSorted());
  });

  it('are all that src and workers import of this project', () => {
    const outside = SYSTEM.flatMap((file) =>
      importsOf(file)
        .filter((name) => name.includes('/') && !SYSTEM.includes(name))
        .filter((name) => ALL.includes(name) || /^(\.|local|test|dist|workers|src)/.test(name))
        .map((name) => `${file} → ${name}`),
    );
    expect(outside).toEqual([]);
  });

  it('lend the local installation their settings and the shape of an order, and nothing else', () => {
    const others = filesIn('local').filter((file) => !file.startsWith('local/prove/'));
    expect(lentTo(others)).toEqual(['src/config.ts', 'src/orders.ts']);
  });

  it('lend the proof their settings and the ledger: what a person may do there, and what can be seen', () => {
    expect(lentTo(filesIn('local/prove'))).toEqual(['src/config.ts', 'src/database.ts', 'src/outbox.ts']);
  });

  function lentTo(files: readonly string[]): string[] {
    const ours = files.flatMap(importsOf).filter((name) => SYSTEM.includes(name) || name.startsWith('test/'));
    return [...new Set(ours)].toSorted();
  }
});

describe('no file', () => {
  it('imports itself over others', () => {
    const cycles = ALL.flatMap((file) => cycleFrom(file) ?? []);
    expect(cycles).toEqual([]);
  });

  /** The shortest way from a file back to itself, drawn. */
  function cycleFrom(start: string): string | undefined {
    const seen = new Set<string>();
    const ways = [[start]];
    for (const way of ways) {
      for (const next of importsOf(way.at(-1) ?? start)) {
        if (next === start) return [...way, start].join(' → ');
        if (!ALL.includes(next) || seen.has(next)) continue;
        seen.add(next);
        ways.push([...way, next]);
      }
    }
    return undefined;
  }

  it('of src and workers reads the environment but config', () => {
    expect(SYSTEM.filter((file) => /\bprocess\s*\.\s*env\b|\bloadEnvFile\b/.test(codeOf(file)))).toEqual([
      'src/config.ts',
    ]);
  });

  it('of src and workers touches signals and the exit but lifecycle, and what kills it for tests', () => {
    const touches = /\bprocess\s*\.\s*(on|once|off|addListener|exit|exitCode|abort|kill|reallyExit)\b/;
    expect(SYSTEM.filter((file) => touches.test(codeOf(file)))).toEqual([
      'src/failpoints.ts',
      'src/lifecycle.ts',
    ]);
  });

  it('of src and workers gets hold of the process by another name', () => {
    const others =
      /from '(node:)?process'|\bprocess\s*\[|\{[^}]*\b(env|exit|on|once)\b[^}]*\}\s*=\s*(\w+\.)?process\b/;
    expect(SYSTEM.filter((file) => others.test(codeOf(file)))).toEqual([]);
  });

  it('opens with anything but its duty', () => {
    expect(filesIn('src', 'workers', 'local').filter((file) => !textOf(file).startsWith('/**'))).toEqual([]);
  });
});

describe('an outside system', () => {
  it.each(Object.entries(DOORS))('%s has one door: %j', (name, doors) => {
    const importers = SYSTEM.filter((file) =>
      importsOf(file).some(
        (imported) => imported === name || (name.startsWith('@') && imported.startsWith(`${name}/`)),
      ),
    );
    expect(importers).toEqual(doors);
  });
});

describe('an awaited boundary', () => {
  it('has a name: every statement one of its own, and every method of the door to Redis', () => {
    const found = statements();
    expect(found.length).toBeGreaterThan(50);
    expect(found.filter(({ name }) => name === undefined)).toEqual([]);
    const names = found.map(({ name }) => name);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    expect(doorCalls()).toEqual(expect.arrayContaining(queueMethods().map((name) => `queue.${name}`)));
  });
});

describe('the Procfile', () => {
  const lines = textOf('Procfile').trimEnd().split('\n');

  it('has one plain node command in every line, with a file of that name', () => {
    for (const line of lines) {
      const [, name, folder, file] =
        /^([a-z]+): node(?: --[a-z-]+(?:=\d+)?)* dist\/(src|workers)\/([a-z]+)\.js$/.exec(line) ?? [];
      expect(file, line).toBe(name);
      expect(SYSTEM, line).toContain(`${folder}/${file}.ts`);
    }
  });

  it('names every process once: each file that runs main, each worker', () => {
    const named = lines.map((line) => /dist\/(.*)\.js$/.exec(line)?.[1]).toSorted();
    const mains = SYSTEM.filter((file) => /^await main\(/m.test(textOf(file)));
    expect(named).toEqual(mains.map((file) => file.replace('.ts', '')));
    expect(mains).toEqual(expect.arrayContaining(filesIn('workers')));
  });
});
