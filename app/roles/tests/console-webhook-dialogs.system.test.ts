import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM } from '../../../devstack/testing/browser.ts';
import { buildConsole, ConsoleVisitor } from '../testing/console-visitor.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const LOCAL = { WEBHOOK_HTTP: 'allowed', WEBHOOK_ALLOWED_RANGES: '127.0.0.0/8' };
const PATH = '/v1/webhooks/orders';

let roles: RolesUnderTest;
let api: Role;
beforeAll(async () => {
  await buildConsole();
  roles = await RolesUnderTest.start();
  await roles.keeper();
  api = await roles.api(LOCAL);
  await api.ready();
  await api.worksIn('CACHE');
  // No process delivers, so nothing changes by itself.
  const wanted = { webhookId: 'orders', url: 'http://127.0.0.1:9/', after: 'oldest' };
  expect(await api.request('POST', '/v1/webhooks', wanted)).toMatchObject({ status: 201 });
});
afterAll(() => roles.stop());

async function onPage() {
  const visitor = await ConsoleVisitor.open(api.url);
  await visitor.signIn(API_KEY);
  const { page } = visitor;
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  return { visitor, page, button, dialog: page.getByRole('dialog') };
}
const visit = (visitor: ConsoleVisitor) => visitor.visit('webhooks/orders', 'Webhook orders', 'Send events again');

const attempt = (number: number, from: string) => ({
  ...{ attempt: number, at: '2026-01-31T12:00:00.000Z', messageId: `m-${number}`, kind: 'events', events: 1 },
  ...{ from, to: `${from}0`, status: 200, failure: null, durationMs: 5 },
});

describe.skipIf(CHROMIUM === undefined)('A dialog of the page of webhooks', () => {
  it('keeps the attempt for which it was opened, even if the list no longer contains it', async () => {
    const { visitor, page, button, dialog } = await onPage();
    await using _ = visitor;
    let items = [attempt(1, '1')];
    await page.route('**/deliveries?*', (route) => route.fulfill({ json: { items, nextCursor: null } }));
    await visit(visitor);
    await button('Send again from here').click();
    items = [attempt(2, '2')];
    // The page requests the list again only after it has received the new one.
    for (let answer = 1; answer <= 2; answer++) await page.waitForRequest('**/deliveries?*', { timeout: 300_000 });
    expect(await dialog.count()).toBe(1);
    expect(await dialog.textContent()).toContain('the events in between are skipped');
    const sent = page.waitForRequest('**/replay');
    await page.route('**/replay', (route) => route.abort());
    await dialog.getByRole('button', { name: 'Send again from here' }).click();
    expect((await sent).postDataJSON()).toEqual({ after: '1' });
    await dialog.getByText('check whether it was made').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('m-2').waitFor();
  });

  it('closes if its command is no longer offered, and the focus stays among the commands', async () => {
    const { visitor, page, button, dialog } = await onPage();
    await using _ = visitor;
    let state = { state: 'ACTIVE', nextAttemptAt: '2026-01-31T12:00:00.000Z' as string | null };
    await page.route(`**${PATH}`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), ...state } });
    });
    await visit(visitor);
    await button('Try now').click();
    await dialog.waitFor();
    state = { state: 'PAUSED', nextAttemptAt: null };
    await page.locator('.badge', { hasText: 'PAUSED' }).waitFor();
    expect(await dialog.count()).toBe(0);
    await expect.poll(() => page.evaluate('document.activeElement.className')).toBe('row commands');
  });

  it('lets an operator skip events only after the word is typed, wherever the end of the log was chosen', async () => {
    const { visitor, page, button, dialog } = await onPage();
    await using _ = visitor;
    await visit(visitor);
    await page.getByLabel('After').selectOption('A position');
    await page.getByLabel('Position').fill(' latest ');
    expect(await button('Send again').count()).toBe(0);
    await button('Skip').click();
    await dialog.getByText('Note the current position').waitFor();
    expect(await dialog.getByRole('button', { name: 'Skip' }).isDisabled()).toBe(true);
  });

  it('does not call a secret new once another has replaced it, and moves the focus on when it is stored', async () => {
    const { visitor, page, button, dialog } = await onPage();
    await using _ = visitor;
    await visit(visitor);
    const secret = page.locator('.secret');
    await visitor.confirm('Replace the secret');
    await secret.waitFor();
    await page.route(
      '**/rotate',
      async (route) => {
        await route.fetch();
        await route.abort();
      },
      { times: 1 },
    );
    await button('Replace the secret').click();
    const send = dialog.getByRole('button', { name: 'Replace the secret' });
    await send.click();
    await dialog.getByText('check whether it was made').waitFor();
    await send.click();
    await page.getByText('its answer was lost').waitFor();
    expect(await secret.count()).toBe(0);

    await visitor.confirm('Replace the secret');
    await button('I have stored it').click();
    await secret.waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
  });
});
