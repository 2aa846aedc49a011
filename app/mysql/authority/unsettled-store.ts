import type { Authority } from '../../domain/authority.ts';
import type { InDoubtAttempt } from '../../journal/journal-entry.ts';
import type { FrozenAccount } from '../../journal/recovery/recover-epoch.ts';
import type { Recovery } from '../../journal/recovery/recovery.ts';
import type { Database, Session } from '../connection/pool.ts';
import { readCursor } from '../ledger/flush-store.ts';
import { inAnyFormat } from '../rows/authority-row.ts';
import { flushing, progressOf, readRecovery } from '../rows/recovery-row.ts';
import { WAITS } from '../rows/unsettled-rows.ts';
import { attemptOf, highestKnownSeqOf } from './recovery-reader.ts';

/** The first items, and the total number of items. */
export interface Listed<T> {
  total: number;
  items: T[];
}

/**
 * The information that an operator needs while a cache epoch has not been recovered, and the entries that were dropped
 * earlier.
 */
export interface UnsettledReport {
  /**
   * Accounts that wait for the journal of `epoch`, the oldest first. `frozenForMs` is the time since they were frozen.
   */
  frozenAccounts: Listed<FrozenAccount & { epoch: number; frozenForMs: number }>;
  /** Ids whose outcomes are only in that journal. */
  ids: Listed<InDoubtAttempt & { epoch: number }>;
  /** Pods of the closing epoch that may have entries that MySQL does not have: the recovery waits for them. */
  undrainedPods: Listed<{ podId: string; observed: number; silentMs: number }>;
  /** Entries that operators have dropped, latest first. `what` is everything that is known about an entry. */
  dropped: Listed<{
    id: number;
    cacheEpoch: number;
    kind: InDoubtAttempt['kind'];
    entryId: string;
    what: unknown;
    acceptedBy: string;
    reason: string;
    /** ms since 1970. */
    droppedAt: number;
  }>;
}

/**
 * Lists for operators: the accounts and ids that wait for a journal, the pods that the recovery waits for, and the entries that
 * were dropped.
 */
export class UnsettledStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /** The number of accounts that wait. @throws Problem database_unavailable */
  async frozenAccounts(): Promise<number> {
    const [row] = await this.#database.rows<{ total: number }>(
      `SELECT COUNT(*) AS total FROM frozen_accounts WHERE ${WAITS}`,
    );
    return row?.total ?? 0;
  }

  /**
   * Progress of an epoch recovery; null if no work is known to remain. While the journal itself is read, only Redis knows its
   * end, and the highest known seq is the highest seq that pods have reported. @throws Problem database_unavailable
   */
  async recovery(now: Authority): Promise<Recovery | null> {
    const row = await readRecovery(this.#database, now);
    if (row) return progressOf(row);
    if (now.mode !== 'CLOSING' || now.cacheEpoch === null) return null;
    const cursor = await readCursor(this.#database);
    const highestKnownSeq = await highestKnownSeqOf(this.#database, now.cacheEpoch, cursor);
    return cursor.epoch === now.cacheEpoch && cursor.seq < highestKnownSeq ? flushing(cursor, highestKnownSeq) : null;
  }

  /** The number of entries dropped under an epoch of the authority. @throws Problem database_unavailable */
  async droppedUnder(authorityEpoch: number): Promise<number> {
    const [row] = await this.#database.rows<{ total: number }>(
      'SELECT COUNT(*) AS total FROM dropped_entries WHERE authority_epoch = ?',
      [authorityEpoch],
    );
    return row?.total ?? 0;
  }

  /** The first accounts that wait. @throws Problem database_unavailable */
  async frozen(itemsMax: number): Promise<UnsettledReport['frozenAccounts']> {
    return this.#reading((list) => list(`frozen_accounts WHERE ${WAITS}`, FROZEN, FROZEN_ORDER, itemsMax, frozenOf));
  }

  /**
   * All lists are from one snapshot and contain at most `itemsMax` items; the list of dropped entries is also
   * limited to DROPPED_BYTES_MAX.
   * @throws Problem database_unavailable
   */
  async report(itemsMax: number): Promise<UnsettledReport> {
    return this.#reading(async (list, session) => {
      const listed = <Row, T>(from: string, columns: string, order: string, of: (row: Row) => T): Promise<Listed<T>> =>
        list(from, columns, order, itemsMax, of);
      return {
        frozenAccounts: await listed(`frozen_accounts WHERE ${WAITS}`, FROZEN, FROZEN_ORDER, frozenOf),
        ids: await listed(`unsettled_ids WHERE ${WAITS}`, UNSETTLED, 'kind, id', ({ epoch, ...row }: UnsettledRow) => ({
          ...attemptOf(row),
          epoch,
        })),
        undrainedPods: await listed(UNDRAINED_PODS, UNDRAINED, 'p.heartbeat_at, p.pod_id', podOf),
        dropped: await latestDropped(session, itemsMax),
      };
    });
  }

  /** Reads in one transaction with a longer timeout, because there may be millions of rows to count. */
  #reading<T>(work: (list: List, session: Session) => Promise<T>): Promise<T> {
    return this.#database.transaction(
      (session) =>
        work(async (from, columns, order, itemsMax, of) => {
          const [count] = await session.rows<{ total: number }>(`SELECT COUNT(*) AS total FROM ${from}`);
          const rows = await session.rows<Parameters<typeof of>[0]>(
            `SELECT ${columns} FROM ${from} ORDER BY ${order} LIMIT ?`,
            [itemsMax],
          );
          return { total: count?.total ?? 0, items: rows.map(of) };
        }, session),
      'snapshot',
      LISTING_TIMEOUT_MS,
    );
  }
}

