import type { LegVerdict } from '../../domain/leg-types.ts';

/**
 * The transfers that have left a shard for another one: a row in the shard of the source for each posted `out`, written
 * with it in one transaction. All times are by the clock of that shard's MySQL.
 */
export interface OpenCrossing {
  /** The client's. */
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
 * - `DONE`: the destination has the money, and this is its account after it
 * - `RETURNED`: the destination has refused it, and the source or the account of returns has the money again
 */
export type CrossingClosing = { transactionId: string } & (
  | { state: 'DONE'; balance: number; version: number }
  | {
      state: 'RETURNED';
      /** Null if the shard of the destination has lost it. */
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
  /** How the crossings with these ids have ended; open and unknown ones are absent. */
  closed(transactionIds: readonly string[]): Promise<CrossingClosing[]>;
  /** Closes rows. One that is closed already stays as it is. */
  close(closings: readonly CrossingClosing[]): Promise<void>;
  /**
   * Takes or extends a courier's turn at the crossings toward a shard. It only saves work: two couriers may do the same.
   * @returns false if another one has it
   */
  takeTurn(turn: { toShard: number; holder: string; forMs: number }): Promise<boolean>;
  /** Per shard of the destination that has open crossings. */
  summary(): Promise<{ toShard: number; open: number; oldestAgeMs: number }[]>;
}
