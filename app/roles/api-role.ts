import { setMaxListeners } from 'node:events';
import type { Server } from 'node:http';
import { type ApiServer, createApiServer } from '../api/server.ts';
import { SCOPES } from '../domain/identity.ts';
import { ApiKeyManagement } from '../mysql/operations/api-key-management.ts';
import { ApiKeyStore } from '../mysql/operations/api-keys.ts';
import { closeAdminServer, startAdminServer } from './admin-server.ts';
import { apiDependencies, ledgerOf } from './api-wiring.ts';
import type { Context } from './context.ts';
import { createFeed } from './feed-wiring.ts';
import { expireHolds } from './hold-expiry.ts';
import { firstKeysOf, watchKeys } from './key-store.ts';
import { listen } from './listen.ts';
import { createPodShard, firstOf, servedShard } from './pod-shard.ts';
import { logReadiness } from './readiness-log.ts';
import { createSearch } from './search-wiring.ts';
import { ShardReadiness } from './shard-readiness.ts';

const CLOSE_IDLE_EVERY_MS = 20;
/** Above this value, an alert reports that lists are out of date. */
const SEARCH_BEHIND_S_MAX = 30;

/** A running role; `stop` ends it without losing anything. */
export interface Running {
  stop(): Promise<void>;
  server: Server;
}

/** One API pod: serves clients, applies transfers in Redis, and reads from MySQL the data that Redis does not hold. */
export async function startApi(context: Context): Promise<Running> {
  const { config, clock, metrics, logger } = context;
  const { host, port, adminPort, keepAliveTimeoutMs } = config.http;
  const shards = context.shards.map(createPodShard);
  const { database } = firstOf(shards).context;
  const keys = new ApiKeyStore(database, clock, SCOPES);
  const keyManagement = new ApiKeyManagement({ database, clock, changed: (hashes) => keys.forget(hashes) });
  const firstKeys = firstKeysOf(context, keys, keyManagement);
  const serving = new ShardReadiness({ ...context, logger: logger.log, shards: shards.map(servedShard) });
  let stopping = false;
  const readiness = () => {
    const reasons = stopping ? ['it is shutting down'] : [...serving.complaints()];
    if (!stopping && !firstKeys.areStored) reasons.push('the first API keys are not stored yet');
    return { ready: reasons.length === 0, reasons };
  };
  const parts = ledgerOf(context, shards);
  const feed = createFeed(context, shards);
  const { search, close: closeSearch } = createSearch(shards);
  const pod = { shards, parts, feed, search, keys, keyManagement, readiness, shuttingDown: () => stopping };
  const api = createApiServer(apiDependencies(context, pod), keepAliveTimeoutMs);
  const { server, loadShedding, connections, streams, lives, document } = api;
  metrics.sample({
    requestsInFlight: () => loadShedding.inFlight,
    eventListeners: () => lives.size,
    clientConnections: () => connections.size,
  });
  metrics.limits({
    requests_in_flight: config.http.requestsInFlightMax,
    event_listeners: lives.max,
    // These limits also show that lists and webhooks are enabled, even if no process serves them.
    ...(config.search.enabled === 'on' && { search_behind_seconds: SEARCH_BEHIND_S_MAX }),
    ...(config.webhooks.secretKeys !== null && { webhooks_active: config.webhooks.max }),
  });

  document.bytes(); // The document is generated now, because this blocks the event loop.
  // The server starts before anything that would keep the process alive, because a port in use
  // aborts the startup.
  await listen(server, port, host);
  const admin = await startAdminServer({ readiness, metrics, host, port: adminPort });
  logger.log.info({ port, adminPort }, 'the API is listening');
  for (const { session } of shards) session.start();
  const stopped = new AbortController();
  // Each loop of each shard adds a listener.
  setMaxListeners(0, stopped.signal);
  const readinessLogged = logReadiness({ readiness, clock, logger: logger.log }, stopped.signal);
  const comparing = serving.watch(stopped.signal);
  const expiring = shards.map((shard) => expireHolds(shard.context, { ...shard, ...pod }, stopped.signal));
  const delivering = parts.courier?.run(stopped.signal);
  const keysWatched = watchKeys(firstOf(shards).context, keys, stopped.signal);
  const seeded = firstKeys.store(stopped.signal);

  return {
    server,
    async stop() {
      stopping = true;
      await clock.sleep(config.process.preStopDelayMs);
      lives.end();
      streams.end();
      await closed(api);
      stopped.abort();
      await Promise.all([seeded, readinessLogged, comparing, delivering, keysWatched, ...expiring]);
      await Promise.all(shards.map(({ session }) => session.stop()));
      await closeSearch();
      await closeAdminServer(admin);
    },
  };
}

/**
 * Waits until every request is answered. Idle connections are closed repeatedly: a connection becomes idle only
 * after its request in progress, and its client may then keep it open for minutes.
 *
 * A request that a client sends at the very moment when its idle connection is closed is lost, and HTTP/1.1 cannot
 * prevent that. That is why there is a delay first: during the delay, clients that send a request are asked to close
 * their connections, and load balancers stop sending requests. Requests that still arrive must not be overlooked, so
 * connections are closed right after all available data was read.
 */
function closed({ server, connections }: ApiServer): Promise<void> {
  const closeIdle = () => {
    server.closeIdleConnections();
    connections.closeUnused();
  };
  return new Promise((resolve) => {
    const closing = setInterval(() => setImmediate(closeIdle), CLOSE_IDLE_EVERY_MS);
    setImmediate(() =>
      server.close(() => {
        clearInterval(closing);
        resolve();
      }),
    );
  });
}
