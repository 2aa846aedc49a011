import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { JwtVerifier, KeyStore } from '../../domain/identity.ts';
import type { ProblemCode } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { LiveLimits } from './live-responses.ts';
import type { DemandExchange } from './rate-limiter.ts';

/** The part of pino's logger that the API needs. */
export interface ApiLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ApiLimits {
  /**
   * Maximum length of a body; a longer one is answered with 413. A batch of 1000 transfers with a reference each is
   * about 300 kB.
   */
  bodyBytesMax: number;
  /**
   * Maximum number of concurrent requests; further ones get 503 `overloaded` immediately, because waiting longer would
   * not help.
   */
  requestsInFlightMax: number;
  /** Maximum number of concurrent requests while the pod is short of CPU rather than waiting for a store. */
  requestsInFlightBusyMax: number;
  /** Maximum number of client connections at a time; further ones are closed immediately. */
  connectionsMax: number;
  /** A client connection older than this is closed after its next response; null for never. */
  connectionAgeMaxMs: number | null;
  /** Requests that one user may make in a second, on all pods together; a batch is one request. Null for no limit. */
  requestsPerSecondPerUserMax: number | null;
}

/**
 * Whether the response that is about to be written must be the last one on its connection. Called right before the
 * headers are written, so that it covers a request that was in progress when the reason arose.
 */
export type ClosesConnection = (request: IncomingMessage) => boolean;

/** The part of tracing that the API needs: a span around a request, under the caller's trace when it names one. */
export interface RequestTracing {
  incomingSpan<T>(
    headers: IncomingHttpHeaders,
    name: string,
    run: (span: { rename(name: string): void; set(attribute: string, value: string | number): void }) => Promise<T>,
  ): Promise<T>;
}

/** The route and method reported for requests without a matching route. */
export const UNMATCHED = 'unmatched';

/** The dependencies of the framework itself, independent of the resources. */
export interface HttpDependencies {
  keys: KeyStore;
  /** Absent if JWTs are not accepted: a JWT is then treated as an unknown key. */
  jwt?: JwtVerifier;
  /** Absent while tracing is off. */
  tracing?: RequestTracing;
  /** How many of the requests in flight wait for MySQL and need no CPU meanwhile. */
  waitingForDatabase: () => number;
  /** True from the first shutdown signal: answers then ask clients to close their connection. */
  shuttingDown: () => boolean;
  /** Called once per request, after the response, with the route's pattern: raw paths would flood the metrics. */
  onRequest: (route: string, method: string, status: number, seconds: number) => void;
  /** Called once for every request that is answered with a problem. */
  onProblem: (code: ProblemCode) => void;
  /** Called when a client connection is closed because of its age. */
  onConnectionExpired: () => void;
  logger: ApiLogger;
  clock: Clock;
  limits: ApiLimits;
  liveLimits: LiveLimits;
  /** Shares the limit of each user between the pods. */
  demand: DemandExchange;
}
