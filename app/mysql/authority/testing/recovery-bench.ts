import type { Authority, Format } from '../../../domain/authority.ts';
import { businessDaysFrom } from '../../../domain/testing/business-days.ts';
import type { Account } from '../../../domain/types.ts';
import { batchOf } from '../../../journal/flush-batch.ts';
import type { InDoubtAttempt, JournalEntry } from '../../../journal/journal-entry.ts';
import { lastSeqOf } from '../../../journal/journaled.ts';
import {
  ACCEPTED_AT,
  account,
  type EpochUnderTest,
  modelEpoch,
  order,
} from '../../../journal/testing/epoch-under-test.ts';
import { FlushStore } from '../../ledger/flush-store.ts';
import { migratedDatabase, openIn, putBusinessDays, type TestDatabase } from '../../testing/test-database.ts';
import { AuthorityStore } from '../authority-store.ts';
import { MysqlHandOverStore } from '../hand-over-store.ts';
import type { PageLimits } from '../recovery-reader.ts';
import { RecoveryStore } from '../recovery-store.ts';

export const ACCOUNTS = [account('world'), account('ada'), account('bob', { overdraftLimit: 100 }), account('cy')];
export const SERVER = { redisNode: 'node-1', replid: 'a'.repeat(40), marker: 'm-1' };
export const BY = { keeper: 'keeper-1', reason: 'a test' };
export const CHANGE_ID = '01890000-0000-7000-8000-000000000001';

/** A cache epoch (epoch 1, in the model of Redis) whose authority and ledger tables are in a real MySQL. */
export class RecoveryBench {
  readonly db: TestDatabase;
  readonly authority: AuthorityStore;
  readonly handOverStore: MysqlHandOverStore;
  readonly flushes: FlushStore;
  readonly recoveryStore: RecoveryStore;
  epoch!: EpochUnderTest;

  constructor(db: TestDatabase, limits?: PageLimits) {
    this.db = db;
    this.authority = new AuthorityStore(db.database);
    this.handOverStore = new MysqlHandOverStore(db.database);
    this.flushes = new FlushStore(db.database);
    this.recoveryStore = new RecoveryStore(db.database, limits);
  }

  static async start(limits?: PageLimits): Promise<RecoveryBench> {
    const db = await migratedDatabase();
    await putBusinessDays(db.database, businessDaysFrom(ACCEPTED_AT));
    return new RecoveryBench(db, limits);
  }

  /** Gives the authority to the cache in epoch 1, and registers `pods`. */
  async begin(
    pods: readonly string[] = ['pod'],
    accounts: readonly Account[] = ACCOUNTS,
    format: Format = 1,
  ): Promise<void> {
    await this.db.reset(1, 'CACHE', format);
    await this.db.database.rows('UPDATE authority SET redis_node = ?, replid = ?, marker = ?', [
      SERVER.redisNode,
      SERVER.replid,
      SERVER.marker,
    ]);
    await openIn(this.db.database, accounts);
    this.epoch = await modelEpoch(accounts);
    for (const podId of pods) await this.authority.register(podId, 1);
  }

  /**
   * Sends each transfer in a call of its own, so that each has its own entry, with seqs 1, 2, 3, … @returns the whole
   * journal
   */
  async journal(...transfers: [id: string, source: string, destination: string, amount?: number][]) {
    for (const [id, source, destination, amount = 100] of transfers)
      await this.epoch.apply(order(id, { source, destination, amount }));
    return this.epoch.entries();
  }

  /** Writes the journal up to a seq to MySQL. */
  async flush(entries: readonly JournalEntry[], authorityEpoch = 1): Promise<void> {
    const { seq } = await this.flushes.cursor();
    const rest = entries.filter(({ firstSeq }) => firstSeq > seq);
    await this.flushes.commit(batchOf(rest, 1, seq), authorityEpoch);
  }

  async handOver(
    podId: string,
    entries: readonly JournalEntry[],
    inDoubt: readonly InDoubtAttempt[] = [],
    observed = 0,
  ) {
    await this.handOverStore.keep(1, podId, { entries, inDoubt });
    await this.handOverStore.complete(1, [podId], observed);
  }

