import {
  type Caller,
  type Content,
  callWith,
  isDoubtful,
  type LookUp,
  type OutcomeOptions,
  settleCall,
} from '../calls.ts';
import type { Settled } from '../retry/progress.ts';
import type { Accept } from '../retry/verdict.ts';
import type { Problem, ProblemCode } from '../types.ts';

/** Members of every outcome. */
interface Common<Request> {
  /** What was sent, with its id. If the outcome is `unknown`, pass it to the same method again. */
  readonly request: Request;
  readonly attempts: number;
}

export interface Rejected {
  readonly outcome: 'rejected';
  /**
   * The reason. It is permanent for this id: to try again, use a new id. Only a reversal, which has no id, may be
   * called again.
   */
  readonly code: ProblemCode;
  readonly detail: string;
  /** The answer of the service; null if the outcome was looked up. */
  readonly problem: Problem | null;
}

export interface Unknown {
  readonly outcome: 'unknown';
  /** Why the outcome is not known: the last answer, or the lack of one. */
  readonly error: Error;
  /** How long the service asks the client to wait; null if it does not say. */
  readonly retryAfterMs: number | null;
}

/** Nothing was changed: for example, the request was not valid, or the service was unavailable until the deadline. */
export interface Failed {
  readonly outcome: 'failed';
  readonly error: Error;
}

/**
 * - `rejected`: a business rule refused it, for good.
 * - `unknown`: it may or may not have been made. Never send it under another id; pass `request` again, or look it up.
 */
export type Outcome<Done, Request> = Common<Request> & (Done | Rejected | Unknown);

/** The outcome of an item of a list; `failed` stands for an error that a single call would throw. */
export type ItemOutcome<Done, Request> = Outcome<Done, Request> | (Common<Request> & Failed);

/** A success, or a refusal that was found by a look-up. */
export type Found<Done> = Done | Rejected;

export function itemOutcome<Done, Request extends object>(
  { doubtful }: Caller,
  request: Request,
  settled: Settled<Found<Done>>,
): ItemOutcome<Done, Request> {
  const { attempts } = settled;
  switch (settled.kind) {
    case 'accepted': {
      const { value } = settled;
      if ((value as { outcome?: string }).outcome === 'pending') doubtful.add(request);
      return { ...value, request, attempts };
    }
    case 'refused': {
      const { problem } = settled;
      return { outcome: 'rejected', code: problem.code, detail: problem.detail, problem, request, attempts };
    }
    case 'failed':
      return { outcome: 'failed', error: settled.error, request, attempts };
    case 'unknown':
      doubtful.add(request);
      return { outcome: 'unknown', error: settled.error, retryAfterMs: settled.retryAfterMs, request, attempts };
  }
}

interface Parts<Done> {
  readonly content: Content;
  readonly accept: Accept<Found<Done>>;
  readonly lookUp?: LookUp<Found<Done>>;
  /** See `settleCall`. */
  readonly forgetsRefusals?: boolean;
}

/**
 * Makes a call whose result is an outcome.
 * @param given the request as the caller passed it, possibly the request of an earlier outcome
 * @param sent the same request, with its id
 * @throws the error if nothing was changed
 */
export async function outcomeOf<Done, Request extends object>(
  caller: Caller,
  { given, sent, options }: { given: object; sent: Request; options: OutcomeOptions },
  { content, accept, ...settling }: Parts<Done>,
): Promise<Outcome<Done, Request>> {
  const call = callWith(caller, options);
  const isInDoubt = isDoubtful(caller, given, options);
  const settled = await settleCall(caller, call, content, accept, { ...settling, isInDoubt });
  if (settled.kind === 'failed') throw settled.error;
  return itemOutcome(caller, sent, settled) as Outcome<Done, Request>;
}

/** A refusal that was found by a look-up, which does not return the details of the first answer. */
export const foundRefusal = (code: ProblemCode | undefined): Rejected => ({
  outcome: 'rejected',
  code: code ?? 'rejected',
  detail: 'It was refused; the look-up does not return the details.',
  problem: null,
});
