import type { AccountStatus, Outcome, TransferOrder } from '../../domain/types.ts';
import type { AccountDetails } from './ledger.ts';

/** Lists of transfers and accounts, found in an index that follows the sealed log. */
export interface Search {
  /**
   * A page of the transfers that meet all conditions of a filter, ordered by time of acceptance, then by id.
   * @throws Problem search_disabled, search_not_ready, feature_not_active, overloaded, database_unavailable
   */
  transfers(query: TransferQuery): Promise<FoundPage<FoundTransfer, TransferPlace>>;
  /** A page of accounts, in the order of their ids. @throws the problems of `transfers` */
  accounts(query: AccountQuery): Promise<FoundPage<FoundAccount, string>>;
}

export type Order = 'asc' | 'desc';

/** A place in the list of transfers: right after the transfer with this id, which was accepted at this time (ms). */
export interface TransferPlace {
  at: number;
  transactionId: string;
}

export const TRANSFER_STATUSES = ['POSTED', 'REJECTED', 'PENDING'] as const;
export type TransferStatus = (typeof TRANSFER_STATUSES)[number];

/** Absent conditions are met by every transfer. */
export interface TransferFilter {
  /** One of the two accounts. */
  account?: string;
  /** The other one; only together with `account`. */
  counterparty?: string;
  status?: TransferStatus;
  kind?: TransferOrder['kind'];
  reference?: string;
  metadata?: { key: string; value: string };
  currency?: string;
  /** Minor units, both inclusive; only together with `currency`. */
  amountMin?: number;
  amountMax?: number;
  /** Times of acceptance, ms: `from` is inclusive, `to` is exclusive. */
  from?: number;
  to?: number;
}

export interface TransferQuery {
  filter: TransferFilter;
  order: Order;
  /** Null: begin with the first. */
  after: TransferPlace | null;
  limit: number;
  /** True if the caller may see only transfers of `filter.account`: places must then not reveal any other transfer. */
  isRestricted?: boolean;
}

/** A transfer as recorded in the books. */
export interface FoundTransfer {
  place: TransferPlace;
  /** For a transfer between shards that has no outcome here: its first leg. */
  outcome: Outcome;
  /**
   * - `decided`: `outcome` is its outcome
   * - `pending`: its destination, in another shard, has not decided yet
   * - `returned`: its destination has refused it for an unknown reason
   */
  state: 'decided' | 'pending' | 'returned';
}

export interface AccountQuery {
  /** Accounts whose ids begin with one of these; empty: none. */
  prefixes: readonly string[];
  currency?: string;
  status?: AccountStatus;
  order: Order;
  /** The id after which to continue; null: begin with the first. */
  after: string | null;
  limit: number;
}

/** An account with its balance, as recorded in MySQL. */
export interface FoundAccount extends Omit<AccountDetails, 'limits'> {
  status: AccountStatus;
  balance: number;
  held: number;
  version: number;
  settingsVersion: number;
}

export interface FoundPage<Item, Place> {
  /** In the requested order; there may be fewer than `limit`, or even none, although more follow. */
  items: Item[];
  /** Where to continue; null if there is nothing more. */
  next: Place | null;
  /** Everything that was in MySQL by this time (ms, by MySQL's clock) has been considered. */
  asOf: number;
}
