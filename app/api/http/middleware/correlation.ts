import type { IncomingHttpHeaders } from 'node:http';
import { ID_PATTERN, newUuidV7 } from '../../../domain/ids.ts';
import type { Clock } from '../../../kernel/clock.ts';
import type { ApiMiddleware } from '../http-context.ts';
import { requestTarget } from '../request-target.ts';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const NO_TRACE = '0'.repeat(32);

/**
 * Gives every request its target and its correlation id: the client's `X-Correlation-Id`, otherwise the trace id of its
 * `traceparent`, otherwise a new one. An invalid id is replaced rather than rejected: it is no reason to block a
 * payment, but it must not reach logs or MySQL.
 */
export function correlate(clock: Clock): ApiMiddleware {
  return (ctx, next) => {
    const id = correlationIdOf(ctx.req.headers, clock);
    ctx.state.target = requestTarget(ctx.req.url ?? '');
    ctx.state.correlationId = id;
    ctx.res.setHeader('X-Correlation-Id', id);
    return next();
  };
}

/** The correlation id of a request with these headers; a new one if none of them contains a valid id. */
export function correlationIdOf(headers: IncomingHttpHeaders, clock: Clock): string {
  const given = headers['x-correlation-id'];
  if (typeof given === 'string' && ID_PATTERN.test(given)) return given;
  return traceId(headers['traceparent']) ?? newUuidV7(clock.now());
}

function traceId(traceparent: string | string[] | undefined): string | null {
  if (typeof traceparent !== 'string') return null;
  const id = TRACEPARENT.exec(traceparent)?.[1];
  return id === undefined || id === NO_TRACE ? null : id;
}
