import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import type { ApiDependencies } from '../api/api-dependencies.ts';
import { IssuerKeys } from '../api/auth/issuer-keys.ts';
import { jwtVerifier } from '../api/auth/jwt.ts';
import { createApiServer } from '../api/server.ts';
import { PodSession } from '../authority/pod/pod-session.ts';
import { SCOPES } from '../domain/identity.ts';
import { FailureReport } from '../kernel/failure-report.ts';
import { PodLedger } from '../ledger/pod-ledger.ts';
import type { LedgerEvents } from '../ledger/ports/ledger-events.ts';
import { SqlBooks } from '../mysql/ledger/books.ts';
import { ApiKeyStore } from '../mysql/operations/api-keys.ts';
import { cachePages } from '../redis/cache-pages.ts';
import { cutConnection } from '../redis/connection.ts';
import { SharedDemand } from '../redis/shared-demand.ts';
import { closeAdminServer, startAdminServer } from './admin-server.ts';
import { type Context, newProcessId } from './context.ts';
import { listen } from './listen.ts';
import { acceptLoss, takeRedisOver, unsettled } from './operator.ts';
import { OpsStatus } from './ops-status.ts';
import { logReadiness } from './readiness-log.ts';
import { SharedReconciliation } from './shared-reconciliation.ts';
import { tracedDirect, tracedLedger } from './traced.ts';

const BOOTSTRAP_RETRY_MS = 1_000;
const CLOSE_IDLE_EVERY_MS = 20;

/** A running role: `stop` ends it without losing anything. */
export interface Running {
  stop(): Promise<void>;
  server: Server;
}

/** One API pod: serves clients, applies transfers in Redis, and reads from MySQL what Redis does not hold. */
export async function startApi(context: Context): Promise<Running> {
  const {
    config,
    clock,
    metrics,
    cache,
    authority,
    database,
    detectors,
    direct,
    handOverStore,
    logger,
    redis,
    reader,
    tracing,
  } = context;
  const session = new PodSession({
    authority,
    handOverStore,
    cache,
    retire: (caller, podId) => context.scripts.retire(caller, podId),
    clock,
    processId: context.processId,
    closedAfterMs: config.http.requestTimeoutMs,
    logger: logger.log,
    heartbeatMs: config.authority.heartbeatMs,
    newPodId: newProcessId,
    redis: {
      ready() {
        const ready = redis.status === 'ready';
        // Without a connection, nothing else would inform the detector.
        if (!ready) detectors.redis.failed();
        return ready;
      },
      async probe() {
        await redis.ping();
      },
      cut: () => cutConnection(redis),
    },
    onAuthority: (now) => metrics.authority(now),
  });
  redis.on('close', () => session.lostRedis());
  const ledger = new PodLedger({
    cache,
    database: reader,
    direct: tracedDirect(direct, tracing),
    session,
    clock,
    events: ledgerEvents(context),
    limits: {
      ...config.ledger,
      requestTimeoutMs: config.http.requestTimeoutMs,
      databaseWaitRequestsMax: Math.ceil(config.http.requestsInFlightMax / 2),
    },
    ...(tracing && { currentTrace: () => tracing.currentTrace() }),
  });
  const keys = new ApiKeyStore(database, clock, SCOPES);
  metrics.sample({
    queueTransfers: () => ledger.open,
    tailEntries: () => session.view()?.tail.size ?? 0,
    tailBytes: () => session.view()?.tail.bytes ?? 0,
  });
  metrics.limits({
    requests_in_flight: config.http.requestsInFlightMax,
    queue_transfers: config.ledger.queueTransfersMax,
    tail_bytes: config.ledger.tailBytesMax,
  });
  const reconciliation = new SharedReconciliation(context, () => {
    const caller = session.view()?.caller;
    return caller ? cachePages({ redis, scripts: context.scripts, keyPrefix: config.ledger.keyPrefix }, caller) : null;
  });
  let stopping = false;
  const { bootstrapApiKey } = config.auth;
  let keyIsStored = !bootstrapApiKey;
  const readiness = () => {
    const reasons = stopping ? ['it is shutting down'] : [...session.complaints()];
    if (!stopping && !keyIsStored) reasons.push('the bootstrap key is not stored yet');
    return { ready: reasons.length === 0, reasons };
  };
  const { host, port, adminPort } = config.http;
  const deps: ApiDependencies = {
    ledger: tracedLedger(ledger, tracing),
    books: new SqlBooks({ database, clock }),
    keys,
    ...jwt(context),
    ...(tracing && { tracing }),
    ops: {
      status: () => new OpsStatus(context, session).read(),
      reconcile: () => reconciliation.run(),
      unsettled: () => unsettled(context),
      acceptLoss: (acceptance, user) => acceptLoss(context, acceptance, user),
      takeRedisOver: (takeover, user) => takeRedisOver(context, takeover, user),
    },
    readiness,
    waitingForDatabase: () => ledger.requestsWaitingForDatabase,
    shuttingDown: () => stopping,
    // Anything on the admin port is not for clients.
    ...(adminPort === 0 && { metrics }),
    onRequest: (route, method, status, seconds) => metrics.httpAnswered(route, method, status, seconds),
    onProblem: (code) => metrics.problemAnswered(code),
    onConnectionExpired: () => metrics.connectionExpired(),
    logger: logger.log,
    clock,
    ledgerNow: () => context.ledgerClock.now(),
    demand: new SharedDemand({
      redis,
      keyPrefix: config.ledger.keyPrefix,
      podId: context.processId,
      isAdmitted: () => session.view() !== null,
    }),
    limits: {
      ...config.http,
      connectionAgeMaxMs: config.http.connectionAgeMaxMs || null,
      requestsPerSecondPerUserMax: config.http.requestsPerSecondPerUserMax || null,
    },
  };
  const { server, loadShedding, connections } = createApiServer(deps, config.http.keepAliveTimeoutMs);
  metrics.sample({
    requestsInFlight: () => loadShedding.inFlight,
    clientConnections: () => connections.size,
  });
  // Before anything starts that would keep the process alive: a port in use aborts the startup.
  await listen(server, port, host);
  const admin = await startAdminServer({ readiness, metrics, host, port: adminPort });
  logger.log.info({ port, adminPort }, 'the API is listening');
  session.start();
  const stopped = new AbortController();
  const readinessLogged = logReadiness({ readiness, clock, logger: logger.log }, stopped.signal);
  const bootstrapped = bootstrapApiKey
    ? addBootstrapKey(context, keys, bootstrapApiKey, stopped.signal).then(() => {
        keyIsStored = true;
      })
    : null;
  return {
    server,
    async stop() {
      stopping = true;
      await clock.sleep(config.process.preStopDelayMs);
      await closed(server);
      stopped.abort();
      await Promise.all([bootstrapped, readinessLogged]);
      await session.stop();
      await closeAdminServer(admin);
    },
  };
}

