/**
 * The desk in a real browser, as at three in the morning: from the alert's link to the cause, to the cure, to the notice that it is
 * over. Its screenshots stand in the README and docs.
 */
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Alert } from '../src/alerts.ts';
import { ANY_DEAD } from '../src/outbox.ts';
import { startRedrive } from '../src/redrives.ts';
import { createMonitor } from '../workers/monitor.ts';
import type { Relay } from '../workers/relay.ts';
import { hasBrowser, manners, openBrowser, screenshot } from './support/browser.ts';
import { stageDead } from './support/rows.ts';
import { until } from './support/until.ts';
import { openWeb } from './support/web.ts';
import { openWorld, RIGHT_CLOCK, type World } from './support/world.ts';

const HOSTILE = '</td><script>alert(1)</script><img src=x onerror=alert(2)>\u202e';
const refusal = (words: string) => ({
  status: 422,
  body: { statusCode: 422, name: 'validation_error', message: `Invalid \`to\` field. ${words}` },
});

describe.skipIf(!hasBrowser)('an operator who was woken', () => {
  let world: World;
  let relay: Relay;
  let browser: Browser;
  let url: string;
  const alerts: Alert[] = [];
  const { watch, complaints, strangers } = manners();

  beforeAll(async () => {
    world = await openWorld({ VIEWER_USERNAME: 'viewer', VIEWER_PASSWORD: 'viewer-password' });
    relay = await world.relay();
    world.draining(relay);
    world.notifier();
    const app = await openWeb(world);
    url = await app.listen({ host: '127.0.0.1', port: 0 });
    browser = await openBrowser();
    world.onClose(() => browser.close());
  });
  afterAll(() => world.close());

  const monitor = () =>
    createMonitor({
      ...{ db: world.db, queue: world.queue, log: world.log, metrics: new Registry(), clock: RIGHT_CLOCK },
      config: { ...world.config, publicUrl: url },
      async deliver(alert) {
        alerts.push(alert);
        return true;
      },
    });

  async function openPage(
    who: 'operator' | 'viewer',
    options: Parameters<Browser['newContext']>[0] = {},
  ): Promise<Page> {
    const context: BrowserContext = await browser.newContext({
      httpCredentials: { username: who, password: `${who}-password` },
      viewport: { width: 1280, height: 900 },
      javaScriptEnabled: true,
      ...options,
    });
    world.onClose(() => context.close());
    return watch(await context.newPage());
  }

  /** A message that the provider has refused; its customer has that name. */
  async function refused(email: string, name = 'Grace Hopper', words = HOSTILE): Promise<string> {
    world.mailbox.intercept(() => refusal(words));
    const orderId = await world.order(email, name);
    await world.untilLetter(orderId, 'dead');
    world.mailbox.intercept(null);
    return orderId;
  }

  it('follows the alert to the cause with one click, and cures it with the second', async () => {
    const orderId = await refused('grace@exmaple.example', 'Grace Hopper', 'There is no such domain.');
    const watching = monitor();
    await watching.lead();
    await watching.scan();
    const [alert] = alerts;
    expect(alert?.status).toBe('firing');

    const page = await openPage('operator', { javaScriptEnabled: false });
    await page.goto(alert?.link ?? '');
    await page.getByRole('heading', { name: '1 letter, the oldest first' }).waitFor();
    await screenshot(page, 'dead-letters');
    await page.getByRole('link', { name: /^Order …/ }).click();
    await page.getByText('answered: validation_error').waitFor();
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('grace@example.com');
    await page.getByLabel('How you know it').first().fill('by telephone');
    await screenshot(page, 'story-dead');
    await page.getByRole('button', { name: 'Send to this address' }).click();
    await page.getByText('a new letter goes to the corrected address').waitFor();

    await world.untilLetter(orderId, 'sent');
    expect(world.mailbox.letters().map(({ to }) => to[0])).toEqual(['grace@example.com']);
    await watching.scan();
    expect(alerts.map(({ status }) => status)).toEqual(['firing', 'resolved']);
    expect(alerts[1]?.dedupKey).toBe(alert?.dedupKey);
    await page.reload();
    await page.getByText('address corrected').waitFor();
    await screenshot(page, 'story');
    await watching.stepDown();
  });

  it('retries two thousand, and it stops at the first ten when they die again', async () => {
    await stageDead(world.db, 2_000, 'refused');
    world.mailbox.intercept(() => refusal(HOSTILE));
    const page = await openPage('operator');
    await page.goto(`${url}/admin/dead-letters?reason=refused`);
    await page.getByText('Retry all 2,000 that match').click();
    await page.getByRole('button', { name: 'Begin' }).click();
    await page.getByText('first ones').first().waitFor();
    await page.getByRole('link', { name: /^Watch/ }).click();
    await page.getByRole('link', { name: 'Stop watching' }).waitFor();
    await until(async () => {
      await relay.redrive();
      return page.getByText('Stopped by itself').isVisible();
    }, 'a redrive that stops');
    await page.getByText('10 put back').waitFor();
    await screenshot(page, 'redrive');
    world.mailbox.intercept(null);
    await page.goto(`${url}/admin/dead-letters`);
    await page.getByRole('link', { name: 'all 2,000' }).waitFor();
  });

  const PAGES = ['/admin', '/admin/dead-letters', '/admin/orders/:id', '/admin/redrives/:redrive'];

  it.each(['light', 'dark'] as const)(
    'reads all pages in %s, also on a phone; axe has nothing serious to say',
    async (colorScheme) => {
      const orderId = await refused('phone@example.com', HOSTILE);
      const started = await startRedrive(world.db, {
        ...{ filter: ANY_DEAD, canary: 10, perSecond: 50, operator: 'grace', note: HOSTILE },
      });
      const redrive = 'id' in started ? started.id : '';
      for (const [device, viewport] of [
        ['desk', { width: 1280, height: 900 }],
        ['phone', { width: 390, height: 844 }],
      ] as const) {
        const page = await openPage('operator', { colorScheme, viewport, bypassCSP: true });
        for (const path of PAGES) {
          await page.goto(`${url}${path.replace(':id', orderId).replace(':redrive', redrive)}`);
          const name = path
            .replace(/\/:\w+/, '')
            .replaceAll('/', '-')
            .slice(1);
          await screenshot(page, `${name}-${colorScheme}-${device}`);
          const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
          expect(wide, `${path} is wider than the ${device}`).toBeLessThanOrEqual(0);
          await page.evaluate(axe.source);
          const found = await page.evaluate(async () => {
            // biome-ignore lint/suspicious/noExplicitAny: axe has put itself there
            const { violations } = await (globalThis as any).axe.run();
            return violations
              .filter(({ impact }: { impact: string }) => impact === 'serious' || impact === 'critical')
              .map(({ id, nodes }: { id: string; nodes: { html: string }[] }) => `${id}: ${nodes[0]?.html}`);
          });
          expect(found, path).toEqual([]);
        }
        await page.context().close();
      }
    },
  );

  it('was shown nothing from other hosts, no dialog, and the browser had nothing to complain about', () => {
    expect(strangers()).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
