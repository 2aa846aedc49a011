import type { Settled } from '../retry/progress.ts';
import type { Problem, ProblemCode } from '../types.ts';

/** Members of every outcome. */
interface Common<Request> {
  /** What was sent, with its id. To try an `unknown` one again, pass it to the same method. */
  readonly request: Request;
  readonly attempts: number;
}

export interface Rejected {
  readonly outcome: 'rejected';
  /** Why. Permanent for this id: to try again, use a new one. */
  readonly code: ProblemCode;
  readonly detail: string;
  /** The answer of the service; null if the outcome was looked up. */
  readonly problem: Problem | null;
}

export interface Unknown {
  readonly outcome: 'unknown';
  /** Why it is not known: the last answer, or that there was none. */
  readonly error: Error;
  /** How long the service asks to wait; null if it does not say. */
  readonly retryAfterMs: number | null;
}

/** Nothing was changed; the request may not have been valid, or the service was unavailable until the deadline. */
export interface Failed {
  readonly outcome: 'failed';
  readonly error: Error;
}

/**
 * - `rejected`: a business rule refused it, for good.
 * - `unknown`: it may or may not have been made. Never send it under another id; pass `request` again, or look it up.
 */
export type Outcome<Done, Request> = Common<Request> & (Done | Rejected | Unknown);

/** Also with what a single call throws. */
export type ItemOutcome<Done, Request> = Outcome<Done, Request> | (Common<Request> & Failed);

/** A success, or a refusal that was found by a look-up. */
export type Found<Done> = Done | Rejected;

export function itemOutcome<Done, Request>(
  request: Request,
  settled: Settled<Found<Done>>,
): ItemOutcome<Done, Request> {
  const { attempts } = settled;
  switch (settled.kind) {
    case 'accepted':
      return { ...settled.value, request, attempts };
    case 'refused': {
      const { problem } = settled;
      return { outcome: 'rejected', code: problem.code, detail: problem.detail, problem, request, attempts };
    }
    case 'failed':
      return { outcome: 'failed', error: settled.error, request, attempts };
    case 'unknown':
      return { outcome: 'unknown', error: settled.error, retryAfterMs: settled.retryAfterMs, request, attempts };
  }
}

/** @throws the error if nothing was changed */
export function outcomeOf<Done, Request>(request: Request, settled: Settled<Found<Done>>): Outcome<Done, Request> {
  if (settled.kind === 'failed') throw settled.error;
  return itemOutcome(request, settled) as Outcome<Done, Request>;
}

/** A refusal that was found by a look-up, which does not give the details of the first answer. */
export const foundRefusal = (code: ProblemCode | undefined): Rejected => ({
  outcome: 'rejected',
  code: code ?? 'rejected',
  detail: 'It was refused; the look-up does not say more.',
  problem: null,
});
