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
 * The request and, for a posted capture, the hold after it, as one short text, because no query searches for its parts.
 */
type Fields = [
  amount: number | null,
  destination: string | null,
  final: number,
  ...after: [] | [HoldStatus, amount: number, captured: number, expiresAt: number, revision: number],
];

/** The literals of a capture's columns, in the order of `CAPTURE_COLUMNS`. */
export function captureLiterals(outcome: Outcome, { holdId, amount, destination, final }: CaptureRequest): string {
  const asked = [amount, destination, final ? 1 : 0] as const;
  const after = outcome.status === 'POSTED' ? outcome.hold : undefined;
  if (!after) return `${text(holdId)},NULL,NULL,${text(JSON.stringify(asked))}`;
  const { hold, held, heldChange } = after;
  const fields: Fields = [...asked, hold.status, hold.amount, hold.captured, hold.expiresAt, hold.revision];
  return `${text(holdId)},${integer(held)},${integer(heldChange)},${text(JSON.stringify(fields))}`;
}

export function captureOf({ hold_id, capture }: CaptureColumns): { capture?: CaptureRequest } {
  if (!hold_id || !capture) return {};
  const [amount, destination, final] = JSON.parse(capture) as Fields;
  return { capture: { holdId: hold_id, amount, destination, final: final === 1 } };
}

/** Of a posted capture. */
export function holdAfterOf({ capture, held_after, held_change }: CaptureColumns): { hold?: HoldAfter } {
  if (!capture || held_after === null || held_change === null) return {};
  const [, , , ...after] = JSON.parse(capture) as Fields;
  if (after.length === 0) throw new TypeError('the row of a posted capture has no hold');
  const [status, amount, captured, expiresAt, revision] = after;
  return {
    hold: { hold: { status, amount, captured, expiresAt, revision }, held: held_after, heldChange: held_change },
  };
}
