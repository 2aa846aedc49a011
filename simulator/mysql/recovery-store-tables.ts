import type { AcceptedLossStep, EpochRecoveryStore, RecoveryStep } from '../../app/authority/authority-ports.ts';
import type { Authority, CacheServerIdentity, Mode, MovedBy } from '../../app/domain/authority.ts';
import { IntegrityError } from '../../app/journal/flush-batch.ts';
import type { JournalEntry } from '../../app/journal/journal-entry.ts';
import { gapsIn, seqsInDoubt, type Unexplained } from '../../app/journal/recovery/recover-epoch.ts';
import { batchUpToGap, type Recovery } from '../../app/journal/recovery/recovery.ts';
import { authorityOf, NOTHING_WAITS, setAuthority } from './authority-tables.ts';
import type { MysqlClient } from './mysql-client.ts';
import type { MysqlServer } from './mysql-server.ts';
import { RecoveryTables } from './recovery-tables.ts';
import type { RecoveryRow, Tables } from './tables.ts';

/** The state that one page of a recovery reads. */
interface Found {
  mysql: MysqlServer;
  now: Authority & { cacheEpoch: number };
  row: RecoveryRow | null;
}

/** The same transactions as app/mysql/authority/recovery-store.ts. */
export class RecoveryStoreTables extends RecoveryTables implements EpochRecoveryStore {
  protected readonly client: MysqlClient;
  constructor(client: MysqlClient) {
    super();
    this.client = client;
  }

  recovery(from: Authority): Promise<Recovery | null> {
    return this.client.call(({ tables }) => progressOf(rowOf(tables, from)));
  }

  activate(from: Authority, server: CacheServerIdentity, by: MovedBy): Promise<Authority | null> {
    return this.from(from, ['REBUILDING'], (mysql, now) => {
      const { tables } = mysql;
      const { cacheEpoch } = server;
      if (cacheEpoch !== now.epoch + 1) throw new Error(`cache epoch ${cacheEpoch} cannot follow ${now.epoch}`);
      tables.cursor = { ...tables.cursor, epoch: cacheEpoch, seq: 0 };
      for (const { podId, epoch } of [...tables.pods.values()])
        if (epoch < cacheEpoch) tables.delete(tables.pods, podId);
      const { format } = now;
      return setAuthority(mysql, { ...server, mode: 'CACHE', format, cacheFormat: format, highestKnownSeq: null }, by);
    });
  }

  finishFromJournal(from: Authority, to: 'REBUILDING' | 'DIRECT', end: number, by: MovedBy): Promise<Authority | null> {
    return this.from(from, ['CLOSING'], (mysql, now) => this.#endAt(mysql, now, to, end, by));
  }

  unfreezeFromJournal(from: Authority, end: number, by: MovedBy): Promise<Authority | null> {
    return this.from(from, ['DIRECT'], (mysql, now) => this.#endAt(mysql, now, 'DIRECT', end, by));
  }

  #endAt(mysql: MysqlServer, now: Authority, to: 'REBUILDING' | 'DIRECT', end: number, by: MovedBy): Authority {
    const { cacheEpoch } = unsettled(now);
    const cursor = this.cursorIn(mysql.tables, cacheEpoch);
    mustNotBeAccepted(rowOf(mysql.tables, now));
    if (cursor.seq !== end) throw new Error(`the cursor is at ${cacheEpoch}/${cursor.seq}, not at ${end}`);
    this.#mustReach(mysql.tables, unsettled(now), end);
    return this.#finishRecovery(mysql, to, by);
  }

  async recoverFromHandOvers(from: Authority, by: MovedBy): Promise<RecoveryStep | null> {
    if (await this.#flushHandedOver(from)) return { working: FLUSHING };
    const step = await this.#page<RecoveryStep | 'recovered'>(from, ['CLOSING'], ({ mysql: { tables }, now, row }) => {
      mustNotBeAccepted(row);
      const { cacheEpoch } = now;
      const cursor = this.cursorIn(tables, cacheEpoch);
      const notHandedOver = this.notHandedOver(tables, cacheEpoch, cursor.seq);
      if (notHandedOver.length > 0) return { notHandedOver };
      const highestKnownSeq = this.highestKnownSeqOf(tables, cacheEpoch);
      if (cursor.seq === highestKnownSeq) return 'recovered';
      if (!row || row.phase === 'journal' || row.highestKnownSeq !== highestKnownSeq) {
        const unexplained = this.#unexplained(tables, cacheEpoch, highestKnownSeq);
        if (unexplained) return { unexplained };
        return { working: this.begin(tables, now, { phase: 'counting', highestKnownSeq, accepted: null }) };
      }
      const flushed = this.upToGapPage(tables, row);
      if (flushed) return { working: flushed };
      if (row.phase === 'counting') {
        const items = this.nextHandedOver(tables, row);
        if (items.length > 0) return { working: this.markPage(tables, row, items) };
        const unexplained = this.#unexplained(tables, cacheEpoch, highestKnownSeq);
        if (unexplained) return { unexplained };
        return { working: this.keepRow(tables, row, { phase: 'freezing', position: cursor.seq }) };
      }
      if (row.phase === 'freezing') return { working: this.freezePage(tables, row) };
      return row.phase === 'posting' ? { working: this.postPage(tables, row) } : 'recovered';
    });
    return step === 'recovered' ? this.#finishFromHandOvers(from, by) : step;
  }

