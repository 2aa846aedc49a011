import { expect, it } from 'vitest';
import { RepeatedIds, RowStates } from './row-states.ts';

it('the state of each row is stored, with the digest of its id, and states are counted', () => {
  const states = new RowStates();
  states.set(3, 'POSTED', 'a');
  states.set(200_000, 'FAILED', 'b');
  states.set(200_000, 'POSTED', 'c');
  states.set(7, 'FAILED', 'd');
  expect([1, 3, 7, 200_000, 9_000_000].map((row) => states.state(row))).toEqual(['', 'POSTED', 'FAILED', 'POSTED', '']);
  expect([states.hasId(3, 'a'), states.hasId(3, 'b'), states.hasId(200_000, 'c')]).toEqual([true, false, true]);
  expect([states.count('POSTED'), states.count('FAILED'), states.count('INVALID')]).toEqual([2, 1, 0]);
  expect([states.last('POSTED'), states.last('FAILED'), states.last('INVALID')]).toEqual([200_000, 7, 0]);
  expect(states.last('FAILED', 'POSTED', 'INVALID')).toBe(200_000);
});

it('the first row without a state is found, however many rows there are', () => {
  const states = new RowStates();
  expect([states.firstOpen(0), states.firstOpen(1), states.firstOpen(9_000_000)]).toEqual([0, 1, 1]);
  const rows = 65_536;
  for (let row = 1; row < rows; row++) states.set(row, row === 9 ? 'UNDECIDED' : 'POSTED', `t${row}`);
  expect([states.firstOpen(8), states.firstOpen(rows - 1), states.firstOpen(rows)]).toEqual([0, 0, rows]);
  states.set(rows, 'POSTED', 't');
  expect([states.firstOpen(rows), states.firstOpen(rows + 5)]).toEqual([0, rows + 1]);
});

it('duplicate ids are found, together with their rows', () => {
  const ids = new RepeatedIds();
  for (let row = 1; row <= 100_000; row++) ids.add(row, `id-${row % 99_998}`);
  expect(ids.pairs(10)).toEqual([
    [1, 99_999],
    [2, 100_000],
  ]);
  expect(ids.pairs(1)).toHaveLength(1);
  const gaps = new RepeatedIds();
  gaps.add(5, 'a');
  gaps.add(9, 'b');
  expect(gaps.pairs(10)).toEqual([]);
});
