import type { AcceptedLossStep, EpochRecoveryStore, RecoveryStep } from '../../authority/authority-ports.ts';
import type { Authority, CacheServerIdentity, Mode, MovedBy } from '../../domain/authority.ts';
import { type Cursor, CursorConflictError } from '../../journal/cursor.ts';
import { IntegrityError } from '../../journal/flush-batch.ts';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import { receive } from '../../journal/recovery/received.ts';
import { batchUpToGap, type Recovery } from '../../journal/recovery/recovery.ts';
import type { Database, Session } from '../connection/pool.ts';
import { FlushStore, readCursor } from '../ledger/flush-store.ts';
import { authorityOf, authoritySelect, lockedAuthority, NOTHING_WAITS, setAuthority } from '../rows/authority-row.ts';
import {
  beginRecovery,
  endRecovery,
  flushing,
  progressOf,
  type RecoveryRow,
  readRecovery,
} from '../rows/recovery-row.ts';
import {
  comparePage,
  countPage,
  freezePage,
  journalPage,
  type PageContext,
  postPage,
  postPageAccepting,
  recordPage,
  upToGapPage,
} from './recovery-pages.ts';
import {
  handedOverCount,
  handedOverPage,
  handedOverSeq,
  highestKnownSeqOf,
  inDoubtCount,
  isLong,
  observedSeq,
  PAGE_LIMITS,
  type PageLimits,
  podsNotHandedOver,
} from './recovery-reader.ts';
import { duplicateAsIntegrity, sweepUnsettled, unfreeze } from './recovery-writer.ts';

/**
 * Timeouts are long, because a statement of a page affects about 10,000 rows, and a counting statement reads all
 * handed-over rows.
 */
const STATEMENT_TIMEOUT_MS = 60_000;

/** An authority with a cache epoch to recover. */
type Unsettled = Authority & { cacheEpoch: number };

/** The state that any page reads; `row` is null if no recovery has begun. */
type Found = Omit<PageContext, 'row'> & { row: RecoveryRow | null };

/**
 * Ends a cache epoch, and begins the next one. An epoch may end with millions of outcomes that MySQL does not have.
 * They are posted in pages, each of which is written in one transaction together with the progress of the recovery. The
 * transition is the last transaction; until then the ledger's mode does not change. Each page takes effect exactly once
 * or not at all, even if several keepers compete, a process dies halfway, or the reply to a commit is lost. Locks are
 * taken in the order authority, cursor, accounts by id.
 */
export class RecoveryStore implements EpochRecoveryStore {
  readonly #database: Database;
  readonly #flushes: FlushStore;
  readonly #limits: PageLimits;
  constructor(database: Database, limits = PAGE_LIMITS) {
    this.#database = database;
    this.#flushes = new FlushStore(database);
    this.#limits = limits;
  }

