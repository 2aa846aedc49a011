import { FailureReport } from '../kernel/failure-report.ts';
import { MysqlSearchIndex } from '../mysql/search/mysql-search-index.ts';
import { Projector } from '../search/projector.ts';
import { closeAdminServer, startAdminServer } from './admin-server.ts';
import type { Running } from './api-role.ts';
import type { Context } from './context.ts';
import { indexDatabaseOf } from './search-wiring.ts';
import type { ShardContext } from './shard-context.ts';

/** How long to wait after a failed step, ms. */
const RETRY_MS = 1_000;

/** Keeps the search index up to date, for every shard. One process is enough; a second one takes over if it stops. */
export async function startSearch(context: Context): Promise<Running> {
  const { config, logger, metrics, shards } = context;
  const { host, adminPort } = config.http;
  let stopping = false;
  const readiness = () => ({ ready: !stopping, reasons: stopping ? ['it is shutting down'] : [] });
  const server = await startAdminServer({ readiness, metrics, host, port: adminPort });
  const stopped = new AbortController();
  const loops = shards.map((shard) => projectShard(shard, stopped.signal));
  logger.log.info({ adminPort }, 'the search index is kept up to date');
  return {
    server,
    async stop() {
      stopping = true;
      stopped.abort();
      await Promise.all(loops);
      await closeAdminServer(server);
    },
  };
}

async function projectShard(context: ShardContext, stopped: AbortSignal): Promise<void> {
  const { clock, config, database, logger, metrics } = context;
  const index = indexDatabaseOf(context);
  const projector = new Projector({
    index: new MysqlSearchIndex({ books: database, index }),
    clock,
    hasPending: config.ledger.shards > 1,
    events: {
      moved: (state, entries) => metrics.searchMoved(state.state, entries),
      restarted: (because) => logger.log.warn({ because }, 'the search index is being rebuilt'),
    },
  });
  metrics.sample({ searchBehindSeconds: () => projector.behindMs / 1000 });
  const report = new FailureReport(clock, logger.log, 'the search index could not be updated; retrying');
  while (!stopped.aborted) {
    let waitMs = RETRY_MS;
    try {
      waitMs = await projector.step();
      report.succeeded();
    } catch (error) {
      report.failedWith(error);
    }
    if (waitMs > 0) await clock.sleep(waitMs, stopped);
  }
  if (index !== database) await index[Symbol.asyncDispose]();
}
