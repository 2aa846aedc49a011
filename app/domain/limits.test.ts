import { describe, expect, it } from 'vitest';
import { windowsAt, windowsOfCall } from './business-calendar.ts';
import { changedLimits, counting, isLimited, limitRefusalOf, reachedBy, usageIn, usageSince } from './limits.ts';
import { NO_LIMITS, NO_USAGE } from './testing/limits.ts';
import { accountOf } from './testing/orders.ts';

const TODAY = { dayStart: 200, monthStart: 100 };
const TOMORROW = { dayStart: 300, monthStart: 100 };
const NEXT_MONTH = { dayStart: 400, monthStart: 400 };
const USED = { ...NO_USAGE, ...TODAY, dayDebit: 70, dayCredit: 50, monthDebit: 170 };
const limits = (different: object) => ({ ...NO_LIMITS, usage: USED, ...different });

describe('limits', () => {
  const debit = (different: object, amount: number, windows = TODAY) =>
    limitRefusalOf(accountOf('a', { limits: limits(different) }), accountOf('b'), amount, windows);
  const credit = (different: object, amount: number, windows = TODAY) =>
    limitRefusalOf(accountOf('a'), accountOf('b', { balance: 30, limits: limits(different) }), amount, windows);

  it('refuse what exceeds them, and report what is left', () => {
    expect(debit({ transferMax: 10 }, 10)).toBeNull();
    expect(debit({ transferMax: 10 }, 11)).toEqual({ limit: 'transferMax', value: 10, remaining: 10 });
    expect(debit({ dailyDebitMax: 100 }, 30)).toBeNull();
    expect(debit({ dailyDebitMax: 100 }, 31)).toEqual({ limit: 'dailyDebitMax', value: 100, remaining: 30 });
    expect(debit({ monthlyDebitMax: 200 }, 31)).toEqual({ limit: 'monthlyDebitMax', value: 200, remaining: 30 });
    expect(credit({ dailyCreditMax: 80 }, 30)).toBeNull();
    expect(credit({ dailyCreditMax: 80 }, 31)).toEqual({ limit: 'dailyCreditMax', value: 80, remaining: 30 });
    expect(credit({ balanceMax: 60 }, 30)).toBeNull();
    expect(credit({ balanceMax: 60 }, 31)).toEqual({ limit: 'balanceMax', value: 60, remaining: 30 });
  });
  it('have nothing left if they are lowered below what is already used', () => {
    expect(debit({ dailyDebitMax: 10 }, 1)).toEqual({ limit: 'dailyDebitMax', value: 10, remaining: 0 });
    expect(credit({ balanceMax: 0 }, 1)).toEqual({ limit: 'balanceMax', value: 0, remaining: 0 });
  });
  it('apply to debits or to credits, not to both', () => {
    const all = limits({ transferMax: 0, dailyDebitMax: 0, monthlyDebitMax: 0, dailyCreditMax: 0, balanceMax: 0 });
    const free = accountOf('b');
    expect(
      limitRefusalOf(free, accountOf('a', { limits: { ...all, dailyCreditMax: 99, balanceMax: 99 } }), 1, TODAY),
    ).toBe(null);
    expect(
      limitRefusalOf(
        accountOf('a', { limits: { ...all, transferMax: 9, dailyDebitMax: 99, monthlyDebitMax: 999 } }),
        free,
        1,
        TODAY,
      ),
    ).toBe(null);
  });
  it('begin again with each day and each month', () => {
    expect(debit({ dailyDebitMax: 100 }, 100, TOMORROW)).toBeNull();
    expect(debit({ monthlyDebitMax: 200 }, 31, TOMORROW)).toMatchObject({ remaining: 30 });
    expect(debit({ monthlyDebitMax: 200 }, 200, NEXT_MONTH)).toBeNull();
    expect(credit({ dailyCreditMax: 50 }, 50, TOMORROW)).toBeNull();
  });
  it('do not apply to reversals or to accounts without limits', () => {
    const [limited, free] = [accountOf('a', { limits: limits({ transferMax: 1 }) }), accountOf('b')];
    expect(isLimited({ kind: 'transfer' }, limited, free)).toBe(true);
    expect(isLimited({ kind: 'transfer' }, free, limited)).toBe(true);
    expect(isLimited({ kind: 'transfer' }, free, free)).toBe(false);
    expect(isLimited({ kind: 'reversal' }, limited, limited)).toBe(false);
    const asLeg = (name: string) => isLimited({ kind: 'transfer', leg: { name } }, limited, limited);
    expect(['out', 'in', 'back', 'returns'].map(asLeg)).toEqual([true, true, false, false]);
  });
  it('keep what was counted when they change, and forget it when they are all removed', () => {
    const before = limits({ transferMax: 1 });
    expect(changedLimits(before, { ...NO_LIMITS, balanceMax: 0 }, 9)).toEqual({
      ...NO_LIMITS,
      balanceMax: 0,
      usage: USED,
    });
    expect(changedLimits(before, NO_LIMITS, 9)).toBeNull();
    expect(changedLimits(null, { ...NO_LIMITS, balanceMax: 0 }, 9)).toMatchObject({ usage: usageSince(9) });
  });
});

