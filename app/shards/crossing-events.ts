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
  /** Called when a request has completed its transfer, or a courier has closed a transfer whose end is final. */
  ended(crossing: Between, end: CrossingEnd, by: 'request' | 'courier'): void;
  /**
   * Called when a leg after `out` was answered with a Problem, so that the transfer stays open. `isUnexpected`: a store has
   * lost data, or there is a bug, and an operator has to investigate.
   */
  legFailed(crossing: Between, leg: LegName, code: ProblemCode, isUnexpected: boolean): void;
  /** Called when a courier could not read or close crossings; it tries again. */
  courierFailed(from: number, to: number, error: unknown): void;
  /** The open crossings between two shards, with their age by the clock of the source's MySQL. */
  open(from: number, to: number, summary: { open: number; oldestAgeMs: number }): void;
}

/** Problems that waiting does not solve. */
export const isUnexpected = (code: ProblemCode): boolean =>
  code === 'account_not_found' || code === 'transaction_id_reused' || code === 'internal_error';
