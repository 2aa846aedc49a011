import type { KeeperAuthority, PodAuthority } from '../../authority/authority-ports.ts';
import {
  type Authority,
  FORMAT_MAX,
  type LivePod,
  type Mode,
  type MovedBy,
  type PodRow,
} from '../../domain/authority.ts';
import type { BusinessCalendar } from '../../domain/business-calendar.ts';
import type { Cursor } from '../../journal/cursor.ts';
import type { Database } from '../connection/pool.ts';
import { readCursor } from '../ledger/flush-store.ts';
import {
  type AuthorityColumns,
  authorityOf,
  authoritySelect,
  inAnyFormat,
  lockedAuthority,
  modeOf,
  NOTHING_WAITS,
  setAuthority,
} from '../rows/authority-row.ts';
import { readCalendar } from '../rows/business-day-row.ts';
import { idsBetween } from '../rows/ids-between.ts';
import { handedOverSeq, observedSeq } from './recovery-reader.ts';

/** The authority row, its log, the registered pods, and the live processes. */
export class AuthorityStore implements PodAuthority, KeeperAuthority {
  readonly #database: Database;
  readonly #heard: ((timeMs: number, mode: Mode) => void) | undefined;

  /** @param heard is called at every read with MySQL's clock, ms, and the mode of the authority */
  constructor(database: Database, heard?: (timeMs: number, mode: Mode) => void) {
    this.#database = database;
    this.#heard = heard;
  }

  async read(): Promise<Authority> {
    const rows = await this.#database.rows<AuthorityColumns>(authoritySelect);
    const [row] = rows;
    const authority = authorityOf(rows);
    if (row) this.#heard?.(row.now_ms, authority.mode);
    return authority;
  }

  calendar(): Promise<BusinessCalendar> {
    return readCalendar(this.#database);
  }

  async cursor(): Promise<Cursor> {
    return readCursor(this.#database);
  }

  /** @throws Error if the move would drop an unrecovered cache epoch, which only an epoch recovery may end */
  async move(from: Authority, mode: Exclude<Mode, 'CACHE'>, by: MovedBy): Promise<Authority | null> {
    return this.#database.transaction(async (session) => {
      const now = await lockedAuthority(session, from.epoch);
      if (!now) return null;
      if (now.cacheEpoch !== null && !(now.mode === 'CACHE' && mode === 'CLOSING'))
        throw new Error(`epoch ${now.cacheEpoch} has to be recovered: no move from ${now.mode} to ${mode}`);
      const waiting = mode === 'CLOSING' ? now : NOTHING_WAITS;
      return setAuthority(session, now, { ...now, ...waiting, mode }, by);
    });
  }

