import type { StopReport } from '../../domain/stop.ts';

/**
 * What operators may see and start. Results are returned to them unchanged. `shard` is required if there are several.
 */
export interface OpsPort {
  status(): Promise<object>;
  /** What this pod knows at the moment, without asking a store. */
  live(): Promise<object>;
  /** The end of the sealed log, and the latest self-check. */
  audit(): Promise<object>;
  /** Runs a reconciliation now, and returns its result. */
  reconcile(): Promise<object>;
  /** Everything that waits for the journal of an epoch that has ended. */
  unsettled(): Promise<object>;
  /**
   * Gives up what is missing; `done` is false while a keeper is still carrying out the decision. @throws Problem
   * authority_moved if the authority is not in that epoch, or if nothing is missing
   */
  acceptLoss(
    acceptance: { shard?: number | undefined; epoch: number; reason: string },
    user: string,
  ): Promise<{
    epoch: number;
    mode: string;
    dropped: number;
    done: boolean;
    /** With several shards: the transfers from and to this shard that were open. */
    openTransfers?: { transactionId: string; from: number; to: number }[];
  }>;
  /**
   * Stops all shards, or releases them. Repeating the call changes nothing. @throws Problem database_unavailable;
   * outcome_unknown; authority_moved if `number` is given but is not the current one
   */
  setStopped(
    stopped: boolean,
    by: { user: string; reason: string; correlationId: string },
    number?: number,
  ): Promise<StopReport>;
  /** Whether the ledger is stopped, and the latest stops and releases. @throws Problem database_unavailable */
  stop(): Promise<StopReport>;
  /** Takes over the Redis of another ledger. @throws Problem authority_moved if its owner has changed */
  takeRedisOver(
    takeover: { shard?: number | undefined; owner: string | null; reason: string },
    user: string,
  ): Promise<{ epoch: number; mode: string }>;
  /**
   * Moves the ledger to the rule format of this release; `done` is false while the keepers are still working on it.
   * @throws Problem authority_moved if the ledger cannot move now
   */
  moveFormat(
    move: { shard?: number | undefined; epoch: number; reason: string; dryRun: boolean },
    user: string,
  ): Promise<{
    warning: string;
    from: number;
    to: number;
    epoch: number;
    mode: string;
    dryRun: boolean;
    obstacles: string[];
    done: boolean;
  }>;
}
