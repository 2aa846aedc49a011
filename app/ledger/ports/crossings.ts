import type { LegVerdict } from '../../domain/leg-types.ts';

/**
 * A transfer that has left its source's shard for another shard. For each posted leg `out`, the shard of the source has one
 * row, which is written in the same transaction as the leg. All times are by the clock of that shard's MySQL.
 */
export interface OpenCrossing {
  /** The id that the client sent. */
  transactionId: string;
  /** The shard of the destination. */
  toShard: number;
  currency: string;
  /** Minor units. */
  amount: number;
  openedAt: number;
  ageMs: number;
}

/**
 * - `DONE`: the destination has the money; `balance` and `version` are those of its account afterward
 * - `RETURNED`: the destination has refused the money, and the source, or the account of returns, has it again
 */
export type CrossingClosing = { transactionId: string } & (
  | { state: 'DONE'; balance: number; version: number }
  | {
      state: 'RETURNED';
      /** Why the destination has refused the money; null if the shard of the destination has lost that information. */
      because: LegVerdict | null;
    }
);

/** @throws Problem database_unavailable */
export interface CrossingStore {
  /**
   * Open crossings toward a shard, oldest first.
   * @param query.after the last crossing of the previous page, or null for the first page
   */
  open(query: {
    toShard: number;
    minAgeMs: number;
    after: Pick<OpenCrossing, 'openedAt' | 'transactionId'> | null;
    limit: number;
  }): Promise<OpenCrossing[]>;
  /** How the crossings with these ids ended; open and unknown ones are absent. */
  closed(transactionIds: readonly string[]): Promise<CrossingClosing[]>;
  /** Closes crossings; those that are already closed are left unchanged. */
  close(closings: readonly CrossingClosing[]): Promise<void>;
  /**
   * Takes or extends the turn of a courier, which then handles the crossings toward a shard. Turns only save work: two
   * couriers may safely handle the same crossings. @returns false if another courier has the turn
   */
  takeTurn(turn: { toShard: number; holder: string; forMs: number }): Promise<boolean>;
  /** The open crossings toward each shard; shards without open crossings are absent. */
  summary(): Promise<{ toShard: number; open: number; oldestAgeMs: number }[]>;
}
