/** docs/api.md is true: its examples are run, by a real shell and curl against a real web process, and every route stands in it. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningProcess, startProcess } from './support/processes.ts';
import { openWeb, registeredRoutes } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

const TEXT = readFileSync(join(import.meta.dirname, '../docs/api.md'), 'utf8');
const hasCurl = existsSync('/usr/bin/curl') && existsSync('/bin/bash');
if (!hasCurl) console.error('\n!!! No curl on this machine: the examples of docs/api.md are SKIPPED. !!!\n');

let world: World;
beforeAll(async () => {
  world = await openWorld({ API_KEYS: 'docs:local-api-key' });
});
afterAll(() => world.close());

/** Told of here before it is built. */
const NOT_YET = ['POST /webhooks/resend'];

it('has a heading for every route of the API, and for no other', async () => {
  const elsewhere = /^HEAD | \/(livez|readyz|metrics|docs|admin)(\/|$)/;
  const routes = registeredRoutes(await openWeb(world)).filter((route) => !elsewhere.test(route));
  const headings = [...TEXT.matchAll(/^### ([A-Z]+ \/\S*)$/gm)].map(([, heading = '']) => heading);
  expect(routes.length).toBeGreaterThanOrEqual(7);
  expect(headings.toSorted()).toEqual([...new Set([...routes, ...NOT_YET])].toSorted());
  for (const route of routes.filter((one) => !NOT_YET.includes(one))) {
    const [, section = ''] = TEXT.split(`### ${route}\n`);
    expect(section.split(/^##/m)[0], route).toContain('curl -i');
  }
});

it('leads to headings that are there', () => {
  const headings = [...TEXT.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
  for (const [, anchor] of TEXT.matchAll(/\]\(#([^)]*)\)/g)) expect(headings).toContain(anchor);
});

/** The shell's blocks, each with the answer that stands behind it, if there is one. */
const BLOCKS = [...TEXT.matchAll(/^```sh\n(.*?)^```\n(?:\n```http\n(.*?)^```\n)?/gms)].map(
  ([, script = '', answer]) => ({ script, answer }),
);
const EXAMPLES = BLOCKS.flatMap(({ script, answer }, i) => (answer ? [{ i, script, answer }] : []));

describe.skipIf(!hasCurl)('an example', () => {
  let web: RunningProcess;
  let printed: string[];
  beforeAll(async () => {
    web = await startProcess('web', world.environment);
    await web.ready();
    const scripts = BLOCKS.map(({ script }) => script.replace('127.0.0.1:3000', `127.0.0.1:${web.port}`));
    const whole = scripts.map((script) => `printf '\\n=== \\n'\n${script}`).join('');
    const { stdout } = await promisify(execFile)('/bin/bash', ['-e', '-c', whole], { timeout: 120_000 });
    printed = stdout.split('\n=== \n').slice(1);
  });
  afterAll(() => web.end());

  it('is there for every kind of answer', () => {
    const statuses = EXAMPLES.map(({ answer }) => answer.slice(9, 12));
    expect([...new Set(statuses)].toSorted()).toEqual(
      ['200', '201', '304', '400', '401', '404', '409', '415', '422'].toSorted(),
    );
  });

  it.each(EXAMPLES)('is answered as it says: $script', ({ i, answer }) => {
    const [told, seen] = [read(answer), read((printed[i] ?? '').replaceAll('\r\n', '\n'))];
    expect(seen.line).toBe(told.line);
    expect(seen.headers).toEqual(expect.arrayContaining(told.headers));
    if (told.body !== undefined || told.line.includes('304')) expect(seen.body).toEqual(told.body);
  });

  /** Ids and times are another's; the same id is the same. */
  function read(answer: string): { line: string; headers: string[]; body: unknown } {
    const ids: string[] = [];
    const plain = answer
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
        if (!ids.includes(id)) ids.push(id);
        return `id ${ids.indexOf(id)}`;
      })
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'a time')
      .replaceAll(/"web \d+@[^"]+"/g, '"a process"')
      .replaceAll(/"[A-Za-z0-9_-]{43}"/g, 'a tag');
    const [head = '', ...rest] = plain.split('\n\n');
    const [line = '', ...headers] = head.trim().split('\n');
    const body = rest.join('\n\n').trim();
    return { line, headers, body: body === '' ? undefined : JSON.parse(body) };
  }
});
