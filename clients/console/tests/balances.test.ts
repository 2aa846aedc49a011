import { describe, expect, it } from 'vitest';
import { balanceHistory } from '../src/balances.ts';

const posting = (second: number, balanceAfter: string) => ({
  acceptedAt: new Date(second * 1000).toISOString(),
  balanceAfter,
});

describe('The history of a balance', () => {
  it('is null if there are no postings', () => {
    expect(balanceHistory([])).toBeNull();
  });
  it('is drawn from the oldest posting to the latest', () => {
    const [latest, middle, oldest] = [posting(30, '5.00'), posting(20, '-0.05'), posting(10, '12.00')];
    expect(balanceHistory([latest, middle, oldest])).toEqual({
      ...{ seconds: [10, 20, 30], heights: [12, -0.05, 5] },
      ...{ oldest, latest, lowest: middle, highest: oldest },
    });
  });
  it('compares amounts exactly, even if they are equal as numbers', () => {
    const [less, more] = [posting(1, '90000000000000.06'), posting(2, '90000000000000.07')];
    expect(Number(less.balanceAfter)).toBe(Number(more.balanceAfter));
    expect(balanceHistory([more, less])).toMatchObject({ lowest: less, highest: more });
    expect(balanceHistory([less, more])).toMatchObject({ lowest: less, highest: more });
  });
  it('names the first of several postings with the same balance', () => {
    const [first, second] = [posting(1, '1'), posting(2, '1')];
    expect(balanceHistory([second, first])).toMatchObject({ lowest: first, highest: first });
  });
  it('never goes back in time', () => {
    expect(balanceHistory([posting(9, '2.00'), posting(10, '1.00')])?.seconds).toEqual([10, 10]);
  });
});
