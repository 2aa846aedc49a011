import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import type { Clock } from '../clock.ts';
import { Problem } from '../errors.ts';
import type { ApiDependencies } from './dependencies.ts';
import { correlationIdOf } from './middleware/correlation.ts';
import { problemDocument, retryAfterSeconds } from './problem-document.ts';

/** How long a pod has to be short of CPU before it refuses: the rush after a switch-over is over sooner. */
const BUSY_OVER_MS = 500;
/** Share of that time in which the event loop did not wait for anything. */
const BUSY_UTILIZATION = 0.95;
const LOG_EVERY_MS = 1_000;
/** Refusals of a turn to those who were refused a moment ago, and come again at once. */
const REFUSALS_PER_TURN = 50;
/** `Retry-After` is a second: who was not refused on this connection for so long gets its refusal at once. */
const PATIENT_AFTER_MS = 900;

type AdmissionDependencies = Pick<
  ApiDependencies,
  'clock' | 'limits' | 'logger' | 'onRequest' | 'onProblem' | 'shuttingDown'
>;

interface Refused {
  request: IncomingMessage;
  response: ServerResponse;
}

/** The measure of the event loop, by which a pod that works at its limit is told from one that waits for a store. */
export type LoopUtilization = (since?: EventLoopUtilization) => EventLoopUtilization;

/**
 * Refuses what is more than the pod can do, before anything is spent on it: a refusal costs a fifth of a transfer, so that under
 * twice the load it can bear a pod goes on at its best rate.
 *
 * Two limits. A pod that waits (for Redis to come back, for the authority to move) holds as many requests as memory allows, as
 * their clients would rather wait than be refused. A pod that is short of CPU holds as many as it answers in a moment: with
 * more it would do no more, only later. Probes, metrics and operators always pass.
 */
export class Admission {
  readonly #deps: AdmissionDependencies;
  readonly #busy: BusyLoop;
  #inFlight = 0;
  /** Those who wait for their refusal. */
  #impatient: Refused[] = [];
  /** When a connection was last refused anything. */
  readonly #refusedAt = new WeakMap<Socket, number>();
  /** Refusals since the last line about them. */
  #untold = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  readonly #left = () => {
    this.#inFlight -= 1;
  };

  constructor(
    deps: AdmissionDependencies,
    utilization: LoopUtilization = (since) => performance.eventLoopUtilization(since),
  ) {
    this.#deps = deps;
    this.#busy = new BusyLoop(deps.clock, utilization);
  }

  /** Requests being handled, of those that may be refused. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** True when the request may go on; it is counted until its answer is sent, or its client gone. False: it was refused. */
  enter(request: IncomingMessage, response: ServerResponse): boolean {
    if (!mayBeRefused(request.url ?? '')) return true;
    const { requestsInFlightMax, requestsInFlightBusyMax } = this.#deps.limits;
    const now = this.#deps.clock.monotonic();
    const limit = this.#busy.is(now) ? requestsInFlightBusyMax : requestsInFlightMax;
    if (this.#inFlight >= limit) {
      this.#turnAway({ request, response }, now);
      return false;
    }
    this.#inFlight += 1;
    response.once('close', this.#left);
    return true;
  }

  /**
   * Clients that ask again without a pause get their refusals at the end of the turn, and only so many: else the event loop would go
   * on reading what they send, and hardly come to the answers of those who were let in. As it is, they wait a little longer.
   */
  #turnAway(refused: Refused, now: number): void {
    const { socket } = refused.request;
    const patient = now - (this.#refusedAt.get(socket) ?? Number.NEGATIVE_INFINITY) > PATIENT_AFTER_MS;
    this.#refusedAt.set(socket, now);
    if (patient) {
      this.#refuse(refused);
      return;
    }
    this.#impatient.push(refused);
    if (this.#impatient.length === 1) this.#deps.clock.endOfTurn(() => this.#refuseSome());
  }

  #refuseSome(): void {
    for (const refused of this.#impatient.splice(0, REFUSALS_PER_TURN)) this.#refuse(refused);
    if (this.#impatient.length > 0) this.#deps.clock.endOfTurn(() => this.#refuseSome());
  }

  /** One line a second for all: a line each would cost more than the refusal. */
  #tell(): void {
    const { clock, logger } = this.#deps;
    this.#untold += 1;
    const now = clock.monotonic();
    if (now - this.#toldAtMs < LOG_EVERY_MS) return;
    logger.warn(
      { code: 'overloaded', refused: this.#untold, inFlight: this.#inFlight },
      'requests refused at the door',
    );
    this.#toldAtMs = now;
    this.#untold = 0;
  }

  #refuse({ request, response }: Refused): void {
    const { clock, onProblem, onRequest, shuttingDown } = this.#deps;
    const detail = `This pod already works on ${this.#inFlight} requests. Send the same request again later.`;
    const problem = new Problem('overloaded', detail);
    const correlationId = correlationIdOf(request.headers, clock);
    const body = JSON.stringify(problemDocument(problem, pathOf(request.url ?? ''), correlationId));
    response.writeHead(problem.status, {
      'Content-Type': 'application/problem+json',
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      'Retry-After': String(retryAfterSeconds(problem) ?? 1),
      'X-Correlation-Id': correlationId,
      ...(shuttingDown() && { Connection: 'close' }),
    });
    response.end(body);
    onProblem(problem.code);
    onRequest('refused', 'refused', problem.status, 0);
    this.#tell();
  }
}

/** Whether the event loop has worked nearly all the time lately. Looked at when somebody asks: no timer holds the process. */
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

/** What clients ask for, but not what operators, probes and Prometheus do: they must see a pod that is overloaded. */
function mayBeRefused(url: string): boolean {
  return url.startsWith('/v1/') && !url.startsWith('/v1/ops/');
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
