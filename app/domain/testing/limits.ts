import fc from 'fast-check';
import type { AccountLimits, Limits, Usage } from '../limits.ts';

export const NO_LIMITS: Limits = {
  transferMax: null,
  dailyDebitMax: null,
  monthlyDebitMax: null,
  dailyCreditMax: null,
  balanceMax: null,
};
export const NO_USAGE: Usage = {
  countedSince: 0,
  dayStart: 0,
  dayDebit: 0,
  dayCredit: 0,
  monthStart: 0,
  monthDebit: 0,
};

/** Arbitrary limits and counts, which need not be consistent with each other. */
export function anyLimits(amount: fc.Arbitrary<number> = fc.maxSafeNat()): fc.Arbitrary<AccountLimits> {
  const limit = fc.option(amount, { freq: 2 });
  return fc.record({
    transferMax: limit,
    dailyDebitMax: limit,
    monthlyDebitMax: limit,
    dailyCreditMax: limit,
    balanceMax: limit,
    usage: fc.record({
      countedSince: amount,
      dayStart: amount,
      dayDebit: amount,
      dayCredit: amount,
      monthStart: amount,
      monthDebit: amount,
    }),
  });
}
