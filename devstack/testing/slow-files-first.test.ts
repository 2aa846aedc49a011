import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inOrder, SLOW_FILES } from './slow-files-first.ts';

const ROOT = join(import.meta.dirname, '../..');

it('starts the slow files first, and keeps the order of the others', () => {
  const [first = '', second = ''] = SLOW_FILES;
  expect(inOrder(['b.test.ts', second, 'a.test.ts', first], (path) => path)).toEqual([
    ...[first, second],
    ...['b.test.ts', 'a.test.ts'],
  ]);
});

it.each(SLOW_FILES)('%s exists', (path) => {
  expect(existsSync(join(ROOT, path))).toBe(true);
});
