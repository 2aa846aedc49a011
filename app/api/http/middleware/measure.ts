import type { Clock } from '../../../kernel/clock.ts';
import type { ApiMiddleware } from '../http-context.ts';
import type { HttpDependencies } from '../http-dependencies.ts';

/** The route and method of requests for which there is no route. */
export const UNMATCHED = 'unmatched';

/** Tells the hook how each request went. Outermost, so that nothing is left out of the time. */
export function measure(onRequest: HttpDependencies['onRequest'], clock: Clock): ApiMiddleware {
  return async (ctx, next) => {
    const start = clock.monotonic();
    await next();
    // The method of a matched route only: anything else is text that a client made up.
    const route = ctx.state.route?.path ?? UNMATCHED;
    const method = ctx.state.route?.method ?? UNMATCHED;
    onRequest(route, method, ctx.status, (clock.monotonic() - start) / 1000);
  };
}

/**
 * From the first shutdown signal on, each answer asks its client to take another connection, to another pod: also the answer to
 * what was under way when the signal came.
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
