import type { CaptureRequest, HoldAfter, HoldState } from './hold-types.ts';
import type { Refusal } from './problem.ts';
import type { Account, Origin } from './types.ts';

/**
 * Holds: money of an account that is reserved for a later transfer. Pure functions. Amounts in minor units, times in ms
 * since 1970 by the ledger's clock.
 *
 *   event            from   to                                        `held` of the account
 *   place            –      OPEN                                      + amount
 *   change           OPEN   OPEN                                      + the difference of the amounts
 *   capture in part  OPEN   OPEN, or CAPTURED if nothing is left      − what is captured
 *   capture, final   OPEN   CAPTURED                                  − all that was left
 *   void             OPEN   VOIDED                                    − all that was left
 *   expire           OPEN   EXPIRED, not before `expiresAt`           − all that was left
 *
 * A hold is OPEN exactly while something is left of it. No event leaves a final state, and each raises the revision by
 * one. Whatever lowers `balance − held` must leave it at or above the floor, `−overdraftLimit`. A capture lowers both by
 * the same amount, so it is never refused for funds, even if the overdraft limit was lowered meanwhile.
 */

/** The part of a hold that never changes, as the client sent it. */
export interface HoldOrder extends Origin {
  holdId: string;
  account: string;
  /** Null: each capture names one. */
  destination: string | null;
  amount: number;
  currency: string;
  /** Null: `HOLD_DEFAULT_MS` after the ledger has accepted the hold. */
  expiresAt: number | null;
  reference: string | null;
  metadata: Readonly<Record<string, string>> | null;
}

/**
 * How long a hold stays open if the client sets no end, ms. MySQL does not store the end after the placing: with another
 * value, older holds would seem to have had another end.
 */
export const HOLD_DEFAULT_MS = 7 * 24 * 60 * 60 * 1000;
/** How far Redis's clock may be ahead of the pod's, ms; beyond this, no hold expires by Redis's clock. */
export const CLOCK_AHEAD_MAX_MS = 5000;

/** The account whose money is held, with the sum of all its open holds. */
type Holder = Pick<Account, 'currency' | 'status' | 'balance' | 'overdraftLimit' | 'external'> & { held: number };
type Destination = Pick<Account, 'currency' | 'status' | 'balance'>;

/** An event that the rules allow: the hold after it, and by how much `held` changes. */
export type HoldStep = Pick<HoldAfter, 'hold' | 'heldChange'>;
/** A capture that the rules allow, with the amount that leaves the balance. */
export interface CaptureStep extends HoldStep {
  amount: number;
}

/** The amount that a hold reserves: 0 unless it is open. */
export const leftOf = ({ status, amount, captured }: HoldState): number => (status === 'OPEN' ? amount - captured : 0);

/** Picks the part of a hold that changes. */
export const stateOf = ({ status, amount, captured, expiresAt, revision, counted }: HoldState): HoldState => ({
  status,
  amount,
  captured,
  expiresAt,
  revision,
  ...(counted && { counted }),
});

/** @param destination null if the hold names none */
export function decidePlacing(
  { amount, currency, expiresAt }: Pick<HoldOrder, 'amount' | 'currency' | 'expiresAt'>,
  account: Holder,
  destination: Destination | null,
  now: number,
): HoldStep | Refusal {
  if (account.currency !== currency || (destination && destination.currency !== currency)) return 'currency_mismatch';
  if (account.status === 'CLOSED' || destination?.status === 'CLOSED') return 'account_closed';
  if (account.status === 'FROZEN') return 'account_frozen';
  if (account.status === 'SUSPENDED') return 'account_suspended';
  if (account.external) return 'hold_not_allowed';
  if (expiresAt !== null && expiresAt <= now) return 'hold_expired';
  const refusal = raiseRefusal(account, amount);
  if (refusal) return refusal;
  const hold = {
    amount,
    captured: 0,
    expiresAt: expiresAt ?? now + HOLD_DEFAULT_MS,
    status: 'OPEN',
    revision: 1,
  } as const;
  return { hold, heldChange: amount };
}

/** New values; null keeps the current one. */
export interface HoldChange {
  amount: number | null;
  expiresAt: number | null;
  /** From If-Match. */
  expectedRevision: number;
}

