import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allowedLayers, importedLayers, layerOf } from './layers.mjs';

describe('the allow-list of layers', () => {
  const allowed = Object.entries(allowedLayers()).flatMap(([from, to]) => to.map((other) => `${from} → ${other}`));
  const imported = [...importedLayers(join(import.meta.dirname, '..', '..'))].flatMap(([from, to]) =>
    [...to].map((other) => `${from} → ${other}`),
  );

  it('contains every existing arrow, and no others', () => {
    expect(imported.toSorted()).toEqual(allowed.toSorted());
  });

  it('contains no two folders that may import each other', () => {
    const reversed = new Set(allowed.map((arrow) => arrow.split(' → ').reverse().join(' → ')));
    expect(allowed.filter((arrow) => reversed.has(arrow))).toEqual([]);
  });
});

it.each([
  ['app/main.ts', 'main'],
  ['app/kernel/clock.ts', 'kernel'],
  ['app/kernel/testing/until.ts', 'kernel'],
  ['app/api/tests/server.test.ts', 'api'],
  ['app/api/http/connections/connections.ts', 'api/http/connections'],
  ['app/integration/ledger/apply.stores.test.ts', 'integration'],
  ['devstack/stores/redis.mjs', 'devstack'],
  ['scripts/build.mjs', null],
])('%s belongs to %s', (file, layer) => {
  expect(layerOf(file)).toBe(layer);
});
