import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SplitPart, split } from './split.ts';

const shares = (...weights: number[]): SplitPart[] => weights.map((share) => ({ share }));
const anyTotal = fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const anyShares = fc.array(fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 1_000_000_000 })), {
  minLength: 1,
  maxLength: 100,
});
const sumOf = (amounts: readonly number[]): bigint => amounts.reduce((sum, amount) => sum + BigInt(amount), 0n);

function splitOf(total: number, parts: readonly SplitPart[]): number[] {
  const amounts = split(total, parts);
  if (!Array.isArray(amounts)) throw new Error(amounts.detail);
  return amounts;
}

describe('A split', () => {
  it.each([
    [10, [5, 5, 1], [5, 4, 1]],
    [100, [1, 1, 1], [34, 33, 33]],
    [2, [1, 1, 1], [1, 1, 0]],
    [1, [1, 1000], [0, 1]],
    [Number.MAX_SAFE_INTEGER, [1, 1], [4503599627370496, 4503599627370495]],
  ])('of %d by the shares %j is %j', (total, weights, expected) => {
    expect(splitOf(total, shares(...weights))).toEqual(expected);
  });

  it('gives amounts first, then shares of the rest', () => {
    expect(splitOf(1000, [{ share: 1 }, { amount: 300 }, { share: 2 }])).toEqual([233, 300, 467]);
  });

  it('gives what remains, which may be nothing, to one destination', () => {
    expect(splitOf(1000, [{ amount: 25 }, { remaining: true }])).toEqual([25, 975]);
    expect(splitOf(25, [{ amount: 25 }, { remaining: true }])).toEqual([25, 0]);
  });

  it.each<[string, number, SplitPart[], number]>([
    ['amounts above the total', 10, [{ amount: 6 }, { amount: 5 }], -1],
    ['amounts below the total, and no destination for the rest', 10, [{ amount: 6 }], -1],
    ['two destinations that take what remains', 10, [{ remaining: true }, { remaining: true }], 1],
    ['a destination that takes what remains, together with shares', 10, [{ remaining: true }, { share: 1 }], 0],
  ])('refuses %s', (_, total, parts, index) => {
    expect(split(total, parts)).toMatchObject({ index });
  });

  it('is exact for any shares: the sum is the total, and each share is less than one unit away from its exact value', () => {
    fc.assert(
      fc.property(anyTotal, anyShares, (total, weights) => {
        const amounts = splitOf(total, shares(...weights));
        const whole = sumOf(weights);
        expect(sumOf(amounts)).toBe(BigInt(total));
        amounts.forEach((amount, index) => {
          const distance = BigInt(amount) * whole - BigInt(total) * BigInt(weights[index] ?? 0);
          expect(distance < whole && -distance < whole).toBe(true);
        });
      }),
    );
  });

  it('rounds up the largest remainders, and among equal ones the earliest', () => {
    fc.assert(
      fc.property(anyTotal, anyShares, (total, weights) => {
        const amounts = splitOf(total, shares(...weights));
        const whole = sumOf(weights);
        const remainderOf = (index: number) => (BigInt(total) * BigInt(weights[index] ?? 0)) % whole;
        const isUp = (index: number) =>
          BigInt(amounts[index] ?? 0) > (BigInt(total) * BigInt(weights[index] ?? 0)) / whole;
        const order = weights
          .map((_, index) => index)
          .sort((a, b) => Number(remainderOf(b) > remainderOf(a)) - Number(remainderOf(b) < remainderOf(a)) || a - b);
        const firstDown = order.findIndex((index) => !isUp(index));
        if (firstDown >= 0) expect(order.slice(firstDown).some(isUp)).toBe(false);
      }),
    );
  });

  it('never gives a larger share less than a smaller one', () => {
    fc.assert(
      fc.property(anyTotal, anyShares, (total, weights) => {
        const amounts = splitOf(total, shares(...weights));
        weights.forEach((weight, index) => {
          weights.forEach((other, at) => {
            if (weight > other) expect(amounts[index]).toBeGreaterThanOrEqual(amounts[at] ?? 0);
          });
        });
      }),
      { numRuns: 50 },
    );
  });
});
