import type { CaptureRequest } from './hold-types.ts';
import { Problem } from './problem.ts';
import type { Outcome, TransferOrder } from './types.ts';

/**
 * Whether two orders with the same id request the same transfer. Compares everything the client sent, but not who sent
 * it or when it was received. The accounts of a leg are those that the client named: its transit account may differ
 * between attempts.
 */
export function sameContent(a: TransferOrder, b: TransferOrder): boolean {
  const [named, other] = [a.leg ?? a, b.leg ?? b];
  return (
    a.kind === b.kind &&
    named.source === other.source &&
    named.destination === other.destination &&
    (a.kind === 'capture' || a.amount === b.amount) &&
    sameCapture(a.capture, b.capture) &&
    a.currency === b.currency &&
    a.timestamp === b.timestamp &&
    a.reference === b.reference &&
    a.reverses === b.reverses &&
    a.groupId === b.groupId &&
    sameMetadata(a.metadata, b.metadata)
  );
}

/** The amount of a capture depends on its hold: only what was requested is content. */
function sameCapture(a: CaptureRequest | undefined, b: CaptureRequest | undefined): boolean {
  if (!a || !b) return a === b;
  return a.holdId === b.holdId && a.amount === b.amount && a.destination === b.destination && a.final === b.final;
}

export function sameMetadata(a: TransferOrder['metadata'], b: TransferOrder['metadata']): boolean {
  if (a === null || b === null) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}

/**
 * The answer to an order whose id already has an outcome: that outcome again, or 409 if the content differs. If an
 * attempt of this very request was in doubt, and the outcome carries its time and correlation id, it is not a replay:
 * the request receives its own outcome.
 */
export function replay(asked: Asked, existing: Outcome): Outcome | Problem {
  const { order } = asked;
  if (!sameContent(order, existing.order)) {
    return new Problem(
      'transaction_id_reused',
      `transaction ${order.transactionId} already exists with different content`,
      {
        transactionId: order.transactionId,
      },
    );
  }
  const takenAt = existing.takenAt ?? existing.acceptedAt;
  const own = asked.inDoubt && takenAt === asked.takenAt && existing.order.correlationId === order.correlationId;
  return { ...existing, replayed: !own };
}

/**
 * Compares the outcome that MySQL has under an id with one received in an epoch that has since ended. Epoch and seq
 * show whether it is the same outcome. If an operator accepted the loss of that outcome, the id became free again and
 * may belong to another transfer.
 */
export function persistedAs(received: Outcome, stored: Outcome): Outcome | Problem {
  const { transactionId } = received.order;
  if (stored.epoch === received.epoch && stored.seq === received.seq) {
    return { ...stored, replayed: received.replayed, persisted: true };
  }
  if (sameContent(received.order, stored.order)) return { ...stored, replayed: true, persisted: true };
  return new Problem(
    'transaction_id_reused',
    `transaction ${transactionId} was lost when its epoch ended, and its id now belongs to a transfer with different content; send it again under a new id`,
    { transactionId },
  );
}

interface Asked {
  order: TransferOrder;
  takenAt: number;
  inDoubt: boolean;
}
