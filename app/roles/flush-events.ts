import { CursorConflictError } from '../journal/cursor.ts';
import type { FlushEvents } from '../sync/flusher.ts';
import type { ShardContext } from './shard-context.ts';

/** The flush as operators see it: metrics, and a line at error level if it keeps failing. */
export function flushEvents({ metrics, ledgerClock, logger }: ShardContext): FlushEvents {
  /**
   * Null if unknown: the metric then has no value. An old value would keep growing, and a 0 would hide the values
   * of other keepers.
   */
  let waiting: number | null = null;
  let oldestAcceptedAt: number | null = null;
  const journalAgeSeconds = (): number => {
    if (waiting === null) return Number.NaN;
    return oldestAcceptedAt === null ? 0 : Math.max(0, (ledgerClock.now() - oldestAcceptedAt) / 1000);
  };
  metrics.sample({ journalEntries: () => waiting ?? Number.NaN, journalAgeSeconds });
  return {
    flushed(batch, ms) {
      const now = ledgerClock.now();
      const lagsMs = batch.outcomes.map(({ acceptedAt }) => Math.max(0, now - acceptedAt));
      metrics.flushed({ transfers: batch.outcomes.length, seconds: ms / 1000, lagsMs });
    },
    failed(error, failuresInARow) {
      // With two keepers, this happens all the time, so it is no reason for an alert.
      if (error instanceof CursorConflictError) {
        logger.log.info({ reason: error.message }, 'another keeper was faster');
        return;
      }
      metrics.flushFailed();
      logger.log.warn({ err: error, failuresInARow }, 'a flush failed; retrying');
    },
    alert(on) {
      metrics.flushAlert(on);
      if (on) logger.log.error({ alert: 'flush' }, 'the journal cannot be flushed to MySQL; retries continue');
      else logger.log.info({ alert: 'flush' }, 'the journal is being flushed again');
    },
    waiting(entries, oldest) {
      waiting = entries;
      oldestAcceptedAt = oldest;
    },
  };
}
