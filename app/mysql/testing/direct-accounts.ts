import { expect } from 'vitest';
import { LIMITS } from '../../domain/limits.ts';
import type { Account, TransferOrder } from '../../domain/types.ts';
import { ACCEPTED_AT, order } from '../../journal/testing/epoch-under-test.ts';
import type { DirectItem } from '../../ledger/ports/direct-server.ts';
import type { Database } from '../connection/pool.ts';

/** The epoch in which MySQL has the authority. */
export const DIRECT_EPOCH = 4;

export const directItem = (transactionId: string, fields: Partial<TransferOrder> = {}): DirectItem => ({
  order: order(transactionId, fields),
  takenAt: ACCEPTED_AT,
});

const USAGE = ['countedSince', 'dayStart', 'dayDebit', 'dayCredit', 'monthStart', 'monthDebit'] as const;

/** Accounts for a test; positive balances have no matching postings. */
export async function putAccounts(database: Database, accounts: readonly Account[]): Promise<void> {
  const rows = accounts.map((a) => [
    a.accountId,
    a.currency,
    a.external,
    a.balance,
    a.version,
    a.overdraftLimit,
    a.status,
    a.settingsVersion,
    a.held,
    ...LIMITS.map((name) => a.limits?.[name] ?? null),
    ...USAGE.map((name) => a.limits?.usage[name] ?? 0),
  ]);
  await database.rows(
    `INSERT INTO accounts (account_id, currency, \`external\`, balance, version, overdraft_limit, \`status\`, settings_version,
       held, transfer_max, daily_debit_max, monthly_debit_max, daily_credit_max, balance_max, counted_since_ms,
       day_start_ms, day_debit, day_credit, month_start_ms, month_debit) VALUES ?`,
    [rows],
  );
}

/** Every account started at zero, and each posting follows the previous one in version and balance. */
export async function expectWholeHistory(database: Database): Promise<void> {
  const accounts = await database.rows<{ account_id: string; balance: number; version: number }>(
    'SELECT account_id, balance, version FROM accounts',
  );
  const postings = await database.rows<{ account_id: string; version: number; amount: number; balance_after: number }>(
    'SELECT account_id, version, amount, balance_after FROM postings ORDER BY account_id, version',
  );
  for (const { account_id, balance, version } of accounts) {
    const own = postings.filter((posting) => posting.account_id === account_id);
    let sum = 0;
    expect(own.map((posting) => posting.version)).toEqual(own.map((_, index) => index + 1));
    for (const posting of own) {
      sum += posting.amount;
      expect(posting.balance_after).toBe(sum);
    }
    expect({ balance, version }).toEqual({ balance: sum, version: own.length });
  }
}
