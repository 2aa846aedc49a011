import type { Clock } from '../kernel/clock.ts';
import { backoffMs } from '../kernel/retry.ts';
import type { SendResult } from './webhook-sender.ts';

const BASE_MS = 500;
/** The longest wait between two attempts, ms. */
export const RETRY_MS_MAX = 3_600_000;
/** 2^13 × 500 ms is longer than the maximum. */
const DOUBLINGS_MAX = 13;

/** How long to wait after an attempt that has failed. @param failures the number of attempts that have failed in a row */
export function retryInMs(failures: number, { retryAfterMs }: Pick<SendResult, 'retryAfterMs'>, clock: Clock): number {
  const backoff = backoffMs(Math.min(failures - 1, DOUBLINGS_MAX), BASE_MS, clock);
  return Math.min(RETRY_MS_MAX, Math.max(backoff, retryAfterMs ?? 0));
}
