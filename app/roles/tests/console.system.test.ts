import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM } from '../../../devstack/testing/browser.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { buildConsole, ConsoleVisitor } from '../testing/console-visitor.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const REASON = 'wrong prices since this morning';
const TRANSFER = newUuidV7(Date.now());

let roles: RolesUnderTest;
let api: Role;
beforeAll(async () => {
  await buildConsole();
  roles = await RolesUnderTest.start();
  await roles.keeper({ REDIS_LOST_AFTER_MS: '500', REDIS_LOST_BY_PODS_AFTER_MS: '250' });
  api = await roles.api();
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  await api.request('PATCH', '/v1/accounts/ada', { limits: { dailyDebitMax: '500.00' } });
  // A history for the chart, after which the account is empty again.
  for (const amount of ['35.00', '80.00', '12.50']) {
    await api.transfer(`in-${amount}`, amount);
    await api.transfer(`out-${amount}`, amount, { sourceAccount: 'ada', destinationAccount: 'world' });
  }
  expect(await api.transfer(TRANSFER, '120.00', { reference: 'Invoice 4711' })).toMatchObject({ status: 201 });
  const hold = { holdId: 'card-1', account: 'ada', amount: '20.00', currency: 'EUR' };
  expect(await api.request('POST', '/v1/holds', hold)).toMatchObject({ status: 201 });
});
afterAll(() => roles.stop());

describe.skipIf(CHROMIUM === undefined)('The console', () => {
  it('shows every page accessibly on any screen, without a call to another host or a violation of its policy', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await page.goto(`${api.url}/console`);
    await page.getByLabel('API key').waitFor();
    expect(await visitor.findings()).toEqual([]);
    await visitor.signIn(API_KEY);
    const places = [
      ['live', 'Live', 'CACHE', 'live'],
      ['accounts', 'Accounts', 'Search is off', null],
      ['transfers', 'Transfers', 'Search is off', null],
      ['accounts/ada', 'Account ada', '120.00 EUR', 'account'],
      [`transfers/${TRANSFER}`, `Transfer ${TRANSFER}`, 'Invoice 4711', 'transfer'],
      ['transfers/unknown', 'Transfer unknown', 'transfer_not_found', null],
      ['holds/card-1', 'Hold card-1', '20.00 EUR', null],
      ['webhooks', 'Webhooks', 'There are no webhooks', null],
      ['recovery', 'Recovery', 'Nothing waits for a journal', null],
      ['keys', 'Keys', 'bootstrap', 'keys'],
      ['actions', 'Actions', 'What operators did', null],
      ['audit', 'Audit', 'Latest self-check', null],
      ['reconciliation', 'Reconciliation', 'Nothing has been compared', null],
      ['stop', 'Emergency stop', 'has never been stopped', null],
    ] as const;
    for (const [place, title, shows, picture] of places) {
      await visitor.visit(place, title, shows);
      expect(await visitor.findings(), place).toEqual([]);
      if (picture) await visitor.picture(picture);
      await page.setViewportSize({ width: 360, height: 740 });
      await expect.poll(() => visitor.isTooWide(), { message: `${place} on a phone`, timeout: 20_000 }).toBe(false);
      await page.setViewportSize({ width: 1280, height: 800 });
    }
    expect(visitor.complaints).toEqual([]);
  });

  it('keeps the key only in the tab, and rejects a wrong key', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn('not-a-key');
    await page.getByText('unauthenticated').waitFor();
    await visitor.signIn(API_KEY);
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    expect(page.url()).not.toContain(API_KEY);
    expect(await page.evaluate('JSON.stringify(localStorage) + document.cookie')).toBe('{}');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  it('shows only what the scopes of the key allow', async () => {
    const wanted = { keyId: 'reader', user: 'support', scopes: ['balances:read'] };
    const { json } = await api.request('POST', '/v1/ops/keys', wanted);
    await using visitor = await ConsoleVisitor.open(api.url);
    await visitor.signIn(String(json['secret'] ?? json['apiKey']));
    const pages = visitor.page.getByRole('navigation').getByRole('link');
    await pages.first().waitFor();
    expect(await pages.allTextContents()).toEqual(['Accounts', 'Transfers', 'Holds']);
    await visitor.visit('accounts/ada', 'Account ada', '120.00 EUR');
    expect(await visitor.page.getByLabel('New status').count()).toBe(0);

    const payer = await api.request('POST', '/v1/ops/keys', {
      ...{ keyId: 'payer', user: 'shop', scopes: ['transfers:write', 'accounts:write'] },
    });
    await using other = await ConsoleVisitor.open(api.url);
    await other.signIn(String(payer.json['secret']));
    const readable = other.page.getByRole('navigation').getByRole('link');
    await readable.first().waitFor();
    expect(await readable.allTextContents()).toEqual(['Transfers', 'Holds']);
    await other.visit(`transfers/${TRANSFER}`, `Transfer ${TRANSFER}`, 'Invoice 4711');
  });

  it('changes an account, reverses a transfer, reconciles, stops and releases, each after a confirmation', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn(API_KEY);
    await visitor.visit('accounts/ada', 'Account ada', 'ACTIVE');
    await page.getByLabel('New status').selectOption('SUSPENDED');
    await visitor.confirm('Change');
    await page.locator('.badge', { hasText: 'SUSPENDED' }).waitFor();
    expect(await api.request('GET', '/v1/accounts/ada')).toMatchObject({ json: { status: 'SUSPENDED' } });
    await page.getByLabel('New status').selectOption('ACTIVE');
    await visitor.confirm('Change');
    await page.locator('.badge', { hasText: 'ACTIVE' }).waitFor();

    await visitor.visit('reconciliation', 'Reconciliation', 'Nothing has been compared');
    await visitor.confirm('Reconcile');
    await page.getByText('clean').waitFor();

    await visitor.visit('stop', 'Emergency stop', 'has never been stopped');
    await visitor.confirm('Stop everything', { typed: 'STOP', reason: REASON });
    await page.getByText('all changes are refused').waitFor();
    expect(await visitor.findings()).toEqual([]);
    await visitor.picture('stopped', 'dark');
    expect(await api.transfer('while-stopped')).toMatchObject({ status: 503, json: { code: 'ledger_stopped' } });
    await visitor.confirm('Release', { reason: REASON });
    await page.locator('.badge', { hasText: 'open' }).waitFor();
    expect(await api.transfer('released')).toMatchObject({ status: 201 });
    expect(visitor.complaints).toEqual([]);
  });

  it('marks its content as outdated when the service does not answer, and shows direct mode', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn(API_KEY);
    await visitor.visit('live', 'Live', 'CACHE');
    await page.route('**/v1/ops/live', (route) => route.abort());
    await page.getByText('This is not current').first().waitFor();
    await page.unroute('**/v1/ops/live');
    await roles.redis.kill();
    await page.locator('.badge', { hasText: 'DIRECT' }).first().waitFor();
  });
});
