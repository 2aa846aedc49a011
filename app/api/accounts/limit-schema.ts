import { z } from 'zod';
import { LIMITS, type LimitName, type Limits, type Usage, usageIn } from '../../domain/limits.ts';
import { formatAmount } from '../../domain/money.ts';
import { type FieldError, Problem } from '../../domain/problem.ts';
import type { AccountView } from '../../domain/types.ts';
import type { BusinessWindows } from '../../ledger/ports/ledger.ts';
import { AccountId, amountAt, Currency, formatTimestamp, Money, MoneyInput, Timestamp } from '../schemas/fields.ts';

const MEANINGS: Readonly<Record<LimitName, string>> = {
  transferMax: 'The highest amount of a single debit.',
  dailyDebitMax: 'The highest sum of debits in a business day.',
  monthlyDebitMax: 'The highest sum of debits in a month of business days.',
  dailyCreditMax: 'The highest sum of credits in a business day.',
  balanceMax: 'The highest balance that a credit may lead to.',
};

/** One field per limit. */
function perLimit<T extends z.ZodType>(field: (name: LimitName) => T): Record<LimitName, T> {
  return Object.fromEntries(LIMITS.map((name) => [name, field(name)])) as Record<LimitName, T>;
}

export const LimitsInput = z
  .strictObject(perLimit((name) => MoneyInput.nullish().meta({ description: MEANINGS[name] })))
  .meta({ id: 'LimitsInput', description: 'All limits of the account; those that are absent do not apply.' });

export const AccountLimits = z
  .object(perLimit((name) => Money.nullable().meta({ description: MEANINGS[name] })))
  .meta({ id: 'AccountLimits' });

/** The limits in a request. Errors are added to `errors`. */
export function limitsIn(currency: string, given: z.output<typeof LimitsInput>, errors: FieldError[]): Limits {
  const limit = (name: LimitName) => {
    const amount = given[name];
    return amount === null || amount === undefined ? null : amountAt(`/limits/${name}`, amount, currency, errors);
  };
  return Object.fromEntries(LIMITS.map((name) => [name, limit(name)])) as unknown as Limits;
}

/** Null for an account without limits. */
export function limitsAnswer(limits: Limits | null, currency: string): z.input<typeof AccountLimits> | null {
  if (!limits) return null;
  const limit = (name: LimitName) => {
    const amount = limits[name];
    return amount === null ? null : formatAmount(amount, currency);
  };
  return Object.fromEntries(LIMITS.map((name) => [name, limit(name)])) as z.input<typeof AccountLimits>;
}

const Single = z.object({ value: Money });
const Used = Single.extend({
  used: Money,
  remaining: Money,
  percent: z
    .int()
    .min(0)
    .meta({ description: 'How much of the limit is used, rounded down. May exceed 100 after a change.' }),
});
const Windowed = Used.extend({ windowStart: Timestamp, windowEnd: Timestamp });

export const LimitUsage = z
  .object({
    accountId: AccountId,
    currency: Currency,
    countedSince: Timestamp.nullable().meta({
      description:
        'The time since which the account has had limits; earlier transfers are not counted. Null without limits.',
    }),
    transferMax: Single.nullable(),
    dailyDebitMax: Windowed.nullable(),
    monthlyDebitMax: Windowed.nullable(),
    dailyCreditMax: Windowed.nullable(),
    balanceMax: Used.nullable(),
    asOf: Timestamp,
    source: z.enum(['cache', 'database']),
    stale: z.literal(true).optional(),
  })
  .meta({ id: 'LimitUsage', description: 'Limits that the account does not have are null.' });

/** @throws Problem calendar_unavailable */
export function limitUsage(view: AccountView, windows: BusinessWindows | null): z.input<typeof LimitUsage> {
  const { accountId, currency, balance, limits, asOf, source, stale } = view;
  const common = {
    accountId,
    currency,
    asOf: formatTimestamp(asOf),
    source,
    ...(stale && { stale: true as const }),
  };
  const none = {
    transferMax: null,
    dailyDebitMax: null,
    monthlyDebitMax: null,
    dailyCreditMax: null,
    balanceMax: null,
  };
  if (!limits) return { ...common, countedSince: null, ...none };
  if (!windows) throw new Problem('calendar_unavailable', 'The business calendar does not cover the current time.');
  const usage: Usage = usageIn(limits.usage, { dayStart: windows.day.start, monthStart: windows.month.start });
  const used = (value: number, amount: number) => ({
    value: formatAmount(value, currency),
    used: formatAmount(amount, currency),
    remaining: formatAmount(Math.max(0, value - amount), currency),
    percent: value === 0 ? 100 : Math.max(0, Math.floor((amount / value) * 100)),
  });
  const windowed = (value: number | null, amount: number, { start, end }: BusinessWindows['day']) =>
    value === null
      ? null
      : { ...used(value, amount), windowStart: formatTimestamp(start), windowEnd: formatTimestamp(end) };
  return {
    ...common,
    countedSince: formatTimestamp(limits.usage.countedSince),
    transferMax: limits.transferMax === null ? null : { value: formatAmount(limits.transferMax, currency) },
    dailyDebitMax: windowed(limits.dailyDebitMax, usage.dayDebit, windows.day),
    monthlyDebitMax: windowed(limits.monthlyDebitMax, usage.monthDebit, windows.month),
    dailyCreditMax: windowed(limits.dailyCreditMax, usage.dayCredit, windows.day),
    balanceMax: limits.balanceMax === null ? null : used(limits.balanceMax, balance),
  };
}
