import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser, manners, openBrowser, screenshot } from './support/browser.ts';
import { until } from './support/until.ts';
import { openWeb } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

describe.skipIf(!hasBrowser)('an operator in a browser', () => {
  let world: World;
  let browser: Browser;
  let url: string;
  const { watch, complaints, strangers } = manners();

  beforeAll(async () => {
    world = await openWorld();
    const relay = await world.relay();
    world.draining(relay);
    world.notifier();
    const app = await openWeb(world);
    url = await app.listen({ host: '127.0.0.1', port: 0 });
    browser = await openBrowser();
    world.onClose(() => browser.close());
  });
  afterAll(() => world.close());

  async function signedIn(): Promise<BrowserContext> {
    const { username, password } = world.config.admin ?? { username: '', password: '' };
    return browser.newContext({
      httpCredentials: { username, password },
      viewport: { width: 1280, height: 800 },
    });
  }

  async function openPage(context: BrowserContext): Promise<Page> {
    return watch(await context.newPage());
  }

  it('sees a dead letter with its reason, clicks Retry, and the letter is accepted', async () => {
    const fine = await world.order('ada@example.com');
    await world.untilLetter(fine, 'sent');
    world.mailbox.intercept(() => ({
      status: 422,
      body: { statusCode: 422, name: 'validation_error', message: 'Invalid `to` field.' },
    }));
    const orderId = await world.order('grace@example.com');
    await world.untilLetter(orderId, 'dead');
    world.mailbox.intercept(null);

    const context = await signedIn();
    const page = await openPage(context);
    await page.goto(`${url}/admin/queues/queue/order-notifications?status=failed`);
    await page.getByText('refused: validation_error').first().waitFor();
    await page.locator(`a[href^="/admin/orders/${orderId}#"]`).first().waitFor(); // the way to its story
    await screenshot(page, 'dashboard');

    // The buttons of a job have no names; Retry is the first of them.
    await page.locator('a[href*="/order-notifications/"] >> xpath=following::button[1]').click();
    await page.getByRole('button', { name: 'Confirm' }).click();
    const order = await world.untilLetter(orderId, 'sent');
    expect(order.notifications[0]?.timeline.map(({ event }) => event)).toContain('retried');
    expect(world.mailbox.letters().map(({ to }) => to[0])).toEqual(['ada@example.com', 'grace@example.com']);
    await until(async () => (await world.queue.failedRuns(0, 10)).length === 0, 'an empty failed set');

    await page.goto(`${url}/admin/orders/${orderId}`);
    await page.getByText('retried').waitFor();
    await page.getByRole('link', { name: 'Queue' }).click();
    await page.getByText('order-notifications').first().waitFor();
    await context.close();
  });

  it('finds the API documented', async () => {
    const page = await openPage(await signedIn());
    await page.goto(`${url}/docs`);
    await page.getByText('Place an order; its confirmation follows by e-mail').waitFor();
    await screenshot(page, 'docs');
    await page.context().close();
  });

  it('reads the letters in the local mailbox', async () => {
    const page = await openPage(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
    await page.goto(world.mailbox.url);
    await page.getByText('Order Confirmation').first().click();
    await page.locator('iframe').waitFor();
    await screenshot(page, 'mailbox');
    await page.context().close();
  });

  it('is shown nothing from other hosts, and the browser has nothing to complain about', () => {
    expect(strangers()).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
