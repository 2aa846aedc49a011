import { expect, test } from 'vitest';
import { graphAsText, graphOf } from './folder-graph.mjs';

const module = (source: string, ...imports: string[]) => ({
  source,
  dependencies: imports.map((resolved) => ({ resolved })),
});

test('the graph counts imports between folders of the product, and marks two that import from each other', () => {
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
