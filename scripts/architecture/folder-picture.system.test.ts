import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderGraph } from './folder-graph.mjs';
import { graphAsSvg, PICTURE } from './folder-picture.mjs';

test('the picture in ARCHITECTURE.md is up to date: node scripts/architecture/folder-picture.mjs --write', () => {
  expect(readFileSync(PICTURE, 'utf8')).toBe(graphAsSvg(folderGraph(join(import.meta.dirname, '../..'))));
});
