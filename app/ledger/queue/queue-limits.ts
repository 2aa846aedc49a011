import { Problem } from '../../domain/problem.ts';
import type { Session } from '../epoch/epoch-view.ts';

export interface QueueLimits {
  /** Maximum time that a request is held, ms. */
  requestTimeoutMs: number;
  queueTransfersMax: number;
  applyBatchMax: number;
  applyCallsInFlightMax: number;
  /**
   * A second, concurrent call is sent only if this many transfers are waiting; fewer wait until the first call returns.
   */
  secondCallTransfersMin: number;
  backlogEntriesMax: number;
  backlogAgeMaxMs: number;
  tailBytesMax: number;
}

/** In-doubt attempts without a reply: each may delay a switch-over, and each uses memory. */
const DOUBTS_MAX = 10_000;

/**
 * Why no more transfers are accepted at the moment, decided before any of them is queued: too many are waiting here, or
 * too many that this pod is responsible for wait to be persisted. Null if there is room.
 */
export function loadSheddingProblem(
  open: number,
  session: Session,
  limits: QueueLimits,
  nowMs: number,
): Problem | null {
  if (open > limits.queueTransfersMax)
    return new Problem('overloaded', 'too many transfers are waiting for the ledger');
  const view = session.view();
  if (!view) {
    if (session.direct() !== null || session.holdReason() !== 'ledger_closed') return null;
    return new Problem('ledger_closed', 'the ledger is closed until its journal can be read', { retryAfterSeconds: 5 });
  }
  if (view.inDoubt.size > DOUBTS_MAX) return new Problem('overloaded', 'too many transfers are in doubt');
  const oldest = view.tail.oldestKeptAtMs;
  const full =
    view.backlog > limits.backlogEntriesMax ||
    view.tail.bytes > limits.tailBytesMax ||
    (oldest !== null && nowMs - oldest > limits.backlogAgeMaxMs);
  return full
    ? new Problem('backlog_full', 'too many transfers are waiting to be persisted', { retryAfterSeconds: 5 })
    : null;
}