  async recovery(from: Authority): Promise<Recovery | null> {
    const row = await readRecovery(this.#database, from);
    return row && progressOf(row);
  }

  async activate(from: Authority, server: CacheServerIdentity, by: MovedBy): Promise<Authority | null> {
    return this.#from(from, ['REBUILDING'], async (session, now) => {
      if (server.cacheEpoch !== now.epoch + 1)
        throw new Error(`cache epoch ${server.cacheEpoch} cannot follow ${now.epoch}`);
      const { cacheEpoch } = server;
      await session.run(
        (own) => `UPDATE flush_cursor SET epoch = ?, seq = 0, committed_at = NOW(3) WHERE ${own()}`,
        [cacheEpoch],
      );
      // Handed-over rows of older epochs are obsolete. There may be millions, so housekeeping deletes them.
      await session.run('DELETE FROM pods WHERE epoch < ?', [cacheEpoch]);
      const { format } = now;
      return setAuthority(
        session,
        now,
        { ...server, mode: 'CACHE', format, cacheFormat: format, highestKnownSeq: null },
        by,
      );
    });
  }

  async finishFromJournal(
    from: Authority,
    to: 'REBUILDING' | 'DIRECT',
    end: number,
    by: MovedBy,
  ): Promise<Authority | null> {
    return this.#from(from, ['CLOSING'], async (session, now) => {
      const { cacheEpoch } = unsettled(now);
      const cursor = await lockedCursor(session, cacheEpoch);
      mustNotBeAccepted(await readRecovery(session, now));
      if (cursor.seq !== end) throw new Error(`the cursor is at ${cacheEpoch}/${cursor.seq}, not at ${end}`);
      await mustReach(session, now, end);
      return finishRecovery(session, now, to, by);
    });
  }

  async recoverFromHandOvers(from: Authority, by: MovedBy): Promise<RecoveryStep | null> {
    const flushed = await this.#flushHandedOver(from);
    if (flushed) return { working: flushed };
    const step = await this.#page<RecoveryStep | 'recovered'>(from, ['CLOSING'], async (found) => {
      const { session, now, cursor, row } = found;
      mustNotBeAccepted(row);
      // The list of pods that have handed over is read before the entries, so that all entries of these pods are
      // visible.
      const notHandedOver = await podsNotHandedOver(session, now.cacheEpoch, cursor.seq);
      if (notHandedOver.length > 0) return { notHandedOver };
      const highestKnownSeq = await highestKnownSeqOf(session, now.cacheEpoch, cursor);
      if (cursor.seq === highestKnownSeq) return 'recovered';
      if (!row || row.phase === 'journal' || row.highestKnownSeq !== highestKnownSeq)
        return beginFromHandOvers(found, highestKnownSeq);
      const context = { ...found, row };
      const flushed = await upToGapPage(context);
      if (flushed) return { working: flushed };
      switch (row.phase) {
        case 'counting': {
          const counted = await countPage(context);
          return 'kind' in counted ? { unexplained: counted } : { working: counted };
        }
        case 'freezing':
          return { working: await freezePage(context) };
        case 'posting':
          return { working: await postPage(context) };
        default:
          return 'recovered';
      }
    });
    return step === 'recovered' ? this.#finishFromHandOvers(from, by) : step;
  }

  async #finishFromHandOvers(from: Authority, by: MovedBy): Promise<RecoveryStep | null> {
    return this.#from(from, ['CLOSING'], async (session, now): Promise<RecoveryStep> => {
      const { cacheEpoch } = unsettled(now);
      const cursor = await lockedCursor(session, cacheEpoch);
      const row = await readRecovery(session, now);
      const highestKnownSeq = await highestKnownSeqOf(session, cacheEpoch, cursor);
      mustNotBeAccepted(row);
      const notHandedOver = await podsNotHandedOver(session, cacheEpoch, cursor.seq);
      if (notHandedOver.length > 0) return { notHandedOver };
      if (cursor.seq === highestKnownSeq) return { authority: await finishRecovery(session, now, 'DIRECT', by) };
      if (row?.phase !== 'done' || row.highestKnownSeq !== highestKnownSeq)
        return { working: row ? progressOf(row) : flushing(cursor, highestKnownSeq) };
      await endRecovery(session);
      // While ids wait for the journal, the row keeps the data that identifies this journal.
      return { authority: await setAuthority(session, now, { ...now, highestKnownSeq, mode: 'DIRECT' }, by) };
    });
  }

  async postJournal(from: Authority, entries: readonly JournalEntry[], end: number): Promise<Recovery | null> {
    return this.#page(from, ['CLOSING', 'DIRECT'], async (found) => {
      mustNotBeAccepted(found.row);
      await mustReach(found.session, found.now, end);
      return journalPage(found, entries, end);
    });
  }

  async unfreezeFromJournal(from: Authority, end: number, by: MovedBy): Promise<Authority | null> {
    return this.#from(from, ['DIRECT'], async (session, now) => {
      const { cacheEpoch } = unsettled(now);
      const cursor = await lockedCursor(session, cacheEpoch);
      mustNotBeAccepted(await readRecovery(session, now));
      await mustReach(session, now, end);
      if (cursor.seq !== end) throw new Error(`the cursor is at ${cacheEpoch}/${cursor.seq}, not at ${end}`);
      return finishRecovery(session, now, 'DIRECT', by);
    });
  }

  async acceptLoss(from: Authority, by: MovedBy): Promise<AcceptedLossStep | null> {
    const step = await this.#page<Recovery>(from, ['CLOSING', 'DIRECT'], async (found) => {
      const { session, now, cursor, row } = found;
      if (!row?.accepted) {
        const phase = now.mode === 'CLOSING' ? 'posting' : 'comparing';
        const highestKnownSeq = await highestKnownSeqOf(session, now.cacheEpoch, cursor);
        const { cacheEpoch } = now;
        return progressOf(
          await beginRecovery(session, now, { cacheEpoch, phase, position: cursor.seq, highestKnownSeq, accepted: by }),
        );
      }
      const context = { ...found, row };
      if (row.phase === 'posting') return postPageAccepting(context, row.accepted);
      if (row.phase === 'comparing') return comparePage(context, row.accepted);
      return row.phase === 'recording' ? recordPage(context, row.accepted) : progressOf(row);
    });
    if (step?.phase !== 'done') return step && { working: step };
    return this.#from(from, ['CLOSING', 'DIRECT'], async (session, now) => {
      const row = await readRecovery(session, now);
      if (!row?.accepted || row.phase !== 'done') throw new Error('the acceptance of the loss has restarted');
      return { authority: await finishRecovery(session, now, 'DIRECT', row.accepted), dropped: row.held };
    });
  }

  /**
   * Posts the next handed-over entries as the flush would, if they follow the cursor without a gap: such entries belong
   * to the journal, whatever other pods hand over. While pods are still handing over, it does so only if there are many
   * entries.
   */
  async #flushHandedOver({ epoch, cacheEpoch }: Authority): Promise<Recovery | null> {
    if (cacheEpoch === null) return null;
    // Once a recovery has begun, MySQL may have entries above the cursor. The flush does not expect such entries, but
    // the recovery's own pages do.
    if (await readRecovery(this.#database, { epoch })) return null;
    const cursor = await readCursor(this.#database);
    if (cursor.epoch !== cacheEpoch) return null;
    const notHandedOver = await podsNotHandedOver(this.#database, cacheEpoch, cursor.seq);
    if (notHandedOver.length > 0 && !(await isLong(this.#database, cacheEpoch, cursor.seq))) return null;
    const { entries } = await handedOverPage(this.#database, cacheEpoch, cursor.seq, this.#limits);
    const batch = batchUpToGap(receive(entries, cacheEpoch, cursor.seq).items, cursor);
    if (batch.lastSeq === cursor.seq) return null;
    try {
      await this.#flushes.commit(batch, epoch);
    } catch (error) {
      if (!(error instanceof CursorConflictError)) throw duplicateAsIntegrity(error);
      const now = authorityOf(await this.#database.rows(authoritySelect));
      if (now.epoch !== epoch) return null;
    }
    return flushing({ ...cursor, seq: batch.lastSeq }, await handedOverSeq(this.#database, cacheEpoch));
  }

  /**
   * Runs a page; processes that work on MySQL directly continue in the meantime. @returns null if the authority has
   * moved
   */
  async #page<T>(from: Authority, modes: readonly Mode[], work: (found: Found) => Promise<T>): Promise<T | null> {
    return this.#database.transaction(
      async (session) => {
        const now = authorityOf(await session.rows((own) => `${authoritySelect(own)} LOCK IN SHARE MODE`));
        if (now.epoch !== from.epoch) return null;
        mustBeIn(now, modes);
        const waiting = unsettled(now);
        const cursor = await lockedCursor(session, waiting.cacheEpoch);
        const row = await readRecovery(session, now);
        return work({ session, now: waiting, cursor, row, limits: this.#limits });
      },
      'read-committed',
      STATEMENT_TIMEOUT_MS,
    );
  }

  /** Runs a transition. @returns null if the authority has moved. @throws Error if it is in another mode */
  async #from<T>(
    from: Authority,
    modes: readonly Mode[],
    work: (session: Session, now: Authority) => Promise<T>,
  ): Promise<T | null> {
    return this.#database.transaction(
      async (session) => {
        const now = await lockedAuthority(session, from.epoch);
        if (!now) return null;
        mustBeIn(now, modes);
        return work(session, now);
      },
      'read-committed',
      STATEMENT_TIMEOUT_MS,
    );
  }
}

function mustBeIn({ mode }: Authority, modes: readonly Mode[]): void {
  if (!modes.includes(mode)) throw new Error(`the authority is ${mode}, not ${modes.join(' or ')}`);
}

/** An operator's decision is final, even if Redis returns in the meantime. */
function mustNotBeAccepted(row: RecoveryRow | null): void {
  if (row?.accepted) throw new Error(`${row.accepted.keeper} has accepted the loss, which is being applied`);
}

function unsettled(now: Authority): Unsettled {
  const { cacheEpoch } = now;
  if (cacheEpoch === null) throw new Error('no cache epoch is waiting for recovery');
  return { ...now, cacheEpoch };
}

async function lockedCursor(session: Session, epoch: number): Promise<Cursor> {
  const cursor = await readCursor(session, 'FOR UPDATE');
  if (cursor.epoch !== epoch) throw new Error(`the cursor is in epoch ${cursor.epoch}, not in ${epoch}`);
  return cursor;
}

/** If the journal ends before a seq that a pod has received, the journal has lost data. */
async function mustReach(session: Session, { cacheEpoch, highestKnownSeq }: Authority, end: number): Promise<void> {
  if (end < (highestKnownSeq ?? 0))
    throw new IntegrityError(`the journal ends at ${end}, but ${highestKnownSeq} was observed`);
  const epoch = cacheEpoch ?? 0;
  const known = Math.max(await observedSeq(session, epoch), await handedOverSeq(session, epoch));
  if (end < known) throw new IntegrityError(`the journal of epoch ${epoch} ends at ${end}, but ${known} was observed`);
}

/** Nothing waits for this epoch anymore. */
async function finishRecovery(session: Session, now: Authority, mode: 'DIRECT' | 'REBUILDING', by: MovedBy) {
  await unfreeze(session);
  await endRecovery(session);
  return setAuthority(session, now, { ...now, ...NOTHING_WAITS, mode }, by);
}

/** Some seqs are missing. Each may belong to an in-doubt attempt, unless there are more missing seqs than attempts. */
async function beginFromHandOvers({ session, now, cursor }: Found, highestKnownSeq: number): Promise<RecoveryStep> {
  const { cacheEpoch } = now;
  if (await sweepUnsettled(session, cacheEpoch)) return { working: flushing(cursor, highestKnownSeq) };
  const missing = highestKnownSeq - cursor.seq - (await handedOverCount(session, cacheEpoch, cursor.seq));
  const inDoubt = await inDoubtCount(session, cacheEpoch);
  if (missing > inDoubt) return { unexplained: { kind: 'unexplained', missing, inDoubt, highestKnownSeq } };
  const begun = { cacheEpoch, phase: 'counting', position: cursor.seq, highestKnownSeq } as const;
  return { working: progressOf(await beginRecovery(session, now, begun)) };
}
