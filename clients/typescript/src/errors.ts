import type { Problem, ProblemCode } from './types.ts';

/** Everything that the client throws on purpose, except the reason of your own abort signal. */
export abstract class HoldfastError extends Error {
  /** The id under which the service logged the request; null if the client did not send it. */
  readonly correlationId: string | null;

  constructor(message: string, correlationId: string | null, options?: ErrorOptions) {
    super(message, options);
    this.correlationId = correlationId;
  }
}

/** The service answered with a problem. Nothing was changed. */
export class ProblemError extends HoldfastError {
  override readonly name = 'ProblemError';
  readonly problem: Problem;
  /**
   * How long the service asks the client to wait before it sends the request again; null if the request must not simply
   * be sent again.
   */
  readonly retryAfterMs: number | null;

  constructor(problem: Problem, retryAfterMs: number | null) {
    super(`${problem.code}: ${problem.detail}`, problem.correlationId);
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }

  get code(): ProblemCode {
    return this.problem.code;
  }
  get status(): number {
    return this.problem.status;
  }
}

/**
 * There is no answer from Holdfast: no connection, a timeout, an answer that was cut off, or an answer from something
 * in between, such as a proxy. For a request that changes something, this error means that it certainly did not reach
 * the service.
 */
export class NoAnswerError extends HoldfastError {
  override readonly name = 'NoAnswerError';
  /** The status of the answer, if something other than Holdfast answered. */
  readonly status: number | null;

  constructor(message: string, correlationId: string | null, status: number | null, cause?: unknown) {
    super(message, correlationId, { cause });
    this.status = status;
  }
}

/**
 * A change may or may not have been made, and there was no time left to find out. Call the same method with the same
 * arguments again: a change is never made twice. Transfers, groups and holds report this as the outcome `unknown`
 * instead of throwing it.
 */
export class OutcomeUnknownError extends HoldfastError {
  override readonly name = 'OutcomeUnknownError';
  readonly retryAfterMs: number | null;

  constructor(error: Error, retryAfterMs: number | null) {
    const correlationId = error instanceof HoldfastError ? error.correlationId : null;
    super(`The outcome is not known: ${error.message}`, correlationId, { cause: error });
    this.retryAfterMs = retryAfterMs;
  }
}
