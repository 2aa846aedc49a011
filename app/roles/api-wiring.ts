import { readFileSync } from 'node:fs';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import type { ApiDependencies } from '../api/api-dependencies.ts';
import { IssuerKeys } from '../api/auth/issuer-keys.ts';
import { jwtVerifier } from '../api/auth/jwt.ts';
import type { ChangeFeed } from '../feed/change-feed.ts';
import { SqlBatchRecords } from '../mysql/ledger/batch-records.ts';
import { SqlBooks } from '../mysql/ledger/books.ts';
import { SqlHistory } from '../mysql/ledger/history.ts';
import { SqlHoldBooks } from '../mysql/ledger/hold-books.ts';
import type { ApiKeyManagement } from '../mysql/operations/api-key-management.ts';
import type { ApiKeyStore } from '../mysql/operations/api-keys.ts';
import { SharedDemand } from '../redis/shared-demand.ts';
import type { Courier } from '../shards/courier.ts';
import { NO_RETURNED_MONEY } from '../shards/returned-money.ts';
import type { Context } from './context.ts';
import { opsOf } from './ops.ts';
import { OpsLive } from './ops-live.ts';
import { firstOf, type PodShard, waitingIn } from './pod-shard.ts';
import { joinPodShards } from './sharded-wiring.ts';
import { tracedHolds, tracedLedger } from './traced.ts';
import { outgoingAddresses, webhooksOf } from './webhooks-wiring.ts';

/** The ledger of a pod. The courier completes transfers between shards; null if there is only one shard. */
export type PodLedgerParts = Pick<
  ApiDependencies,
  'ledger' | 'books' | 'history' | 'holds' | 'holdBooks' | 'returnedMoney'
> & {
  courier: Courier | null;
};

/** The parts of a pod that its API uses, and the state of the pod. */
export interface Pod extends Pick<ApiDependencies, 'readiness' | 'search' | 'shuttingDown'> {
  shards: readonly PodShard[];
  parts: PodLedgerParts;
  feed: ChangeFeed;
  keys: ApiKeyStore;
  keyManagement: ApiKeyManagement;
}

export function apiDependencies(context: Context, pod: Pod): ApiDependencies {
  const { config, clock, metrics, tracing } = context;
  const { shards, feed, search, keys, keyManagement, readiness, shuttingDown } = pod;
  const { courier: _, ...parts } = pod.parts;
  const first = firstOf(shards);
  const live = new OpsLive(context, shards);
  const addresses = outgoingAddresses(config);
  return {
    ...parts,
    feed,
    search,
    keys,
    ...jwt(context),
    ...(tracing && { tracing }),
    ops: { ...opsOf(shards, shards.length > 1 ? metrics.ofCrossings() : null), live: () => live.read() },
    keyManagement,
    readiness,
    waitingForDatabase: () => shards.reduce((sum, shard) => sum + waitingIn(shard), 0),
    shuttingDown,
    // With an admin port, the metrics are served only there, where clients cannot read them.
    ...(config.http.adminPort === 0 && { metrics }),
    onRequest: (route, method, status, seconds) => metrics.httpAnswered(route, method, status, seconds),
    onProblem: (code) => metrics.problemAnswered(code),
    onConnectionExpired: () => metrics.connectionExpired(),
    logger: context.logger.log,
    clock,
    ledgerNow: () => first.context.ledgerClock.now(),
    // The first shard also stores the data that belongs to no account.
    batches: new SqlBatchRecords({ database: first.context.database, clock }),
    webhooks: webhooksOf(config, first.context.database),
    webhookUrlFault: (href) => addresses.faultOf(href),
    demand: new SharedDemand({
      redis: first.context.redis,
      keyPrefix: first.context.keyPrefix,
      podId: context.processId,
      isAdmitted: () => first.session.view() !== null,
    }),
    liveLimits: {
      max: Math.min(config.http.eventListenersMax, Math.floor(config.http.connectionsMax / 2)),
      perUserMax: config.http.eventListenersPerUserMax,
    },
    limits: {
      ...config.http,
      connectionAgeMaxMs: config.http.connectionAgeMaxMs || null,
      requestsPerSecondPerUserMax: config.http.requestsPerSecondPerUserMax || null,
    },
  };
}

/** With a single shard, the API uses that shard's ledger directly. */
export function ledgerOf(process: Context, shards: readonly PodShard[]): PodLedgerParts {
  if (shards.length > 1) return joinPodShards(process, shards);
  const { context, ledger } = firstOf(shards);
  const { clock, database, tracing } = context;
  return {
    ledger: tracedLedger(ledger, tracing),
    books: new SqlBooks({ database, clock }),
    history: new SqlHistory({ database }),
    holds: tracedHolds(ledger.holds, tracing),
    holdBooks: new SqlHoldBooks({ database }),
    returnedMoney: NO_RETURNED_MONEY,
    courier: null,
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
