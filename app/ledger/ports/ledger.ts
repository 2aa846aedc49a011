import type { Feature } from '../../domain/features.ts';
import type { GroupOrder, GroupOutcome } from '../../domain/group.ts';
import type { Counted, LimitRefusal, Windows } from '../../domain/limits.ts';
import type { Problem, Refusal } from '../../domain/problem.ts';
import type {
  AccountChange,
  AccountView,
  Durability,
  NewAccount,
  Outcome,
  Side,
  TransferOrder,
} from '../../domain/types.ts';

/**
 * The only interface to the ledger. The API depends on this interface, and on nothing behind it.
 *
 * Methods for several items return one result per item, in order; a Problem in place of a result explains why that
 * item has none. `Outcome` REJECTED is a result, not a Problem: refusals by the rules are outcomes.
 */
export interface Ledger {
  /**
   * Applies independent transfers; all transfers that arrive in one event-loop turn share one script call.
   * @throws never; in place of an outcome: `account_not_found`, `transaction_id_reused`, `ledger_switching`,
   * `ledger_closed`, `account_unsettled`, `backlog_full`, `overloaded`, `database_unavailable`, `outcome_unknown`.
   */
  apply(orders: readonly TransferOrder[], durability: Durability): Promise<(Outcome | Problem)[]>;
  /**
   * Applies a group: all its transfers, or none. @throws never; in place of an outcome: the problems of `apply`, with
   * the `index` of the member if a member's id is already used; `group_id_reused`; `payload_too_large`;
   * `feature_not_active`.
   */
  applyGroup(group: GroupOrder, durability: Durability): Promise<GroupOutcome | Problem>;
  /**
   * Previews transfers, each on the balances that the previous ones would leave. Nothing is written, and the ids of the
   * transfers are neither used nor looked up. @throws Problem account_not_found and the 503s; for a group also
   * feature_not_active
   */
  preview(
    orders: readonly TransferOrder[],
    what: 'transfers' | 'group',
    windows: WindowsAt,
  ): Promise<PostedSides | RefusedOrder>;
  /**
   * The outcome of a group id, from whichever store has it. @param by any account of the group. @throws Problem
   * group_not_found, feature_not_active and the 503s; with several shards also group_id_ambiguous
   */
  groupOutcome(groupId: string, by?: LookUpBy): Promise<GroupOutcome>;
  /**
   * The outcome of a transaction id, from whichever store has it. @param by the source account
   * @throws Problem transfer_not_found and the 503s; with several shards also transaction_id_ambiguous, and
   * TransferPending for a transfer between two shards that has no outcome yet
   */
  outcome(transactionId: string, by?: LookUpBy): Promise<Outcome>;
  /** Current accounts; a Problem (`account_not_found`, the 503s) for each that cannot be read. */
  read(accountIds: readonly string[]): Promise<(AccountView | Problem)[]>;
  /**
   * Checks that a feature is active for an account, for uses that do not pass through this interface. @throws Problem
   * feature_not_active, ledger_switching
   */
  requireFeature(feature: Feature, accountId: string): void;
  /**
   * Changes an account's settings, effective immediately. @throws Problem account_not_found, settings_version_mismatch,
   * account_not_empty, account_closed, the 503s
   */
  changeAccount(change: AccountChange): Promise<AccountView>;
}

/** Options for looking up an item by its id, because the id does not show the shard. */
export interface LookUpBy {
  /**
   * An account of the item: with several shards, only its shard is queried. The item that is found may belong to
   * another account.
   */
  account?: string | undefined;
  /**
   * If false, `ledger_switching` is thrown immediately while the authority moves, because absence cannot be determined
   * then. By default, the lookup is held for as long as any other request.
   */
  held?: boolean | undefined;
}

/** Returns the windows of limits that contain a given time, by the business calendar of these books. */
export const windowsIn =
  (books: Pick<Books, 'businessWindows'>): WindowsAt =>
  async (time) => {
    const windows = await books.businessWindows(time);
    return windows && { dayStart: windows.day.start, monthStart: windows.month.start };
  };

/** The windows of limits that contain a time, ms since 1970; null if the business calendar does not cover it. */
export type WindowsAt = (time: number) => Promise<Windows | null>;

/** Both accounts of each transfer, in their state after it. */
export interface PostedSides {
  sides: { source: Side; destination: Side; counted?: Counted }[];
}
/** Index of the first transfer that was refused, from 0. */
export interface RefusedOrder {
  index: number;
  refusal: Refusal;
  /** For `limit_exceeded`. */
  limit?: LimitRefusal;
}

export interface AccountOpening {
  account: AccountDetails;
  /** False if the same account was already opened with the same content. */
  created: boolean;
}
export interface AccountDetails extends NewAccount {
  openedAt: number;
}

/** A business day and a month of business days, each with its start and its end, ms since 1970. */
export interface BusinessWindows {
  day: { start: number; end: number };
  month: { start: number; end: number };
}

/** Operations that use MySQL alone; they are never on the path of a transfer. */
export interface Books {
  /**
   * Opens accounts with a balance of zero; returns `account_id_reused` for each id that exists with different content.
   */
  openAccounts(accounts: readonly NewAccount[], openedBy: string): Promise<(AccountOpening | Problem)[]>;
  /**
   * The windows that contain a time; null if the business calendar does not cover it. @throws
   * Problem database_unavailable
   */
  businessWindows(at: number): Promise<BusinessWindows | null>;
  /** The immutable facts of an account (name, opening). @throws Problem account_not_found, database_unavailable */
  accountDetails(accountId: string): Promise<AccountDetails>;
}
