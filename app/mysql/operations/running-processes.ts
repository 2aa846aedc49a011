import type { Database } from '../connection/pool.ts';

/** A process that has been silent for this long does not count, seconds. */
const SILENT_AFTER_S = 60;

export interface RunningProcesses {
  /** Keepers and pods that have reported within the last minute. */
  live: number;
  /** Other connections of the same user to this database. A process that is paused keeps its connections. */
  connections: number;
  /** Pods that are registered in the current epoch of the cache, and may have commands in flight to Redis. */
  registered: number;
}

/**
 * Counts whatever shows that processes of the ledger are running, or may be. `database` must have only one connection,
 * because any other connections of its own would also be counted.
 * @throws Problem database_unavailable
 */
export async function runningProcesses(database: Pick<Database, 'rows'>): Promise<RunningProcesses> {
  const recent = `heartbeat_at > NOW(3) - INTERVAL ${SILENT_AFTER_S} SECOND`;
  const [row] = await database.rows<Record<keyof RunningProcesses, number>>(
    `SELECT (SELECT COUNT(*) FROM processes WHERE ${recent}) + (SELECT COUNT(*) FROM keepers WHERE ${recent}) AS live,
       (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()
          AND \`USER\` = SUBSTRING_INDEX(USER(), '@', 1)) AS connections,
       (SELECT COUNT(*) FROM pods WHERE epoch = (SELECT cache_epoch FROM authority)) AS registered`,
  );
  return { live: Number(row?.live), connections: Number(row?.connections), registered: Number(row?.registered) };
}
