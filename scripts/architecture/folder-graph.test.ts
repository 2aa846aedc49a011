import { expect, test } from 'vitest';
import { graphAsText, graphOf } from './folder-graph.mjs';
import { graphAsSvg, rowsOf, withoutImplied } from './folder-picture.mjs';

const module = (source: string, ...imports: string[]) => ({
  source,
  dependencies: imports.map((resolved) => ({ resolved })),
});

test('the graph counts imports between the folders of the product, and marks two that import from each other', () => {
  const graph = graphOf([
    module('app/main.ts', 'app/roles/run.ts', 'node:fs'),
    module('app/roles/run.ts', 'app/redis/keys.ts', 'app/redis/scripts.ts', 'app/roles/listen.ts'),
    module('app/redis/keys.ts', 'app/journal/codec.ts', 'node_modules/ioredis/index.js'),
    module('app/redis/tests/keys.test.ts', 'app/roles/run.ts'),
    module('app/journal/codec.ts', 'app/redis/keys.ts'),
    module('node_modules/ioredis/index.js', 'app/main.ts'),
  ]);
  expect(graphAsText(graph)).toBe(`The folders of app/ and what they import from (number of imports), 4 arrows:
  journal    → ⇄ redis (1)
  main.ts    → roles (1)
  redis      → ⇄ journal (1)
  roles      → redis (2)`);
});

const graphFrom = (arrows: Record<string, string[]>) =>
  new Map(Object.entries(arrows).map(([from, targets]) => [from, new Map(targets.map((to) => [to, 1]))]));

test('the picture omits arrows that are implied by others', () => {
  const kept = withoutImplied(graphFrom({ a: ['b', 'c', 'd'], b: ['c'], c: ['d'], d: [] }));
  expect([...kept].map(([from, targets]) => [from, ...targets])).toEqual([['a', 'b'], ['b', 'c'], ['c', 'd'], ['d']]);
});

test('the picture places each folder below all the folders that import from it', () => {
  expect(rowsOf(graphFrom({ main: ['a', 'c'], a: ['b'], b: ['c'], c: [], d: ['c'] }))).toEqual([
    ['d', 'main'],
    ['a'],
    ['b'],
    ['c'],
  ]);
});

test('two folders that import from each other are drawn, too', () => {
  const svg = graphAsSvg(graphFrom({ main: ['a'], a: ['b'], b: ['a'] }));
  for (const folder of ['main', 'a', 'b']) expect(svg).toContain(`>${folder}</text>`);
});
