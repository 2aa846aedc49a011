import type { Unwindowed } from '../domain/business-calendar.ts';
import type { HoldState, StoredHold, UsageChange } from '../domain/hold-types.ts';
import { counted } from '../domain/hold-usage.ts';
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
import { creditRefusalOf, debitRefusalOf, type LimitRefusal, type Windows } from '../domain/limits.ts';
import type { Refusal } from '../domain/problem.ts';
import type { Account } from '../domain/types.ts';
import type { HoldItem } from './hold-codec.ts';

/** The accounts and the hold to which a hold item refers, in their state before the item. */
export interface HoldParties {
  account: Account;
  /** The destination that a capture or a new hold names. */
  destination: Account | null;
  /** Null if the hold is being placed. */
  hold: StoredHold | null;
}
export interface HoldTimes {
  /** The ledger's time, ms. */
  now: number;
  /** The pod's own clock, ms. */
  podNow: number;
  /** The windows that contain `now`, or why they are unknown. */
  windows: Windows | Unwindowed;
}

/**
 * The effect of an item:
 * - `changes`: the hold after it, by how much `held` and the usage of the account change, what moves to the destination, and
 *   whether the destination's windows count it
 * - `refused`: `moved` is the amount that a capture requested, or that was left
 * - `nothing`: the hold already has the requested state, or is not due
 * - `clock_unsure`: the clock of the store is far ahead, and the hold is due, or its windows are known, only by that
 * clock
 * - `calendar_unavailable`: the windows that would have to count it are unknown
 */
export type HoldDecision = HoldChanges | HoldRefusal | { kind: 'nothing' } | { kind: Unwindowed };
export interface HoldChanges {
  kind: 'changes';
  hold: HoldState;
  heldChange: number;
  usageChange?: UsageChange;
  moved: number;
  creditCounted: boolean;
}
export interface HoldRefusal {
  kind: 'refused';
  refusal: Refusal | 'hold_changed';
  /** For `limit_exceeded`. */
  limit?: LimitRefusal;
  moved: number;
}

/** Decides a hold item in the same way as decide_hold in app/redis/lua/includes/apply-holds.lua. */
export function decideHold(item: HoldItem, parties: HoldParties, times: HoldTimes): HoldDecision {
  const { now, podNow, windows } = times;
  if (typeof windows === 'string' && needsWindows(item, parties)) return { kind: windows };
  const expiresAt = item.op === 'place' ? (item.order.expiresAt ?? Number.POSITIVE_INFINITY) : parties.hold?.expiresAt;
  const answer = stepOf(item, parties, now);
  const rests = answer === 'hold_expired' || (item.op === 'expire' && answer !== null);
  if (rests && parties.hold?.status !== 'EXPIRED' && isClockUnsure({ expiresAt: expiresAt ?? 0 }, now, podNow))
    return { kind: 'clock_unsure' };
  if (answer === null) return { kind: 'nothing' };
  if (typeof answer === 'string') return { kind: 'refused', refusal: answer, moved: askedOf(item, parties) };
  const step = { moved: 0, ...answer };
  const known = typeof windows === 'string' ? null : windows;
  const limit = known && limitRefusalOf(parties, step, known);
  if (limit) return { kind: 'refused', refusal: 'limit_exceeded', limit, moved: askedOf(item, parties) };
  const after = counted(parties.hold, step, parties.account.limits, { windows: known, now });
  const creditCounted = item.op === 'capture' && parties.destination?.limits != null;
  return { kind: 'changes', ...step, ...after, creditCounted };
}

/**
 * Whether limits apply to an item: those of the account if more is held, those of the destination if it is a capture. A
 * release returns its part of the usage without knowing the windows.
 */
function needsWindows(item: HoldItem, { account, destination, hold }: HoldParties): boolean {
  if (item.op === 'capture') return destination?.limits != null;
  if (account.limits === null) return false;
  return item.op === 'place' || (item.op === 'change' && (item.wanted.amount ?? 0) > (hold?.amount ?? 0));
}

function limitRefusalOf(
  { account, destination }: HoldParties,
  { hold, heldChange, moved }: HoldStep & { moved: number },
  windows: Windows,
): LimitRefusal | null {
  if (heldChange > 0) return debitRefusalOf(account, hold.amount, heldChange, windows);
  return moved > 0 && destination ? creditRefusalOf(destination, moved, windows) : null;
}

function stepOf(
  item: HoldItem,
  { account, destination, hold: stored }: HoldParties,
  now: number,
): (HoldStep & { moved?: number }) | Refusal | 'hold_changed' | null {
  if (item.op === 'place') return decidePlacing(item.order, account, destination, now);
  if (!stored) throw new RangeError(`${item.op} of a hold that was not placed`);
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
