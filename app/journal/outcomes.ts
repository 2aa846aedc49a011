import type { Outcome, TransferOrder } from '../domain/types.ts';
import { decodeOrders, decodeRecord, RECORD_BYTES, RecordStatus, type ResultRecord, refusalName } from './codec.ts';
import type { JournalEntry } from './journal-entry.ts';

/** The fields of an outcome besides its record. */
interface Taken {
  order: TransferOrder;
  acceptedAt: number;
  takenAt: number | null;
  epoch: number;
}

/** The outcome in a POSTED or REJECTED record of a transfer. @throws RangeError for any other record, which has none */
export function outcomeOf(record: ResultRecord, { order, acceptedAt, takenAt, epoch }: Taken): Outcome {
  const common = { order, acceptedAt, takenAt, epoch, seq: record.seq, replayed: false, persisted: false };
  if (record.status === RecordStatus.REJECTED) {
    return { ...common, status: 'REJECTED', refusal: refusalName(record.detail) };
  }
  if (record.status !== RecordStatus.POSTED) throw new RangeError(`record status ${record.status} is not an outcome`);
  return {
    ...common,
    status: 'POSTED',
    source: { balance: record.balance, version: record.version, settingsVersion: record.settingsVersion },
    destination: {
      balance: record.otherBalance,
      version: record.otherVersion,
      settingsVersion: record.otherSettingsVersion,
    },
  };
}

/** All outcomes of a journal entry of transfers, in order of seq. Items without an outcome in that call are omitted. */
export function outcomesOf(entry: JournalEntry, epoch: number): Outcome[] {
  const outcomes: Outcome[] = [];
  decodeOrders(entry.payload).forEach(({ order, takenAt }, index) => {
    const record = decodeRecord(entry.records, index * RECORD_BYTES);
    if (record.status !== RecordStatus.POSTED && record.status !== RecordStatus.REJECTED) return;
    outcomes.push(outcomeOf(record, { order, ...timesOf(entry, takenAt), epoch }));
  });
  return outcomes;
}

/** An older release recorded only the pod's time. */
export const timesOf = ({ acceptedAt }: JournalEntry, takenAt: number) =>
  acceptedAt === null ? { acceptedAt: takenAt, takenAt: null } : { acceptedAt, takenAt };

/** The last seq in an entry; items without an outcome in that call have none. */
export function lastSeqOf(entry: JournalEntry): number {
  for (let at = entry.records.length - RECORD_BYTES; at >= 0; at -= RECORD_BYTES) {
    const status = entry.records[at];
    if (status === RecordStatus.POSTED || status === RecordStatus.REJECTED)
      return entry.records.readDoubleLE(at + RECORD_BYTES - 8);
  }
  return entry.firstSeq;
}