/**
 * The latest dropped entries, limited to a response size that a process handles easily: an entry may contain 18 KB of
 * metadata.
 */
async function latestDropped(session: Session, itemsMax: number): Promise<UnsettledReport['dropped']> {
  const [count] = await session.rows<{ total: number }>('SELECT COUNT(*) AS total FROM dropped_entries');
  const sizes = await session.rows<{ bytes: number }>(
    'SELECT LENGTH(what) AS bytes FROM dropped_entries ORDER BY `id` DESC LIMIT ?',
    [itemsMax],
  );
  let [fit, total] = [0, 0];
  for (const { bytes } of sizes) {
    total += bytes;
    if (fit > 0 && total > DROPPED_BYTES_MAX) break;
    fit += 1;
  }
  const rows = await session.rows<DroppedRow>(`SELECT ${DROPPED} FROM dropped_entries ORDER BY \`id\` DESC LIMIT ?`, [
    fit,
  ]);
  return { total: count?.total ?? 0, items: rows.map(droppedOf) };
}

const DROPPED_BYTES_MAX = 1024 * 1024;
const LISTING_TIMEOUT_MS = 20_000;
const FROZEN_ORDER = 'frozen_at, account_id';
type List = <Row, T>(
  from: string,
  columns: string,
  order: string,
  itemsMax: number,
  of: (row: Row) => T,
) => Promise<Listed<T>>;

const FROZEN = 'account_id, epoch, reason, TIMESTAMPDIFF(MICROSECOND, frozen_at, NOW(3)) AS frozen_us';
interface FrozenRow {
  account_id: string;
  epoch: number;
  reason: FrozenAccount['reason'];
  frozen_us: number;
}
const frozenOf = (row: FrozenRow) => ({
  accountId: row.account_id,
  epoch: row.epoch,
  reason: row.reason,
  frozenForMs: row.frozen_us / 1000,
});

const UNSETTLED = 'kind, `id`, epoch, account_id, other_account_id';
type UnsettledRow = Parameters<typeof attemptOf>[0] & { epoch: number };

const UNDRAINED_PODS = `pods p JOIN authority a ON a.mode IN ${inAnyFormat('CLOSING')} AND a.cache_epoch = p.epoch
  JOIN flush_cursor c
  WHERE p.drained_at IS NULL AND (p.retired_seq IS NULL OR c.epoch <> p.epoch OR p.retired_seq > c.seq)`;
const UNDRAINED = 'p.pod_id, p.observed_seq, TIMESTAMPDIFF(MICROSECOND, p.heartbeat_at, NOW(3)) AS silent_us';
interface PodRow {
  pod_id: string;
  observed_seq: number;
  silent_us: number;
}
const podOf = (row: PodRow) => ({
  podId: row.pod_id,
  observed: row.observed_seq,
  silentMs: row.silent_us / 1000,
});

const DROPPED = '`id`, cache_epoch, kind, entry_id, what, accepted_by, reason, dropped_at';
interface DroppedRow {
  id: number;
  cache_epoch: number;
  kind: InDoubtAttempt['kind'];
  entry_id: string;
  what: string;
  accepted_by: string;
  reason: string;
  dropped_at: Date;
}
const droppedOf = (row: DroppedRow) => ({
  id: row.id,
  cacheEpoch: row.cache_epoch,
  kind: row.kind,
  entryId: row.entry_id,
  what: JSON.parse(row.what) as unknown,
  acceptedBy: row.accepted_by,
  reason: row.reason,
  droppedAt: row.dropped_at.getTime(),
});
