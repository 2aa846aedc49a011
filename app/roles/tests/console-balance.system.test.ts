import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM } from '../../../devstack/testing/browser.ts';
import { until } from '../../kernel/testing/until.ts';
import { buildConsole, ConsoleVisitor } from '../testing/console-visitor.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

/** As a JavaScript number, this amount is the same as one cent less. */
const LARGE = '90000000000000.07';
/** A few more than the chart shows. */
const TRANSFERS = 205;

let roles: RolesUnderTest;
let api: Role;
beforeAll(async () => {
  await buildConsole();
  roles = await RolesUnderTest.start();
  await roles.keeper();
  api = await roles.api();
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  for (const accountId of ['rich', 'busy', 'new'])
    await api.request('POST', '/v1/accounts', { accountId, currency: 'EUR' });
  await transfer('r-1', '1.00', { destinationAccount: 'rich' });
  await transfer('r-2', '90000000000000.06', { destinationAccount: 'rich' });
  await transfer('r-3', '0.99', { sourceAccount: 'rich', destinationAccount: 'world' });
  const hold = { holdId: 'h-1', account: 'rich', amount: '5.00', currency: 'EUR' };
  expect(await api.request('POST', '/v1/holds', hold)).toMatchObject({ status: 201 });
  for (let number = 1; number <= TRANSFERS; number++)
    await api.transfer(`b-${number}`, '1.00', { destinationAccount: 'busy' });
  await until('MySQL has everything', async () => {
    const { json } = await api.request('GET', '/v1/accounts/busy/postings?order=desc&limit=1');
    return (json['items'] as { version: number }[])[0]?.version === TRANSFERS;
  });
});
afterAll(() => roles.stop());

async function transfer(id: string, amount: string, more: object): Promise<void> {
  expect(await api.transfer(id, amount, { ...more, durability: 'persisted' })).toMatchObject({ status: 201 });
}

async function visitorOf(account: string) {
  const visitor = await ConsoleVisitor.open(api.url);
  await visitor.signIn(API_KEY);
  await visitor.visit(`accounts/${account}`, `Account ${account}`, 'Balance over time');
  const card = visitor.page.getByRole('region', { name: 'Balance over time' });
  const fact = async (name: string) =>
    card
      .locator('dt', { hasText: new RegExp(`^${name}$`) })
      .locator('xpath=following-sibling::dd')
      .textContent();
  return { visitor, page: visitor.page, card, chart: card.getByRole('img'), fact };
}
/** The number of pixels of the chart that are not transparent. */
const DRAWN = `(() => {
  const canvas = document.querySelector('[aria-label^="Balance after"] canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, index) => index % 4 === 3 && value > 0).length;
})()`;

describe.skipIf(CHROMIUM === undefined)('The chart of a balance', () => {
  it('shows the exact amounts of the API as text, and is drawn in light and dark, on any screen', async () => {
    const { visitor, page, chart, fact } = await visitorOf('rich');
    await using _ = visitor;
    await chart.waitFor();
    expect(await chart.getAttribute('aria-label')).toBe(
      'Balance after each of the latest 3 postings: from 1.00 EUR to 90000000000000.07 EUR, lowest 1.00 EUR, highest 90000000000001.06 EUR. The table under History has the numbers.',
    );
    expect(await fact('Highest')).toBe('90000000000001.06 EUR');
    expect(await fact('Lowest')).toBe('1.00 EUR');
    await page.getByText(`${LARGE} EUR`).first().waitFor();
    await expect.poll(() => page.evaluate(DRAWN)).toBeGreaterThan(0);
    expect(await visitor.findings()).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(() => page.evaluate(DRAWN)).toBeGreaterThan(0);
    await page.setViewportSize({ width: 360, height: 740 });
    await expect.poll(() => visitor.isTooWide()).toBe(false);
    expect(visitor.complaints).toEqual([]);
  });

  it('has the latest 200 postings of a busy account', async () => {
    const { visitor, chart, fact } = await visitorOf('busy');
    await using _ = visitor;
    await chart.waitFor();
    expect(await chart.getAttribute('aria-label')).toContain(
      'each of the latest 200 postings: from 6.00 EUR to 205.00 EUR',
    );
    expect(await fact('Lowest')).toBe('6.00 EUR');
  });

  it('says if there is nothing to draw, and why the postings cannot be read', async () => {
    const { visitor, page, card } = await visitorOf('new');
    await using _ = visitor;
    await card.getByText('there is no balance to draw').waitFor();
    expect(await visitor.findings()).toEqual([]);
    await page.route('**/postings?*holds=false*', (route) => route.abort());
    await visitor.visit('accounts/busy', 'Account busy', 'Balance over time');
    await card.getByText('unreachable').waitFor();
    await page.unroute('**/postings?*holds=false*');
    await card.getByRole('button', { name: 'Try again' }).click();
    await card.getByRole('img').waitFor();
  });
});
