import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { consoleRoutes } from '../console/console-routes.ts';
import type { Call } from '../http/route.ts';
import { ApiUnderTest, keyWith, restrictedKey } from '../testing/api-under-test.ts';

describe('GET /v1/caller', () => {
  let api: ApiUnderTest;
  beforeEach(async () => {
    api = await ApiUnderTest.start();
  });
  afterEach(() => api.stop());

  it('returns the user, the scopes and the accounts of the credentials', async () => {
    expect(await api.get('/v1/caller', { key: keyWith('balances:read', 'ops') })).toMatchObject({
      status: 200,
      json: { scopes: ['balances:read', 'ops'], accountPrefixes: null },
    });
    expect(await api.get('/v1/caller', { key: restrictedKey(['mine:'], 'balances:read') })).toMatchObject({
      json: { accountPrefixes: ['mine:'] },
    });
  });
  it('needs credentials', async () => {
    expect(await api.get('/v1/caller', { key: null })).toMatchObject({ status: 401 });
  });
});

describe('GET /v1/ops/live', () => {
  it('needs the scope ops', async () => {
    const api = await ApiUnderTest.start();
    expect(await api.get('/v1/ops/live', { key: keyWith('ops') })).toMatchObject({ status: 200 });
    expect(await api.get('/v1/ops/live', { key: keyWith('balances:read') })).toMatchObject({ status: 403 });
    await api.stop();
  });
});

describe('The files of the console', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'console-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const served = () => {
    const routes = consoleRoutes([pathToFileURL(`${folder}/`)]);
    const handle = (path: string, params = {}) =>
      routes.find((one) => one.path === path)?.handle({ params, header: () => undefined } as unknown as Call);
    return { page: () => handle('/console'), file: (file: string) => handle('/console/{file}', { file }) };
  };

  it('are served with a strict policy, and with URLs relative to the page', async () => {
    writeFileSync(join(folder, 'index.html'), '<script type="module" src="./index-1.js"></script>');
    writeFileSync(join(folder, 'index-1.js'), 'x');
    const { page, file } = served();
    const answer = await page();
    expect(String(answer?.content?.data)).toContain('src="console/index-1.js"');
    const policy = answer?.headers?.['Content-Security-Policy'] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(await file('index-1.js')).toMatchObject({
      status: 200,
      content: { type: 'text/javascript; charset=utf-8' },
    });
  });
  it.each(['../index-1.js', '..%2findex-1.js', 'missing.js', '__proto__'])('do not include %s', async (name) => {
    writeFileSync(join(folder, 'index.html'), '');
    await expect(served().file(name)).rejects.toMatchObject({ code: 'not_found' });
  });
  it('are found as soon as they have been built, even if the pod was already running', async () => {
    const { page } = served();
    await expect(page()).rejects.toThrow('not built');
    writeFileSync(join(folder, 'index.html'), '<p>built</p>');
    expect(await page()).toMatchObject({ status: 200 });
  });
});
