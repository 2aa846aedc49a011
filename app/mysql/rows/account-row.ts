import type { AccountLimits, Limits, Usage } from '../../domain/limits.ts';
import type { Account, AccountStatus } from '../../domain/types.ts';

/** A row of `accounts` as returned by mysql2, with the columns that the ledger needs. */
export interface AccountColumns extends LimitedColumns {
  account_id: string;
  currency: string;
  external: number;
  balance: number;
  held: number;
  version: number;
  overdraft_limit: number;
  status: AccountStatus;
  settings_version: number;
}

/** The limits of an account, and the usage of its windows. */
export interface LimitedColumns {
  transfer_max: number | null;
  daily_debit_max: number | null;
  monthly_debit_max: number | null;
  daily_credit_max: number | null;
  balance_max: number | null;
  counted_since_ms: number;
  day_start_ms: number;
  day_debit: number;
  day_credit: number;
  month_start_ms: number;
  month_debit: number;
}

export const LIMITED_COLUMNS = `a.transfer_max, a.daily_debit_max, a.monthly_debit_max, a.daily_credit_max, a.balance_max,
  a.counted_since_ms, a.day_start_ms, a.day_debit, a.day_credit, a.month_start_ms, a.month_debit`;

export const ACCOUNT_COLUMNS = `a.account_id, a.currency, a.external, a.balance, a.held, a.version, a.overdraft_limit,
  a.status, a.settings_version, ${LIMITED_COLUMNS}`;

export function accountOfRow(row: AccountColumns): Account {
  return {
    accountId: row.account_id,
    currency: row.currency,
    external: row.external === 1,
    balance: row.balance,
    held: row.held,
    version: row.version,
    overdraftLimit: row.overdraft_limit,
    status: row.status,
    settingsVersion: row.settings_version,
    limits: limitsOfRow(row),
  };
}

/** An account without limits may still have usage from a time when it had limits. That usage is obsolete. */
function limitsOfRow(row: LimitedColumns): AccountLimits | null {
  const limits = limitsOf(row);
  if (Object.values(limits).every((limit) => limit === null)) return null;
  return { ...limits, usage: usageOfRow(row) };
}

export const limitsOf = (row: LimitedColumns): Limits => ({
  transferMax: row.transfer_max,
  dailyDebitMax: row.daily_debit_max,
  monthlyDebitMax: row.monthly_debit_max,
  dailyCreditMax: row.daily_credit_max,
  balanceMax: row.balance_max,
});

export const usageOfRow = (row: LimitedColumns): Usage => ({
  countedSince: row.counted_since_ms,
  dayStart: row.day_start_ms,
  dayDebit: row.day_debit,
  dayCredit: row.day_credit,
  monthStart: row.month_start_ms,
  monthDebit: row.month_debit,
});
