import { Problem } from '../../domain/problem.ts';
import type { Seat } from '../epoch/epoch-view.ts';

export interface QueueLimits {
  /** Longest that a request is held, ms. */
  requestTimeoutMs: number;
  queueTransfersMax: number;
  applyBatchMax: number;
  applyCallsInFlightMax: number;
  /** A call that goes beside another waits for so many transfers; when fewer wait, they go when the other returns. */
  secondCallTransfersMin: number;
  backlogEntriesMax: number;
  backlogAgeMaxMs: number;
  tailBytesMax: number;
}

/** Attempts in doubt that no reply will tell of: each may hold up a switch, and each costs memory. */
const DOUBTS_MAX = 10_000;

/**
 * Why no more transfers are taken just now, before any of them is: too many wait here, or too much waits to be persisted
 * while the pod still answers for it. Null when there is room.
 */
export function refusedAtTheDoor(open: number, seat: Seat, limits: QueueLimits, nowMs: number): Problem | null {
  if (open > limits.queueTransfersMax) return new Problem('overloaded', 'too many transfers wait for the ledger');
  const view = seat.view();
  if (!view) {
    if (seat.direct() !== null || seat.holdReason() !== 'ledger_closed') return null;
    return new Problem('ledger_closed', 'the ledger is closed until its journal can be read', { retryAfterSeconds: 5 });
  }
  if (view.doubts.size > DOUBTS_MAX) return new Problem('overloaded', 'too many transfers are in doubt');
  const oldest = view.tail.oldestKeptAtMs;
  const full =
    view.backlog > limits.backlogEntriesMax ||
    view.tail.bytes > limits.tailBytesMax ||
    (oldest !== null && nowMs - oldest > limits.backlogAgeMaxMs);
  return full ? new Problem('backlog_full', 'too much waits to be persisted', { retryAfterSeconds: 5 }) : null;
}
