import { Problem } from '../../errors.ts';
import { type ApiContext, type ApiMiddleware, sendContent } from '../context.ts';
import type { ApiDependencies, ApiLogger } from '../dependencies.ts';
import { problemDocument, retryAfterSeconds } from '../problem-document.ts';
import { ClientGone } from './body.ts';

/** As nginx counts requests whose client went away; it is never sent. */
const CLIENT_CLOSED_REQUEST = 499;

/** The one place where an error becomes an answer. */
export function renderProblems(logger: ApiLogger, onProblem: ApiDependencies['onProblem']): ApiMiddleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (error instanceof ClientGone) return leaveUnanswered(ctx);
      const problem = error instanceof Problem ? error : unexpected(ctx, error, logger);
      onProblem(problem.code);
      render(ctx, problem, logger);
    }
  };
}

function render(ctx: ApiContext, problem: Problem, logger: ApiLogger): void {
  const { correlationId } = ctx.state;
  if (problem.status > 500) {
    logger.warn({ correlationId, code: problem.code, path: ctx.path, detail: problem.message }, 'request not served');
  }
  const retryAfter = retryAfterSeconds(problem);
  if (retryAfter !== null) ctx.res.setHeader('Retry-After', String(retryAfter));
  if (problem.code === 'unauthenticated') ctx.res.setHeader('WWW-Authenticate', 'Bearer');
  ctx.res.setHeader('Cache-Control', 'no-store');
  ctx.status = problem.status;
  sendContent(ctx, 'application/problem+json', JSON.stringify(problemDocument(problem, ctx.path, correlationId)));
}

/** What was thrown goes to the log and not to the client: it may name hosts, SQL or keys. */
function unexpected(ctx: ApiContext, error: unknown, logger: ApiLogger): Problem {
  const { correlationId } = ctx.state;
  logger.error({ correlationId, path: ctx.path, method: ctx.method, err: error }, 'request failed unexpectedly');
  return new Problem('internal_error', 'An unexpected error happened; the correlation id names it in our logs.');
}

function leaveUnanswered(ctx: ApiContext): void {
  ctx.status = CLIENT_CLOSED_REQUEST;
  ctx.respond = false;
}
