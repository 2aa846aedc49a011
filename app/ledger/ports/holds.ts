import type { HoldPlaced, HoldRefused } from '../../domain/hold-events.ts';
import type { CaptureRequest, HoldState, StoredHold } from '../../domain/hold-types.ts';
import type { HoldChange, HoldOrder } from '../../domain/holds.ts';
import type { Problem } from '../../domain/problem.ts';
import type { Durability, Origin, Outcome, TransferOrder } from '../../domain/types.ts';
import type { HoldItem } from '../../journal/hold-codec.ts';
import type { HoldDecision, HoldParties } from '../../journal/hold-decision.ts';
import type { LookUpBy, WindowsAt } from './ledger.ts';

/** The properties of a hold that never change. */
export type HoldFacts = Pick<StoredHold, 'holdId' | 'account' | 'destination' | 'currency'>;

/** The outcome of placing a hold, and the current state of the hold. */
export type Placing = { replayed: boolean; persisted: boolean } & (
  | { event: HoldPlaced; hold: HoldState }
  | { event: HoldRefused; hold: null }
);

/** A hold returned by a read. */
export type HoldView = Placing & {
  /** True only while the authority is moving or closed, or while its account waits for the journal. */
  stale: boolean;
};

/** A hold after a request to change or to end it. */
export interface HoldResult {
  hold: HoldState;
  persisted: boolean;
}

export type CaptureOrder = TransferOrder & { capture: CaptureRequest };
/** A change, a void or an expiry. */
export interface HoldRequest extends Omit<HoldFacts, 'destination'>, Origin {
  /** A UUIDv7 that was generated for this request. */
  eventId: string;
}

/** The decision that would be made now, with the current accounts and the current hold. */
export interface HoldPreview extends HoldParties {
  decision: HoldDecision;
}

/**
 * Operations on holds. A method without a result throws a Problem: `feature_not_active`, a 503, `outcome_unknown`, or
 * one that the method documents.
 */
export interface Holds {
  /**
   * Checks that the feature `holds` is active for an account, for reads that bypass this interface. @throws Problem
   * feature_not_active, ledger_switching
   */
  requireActive(accountId: string): void;
  /**
   * The destination is null if each capture names one. @param by the hold's account. @throws Problem hold_not_found;
   * with several shards also hold_id_ambiguous
   */
  factsOf(holdId: string, by?: LookUpBy): Promise<HoldFacts>;
  /** A refusal is a result, as for transfers. @throws Problem account_not_found, hold_id_reused */
  place(order: HoldOrder, durability: Durability): Promise<Placing>;
  /** A refusal is a result, as for transfers; a Problem explains why there is no result. Never throws. */
  capture(order: CaptureOrder, durability: Durability): Promise<Outcome | Problem>;
  /** @throws Problem hold_not_found, or the reason for a refusal; refusals are not stored */
  change(wanted: HoldChange, request: HoldRequest, durability: Durability): Promise<HoldResult>;
  /** A hold that is already voided remains unchanged. @throws Problem hold_not_found, hold_not_open, hold_expired */
  void(request: HoldRequest, durability: Durability): Promise<HoldResult>;
  /**
   * Ends the hold if it is open and due; otherwise the hold remains unchanged. @returns whether this call has ended it;
   * a Problem if that could not be decided
   */
  expire(request: HoldRequest): Promise<boolean | Problem>;
  /**
   * The hold, refused or not. @param by the hold's account. @throws Problem hold_not_found; with several shards also
   * hold_id_ambiguous
   */
  hold(holdId: string, by?: LookUpBy): Promise<HoldView>;
  /** Previews an item. Nothing is written, and no id is used or looked up. @throws Problem account_not_found, hold_not_found */
  preview(item: HoldItem, windows: WindowsAt): Promise<HoldPreview>;
}

/** A capture in MySQL. */
export interface HoldCapture {
  transactionId: string;
  amount: number;
  destination: string;
  /** ms since 1970. */
  acceptedAt: number;
}
export interface ListedHold {
  order: HoldOrder;
  hold: HoldState;
  /** ms since 1970. */
  acceptedAt: number;
}

/** Reads holds from MySQL alone. @throws Problem database_unavailable */
export interface HoldBooks {
  /** Holds after `afterHoldId`, in order of their ids, without refused ones. */
  holds(query: {
    accountId: string;
    status: HoldState['status'] | null;
    afterHoldId: string;
    limit: number;
  }): Promise<ListedHold[]>;
  /** The latest ones, oldest first. */
  captures(hold: { holdId: string; accountId: string }, limit: number): Promise<HoldCapture[]>;
}
