import type { CaptureRequest, HoldAfter } from './hold-types.ts';
import type { Leg, LegName } from './leg-types.ts';
import type { AccountLimits, Counted, LimitRefusal, Limits } from './limits.ts';
import type { Refusal } from './problem.ts';

/**
 * How durable an acknowledged transfer is: `cache` = Redis AOF and the pod's tail; `persisted` = committed in MySQL.
 */
export type Durability = 'cache' | 'persisted';

export type AccountStatus = 'ACTIVE' | 'SUSPENDED' | 'FROZEN' | 'CLOSED';

/** The caller and the correlation id: recorded in every posting. */
export interface Origin {
  user: string;
  correlationId: string;
}

/** A transfer as the API passes it to the ledger: validated, amounts in minor units (a safe integer > 0). */
export interface TransferOrder extends Origin {
  kind: 'transfer' | 'reversal' | 'capture';
  transactionId: string;
  source: string;
  destination: string;
  amount: number;
  currency: string;
  /** The client's own time, ms since 1970; null if the client sent none. */
  timestamp: number | null;
  reference: string | null;
  metadata: Readonly<Record<string, string>> | null;
  /** For `reversal`: the transfer that this one reverses. */
  reverses: string | null;
  /** The group that it is a member of; absent for a single transfer. */
  groupId?: string;
  /**
   * For `capture`: what was requested. The source is the hold's account, and the amount is decided with the capture.
   */
  capture?: CaptureRequest;
  /** For a leg of a transfer between two shards. */
  leg?: Leg;
}

/**
 * One side of a posted transfer: the account's balance after it (minor units), its new version, and the version of the
 * settings that applied.
 */
export interface Side {
  balance: number;
  version: number;
  settingsVersion: number;
}

interface OutcomeCommon {
  order: TransferOrder;
  /**
   * When the ledger accepted the transfer, ms since 1970, by the clock of the store that decided it. It never decreases
   * from one version of an account to the next.
   */
  acceptedAt: number;
  /**
   * When a pod received the request, by the pod's own clock: a request uses it to recognize its own attempt. Null for
   * outcomes decided by an older release, in which case `acceptedAt` is that time.
   */
  takenAt: number | null;
  /** The position of the outcome in the ledger: the epoch, and the gap-free sequence number within the epoch. */
  epoch: number;
  seq: number;
  /** True if this answer repeats an outcome that already existed. */
  replayed: boolean;
  /** True once the outcome is known to be committed in MySQL. */
  persisted: boolean;
}
export interface Posted extends OutcomeCommon {
  status: 'POSTED';
  source: Side;
  destination: Side;
  /** Absent if the transfer was not counted for any limit. */
  counted?: Counted;
  /** For a capture: the hold after the capture. */
  hold?: HoldAfter;
}
export interface Rejected extends OutcomeCommon {
  status: 'REJECTED';
  refusal: Refusal;
  /** For `limit_exceeded`: which limit, and its unused part at that time. */
  limit?: LimitRefusal;
}
/** The single, permanent outcome of a transaction id. */
export type Outcome = Posted | Rejected;

/** An account as stored in both Redis and MySQL. Money in minor units. */
export interface Account {
  accountId: string;
  currency: string;
  external: boolean;
  balance: number;
  /** Reserved by open holds: part of the balance, but not available. */
  held: number;
  version: number;
  overdraftLimit: number;
  status: AccountStatus;
  settingsVersion: number;
  /** Null if the account has no limits; then nothing is counted either. */
  limits: AccountLimits | null;
}

/** An account as read, and where it was read from. */
export interface AccountView extends Account {
  source: 'cache' | 'database';
  /** When the account was read, ms since 1970. */
  asOf: number;
  /** True only while the authority is moving, the ledger is closed, or the account waits for the journal. */
  stale: boolean;
}

/** A change to an account's settings; absent fields keep their values. */
export interface AccountChange extends Origin {
  changeId: string;
  accountId: string;
  status?: AccountStatus;
  /** Minor units, ≥ 0. */
  overdraftLimit?: number;
  /** All limits of the account: they replace those that it had before. */
  limits?: Limits;
  /** From If-Match: the change is made only if this is the current settings version. */
  expectedSettingsVersion?: number;
}

export interface NewAccount {
  accountId: string;
  currency: string;
  overdraftLimit: number;
  name: string | null;
  external: boolean;
  /** Null for none. */
  limits: Limits | null;
}

/** An item of an account's history as stored in MySQL: the change that led to one version of the account. Money in minor units. */
interface HistoryItemCommon extends Origin {
  accountId: string;
  version: number;
  currency: string;
  balanceAfter: number;
  acceptedAt: number;
  persistedAt: number;
}

/** One side of a transfer. */
export interface Posting extends HistoryItemCommon {
  kind: TransferOrder['kind'];
  /** Null if the history was not read as a whole: without the events of holds, or filtered. */
  heldAfter: number | null;
  /** Signed, in minor units: negative for a debit. */
  amount: number;
  transactionId: string;
  counterparty: string;
  timestamp: number | null;
  /**
   * For a leg of a transfer between shards; the transaction and the counterparty are those that the client named. `payout`: an
   * operator has paid out what the transfer had left on the account of returns.
   */
  leg?: LegName | 'payout';
  reference: string | null;
  metadata: Readonly<Record<string, string>> | null;
  /** The group that the transfer is a member of. */
  groupId: string | null;
  /** For `reversal`: the transfer that it reverses. */
  reverses: string | null;
  /** For a capture: the hold, and by how much `held` of this account changed (0 for the destination). */
  hold: { holdId: string; heldChange: number } | null;
}

/** An event of a hold of the account, which leaves the balance unchanged. */
export interface HoldPosting extends HistoryItemCommon {
  kind: 'hold_placed' | 'hold_changed' | 'hold_voided' | 'hold_expired';
  holdId: string;
  heldAfter: number;
  heldChange: number;
}

export type HistoryItem = Posting | HoldPosting;
