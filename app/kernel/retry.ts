import type { Clock } from './clock.ts';

export interface RetryPlan {
  clock: Clock;
  /** Number of attempts after the first. */
  retriesMax: number;
  /**
   * The first wait, ms; each wait is twice as long as the previous one, with ± 50 % jitter so that clients do not retry
   * in lockstep.
   */
  baseMs: number;
  /** Whether this failure is transient and retrying is safe. */
  when(error: unknown): boolean;
  onRetry?(): void;
}

/** How long to wait before the given retry (0 is the first), ms. */
export function backoffMs(retry: number, baseMs: number, clock: Clock): number {
  return baseMs * 2 ** retry * (0.5 + clock.random());
}

/** Runs `work`, and retries it after transient failures. @throws the last failure */
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

export interface WaitPlan {
  clock: Clock;
  /** Time from the first attempt after which no further attempt is made, ms. */
  deadlineMs: number;
  /** The first wait, ms; each is twice as long as the previous one, up to `maxMs`, with ± 50 % jitter. */
  baseMs: number;
  maxMs: number;
  /** Whether waiting can resolve this failure, and retrying is safe. */
  when(error: unknown): boolean;
  onFailure(error: unknown): void;
}

const DOUBLINGS_MAX = 16;

/** Runs `work` until it succeeds. @throws the last failure: at the deadline, or at once if waiting cannot resolve it */
export async function retriedUntil<T>(plan: WaitPlan, work: () => Promise<T>): Promise<T> {
  const { baseMs, clock, deadlineMs, maxMs } = plan;
  const startedAt = clock.monotonic();
  for (let retry = 0; ; retry++) {
    try {
      return await work();
    } catch (error) {
      const leftMs = deadlineMs - (clock.monotonic() - startedAt);
      if (leftMs <= 0 || !plan.when(error)) throw error;
      plan.onFailure(error);
      const doublings = Math.min(retry, DOUBLINGS_MAX);
      await clock.sleep(Math.min(leftMs, maxMs, backoffMs(doublings, baseMs, clock)));
    }
  }
}
