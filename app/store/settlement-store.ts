import { isDeepStrictEqual } from 'node:util';
import type { Authority, CacheServerIdentity, Mode, MovedBy } from '../authority/authority.ts';
import { accountIdsOf, type DrainedEpoch, type Fold, fold, foldAccepting, type Settled } from '../authority/fold.ts';
import { replayRest, wholeJournal } from '../authority/late.ts';
import type { Settlement } from '../authority/ports.ts';
import { keyOf, receive, withoutTimes } from '../authority/received.ts';
import type { JournalEntry } from '../ledger/journal.ts';
import { batchOf, IntegrityError, movesOf } from '../sync/batch.ts';
import type { Journaled } from '../sync/journaled.ts';
import { lockedAuthority, NOTHING_WAITS, setAuthority } from './authority-row.ts';
import { type Cursor, FlushStore, Overtaken, readCursor } from './flush-store.ts';
import type { Database, Session } from './pool.ts';
import {
  drainedBatch,
  drainedDoubts,
  drainedEntries,
  drainedSeq,
  type KnownIds,
  knownIds,
  lockedAccounts,
  observedSeq,
  undrainedPods,
  unsettledIds,
} from './settlement-reader.ts';
import { freeze, keepUnsettled, unfreezeAll, writeBooks, writeLoss } from './settlement-writer.ts';

/** A statement of a settlement may touch 100,000 rows. */
const STATEMENT_TIMEOUT_MS = 60_000;

/** An authority that has an epoch of the cache to settle. */
type Unsettled = Authority & { cacheEpoch: number };

/**
 * Ends an epoch of the cache, and begins the next. Each is one transaction that locks the authority row first: whoever was
 * faster, whatever died half way and whether or not the answer of a commit arrived, it is done once or not at all.
 * Locks are taken in the order authority, cursor, accounts by id.
 */
export class SettlementStore implements Settlement {
  readonly #database: Database;
  readonly #flushes: FlushStore;
  constructor(database: Database) {
    this.#database = database;
    this.#flushes = new FlushStore(database);
  }

  async activate(from: Authority, server: CacheServerIdentity, by: MovedBy): Promise<Authority | null> {
    return this.#from(from, ['REBUILDING'], async (session, now) => {
      if (server.cacheEpoch !== now.epoch + 1)
        throw new Error(`epoch ${server.cacheEpoch} of the cache cannot follow ${now.epoch}`);
      const { cacheEpoch } = server;
      await session.run('UPDATE flush_cursor SET epoch = ?, seq = 0, committed_at = NOW(3) WHERE shard = 0', [
        cacheEpoch,
      ]);
      for (const table of ['pods', 'drained_doubts', 'drained_entries'])
        await session.run(`DELETE FROM ${table} WHERE epoch < ?`, [cacheEpoch]);
      return setAuthority(session, now, { ...server, mode: 'CACHE', bound: null }, by);
    });
  }

  async settleByJournal(
    from: Authority,
    to: 'REBUILDING' | 'DIRECT',
    end: number,
    by: MovedBy,
  ): Promise<Authority | null> {
    return this.#from(from, ['CLOSING'], async (session, now) => {
      const { cacheEpoch } = unsettled(now);
      const cursor = await lockedCursor(session, cacheEpoch);
      if (cursor.seq !== end) throw new Error(`the cursor is at ${cacheEpoch}/${cursor.seq}, not at ${end}`);
      await mustReach(session, cacheEpoch, end);
      return setAuthority(session, now, { ...NOTHING_WAITS, mode: to }, by);
    });
  }

  async settleByFold(
    from: Authority,
    by: MovedBy,
  ): Promise<{ authority: Authority; fold: Fold } | { undrained: string[] } | { unexplained: Fold } | null> {
    await this.#flushDrained(from);
    return this.#from(from, ['CLOSING'], async (session, now) => {
      const { cacheEpoch } = unsettled(now);
      const cursor = await lockedCursor(session, cacheEpoch);
      // Who has drained is asked before what was drained: then all of it is seen.
      const undrained = await undrainedPods(session, cacheEpoch, cursor.seq);
      if (undrained.length > 0) return { undrained };
      const folded = fold(await drainedEpoch(session, cacheEpoch, cursor));
      if (folded.kind === 'unexplained') return { unexplained: folded };
      await writeBooks(session, { ...folded, epoch: cacheEpoch });
      await freeze(session, cacheEpoch, folded.frozen);
      await keepUnsettled(session, cacheEpoch, folded.unsettled);
      return {
        authority: await setAuthority(session, now, { ...standingAfter(now, folded), mode: 'DIRECT' }, by),
        fold: folded,
      };
    });
  }

  async settleLate(
    from: Authority,
    entries: readonly JournalEntry[],
    end: number,
    by: MovedBy,
  ): Promise<Authority | null> {
    return this.#from(from, ['DIRECT'], async (session, now) => {
      const { cacheEpoch, bound } = unsettled(now);
      const cursor = await lockedCursor(session, cacheEpoch);
      if (end < (bound ?? 0)) throw new IntegrityError(`the journal ends at ${end}, and ${bound} was observed`);
      await mustReach(session, cacheEpoch, end);
      const told = wholeJournal(entries, cacheEpoch, cursor.seq, end);
      const known = await knownIds(session, told);
      const rest = told.filter((one) => !stands(one, known, cacheEpoch));
      const accounts = await lockedAccounts(session, [...new Set(rest.flatMap((one) => one.accounts))].sort());
      const { outcomes, changes, idTimeMax } = replayRest(rest, accounts);
      const moves = movesOf(outcomes);
      await writeBooks(session, { epoch: cacheEpoch, outcomes, changes, moves, cursor: end, idTimeMax });
      await unfreezeAll(session);
      return setAuthority(session, now, { ...NOTHING_WAITS, mode: 'DIRECT' }, by);
    });
  }

  async acceptLoss(from: Authority, by: MovedBy): Promise<{ authority: Authority; dropped: number } | null> {
    if (from.mode === 'CLOSING') {
      await this.#flushDrained(from).catch((error: unknown) => {
        // What contradicts the books is given up below.
        if (!(error instanceof IntegrityError)) throw error;
      });
    }
    return this.#from(from, ['CLOSING', 'DIRECT'], async (session, now) => {
      const { cacheEpoch } = unsettled(now);
      const cursor = await lockedCursor(session, cacheEpoch);
      const loss =
        now.mode === 'CLOSING'
          ? await lossOfClosing(session, cacheEpoch, cursor)
          : await lossOfFrozen(session, cacheEpoch, cursor);
      const dropped = await writeLoss(session, now, loss, by);
      await unfreezeAll(session);
      return { authority: await setAuthority(session, now, { ...NOTHING_WAITS, mode: 'DIRECT' }, by), dropped };
    });
  }

  /**
   * Brings a long tail to the books batch by batch, as the flush would, as far as it follows on the cursor without a gap: what
   * was received and follows is the journal, whoever else drains or not. What is left to fold is short.
   */
  async #flushDrained({ epoch, cacheEpoch }: Authority): Promise<void> {
    if (cacheEpoch === null) return;
    for (;;) {
      const cursor = await readCursor(this.#database);
      if (cursor.epoch !== cacheEpoch) return;
      const entries = await drainedBatch(this.#database, cacheEpoch, cursor.seq);
      if (entries.length === 0) return;
      try {
        await this.#flushes.commit(batchOf(entries, cacheEpoch, cursor.seq), epoch);
      } catch (error) {
        if (error instanceof Overtaken) return;
        throw error;
      }
    }
  }

  /** @returns null when the authority has moved. @throws Error when it is in another mode */
  async #from<T>(
    from: Authority,
    modes: readonly Mode[],
    work: (session: Session, now: Authority) => Promise<T>,
  ): Promise<T | null> {
    return this.#database.transaction(
      async (session) => {
        const now = await lockedAuthority(session, from.epoch);
        if (!now) return null;
        if (!modes.includes(now.mode)) throw new Error(`the authority is ${now.mode}, not ${modes.join(' or ')}`);
        return work(session, now);
      },
      'read-committed',
      STATEMENT_TIMEOUT_MS,
    );
  }
}

