import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { testRun } from './testrun-manifest.ts';

const file = readFileSync(join(import.meta.dirname, 'testrun.yaml'), 'utf8');

test('testrun.yaml contains the script as it is now', async () => {
  expect(file, 'run npx tsx loadtest/k6/testrun.ts --write').toBe(await testRun('single-transfers'));
});

test('the script in testrun.yaml imports nothing but k6', () => {
  const [map] = parseAllDocuments(file).map((document) => document.toJS() as { data: Record<string, string> });
  const script = map?.data['single-transfers.js'] ?? '';
  const imported = [...script.matchAll(/^import .* from "(.*)";$/gm)].map(([, name]) => name ?? '');
  expect(imported.length).toBeGreaterThan(0);
  expect(imported.filter((name) => !/^k6(\/|$)/.test(name))).toEqual([]);
});
