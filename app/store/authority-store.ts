import type { Database, Session } from './pool.ts';

export const MODES = ['CACHE', 'CLOSING', 'DIRECT', 'REBUILDING'] as const;
export type Mode = (typeof MODES)[number];

/** Who may change balances: one row of MySQL. Every transition adds 1 to the epoch. */
export interface Authority {
  epoch: number;
  mode: Mode;
  /** The epoch whose journal counts (CACHE), or waits to be settled (CLOSING, REBUILDING); null: none waits. */
  cacheEpoch: number | null;
  /** The name of the Redis node that was activated, when it has one that does not replicate. */
  redisNode: string | null;
  replid: string | null;
  marker: string | null;
}

export interface PodRow {
  podId: string;
  epoch: number;
  redisSeen: boolean;
  retiredSeq: number | null;
  silentMs: number;
}

interface AuthorityColumns {
  epoch: number;
  mode: Mode;
  cache_epoch: number | null;
  redis_node: string | null;
  replid: string | null;
  marker: string | null;
}
const COLUMNS = 'epoch, mode, cache_epoch, redis_node, replid, marker';

const authorityOf = (row: AuthorityColumns): Authority => ({
  epoch: row.epoch,
  mode: row.mode,
  cacheEpoch: row.cache_epoch,
  redisNode: row.redis_node,
  replid: row.replid,
  marker: row.marker,
});

/** The authority row, its log, and the registered pods. */
export class AuthorityStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async read(): Promise<Authority> {
    const [row] = await this.#database.rows<AuthorityColumns>(`SELECT ${COLUMNS} FROM authority WHERE shard = 0`);
    if (!row) throw new Error('authority has no row: the schema is not migrated');
    return authorityOf(row);
  }

  /**
   * Moves the authority by compare-and-set on the epoch. `also` runs in the same transaction, after the row is locked: the
   * lock waits out the flush and the direct transactions that share it.
   * @returns the new authority, or null when somebody else moved it first
   */
  async move(
    from: Authority,
    to: Omit<Authority, 'epoch'>,
    by: { keeper: string; reason: string },
    also: (session: Session, epoch: number) => Promise<void> = async () => {},
  ): Promise<Authority | null> {
    const epoch = from.epoch + 1;
    return this.#database.transaction(async (session) => {
      const changed = await session.run(
        `UPDATE authority SET epoch = ?, mode = ?, cache_epoch = ?, redis_node = ?, replid = ?, marker = ?, changed_at = NOW(3)
         WHERE shard = 0 AND epoch = ?`,
        [epoch, to.mode, to.cacheEpoch, to.redisNode, to.replid, to.marker, from.epoch],
      );
      if (changed !== 1) return null;
      await session.run('INSERT INTO authority_log (epoch, mode, changed_by, reason) VALUES (?, ?, ?, ?)', [
        epoch,
        to.mode,
        by.keeper,
        by.reason.slice(0, 255),
      ]);
      await also(session, epoch);
      return { epoch, ...to };
    });
  }

  /**
   * Registers a pod in a cache epoch. The share lock is what a plain insert lacks: with it, none can commit after a keeper
   * has left the epoch and read the list.
   * @returns false when the authority is not (any more) with this epoch's cache
   */
  async register(podId: string, epoch: number): Promise<boolean> {
    return this.#database.transaction(async (session) => {
      const [row] = await session.rows<AuthorityColumns>(
        `SELECT ${COLUMNS} FROM authority WHERE shard = 0 LOCK IN SHARE MODE`,
      );
      if (row?.mode !== 'CACHE' || row.epoch !== epoch) return false;
      await session.run(
        `INSERT INTO pods (pod_id, epoch) VALUES (?, ?)
         ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), heartbeat_at = NOW(3)`,
        [podId, epoch],
      );
      return true;
    });
  }

  /** Tells that a pod lives, whether it reaches Redis, and the highest seq that an answer of it has depended on. */
  async heartbeat(podId: string, redisSeen: boolean, observed: number): Promise<void> {
    await this.#database.rows(
      'UPDATE pods SET heartbeat_at = NOW(3), redis_seen = ?, observed_seq = GREATEST(observed_seq, ?) WHERE pod_id = ?',
      [redisSeen, observed, podId],
    );
  }

  async observedIn(epoch: number): Promise<number> {
    const [row] = await this.#database.rows<{ observed: number | null }>(
      'SELECT MAX(observed_seq) AS observed FROM pods WHERE epoch = ?',
      [epoch],
    );
    return row?.observed ?? 0;
  }

  async pods(): Promise<PodRow[]> {
    const rows = await this.#database.rows<{
      pod_id: string;
      epoch: number;
      redis_seen: number;
      retired_seq: number | null;
      silent_us: number;
    }>(
      `SELECT pod_id, epoch, redis_seen, retired_seq, TIMESTAMPDIFF(MICROSECOND, heartbeat_at, NOW(3)) AS silent_us
       FROM pods ORDER BY registered_at LIMIT 1000`,
    );
    return rows.map((row) => ({
      podId: row.pod_id,
      epoch: row.epoch,
      redisSeen: row.redis_seen === 1,
      retiredSeq: row.retired_seq,
      silentMs: row.silent_us / 1000,
    }));
  }

  /** Tells that a keeper lives, and forgets those that have long been silent: only operators look at them. */
  async keeperHeartbeat(keeperId: string): Promise<void> {
    await this.#database.rows(
      'INSERT INTO keepers (keeper_id) VALUES (?) ON DUPLICATE KEY UPDATE heartbeat_at = NOW(3)',
      [keeperId],
    );
    await this.#database.rows('DELETE FROM keepers WHERE heartbeat_at < NOW(3) - INTERVAL 1 HOUR');
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
}
