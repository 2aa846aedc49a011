import type { Refusal } from './problem.ts';

/** How safe an acknowledged transfer is: `cache` = Redis AOF and the pod's tail; `persisted` = committed in MySQL. */
export type Durability = 'cache' | 'persisted';

export type AccountStatus = 'ACTIVE' | 'SUSPENDED' | 'FROZEN' | 'CLOSED';

/** Who asks, and under which correlation id: goes into every posting. */
export interface Origin {
  user: string;
  correlationId: string;
}

/** A transfer as the API hands it to the ledger: validated, amounts in minor units (a safe integer > 0). */
export interface TransferOrder extends Origin {
  kind: 'transfer' | 'reversal';
  transactionId: string;
  source: string;
  destination: string;
  amount: number;
  currency: string;
  /** The client's own time, ms since 1970; null when it gave none. */
  timestamp: number | null;
  reference: string | null;
  metadata: Readonly<Record<string, string>> | null;
  /** The transfer that this one takes back, for `reversal`. */
  reverses: string | null;
}

/** One side of a posted transfer: the account's balance after it (minor units), the version that it got, and the
 * version of the settings that it was decided on. */
export interface Side {
  balance: number;
  version: number;
  settingsVersion: number;
}

interface OutcomeCommon {
  order: TransferOrder;
  /**
   * When the ledger accepted it, ms since 1970: by the clock of the store that decided it, never decreasing along the versions
   * of an account.
   */
  acceptedAt: number;
  /**
   * When a pod took it, by the pod's own clock: a request recognizes its own attempt by it. Null for what an older release
   * decided: then `acceptedAt` is that moment.
   */
  takenAt: number | null;
  /** Its place in the ledger: the epoch and its own gap-free number in it. */
  epoch: number;
  seq: number;
  /** True when this answer repeats an outcome that stood already. */
  replayed: boolean;
  /** True once it is known to be committed in MySQL. */
  persisted: boolean;
}
export interface Posted extends OutcomeCommon {
  status: 'POSTED';
  source: Side;
  destination: Side;
}
export interface Rejected extends OutcomeCommon {
  status: 'REJECTED';
  refusal: Refusal;
}
/** The one outcome that a transaction id has, for ever. */
export type Outcome = Posted | Rejected;

/** An account as Redis and MySQL both hold it. Money in minor units. */
export interface Account {
  accountId: string;
  currency: string;
  external: boolean;
  balance: number;
  version: number;
  overdraftLimit: number;
  status: AccountStatus;
  settingsVersion: number;
}

/** An account as it was read, with where it came from. */
export interface AccountView extends Account {
  source: 'cache' | 'database';
  /** When it was read, ms since 1970. */
  asOf: number;
  /** True only while the authority is moving or closed, or the account waits for the journal. */
  stale: boolean;
}

/** A change of an account's settings; what is absent stays. */
export interface AccountChange extends Origin {
  changeId: string;
  accountId: string;
  status?: AccountStatus;
  /** Minor units, ≥ 0. */
  overdraftLimit?: number;
  /** From If-Match: the change is made only on this settings version. */
  expectedSettingsVersion?: number;
}

export interface NewAccount {
  accountId: string;
  currency: string;
  overdraftLimit: number;
  name: string | null;
  external: boolean;
}

/** A posting as MySQL keeps it: one side of a transfer. */
export interface Posting {
  accountId: string;
  version: number;
  /** Signed, minor units: below zero is a debit. */
  amount: number;
  balanceAfter: number;
  transactionId: string;
  counterparty: string;
  currency: string;
  timestamp: number | null;
  acceptedAt: number;
  persistedAt: number;
  correlationId: string;
  user: string;
}
