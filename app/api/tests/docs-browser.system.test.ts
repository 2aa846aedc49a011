import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrowserPage, CHROMIUM } from '../../../devstack/testing/browser.ts';
import { ApiUnderTest } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 1234 });
});
afterAll(() => api.stop());

test.skipIf(CHROMIUM === undefined)(
  '/docs works in a browser, and can send a request with the entered key',
  async () => {
    await using browser = await BrowserPage.open();
    const { page } = browser;
    const complaints: string[] = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!/^(data:|blob:)/.test(request.url()) && !request.url().startsWith(api.url)) complaints.push(request.url());
    });
    await page.goto(`${api.url}/docs`);
    await page.click('button.authorize');
    await page.fill('.auth-container input', 'balances:read');
    await page.click('.auth-btn-wrapper button.authorize');
    await page.click('.btn-done');
    const operation = page.locator('#operations-Balances-getAccountsIdBalance');
    await operation.locator('.opblock-summary-control').click();
    await operation.locator('.try-out__btn').click();
    await operation.getByPlaceholder('id', { exact: true }).fill('a');
    const answer = page.waitForResponse((response) => response.url().endsWith('/v1/accounts/a/balance'));
    await operation.locator('.execute').click();
    expect((await answer).status()).toBe(200);
    await expect.poll(() => operation.locator('.live-responses-table').textContent()).toContain('12.34');
    expect(complaints).toEqual([]);
  },
);
