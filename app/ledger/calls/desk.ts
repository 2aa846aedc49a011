import type { Problem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import type { Pending } from './pending.ts';

/** Where transfers come back to from a call: answered, or to wait for their next turn. */
export interface Desk {
  answer(pending: Pending, answer: Outcome | Problem): void;
  /** Answers with what can be said when it cannot be carried on: 504 while an attempt of it is in doubt. */
  giveUp(pending: Pending, problem: Problem): void;
  again(batch: readonly Pending[]): void;
}
