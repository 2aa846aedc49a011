import { Problem } from '../../../domain/problem.ts';
import { type ApiContext, type ApiMiddleware, sendContent } from '../http-context.ts';
import type { ApiLogger, HttpDependencies } from '../http-dependencies.ts';
import { problemDocument, retryAfterSeconds, shown } from '../problem-document.ts';
import type { RefusalLog, RefusedRequest } from '../refusal-log.ts';
import { UNMATCHED } from './measure.ts';
import { ClientGone } from './read-body.ts';

/** nginx's status for requests whose client disconnected; it is never sent. */
const CLIENT_CLOSED_REQUEST = 499;

/** The one place where errors become responses. */
export function renderProblems(
  logger: ApiLogger,
  refusals: RefusalLog,
  onProblem: HttpDependencies['onProblem'],
): ApiMiddleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (error instanceof ClientGone) return leaveUnanswered(ctx);
      const problem = error instanceof Problem ? error : internalError();
      if (problem.code === 'internal_error') logUnexpected(ctx, error instanceof Problem ? error.cause : error, logger);
      onProblem(problem.code);
      render(ctx, problem);
      if (!isLogged(problem)) refusals.write(refusedRequest(ctx, problem));
    }
  };
}

/** Unexpected errors and outcomes of transfers have their own log lines. */
function isLogged({ code, extras }: Problem): boolean {
  return code === 'internal_error' || extras.transactionId !== undefined;
}

function refusedRequest({ state, method }: ApiContext, problem: Problem): RefusedRequest {
  const { correlationId, identity, route } = state;
  return {
    code: problem.code,
    correlationId,
    route: route?.path ?? UNMATCHED,
    // Only the method of a matched route: anything else is text chosen by the client.
    method: route ? method : UNMATCHED,
    ...(identity && { user: identity.user }),
    // The details of other problems refer to what the client sent.
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
