import type { Authority, MovedBy } from '../../domain/authority.ts';
import type { Cursor } from '../../journal/cursor.ts';
import type { Recovery, RecoveryPhase } from '../../journal/recovery/recovery.ts';
import type { Session } from '../connection/pool.ts';
import { reasonText } from './authority-row.ts';

interface RecoveryColumns {
  cache_epoch: number;
  phase: RecoveryPhase;
  position: number;
  /** The last in-doubt attempt that was handled. */
  doubt_position: string;
  /** The highest known seq, at which the phase ends. */
  bound: number;
  posted: number;
  held: number;
  accepted_by: string | null;
  reason: string | null;
}

/** The row of a recovery, including fields that only its pages need. */
export interface RecoveryRow extends Recovery {
  /** The last in-doubt attempt that was handled; '' for none. */
  attemptPosition: string;
}

/** Progress of the recovery that began under this epoch of the authority; null if none has begun. */
export async function readRecovery(
  from: Pick<Session, 'rows'>,
  { epoch }: Pick<Authority, 'epoch'>,
): Promise<RecoveryRow | null> {
  const [row] = await from.rows<RecoveryColumns>(
    `SELECT cache_epoch, \`phase\`, position, doubt_position, bound, posted, held, accepted_by, reason FROM epoch_recovery
     WHERE shard = 0 AND authority_epoch = ?`,
    [epoch],
  );
  if (!row) return null;
  return {
    cacheEpoch: row.cache_epoch,
    phase: row.phase,
    position: row.position,
    attemptPosition: row.doubt_position,
    highestKnownSeq: row.bound,
    posted: row.posted,
    held: row.held,
    accepted: row.accepted_by === null ? null : { keeper: row.accepted_by, reason: row.reason ?? '' },
  };
}

/** Begins a recovery, replacing an earlier one. */
export async function beginRecovery(
  session: Session,
  { epoch }: Pick<Authority, 'epoch'>,
  begun: Pick<Recovery, 'cacheEpoch' | 'phase' | 'position' | 'highestKnownSeq'> & { accepted?: MovedBy },
): Promise<RecoveryRow> {
  const { cacheEpoch, phase, position, highestKnownSeq, accepted } = begun;
  const reason = accepted ? reasonText(accepted.reason) : null;
  await session.run(
    `REPLACE INTO epoch_recovery (shard, authority_epoch, cache_epoch, \`phase\`, position, bound, accepted_by, reason)
     VALUES (0, ?, ?, ?, ?, ?, ?, ?)`,
    [epoch, cacheEpoch, phase, position, highestKnownSeq, accepted?.keeper ?? null, reason],
  );
  const by = accepted ? { keeper: accepted.keeper, reason: reason ?? '' } : null;
  return { cacheEpoch, phase, position, attemptPosition: '', highestKnownSeq, posted: 0, held: 0, accepted: by };
}

/** Stores the progress, in the same transaction as the page. */
export async function keepRecovery(
  session: Session,
  row: RecoveryRow,
  change: Partial<Omit<RecoveryRow, 'cacheEpoch' | 'accepted'>>,
): Promise<Recovery> {
  const next = { ...row, ...change };
  await session.run(
    `UPDATE epoch_recovery SET \`phase\` = ?, position = ?, doubt_position = ?, bound = ?, posted = ?, held = ? WHERE shard = 0`,
    [next.phase, next.position, next.attemptPosition, next.highestKnownSeq, next.posted, next.held],
  );
  return progressOf(next);
}

export const progressOf = ({ attemptPosition: _attemptPosition, ...progress }: RecoveryRow): Recovery => progress;

export async function endRecovery(session: Session): Promise<void> {
  await session.run('DELETE FROM epoch_recovery WHERE shard = 0');
}

/**
 * Progress while entries that follow the cursor are posted as if they came from the journal itself. It is derived
 * from the cursor, because there is no row for it.
 */
export const flushing = ({ epoch, seq }: Pick<Cursor, 'epoch' | 'seq'>, highestKnownSeq: number): Recovery => ({
  cacheEpoch: epoch,
  phase: 'flushing',
  position: seq,
  highestKnownSeq,
  posted: 0,
  held: 0,
  accepted: null,
});
