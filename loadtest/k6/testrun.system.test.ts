import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { TESTRUN_IMAGES, testRun } from './testrun-manifest.ts';

const file = readFileSync(join(import.meta.dirname, 'testrun.yaml'), 'utf8');

test('testrun.yaml contains the current script', async () => {
  expect(file, 'run npx tsx loadtest/k6/testrun.ts --write').toBe(await testRun('single-transfers'));
});

test('the script in testrun.yaml imports nothing but k6', () => {
  const [map] = parseAllDocuments(file).map((document) => document.toJS() as { data: Record<string, string> });
  const script = map?.data['single-transfers.js'] ?? '';
  const imported = [...script.matchAll(/^import .* from "(.*)";$/gm)].map(([, name]) => name ?? '');
  expect(imported.length).toBeGreaterThan(0);
  expect(imported.filter((name) => !/^k6(\/|$)/.test(name))).toEqual([]);
});

interface Part {
  image: string;
  automountServiceAccountToken: string;
  securityContext: object;
  containerSecurityContext: object;
}
const spec = parseAllDocuments(file)
  .map((document) => document.toJS() as { kind: string; spec: { cleanup?: string; starter: Part; runner: Part } })
  .find(({ kind }) => kind === 'TestRun')?.spec;

test('the runners use the k6 version that is pinned for the other load tests', () => {
  const pinned = /^\tgo\.k6\.io\/k6 v([\d.]+)/m.exec(readFileSync('tools/go.mod', 'utf8'))?.[1];
  expect(spec?.runner.image).toBe(`grafana/k6:${pinned}`);
  expect(spec?.starter.image).toBe(TESTRUN_IMAGES.starter);
});

test.each(['starter', 'runner'] as const)('the %s may run under the restricted profile', (part) => {
  expect(spec?.[part]).toMatchObject({
    automountServiceAccountToken: 'false',
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containerSecurityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  });
});

test('the results are kept until somebody deletes them', () => {
  expect(spec?.cleanup).toBeUndefined();
});
