import { readFileSync } from 'node:fs';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import type { ApiDependencies } from '../api/api-dependencies.ts';
import { IssuerKeys } from '../api/auth/issuer-keys.ts';
import { jwtVerifier } from '../api/auth/jwt.ts';
import { PodSession } from '../authority/pod/pod-session.ts';
import { PodLedger } from '../ledger/pod-ledger.ts';
import type { LedgerEvents } from '../ledger/ports/ledger-events.ts';
import { SqlBooks } from '../mysql/ledger/books.ts';
import { SqlHoldBooks } from '../mysql/ledger/hold-books.ts';
import type { ApiKeyStore } from '../mysql/operations/api-keys.ts';
import { cachePages } from '../redis/cache-pages.ts';
import { cutConnection } from '../redis/connection.ts';
import { SharedDemand } from '../redis/shared-demand.ts';
import { type Context, newProcessId } from './context.ts';
import { moveFormat } from './format-move.ts';
import { acceptLoss, takeRedisOver, unsettled } from './operator.ts';
import { OpsStatus } from './ops-status.ts';
import { SharedReconciliation } from './shared-reconciliation.ts';
import { tracedDirect, tracedHolds, tracedLedger } from './traced.ts';

/** The pod's session; it does nothing before it is started. */
export function createSession(context: Context): PodSession {
  const { config, clock, detectors, metrics, redis } = context;
  const session = new PodSession({
    authority: context.authority,
    handOverStore: context.handOverStore,
    cache: context.cache,
    retire: (caller, podId) => context.scripts.retire(caller, podId),
    clock,
    processId: context.processId,
    closedAfterMs: config.http.requestTimeoutMs,
    logger: context.logger.log,
    heartbeatMs: config.authority.heartbeatMs,
    newPodId: newProcessId,
    redis: {
      ready() {
        const ready = redis.status === 'ready';
        // Without a connection, no call is sent that could report a failure to the detector.
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
  return session;
}

export function createLedger(context: Context, session: PodSession): PodLedger {
  const { config, clock, metrics, tracing } = context;
  const ledger = new PodLedger({
    cache: context.cache,
    database: context.reader,
    direct: tracedDirect(context.direct, tracing),
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
  return ledger;
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
    holdEvent: (outcome) => logger.holdLogged(outcome),
    limitRefused: (limit) => metrics.limitRefused(limit),
    accountsMissed: (misses) => metrics.accountsFound({ hits: 0, misses }),
    evicted: (count) => metrics.accountsEvicted(count),
  };
}

/** The parts of a pod that its API uses, and the state of the pod. */
export interface Pod extends Pick<ApiDependencies, 'readiness' | 'shuttingDown'> {
  session: PodSession;
  ledger: PodLedger;
  keys: ApiKeyStore;
}

export function apiDependencies(context: Context, pod: Pod): ApiDependencies {
  const { config, clock, keyPrefix, metrics, redis, tracing } = context;
  const { session, ledger, keys, readiness, shuttingDown } = pod;
  return {
    ledger: tracedLedger(ledger, tracing),
    books: new SqlBooks({ database: context.database, clock }),
    holds: tracedHolds(ledger.holds, tracing),
    holdBooks: new SqlHoldBooks({ database: context.database }),
    keys,
    ...jwt(context),
    ...(tracing && { tracing }),
    ops: ops(context, session),
    readiness,
    waitingForDatabase: () => ledger.requestsWaitingForDatabase,
    shuttingDown,
    // With an admin port, the metrics are served only there, where clients cannot read them.
    ...(config.http.adminPort === 0 && { metrics }),
    onRequest: (route, method, status, seconds) => metrics.httpAnswered(route, method, status, seconds),
    onProblem: (code) => metrics.problemAnswered(code),
    onConnectionExpired: () => metrics.connectionExpired(),
    logger: context.logger.log,
    clock,
    ledgerNow: () => context.ledgerClock.now(),
    demand: new SharedDemand({
      redis,
      keyPrefix,
      podId: context.processId,
      isAdmitted: () => session.view() !== null,
    }),
    limits: {
      ...config.http,
      connectionAgeMaxMs: config.http.connectionAgeMaxMs || null,
      requestsPerSecondPerUserMax: config.http.requestsPerSecondPerUserMax || null,
    },
  };
}

function ops(context: Context, session: PodSession): ApiDependencies['ops'] {
  const { keyPrefix, redis, scripts } = context;
  const reconciliation = new SharedReconciliation(context, () => {
    const caller = session.view()?.caller;
    return caller ? cachePages({ redis, scripts, keyPrefix }, caller) : null;
  });
  return {
    status: () => new OpsStatus(context, session).read(),
    reconcile: () => reconciliation.run(),
    unsettled: () => unsettled(context),
    acceptLoss: (acceptance, user) => acceptLoss(context, acceptance, user),
    takeRedisOver: (takeover, user) => takeRedisOver(context, takeover, user),
    moveFormat: (move, user) => moveFormat(context, move, user),
  };
}

function jwt({ config, clock, logger }: Context) {
  const { jwtIssuer: issuer, jwtAudience: audience, jwtJwksFile, jwtJwksUrl } = config.auth;
  if (!issuer || !audience) return {};
  if (jwtJwksFile) {
    const keySet = JSON.parse(readFileSync(jwtJwksFile, 'utf8')) as JSONWebKeySet;
    return { jwt: jwtVerifier({ keys: createLocalJWKSet(keySet), issuer, audience }, clock) };
  }
  const keys = new IssuerKeys(jwtJwksUrl ? { jwksUrl: jwtJwksUrl } : { issuer }, clock, logger.log);
  // Loads the keys now, so that the first request does not have to wait. The pod works without
  // them, because API keys do not need the issuer.
  keys.warm();
  return { jwt: jwtVerifier({ keys: keys.keyOf, issuer, audience }, clock) };
}
