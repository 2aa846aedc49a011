import type { Clock } from './clock.ts';

export interface RetryPlan {
  clock: Clock;
  /** Tries after the first. */
  retriesMax: number;
  /** The first wait, ms; each next one is twice as long, and all get a jitter of ± 50 %, so that a crowd does not come back at once. */
  baseMs: number;
  /** Whether this failure may pass, and trying again is safe. */
  when(error: unknown): boolean;
  onRetry?(): void;
}

/** How long to wait before the given retry (0 is the first), ms. */
export function backoffMs(retry: number, baseMs: number, clock: Clock): number {
  return baseMs * 2 ** retry * (0.5 + clock.random());
}

/** Runs `work`, and again when it fails for a reason that may pass. @throws the last failure */
export async function retried<T>(plan: RetryPlan, work: () => Promise<T>): Promise<T> {
  for (let retry = 0; ; retry++) {
    try {
      return await work();
    } catch (error) {
      if (retry >= plan.retriesMax || !plan.when(error)) throw error;
      plan.onRetry?.();
      await plan.clock.sleep(backoffMs(retry, plan.baseMs, plan.clock));
    }
  }
}
