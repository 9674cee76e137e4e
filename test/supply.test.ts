/** What the project is made of: the lock file, what may run at an installation, and the list of it all. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Bom, productionOf, readBom } from '../local/sbom.ts';

const ROOT = join(import.meta.dirname, '..');

interface Locked {
  readonly name?: string;
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}
type Overrides = { readonly [name: string]: string | Overrides };

const read = (name: string) => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
const manifest: Omit<Locked, 'name'> & {
  readonly name: string;
  readonly overrides: Overrides;
  readonly allowScripts: Record<string, boolean>;
} = read('package.json');
const lock: { readonly packages: Record<string, Locked> } = read('package-lock.json');
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
const nameOf = ([path, { name }]: [string, Locked]) => name ?? path.replace(/^.*node_modules\//, '');

describe('package.json', () => {
  it('says every version exactly', () => {
    const flat = (some: Overrides): string[] =>
      Object.values(some).flatMap((one) => (typeof one === 'string' ? [one] : flat(one)));
    const { dependencies = {}, devDependencies = {}, optionalDependencies = {}, overrides } = manifest;
    const versions = flat({ dependencies, devDependencies, optionalDependencies, overrides });
    expect(versions.length).toBeGreaterThan(30);
    expect(
      versions.filter((one) => !/^(npm:(@[\w.-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(one)),
    ).toEqual([]);
  });

  it('lets no package run anything when it is installed: each that would is named and denied', () => {
    const wanting = packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(nameOf);
    expect(Object.keys(manifest.allowScripts).toSorted()).toEqual(wanting.toSorted());
    expect(new Set(Object.values(manifest.allowScripts))).toEqual(new Set([false]));
  });
});

describe('the lock file', () => {
  it('satisfies every package in it, peers included: npm 10, which comes with Node 20, installs no other', () => {
    const list = ['ls', '--all', '--package-lock-only', '--json'];
    const { problems = [] }: { problems?: string[] } = JSON.parse(
      execFileSync('npm', list, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 }),
    );
    expect(problems).toEqual([]);
  });

  it('has the strong digest of every package, and no package that is a link', () => {
    expect(packages.length).toBeGreaterThan(200);
    const digest = /^sha512-[A-Za-z0-9+/]{86}==$/;
    expect(packages.filter(([, { integrity = '', link }]) => link || !digest.test(integrity))).toEqual([]);
  });

  it('takes all packages from one place, over TLS, if it says from where', () => {
    const places = packages.flatMap(([, { resolved }]) =>
      resolved === undefined ? [] : [new URL(resolved)],
    );
    expect(new Set(places.map(({ host }) => host)).size).toBeLessThanOrEqual(1);
    expect(places.filter(({ protocol }) => protocol !== 'https:')).toEqual([]);
    expect([0, packages.length]).toContain(places.length);
  });

  it('takes nothing from a repository, an address or a folder', () => {
    const wished = packages.flatMap(([path, one]) =>
      Object.entries({ ...one.dependencies, ...one.optionalDependencies }).map(([name, range]) => [
        path,
        name,
        range,
      ]),
    );
    expect(
      wished.filter(([, , range = '']) => /^(git|https?|file|link|github):|^[\w.-]+\//.test(range)),
    ).toEqual([]);
  });
});

describe('the list of what a production installation is made of', () => {
  const production = packages.filter(([, { dev }]) => !dev);

  it('names each package that the lock file has for production, and no other, with its digest', () => {
    const bom = productionOf(readBom(), manifest.name);
    const refs = bom.components.map((one) => one['bom-ref']);
    const locked = production.map((one) => `${nameOf(one)}@${one[1].version}`);
    expect(refs.toSorted()).toEqual([...new Set(locked)].toSorted());
    for (const name of Object.keys(manifest.dependencies ?? {}))
      expect(refs).toContain(`${name}@${manifest.dependencies?.[name]}`);
    for (const { hashes = [], purl } of bom.components) {
      expect(purl).toMatch(/^pkg:npm\//);
      expect(hashes.map(({ alg }) => alg)).toContain('SHA-512');
    }
  });

  it('is CycloneDX: no name twice, and no arrow to what is not there', () => {
    const bom = productionOf(readBom(), manifest.name);
    expect(bom).toMatchObject({
      bomFormat: 'CycloneDX',
      metadata: { component: { type: 'application', name: 'order-notifications' } },
      serialNumber: expect.stringMatching(/^urn:uuid:/),
    });
    const refs = bom.dependencies.map(({ ref }) => ref);
    expect(refs.length).toBe(bom.components.length + 1);
    expect(new Set(refs).size).toBe(refs.length);
    const known = new Set(refs);
    for (const { dependsOn } of bom.dependencies) {
      expect(dependsOn.filter((one) => !known.has(one))).toEqual([]);
      expect(new Set(dependsOn).size).toBe(dependsOn.length);
    }
  });

  it('leaves out what is for development alone, and what npm 10 says twice', () => {
    const component = (ref: string, ...names: string[]) => ({
      ...{ 'bom-ref': ref, purl: `pkg:npm/${ref}` },
      properties: names.map((name) => ({ name, value: 'true' })),
    });
    const bom: Bom = {
      ...{ bomFormat: 'CycloneDX', specVersion: '1.5', metadata: { component: { name: 'folder' } } },
      components: [
        ...[component('a@1'), component('b@1', 'cdx:npm:package:development')],
        ...[component('a@1'), component('c@1')],
      ],
      dependencies: [
        { ref: 'x@1', dependsOn: ['a@1', 'b@1', 'a@1'] },
        { ref: 'a@1', dependsOn: [] },
        { ref: 'b@1', dependsOn: ['a@1'] },
        { ref: 'a@1', dependsOn: ['c@1'] },
      ],
    };
    const { metadata, components, dependencies } = productionOf(bom, 'x');
    expect([metadata.component.name, components.map((one) => one['bom-ref'])]).toEqual(['x', ['a@1', 'c@1']]);
    expect(dependencies).toEqual([
      { ref: 'x@1', dependsOn: ['a@1'] },
      { ref: 'a@1', dependsOn: ['c@1'] },
    ]);
  });
});
