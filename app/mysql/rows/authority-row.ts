import type { Authority, Mode, MovedBy } from '../../domain/authority.ts';
import type { Session } from '../connection/pool.ts';

export interface AuthorityColumns {
  epoch: number;
  mode: Mode;
  cache_epoch: number | null;
  redis_node: string | null;
  replid: string | null;
  marker: string | null;
  /** The highest known seq of the cache epoch while that epoch is not recovered; else NULL. */
  bound: number | null;
  age_us: number;
  now_ms: number;
}

export const AUTHORITY_SELECT = `SELECT epoch, \`mode\`, cache_epoch, redis_node, replid, marker, bound,
  TIMESTAMPDIFF(MICROSECOND, changed_at, NOW(3)) AS age_us,
  CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms FROM authority WHERE shard = 0`;

/** @throws Error if there is no row */
export function authorityOf([row]: AuthorityColumns[]): Authority {
  if (!row) throw new Error('authority has no row: the schema is not migrated');
  return {
    epoch: row.epoch,
    mode: row.mode,
    cacheEpoch: row.cache_epoch,
    redisNode: row.redis_node,
    replid: row.replid,
    marker: row.marker,
    highestKnownSeq: row.bound,
    ageMs: row.age_us / 1000,
  };
}

/**
 * The compare part: locks the authority row, which waits for transactions that share-lock it.
 * @returns the row, or null if the authority is no longer at this epoch
 */
export async function lockedAuthority(session: Session, epoch: number): Promise<Authority | null> {
  const now = authorityOf(await session.rows(`${AUTHORITY_SELECT} FOR UPDATE`));
  return now.epoch === epoch ? now : null;
}

/** The cache columns of an authority when no cache epoch is current or waiting. */
export const NOTHING_WAITS = { cacheEpoch: null, redisNode: null, replid: null, marker: null, highestKnownSeq: null };

type AuthorityFields = Omit<Authority, 'epoch' | 'ageMs'>;

/** The set part, with the row locked: the next epoch, and its row in the log. @returns the authority after it */
export async function setAuthority(
  session: Session,
  from: Authority,
  to: AuthorityFields,
  by: MovedBy,
): Promise<Authority> {
  const epoch = from.epoch + 1;
  await session.run(
    `UPDATE authority SET epoch = ?, \`mode\` = ?, cache_epoch = ?, redis_node = ?, replid = ?, marker = ?, bound = ?,
       changed_at = NOW(3) WHERE shard = 0`,
    [epoch, to.mode, to.cacheEpoch, to.redisNode, to.replid, to.marker, to.highestKnownSeq],
  );
  await session.run('INSERT INTO authority_log (epoch, `mode`, changed_by, reason) VALUES (?, ?, ?, ?)', [
    epoch,
    to.mode,
    by.keeper,
    by.reason.slice(0, REASON_CHARS_MAX),
  ]);
  return { ...to, epoch, ageMs: 0 };
}
export const REASON_CHARS_MAX = 255;
