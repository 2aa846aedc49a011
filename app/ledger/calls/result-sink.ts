import type { Problem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import type { Pending } from './pending.ts';

/** Receives transfers after a call: with an answer, or to wait for another attempt. */
export interface ResultSink {
  answer(pending: Pending, answer: Outcome | Problem): void;
  /** Answers a transfer that cannot continue: with 504 while an attempt of it is in doubt, else with this problem. */
  giveUp(pending: Pending, problem: Problem): void;
  again(batch: readonly Pending[]): void;
}
