import { expect, it } from 'vitest';
import { KnownHolds } from './known-holds.ts';

const factsOf = (holdId: string, account = 'ada') => ({ holdId, account, destination: null, currency: 'EUR' });
const ids = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => `h${first + n}`);

it('The latest holds are known, and at most twice as many as a generation contains', () => {
  const known = new KnownHolds(3);
  for (const holdId of ids(1, 3)) known.keep(factsOf(holdId));
  for (const holdId of ids(1, 3)) expect(known.get(holdId)).toEqual(factsOf(holdId));
  for (const holdId of ids(4, 7)) known.keep(factsOf(holdId));
  expect(ids(1, 7).filter((holdId) => known.get(holdId))).toEqual(ids(4, 7));
  known.keep(factsOf('h8'));
  known.keep(factsOf('h9'));
  expect(ids(1, 9).filter((holdId) => known.get(holdId))).toEqual(ids(4, 9));
});

it('A hold that is forgotten is unknown until it is kept again, with what is known then', () => {
  const known = new KnownHolds(2);
  for (const holdId of ids(1, 3)) known.keep(factsOf(holdId));
  for (const holdId of ids(1, 3)) known.forget(holdId);
  expect(ids(1, 3).filter((holdId) => known.get(holdId))).toEqual([]);
  known.keep(factsOf('h1', 'bob'));
  expect(known.get('h1')).toEqual(factsOf('h1', 'bob'));
});

it('A hold has the properties that were kept last', () => {
  const known = new KnownHolds(2);
  for (const holdId of ids(1, 3)) known.keep(factsOf(holdId));
  known.keep(factsOf('h1', 'bob'));
  expect(known.get('h1')).toEqual(factsOf('h1', 'bob'));
});
