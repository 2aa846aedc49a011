import { type HoldfastError, ProblemError } from '../errors.ts';
import type { Problem } from '../types.ts';
import type { Verdict } from './verdict.ts';

/** What is known about one item (a transfer, a hold, …) after some attempts. */
export interface Progress {
  readonly attempts: number;
  /** Whether an attempt may have been carried out. Once true, this stays true: only an outcome can end the doubt. */
  readonly inDoubt: boolean;
}

/** How the work on an item ended. */
export type Settled<V> = { readonly attempts: number } & (
  | { readonly kind: 'accepted'; readonly value: V }
  | { readonly kind: 'refused'; readonly problem: Problem }
  /** No attempt changed anything. */
  | { readonly kind: 'failed'; readonly error: Error }
  /** An attempt may have been carried out, and there was no time left to find out. */
  | { readonly kind: 'unknown'; readonly error: Error; readonly retryAfterMs: number | null }
);

export type Step<V> =
  | { readonly step: 'finish'; readonly settled: Settled<V> }
  /** Send the same content again, if there is time. */
  | {
      readonly step: 'again';
      readonly progress: Progress;
      readonly error: HoldfastError;
      readonly retryAfterMs: number | null;
    }
  /** Sending again would not help, but an earlier attempt is in doubt: only a look-up can show its outcome. */
  | { readonly step: 'look-up'; readonly progress: Progress; readonly error: HoldfastError };

export const UNTRIED: Progress = { attempts: 0, inDoubt: false };

/** The transition table of an item. A pure function: the same progress and verdict always give the same step. */
export function stepAfter<V>({ attempts: before, inDoubt }: Progress, verdict: Verdict<V>): Step<V> {
  const attempts = before + 1;
  switch (verdict.verdict) {
    case 'accepted':
      return { step: 'finish', settled: { kind: 'accepted', value: verdict.value, attempts } };
    case 'refused': {
      const { problem, conclusive } = verdict;
      if (inDoubt && !conclusive)
        return { step: 'look-up', progress: { attempts, inDoubt }, error: new ProblemError(problem, null) };
      return { step: 'finish', settled: { kind: 'refused', problem, attempts } };
    }
    case 'failed': {
      const { error, conclusive } = verdict;
      // An expired key, for example, proves nothing about what an earlier attempt with a valid key did.
      if (inDoubt && !conclusive) return { step: 'look-up', progress: { attempts, inDoubt }, error };
      return { step: 'finish', settled: { kind: 'failed', error, attempts } };
    }
    case 'again': {
      const { error, retryAfterMs } = verdict;
      return { step: 'again', progress: { attempts, inDoubt: inDoubt || verdict.inDoubt }, error, retryAfterMs };
    }
  }
}
