import { type CrossingReport, checkCrossings } from '../jobs/crossing-check.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { SqlCrossingPages } from '../mysql/ledger/crossing-pages.ts';
import type { CrossingMetrics } from '../telemetry/crossing-metrics.ts';
import type { ShardContext } from './shard-context.ts';

/** Compares the transfers between all shards, and logs what does not match. */
export async function checkedCrossings(
  shards: readonly Pick<ShardContext, 'database'>[],
  { logger, clock, metrics }: { logger: Logger; clock: Clock; metrics: Pick<CrossingMetrics, 'compared'> | null },
): Promise<CrossingReport> {
  const report = await checkCrossings(shards.map(({ database }) => new SqlCrossingPages(database)));
  metrics?.compared(report.differences, clock.now());
  if (report.differences > 0) logger.error({ crossings: report }, 'transfers between shards do not match');
  else if (!report.clean) logger.warn({ crossings: report }, 'not all transfers between shards could be compared');
  else logger.info({ crossings: report }, 'transfers between shards match');
  return report;
}
