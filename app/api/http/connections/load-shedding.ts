import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { Problem } from '../../../domain/problem.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { correlationIdOf, requestTarget } from '../application.ts';
import type { ClosesConnection, HttpDependencies } from '../http-dependencies.ts';
import { problemDocument, retryAfterSeconds } from '../problems.ts';
import type { RefusalLog } from '../refusal-log.ts';

/** How long a pod must be short of CPU before it rejects requests: the burst after a switch-over is shorter. */
const BUSY_OVER_MS = 500;
/** A pod is short of CPU if its event loop was busy for more than this share of the time. */
const BUSY_UTILIZATION = 0.95;
/** Deferred rejections sent per turn to clients that retry immediately after a rejection. */
const REFUSALS_PER_TURN = 50;
/** Maximum number of deferred rejections; further requests are rejected immediately. */
const DEFERRED_MAX = 1_000;
/**
 * `Retry-After` is one second: on a connection without a rejection for this long, the next rejection is sent
 * immediately.
 */
const PATIENT_AFTER_MS = 900;
/**
 * Slots for operators while the pod rejects all other requests: for credentials that were authenticated before, and for
 * any others.
 */
const OPERATORS_IN_FLIGHT_MAX = 50;
const UNKNOWN_OPERATORS_IN_FLIGHT_MAX = 5;
/** Maximum number of operators' credentials to remember; they are used only to admit further requests. */
const OPERATORS_MAX = 32;

/** The route under which rejections are counted and logged. */
const REFUSED = 'refused';

type LoadSheddingDependencies = Pick<
  HttpDependencies,
  'clock' | 'limits' | 'onRequest' | 'onProblem' | 'waitingForDatabase'
> & {
  closes: ClosesConnection;
};

interface Refused {
  request: IncomingMessage;
  response: ServerResponse;
}

/** Releases the slot of an admitted request when its handler has finished. */
type Leave = () => void;

/** Event-loop utilization: distinguishes a pod at its CPU limit from one that waits for a store. */
export type LoopUtilization = (since?: EventLoopUtilization) => EventLoopUtilization;

/**
 * Rejects requests beyond the pod's capacity before any work is spent on them: a rejection costs a fifth of a transfer,
 * so under twice its maximum load a pod keeps its best throughput.
 *
 * There are two limits. A pod that waits (for Redis to return, or for the authority to move) holds as many requests as
 * memory allows, because their clients would rather wait than be rejected. A pod that is short of CPU holds only as
 * many as it can answer quickly: more would not raise its throughput, only its latency. Probes and metrics always pass.
 * Operators and their console have reserved slots, most of them for credentials that were authenticated before, so that
 * an unauthenticated flood cannot occupy them.
 */
