import type { Clock } from '../app/kernel/clock.ts';

export interface RetryPolicy {
  /** The first pause, doubled each time. */
  baseMs: number;
  pauseMaxMs: number;
  /** The time after which it gives up, counted from the first of consecutive failures. */
  giveUpAfterMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { baseMs: 100, pauseMaxMs: 5_000, giveUpAfterMs: 120_000 };

/** Thrown when the service has not accepted a request within the limit of the policy. */
export class GaveUp extends Error {
  override readonly name = 'GaveUp';
}

/** The pauses of one request: exponential with jitter, never shorter than the service requested. */
export class Retry {
  private readonly policy: RetryPolicy;
  private readonly clock: Clock;
  private failures = 0;
  private failingSince = 0;

  constructor(policy: RetryPolicy, clock: Clock) {
    this.policy = policy;
    this.clock = clock;
  }

  /** Called when a request has succeeded: the next failure starts with the first pause again. */
  succeeded(): void {
    this.failures = 0;
  }

  /** Waits before the next attempt. @throws GaveUp if that would exceed the limit, or the signal's reason */
  async pause(reason: string, retryAfterMs: number | null, signal?: AbortSignal): Promise<void> {
    const now = this.clock.monotonic();
    if (this.failures === 0) this.failingSince = now;
    this.failures++;
    const full = Math.min(this.policy.pauseMaxMs, this.policy.baseMs * 2 ** Math.min(this.failures - 1, 20));
    // A random time between half of the pause and all of it, because senders that failed together must not retry
    // together.
    const pauseMs = Math.max(retryAfterMs ?? 0, full * (0.5 + this.clock.random() / 2));
    const waitedMs = now - this.failingSince;
    if (waitedMs + pauseMs > this.policy.giveUpAfterMs) {
      throw new GaveUp(
        `Gave up after ${this.failures} attempts in ${Math.round(waitedMs / 1000)} s; the last: ${reason}`,
      );
    }
    await this.clock.sleep(pauseMs, signal);
    signal?.throwIfAborted();
  }
}

/** `Retry-After` in its two forms (RFC 9110, 10.2.3), as milliseconds from now. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | null {
  if (value === undefined) return null;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}
