import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM } from '../../../devstack/testing/browser.ts';
import { until } from '../../kernel/testing/until.ts';
import { Receiver, refuse } from '../../webhooks/testing/receiver.ts';
import { buildConsole, ConsoleVisitor } from '../testing/console-visitor.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const LOCAL = { WEBHOOK_HTTP: 'allowed', WEBHOOK_ALLOWED_RANGES: '127.0.0.0/8' };
const HOSTILE = '<img src=x onerror="document.title=1">';

let roles: RolesUnderTest;
let api: Role;
let receiver: Receiver;
let refusing: Receiver;
beforeAll(async () => {
  await buildConsole();
  roles = await RolesUnderTest.start();
  await roles.keeper();
  api = await roles.api(LOCAL);
  await api.ready();
  await api.worksIn('CACHE');
  [receiver, refusing] = [await Receiver.start(), await Receiver.start()];
  refusing.behavior = refuse(500);
  await roles.openAccounts(api);
});
afterAll(async () => {
  await roles.stop();
  await receiver.kill();
  await refusing.kill();
});

async function subscribe(webhookId: string, { url }: Receiver, more: object = {}): Promise<void> {
  const { status, json } = await api.request('POST', '/v1/webhooks', { webhookId, url, after: 'oldest', ...more });
  expect(status).toBe(201);
  receiver.secrets.push(String(json['secret']));
}
const webhook = async (webhookId: string) => (await api.request('GET', `/v1/webhooks/${webhookId}`)).json;
async function attempts(webhookId: string): Promise<Record<string, unknown>[]> {
  const { json } = await api.request('GET', `/v1/webhooks/${webhookId}/deliveries`);
  return json['items'] as Record<string, unknown>[];
}

/** An operator, and every change that the console sends. */
async function visitorOf(pod: Role, key = API_KEY) {
  const visitor = await ConsoleVisitor.open(pod.url);
  const sent: unknown[] = [];
  visitor.page.on('request', (request) => {
    if (request.method() === 'GET') return;
    sent.push([request.method(), new URL(request.url()).pathname, request.postDataJSON()]);
  });
  await visitor.signIn(key);
  return { visitor, page: visitor.page, sent };
}
const badge = (visitor: ConsoleVisitor, text: string) => visitor.page.locator('.badge', { hasText: text }).first();

/** Fails unless the page is accessible, and fits on a phone. */
async function expectUsable(visitor: ConsoleVisitor, what: string): Promise<void> {
  expect(await visitor.findings(), what).toEqual([]);
  await visitor.page.setViewportSize({ width: 360, height: 740 });
  await expect.poll(() => visitor.isTooWide(), { message: `${what} on a phone`, timeout: 300_000 }).toBe(false);
  await visitor.page.setViewportSize({ width: 1280, height: 800 });
}