  #finishFromHandOvers(from: Authority, by: MovedBy): Promise<RecoveryStep | null> {
    return this.from(from, ['CLOSING'], (mysql, now): RecoveryStep => {
      const { tables } = mysql;
      const { cacheEpoch } = unsettled(now);
      const cursor = this.cursorIn(tables, cacheEpoch);
      const row = rowOf(tables, now);
      mustNotBeAccepted(row);
      const notHandedOver = this.notHandedOver(tables, cacheEpoch, cursor.seq);
      if (notHandedOver.length > 0) return { notHandedOver };
      const highestKnownSeq = this.highestKnownSeqOf(tables, cacheEpoch);
      if (cursor.seq === highestKnownSeq) return { authority: this.#finishRecovery(mysql, 'DIRECT', by) };
      if (row?.phase !== 'done' || row.highestKnownSeq !== highestKnownSeq) return { working: FLUSHING };
      tables.recovery = null;
      return { authority: setAuthority(mysql, { ...tables.authority, highestKnownSeq, mode: 'DIRECT' }, by) };
    });
  }

  postJournal(from: Authority, entries: readonly JournalEntry[], end: number): Promise<Recovery | null> {
    return this.#page(from, ['CLOSING', 'DIRECT'], ({ mysql: { tables }, now, row }) => {
      mustNotBeAccepted(row);
      this.#mustReach(tables, now, end);
      return this.journalPage(tables, now, row, entries, end);
    });
  }

  async acceptLoss(from: Authority, by: MovedBy): Promise<AcceptedLossStep | null> {
    const step = await this.#page<Recovery>(from, ['CLOSING', 'DIRECT'], ({ mysql: { tables }, now, row }) => {
      if (!row?.accepted) {
        const highestKnownSeq = this.highestKnownSeqOf(tables, now.cacheEpoch);
        const phase = now.mode === 'CLOSING' ? 'posting' : 'comparing';
        return this.begin(tables, now, { phase, highestKnownSeq, accepted: by });
      }
      if (row.phase === 'posting') return this.postPageAccepting(tables, row);
      if (row.phase === 'comparing') return this.comparePage(tables, row);
      return row.phase === 'recording' ? this.recordPage(tables, now, row) : row;
    });
    if (step?.phase !== 'done') return step && { working: step };
    return this.from(from, ['CLOSING', 'DIRECT'], (mysql, now) => {
      const row = rowOf(mysql.tables, now);
      if (!row?.accepted || row.phase !== 'done') throw new Error('the acceptance of the loss has restarted');
      const authority = this.#finishRecovery(mysql, 'DIRECT', row.accepted);
      mysql.onLossAccepted();
      return { authority, dropped: row.held };
    });
  }

  /** Flushes the entries that follow the cursor without a gap. */
  async #flushHandedOver({ epoch, cacheEpoch }: Authority): Promise<boolean> {
    return this.client.call((mysql) => {
      const { tables } = mysql;
      if (cacheEpoch === null || tables.cursor.epoch !== cacheEpoch || tables.authority.epoch !== epoch) return false;
      if (tables.recovery?.authorityEpoch === epoch) return false;
      if (this.notHandedOver(tables, cacheEpoch, tables.cursor.seq).length > 0) return false;
      const items = this.handedOverAfter(tables, cacheEpoch, tables.cursor.seq);
      const batch = batchUpToGap(items, tables.cursor);
      if (batch.lastSeq === batch.afterSeq) return false;
      this.writeBooks(tables, cacheEpoch, { ...batch, held: [] }, batch.lastSeq);
      return true;
    });
  }

  #unexplained(tables: Tables, epoch: number, highestKnownSeq: number): Unexplained | null {
    const { seq } = tables.cursor;
    const gaps = gapsIn(this.everythingHandedOver(tables, epoch, seq), seq, highestKnownSeq);
    const missing = gaps.reduce((sum, { fromSeq, toSeq }) => sum + toSeq - fromSeq + 1, 0);
    const inDoubt = seqsInDoubt(this.attemptsInDoubt(tables, epoch));
    return missing > inDoubt ? { kind: 'unexplained', missing, inDoubt, highestKnownSeq } : null;
  }

  /** The registered pods that may still have entries or attempts above the cursor to hand over. */
  protected notHandedOver({ pods }: Tables, epoch: number, cursor: number): string[] {
    return [...pods.values()]
      .filter((pod) => pod.epoch === epoch && !pod.handedOver && (pod.retiredSeq === null || pod.retiredSeq > cursor))
      .map(({ podId }) => podId)
      .sort();
  }
  #mustReach(tables: Tables, now: Authority & { cacheEpoch: number }, end: number): void {
    if (end < (now.highestKnownSeq ?? 0))
      throw new IntegrityError(`the journal ends at ${end}, but ${now.highestKnownSeq} was observed`);
    this.mustReach(tables, now.cacheEpoch, end);
  }
  protected mustReach(tables: Tables, epoch: number, end: number): void {
    if (end < this.knownOf(tables, epoch)) throw new IntegrityError(`the journal of epoch ${epoch} ends at ${end}`);
  }
  #finishRecovery(mysql: MysqlServer, mode: 'DIRECT' | 'REBUILDING', by: MovedBy): Authority {
    mysql.tables.clear(mysql.tables.frozen);
    mysql.tables.clear(mysql.tables.unsettled);
    mysql.tables.recovery = null;
    return setAuthority(mysql, { ...mysql.tables.authority, ...NOTHING_WAITS, mode }, by);
  }

  #page<T>(from: Authority, modes: readonly Mode[], work: (found: Found) => T): Promise<T | null> {
    return this.from(from, modes, (mysql, now) => {
      const waiting = unsettled(now);
      this.cursorIn(mysql.tables, waiting.cacheEpoch);
      return work({ mysql, now: waiting, row: rowOf(mysql.tables, now) });
    });
  }

  protected from<T>(
    from: Authority,
    modes: readonly Mode[],
    work: (mysql: MysqlServer, now: Authority) => T,
  ): Promise<T | null> {
    return this.client.call((mysql) => {
      const now = authorityOf(mysql.tables.authority, mysql.nowMs);
      if (now.epoch !== from.epoch) return null;
      if (!modes.includes(now.mode)) throw new Error(`the authority is ${now.mode}, not ${modes.join(' or ')}`);
      return work(mysql, now);
    });
  }
}

const FLUSHING: Recovery = {
  cacheEpoch: 0,
  phase: 'flushing',
  position: 0,
  highestKnownSeq: 0,
  posted: 0,
  held: 0,
  accepted: null,
};

const rowOf = ({ recovery }: Tables, { epoch }: Authority): RecoveryRow | null =>
  recovery?.authorityEpoch === epoch ? recovery : null;

function progressOf(row: RecoveryRow | null): Recovery | null {
  if (!row) return null;
  const { authorityEpoch: _authorityEpoch, attemptPosition: _attemptPosition, ...progress } = row;
  return progress;
}

function mustNotBeAccepted(row: RecoveryRow | null): void {
  if (row?.accepted) throw new Error('a loss is accepted, and is being carried out');
}

function unsettled(now: Authority): Authority & { cacheEpoch: number } {
  const { cacheEpoch } = now;
  if (cacheEpoch === null) throw new Error('no cache epoch is waiting for recovery');
  return { ...now, cacheEpoch };
}
