import type { IncomingHttpHeaders } from 'node:http';
import type { ApiMiddleware } from '../http-context.ts';

/** The part of tracing that the API needs: a span around a request, under the caller's trace when it names one. */
export interface RequestTracing {
  incomingSpan<T>(
    headers: IncomingHttpHeaders,
    name: string,
    run: (span: { rename(name: string): void; set(attribute: string, value: string | number): void }) => Promise<T>,
  ): Promise<T>;
}

/** One span per request, named by its route. Only there when tracing is on: it costs nothing otherwise. */
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
