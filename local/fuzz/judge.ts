/** Whether an answer is one that the document describes, and whether the log is one of a process that is well. Pure. */
import type { Contract } from './contract.ts';
import type { Probe } from './probes.ts';
import type { Answer } from './wire.ts';

const PROBLEM = 'application/problem+json';
/** What may be answered before any route is found: the document says so in its text. */
const UNROUTED: ReadonlySet<number> = new Set([400, 401, 404, 405, 408, 413, 414, 415, 429, 431]);
/** Headers that come with every answer of which the document says that it has them. */
const ALWAYS = ['allow', 'location', 'retry-after', 'www-authenticate'];
const LEAKS = /\bselect .* from|insert into|postgres|drizzle|ioredis|node_modules|\.[jt]s:\d|\bat \w+ \(/i;

/** The documented route that this request is for; HEAD is answered like GET. */
export function routeOf(contract: Contract, method: string, path: string): string | undefined {
  const [bare = ''] = path.split(/[?#]/, 1);
  const given = decoded(bare).split('/');
  const meant = method === 'HEAD' ? 'GET' : method;
  return contract.operations.find((operation) => {
    const template = operation.path.split('/');
    const same = (part: string, i: number) => part === given[i] || (part.startsWith('{') && given[i] !== '');
    return operation.method === meant && template.length === given.length && template.every(same);
  })?.route;
}

function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

/** A service that is well may say so when it has more to do than it can: the request is to come again. A store that is away is another matter. */
export function isUnderPressure({ status, headers, body }: Answer): boolean {
  return status === 503 && 'retry-after' in headers && /under pressure|busy|overload|too much/i.test(body);
}

/** What is wrong with that answer to that probe, in words; none when nothing is. */
export function faultsOf(contract: Contract, probe: Probe, answer: Answer): string[] {
  const route = routeOf(contract, probe.method, probe.path);
  return [
    ...statusFaults(contract, probe, route, answer.status),
    ...bodyFaults(contract, probe, route, answer),
    ...(answer.status >= 400 && LEAKS.test(answer.body) ? ['the answer shows our insides'] : []),
  ];
}

function statusFaults(
  contract: Contract,
  { kind, expected, path }: Probe,
  route: string | undefined,
  status: number,
): string[] {
  const isFine = status >= 200 && status < 300;
  if (status >= 500) return [`answered ${status}`];
  if (expected === 'denied' && isFine) return [`answered ${status} without credentials`];
  if (expected === 'refused' && isFine) return [`answered ${status} to what the document refuses`];
  if (expected === 'fine' && !isFine && status !== 304 && status !== 409)
    return [`answered ${status} to what the document takes`];
  if (kind === 'elsewhere')
    return path.startsWith('/admin') && status < 400 ? [`answered ${status} without credentials`] : [];
  if (route === undefined)
    return UNROUTED.has(status) || kind === 'bytes' ? [] : [`answered ${status}, where nothing is`];
  return contract.described(route, status)
    ? []
    : [`answered ${status}, which the document does not describe`];
}

function bodyFaults(
  contract: Contract,
  { method }: Probe,
  route: string | undefined,
  answer: Answer,
): string[] {
  const { status, headers, body } = answer;
  const described = route === undefined ? undefined : contract.described(route, status);
  const type = headers['content-type']?.split(';', 1)[0] ?? '';
  const missing = [...(described?.headers ?? []), ...(status === 405 ? ['allow'] : [])]
    .map((name) => name.toLowerCase())
    .filter(
      (name) => ALWAYS.includes(name) && !(status === 409 && name === 'retry-after') && !(name in headers),
    );
  const faults = missing.map((name) => `lacks the header ${name}`);
  if (method === 'HEAD') return [...faults, ...(body === '' ? [] : ['HEAD has a body'])];
  if (described?.types.length === 0)
    return [...faults, ...(body === '' ? [] : ['has a body where none is described'])];
  if (status >= 400) return [...faults, ...problemFaults(contract, type, answer)];
  if (route === undefined || described === undefined) return faults;
  if (!described.types.includes(type)) return [...faults, `is of the type ${type || 'none'}`];
  const fault = contract.faultOf(route, status, type, parsed(body));
  return fault === undefined ? faults : [...faults, `the body is not as described: ${fault}`];
}

function problemFaults(contract: Contract, type: string, { status, body }: Answer): string[] {
  if (type !== PROBLEM) return [`a refusal is of the type ${type || 'none'}`];
  const problem = parsed(body);
  const fault = contract.problemFault(problem);
  if (fault !== undefined) return [`is no problem as described: ${fault}`];
  const told = (problem as { status: number }).status; // as described: it has one
  return told === status ? [] : [`a problem of status ${told} under ${status}`];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const ERROR_LEVEL = 50;

/** Lines of the process's log that speak of an error, or are no log lines at all: what nobody caught is printed so. */
export function faultyLines(lines: readonly string[]): string[] {
  return lines.filter((line) => {
    const entry = parsed(line);
    return typeof entry !== 'object' || entry === null || Number(Object(entry).level) >= ERROR_LEVEL;
  });
}
