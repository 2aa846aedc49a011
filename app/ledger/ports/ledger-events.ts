import type { HoldOutcome } from '../../domain/hold-events.ts';
import type { LimitName } from '../../domain/limits.ts';
import type { Problem } from '../../domain/problem.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';

/** Events in the ledger that may be logged and counted; the ledger itself depends on neither logs nor metrics. */
export interface LedgerEvents {
  /** Called after each script call, with the number of transfers that it applied or answered. */
  applied(transfers: number, ms: number): void;
  /** Called once for each transfer, with the answer that its caller gets. */
  answered(order: TransferOrder, answer: Outcome | Problem): void;
  /**
   * Called once for each group or hold that a limit of an account has refused. Refused transfers are reported with
   * their answers.
   */
  limitRefused(limit: LimitName): void;
  /** Called for every answer that contains an event of a hold, including holds that were refused when they were placed. */
  holdEvent(outcome: HoldOutcome): void;
  retried(what: 'apply' | 'read' | 'load' | 'change' | 'database'): void;
  lookedUp(ids: number): void;
  accountsHit(count: number): void;
  accountsMissed(count: number): void;
  evicted(count: number): void;
}
