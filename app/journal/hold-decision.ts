import type { HoldState, StoredHold } from '../domain/hold-types.ts';
import {
  type CaptureStep,
  decideCapture,
  decideChange,
  decideExpiry,
  decidePlacing,
  decideVoid,
  type HoldStep,
  isClockUnsure,
  leftOf,
  stateOf,
} from '../domain/holds.ts';
import type { Refusal } from '../domain/problem.ts';
import type { Account } from '../domain/types.ts';
import type { HoldItem } from './hold-codec.ts';

/** The accounts and the hold to which a hold item refers, in their state before the item. */
export interface HoldParties {
  account: Account;
  /** The destination of a capture, or the one that a new hold names. */
  destination: Account | null;
  /** Null: it is being placed. */
  hold: StoredHold | null;
}
export interface HoldTimes {
  /** The ledger's time, ms. */
  now: number;
  /** The pod's own clock, ms. */
  podNow: number;
}

/**
 * The effect of an item:
 * - `changes`: the hold after it, by how much `held` changes, and what moves to the destination
 * - `refused`: `moved` is the amount that a capture requested, or that was left
 * - `nothing`: the hold is already as requested, or not due
 * - `clock_unsure`: it is due only by the clock of a store that is far ahead
 */
export type HoldDecision =
  | { kind: 'changes'; hold: HoldState; heldChange: number; moved: number }
  | { kind: 'refused'; refusal: Refusal | 'hold_changed'; moved: number }
  | { kind: 'nothing' }
  | { kind: 'clock_unsure' };

/** Decides a hold item in the same way as decide_hold in app/redis/lua/includes/holds.lua. */
export function decideHold(item: HoldItem, parties: HoldParties, { now, podNow }: HoldTimes): HoldDecision {
  const expiresAt = item.op === 'place' ? (item.order.expiresAt ?? Number.POSITIVE_INFINITY) : parties.hold?.expiresAt;
  const answer = stepOf(item, parties, now);
  const rests = answer === 'hold_expired' || (item.op === 'expire' && answer !== null);
  if (rests && parties.hold?.status !== 'EXPIRED' && isClockUnsure({ expiresAt: expiresAt ?? 0 }, now, podNow))
    return { kind: 'clock_unsure' };
  if (answer === null) return { kind: 'nothing' };
  if (typeof answer === 'string') return { kind: 'refused', refusal: answer, moved: askedOf(item, parties) };
  return { kind: 'changes', moved: 0, ...answer };
}

function stepOf(
  item: HoldItem,
  { account, destination, hold: stored }: HoldParties,
  now: number,
): (HoldStep & { moved?: number }) | Refusal | 'hold_changed' | null {
  if (item.op === 'place') return decidePlacing(item.order, account, destination, now);
  if (!stored) throw new RangeError(`a hold that is not placed cannot ${item.op}`);
  const hold = stateOf(stored);
  if (item.op === 'change') return decideChange(hold, item.wanted, account, now);
  if (item.op === 'void') return decideVoid(hold);
  if (item.op !== 'capture') return decideExpiry(hold, now);
  if (!destination) throw new RangeError('a capture has a destination');
  const step = decideCapture(hold, item.order.capture, account, destination, now);
  return typeof step === 'string' ? step : movedBy(step);
}

const movedBy = ({ amount, ...step }: CaptureStep): HoldStep & { moved: number } => ({ ...step, moved: amount });

const askedOf = (item: HoldItem, { hold }: HoldParties): number =>
  item.op === 'capture' ? (item.order.capture.amount ?? (hold ? leftOf(hold) : 0)) : 0;
