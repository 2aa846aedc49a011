import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM } from '../../../devstack/testing/browser.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { until } from '../../kernel/testing/until.ts';
import { buildConsole, ConsoleVisitor } from '../testing/console-visitor.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const HOSTILE = '<img src=x onerror="document.title=1">';
/** More than fit on one page of a list. */
const SMALL_TRANSFERS = 60;
const LARGE = newUuidV7(Date.now());

let roles: RolesUnderTest;
let api: Role;
beforeAll(async () => {
  await buildConsole();
  roles = await RolesUnderTest.start();
  await roles.keeper();
  api = await roles.api({ SEARCH: 'on' });
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  for (const accountId of ['shop:1', 'shop:2'])
    await api.request('POST', '/v1/accounts', { accountId, currency: 'EUR', name: HOSTILE });
  await Promise.all(Array.from({ length: SMALL_TRANSFERS }, (_, index) => api.transfer(`small-${index}`)));
  const stored = { reference: HOSTILE, metadata: { invoice: '4711' }, destinationAccount: 'shop:1' };
  const more = { ...stored, durability: 'persisted' };
  expect(await api.transfer(LARGE, '900.00', more)).toMatchObject({ status: 201 });
});
afterAll(() => roles.stop());

/** Starts the process that keeps the index, and waits until the index has everything. */
async function index(): Promise<void> {
  await roles.search();
  await until('the index is complete', async () => {
    const { json } = await api.request('GET', `/v1/transfers?limit=1&metadataKey=invoice&metadataValue=4711`);
    return (json['items'] as unknown[] | undefined)?.length === 1;
  });
}

async function visitorOf(pod: Role, key = API_KEY) {
  const visitor = await ConsoleVisitor.open(pod.url);
  await visitor.signIn(key);
  const { page } = visitor;
  const search = () => page.getByRole('button', { name: 'Search', exact: true }).click();
  const found = page.getByRole('region', { name: /found$/ }).locator('tbody tr');
  return { visitor, page, search, found };
}

