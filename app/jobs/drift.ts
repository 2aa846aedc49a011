import type { CachedAccount } from '../journal/account-codec.ts';

/** An account that is inconsistent. Money in minor units. */
export interface Drift {
  accountId: string;
  currency: string;
  what: string;
  /** The amount by which the account's balance is wrong, minor units; 0 if something else is wrong. */
  minorUnits: number;
}

/** The cache, one page at a time. */
export interface CachePages {
  epoch: number;
  /**
   * Returns some account ids and the position to continue from. The position '0' begins the scan, and is returned at
   * its end.
   */
  scan(position: string): Promise<{ next: string; accountIds: string[] }>;
  read(accountIds: readonly string[]): Promise<{ head: { seq: number }; accounts: (CachedAccount | null)[] }>;
}