export function decideChange(
  hold: HoldState,
  { amount, expiresAt, expectedRevision }: HoldChange,
  account: Holder,
  now: number,
): HoldStep | Refusal | 'hold_changed' {
  const closed = closedRefusal(hold, now);
  if (closed) return closed;
  if (hold.revision !== expectedRevision) return 'hold_changed';
  if (account.status === 'FROZEN') return 'account_frozen';
  if (expiresAt !== null && expiresAt <= now) return 'hold_expired';
  const after = amount ?? hold.amount;
  const heldChange = after - hold.amount;
  if (heldChange > 0 && account.status === 'SUSPENDED') return 'account_suspended';
  // Nothing would be left of the hold; that takes a void or a final capture.
  if (after <= hold.captured) return 'hold_exceeded';
  const refusal = heldChange > 0 ? raiseRefusal(account, heldChange) : null;
  if (refusal) return refusal;
  const changed = { ...hold, amount: after, expiresAt: expiresAt ?? hold.expiresAt, revision: hold.revision + 1 };
  return { hold: changed, heldChange };
}

export function decideCapture(
  hold: HoldState,
  { amount: asked, final }: Pick<CaptureRequest, 'amount' | 'final'>,
  account: Holder,
  destination: Destination,
  now: number,
): CaptureStep | Refusal {
  const closed = closedRefusal(hold, now);
  if (closed) return closed;
  if (destination.currency !== account.currency) return 'currency_mismatch';
  if (destination.status === 'CLOSED') return 'account_closed';
  if (account.status === 'FROZEN' || destination.status === 'FROZEN') return 'account_frozen';
  const left = leftOf(hold);
  const amount = asked ?? left;
  if (amount > left) return 'hold_exceeded';
  if (destination.balance + amount > Number.MAX_SAFE_INTEGER) return 'balance_out_of_range';
  const isLast = final || amount === left;
  const captured = hold.captured + amount;
  const status = isLast ? 'CAPTURED' : 'OPEN';
  return {
    hold: { ...hold, captured, status, revision: hold.revision + 1 },
    heldChange: isLast ? -left : -amount,
    amount,
  };
}

/** Null if the hold is already voided: nothing changes. */
export function decideVoid(hold: HoldState): HoldStep | Refusal | null {
  if (hold.status === 'VOIDED') return null;
  return hold.status === 'OPEN' ? ended(hold, 'VOIDED') : 'hold_not_open';
}

/** Null if the hold is not open, or not due. */
export function decideExpiry(hold: HoldState, now: number): HoldStep | null {
  return hold.status === 'OPEN' && now >= hold.expiresAt ? ended(hold, 'EXPIRED') : null;
}

/**
 * True if no decision may be based on this hold being due: it is due by the ledger's time only because a store's clock
 * is ahead. @param podNow by the pod's own clock, ms
 */
export const isClockUnsure = ({ expiresAt }: Pick<HoldState, 'expiresAt'>, now: number, podNow: number): boolean =>
  now >= expiresAt && now - podNow > CLOCK_AHEAD_MAX_MS && podNow < expiresAt;

const ended = (hold: HoldState, status: 'VOIDED' | 'EXPIRED'): HoldStep => ({
  hold: { ...hold, status, revision: hold.revision + 1 },
  heldChange: -leftOf(hold),
});

/** From `expiresAt` on, a hold counts as expired, whether or not its expiry is in the journal yet. */
function closedRefusal(hold: HoldState, now: number): Refusal | null {
  if (hold.status === 'EXPIRED') return 'hold_expired';
  if (hold.status !== 'OPEN') return 'hold_not_open';
  return now >= hold.expiresAt ? 'hold_expired' : null;
}

/** Sums of exact numbers are only compared: a sum outside the exact range may be rounded, but never back into it. */
function raiseRefusal({ balance, held, overdraftLimit }: Holder, amount: number): Refusal | null {
  if (balance - held - amount < -overdraftLimit) return 'insufficient_funds';
  return held + amount > Number.MAX_SAFE_INTEGER ? 'balance_out_of_range' : null;
}
