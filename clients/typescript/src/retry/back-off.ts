import type { Clock } from '../clock.ts';

/** The first wait, ms, before jitter. Each later wait is twice as long as the one before it, up to the longest. */
const FIRST_MS = 100;
const LONGEST_MS = 5_000;
const DOUBLINGS_MAX = 10;

/**
 * How long to wait before the next attempt, ms. `Retry-After` is a minimum. Jitter is added to it, so that clients that
 * were refused together do not retry together.
 * @param attempts how many attempts have been made; at least one
 */
export function waitMs(attempts: number, retryAfterMs: number | null, clock: Clock): number {
  const ceilingMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempts - 1, DOUBLINGS_MAX));
  if (retryAfterMs !== null) return retryAfterMs + ceilingMs * clock.random();
  return ceilingMs * (0.5 + clock.random() / 2);
}