  /**
   * Moves from DIRECT to DIRECT, to an epoch above the fence of a Redis that is taken over, so that the new epoch is higher
   * than every epoch of the former owner. @returns null if the authority is in another mode or epoch, or if something waits for
   * a journal
   */
  async goBeyond(from: Authority, fence: number, by: MovedBy): Promise<Authority | null> {
    return this.#database.transaction(async (session) => {
      const now = await lockedAuthority(session, from.epoch);
      if (now?.mode !== 'DIRECT' || now.cacheEpoch !== null) return null;
      return setAuthority(
        session,
        { ...now, epoch: Math.max(now.epoch, fence) },
        { ...now, ...NOTHING_WAITS, mode: 'DIRECT' },
        by,
      );
    });
  }

  async idsBetween(after: number, upTo: number): Promise<string[] | null> {
    return idsBetween(this.#database, after, upTo);
  }

  async closingsWithin(ms: number): Promise<number> {
    const [row] = await this.#database.rows<{ closings: number }>(
      `SELECT COUNT(*) AS closings FROM authority_log
       WHERE \`mode\` IN ${inAnyFormat('CLOSING')} AND changed_at > NOW(3) - INTERVAL ? MICROSECOND`,
      [Math.round(ms * 1000)],
    );
    return row?.closings ?? 0;
  }

  /**
   * Registers a pod under a share lock of the authority row: with a plain insert, a registration could commit after a keeper
   * has ended the epoch and read the list of pods. Values that the row has from an older epoch are reset.
   */
  async register(podId: string, epoch: number): Promise<boolean> {
    return this.#database.transaction(async (session) => {
      const [row] = await session.rows<Pick<AuthorityColumns, 'epoch' | 'mode'>>(
        (own) => `SELECT epoch, \`mode\` FROM authority WHERE ${own()} LOCK IN SHARE MODE`,
      );
      if (!row || row.epoch !== epoch || modeOf(row.mode).mode !== 'CACHE') return false;
      await session.run(
        `INSERT INTO pods (pod_id, epoch) VALUES (?, ?)
         ON DUPLICATE KEY UPDATE
           observed_seq = IF(epoch = VALUES(epoch), observed_seq, 0),
           retired_seq = IF(epoch = VALUES(epoch), retired_seq, NULL),
           drained_at = NULL,
           epoch = VALUES(epoch),
           heartbeat_at = NOW(3)`,
        [podId, epoch],
      );
      return true;
    });
  }

  async heartbeat({ processId, redisSeen, registration }: Parameters<PodAuthority['heartbeat']>[0]): Promise<void> {
    // MySQL assigns from left to right, so redis_since must come first: it depends on the previous
    // value of redis_seen.
    await this.#database.rows(
      `INSERT INTO processes (process_id, redis_seen, format_max) VALUES (?, ?, ?)
       ON DUPLICATE KEY UPDATE
         redis_since = IF(redis_seen = VALUES(redis_seen), redis_since, NOW(3)),
         redis_seen = VALUES(redis_seen),
         heartbeat_at = NOW(3)`,
      [processId, redisSeen, FORMAT_MAX],
    );
    if (!registration) return;
    await this.#database.rows(
      'UPDATE pods SET heartbeat_at = NOW(3), observed_seq = GREATEST(observed_seq, ?) WHERE pod_id = ?',
      [registration.observed, registration.podId],
    );
  }

  async observedIn(epoch: number): Promise<number> {
    return Math.max(await observedSeq(this.#database, epoch), await handedOverSeq(this.#database, epoch));
  }

  async allHandedOver(epoch: number): Promise<boolean> {
    const rows = await this.#database.rows(
      (own) => `SELECT 1 FROM pods p JOIN flush_cursor c ON ${own('c')}
       WHERE p.epoch = ? AND p.drained_at IS NULL AND (p.retired_seq IS NULL OR c.epoch <> p.epoch OR p.retired_seq > c.seq) LIMIT 1`,
      [epoch],
    );
    return rows.length === 0;
  }

  /**
   * The first thousand pods, for operators and for retirement. Safety must not depend on this list, because it may be
   * incomplete.
   */
  async pods(): Promise<PodRow[]> {
    const rows = await this.#database.rows<{
      pod_id: string;
      epoch: number;
      observed_seq: number;
      handedOver: number;
      retired_seq: number | null;
      silent_us: number;
    }>(
      `SELECT pod_id, epoch, observed_seq, drained_at IS NOT NULL AS handedOver, retired_seq,
         TIMESTAMPDIFF(MICROSECOND, heartbeat_at, NOW(3)) AS silent_us
       FROM pods ORDER BY registered_at LIMIT 1000`,
    );
    return rows.map((row) => ({
      podId: row.pod_id,
      epoch: row.epoch,
      observed: row.observed_seq,
      handedOver: row.handedOver === 1,
      retiredSeq: row.retired_seq,
      silentMs: row.silent_us / 1000,
    }));
  }

  async livePods(): Promise<LivePod[]> {
    const rows = await this.#database.rows<{
      process_id: string;
      redis_seen: number;
      since_us: number;
      silent_us: number;
    }>(
      `SELECT process_id, redis_seen, TIMESTAMPDIFF(MICROSECOND, redis_since, NOW(3)) AS since_us,
         TIMESTAMPDIFF(MICROSECOND, heartbeat_at, NOW(3)) AS silent_us
       FROM processes ORDER BY started_at LIMIT 1000`,
    );
    return rows.map((row) => ({
      processId: row.process_id,
      redisSeen: row.redis_seen === 1,
      redisSinceMs: row.since_us / 1000,
      silentMs: row.silent_us / 1000,
    }));
  }

  /**
   * Reports that a keeper is live, and deletes keepers and processes that have long been silent, because nothing
   * depends on them.
   */
  async keeperHeartbeat(keeperId: string): Promise<void> {
    await this.#database.rows(
      'INSERT INTO keepers (keeper_id, format_max) VALUES (?, ?) ON DUPLICATE KEY UPDATE heartbeat_at = NOW(3)',
      [keeperId, FORMAT_MAX],
    );
    await this.#database.rows('DELETE FROM keepers WHERE heartbeat_at < NOW(3) - INTERVAL 1 HOUR');
    await this.#database.rows('DELETE FROM processes WHERE heartbeat_at < NOW(3) - INTERVAL 1 HOUR');
  }

  async removeKeeper(keeperId: string): Promise<void> {
    await this.#database.rows('DELETE FROM keepers WHERE keeper_id = ?', [keeperId]);
  }

  async keepers(): Promise<{ keeperId: string; silentMs: number }[]> {
    const rows = await this.#database.rows<{ keeper_id: string; silent_us: number }>(
      `SELECT keeper_id, TIMESTAMPDIFF(MICROSECOND, heartbeat_at, NOW(3)) AS silent_us FROM keepers
       ORDER BY started_at LIMIT 100`,
    );
    return rows.map((row) => ({ keeperId: row.keeper_id, silentMs: row.silent_us / 1000 }));
  }

  async markRetired(podId: string, seq: number): Promise<void> {
    await this.#database.rows('UPDATE pods SET retired_seq = ? WHERE pod_id = ?', [seq, podId]);
  }

  async removePod(podId: string): Promise<void> {
    await this.#database.rows('DELETE FROM pods WHERE pod_id = ?', [podId]);
  }

  async removeProcess(processId: string): Promise<void> {
    await this.#database.rows('DELETE FROM processes WHERE process_id = ?', [processId]);
  }
}
