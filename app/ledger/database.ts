import { Problem } from '../errors.ts';
import type { Account, Outcome } from './types.ts';

/** The snapshot that something was read from MySQL in: the flush had come to `cursor` of `epoch`. */
export interface Stamp {
  epoch: number;
  cursor: number;
}

/** What a pod reads from MySQL for use in the cache. Each answer and its stamp are one snapshot. */
export interface LedgerDatabase {
  /** Accounts that do not exist are absent from the map. @throws Problem database_unavailable */
  loadAccounts(accountIds: readonly string[]): Promise<{ stamp: Stamp; accounts: Map<string, Account> }>;
  /** Outcomes by transaction id; those that MySQL does not have are absent. @throws Problem database_unavailable */
  findOutcomes(transactionIds: readonly string[]): Promise<{ stamp: Stamp; outcomes: Map<string, Outcome> }>;
}

/** How reads of MySQL are tried again while it is away for a moment: they change nothing, so it is always safe. */
export const DATABASE_RETRY = {
  retriesMax: 3,
  baseMs: 100,
  when: (error: unknown): boolean => error instanceof Problem && error.code === 'database_unavailable',
};
