import { type Authority, type Format, MODES, type Mode, type MovedBy } from '../../domain/authority.ts';
import { digestOf, personalOfDeed, SaltSource } from '../../journal/sealed/personal.ts';
import { isLogged } from '../../journal/sealed/sealing.ts';
import type { OwnRow } from '../connection/own-ledger.ts';
import type { Session } from '../connection/pool.ts';
import { binaryOrNull } from '../connection/sql.ts';
import { noteEntries } from './unsealed-rows.ts';

/**
 * The modes as MySQL names them: one set of names per format, so that the statements of a release that does not know a
 * format never match an authority in that format.
 */
const MODES_2 = { CACHE: 'CACHE_2', CLOSING: 'CLOSING_2', DIRECT: 'DIRECT_2', REBUILDING: 'REBUILDING_2' } as const;
type ModeName = Mode | (typeof MODES_2)[Mode];
const MODES_BY_NAME = new Map<ModeName, { mode: Mode; format: Format }>(
  MODES.flatMap((mode) => [
    [mode, { mode, format: 1 }],
    [MODES_2[mode], { mode, format: 2 }],
  ]),
);

export const modeName = (mode: Mode, format: Format): ModeName => (format === 1 ? mode : MODES_2[mode]);
/** A mode in any format, as an SQL list. */
export const inAnyFormat = (mode: Mode): string => `('${mode}','${MODES_2[mode]}')`;
/** @throws Error for a mode of a later release */
export function modeOf(name: ModeName): { mode: Mode; format: Format } {
  const found = MODES_BY_NAME.get(name);
  if (!found) throw new Error(`the authority is in the mode ${name}, which this release does not know`);
  return found;
}

export interface AuthorityColumns {
  epoch: number;
  mode: ModeName;
  cache_epoch: number | null;
  /** 0.1.0 does not write this column: its rows keep the previous value, which is 1 or null. */
  cache_format: Format | null;
  redis_node: string | null;
  replid: string | null;
  marker: string | null;
  /** The highest known seq of the cache epoch while that epoch is not recovered; otherwise null. */
  bound: number | null;
  stops: number;
  age_us: number;
  now_ms: number;
}

export const authoritySelect = (
  own: OwnRow,
): string => `SELECT epoch, \`mode\`, cache_epoch, cache_format, redis_node, replid, marker, bound, stops,
  TIMESTAMPDIFF(MICROSECOND, changed_at, NOW(3)) AS age_us,
  CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms FROM authority WHERE ${own()}`;

/** @throws Error if there is no row */
export function authorityOf([row]: AuthorityColumns[]): Authority {
  if (!row) throw new Error('authority has no row: the schema is not migrated');
  return {
    epoch: row.epoch,
    ...modeOf(row.mode),
    cacheEpoch: row.cache_epoch,
    cacheFormat: row.cache_epoch === null ? null : (row.cache_format ?? 1),
    redisNode: row.redis_node,
    replid: row.replid,
    marker: row.marker,
    highestKnownSeq: row.bound,
    stops: row.stops,
    ageMs: row.age_us / 1000,
  };
}

/**
 * Makes the comparison of a compare-and-set: locks the authority row, after waiting for transactions that have
 * share-locked it.
 * @returns the row, or null if the authority is no longer at this epoch
 */
export async function lockedAuthority(session: Session, epoch: number): Promise<Authority | null> {
  const now = authorityOf(await session.rows((own) => `${authoritySelect(own)} FOR UPDATE`));
  return now.epoch === epoch ? now : null;
}

/** The cache columns of an authority if no cache epoch is current or waits for its recovery. */
export const NOTHING_WAITS = {
  cacheEpoch: null,
  cacheFormat: null,
  redisNode: null,
  replid: null,
  marker: null,
  highestKnownSeq: null,
};

type AuthorityFields = Omit<Authority, 'epoch' | 'stops' | 'ageMs'>;

/**
 * Sets the authority, whose row is locked, to the next epoch, and adds a row to its history and an entry to the log.
 * @returns the new authority
 */
export async function setAuthority(
  session: Session,
  from: Authority,
  to: AuthorityFields,
  by: MovedBy,
): Promise<Authority> {
  const epoch = from.epoch + 1;
  if (to.format < from.format)
    throw new Error(`the authority cannot move from format ${from.format} back to ${to.format}`);
  const mode = modeName(to.mode, to.format);
  await session.run(
    (
      own,
    ) => `UPDATE authority SET epoch = ?, \`mode\` = ?, cache_epoch = ?, cache_format = ?, redis_node = ?, replid = ?, marker = ?,
       bound = ?, changed_at = NOW(3) WHERE ${own()}`,
    [epoch, mode, to.cacheEpoch, to.cacheFormat, to.redisNode, to.replid, to.marker, to.highestKnownSeq],
  );
  const who = { user: by.keeper, reason: reasonText(by.reason) };
  const salt = isLogged(to.format) ? new SaltSource(1).next() : null;
  await session.run(
    `INSERT INTO authority_log (epoch, \`mode\`, changed_by, reason, salt) VALUES (?, ?, ?, ?, ${binaryOrNull(salt)})`,
    [epoch, mode, who.user, who.reason],
  );
  if (salt !== null) {
    const moved = { epoch, mode: to.mode, format: to.format, cacheEpoch: to.cacheEpoch };
    await noteEntries(session, epoch, [
      { kind: 'authority-moved', ...moved, digest: digestOf(salt, personalOfDeed(who)) },
    ]);
  }
  return { ...to, epoch, stops: from.stops, ageMs: 0 };
}

const REASON_CHARS_MAX = 255;
/** A reason in the form in which it is stored. */
export const reasonText = (reason: string): string => reason.slice(0, REASON_CHARS_MAX).toWellFormed();
