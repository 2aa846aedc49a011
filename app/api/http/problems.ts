import { z } from 'zod';
import { LIMITS, type LimitName } from '../../domain/limits.ts';
import { PROBLEMS, Problem, type ProblemCode, REFUSALS, type Refusal } from '../../domain/problem.ts';
import { type ApiContext, sendContent, shown } from './application.ts';
import { type ApiLogger, type HttpDependencies, UNMATCHED } from './http-dependencies.ts';
import { ClientGone } from './read-body.ts';
import type { RefusalLog, RefusedRequest } from './refusal-log.ts';

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
  groupId?: string;
  holdId?: string;
  index?: number;
  refusal?: Refusal;
  limit?: LimitName;
  value?: string;
  remaining?: string;
  errors?: Problem['extras']['errors'];
}

export function problemDocument(problem: Problem, instance: string, correlationId: string): ProblemDocument {
  const { transactionId, groupId, holdId, index, refusal, limit, value, remaining, errors } = problem.extras;
  return {
    type: `urn:holdfast:problem:${problem.code}`,
    title: problem.title,
    status: problem.status,
    detail: problem.message,
    instance: shown(instance),
    code: problem.code,
    correlationId,
    ...(transactionId !== undefined && { transactionId }),
    ...(groupId !== undefined && { groupId }),
    ...(holdId !== undefined && { holdId }),
    ...(index !== undefined && { index }),
    ...(refusal !== undefined && { refusal }),
    ...(limit !== undefined && { limit }),
    ...(value !== undefined && { value }),
    ...(remaining !== undefined && { remaining }),
    ...(errors !== undefined && { errors }),
  };
}

/** Seconds for `Retry-After`, or null if the same request must not simply be sent again. */
export function retryAfterSeconds(problem: Problem): number | null {
  return PROBLEMS[problem.code].retryable ? Math.ceil(problem.extras.retryAfterSeconds ?? 1) : null;
}

const CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

/** The schema of `problemDocument` in the OpenAPI document. */
export const FieldErrorSchema = z
  .object({ pointer: z.string().meta({ description: 'JSON pointer (RFC 6901).' }), detail: z.string() })
  .meta({ id: 'FieldError' });

export const ProblemSchema = z
  .object({
    type: z.string().meta({ example: 'urn:holdfast:problem:insufficient_funds' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: 'The path of the request.' }),
    code: z.enum(CODES).meta({ description: 'Stable, for programs.' }),
    correlationId: z.string(),
    transactionId: z.string().optional().meta({ description: 'The id to look up or to send again.' }),
    groupId: z.string().optional().meta({ description: 'The id of the group or split to look up or to send again.' }),
    holdId: z.string().optional().meta({ description: 'The id of the hold to look up or to send again.' }),
    index: z
      .int()
      .optional()
      .meta({ description: 'The index in the group of the transfer that the problem concerns, starting at 0.' }),
    refusal: z.enum(REFUSALS).optional().meta({ description: 'For `group_refused`: why that transfer was refused.' }),
    limit: z.enum(LIMITS).optional().meta({ description: 'For `limit_exceeded`: which limit.' }),
    value: z.string().optional().meta({ description: 'The value of the limit, in major units.' }),
    remaining: z.string().optional().meta({ description: 'The unused part of the limit, in major units.' }),
    errors: z.array(FieldErrorSchema).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457.' });

/** nginx's status for requests whose client disconnected; it is never sent. */
const CLIENT_CLOSED_REQUEST = 499;

export type AnswerError = (ctx: ApiContext, error: unknown) => void;

/** The one place where errors become responses. */
export function problemResponses(
  logger: ApiLogger,
  refusals: RefusalLog,
  onProblem: HttpDependencies['onProblem'],
): AnswerError {
  return (ctx, error) => {
    if (error instanceof ClientGone) return leaveUnanswered(ctx);
    const problem = error instanceof Problem ? error : internalError();
    if (problem.code === 'internal_error') logUnexpected(ctx, error instanceof Problem ? error.cause : error, logger);
    onProblem(problem.code);
    render(ctx, problem);
    if (!isLogged(problem)) refusals.write(refusedRequest(ctx, problem));
  };
}

/** Outcomes of transfers and groups, and unexpected errors, have their own log lines. */
function isLogged({ code, extras }: Problem): boolean {
  return code === 'internal_error' || extras.transactionId !== undefined || extras.groupId !== undefined;
}

function refusedRequest({ state, method }: ApiContext, problem: Problem): RefusedRequest {
  const { correlationId, identity, route } = state;
  return {
    code: problem.code,
    correlationId,
    route: route?.path ?? UNMATCHED,
    // The method is logged only if a route matched: otherwise it is text chosen by the client.
    method: route ? method : UNMATCHED,
    ...(identity && { user: identity.user }),
    // The details of other problems are omitted, because they can quote what the client sent.
    ...(problem.status >= 500 && { detail: problem.message }),
    ...(problem.extras.logged !== undefined && { detail: problem.extras.logged }),
  };
}

function render(ctx: ApiContext, problem: Problem): void {
  const { correlationId, target } = ctx.state;
  const retryAfter = retryAfterSeconds(problem);
  if (retryAfter !== null) ctx.res.setHeader('Retry-After', String(retryAfter));
  if (problem.code === 'unauthenticated') ctx.res.setHeader('WWW-Authenticate', 'Bearer');
  ctx.res.setHeader('Cache-Control', 'no-store');
  ctx.res.statusCode = problem.status;
  sendContent(ctx, 'application/problem+json', JSON.stringify(problemDocument(problem, target.path, correlationId)));
}

/** The error is logged but not sent to the client: it may contain host names, SQL or keys. */
function logUnexpected({ state, method }: ApiContext, error: unknown, logger: ApiLogger): void {
  const { correlationId, target } = state;
  logger.error({ correlationId, path: shown(target.path), method, err: error }, 'request failed unexpectedly');
}

function internalError(): Problem {
  return new Problem('internal_error', 'An unexpected error occurred; it is logged under the correlation id.');
}

function leaveUnanswered(ctx: ApiContext): void {
  ctx.status = CLIENT_CLOSED_REQUEST;
  ctx.respond = false;
}
