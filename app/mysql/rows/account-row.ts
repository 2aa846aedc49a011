import type { Account, AccountStatus } from '../../domain/types.ts';

/** A row of `accounts` as returned by mysql2, with the columns that the ledger needs. */
export interface AccountColumns {
  account_id: string;
  currency: string;
  external: number;
  balance: number;
  version: number;
  overdraft_limit: number;
  status: AccountStatus;
  settings_version: number;
}

export const ACCOUNT_COLUMNS =
  'a.account_id, a.currency, a.external, a.balance, a.version, a.overdraft_limit, a.status, a.settings_version';

export function accountOfRow(row: AccountColumns): Account {
  return {
    accountId: row.account_id,
    currency: row.currency,
    external: row.external === 1,
    balance: row.balance,
    version: row.version,
    overdraftLimit: row.overdraft_limit,
    status: row.status,
    settingsVersion: row.settings_version,
  };
}
