/**
 * `npm run sbom`: what a production installation is made of, as CycloneDX JSON in sbom.json. npm makes the list of the lock file;
 * its own `--omit dev` leaves out what is needed in production and named for development too, and npm 10 repeats itself.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './installation.ts';

export interface Bom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly metadata: { readonly component: { readonly name: string } };
  readonly components: readonly {
    readonly 'bom-ref': string;
    readonly purl: string;
    readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
    readonly properties?: readonly { readonly name: string; readonly value: string }[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const DEVELOPMENT = 'cdx:npm:package:development';

/** Reads the lock file; nothing has to be installed, and the network is not asked. */
export function readBom(): Bom {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
  const text = execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
  return JSON.parse(text) as Bom; // npm's own, of the form that it was asked for
}

/** Without what is for development alone; everything once, and the product under its own name instead of its folder's. */
export function productionOf(bom: Bom, name: string): Bom {
  const wanted = bom.components.filter(
    ({ properties = [] }) => !properties.some((one) => one.name === DEVELOPMENT),
  );
  const components = new Map(wanted.map((component) => [component['bom-ref'], component]));
  // The first is the product's own. A package that lies in two places may find others there.
  const arrows = new Map<string, string[]>();
  for (const [i, { ref, dependsOn }] of bom.dependencies.entries())
    if (i === 0 || components.has(ref)) arrows.set(ref, [...(arrows.get(ref) ?? []), ...dependsOn]);
  return {
    ...bom,
    metadata: { ...bom.metadata, component: { ...bom.metadata.component, name } },
    components: [...components.values()],
    dependencies: [...arrows].map(([ref, dependsOn]) => ({
      ref,
      dependsOn: [...new Set(dependsOn)].filter((one) => components.has(one)),
    })),
  };
}

if (process.argv[1] === import.meta.filename) {
  const bom = productionOf(readBom(), 'order-notifications');
  writeFileSync(join(ROOT, 'sbom.json'), `${JSON.stringify(bom, null, 2)}\n`);
  process.stdout.write(`sbom.json: ${bom.components.length} components, CycloneDX ${bom.specVersion}\n`);
}
