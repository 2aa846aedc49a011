import type { LegOrder } from '../../domain/crossing.ts';
import type { LegVerdict } from '../../domain/leg-types.ts';
import type { Problem } from '../../domain/problem.ts';
import type { Account, NewAccount, Outcome } from '../../domain/types.ts';
import type { CrossingClosing } from './crossings.ts';

/**
 * The operations on MySQL, in all shards, that are needed to recover a shard whose database was restored from a backup.
 * They are used while no process of the ledger is running. All lists are read in pages, in the order of ids.
 */

/** A transfer that has left a shard, as stored in its row. */
export interface CrossingRow {
  transactionId: string;
  state: 'OPEN' | CrossingClosing['state'];
  destination: string;
  currency: string;
  /** For RETURNED: why the destination refused the transfer, if that is known. */
  because: LegVerdict | null;
}

/** @throws Problem database_unavailable */
export interface SurvivingShard {
  outcomes(transactionIds: readonly string[]): Promise<Map<string, Outcome>>;
  /** Transfers that have left this shard toward another one, whatever their state. */
  crossingsToward(toShard: number, afterId: string, limit: number): Promise<CrossingRow[]>;
  /** Reopens closed crossings, so that couriers complete them. */
  reopen(transactionIds: readonly string[]): Promise<void>;
  /** Legs `in` from another shard, posted or refused, with the id of the leg. */
  arrivalsFrom(fromShard: number, afterId: string, limit: number): Promise<Outcome[]>;
}

/** All methods are idempotent. @throws Problem database_unavailable */
export interface RestoredShard {
  outcomes(transactionIds: readonly string[]): Promise<Map<string, Outcome>>;
  /** Accounts that do not exist are absent. */
  accounts(accountIds: readonly string[]): Promise<Map<string, Account>>;
  /** Existing accounts remain unchanged. */
  open(accounts: readonly NewAccount[]): Promise<void>;
  /** Applies legs by the rules; one answer per leg, in order. */
  apply(legs: readonly LegOrder[]): Promise<(Outcome | Problem)[]>;
  /** Writes refusals of legs that were decided before. Ids that have an outcome are skipped. */
  writeRefusals(refusals: readonly { order: LegOrder; because: LegVerdict }[]): Promise<void>;
  close(closings: readonly CrossingClosing[]): Promise<void>;
}