describe.skipIf(CHROMIUM === undefined)('The search of the console', () => {
  it('says why nothing can be listed, and lists transfers once there is an index', async () => {
    const { visitor, page } = await visitorOf(api);
    await using _ = visitor;
    await visitor.visit('transfers', 'Transfers', 'no process with the role search has run yet');
    expect(await visitor.findings()).toEqual([]);
    await index();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('region', { name: 'Transfers found' }).waitFor();
    await page.getByText('Complete up to').waitFor();

    const pod = await roles.api({ SEARCH: 'off' });
    await pod.ready();
    const other = await visitorOf(pod);
    await using __ = other.visitor;
    await other.visitor.visit('accounts', 'Accounts', 'Search is off for this ledger');
    expect(await other.visitor.findings()).toEqual([]);
    expect(visitor.complaints).toEqual([]);
  });

  it('finds accounts, and shows their names as text', async () => {
    const { visitor, page, search, found } = await visitorOf(api);
    await using _ = visitor;
    await visitor.visit('accounts', 'Accounts', 'Complete up to');
    await page.getByLabel('Id begins with').fill(' shop: ');
    await page.getByLabel('Currency').fill('EUR');
    await page.getByLabel('Order').selectOption('by id, last to first');
    await search();
    await page.getByText('2 on this page').waitFor();
    expect(await found.first().textContent()).toMatch(/^shop:2.*ACTIVE0\.00 EUR/);
    expect(await found.last().textContent()).toContain(`${HOSTILE}ACTIVE900.00 EUR`);
    await expectUsable(visitor);
    await page.getByLabel('Status').selectOption('CLOSED');
    await search();
    await page.getByText('Nothing was found.').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('4 on this page').waitFor();
    expect(await page.title()).toBe('Accounts · Holdfast');
    expect(visitor.complaints).toEqual([]);
  });

  it('finds transfers by every filter of the API, and keeps the search for an operator who comes back', async () => {
    const { visitor, page, search, found } = await visitorOf(api);
    await using _ = visitor;
    await visitor.visit('transfers', 'Transfers', 'Complete up to');
    await page.getByText('More filters').click();
    const filters: Readonly<Record<string, string>> = {
      ...{ Account: 'shop:1', Counterparty: 'world', Reference: HOSTILE },
      ...{ 'Metadata key': 'invoice', 'Metadata value': '4711' },
      ...{ Currency: 'EUR', 'Amount from': '899.99', 'Amount up to': '900' },
      ...{ 'Accepted from': '2026-01-01', 'Accepted before': '2999-01-01 00:00' },
    };
    for (const [label, text] of Object.entries(filters)) await page.getByLabel(label, { exact: true }).fill(text);
    await page.getByLabel('Status').selectOption('POSTED');
    await page.getByLabel('Kind').selectOption('transfer');
    await page.getByLabel('Order').selectOption('oldest first');
    const request = page.waitForRequest('**/v1/transfers?*');
    await search();
    const { searchParams } = new URL((await request).url());
    expect(Object.fromEntries(searchParams)).toEqual({
      ...{ limit: '50', order: 'asc', account: 'shop:1', counterparty: 'world', reference: HOSTILE },
      ...{ metadataKey: 'invoice', metadataValue: '4711', currency: 'EUR', minAmount: '899.99', maxAmount: '900' },
      ...{ from: '2026-01-01T00:00:00Z', to: '2999-01-01T00:00:00Z', status: 'POSTED', kind: 'transfer' },
    });
    await page.getByText('1 on this page').waitFor();
    expect(await found.textContent()).toContain(`900.00 EUR${HOSTILE}`);
    await expectUsable(visitor);

    await page.getByRole('link', { name: LARGE }).click();
    await page.getByRole('heading', { level: 1, name: `Transfer ${LARGE}` }).waitFor();
    await page.goBack();
    await page.getByText('1 on this page').waitFor();
    for (const [label, text] of Object.entries(filters))
      expect(await page.getByLabel(label, { exact: true }).inputValue()).toBe(text);

    await page.getByLabel('Currency').fill('');
    await search();
    await page.getByText('requires currency').first().waitFor();
    expect(await visitor.findings()).toEqual([]);
    expect(page.url()).toMatch(/#\/transfers$/);
    expect(visitor.complaints).toEqual([]);
  });

  it('forgets a search when the operator signs out', async () => {
    const { visitor, page, search } = await visitorOf(api);
    await using _ = visitor;
    await visitor.visit('transfers', 'Transfers', 'Complete up to');
    const reference = page.getByLabel('Reference', { exact: true });
    await reference.fill('of the operator before');
    await search();
    await page.getByText('Nothing was found.').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').fill(API_KEY);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('50 on this page').waitFor();
    expect(await reference.inputValue()).toBe('');
  });

  it('can be paged through with the keyboard', async () => {
    const { visitor, page, found } = await visitorOf(api);
    await using _ = visitor;
    await visitor.visit('transfers', 'Transfers', '50 on this page');
    const press = async (name: string) => {
      await page.getByRole('button', { name }).focus();
      await page.keyboard.press('Enter');
    };
    await press('Next');
    await page.getByText('11 on this page').waitFor();
    expect(await found.count()).toBe(11);
    expect(await page.getByRole('button', { name: 'Next' }).count()).toBe(0);
    // The button is gone, but the focus is not lost.
    expect(await page.evaluate('document.activeElement.className')).toBe('pages');
    await press('First');
    await page.getByText('50 on this page').waitFor();
    expect(await page.getByRole('button', { name: 'First' }).count()).toBe(0);
  });

  it('warns if the index is behind, and keeps showing the last page if it cannot be read again', async () => {
    const { visitor, page, search } = await visitorOf(api);
    await using _ = visitor;
    await page.route('**/v1/accounts?*', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), asOf: '2026-01-01T00:00:00.000Z' } });
    });
    await visitor.visit('accounts', 'Accounts', 'no process with the role search is running');
    expect(await visitor.findings()).toEqual([]);
    await page.unroute('**/v1/accounts?*');
    await page.route('**/v1/accounts?*', (route) => route.abort());
    await search();
    await page.getByText('This is not current').waitFor();
    await page.getByText('4 on this page').waitFor();
  });

  it('asks for an account if the key may use only some', async () => {
    const wanted = { keyId: 'shop', user: 'shop', scopes: ['balances:read'], accountPrefixes: ['shop:'] };
    const { json } = await api.request('POST', '/v1/ops/keys', wanted);
    const { visitor, page, search } = await visitorOf(api, String(json['secret']));
    await using _ = visitor;
    await visitor.visit('transfers', 'Transfers', 'your key may use only some');
    await page.getByLabel('Account', { exact: true }).fill('shop:1');
    await search();
    await page.getByText('1 on this page').waitFor();
  });
});

/** Fails unless the page is accessible, and fits on a phone. */
async function expectUsable(visitor: ConsoleVisitor): Promise<void> {
  expect(await visitor.findings()).toEqual([]);
  await visitor.page.setViewportSize({ width: 360, height: 740 });
  await expect.poll(() => visitor.isTooWide(), { timeout: 300_000 }).toBe(false);
  await visitor.page.setViewportSize({ width: 1280, height: 800 });
}