export class LoadShedding {
  readonly #deps: LoadSheddingDependencies;
  readonly #refusals: RefusalLog;
  readonly #busy: BusyLoop;
  #inFlight = 0;
  #operatorsInFlight = 0;
  #unknownOperatorsInFlight = 0;
  /** `Authorization` headers of successful requests below `/v1/ops/`, the most recent last. */
  readonly #operators = new Set<string>();
  /** Rejections that are sent at the end of the turn. */
  readonly #deferred: Refused[] = [];
  /** When a request on a connection was last rejected. */
  readonly #refusedAt = new WeakMap<Socket, number>();
  readonly #leave: Leave = () => {
    this.#inFlight -= 1;
  };

  constructor(
    deps: LoadSheddingDependencies,
    refusals: RefusalLog,
    utilization: LoopUtilization = (since) => performance.eventLoopUtilization(since),
  ) {
    this.#deps = deps;
    this.#refusals = refusals;
    this.#busy = new BusyLoop(deps.clock, utilization);
  }

  /** Requests being handled, not counting those that always pass. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Returns a function to call when the handler has finished; null if the request was rejected. */
  enter(request: IncomingMessage, response: ServerResponse): Leave | null {
    const url = request.url ?? '';
    if (alwaysPasses(url)) return passed;
    const now = this.#deps.clock.monotonic();
    const limit = this.#limit(now);
    const isOperator = url.startsWith('/v1/ops/');
    const isReserved = isOperator || isOfConsole(url);
    if (this.#inFlight < limit) {
      this.#inFlight += 1;
      return isOperator ? this.#remembering(request, response, this.#leave) : this.#leave;
    }
    const leave = isReserved ? this.#enterAsOperator(request) : null;
    if (leave) return isOperator ? this.#remembering(request, response, leave) : leave;
    this.#turnAway({ request, response }, now);
    return null;
  }

  /** A request that waits for MySQL needs memory, but no CPU. */
  #limit(now: number): number {
    const { limits, waitingForDatabase } = this.#deps;
    const { requestsInFlightMax, requestsInFlightBusyMax } = limits;
    if (!this.#busy.is(now)) return requestsInFlightMax;
    return Math.min(requestsInFlightMax, requestsInFlightBusyMax + waitingForDatabase());
  }

  #enterAsOperator({ headers }: IncomingMessage): Leave | null {
    if (this.#operators.has(headers.authorization ?? '')) {
      if (this.#operatorsInFlight >= OPERATORS_IN_FLIGHT_MAX) return null;
      this.#operatorsInFlight += 1;
      return () => {
        this.#operatorsInFlight -= 1;
      };
    }
    if (this.#unknownOperatorsInFlight >= UNKNOWN_OPERATORS_IN_FLIGHT_MAX) return null;
    this.#unknownOperatorsInFlight += 1;
    return () => {
      this.#unknownOperatorsInFlight -= 1;
    };
  }

  /** A 2xx on an operator's route proves that the caller was authenticated. */
  #remembering({ headers }: IncomingMessage, response: ServerResponse, leave: Leave): Leave {
    return () => {
      leave();
      const { authorization } = headers;
      if (authorization === undefined || response.statusCode >= 300) return;
      this.#operators.delete(authorization);
      this.#operators.add(authorization);
      if (this.#operators.size <= OPERATORS_MAX) return;
      for (const oldest of this.#operators) {
        this.#operators.delete(oldest);
        return;
      }
    };
  }

  /**
   * Clients that retry without a pause get their rejections at the end of the turn, and only a limited number per turn.
   * Otherwise the event loop would mostly read their requests and hardly get to the responses of admitted requests.
   */
  #turnAway(refused: Refused, now: number): void {
    const { socket } = refused.request;
    const patient = now - (this.#refusedAt.get(socket) ?? Number.NEGATIVE_INFINITY) > PATIENT_AFTER_MS;
    this.#refusedAt.set(socket, now);
    if (patient || this.#deferred.length >= DEFERRED_MAX) {
      this.#refuse(refused);
      return;
    }
    this.#deferred.push(refused);
    if (this.#deferred.length === 1) this.#deps.clock.endOfTurn(() => this.#refuseSome());
  }

  #refuseSome(): void {
    for (const refused of this.#deferred.splice(0, REFUSALS_PER_TURN)) this.#refuse(refused);
    if (this.#deferred.length > 0) this.#deps.clock.endOfTurn(() => this.#refuseSome());
  }

  #refuse({ request, response }: Refused): void {
    if (response.destroyed || request.socket.destroyed) return;
    const { clock, onProblem, onRequest, closes } = this.#deps;
    const detail = `This pod is already handling ${this.#inFlight} requests. Send the same request again later.`;
    const problem = new Problem('overloaded', detail);
    const correlationId = correlationIdOf(request.headers, clock);
    const body = JSON.stringify(problemDocument(problem, requestTarget(request.url ?? '').path, correlationId));
    response.writeHead(problem.status, {
      'Content-Type': 'application/problem+json',
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      'Retry-After': String(retryAfterSeconds(problem) ?? 1),
      'X-Correlation-Id': correlationId,
      ...(closes(request) && { Connection: 'close' }),
    });
    response.end(body);
    onProblem(problem.code);
    onRequest(REFUSED, REFUSED, problem.status, 0);
    this.#refusals.write({ code: problem.code, correlationId, route: REFUSED, method: REFUSED, detail });
  }
}

/**
 * Whether the event loop has been busy nearly all the time lately. Evaluated on demand, so that no timer keeps the
 * process alive.
 */
class BusyLoop {
  readonly #utilization: LoopUtilization;
  #since: EventLoopUtilization;
  #sinceMs: number;
  #busy = false;

  constructor(clock: Clock, utilization: LoopUtilization) {
    this.#utilization = utilization;
    this.#since = utilization();
    this.#sinceMs = clock.monotonic();
  }

  is(nowMs: number): boolean {
    if (nowMs - this.#sinceMs < BUSY_OVER_MS) return this.#busy;
    this.#busy = this.#utilization(this.#since).utilization > BUSY_UTILIZATION;
    this.#since = this.#utilization();
    this.#sinceMs = nowMs;
    return this.#busy;
  }
}

const passed: Leave = () => {};

/** Paths of probes and Prometheus, which must reach an overloaded pod. Only these exact spellings bypass load shedding. */
function alwaysPasses(url: string): boolean {
  return url === '/livez' || url === '/readyz' || url === '/metrics';
}

/**
 * Whether an operator needs this URL to open the console and sign in. A successful request does not prove that its
 * sender is an operator: the files need no credentials, and `/v1/caller` accepts any valid ones.
 */
function isOfConsole(url: string): boolean {
  return url === '/v1/caller' || url === '/console' || url.startsWith('/console/');
}
