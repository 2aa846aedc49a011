import type { Clock } from '../../../kernel/clock.ts';
import type { ApiMiddleware } from '../http-context.ts';
import type { HttpDependencies } from '../http-dependencies.ts';

/** The route and method reported for requests without a matching route. */
export const UNMATCHED = 'unmatched';

/** Reports each request to the hook. Outermost, so that the time covers everything. */
export function measure(onRequest: HttpDependencies['onRequest'], clock: Clock): ApiMiddleware {
  return async (ctx, next) => {
    const start = clock.monotonic();
    await next();
    // Only the method of a matched route: anything else is text chosen by the client.
    const route = ctx.state.route?.path ?? UNMATCHED;
    const method = ctx.state.route?.method ?? UNMATCHED;
    onRequest(route, method, ctx.status, (clock.monotonic() - start) / 1000);
  };
}

/**
 * From the first shutdown signal on, each response asks its client to close the connection and use another pod. This
 * includes responses to requests that were in progress when the signal came.
 */
export function closeWhenShuttingDown(shuttingDown: () => boolean): ApiMiddleware {
  return async (ctx, next) => {
    try {
      await next();
    } finally {
      if (shuttingDown() && !ctx.headerSent) ctx.res.setHeader('Connection', 'close');
    }
  };
}
