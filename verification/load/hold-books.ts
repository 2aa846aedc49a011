import type { RowDataPacket } from 'mysql2/promise';
import type { BookedHold, BookedHoldEvent, HoldAfter } from '../checker/books.ts';
import type { CaptureContent, HoldShown } from '../checker/history.ts';

const numberOrNull = (value: unknown): number | null => (value === null ? null : Number(value));

/** The state of a hold in a row of `holds`, or in one that has the columns of `hold_events`. */
const stateOf = (row: RowDataPacket, status: HoldShown['status']): HoldShown => ({
  status,
  amount: Number(row['hold_amount']),
  captured: Number(row['captured']),
  expiresAt: Number(row['expires_at_ms']),
  revision: Number(row['revision']),
});

/** A row of `holds`. */
export const bookedHold = (row: RowDataPacket): BookedHold => ({
  holdId: row['hold_id'],
  correlationId: row['correlation_id'],
  content: {
    account: row['account_id'],
    destination: row['destination_account'],
    amount: Number(row['placed_amount']),
    currency: row['currency'],
    expiresAt: numberOrNull(row['asked_expires_at_ms']),
  },
  acceptedAt: (row['accepted_at'] as Date).getTime(),
  refusal: row['refusal'],
  hold: row['status'] === 'REFUSED' ? null : stateOf(row, row['status']),
});

const STATUS_AFTER = { PLACED: 'OPEN', CHANGED: 'OPEN', VOIDED: 'VOIDED', EXPIRED: 'EXPIRED' } as const;

/** A row of `hold_events`, or the placing in a row of `holds` with the same columns. */
export function bookedHoldEvent(row: RowDataPacket): BookedHoldEvent {
  const kind = row['kind'] as BookedHoldEvent['kind'];
  return {
    ...{ kind, holdId: row['hold_id'], accountId: row['account_id'], currency: row['currency'] },
    ...{ correlationId: row['correlation_id'], acceptedAt: (row['accepted_at'] as Date).getTime() },
    ...{ balance: Number(row['balance_after']), version: Number(row['version']) },
    settingsVersion: Number(row['settings_version']),
    ...{ held: Number(row['held_after']), heldChange: Number(row['held_change']) },
    hold: stateOf(row, STATUS_AFTER[kind]),
  };
}

/**
 * The columns of a capture in `transfers`. One of them is a JSON array: amount, destination and whether it is final, as
 * requested; then, if it was posted, the hold after it: status, amount, captured, end, revision.
 */
type CaptureFields = [number | null, string | null, number, ...unknown[]];
const fieldsOf = (row: RowDataPacket): CaptureFields => JSON.parse(row['capture']) as CaptureFields;

/** The content of a capture; empty for other transfers. */
export function captureContentOf(row: RowDataPacket): { capture?: CaptureContent } {
  if (row['hold_id'] === null) return {};
  const [amount, destination, final] = fieldsOf(row);
  return { capture: { holdId: row['hold_id'], amount, destination, final: final === 1 } };
}

/** The state of the hold after a posted capture. */
export function holdAfterOf(row: RowDataPacket): { hold?: HoldAfter } {
  if (row['hold_id'] === null || row['held_after'] === null) return {};
  const [, , , status, amount, captured, expiresAt, revision] = fieldsOf(row);
  const hold = {
    status: status as HoldShown['status'],
    ...{ amount: Number(amount), captured: Number(captured), expiresAt: Number(expiresAt), revision: Number(revision) },
  };
  return { hold: { hold, held: Number(row['held_after']), heldChange: Number(row['held_change']) } };
}
