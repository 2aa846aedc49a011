import fc from 'fast-check';
import { expect, it } from 'vitest';
import { assertCovering, below, shrinkingAtMost } from './covering.ts';

const MANY = { numRuns: 50 };

it('A property is checked in rounds until its cases have covered everything', async () => {
  const seen = { cases: 0 };
  const property = fc.asyncProperty(fc.nat(), async () => {
    seen.cases += 1;
  });
  await assertCovering(property, MANY, () => below(seen, { cases: 120 }));
  expect(seen.cases).toBe(150);
});

it('A case that is never generated is named', async () => {
  const property = fc.asyncProperty(fc.nat(), async () => {});
  await expect(assertCovering(property, MANY, () => ['a negative number'])).rejects.toThrow(
    'no case has covered: a negative number',
  );
});

it('A counterexample is reported although the search for a smaller one is limited', async () => {
  const tries = { limited: 0, unlimited: 0 };
  const sumIn = (count: keyof typeof tries) => async (values: number[]) => {
    tries[count] += 1;
    if (values.reduce((sum, value) => sum + value, 0) > 1_000) throw new Error('the sum is too large');
  };
  const values = fc.array(fc.nat(1_000));
  const same = { numRuns: 10_000, seed: 1 };
  const limited = fc.asyncProperty(values, shrinkingAtMost(sumIn('limited'), 5));
  await expect(assertCovering(limited, same, () => [])).rejects.toThrow(/Property failed/);
  await expect(fc.assert(fc.asyncProperty(values, sumIn('unlimited')), same)).rejects.toThrow(/Property failed/);
  expect(tries.limited).toBeLessThan(tries.unlimited);
});
