import type { HandOverChunk, HandOverStore } from '../../app/authority/authority-ports.ts';
import { IntegrityError } from '../../app/journal/flush-batch.ts';
import { type JournalEntry, seqsOf } from '../../app/journal/journal-entry.ts';
import { lastSeqOf } from '../../app/journal/journaled.ts';
import type { MysqlClient } from './mysql-client.ts';
import { type InDoubtRow, isKnown, keyOf } from './tables.ts';

const same = (a: JournalEntry, b: JournalEntry): boolean =>
  a.kind === b.kind && a.payload === b.payload && a.records.equals(b.records);

/** The same transactions as app/mysql/authority/hand-over-store.ts. */
export class HandOverTables implements HandOverStore {
  protected readonly client: MysqlClient;
  constructor(client: MysqlClient) {
    this.client = client;
  }

  keep(epoch: number, podId: string, { entries, inDoubt }: HandOverChunk): Promise<void> {
    return this.client.call(({ tables }) => {
      const kept = tables.handedOverEntries.get(epoch) ?? new Map<number, JournalEntry>();
      tables.set(tables.handedOverEntries, epoch, kept);
      for (const entry of entries) {
        const before = kept.get(entry.firstSeq);
        if (before && !same(before, entry)) {
          throw new IntegrityError('a handed-over entry contradicts an earlier one');
        }
        if (!before) tables.set(kept, entry.firstSeq, entry);
      }
      const attempts = tables.handedOverAttempts.get(epoch) ?? new Map<string, InDoubtRow>();
      tables.set(tables.handedOverAttempts, epoch, attempts);
      for (const attempt of inDoubt) {
        const key = `${podId} ${keyOf(attempt.kind, attempt.id)} ${attempt.accounts.join()}`;
        const before = attempts.get(key);
        tables.set(attempts, key, {
          kind: attempt.kind,
          id: attempt.id,
          accounts: attempt.accounts,
          seqs: Math.max(seqsOf(attempt), before ? seqsOf(before) : 0),
          // The outcome of the group decides about an id only if no other attempt has used the id.
          ...(attempt.groupId && (!before || before.groupId === attempt.groupId) && { groupId: attempt.groupId }),
          received: before?.received ?? false,
        });
      }
    });
  }

  complete(epoch: number, podIds: readonly string[], observed: number): Promise<void> {
    return this.client.call(({ tables }) => {
      for (const podId of podIds) {
        const pod = tables.pods.get(podId);
        if (pod?.epoch !== epoch) continue;
        tables.set(tables.pods, podId, { ...pod, handedOver: true, observed: Math.max(pod.observed, observed) });
      }
    });
  }

  /**
   * Deletes the handed-over records that are recovered and in MySQL's ledger tables, and all records of older epochs.
   */
  forget(epoch: number, cursor: number): Promise<void> {
    return this.client.call(({ tables }) => {
      for (const table of [tables.handedOverEntries, tables.handedOverAttempts] as Map<number, unknown>[])
        for (const older of [...table.keys()]) if (older < epoch) tables.delete(table, older);
      const upTo = tables.cursor.epoch === epoch ? Math.min(cursor, tables.cursor.seq) : -1;
      const entries = tables.handedOverEntries.get(epoch) ?? new Map<number, JournalEntry>();
      for (const entry of [...entries.values()]) if (lastSeqOf(entry) <= upTo) tables.delete(entries, entry.firstSeq);
      const attempts = tables.handedOverAttempts.get(epoch) ?? new Map<string, InDoubtRow>();
      for (const [key, attempt] of [...attempts]) if (isKnown(tables, attempt)) tables.delete(attempts, key);
    });
  }
}
