import type { Middleware as KoaMiddleware, ParameterizedContext } from 'koa';
import type { Identity } from '../../domain/identity.ts';
import type { RequestTarget } from './request-target.ts';
import type { Answer, Route } from './route.ts';
import type { PathParams } from './route-table.ts';

/** What the middleware finds out about a request, in this order. */
export interface ApiState {
  target: RequestTarget;
  correlationId: string;
  route: Route;
  params: PathParams;
  identity: Identity;
  body: unknown;
  /** The response body, once known; null for a response without a body. */
  content: string | Buffer | null;
}
export type ApiContext = ParameterizedContext<ApiState>;
export type ApiMiddleware = KoaMiddleware<ApiState>;

export function send(ctx: ApiContext, answer: Answer): void {
  const { body, content, headers } = answer;
  ctx.res.statusCode = answer.status;
  if (headers) for (const name in headers) ctx.res.setHeader(name, headers[name] ?? '');
  if (content) sendContent(ctx, content.type, content.data);
  else if (body) sendContent(ctx, 'application/json', JSON.stringify(body));
  else ctx.state.content = null;
}

export function sendContent({ res, state }: ApiContext, type: string, data: string | Buffer): void {
  res.setHeader('Content-Type', type);
  res.setHeader('Content-Length', Buffer.byteLength(data));
  state.content = data;
}
