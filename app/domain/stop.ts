import { Problem } from './problem.ts';

/** Whether an operator has stopped the ledger. @param stops how many times it was stopped or released */
export const isStopped = (stops: number): boolean => stops % 2 === 1;

const RETRY_AFTER_S = 5;

/** The answer to a new change while the ledger is stopped. It proves that this attempt changed nothing. */
export const ledgerStopped = (): Problem =>
  new Problem('ledger_stopped', 'an operator has stopped all changes to the ledger; this request changed nothing', {
    retryAfterSeconds: RETRY_AFTER_S,
  });

/** One stop or release of the ledger. */
export interface StopChange {
  /** From 1: odd for a stop, even for a release. */
  number: number;
  /** By MySQL's clock, ms. */
  at: number;
  user: string;
  reason: string;
  correlationId: string | null;
}

/** The stop of the ledger, as it is returned to operators. */
export interface StopReport {
  stopped: boolean;
  /** False if a store that decides has not confirmed the state. */
  enforced: boolean;
  /** How many times it was stopped or released, in all shards together; null if a shard did not answer. */
  number: number | null;
  changes: readonly {
    number: number;
    stopped: boolean;
    at: string;
    by: string;
    reason: string;
    correlationId: string | null;
  }[];
  /** Processes of an older release, which do not obey a stop. */
  olderProcesses: readonly string[];
  shards?: readonly object[];
}
