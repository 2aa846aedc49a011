import type { ProblemCode } from '../../app/domain/problem.ts';
import type { AccountStatus, Outcome, TransferOrder } from '../../app/domain/types.ts';
import type { Tables } from '../mysql/tables.ts';

/** What a client was told of one request. */
export type Answer<T> =
  | { kind: 'told'; value: T }
  /** A problem of the API. */
  | { kind: 'problem'; code: ProblemCode }
  /** No connection: the request never began. */
  | { kind: 'not_begun' }
  /** The connection broke, or the client lost patience: it may have been done, or may still be done. */
  | { kind: 'lost' };

export interface Attempt {
  order: TransferOrder;
  /** When it was sent, and when the answer was there; virtual ms. */
  sentAt: number;
  endedAt: number;
  pod: string;
  answer: Answer<Outcome>;
}

/** All that was ever asked under one transaction id, in the order of the answers. */
export interface TransferHistory {
  transactionId: string;
  attempts: Attempt[];
  /** GET: it stands, or nobody knows it. */
  sought: { sentAt: number; endedAt: number; answer: Answer<Outcome> }[];
}

export interface ReadHistory {
  accountId: string;
  sentAt: number;
  endedAt: number;
  balance: number;
  version: number;
  overdraftLimit: number;
  status: AccountStatus;
  settingsVersion: number;
  stale: boolean;
  pod: string;
}

export interface ChangeHistory {
  accountId: string;
  correlationId: string;
  status: AccountStatus | undefined;
  overdraftLimit: number | undefined;
  /** The client wanted it only on this version. */
  expectedSettingsVersion?: number;
  sentAt: number;
  endedAt: number;
  answer: Answer<{ settingsVersion: number; overdraftLimit: number; status: AccountStatus }>;
}

/** What all clients asked, and what they were told. */
export class History {
  readonly transfers = new Map<string, TransferHistory>();
  readonly reads: ReadHistory[] = [];
  readonly changes: ChangeHistory[] = [];

  of(transactionId: string): TransferHistory {
    let found = this.transfers.get(transactionId);
    if (!found) {
      found = { transactionId, attempts: [], sought: [] };
      this.transfers.set(transactionId, found);
    }
    return found;
  }
}

/**
 * An operator has accepted a loss: what MySQL does not have by now is as if it had never been told.
 * @returns how many answers that takes back
 */
export function forgive(history: History, { transfers, changes, accounts }: Tables): number {
  let taken = 0;
  const takeBack = (entry: { answer: Answer<unknown> }) => {
    entry.answer = { kind: 'lost' };
    taken += 1;
  };
  for (const { transactionId, attempts, sought } of history.transfers.values()) {
    if (transfers.has(transactionId)) continue;
    for (const entry of [...attempts, ...sought]) if (tellsOfIt(entry.answer)) takeBack(entry);
  }
  const made = new Set([...changes.values()].map(({ correlationId }) => correlationId));
  for (const change of history.changes) {
    if (change.answer.kind === 'told' && !made.has(change.correlationId)) takeBack(change);
  }
  const isCommitted = ({ accountId, version, settingsVersion }: ReadHistory) => {
    const account = accounts.get(accountId);
    return account !== undefined && version <= account.version && settingsVersion <= account.settingsVersion;
  };
  const before = history.reads.length;
  history.reads.splice(0, before, ...history.reads.filter(isCommitted));
  return taken + before - history.reads.length;
}

const tellsOfIt = (answer: Answer<unknown>): boolean =>
  answer.kind === 'told' || (answer.kind === 'problem' && answer.code === 'transaction_id_reused');

/** Whether this answer leaves it open what became of the attempt. */
export const isUnknown = ({ answer }: { answer: Answer<unknown> }): boolean =>
  answer.kind === 'lost' || (answer.kind === 'problem' && OPEN.has(answer.code));
const OPEN: ReadonlySet<ProblemCode> = new Set(['outcome_unknown', 'internal_error']);
