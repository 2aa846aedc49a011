import type { LegName } from '../domain/leg-types.ts';
import type { ProblemCode } from '../domain/problem.ts';
import type { CrossingEnd } from './crossing-decision.ts';

/** A transfer between two shards. */
export interface Between {
  transactionId: string;
  from: number;
  to: number;
}

/** Events of transfers between shards that may be logged and counted. */
export interface CrossingEvents {
  /** A request has carried its transfer to an end, or a courier has closed a transfer whose end is final. */
  ended(crossing: Between, end: CrossingEnd, by: 'request' | 'courier'): void;
  /**
   * A leg after `out` got a problem, so the transfer stays open. `isUnexpected`: a store has lost something, or there is
   * a bug; somebody has to look at it.
   */
  legFailed(crossing: Between, leg: LegName, code: ProblemCode, isUnexpected: boolean): void;
  /** A courier could not read or close crossings; it tries again. */
  courierFailed(from: number, to: number, error: unknown): void;
  /** What is open between two shards, by the clock of the source's MySQL. */
  open(from: number, to: number, summary: { open: number; oldestAgeMs: number }): void;
}

/** Waiting does not help against these. */
export const isUnexpected = (code: ProblemCode): boolean =>
  code === 'account_not_found' || code === 'transaction_id_reused' || code === 'internal_error';
