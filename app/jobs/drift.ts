import type { CachedAccount } from '../journal/codec.ts';

/** An account that is not what it should be. Money in minor units. */
export interface Drift {
  accountId: string;
  currency: string;
  what: string;
  /** By how much its balance is off, minor units; 0 when something else is. */
  minorUnits: number;
}

/** The cache, page by page. */
export interface CachePages {
  epoch: number;
  /** Some account ids and where to go on; '0' begins and ends. */
  scan(position: string): Promise<{ next: string; accountIds: string[] }>;
  read(accountIds: readonly string[]): Promise<{ head: { seq: number }; accounts: (CachedAccount | null)[] }>;
}
