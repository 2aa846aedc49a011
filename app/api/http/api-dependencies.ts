import type { JwtVerifier, KeyStore } from '../../domain/identity.ts';
import type { ProblemCode } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Books, Ledger } from '../../ledger/ledger.ts';
import type { RequestTracing } from './middleware/trace.ts';
import type { DemandExchange } from './rate-limiter.ts';

/** What operators may see and start. The answers are shown as they are. */
export interface OpsPort {
  status(): Promise<object>;
  /** Runs a reconciliation now and answers its result. */
  reconcile(): Promise<object>;
  /** What waits for the journal of an epoch that has ended. */
  unsettled(): Promise<object>;
  /** Gives up what is missing; `done` is false while a keeper still carries it out. @throws Problem authority_moved if the authority is not in that epoch, or if nothing is missing */
  acceptLoss(
    acceptance: { epoch: number; reason: string },
    user: string,
  ): Promise<{ epoch: number; mode: string; dropped: number; done: boolean }>;
  /** Takes over the Redis of another ledger. @throws Problem authority_moved if its owner has changed */
  takeRedisOver(
    takeover: { owner: string | null; reason: string },
    user: string,
  ): Promise<{ epoch: number; mode: string }>;
}

/** The part of pino's logger that the API needs. */
export interface ApiLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ApiLimits {
  /** A longer body is a 413. A batch of 1000 transfers with a reference each is about 300 kB. */
  bodyBytesMax: number;
  /** More requests at a time than this are answered 503 `overloaded` at once: waiting longer helps nobody. */
  requestsInFlightMax: number;
  /** The same while the pod is short of CPU, and not just waiting for a store. */
  requestsInFlightBusyMax: number;
  /** Most client connections at a time; further ones are closed immediately. */
  connectionsMax: number;
  /** Requests that one user may make in a second, on all pods together; a batch is one request. Null for no limit. */
  requestsPerSecondPerUserMax: number | null;
}

export interface ReadinessReport {
  ready: boolean;
  /** Why not, in words for an operator. Empty when ready. */
  reasons: readonly string[];
}

export interface ApiDependencies {
  ledger: Ledger;
  books: Books;
  keys: KeyStore;
  /** Absent where JWTs are not taken: a JWT is then a key that nobody knows. */
  jwt?: JwtVerifier;
  ops: OpsPort;
  /** Absent while tracing is off. */
  tracing?: RequestTracing;
  readiness: () => ReadinessReport;
  /** True from the first shutdown signal: answers then ask clients to close their connection. */
  shuttingDown: () => boolean;
  /** Where they have no port of their own. */
  metrics?: { contentType: string; text(): Promise<string> };
  /** Called once per request with the route's pattern (never the raw path: it would flood the metrics), after the answer. */
  onRequest: (route: string, method: string, status: number, seconds: number) => void;
  /** Called once for every request that is answered with a problem. */
  onProblem: (code: ProblemCode) => void;
  logger: ApiLogger;
  clock: Clock;
  /** This pod's estimate of the ledger's time, ms since 1970; ids and timestamps of clients are validated against it. */
  ledgerNow: () => number;
  limits: ApiLimits;
  /** Shares the limit of each user between the pods. */
  demand: DemandExchange;
}
