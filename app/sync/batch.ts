import { uuidV7Time } from '../ids.ts';
import { type ChangePayload, decodeRecord, statusName } from '../ledger/cache/codec.ts';
import { outcomesOf } from '../ledger/cache/outcomes.ts';
import type { JournalEntry } from '../ledger/cache/port.ts';
import type { AccountStatus, Outcome, Posted } from '../ledger/types.ts';

/** An account change as the journal tells it. */
export interface JournaledChange extends ChangePayload {
  seq: number;
  status: AccountStatus;
  overdraftLimit: number;
  settingsVersion: number;
}

/** Where an account was before a batch and where it is after it. */
export interface AccountMove {
  accountId: string;
  currency: string;
  previousBalance: number;
  previousVersion: number;
  balance: number;
  version: number;
}

/** A run of the journal, checked and ready to be written to MySQL in one transaction. */
export interface FlushBatch {
  epoch: number;
  /** The cursor before it and after it. */
  afterSeq: number;
  lastSeq: number;
  outcomes: Outcome[];
  changes: JournaledChange[];
  moves: AccountMove[];
  /** The largest UUIDv7 time of its ids, ms; 0 for none. */
  idTimeMax: number;
}

/** The journal contradicts itself or what is before it: nothing of it may be written. */
export class IntegrityError extends Error {
  override readonly name = 'IntegrityError';
}

/**
 * Gathers journal entries into one batch, and verifies them: every seq is there; each account's versions follow one
 * another and its balances are the sums of their amounts. Whether the first version follows what MySQL has, MySQL checks.
 * @throws IntegrityError
 */
export function batchOf(entries: readonly JournalEntry[], epoch: number, afterSeq: number): FlushBatch {
  const batch: FlushBatch = {
    epoch,
    afterSeq,
    lastSeq: afterSeq,
    outcomes: [],
    changes: [],
    moves: [],
    idTimeMax: 0,
  };
  const moves = new Map<string, AccountMove>();
  for (const entry of entries) {
    if (entry.kind === 'account-change') takeChange(batch, entry);
    else takeTransfers(batch, moves, entry);
  }
  batch.moves = [...moves.values()].sort((a, b) => (a.accountId < b.accountId ? -1 : 1));
  return batch;
}

function takeSeq(batch: FlushBatch, seq: number): void {
  if (seq !== batch.lastSeq + 1)
    throw new IntegrityError(`seq ${seq} follows ${batch.lastSeq} in epoch ${batch.epoch}`);
  batch.lastSeq = seq;
}

function takeId(batch: FlushBatch, id: string): void {
  const time = uuidV7Time(id);
  if (time !== null && time > batch.idTimeMax) batch.idTimeMax = time;
}

function takeChange(batch: FlushBatch, entry: JournalEntry): void {
  const record = decodeRecord(entry.records, 0);
  const payload = JSON.parse(entry.payload) as ChangePayload;
  takeSeq(batch, record.seq);
  takeId(batch, payload.changeId);
  batch.changes.push({
    ...payload,
    seq: record.seq,
    status: statusName(record.otherSettingsVersion),
    overdraftLimit: record.otherBalance,
    settingsVersion: record.settingsVersion,
  });
}

function takeTransfers(batch: FlushBatch, moves: Map<string, AccountMove>, entry: JournalEntry): void {
  for (const outcome of outcomesOf(entry, batch.epoch)) {
    takeSeq(batch, outcome.seq);
    takeId(batch, outcome.order.transactionId);
    batch.outcomes.push(outcome);
    if (outcome.status === 'POSTED') takePostings(moves, outcome);
  }
}

function takePostings(moves: Map<string, AccountMove>, { order, source, destination }: Posted): void {
  move(moves, order.source, order.currency, -order.amount, source);
  move(moves, order.destination, order.currency, order.amount, destination);
}

function move(
  moves: Map<string, AccountMove>,
  accountId: string,
  currency: string,
  change: number,
  after: { balance: number; version: number },
): void {
  const previousBalance = after.balance - change;
  const previousVersion = after.version - 1;
  const known = moves.get(accountId);
  if (!known) {
    moves.set(accountId, {
      accountId,
      currency,
      previousBalance,
      previousVersion,
      balance: after.balance,
      version: after.version,
    });
    return;
  }
  if (known.version !== previousVersion || known.balance !== previousBalance || known.currency !== currency) {
    throw new IntegrityError(`account ${accountId} goes from version ${known.version} to ${after.version}`);
  }
  known.balance = after.balance;
  known.version = after.version;
}
