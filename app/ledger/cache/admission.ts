import { Problem } from '../../errors.ts';
import type { EpochView } from './epoch-view.ts';

export interface QueueLimits {
  /** Longest that a request is held, ms. */
  requestTimeoutMs: number;
  queueTransfersMax: number;
  applyBatchMax: number;
  applyCallsInFlightMax: number;
  backlogEntriesMax: number;
  backlogAgeMaxMs: number;
  tailBytesMax: number;
}

/**
 * Why no more transfers are taken just now, before any of them is: too many wait here, or too much waits to be persisted
 * while the pod still answers for it. Null when there is room.
 */
export function refusedAtTheDoor(
  open: number,
  view: EpochView | null,
  limits: QueueLimits,
  nowMs: number,
): Problem | null {
  if (open > limits.queueTransfersMax) return new Problem('overloaded', 'too many transfers wait for the ledger');
  if (!view) return null;
  const oldest = view.tail.oldestKeptAtMs;
  const full =
    view.backlog > limits.backlogEntriesMax ||
    view.tail.bytes > limits.tailBytesMax ||
    (oldest !== null && nowMs - oldest > limits.backlogAgeMaxMs);
  return full ? new Problem('backlog_full', 'too much waits to be persisted', { retryAfterSeconds: 5 }) : null;
}
