/** The names of the awaited boundaries, as they stand in the code: failpoints go by them, and a registry would forget some. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** Only reads, for a person who asks again when it fails; no process passes it. */
const DOCTORS = 'src/checkup.ts';

const FILES = ['src', 'workers'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true })
    .map((name) => `${folder}/${name}`)
    .filter((file) => file.endsWith('.ts') && file !== DOCTORS),
);

export interface Statement {
  readonly file: string;
  /** Undefined where the call says none, or none that can be read here. */
  readonly name: string | undefined;
}

/** Every call of `run`, and of `act`, which hands its own name on to it. */
export function statements(): Statement[] {
  return FILES.flatMap((file) => {
    const code = readFileSync(join(ROOT, file), 'utf8');
    if (!/import \{[^}]*\brun\b[^}]*\} from '[^']*\/database\.ts'/.test(code)) return [];
    return argumentsOf(code, /(?<!function )\b(?:run|act)(?:<(?:[^()<>]|<[^<>]*>)*>)?\(/g)
      .filter((args) => !/,\s*name,?\s*$/.test(args))
      .map((args) => ({ file, name: /,\s*'(\w+)',?\s*$/.exec(args)?.[1] }));
  });
}

/** What the doors to everything but the ledger's statements let pass: `passing('x', …)`, and `bounded('x', …)` of the queue. */
export function doorCalls(): string[] {
  return FILES.flatMap((file) => {
    const code = readFileSync(join(ROOT, file), 'utf8');
    const passed = [...code.matchAll(/\bpassing\('([\w.]+)'/g)].map(([, name = '']) => name);
    const bounded = [...code.matchAll(/\b(?:bounded|add)\('(\w+)'/g)].map(([, name]) => `queue.${name}`);
    return [...passed, ...bounded];
  });
}

/** The members of the queue's door that ask Redis something. */
export function queueMethods(): string[] {
  const code = readFileSync(join(ROOT, 'src/queue.ts'), 'utf8');
  const [, members = ''] = /export interface QueueDoor \{(.*?)^\}/ms.exec(code) ?? [];
  return [...members.matchAll(/^ {2}(\w+)[<(]/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'close');
}

/** The texts between the parentheses of these calls. Parentheses inside of SQL are balanced too. */
function argumentsOf(code: string, call: RegExp): string[] {
  return [...code.matchAll(call)].map((match) => {
    const start = match.index + match[0].length;
    let end = start;
    for (let depth = 1; depth > 0 && end < code.length; end += 1) {
      if (code[end] === '(') depth += 1;
      if (code[end] === ')') depth -= 1;
    }
    return code.slice(start, end - 1);
  });
}