describe('an event', () => {
  it('is recorded when usage reaches a percentage of a limit, once per window', () => {
    const some = { ...NO_LIMITS, dailyDebitMax: 100, monthlyDebitMax: 1000, dailyCreditMax: 60 };
    const reached = (different: object) => reachedBy(some, USED, { ...USED, ...different });
    expect(reached({ dayDebit: 79 })).toEqual([]);
    expect(reached({ dayDebit: 80 })).toEqual([{ limit: 'dailyDebitMax', percent: 80 }]);
    expect(reached({ dayDebit: 95, dayCredit: 57 })).toEqual([
      { limit: 'dailyDebitMax', percent: 80 },
      { limit: 'dailyDebitMax', percent: 95 },
      { limit: 'dailyCreditMax', percent: 95 },
    ]);
    expect(reachedBy(some, { ...USED, dayDebit: 99 }, { ...USED, dayDebit: 100 })).toEqual([]);
    expect(reachedBy(some, { ...USED, dayDebit: 99 }, { ...USED, ...TOMORROW, dayDebit: 81, dayCredit: 0 })).toEqual([
      { limit: 'dailyDebitMax', percent: 80 },
    ]);
  });
});

describe('usage', () => {
  it('adds up within a window', () => {
    expect(counting(USED, TODAY, { debit: 5 })).toEqual({ ...USED, dayDebit: 75, monthDebit: 175 });
    expect(counting(USED, TODAY, { credit: 5 })).toEqual({ ...USED, dayCredit: 55 });
  });
  it('never returns to a window that has ended, and never exceeds the exact range', () => {
    expect(usageIn(USED, { dayStart: 150, monthStart: 50 })).toEqual(USED);
    expect(counting(USED, TOMORROW, { debit: Number.MAX_SAFE_INTEGER })).toEqual({
      ...USED,
      ...TOMORROW,
      dayCredit: 0,
      dayDebit: Number.MAX_SAFE_INTEGER,
      monthDebit: Number.MAX_SAFE_INTEGER,
    });
  });
});

describe('a business calendar', () => {
  const calendar = { days: [TODAY, TOMORROW, NEXT_MONTH], validUntil: 390 };
  it('has the windows of any time from its first start to its last', () => {
    expect([200, 299, 300, 389].map((time) => windowsAt(calendar, time))).toEqual([TODAY, TODAY, TOMORROW, TOMORROW]);
    expect(windowsAt(calendar, 199)).toBeNull();
    expect(windowsAt({ ...calendar, validUntil: 1000 }, 400)).toBeNull();
  });
  it('is not guessed if it is missing or no longer valid', () => {
    expect(windowsAt(null, 250)).toBeNull();
    expect(windowsAt(calendar, 390)).toBeNull();
  });
  it('is not used while the clock of the store is more than 5 s ahead', () => {
    const late = { days: [TODAY, { dayStart: 90_000, monthStart: 100 }], validUntil: 90_000 };
    expect(windowsOfCall(late, 10_000, 5_000)).toEqual(TODAY);
    expect(windowsOfCall(late, 10_001, 5_000)).toBe('clock_unsure');
    expect(windowsOfCall(late, 1_000, 50_000)).toEqual(TODAY);
    expect(windowsOfCall(null, 1_000, 50_000)).toBe('calendar_unavailable');
  });
});
