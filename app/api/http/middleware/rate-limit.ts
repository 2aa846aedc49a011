import { Problem } from '../../../domain/problem.ts';
import type { Clock } from '../../../kernel/clock.ts';
import type { ApiMiddleware } from '../http-context.ts';

/** More users than this in a second, and the oldest are forgotten, which only means that they start with a full second. */
const USERS_MAX = 10_000;

interface Allowance {
  /** How many requests are left, as of `at`; they come back at the limit's rate, up to one second's worth. */
  left: number;
  at: number;
}

/** A token bucket of one second for each user, per pod. */
export function limitRate(requestsPerSecondMax: number | null, clock: Clock): ApiMiddleware {
  if (requestsPerSecondMax === null) return (_ctx, next) => next();
  const allowances = new Map<string, Allowance>();
  return (ctx, next) => {
    const { route, identity } = ctx.state;
    if (route.scopes.length === 0) return next();
    const now = clock.monotonic();
    const allowance = allowances.get(identity.user) ?? { left: requestsPerSecondMax, at: now };
    allowance.left = Math.min(
      requestsPerSecondMax,
      allowance.left + ((now - allowance.at) / 1000) * requestsPerSecondMax,
    );
    allowance.at = now;
    remember(allowances, identity.user, allowance);
    if (allowance.left < 1) {
      throw new Problem('rate_limited', `More than ${requestsPerSecondMax} requests in a second.`);
    }
    allowance.left--;
    return next();
  };
}

/** A Map keeps the order of insertion, so its first user is the one not seen for longest. */
function remember(allowances: Map<string, Allowance>, user: string, allowance: Allowance): void {
  allowances.delete(user);
  allowances.set(user, allowance);
  if (allowances.size <= USERS_MAX) return;
  for (const oldest of allowances.keys()) {
    allowances.delete(oldest);
    return;
  }
}
