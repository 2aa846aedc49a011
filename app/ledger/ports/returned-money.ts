import type { Origin, Posted, Rejected } from '../../domain/types.ts';

/**
 * Money of transfers between shards that neither the destination nor the source could take. It waits in an inner
 * account of the source's shard until an operator pays it out. With one shard there is none.
 */
export interface ReturnedMoney {
  /**
   * Lists the returned money that MySQL contains, oldest first in each shard and currency. @throws Problem
   * validation_failed for a shard that does not exist, database_unavailable
   */
  list(query: ReturnedMoneyQuery): Promise<ReturnedMoneyPage>;
  /**
   * Pays the whole amount of one returned transfer to an account of its shard, and waits until MySQL has the payout.
   * The amount is paid once: a repetition returns the same outcome, even if its `reason` differs.
   * @throws Problem validation_failed if the amount or the shard is wrong, transfer_not_found, account_not_found,
   * already_paid_out, transfer_pending, and the problems of any transfer
   */
  payOut(payout: PayoutOrder, origin: Origin): Promise<Posted | RefusedPayout>;
}

export interface ReturnedMoneyQuery {
  /** Undefined: all shards. */
  shard: number | undefined;
  /** Only money that has not been paid out yet. */
  unpaid: boolean;
  limit: number;
  position: ReturnedMoneyPosition | null;
}
/** A place in the history of the account of returns of a shard and a currency: after the version with this number. */
export interface ReturnedMoneyPosition {
  shard: number;
  currency: string;
  version: number;
}

export interface ReturnedMoneyPage {
  /** The balances of the accounts of returns of the listed shards, in minor units. */
  balances: { shard: number; currency: string; amount: number }[];
  /** At most `limit`. May be empty even if there are more. */
  items: ReturnedTransfer[];
  next: ReturnedMoneyPosition | null;
}

export interface ReturnedTransfer {
  shard: number;
  transactionId: string;
  /** The accounts that the client named. */
  source: string;
  destination: string;
  /** Minor units. */
  amount: number;
  currency: string;
  /** ms since 1970. */
  returnedAt: number;
  /** Null if the money has not been paid out yet. */
  payout: Payout | null;
}
interface Payout {
  destination: string;
  reason: string;
  user: string;
  /** ms since 1970. */
  paidAt: number;
}

export interface PayoutOrder {
  shard: number;
  transactionId: string;
  destination: string;
  /** Minor units. It must be the amount that was returned. */
  amount: number;
  currency: string;
  reason: string;
}
export type RefusedPayout = Pick<Rejected, 'status' | 'order' | 'refusal' | 'limit'>;
