import { closeAdminServer, startAdminServer } from './admin-server.ts';
import { signingKeyOf } from './anchoring.ts';
import type { Running } from './api-role.ts';
import type { Context } from './context.ts';
import { checkedCrossings } from './crossing-check.ts';
import { keepShard } from './keeper-loop.ts';

/** A keeper: moves the authority, flushes the journal, and cleans up Redis, for every shard. Any number may run. */
export async function startKeeper(context: Context): Promise<Running> {
  const { config, clock, logger, metrics, shards } = context;
  const { host, adminPort } = config.http;
  const signingKey = signingKeyOf(config);
  let stopping = false;
  const readiness = () => ({ ready: !stopping, reasons: stopping ? ['it is shutting down'] : [] });
  // The server starts before anything that would keep the process alive, because a port in use
  // aborts the startup.
  const server = await startAdminServer({ readiness, metrics, host, port: adminPort });
  const crossings = shards.length > 1 ? metrics.ofCrossings() : null;
  const loops = shards.map((shard, number) =>
    // Transfers between shards are compared once, along with the first shard.
    keepShard(
      shard,
      async () => {
        if (number === 0 && crossings)
          await checkedCrossings(shards, { logger: logger.log, clock, metrics: crossings });
      },
      signingKey,
    ),
  );
  logger.log.info({ adminPort }, 'the keeper is running');

  return {
    server,
    async stop() {
      stopping = true;
      await Promise.all(loops.map((loop) => loop.stop()));
      await closeAdminServer(server);
    },
  };
}
