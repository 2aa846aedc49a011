import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { guideRoutes } from '../docs/guide-routes.ts';
import type { Call } from '../http/route.ts';
import { ApiUnderTest } from '../testing/api-under-test.ts';

function guideIn(folder: string) {
  const [home, page] = guideRoutes([pathToFileURL(`${folder}/`)]);
  const get = async (file: string) => page?.handle({ params: { file }, header: () => undefined } as unknown as Call);
  return { home: () => home?.handle({ header: () => undefined } as unknown as Call), get };
}

it('the guide redirects to its first page, and serves its files with their types and a strict policy', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'index.html'), '<p>Home');
  writeFileSync(join(folder, 'guide.css'), 'p {}');
  const { home, get } = guideIn(folder);
  expect(home()).toMatchObject({ status: 302, headers: { Location: 'guide/index.html' } });
  const page = await get('index.html');
  expect(page).toMatchObject({ status: 200, content: { type: 'text/html; charset=utf-8' } });
  expect(page?.headers?.['Content-Security-Policy']).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self';/,
  );
  expect(await get('guide.css')).toMatchObject({ content: { type: 'text/css; charset=utf-8' } });
  for (const name of ['../package.json', '..', '.', '', 'index.html/', 'constructor', '%2e%2e'])
    await expect(get(name), name).rejects.toMatchObject({ code: 'not_found' });
});

it('a guide that is not built yet is not found, and is served once it has been built', async () => {
  const folder = temporaryFolder();
  const { get } = guideIn(folder);
  await expect(get('index.html')).rejects.toThrow('not built');
  writeFileSync(join(folder, 'index.html'), '<p>Home');
  expect(await get('index.html')).toMatchObject({ status: 200 });
});

it('the guide needs no credentials, like the description of the API', async () => {
  const api = await ApiUnderTest.start();
  try {
    const answer = await fetch(`${api.url}/guide`, { redirect: 'manual' });
    expect({ status: answer.status, location: answer.headers.get('location') }).toEqual({
      status: 302,
      location: 'guide/index.html',
    });
  } finally {
    await api.stop();
  }
});
