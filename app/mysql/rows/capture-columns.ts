import type { CaptureRequest, HoldAfter, HoldStatus } from '../../domain/hold-types.ts';
import type { Outcome } from '../../domain/types.ts';
import { integer, text } from '../connection/sql.ts';

/** The columns of `transfers` that only captures use; null for every other transfer. */
export interface CaptureColumns {
  hold_id: string | null;
  held_after: number | null;
  held_change: number | null;
  capture: string | null;
}
export const CAPTURE_COLUMNS = 'hold_id, held_after, held_change, capture';

/**
 * The request and, for a posted capture, the hold after it, as one short text, because no query searches for its parts. If
 * windows have counted the hold, the text ends with the amounts that they still count, and those that the capture gave back to
 * them.
 */
type Fields = [
  amount: number | null,
  destination: string | null,
  final: number,
  ...after: [] | [...After] | [...After, ...Counted],
];
type After = [HoldStatus, amount: number, captured: number, expiresAt: number, revision: number];
type Counted = [at: number, day: number, month: number, dayChange: number, monthChange: number];

/** The literals of a capture's columns, in the order of `CAPTURE_COLUMNS`. */
export function captureLiterals(outcome: Outcome, { holdId, amount, destination, final }: CaptureRequest): string {
  const asked = [amount, destination, final ? 1 : 0] as const;
  const after = outcome.status === 'POSTED' ? outcome.hold : undefined;
  if (!after) return `${text(holdId)},NULL,NULL,${text(JSON.stringify(asked))}`;
  const { hold, held, heldChange, usageChange } = after;
  const state: After = [hold.status, hold.amount, hold.captured, hold.expiresAt, hold.revision];
  const { counted } = hold;
  const fields: Fields = counted
    ? [...asked, ...state, counted.at, counted.day, counted.month, usageChange?.day ?? 0, usageChange?.month ?? 0]
    : [...asked, ...state];
  return `${text(holdId)},${integer(held)},${integer(heldChange)},${text(JSON.stringify(fields))}`;
}

export function captureOf({ hold_id, capture }: CaptureColumns): { capture?: CaptureRequest } {
  if (!hold_id || !capture) return {};
  const [amount, destination, final] = JSON.parse(capture) as Fields;
  return { capture: { holdId: hold_id, amount, destination, final: final === 1 } };
}

/** The hold after a posted capture; nothing for any other transfer. */
export function holdAfterOf({ capture, held_after, held_change }: CaptureColumns): { hold?: HoldAfter } {
  if (!capture || held_after === null || held_change === null) return {};
  const [, , , ...after] = JSON.parse(capture) as Fields;
  if (after.length === 0) throw new TypeError('the row of a posted capture has no hold');
  const [status, amount, captured, expiresAt, revision, at, day = 0, month = 0, dayChange = 0, monthChange = 0] = after;
  const hold = { status, amount, captured, expiresAt, revision, ...(at && { counted: { at, day, month } }) };
  const changes = dayChange !== 0 || monthChange !== 0;
  const usageChange = { day: dayChange, month: monthChange };
  return { hold: { hold, held: held_after, heldChange: held_change, ...(changes && { usageChange }) } };
}
