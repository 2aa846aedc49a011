/** The limits of an account, in the order in which they are packed and checked. A refusal names one of them. */
export const LIMITS = ['transferMax', 'dailyDebitMax', 'monthlyDebitMax', 'dailyCreditMax', 'balanceMax'] as const;
export type LimitName = (typeof LIMITS)[number];

/** Minor units, ≥ 0; null: none. */
export type Limits = Readonly<Record<LimitName, number | null>>;

/** The windows into which a time falls, each named by its start, ms since 1970: a business day, and a month of them. */
export interface Windows {
  dayStart: number;
  monthStart: number;
}

/** What an account has moved in its latest windows, minor units. A start of 0: nothing has been counted yet. */
export interface Usage extends Windows {
  /** The time since which the account has had limits, ms since 1970; nothing earlier is counted. */
  countedSince: number;
  dayDebit: number;
  dayCredit: number;
  monthDebit: number;
}

/** The limits of an account that has at least one, with its usage. */
export interface AccountLimits extends Limits {
  usage: Usage;
}

/** The limits that a change of an account recorded. */
export interface LimitsChange extends Limits {
  /** The account had no limits before: counting begins. */
  begins: boolean;
}

/** Which sides of a posted transfer were counted: 1 = the debit, 2 = the credit, 3 = both. */
export type Counted = 1 | 2 | 3;

/** The limit that refused a transfer. Money in minor units. */
export interface LimitRefusal {
  limit: LimitName;
  value: number;
  /** The unused part of the limit. */
  remaining: number;
}

interface Limited {
  limits: AccountLimits | null;
}

/**
 * Whether limits apply to a transfer. They do not apply to reversals, nor to the legs that return the money of a
 * transfer between shards: these are neither counted nor refused. The rules of limits are also implemented in Lua
 * (app/redis/lua/includes/limits.lua); a test compares the two over random histories.
 */
export const isLimited = (
  { kind, leg }: { kind: 'transfer' | 'reversal' | 'capture'; leg?: { name: string } },
  source: Limited,
  destination: Limited,
): boolean =>
  (source.limits !== null || destination.limits !== null) &&
  kind !== 'reversal' &&
  leg?.name !== 'back' &&
  leg?.name !== 'returns';

/** Null if the limits of both accounts allow a transfer. */
export function limitRefusalOf(
  source: Limited,
  destination: Limited & { balance: number },
  amount: number,
  windows: Windows,
): LimitRefusal | null {
  return debitRefusalOf(source, amount, amount, windows) ?? creditRefusalOf(destination, amount, windows);
}

/** @param single the whole debit, or the whole hold @param amount what it adds to the windows */
export function debitRefusalOf(
  { limits }: Limited,
  single: number,
  amount: number,
  windows: Windows,
): LimitRefusal | null {
  if (!limits) return null;
  const { dayDebit, monthDebit } = usageIn(limits.usage, windows);
  return (
    over('transferMax', limits.transferMax, 0, single) ??
    over('dailyDebitMax', limits.dailyDebitMax, dayDebit, amount) ??
    over('monthlyDebitMax', limits.monthlyDebitMax, monthDebit, amount)
  );
}

export function creditRefusalOf(
  { limits, balance }: Limited & { balance: number },
  amount: number,
  windows: Windows,
): LimitRefusal | null {
  if (!limits) return null;
  const { dayCredit } = usageIn(limits.usage, windows);
  return (
    over('dailyCreditMax', limits.dailyCreditMax, dayCredit, amount) ??
    over('balanceMax', limits.balanceMax, balance, amount)
  );
}

/** Sums of two exact numbers are only compared: a sum beyond the exact range may be rounded, but never back into it. */
function over(limit: LimitName, value: number | null, used: number, amount: number): LimitRefusal | null {
  if (value === null || used + amount <= value) return null;
  return { limit, value, remaining: Math.max(0, Math.min(value - used, Number.MAX_SAFE_INTEGER)) };
}

