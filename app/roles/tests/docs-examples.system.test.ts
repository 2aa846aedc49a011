import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDemoAccounts } from '../../../devstack/demo.mjs';
import { BrowserPage, CHROMIUM } from '../../../devstack/testing/browser.ts';
import { until } from '../../kernel/testing/until.ts';
import { buildConsole } from '../testing/console-visitor.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

/** Operations of last resort, which a healthy ledger rejects, as their descriptions state. */
const WITHOUT_SUCCESS = new Map([
  ['POST /v1/ops/loss-acceptances', 409],
  ['POST /v1/ops/redis-takeovers', 409],
  ['POST /v1/ops/returned-money', 404],
]);

/**
 * Operations with a path parameter, a query and a body: enough to show that the page fills in the same examples as this
 * test. Each operation takes seconds.
 */
const ON_THE_PAGE = new Set([
  'PATCH /v1/accounts/{id}',
  'GET /v1/accounts/{id}/postings',
  'GET /v1/accounts/{id}/statement',
  'POST /v1/transfers',
  'POST /v1/transfers/{transactionId}/reversal',
]);

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  example?: unknown;
  schema: { example?: unknown; default?: unknown };
}
interface Operation {
  operationId: string;
  tags: string[];
  parameters?: Parameter[];
  requestBody?: { content: { 'application/json': { example?: unknown } } };
  responses: Record<string, unknown>;
}
interface Prefilled {
  name: string;
  method: string;
  path: string;
  operation: Operation;
}

let roles: RolesUnderTest;
let api: Role;
let url: string;
let operations: Prefilled[];
beforeAll(async () => {
  await buildConsole();
  roles = await RolesUnderTest.start();
  await roles.keeper();
  api = await roles.api({ SEARCH: 'on' });
  await roles.search();
  await api.ready();
  await api.worksIn('CACHE');
  url = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
  expect(await openDemoAccounts(url, API_KEY, new AbortController().signal)).toBeNull();
  await until('accounts can be listed', async () => (await api.request('GET', '/v1/accounts')).status === 200);
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Operation>>;
  };
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
});
afterAll(() => roles.stop());

/** The value that the page fills in for a parameter; undefined if the page leaves the parameter empty. */
const filledIn = ({ example, schema }: Parameter) => example ?? schema.example ?? schema.default;

async function send({ method, path, operation }: Prefilled): Promise<{ status: number; text: string }> {
  const { parameters = [], requestBody } = operation;
  const query = new URLSearchParams();
  const headers: Record<string, string> = { Authorization: `Bearer ${API_KEY}` };
  let address = path;
  for (const parameter of parameters) {
    const value = filledIn(parameter);
    if (value === undefined) continue;
    if (parameter.in === 'path') address = address.replace(`{${parameter.name}}`, encodeURIComponent(String(value)));
    else if (parameter.in === 'query') query.set(parameter.name, String(value));
    else headers[parameter.name] = String(value);
  }
  const body = requestBody?.content['application/json'].example;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const stop = new AbortController();
  const response = await fetch(`${url}${address}?${query}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: stop.signal,
  });
  const { status } = response;
  if (!response.headers.get('content-type')?.startsWith('text/event-stream'))
    return { status, text: await response.text() };
  // The stream stays open, so the request is aborted.
  stop.abort();
  return { status, text: '' };
}

describe('Every operation of /docs, with its prefilled examples, on a new ledger with the demo accounts', () => {
  it('succeeds, even when it is repeated', async () => {
    expect(operations.length).toBeGreaterThan(15);
    for (const round of [1, 2]) {
      for (const prefilled of operations) {
        const { status, text } = await send(prefilled);
        const shown = `round ${round}, ${prefilled.name}: ${status} ${text.slice(0, 300)}`;
        expect(Object.keys(prefilled.operation.responses), shown).toContain(String(status));
        const expected = WITHOUT_SUCCESS.get(prefilled.name);
        if (expected === undefined) expect(Math.floor(status / 100), shown).toBe(2);
        else expect(status, shown).toBe(expected);
        // The items of a batch have their own outcomes.
        for (const { status: item } of itemsOf(text)) expect([200, 201], shown).toContain(item);
      }
    }
  });

  it('has examples for all required parameters and bodies', () => {
    for (const { name, operation } of operations) {
      for (const parameter of operation.parameters ?? [])
        if (parameter.in === 'path') expect(filledIn(parameter), `${name} ${parameter.name}`).toBeDefined();
      const content = operation.requestBody?.content['application/json'];
      if (content) expect(content.example, name).toBeDefined();
    }
  });

  it.skipIf(CHROMIUM === undefined)('is filled in with these examples by the page', async () => {
    await using browser = await BrowserPage.open();
    const { page } = browser;
    await page.goto(`${url}/docs`);
    await page.click('button.authorize');
    await page.fill('.auth-container input', API_KEY);
    await page.click('.auth-btn-wrapper button.authorize');
    await page.click('.btn-done');
    for (const { name, method, operation } of operations.filter(({ name }) => ON_THE_PAGE.has(name))) {
      const block = page.locator(`#operations-${operation.tags[0]}-${operation.operationId}`);
      await block.locator('.opblock-summary-control').click();
      await block.locator('.try-out__btn').click();
      const answered = page.waitForResponse((response) => response.request().method() === method);
      await block.locator('.execute').click();
      const answer = await answered;
      const shown = `${name} ${answer.url()}: ${answer.status()} ${answer.ok() ? '' : await answer.text()}`;
      expect(answer.ok(), shown).toBe(true);
      await block.locator('.opblock-summary-control').click();
    }
  });
});

function itemsOf(text: string): { status: unknown }[] {
  return text.startsWith('{"results":') ? (JSON.parse(text) as { results: { status: unknown }[] }).results : [];
}
