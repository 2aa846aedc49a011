import { expect, it } from 'vitest';
import { isAhead } from './feed-position.ts';

it.each([
  ['5', '4', true],
  ['5', '5', false],
  ['4', '5', false],
  ['5.2', '5.1', true],
  ['5.2', '5', false],
  // A position without an index is after the whole row.
  ['5', '5.1', true],
  ['5~aabbccdd', '5', false],
])('%s is after %s: %s', (text, current, expected) => {
  expect(isAhead(text, current, 1)).toBe(expected);
});

it('A position of several shards is after another one if it is later in any shard, or not comparable', () => {
  expect(isAhead('3_5', '3_4', 2)).toBe(true);
  expect(isAhead('2_4', '3_4', 2)).toBe(false);
  expect(isAhead('3_4', '3', 2)).toBe(true);
  expect(isAhead('_4', '3_4', 2)).toBe(true);
});