/**
 * What has been counted in these windows so far. A window that has ended no longer counts, and usage never goes back to
 * an earlier window.
 */
export function usageIn(usage: Usage, { dayStart, monthStart }: Windows): Usage {
  const day = dayStart > usage.dayStart ? { dayStart, dayDebit: 0, dayCredit: 0 } : {};
  const month = monthStart > usage.monthStart ? { monthStart, monthDebit: 0 } : {};
  return { ...usage, ...day, ...month };
}

/** The usage after a movement in these windows. A sum is capped at the largest exact number, which no limit exceeds. */
export function counting(usage: Usage, windows: Windows, moved: { debit: number } | { credit: number }): Usage {
  const now = usageIn(usage, windows);
  if ('credit' in moved) return { ...now, dayCredit: sum(now.dayCredit, moved.credit) };
  return { ...now, dayDebit: sum(now.dayDebit, moved.debit), monthDebit: sum(now.monthDebit, moved.debit) };
}
const sum = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER);

/**
 * Whether an amount that was counted at `at` is in the window with this start. Amounts from before the account had limits
 * are in none.
 */
export const isCountedIn = (start: number, at: number, { countedSince }: Usage): boolean =>
  at >= start && at >= countedSince;

/**
 * Subtracts debits that were counted at `at` from each window that is still the account's latest. Whether the window
 * has ended in the meantime makes no difference, so no calendar is needed. @returns the new usage
 */
export function givingBack(usage: Usage, at: number, back: { day: number; month: number }): Usage {
  const { dayStart, monthStart, dayDebit, monthDebit } = usage;
  return {
    ...usage,
    dayDebit: isCountedIn(dayStart, at, usage) ? less(dayDebit, back.day) : dayDebit,
    monthDebit: isCountedIn(monthStart, at, usage) ? less(monthDebit, back.month) : monthDebit,
  };
}

/** A sum that has reached the end of the exact range stays there, because the true sum may be higher. */
const less = (used: number, back: number): number =>
  used === Number.MAX_SAFE_INTEGER ? used : Math.max(0, used - back);

/** The sides of a transfer that are counted; 0 for none. */
export const countedSides = (source: Limited, destination: Limited): Counted | 0 =>
  ((source.limits ? 1 : 0) + (destination.limits ? 2 : 0)) as Counted | 0;

/** Limits after a change; what was counted stays. @param time of the change, ms since 1970 */
export function changedLimits(before: AccountLimits | null, wanted: Limits, time: number): AccountLimits | null {
  if (LIMITS.every((name) => wanted[name] === null)) return null;
  return { ...wanted, usage: before?.usage ?? usageSince(time) };
}

export const usageSince = (countedSince: number): Usage => ({
  countedSince,
  dayStart: 0,
  dayDebit: 0,
  dayCredit: 0,
  monthStart: 0,
  monthDebit: 0,
});

/** Percentages of a limit at which an event is recorded when usage reaches them. */
export const REACHED_PERCENTS = [80, 95] as const;
export interface LimitReached {
  limit: LimitName;
  percent: (typeof REACHED_PERCENTS)[number];
}

/** The percentages of the limits per day and month that a change of the usage has reached. */
export function reachedBy(limits: Limits, before: Usage, after: Usage): LimitReached[] {
  const since = usageIn(before, after);
  return [
    ...reachedOf('dailyDebitMax', limits, since.dayDebit, after.dayDebit),
    ...reachedOf('monthlyDebitMax', limits, since.monthDebit, after.monthDebit),
    ...reachedOf('dailyCreditMax', limits, since.dayCredit, after.dayCredit),
  ];
}

function reachedOf(limit: LimitName, limits: Limits, before: number, after: number): LimitReached[] {
  const value = limits[limit];
  if (value === null || after === before) return [];
  const isReached = (used: number, percent: number) => used / value >= percent / 100;
  return REACHED_PERCENTS.filter((percent) => isReached(after, percent) && !isReached(before, percent)).map(
    (percent) => ({ limit, percent }),
  );
}
