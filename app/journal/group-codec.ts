import type { GroupOrder, GroupOutcome } from '../domain/group.ts';
import {
  decodeRecord,
  encodeOrder,
  type OrderFields,
  orderOf,
  outcomeOf,
  RECORD_BYTES,
  RecordStatus,
  refusalIn,
  timesOf,
  traceOf,
} from './codec.ts';
import { IntegrityError } from './integrity-error.ts';
import type { JournalEntry } from './journal-entry.ts';

/**
 * A lookup by id returns the whole entry of a group, so entries must stay small; a group whose entry would be too large
 * is refused before it enters the queue.
 */
export const GROUP_BYTES_MAX = 64 * 1024;

type GroupFields = [string, number, string | null, OrderFields[], string | null];

/**
 * A group as the payload of its journal entry, which contains nothing else: its id, time, trace and members, and the
 * split, if any.
 */
export function encodeGroup({ groupId, orders, split }: GroupOrder, takenAt: number, trace: string | null): string {
  const members = orders.map((order) => encodeOrder(order, takenAt));
  return `[${JSON.stringify(groupId)},${takenAt},${JSON.stringify(trace)},[${members.join(',')}],${JSON.stringify(split)}]`;
}

/** @param onTrace called with the group's trace, if the group is traced */
export function groupOutcomeOf(entry: JournalEntry, epoch: number, onTrace?: (trace: string) => void): GroupOutcome {
  const [groupId, takenAt, trace, members, split] = JSON.parse(entry.payload) as GroupFields;
  const traced = traceOf(trace);
  if (traced !== null) onTrace?.(traced);
  const group = { groupId, split, orders: members.map((fields) => ({ ...orderOf(fields), groupId })) };
  return groupOutcome(group, entry, { ...timesOf(entry, takenAt), epoch });
}

interface Taken {
  acceptedAt: number;
  takenAt: number | null;
  epoch: number;
}

/** The outcome of a group in the records of its entry. @throws IntegrityError if they are not those of this group */
export function groupOutcome(group: GroupOrder, { firstSeq, records }: JournalEntry, taken: Taken): GroupOutcome {
  const common = { group, ...taken, seq: firstSeq, replayed: false, persisted: false };
  const first = decodeRecord(records, 0);
  if (first.status === RecordStatus.REJECTED && records.length === RECORD_BYTES)
    return { ...common, status: 'REJECTED', index: first.balance, ...refusalIn(first) };
  const sides = group.orders.map((order, index) => {
    const at = index * RECORD_BYTES;
    const outcome =
      at + RECORD_BYTES <= records.length ? outcomeOf(decodeRecord(records, at), { order, ...taken }) : null;
    if (outcome?.status !== 'POSTED' || outcome.seq !== firstSeq + index)
      throw new IntegrityError(`group ${group.groupId} (seq ${firstSeq}) is incomplete`);
    const { source, destination, counted } = outcome;
    return { source, destination, ...(counted && { counted }) };
  });
  if (records.length !== sides.length * RECORD_BYTES)
    throw new IntegrityError(`group ${group.groupId} (seq ${firstSeq}) has more results than members`);
  return { ...common, status: 'POSTED', sides };
}
