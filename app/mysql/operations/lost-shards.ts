import type { Database } from '../connection/pool.ts';

/** A pod that has been silent for this long does not count, seconds. */
const SILENT_AFTER_S = 5;

/** The pods that are live, and how many of them have lost each shard. */
export interface LostShardVotes {
  live: number;
  lost: ReadonlyMap<number, number>;
}

/**
 * The reports of pods about shards that they cannot serve, in the database of one of the shards. Every pod reports to all
 * shards, because the database of the lost shard may be what is lost.
 */
export class LostShards {
  readonly #database: Pick<Database, 'rows'>;
  constructor(database: Pick<Database, 'rows'>) {
    this.#database = database;
  }

  /** Repeat this while the shards are lost. @throws Problem database_unavailable */
  async report(processId: string, shards: readonly number[]): Promise<void> {
    for (const shard of shards) {
      await this.#database.rows(
        `INSERT INTO lost_shards (process_id, lost_shard, reported_at) VALUES (?, ?, NOW(3))
         ON DUPLICATE KEY UPDATE reported_at = NOW(3)`,
        [processId, shard],
      );
    }
    await this.#database.rows('DELETE FROM lost_shards WHERE reported_at < NOW(3) - INTERVAL 1 HOUR');
  }

  /** @throws Problem database_unavailable */
  async votes(): Promise<LostShardVotes> {
    const [row] = await this.#database.rows<{ live: number }>(
      `SELECT COUNT(*) AS live FROM processes WHERE heartbeat_at > NOW(3) - INTERVAL ${SILENT_AFTER_S} SECOND`,
    );
    const lost = await this.#database.rows<{ shard: number; pods: number }>(
      `SELECT l.lost_shard AS shard, COUNT(*) AS pods FROM lost_shards l JOIN processes p ON p.process_id = l.process_id
       WHERE l.reported_at > NOW(3) - INTERVAL ${SILENT_AFTER_S} SECOND
         AND p.heartbeat_at > NOW(3) - INTERVAL ${SILENT_AFTER_S} SECOND
       GROUP BY l.lost_shard`,
    );
    return { live: Number(row?.live), lost: new Map(lost.map(({ shard, pods }) => [Number(shard), Number(pods)])) };
  }
}
