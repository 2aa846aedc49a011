import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM } from '../../../devstack/testing/browser.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { buildConsole, ConsoleVisitor } from '../testing/console-visitor.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const REASON = 'wrong prices since this morning';
const HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>';

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
});
afterAll(() => roles.stop());

/** A gate for the requests of a page, which wait until the gate is opened. */
function gate(): { opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe.skipIf(CHROMIUM === undefined)('The console', () => {
  it('never overwrites settings that another operator has changed in the meantime', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn(API_KEY);
    await visitor.visit('accounts/ada', 'Account ada', 'Settings version');
    await page.getByLabel('New status').selectOption('SUSPENDED');
    const more = { overdraftLimit: '250.00' };
    expect(await api.request('PATCH', '/v1/accounts/ada', more)).toMatchObject({ status: 200 });
    await page.getByText('250.00 EUR').first().waitFor();
    await page.getByText('have changed since you began').waitFor();
    expect(await page.getByRole('button', { name: 'Change', exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: 'Begin again' }).click();
    await page.getByLabel('New status').selectOption('SUSPENDED');
    await visitor.confirm('Change');
    await page.locator('.badge', { hasText: 'SUSPENDED' }).waitFor();
    const now = { status: 'SUSPENDED', overdraftLimit: '250.00' };
    expect(await api.request('GET', '/v1/accounts/ada')).toMatchObject({ json: now });
    expect(await api.request('PATCH', '/v1/accounts/ada', { status: 'ACTIVE' })).toMatchObject({ status: 200 });
  });

  it('keeps a dialog open until its command is answered, and sends the command only once', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn(API_KEY);
    await visitor.visit('accounts/ada', 'Account ada', 'Settings version');
    const { opened, open } = gate();
    let sent = 0;
    await page.route('**/v1/accounts/ada', async (route) => {
      if (route.request().method() !== 'PATCH') return route.continue();
      sent += 1;
      await opened;
      await route.abort();
    });
    await page.getByLabel('New overdraft limit').fill('300.00');
    await page.getByRole('button', { name: 'Change', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Change', exact: true }).dblclick();
    await dialog.getByText('Sending').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    expect(await dialog.getByRole('button', { name: 'Cancel' }).isDisabled()).toBe(true);
    open();
    await dialog.getByText('check whether it was made').waitFor();
    expect(sent).toBe(1);
  });

  it('offers the emergency stop even if its state is unknown, and releases only a stop that was displayed', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn(API_KEY);
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    await page.route('**/v1/ops/stop', (route) =>
      route.request().method() === 'GET' ? route.abort() : route.continue(),
    );
    await visitor.visit('stop', 'Emergency stop', 'unreachable');
    await visitor.confirm('Stop everything', { typed: 'STOP', reason: REASON });
    expect(await api.transfer(newUuidV7(Date.now()))).toMatchObject({ json: { code: 'ledger_stopped' } });
    await page.unroute('**/v1/ops/stop');
    await page.locator('.badge', { hasText: 'stopped' }).first().waitFor();
    const released = page.waitForRequest('**/v1/ops/release');
    await visitor.confirm('Release', { reason: REASON });
    expect((await released).postDataJSON()).toEqual({ reason: REASON, number: 1 });
    await page.locator('.badge', { hasText: 'open' }).waitFor();
  });

  it('signs out and shows why when the key is revoked', async () => {
    const created = { keyId: 'leaving', user: 'leaving', scopes: ['ops'] };
    const { json } = await api.request('POST', '/v1/ops/keys', created);
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn(String(json['secret'] ?? json['apiKey']));
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    const revoked = await api.request('POST', '/v1/ops/keys/leaving/revoke', { reason: REASON });
    expect(revoked).toMatchObject({ status: 200 });
    await page.getByText('no longer accepted').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  it('waits as long as the service requests, and keeps showing its content', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn(API_KEY);
    await visitor.visit('accounts/ada', 'Account ada', 'Settings version');
    let refused = 0;
    await page.route('**/v1/accounts/ada', async (route) => {
      refused += 1;
      const body = JSON.stringify({ code: 'rate_limited', title: 'Too many requests' });
      const headers = { 'retry-after': '3600' };
      await route.fulfill({ status: 429, contentType: 'application/problem+json', headers, body });
    });
    await page.getByText('rate_limited').first().waitFor();
    expect(refused).toBe(1);
    await page.getByText('The next attempt follows in 60 min').first().waitFor();
    // An operator who does not want to wait can retry at once.
    await page.unroute('**/v1/accounts/ada');
    await page.getByRole('button', { name: 'Try again' }).first().click();
    await expect.poll(() => page.getByText('rate_limited').count(), { timeout: 20_000 }).toBe(0);
  });

  it('shows whatever clients have stored as plain text, never as HTML', async () => {
    const id = newUuidV7(Date.now());
    await api.request('POST', '/v1/accounts', { accountId: 'hostile', currency: 'EUR', name: HOSTILE });
    const stored = { reference: HOSTILE, metadata: { note: HOSTILE, link: 'javascript:document.title=3' } };
    const order = { sourceAccount: 'world', destinationAccount: 'hostile', ...stored };
    expect(await api.transfer(id, '1.00', order)).toMatchObject({ status: 201 });
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn(API_KEY);
    await visitor.visit('accounts/hostile', 'Account hostile', HOSTILE);
    await visitor.visit(`transfers/${id}`, `Transfer ${id}`, HOSTILE);
    const links = await page.locator('a').evaluateAll((all) => all.map((one) => one.getAttribute('href') ?? ''));
    expect(links.filter((href) => !href.startsWith('#/'))).toEqual([]);
    expect(await page.title()).toContain('Transfer');
    expect(visitor.complaints).toEqual([]);
  });

  it('does not leave a page when a response for another page arrives', async () => {
    const id = newUuidV7(Date.now());
    expect(await api.transfer(id, '1.00')).toMatchObject({ status: 201 });
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn(API_KEY);
    await visitor.visit(`transfers/${id}`, `Transfer ${id}`, 'POSTED');
    const { opened, open } = gate();
    await page.route('**/reversal', async (route) => {
      await opened;
      await route.continue();
    });
    await page.getByRole('button', { name: 'Reverse', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Type /).fill('REVERSE');
    await dialog.getByRole('button', { name: 'Reverse', exact: true }).click();
    await visitor.visit('keys', 'Keys', 'bootstrap');
    const answered = page.waitForResponse('**/reversal');
    open();
    expect(await (await answered).finished()).toBeNull();
    // Once the page has handled a later response, it has also handled this one.
    await page.evaluate('fetch("livez").then((response) => response.text())');
    await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor();
    expect(page.url()).toMatch(/#\/keys$/);
  });

  it('asks for the key again in a tab that was closed and is restored much later', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    await visitor.signIn(API_KEY);
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    await page.goto('about:blank');
    await page.clock.setFixedTime(Date.now() + 3_600_000);
    await page.goto(`${api.url}/console`);
    await page.getByLabel('API key').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  it('follows an address that changes while a page is being shown', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    // Changes the address as soon as the first page is in the document, before its effects have run.
    await page.addInitScript(`new MutationObserver((_, observer) => {
      if (document.querySelector('nav') === null) return;
      observer.disconnect();
      location.hash = '#/accounts/ada';
    }).observe(document, { childList: true, subtree: true })`);
    await visitor.signIn(API_KEY);
    await page.getByRole('heading', { level: 1, name: 'Account ada' }).waitFor();
    expect(await page.evaluate('location.hash')).toBe('#/accounts/ada');
  });
});
