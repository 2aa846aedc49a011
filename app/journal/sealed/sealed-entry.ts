import type { Format, Mode } from '../../domain/authority.ts';
import type { HoldPlaced, HoldRefused, HoldUpdated } from '../../domain/hold-events.ts';
import type { Leg } from '../../domain/leg-types.ts';
import type { LimitRefusal, Limits } from '../../domain/limits.ts';
import type { Refusal } from '../../domain/problem.ts';
import type { Account, Origin, Posted, Rejected, TransferOrder } from '../../domain/types.ts';
import type { JournaledChange } from '../flush-batch.ts';

/**
 * The entries of the sealed log: everything that was committed, without personal data. Money in minor units, times in ms
 * since 1970.
 */
export type SealedEntry =
  | SealedTransfer
  | SealedGroup
  | SealedHold
  | SealedOpening
  | SealedState
  | SealedChange
  | SealedMove
  | SealedLoss
  | SealedAction
  | UnknownEntry;

/**
 * SHA-256 of a random salt and of the JSON of the personal data, base64url: see personal.ts. The salt is stored with
 * the data in the books.
 */
interface Digested {
  digest: string;
}

/** Personal data of orders, or data that only identifies a request. It is in the books. */
type Personal = keyof Origin | 'reference' | 'metadata';
type Unsealed = 'order' | 'takenAt' | 'replayed' | 'persisted';

export type SealedOrder = Omit<TransferOrder, Personal | 'leg'> & { leg?: Omit<Leg, 'refusal'> };

/** The outcome of a transfer, including a member of a group, a capture, or a leg. */
export type SealedTransfer = { kind: 'transfer'; order: SealedOrder } & Digested &
  (Omit<Posted, Unsealed> | Omit<Rejected, Unsealed>);

/** A group. If it was posted, the outcomes of its members follow, and `accounts` are all accounts of the group. */
export type SealedGroup = {
  kind: 'group';
  groupId: string;
  /** What was requested for a split, as JSON. */
  split: string | null;
  acceptedAt: number;
  epoch: number;
  seq: number;
} & (
  | { status: 'POSTED'; transactionIds: readonly string[]; accounts: readonly string[] }
  | ({
      status: 'REJECTED';
      orders: readonly SealedOrder[];
      index: number;
      refusal: Refusal;
      limit?: LimitRefusal;
    } & Digested)
);

type HoldUnsealed = Personal | 'takenAt' | 'order';
type SealedHoldOrder = Pick<HoldPlaced['order'], 'destination' | 'amount' | 'expiresAt'>;

/** An event of a hold; a capture is a transfer. */
export type SealedHold = { kind: 'hold' } & Digested & {
    event:
      | (Omit<HoldPlaced, HoldUnsealed> & { order: SealedHoldOrder })
      | (Omit<HoldRefused, HoldUnsealed> & { order: SealedHoldOrder })
      | Omit<HoldUpdated, HoldUnsealed>;
  };

type Opening = Pick<Account, 'accountId' | 'currency' | 'external' | 'overdraftLimit'> & {
  limits: Limits | null;
  openedAt: number;
};

export type SealedOpening = { kind: 'account-opened' } & Opening & Digested;

/**
 * An account that was opened before the log began, or by a process of an older release, in its state at the time of
 * this entry. Other entries of the account may precede this one. Each account that has no opening in the log has one
 * such entry.
 */
export type SealedState = { kind: 'account-state' } & Omit<Account, 'limits'> & {
    limits: Limits | null;
    openedAt: number;
  } & Digested;

/** A change of the settings of an account. */
export type SealedChange = {
  kind: 'account-changed';
  change: Omit<JournaledChange, keyof Origin | 'takenAt'>;
  epoch: number;
} & Digested;

/** A move of the authority. */
export type SealedMove = {
  kind: 'authority-moved';
  epoch: number;
  mode: Mode;
  format: Format;
  cacheEpoch: number | null;
} & Digested;

/** An outcome, or an in-doubt attempt, that was dropped because an operator accepted the loss. */
export type SealedLoss = { kind: 'loss-accepted'; epoch: number; what: string; id: string } & Digested;

/** Any other action on the ledger, such as an operator's command. */
export interface SealedAction {
  kind: 'action';
  /** For example `api-key-added`. */
  type: string;
  /** The id of the object that was acted on. */
  subject: string;
  at: number;
  /** Any JSON value without personal data. */
  content: unknown;
  digest: string | null;
}

/** An entry of a type that this release does not know. It is kept so that the indexes of the others stay the same. */
export interface UnknownEntry {
  kind: 'unknown';
  type: string;
}

/** One row of the log. The index of an entry is its place in `entries`, from 0, and never changes. */
export interface SealedRow {
  /** From 1, without gaps. */
  position: number;
  /** By MySQL's clock, ms. It never decreases from one row to the next. */
  sealedAt: number;
  /** Hexadecimal. */
  hash: string;
  entries: readonly SealedEntry[];
}
