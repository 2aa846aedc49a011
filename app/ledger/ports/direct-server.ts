import type { GroupOrder, GroupOutcome } from '../../domain/group.ts';
import type { StoredHold } from '../../domain/hold-types.ts';
import type { LimitRefusal } from '../../domain/limits.ts';
import type { Problem, Refusal } from '../../domain/problem.ts';
import type { Account, AccountChange, Outcome, TransferOrder } from '../../domain/types.ts';
import type { HoldItem, HoldResult } from '../../journal/hold-codec.ts';

/** A transfer that a pod has accepted for processing. */
export interface DirectItem {
  order: TransferOrder;
  /** When the pod received it, by its own clock, ms since 1970. */
  takenAt: number;
  /** W3C `traceparent` of its request; absent or null if it is not traced. */
  trace?: string | null;
}

/** A group that a pod has accepted for processing. */
export interface DirectGroup {
  group: GroupOrder;
  takenAt: number;
  trace?: string | null;
}

/** An event of a hold, or a capture, that a pod has accepted for processing. */
export interface DirectHold {
  hold: HoldItem;
  takenAt: number;
  /** The pod's own clock at the time of the call, ms. */
  podNow: number;
  trace?: string | null;
}

/**
 * - `result`: the result of the item: an outcome or an event
 * - `unchanged`: the hold already has the requested state, or is not due
 * - `refused`: a change, void or expiry that the rules refuse: nothing is stored
 * - `no_hold`, `other_hold`: the hold does not exist, or belongs to another account or destination
 * - `clock_unsure`: it is due only by the clock of MySQL
 */
export type HoldAnswer =
  | { kind: 'result'; result: HoldResult; replayed: boolean }
  | { kind: 'unchanged'; hold: StoredHold }
  | { kind: 'refused'; refusal: Refusal | 'hold_changed'; limit?: LimitRefusal }
  | { kind: 'no_hold' | 'other_hold' | 'clock_unsure' };

export interface DirectChange extends AccountChange {
  takenAt: number;
}

/**
 * The ledger in MySQL while it has the authority. Each call is one transaction that first share-locks the authority row
 * and checks that it is in mode DIRECT of this epoch. Accounts are locked in order of id.
 */
export interface DirectServer {
  /**
   * Applies transfers in order, each atomically. Per item, in order: its outcome (`persisted`; `replayed` if the id
   * already had an outcome, with any content, including earlier in the same call); or a Problem: `account_not_found`,
   * `account_unsettled`. A Problem is not an outcome, and leaves nothing behind.
   * @throws DirectError
   */
  apply(epoch: number, items: readonly DirectItem[]): Promise<(Outcome | Problem)[]>;
  /**
   * Applies groups in order, each as a whole or not at all. Per group, in order: its outcome, or a Problem, in which case
   * nothing of the group is stored; also `transaction_id_reused` for a member whose id is known.
   * @throws DirectError
   */
  applyGroups(epoch: number, items: readonly DirectGroup[]): Promise<(GroupOutcome | Problem)[]>;
  /**
   * Applies events of holds and captures in order, each atomically. Per item, in order: its result, or a Problem, in which case
   * nothing of the item is stored.
   * @throws DirectError
   */
  applyHolds(epoch: number, items: readonly DirectHold[]): Promise<(HoldAnswer | Problem)[]>;
  /**
   * Changes an account's settings; repeating the same change id returns the current account.
   * @throws DirectError; Problem account_not_found, account_unsettled, settings_version_mismatch, account_closed,
   * account_not_empty
   */
  change(epoch: number, change: DirectChange): Promise<Account>;
}

/**
 * - `moved`: MySQL does not have the authority of this epoch; nothing was written
 * - `unable`: MySQL refused, or could not be reached, before the commit was sent; nothing was written
 * - `failed`: a bug in this program, before the commit was sent; nothing was written, and retrying does not help
 * - `in_doubt`: the commit was sent but not answered
 */
export type DirectErrorKind = 'moved' | 'unable' | 'failed' | 'in_doubt';

export class DirectError extends Error {
  override readonly name = 'DirectError';
  readonly kind: DirectErrorKind;
  constructor(kind: DirectErrorKind, reason: string, options?: ErrorOptions) {
    super(`${kind}: ${reason}`, options);
    this.kind = kind;
  }
}