function unsettled(now: Authority): Unsettled {
  const { cacheEpoch } = now;
  if (cacheEpoch === null) throw new Error('no epoch of the cache waits to be settled');
  return { ...now, cacheEpoch };
}

async function lockedCursor(session: Session, epoch: number): Promise<Cursor> {
  const cursor = await readCursor(session, 'FOR UPDATE');
  if (cursor.epoch !== epoch) throw new Error(`the cursor is in epoch ${cursor.epoch}, not in ${epoch}`);
  return cursor;
}

/** A journal that ends before something that a pod was told of has lost it. */
async function mustReach(session: Session, epoch: number, end: number): Promise<void> {
  const known = Math.max(await observedSeq(session, epoch), await drainedSeq(session, epoch));
  if (end < known) throw new IntegrityError(`the journal of epoch ${epoch} ends at ${end}, and ${known} was observed`);
}

async function drainedEpoch(session: Session, epoch: number, cursor: Cursor): Promise<DrainedEpoch> {
  const entries = await drainedEntries(session, epoch, cursor.seq);
  return {
    epoch,
    cursor: cursor.seq,
    observed: await observedSeq(session, epoch),
    entries,
    inDoubt: await drainedDoubts(session, epoch),
    accounts: await lockedAccounts(session, accountIdsOf(entries, epoch, cursor.seq)),
  };
}

/** While ids wait for the journal, the row keeps what the journal will be known by. */
function standingAfter(now: Authority, { bound, cursor }: Settled) {
  const { cacheEpoch, redisNode, replid, marker } = now;
  return cursor < bound ? { cacheEpoch, redisNode, replid, marker, bound } : NOTHING_WAITS;
}

/** Whether MySQL has it. @throws IntegrityError when what it has is something else */
function stands(told: Journaled, known: KnownIds, epoch: number): boolean {
  const [standing, expected] =
    told.kind === 'transfers'
      ? [known.outcomes.get(told.id), { ...told.outcome, replayed: true, persisted: true }]
      : [known.changes.get(told.id), { ...told.change, epoch }];
  if (!standing) return false;
  if (isDeepStrictEqual(withoutTimes(standing), withoutTimes(expected))) return true;
  throw new IntegrityError(`${told.kind} ${told.id} is in MySQL with another content than in the journal`);
}

async function lossOfClosing(session: Session, epoch: number, cursor: Cursor) {
  const { settled, loss } = foldAccepting(await drainedEpoch(session, epoch, cursor));
  await writeBooks(session, { ...settled, epoch });
  return loss;
}

/** The fold before has applied what can be: all that was drained and is not in MySQL was held. */
async function lossOfFrozen(session: Session, epoch: number, cursor: Cursor) {
  const { told, keys } = receive(await drainedEntries(session, epoch, cursor.seq), epoch, cursor.seq);
  const known = await knownIds(session, told);
  const held = told.filter((one) => !stands(one, known, epoch));
  const inDoubt = (await unsettledIds(session)).filter((doubt) => !keys.has(keyOf(doubt)));
  return { held, inDoubt, gaps: [] };
}
