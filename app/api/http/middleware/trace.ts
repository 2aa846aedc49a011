import type { ApiMiddleware } from '../http-context.ts';
import type { RequestTracing } from '../http-dependencies.ts';

/** One span per request, named after its route. Installed only if tracing is on. */
export function trace(tracing: RequestTracing): ApiMiddleware {
  return (ctx, next) =>
    tracing.incomingSpan(ctx.req.headers, ctx.method, async (span) => {
      await next();
      const { route, correlationId } = ctx.state;
      if (route) span.rename(`${route.method} ${route.path}`);
      span.set('http.response.status_code', ctx.status);
      span.set('holdfast.correlation_id', correlationId);
    });
}
