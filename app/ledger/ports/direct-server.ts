import type { Problem } from '../../domain/problem.ts';
import type { Account, AccountChange, Outcome, TransferOrder } from '../../domain/types.ts';

/** One transfer as a pod has taken it. */
export interface DirectItem {
  order: TransferOrder;
  /** When the pod took it, by its own clock, ms since 1970. */
  takenAt: number;
}

export interface DirectChange extends AccountChange {
  takenAt: number;
}

/**
 * MySQL while it has the authority. Each call is one transaction that first share-locks the authority row and checks that it
 * is DIRECT of this epoch; accounts are locked in order of id.
 */
export interface DirectServer {
  /**
   * Applies transfers in order, each whole or not at all. Per item, in order: its outcome (`persisted`; `replayed` when the
   * id had an outcome before, of whatever content, also earlier in the same call); or a Problem: `account_not_found`,
   * `account_unsettled`. A Problem is no outcome, and leaves nothing behind.
   * @throws DirectError
   */
  apply(epoch: number, items: readonly DirectItem[]): Promise<(Outcome | Problem)[]>;
  /**
   * Changes an account's settings; the same change id again answers the account as it is.
   * @throws DirectError; Problem account_not_found, account_unsettled, settings_version_mismatch, account_closed, account_not_empty
   */
  change(epoch: number, change: DirectChange): Promise<Account>;
}

/**
 * - `moved`: MySQL has not the authority of this epoch; nothing was written
 * - `unable`: MySQL refused, or could not be reached, before the commit was sent; nothing was written
 * - `failed`: a mistake of ours, before the commit was sent; nothing was written, and waiting does not help
 * - `in_doubt`: the commit was sent and not answered
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