describe.skipIf(CHROMIUM === undefined)('The page of webhooks', () => {
  it('shows whether events arrive and if not, why, and the texts of clients as plain text', async () => {
    const { visitor, page } = await visitorOf(api);
    await using _ = visitor;
    await visitor.visit('webhooks', 'Webhooks', 'There are no webhooks');
    await expectUsable(visitor, 'no webhooks');

    await subscribe('orders', receiver, { description: HOSTILE, types: ['holdfast.account.opened'] });
    await subscribe('broken', refusing);
    await roles.webhooks();
    await until('both have been tried', async () => (await attempts('orders'))[0] && (await attempts('broken'))[0]);
    await visitor.visit('webhooks', 'Webhooks', 'ACTIVE, failing');
    await page.getByText(HOSTILE).waitFor();
    await page.getByText('account.opened').waitFor();
    await expectUsable(visitor, 'the list');

    await visitor.visit('webhooks/broken', 'Webhook broken', 'a status other than 2xx');
    await page.getByRole('button', { name: 'Try now' }).waitFor();
    await page.getByText('Oldest waiting event').waitFor();
    await expectUsable(visitor, 'a webhook that fails');
    await visitor.visit('webhooks/orders', 'Webhook orders', 'delivered');
    await page.getByText('Oldest waiting event').locator('xpath=..').getByText('none').waitFor();
    await visitor.visit('webhooks/missing', 'Webhook missing', 'webhook_not_found');

    await visitor.visit('webhooks', 'Webhooks', 'ACTIVE, failing');
    await page.route('**/v1/webhooks?*', (route) => route.abort());
    await page.getByText('This is not current').waitFor();
    await page.getByText('ACTIVE, failing').waitFor();
    expect(visitor.complaints).toEqual([]);
  });

  it('sends each command once, after a confirmation', async () => {
    await subscribe('commands', refusing);
    const { visitor, page, sent } = await visitorOf(api);
    await using _ = visitor;
    await visitor.visit('webhooks/commands', 'Webhook commands', 'Send events again');
    const path = '/v1/webhooks/commands';

    await visitor.confirm('Pause');
    await badge(visitor, 'PAUSED').waitFor();
    expect(sent.splice(0)).toEqual([['PATCH', path, { state: 'PAUSED' }]]);
    expect(await webhook('commands')).toMatchObject({ state: 'PAUSED' });
    await visitor.confirm('Resume');
    await badge(visitor, 'ACTIVE').waitFor();
    expect(sent.splice(0)).toEqual([['POST', `${path}/resume`, null]]);
    await visitor.confirm('Send a test event');
    expect(sent.splice(0)).toEqual([['POST', `${path}/test`, null]]);

    await visitor.confirm('Send again');
    expect(sent.splice(0)).toEqual([['POST', `${path}/replay`, { after: 'oldest' }]]);
    await page.getByLabel('After').selectOption('A position');
    const { position } = await webhook('commands');
    await page.getByLabel('Position').fill(String(position));
    await visitor.confirm('Send again');
    expect(sent.splice(0)).toEqual([['POST', `${path}/replay`, { after: position }]]);
    await page.getByLabel('After').selectOption('The end of the log');
    await visitor.confirm('Skip', { typed: 'SKIP' });
    expect(sent.splice(0)).toEqual([['POST', `${path}/replay`, { after: 'latest' }]]);

    await visitor.confirm('Delete', { typed: 'commands' });
    await page.getByRole('heading', { level: 1, name: 'Webhooks' }).waitFor();
    expect(sent).toEqual([['DELETE', path, null]]);
    expect(await api.request('GET', path)).toMatchObject({ status: 404 });
    expect(visitor.complaints).toEqual([]);
  });

  it('sends the events of an attempt again, and skips those that cannot be processed', async () => {
    const { visitor, page, sent } = await visitorOf(api);
    await using _ = visitor;
    await visitor.visit('webhooks/broken', 'Webhook broken', 'a status other than 2xx');
    const moved = async (action: string, typed?: string) => {
      await visitor.confirm(action, typed === undefined ? {} : { typed });
      const [[method, path, { after }], ...others] = sent.splice(0) as [[string, string, { after: string }]];
      expect([method, path, others]).toEqual(['POST', '/v1/webhooks/broken/replay', []]);
      return after;
    };
    const again = await moved('Send again from here');
    const skipped = await moved('Skip these events', 'SKIP');
    const known = await attempts('broken');
    expect(known.map(({ from }) => from)).toContain(again);
    expect(known.map(({ to }) => to)).toContain(skipped);
    // The position also moves on by itself, past events that the webhook does not select.
    const isShown = async () => {
      const { position } = await webhook('broken');
      return (await page.getByText(String(position), { exact: true }).count()) > 0;
    };
    await expect.poll(isShown).toBe(true);
  });

  it('shows a new secret once, and does not add another one if an answer is lost', async () => {
    await subscribe('rotated', receiver);
    const { visitor, page, sent } = await visitorOf(api);
    await using _ = visitor;
    await visitor.visit('webhooks/rotated', 'Webhook rotated', 'Send events again');
    const dialog = page.getByRole('dialog');
    const send = () => dialog.getByRole('button', { name: 'Replace the secret', exact: true }).click();
    await page.getByRole('button', { name: 'Replace the secret', exact: true }).click();
    await dialog.getByLabel('The old secret stays valid').selectOption('1 hour');
    expect(await visitor.findings()).toEqual([]);
    const lost = async (route: { fetch(): Promise<unknown>; abort(): Promise<void> }) => {
      await route.fetch();
      await route.abort();
    };
    await page.route('**/rotate', lost, { times: 1 });
    await send();
    await dialog.getByText('check whether it was made').waitFor();
    await send();
    await page.getByText('its answer was lost').waitFor();
    expect(await webhook('rotated')).toMatchObject({ validSecrets: 2 });
    expect(sent).toHaveLength(2);
    expect(sent[0]).toEqual(sent[1]);
    expect(sent[0]).toMatchObject(['POST', '/v1/webhooks/rotated/rotate', { overlapSeconds: 3_600 }]);

    await visitor.confirm('Replace the secret');
    const secret = page.locator('.secret');
    expect(await secret.textContent()).toMatch(/^whsec_\S{20,}$/);
    expect(await visitor.findings()).toEqual([]);
    expect(await webhook('rotated')).toMatchObject({ validSecrets: 3 });
    await page.getByRole('button', { name: 'I have stored it' }).click();
    await secret.waitFor({ state: 'detached' });
    expect(sent).toHaveLength(3);
    expect(visitor.complaints).toEqual([]);
  });

  it('offers the owner of a webhook only what owners may do', async () => {
    const wanted = { keyId: 'shop', user: 'bootstrap', scopes: ['webhooks:write'] };
    const { json } = await api.request('POST', '/v1/ops/keys', wanted);
    const { visitor, page } = await visitorOf(api, String(json['secret']));
    await using _ = visitor;
    const pages = page.getByRole('navigation').getByRole('link');
    await pages.first().waitFor();
    expect(await pages.allTextContents()).toEqual(['Webhooks']);
    await visitor.visit('webhooks/broken', 'Webhook broken', 'a status other than 2xx');
    expect(await page.getByText('Oldest waiting event').count()).toBe(0);
    expect(await page.getByRole('button', { name: 'Skip these events' }).count()).toBe(0);
    expect(await page.getByLabel('After').locator('option').allTextContents()).not.toContain('The end of the log');
  });

  it('says that webhooks are off', async () => {
    const pod = await roles.api({ WEBHOOK_SECRET_KEYS: '' });
    await pod.ready();
    const { visitor } = await visitorOf(pod);
    await using _ = visitor;
    await visitor.visit('webhooks', 'Webhooks', 'Webhooks are off');
    expect(await visitor.findings()).toEqual([]);
    await visitor.visit('webhooks/orders', 'Webhook orders', 'Webhooks are off');
  });
});
