/** A real browser for tests: the distribution's Chromium, driven without a window. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** Where screenshots go: `SCREENSHOTS=docs/images` renews those of the README. */
const SCREENSHOTS = process.env.SCREENSHOTS ?? join(import.meta.dirname, '../../.data/screenshots');

export const hasBrowser = CHROMIUM !== undefined;
if (!hasBrowser)
  console.error(
    '\n!!! No Chromium on this machine: the browser tests are SKIPPED. Install the package chromium. !!!\n',
  );

export async function openBrowser(): Promise<Browser> {
  if (!CHROMIUM) throw new Error('there is no Chromium here');
  return chromium.launch({
    executablePath: CHROMIUM,
    // As root, and without looking for anything outside of this machine.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** What pages are not to do: complain, open dialogs, turn to other hosts. */
export interface Manners {
  readonly complaints: readonly string[];
  /** Those that were turned to, but for this machine. */
  strangers(): string[];
  watch(page: Page): Page;
}

export function manners(): Manners {
  const complaints: string[] = [];
  const hosts = new Set<string>();
  return {
    complaints,
    strangers: () => [...hosts].filter((host) => !host.startsWith('127.0.0.1:')),
    watch(page) {
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('dialog', (dialog) => complaints.push(`a dialog: ${dialog.message()}`));
      page.on('request', (request) => hosts.add(new URL(request.url()).host));
      return page;
    },
  };
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}
