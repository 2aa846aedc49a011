import { describe, expect, it } from 'vitest';
import type { CrossingStore, OpenCrossing } from '../ledger/ports/crossings.ts';
import { openCrossings } from './open-crossings.ts';

const crossing = (index: number): OpenCrossing => ({
  transactionId: `t${index}`,
  toShard: 1,
  currency: 'EUR',
  amount: 1,
  openedAt: Math.floor(index / 2),
  ageMs: 5_000,
});
const storeWith = (count: number): Pick<CrossingStore, 'open'> => ({
  async open({ after, limit }) {
    const all = Array.from({ length: count }, (_, index) => crossing(index));
    const from = after === null ? 0 : all.findIndex(({ transactionId }) => transactionId === after.transactionId) + 1;
    return all.slice(from, from + limit);
  },
});
const pages = async (count: number) => {
  const lengths: number[] = [];
  const query = { toShard: 1, minAgeMs: 2_000, pageMax: 3 };
  for await (const page of openCrossings(storeWith(count), query)) lengths.push(page.length);
  return lengths;
};

describe('open crossings', () => {
  it.each([
    [0, []],
    [2, [2]],
    [3, [3]],
    [7, [3, 3, 1]],
  ])('are read in pages when there are %i', async (count, lengths) => {
    expect(await pages(count)).toEqual(lengths);
  });
});
