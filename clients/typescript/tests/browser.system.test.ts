import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiUnderTest, keyWith } from '../../../app/api/testing/api-under-test.ts';
import { BrowserPage, CHROMIUM } from '../../../devstack/testing/browser.ts';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { buildClient } from '../../../scripts/clients/build.ts';

const MS_MAX = 300_000;

let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.start();
  api.clock.time = Date.now();
  api.ledger.open('ada', { balance: 1234 });
  api.ledger.open('bob');
});
afterAll(() => api.stop());

test.skipIf(CHROMIUM === undefined)(
  'the file for web pages makes a transfer in a browser',
  async () => {
    const folder = temporaryFolder();
    await buildClient(folder);
    const script = readFileSync(join(folder, 'dist/holdfast.min.js'), 'utf8');
    await using browser = await BrowserPage.open();
    const { page } = browser;
    // The page and the script have the same origin as the service, as they would behind one proxy.
    const html = { contentType: 'text/html', body: '<!doctype html><title>Shop</title>' };
    await page.route(`${api.url}/shop`, (route) => route.fulfill(html));
    await page.route(`${api.url}/holdfast.min.js`, (route) =>
      route.fulfill({ contentType: 'text/javascript', body: script }),
    );
    await page.goto(`${api.url}/shop`);
    // This is text because Vitest would rewrite the import.
    const options = JSON.stringify({ url: api.url, apiKey: keyWith('balances:read', 'transfers:write') });
    const outcome = await page.evaluate(`(async () => {
      const { Holdfast } = await import('${api.url}/holdfast.min.js');
      const holdfast = new Holdfast(${options});
      const accounts = { sourceAccount: 'ada', destinationAccount: 'bob', currency: 'EUR' };
      const made = await holdfast.transfers.create({ ...accounts, amount: '2.34' });
      const { balance } = await holdfast.accounts.balance('ada');
      return { outcome: made.outcome, balance };
    })()`);
    expect(outcome).toEqual({ outcome: 'posted', balance: '10.00' });
  },
  MS_MAX,
);