/**
 * Waits until every request is answered. Idle connections are closed repeatedly: a connection with a request in
 * progress becomes idle only afterwards, and its client may keep it open for minutes.
 *
 * A request that a client sends at the very moment when its idle connection is closed is lost, and HTTP/1.1 cannot
 * prevent that. That is why the delay comes first: clients that sent a request during it were asked to close, and load
 * balancers have stopped sending. Requests that arrive all the same must not be overlooked: connections are closed
 * right after everything readable was read.
 */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const closing = setInterval(() => setImmediate(() => server.closeIdleConnections()), CLOSE_IDLE_EVERY_MS);
    setImmediate(() =>
      server.close(() => {
        clearInterval(closing);
        resolve();
      }),
    );
  });
}

/** The key that a deployment was started with; retried until MySQL is available, because the pod may start first. */
async function addBootstrapKey(
  { clock, logger }: Context,
  keys: ApiKeyStore,
  key: string,
  stopped: AbortSignal,
): Promise<void> {
  const report = new FailureReport(clock, logger.log, 'the bootstrap key could not be stored yet');
  while (!stopped.aborted) {
    try {
      return await keys.add(key, 'bootstrap', SCOPES);
    } catch (error) {
      report.failedWith(error);
      await clock.sleep(BOOTSTRAP_RETRY_MS * (0.5 + clock.random()), stopped);
    }
  }
}

function jwt({ config, clock, logger }: Context) {
  const { jwtIssuer: issuer, jwtAudience: audience, jwtJwksFile, jwtJwksUrl } = config.auth;
  if (!issuer || !audience) return {};
  if (jwtJwksFile) {
    const keySet = JSON.parse(readFileSync(jwtJwksFile, 'utf8')) as JSONWebKeySet;
    return { jwt: jwtVerifier({ keys: createLocalJWKSet(keySet), issuer, audience }, clock) };
  }
  const keys = new IssuerKeys(jwtJwksUrl ? { jwksUrl: jwtJwksUrl } : { issuer }, clock, logger.log);
  // So that the first request need not wait for it. A pod works without: API keys do not need the issuer.
  keys.warm();
  return { jwt: jwtVerifier({ keys: keys.keyOf, issuer, audience }, clock) };
}

function ledgerEvents({ logger, metrics }: Context): LedgerEvents {
  return {
    applied: (transfers, ms) => metrics.applyCall({ transfers, seconds: ms / 1000 }),
    answered(order, answer) {
      logger.transferLogged(order, answer);
      metrics.transferAnswered(answer);
    },
    retried: (what) => metrics.retried(what),
    lookedUp: (ids) => metrics.idsLookedUp(ids),
    accountsHit: (hits) => metrics.accountsFound({ hits, misses: 0 }),
    accountsMissed: (misses) => metrics.accountsFound({ hits: 0, misses }),
    evicted: (count) => metrics.accountsEvicted(count),
  };
}
