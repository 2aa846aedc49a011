import { Problem } from '../../../domain/problem.ts';
import type { ApiMiddleware } from '../http-context.ts';
import type { RateLimiter } from '../rate-limiter.ts';

/** Refuses requests of users that make too many. Null for no limit. */
export function limitRate(limiter: RateLimiter | null): ApiMiddleware {
  return (ctx, next) => {
    const { route, identity } = ctx.state;
    if (limiter === null || route.scopes.length === 0 || limiter.take(identity.user)) return next();
    throw new Problem('rate_limited', `More than ${limiter.perSecondMax} requests in a second.`);
  };
}
