import { PROBLEMS, type Problem, type ProblemCode } from '../../domain/problem.ts';

/** RFC 9457, with a stable `code`. `type` is a name rather than an address; docs/api.md documents it. */
export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ProblemCode;
  correlationId: string;
  transactionId?: string;
  errors?: Problem['extras']['errors'];
}

const PATH_LENGTH_MAX = 256;

/** A path as shown in responses, shortened: a request's path may have 16 KiB. */
export function shown(path: string): string {
  return path.length <= PATH_LENGTH_MAX ? path : `${path.slice(0, PATH_LENGTH_MAX)}…`;
}

export function problemDocument(problem: Problem, instance: string, correlationId: string): ProblemDocument {
  const { transactionId, errors } = problem.extras;
  return {
    type: `urn:holdfast:problem:${problem.code}`,
    title: problem.title,
    status: problem.status,
    detail: problem.message,
    instance: shown(instance),
    code: problem.code,
    correlationId,
    ...(transactionId !== undefined && { transactionId }),
    ...(errors !== undefined && { errors }),
  };
}

/** Seconds for `Retry-After`, or null if the same request must not simply be sent again. */
export function retryAfterSeconds(problem: Problem): number | null {
  return PROBLEMS[problem.code].retryable ? Math.ceil(problem.extras.retryAfterSeconds ?? 1) : null;
}
