import type { Outcome } from '../domain/types.ts';
import { decodeRecord, outcomesOf } from './codec.ts';
import { changeOf, type JournaledChange } from './flush-batch.ts';
import type { JournalEntry } from './journal-entry.ts';

export { lastSeqOf } from './codec.ts';

/** One item in a journal, with its own seq: an entry of transfers contains up to 50. */
export type Journaled = JournaledTransfer | JournaledSettings;

interface JournalItem {
  seq: number;
  /** Of the transfer or of the change. */
  id: string;
  accounts: readonly string[];
}
export interface JournaledTransfer extends JournalItem {
  kind: 'transfers';
  outcome: Outcome;
}
export interface JournaledSettings extends JournalItem {
  kind: 'account-change';
  change: JournaledChange;
  /** The version of the account's balance at that time. */
  version: number;
}

/** For messages. */
export const describeItem = ({ kind, id }: Pick<Journaled, 'kind' | 'id'>): string =>
  `${kind === 'transfers' ? 'transfer' : 'account change'} ${id}`;

/** The items of an entry, in order of seq. */
export function itemsOf(entry: JournalEntry, epoch: number): Journaled[] {
  if (entry.kind === 'account-change') {
    const change = changeOf(entry);
    const { version } = decodeRecord(entry.records, 0);
    return [{ kind: entry.kind, seq: change.seq, id: change.changeId, accounts: [change.accountId], change, version }];
  }
  return outcomesOf(entry, epoch).map((outcome) => ({
    kind: 'transfers',
    seq: outcome.seq,
    id: outcome.order.transactionId,
    accounts: [outcome.order.source, outcome.order.destination],
    outcome,
  }));
}