  /** Recovers, page by page. */
  recover(from: Authority, recoveryStore = this.recoveryStore) {
    return done(() => recoveryStore.recoverFromHandOvers(from, BY));
  }
  /** Recovers from the late journal, which is read in pages of this many entries. */
  async late(
    from: Authority,
    entries: readonly JournalEntry[],
    end: number,
    { recoveryStore = this.recoveryStore, pageEntries = entries.length } = {},
  ): Promise<Authority | null> {
    const { seq } = await this.flushes.cursor();
    const rest = entries.filter((one) => lastSeqOf(one) > seq);
    for (let first = 0; first < rest.length; first += pageEntries)
      await recoveryStore.postJournal(from, rest.slice(first, first + pageEntries), end);
    return recoveryStore.unfreezeFromJournal(from, end, BY);
  }
  accept(from: Authority, by = BY, recoveryStore = this.recoveryStore) {
    return done(() => recoveryStore.acceptLoss(from, by));
  }

  async closing(): Promise<Authority> {
    const now = await this.authority.move(await this.authority.read(), 'CLOSING', BY);
    if (!now) throw new Error('the authority has moved');
    return now;
  }

  /**
   * Closes the epoch and lets all pods hand over, without seq 2 of this journal: t2 is in doubt, bob and cy are frozen.
   */
  async frozen(): Promise<{ now: Authority; journal: JournalEntry[] }> {
    const journal = await this.journal(
      ['t1', 'world', 'ada', 500],
      ['t2', 'bob', 'cy', 7],
      ['t3', 'cy', 'bob', 2],
      ['t4', 'world', 'ada', 50],
    );
    const closing = await this.closing();
    const missing = journal.filter(({ firstSeq }) => firstSeq !== 2);
    await this.handOver('pod', missing, [attempt('t2', 'bob', 'cy')], 4);
    const recovered = await this.recover(closing);
    if (!recovered || !('authority' in recovered)) throw new Error(JSON.stringify(recovered));
    return { now: recovered.authority, journal };
  }

  /** Everything that a recovery writes. */
  async everything(): Promise<Record<string, object[]>> {
    const tables = [
      ...['holds', 'hold_events', 'hold_captures'],
      ...['authority_log', 'flush_cursor', 'accounts', 'transfers', 'transfer_groups', 'account_changes', 'pods'],
      ...['drained_entries', 'drained_doubts', 'frozen_accounts', 'unsettled_ids', 'dropped_entries', 'epoch_recovery'],
    ];
    const all: Record<string, object[]> = { authority: [await this.existing()] };
    for (const table of tables) {
      const rows = await this.db.database.rows<object>(`SELECT * FROM ${table}`);
      all[table] = rows.map((row) =>
        // Auto-increment values are not reused after a rollback.
        Object.fromEntries(
          Object.entries(row).filter(
            ([column]) => !column.endsWith('_at') && `${table}.${column}` !== 'dropped_entries.id',
          ),
        ),
      );
    }
    return all;
  }

  async existing(): Promise<Omit<Authority, 'ageMs'>> {
    const { ageMs: _ageMs, ...rest } = await this.authority.read();
    return rest;
  }

  async frozenAccounts() {
    return this.db.database.rows<object>('SELECT account_id, epoch, reason FROM frozen_accounts ORDER BY account_id');
  }
  async unsettledIds() {
    return this.db.database.rows<object>('SELECT * FROM unsettled_ids ORDER BY kind, id');
  }
  async transfers(): Promise<string[]> {
    const rows = await this.db.database.rows<{ id: string }>('SELECT transaction_id AS id FROM transfers ORDER BY 1');
    return rows.map(({ id }) => id);
  }
}

/** Repeats a page until nothing is left to do. */
export async function done<T extends object>(
  page: () => Promise<T | null>,
): Promise<Exclude<T, { working: unknown }> | null> {
  for (;;) {
    const step = await page();
    if (step === null || !('working' in step)) return step as Exclude<T, { working: unknown }> | null;
  }
}

export const attempt = (id: string, ...accounts: string[]): InDoubtAttempt => ({ kind: 'transfers', id, accounts });
export const except = (entries: readonly JournalEntry[], ...seqs: number[]): JournalEntry[] =>
  entries.filter(({ firstSeq }) => !seqs.includes(firstSeq));
