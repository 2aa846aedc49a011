/**
 * What clients did and were told, and what MySQL holds in the end: all that the checker looks at. Money is in minor units;
 * times are ms on one monotonic clock of the process that sent everything.
 */
export interface OpenedAccount {
  accountId: string;
  currency: string;
  /** How far below zero it may go, as it was opened: its settings version 1. */
  overdraftLimit: number;
  /** No lower limit. */
  external: boolean;
}

export interface TransferContent {
  source: string;
  destination: string;
  amount: number;
  currency: string;
}

/** Where an account stood after a posting. */
export interface Position {
  balance: number;
  version: number;
}

export type Answer =
  /** An outcome: it was posted. */
  | { kind: 'posted'; source: Position; destination: Position; replayed: boolean }
  /** An outcome, too: a rule of business refused it (422). */
  | { kind: 'rejected'; code: string }
  /** This attempt wrote nothing, for certain; it says nothing about other attempts of the same id. */
  | { kind: 'refused'; status: number; code: string }
  /** Nobody knows the id (404 for it), asked when no earlier attempt could be under way any more. */
  | { kind: 'absent' }
  /** It may have been done, or may still be done. */
  | { kind: 'unknown'; reason: string };

export interface Attempt {
  sentAt: number;
  /** When the answer was there. */
  endedAt: number;
  answer: Answer;
}

/** Everything that was ever sent under one id; always with the same content. */
export interface TransferHistory {
  transactionId: string;
  content: TransferContent;
  attempts: Attempt[];
}

export interface ReadHistory extends Position {
  accountId: string;
  sentAt: number;
  endedAt: number;
  /** It said itself that it may be old. */
  stale: boolean;
}

export interface Settings {
  settingsVersion: number;
  overdraftLimit: number;
}

/** A request for another limit. It carries no id of the client's, so it is sent once. */
export interface ChangeHistory {
  accountId: string;
  overdraftLimit: number;
  sentAt: number;
  endedAt: number;
  /** The settings as they stood when it was done; with other changes at the same time that may be a later one's. */
  answer: ({ kind: 'changed' } & Settings) | { kind: 'refused' } | { kind: 'unknown' };
}

export interface History {
  accounts: OpenedAccount[];
  transfers: TransferHistory[];
  reads: ReadHistory[];
  changes: ChangeHistory[];
}

/** Where a posting left an account, and under which of its settings. */
export interface LedgerPosition extends Position {
  settingsVersion: number;
}

/** A row of `transfers`; positions are null when it was rejected. */
export interface LedgerTransfer {
  transactionId: string;
  content: TransferContent;
  refusal: string | null;
  source: LedgerPosition | null;
  destination: LedgerPosition | null;
}

export interface LedgerAccount extends LedgerPosition {
  accountId: string;
  currency: string;
  overdraftLimit: number;
}

/** A row of `account_changes`. */
export interface LedgerChange extends Settings {
  accountId: string;
}

/** What the stores say once everything is flushed. */
export interface FinalState {
  transfers: LedgerTransfer[];
  accounts: LedgerAccount[];
  changes: LedgerChange[];
  /** What the API answers for each account. */
  answered: (Position & { accountId: string })[];
  /** The sum of all balances in MySQL per currency, external accounts included, minor units. */
  sums: Record<string, bigint>;
}

/** Whether an id's outcome is known, it has come to nothing, or neither can be said. */
export function fateOf({ attempts }: TransferHistory): 'ok' | 'failed' | 'unknown' {
  if (attempts.some(({ answer }) => answer.kind === 'posted' || answer.kind === 'rejected')) return 'ok';
  const lastUnknown = attempts.findLastIndex(({ answer }) => answer.kind === 'unknown');
  const settled = attempts.findLastIndex(({ answer }) => answer.kind === 'absent') > lastUnknown;
  return lastUnknown < 0 || settled ? 'failed' : 'unknown';
}
