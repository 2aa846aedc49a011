import { accountsOfGroup, type GroupOutcome, lastSeqOfGroup } from '../domain/group.ts';
import type { HoldEvent } from '../domain/hold-events.ts';
import type { Outcome } from '../domain/types.ts';
import { decodeRecord, outcomesOf } from './codec.ts';
import { changeOf, idOfEvent, type JournaledChange } from './flush-batch.ts';
import { groupOutcomeOf } from './group-codec.ts';
import { holdResultsOf } from './hold-codec.ts';
import type { JournalEntry } from './journal-entry.ts';

export { lastSeqOf } from './codec.ts';

/** One item in a journal, which is applied as a whole or not at all: an entry of transfers contains up to 50. */
export type Journaled = JournaledTransfer | JournaledSettings | JournaledGroup | JournaledHold;

interface JournalItem {
  seq: number;
  /** Equal to `seq`, except for a group, which has a seq for each member. */
  lastSeq: number;
  /** The id of the transfer, of the change, of the group, of the hold, or of its event. */
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
  /** The version of the account's balance at the time of the change. */
  version: number;
}
/**
 * An event of a hold other than a capture. Its kind is `hold` if the hold was placed or refused; it then has the hold's
 * id.
 */
export interface JournaledHold extends JournalItem {
  kind: 'hold' | 'hold-event';
  event: HoldEvent;
}

/** The names of the kinds in messages. */
export const describeItem = ({ kind, id }: Pick<Journaled, 'kind' | 'id'>): string => `${NAMES[kind]} ${id}`;
const NAMES = {
  transfers: 'transfer',
  'account-change': 'account change',
  group: 'group',
  hold: 'hold',
  'hold-event': 'event of a hold',
} as const;

export interface JournaledGroup extends JournalItem {
  kind: 'group';
  outcome: GroupOutcome;
}

/** The number of seqs that these items have in total. */
export const seqCount = (items: readonly Journaled[]): number =>
  items.reduce((count, { seq, lastSeq }) => count + lastSeq - seq + 1, 0);

/** The items of an entry, in order of seq. */
export function itemsOf(entry: JournalEntry, epoch: number): Journaled[] {
  if (entry.kind === 'account-change') {
    const change = changeOf(entry);
    const { version } = decodeRecord(entry.records, 0);
    const { seq, changeId: id, accountId } = change;
    return [{ kind: entry.kind, seq, lastSeq: seq, id, accounts: [accountId], change, version }];
  }
  if (entry.kind === 'group') {
    const outcome = groupOutcomeOf(entry, epoch);
    const { seq, group } = outcome;
    const lastSeq = lastSeqOfGroup(outcome);
    return [{ kind: entry.kind, seq, lastSeq, id: group.groupId, accounts: accountsOfGroup(group), outcome }];
  }
  if (entry.kind === 'holds')
    return holdResultsOf(entry, epoch).map((one) =>
      'capture' in one ? transferItem(one.capture) : holdItem(one.event),
    );
  return outcomesOf(entry, epoch).map(transferItem);
}

const transferItem = (outcome: Outcome): JournaledTransfer => ({
  kind: 'transfers',
  seq: outcome.seq,
  lastSeq: outcome.seq,
  id: outcome.order.transactionId,
  accounts: [outcome.order.source, outcome.order.destination],
  outcome,
});

const holdItem = (event: HoldEvent): JournaledHold => ({
  kind: 'eventId' in event ? 'hold-event' : 'hold',
  seq: event.seq,
  lastSeq: event.seq,
  id: idOfEvent(event),
  accounts: [event.account],
  event,
});
