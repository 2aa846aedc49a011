import type { OpenedAccount } from '../verification/checker/history.ts';
import { Client } from '../verification/harness/client.ts';
import type { Mysql } from '../verification/harness/mysql.ts';
import type { StackFile } from '../verification/harness/system.ts';
import { violationsInBooks } from '../verification/load/books.ts';
import * as ledger from '../verification/load/ledger.ts';

/**
 * The overdraft limit in minor units, high enough that no transfer is rejected for insufficient funds.
 */
const OVERDRAFT = 1_000_000_000;

export const accountId = (index: number): string => `load-${String(index).padStart(5, '0')}`;

const accountsOf = (count: number): OpenedAccount[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ accountId: accountId(index), currency: 'EUR', overdraftLimit: OVERDRAFT, external: false },
  }));

/** The addresses and the API key of the service to test, and the address of its MySQL if the stack is our own. */
export type Target = Pick<StackFile, 'api' | 'apiKey'> & Partial<Pick<StackFile, 'mysql'>>;

/** Opens the accounts, and reads each once, so that all are in Redis before anything is measured. */
export async function openAccounts(target: Target, count: number): Promise<void> {
  using client = new Client(() => target.api, target.apiKey);
  const accounts = accountsOf(count);
  await ledger.openAccounts(client, accounts);
  await ledger.balancesOf(client, accounts);
}

export type Reconciliation = ledger.Reconciliation;

/**
 * The service's own reconciliation and, for our own stack, the checker of the resilience tests on the books of the
 * accounts that were opened. A load at the maximum rate is not recorded, so answers are not compared.
 */
export async function reconcile(target: Target, count = 0): Promise<Reconciliation> {
  const { mysql, api, apiKey } = target;
  using client = new Client(() => api, apiKey, { timeoutMs: ledger.RECONCILIATION_MS_MAX });
  const own = await ledger.reconcile(client);
  if (!mysql || count === 0) return own;
  await ledger.untilFlushed(client);
  const violations = await violationsInBooks(mysql, client, accountsOf(count));
  return violations.length === 0 ? own : { ...own, clean: false, report: { violations, ...own.report } };
}

/** The position up to which the journal is persisted. */
export async function flushCursor(mysql: Mysql): Promise<{ epoch: number; seq: number }> {
  const [row] = await mysql.rows('SELECT epoch, seq FROM flush_cursor WHERE shard = 0');
  return { epoch: Number(row?.['epoch']), seq: Number(row?.['seq']) };
}
