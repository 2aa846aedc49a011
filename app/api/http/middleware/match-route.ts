import { Problem } from '../../../domain/problem.ts';
import type { ApiMiddleware } from '../http-context.ts';
import { shown } from '../problem-document.ts';
import type { RouteTable } from '../route-table.ts';

/** Finds the route before anything else is decided about the request: the route defines the requirements. */
export function matchRoute(table: RouteTable): ApiMiddleware {
  return (ctx, next) => {
    const { path } = ctx.state.target;
    const match = table.match(ctx.method, path);
    if ('allow' in match) {
      if (match.allow.length === 0) throw new Problem('not_found', `No resource exists at ${shown(path)}.`);
      ctx.res.setHeader('Allow', match.allow.join(', '));
      throw new Problem(
        'method_not_allowed',
        `${shown(path)} supports ${match.allow.join(', ')}, but not ${ctx.method}.`,
      );
    }
    ctx.state.route = match.route;
    ctx.state.params = match.params;
    return next();
  };
}
