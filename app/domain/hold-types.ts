/** TypeScript types for holds, to which other types refer; the rules are in holds.ts. Money in minor units. */
export type HoldStatus = 'OPEN' | 'CAPTURED' | 'VOIDED' | 'EXPIRED';

/**
 * How much of a hold's remaining amount is counted in the windows of its account, minor units. Earlier windows do not
 * matter, because an account never returns to one.
 */
export interface CountedHold {
  /** When a part of the hold was last counted, ms since 1970 by the ledger's clock. */
  at: number;
  /** The parts that were counted in the business day of `at`, and in the month of that day. */
  day: number;
  month: number;
}
/**
 * By how much an event changed the usage in the windows of its account, minor units; negative if the event gave a part
 * of it back.
 */
export interface UsageChange {
  day: number;
  month: number;
}
/** The part of a hold that changes. */
export interface HoldState {
  status: HoldStatus;
  /** The reserved amount, as placed or last changed: > 0. */
  amount: number;
  /** The sum of its captures. */
  captured: number;
  /** ms since 1970, by the ledger's clock. */
  expiresAt: number;
  /** The number of the hold's events: 1 after its placing. */
  revision: number;
  /** Absent if no window has ever counted the hold. */
  counted?: CountedHold;
}

/** What a capture requested. Together with the order, this is the content of its id. */
export interface CaptureRequest {
  holdId: string;
  /** Null: all that is left. */
  amount: number | null;
  /** Null: the destination of the hold. */
  destination: string | null;
  /** Releases what is left of the hold after the capture. */
  final: boolean;
}

/** A hold after one of its events, with the total amount that is then held in its account. */
export interface HoldAfter {
  hold: HoldState;
  held: number;
  /** By how much the event changed `held`. */
  heldChange: number;
  /** Absent if it changed nothing. */
  usageChange?: UsageChange;
}

/** The state of a hold, with its id, its accounts and its currency. */
export interface StoredHold extends HoldState {
  holdId: string;
  account: string;
  /** Null: each capture names one. */
  destination: string | null;
  currency: string;
}
