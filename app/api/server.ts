import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { newUuidV7 } from '../domain/ids.ts';
import { accountRoutes } from './accounts/account-routes.ts';
import type { ApiDependencies } from './api-dependencies.ts';
import { balanceRoutes } from './balances/balance-routes.ts';
import { callerRoute } from './console/caller-route.ts';
import { consoleRoutes } from './console/console-routes.ts';
import { ApiDocument } from './docs/api-document.ts';
import { docsRoutes } from './docs/docs-routes.ts';
import { eventRoutes } from './events/event-routes.ts';
import { healthRoutes } from './health/health-routes.ts';
import { holdReadRoutes } from './holds/hold-read-routes.ts';
import { holdRoutes } from './holds/hold-routes.ts';
import {
  ApiApplication,
  type ApiContext,
  type ApiMiddleware,
  authenticate,
  closeConnections,
  correlate,
  type LongResponses,
  limitRate,
  matchRoute,
  measure,
  send,
  shown,
  trace,
} from './http/application.ts';
import { refuseBroken } from './http/connections/broken-requests.ts';
import { Connections, type CutReason } from './http/connections/connections.ts';
import { LoadShedding, type LoopUtilization } from './http/connections/load-shedding.ts';
import { type ClosesConnection, UNMATCHED } from './http/http-dependencies.ts';
import { LiveResponses } from './http/live-responses.ts';
import { type AnswerError, problemResponses } from './http/problems.ts';
import { parseQuery } from './http/query.ts';
import { RateLimiter } from './http/rate-limiter.ts';
import { readBody } from './http/read-body.ts';
import { RefusalLog } from './http/refusal-log.ts';
import { type Route, RouteTable } from './http/route.ts';
import { Streams } from './http/streams.ts';
import { keyRoutes } from './keys/key-routes.ts';
import { liveRoutes } from './ops/live-routes.ts';
import { opsRoutes } from './ops/ops-routes.ts';
import { stopRoutes } from './ops/stop-routes.ts';
import { postingRoutes } from './postings/posting-routes.ts';
import { searchRoutes } from './search/search-routes.ts';
import { statementRoutes } from './statements/statement-routes.ts';
import { batchRoutes } from './transfers/batch-routes.ts';
import { groupRoutes } from './transfers/group-routes.ts';
import { returnedMoneyRoutes } from './transfers/returned-money-routes.ts';
import { transferRoutes } from './transfers/transfer-routes.ts';
import { webhookRoutes } from './webhooks/webhook-routes.ts';

/** Time limits for a client to send its headers, and its whole request; after that, its connection is closed. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const CONNECTIONS_CHECKED_EVERY_MS = 2_000;

/** Lost connections are routine; logging each would let clients flood the log. */
const CONNECTION_LOST = /^(ECONNRESET|EPIPE|HPE_.*|ERR_STREAM_PREMATURE_CLOSE)$/;

interface ApiParts extends LongResponses {
  routes: readonly Route[];
  refusals: RefusalLog;
  closes: ClosesConnection;
}

/** The middleware, in the order in which a request passes through it. */
function createApi(deps: ApiDependencies, { routes, refusals, closes, ...long }: ApiParts): ApiApplication {
  const { clock, keys, jwt, limits, logger } = deps;
  const app = new ApiApplication();
  if (deps.tracing) app.use(trace(deps.tracing));
  app.use(measure(deps.onRequest, clock));
  app.use(closeConnections(closes));
  app.use(correlate(clock));
  app.use(catchErrors(problemResponses(logger, refusals, deps.onProblem)));
  app.use(matchRoute(new RouteTable(routes)));
  app.use(authenticate(keys, jwt));
  app.use(limitRate(rateLimiter(deps)));
  app.use(readBody(limits.bodyBytesMax, clock));
  app.use(handle(long));
  // Here Koa reports errors for which a problem can no longer be sent.
  app.on('error', (error: NodeJS.ErrnoException, ctx?: ApiContext) => {
    if (CONNECTION_LOST.test(error.code ?? '')) return;
    logger.warn({ err: error, correlationId: ctx?.state.correlationId }, 'failed to send a response');
  });
  return app;
}

function rateLimiter({ clock, demand, limits }: ApiDependencies): RateLimiter | null {
  const perSecondMax = limits.requestsPerSecondPerUserMax;
  return perSecondMax === null ? null : new RateLimiter({ perSecondMax, clock, exchange: demand });
}

/** All routes; each defines who may call it, what it accepts and what it returns. `document` describes them. */
export function apiRoutes(deps: ApiDependencies): { routes: readonly Route[]; document: ApiDocument } {
  const routes = [
    ...accountRoutes(deps),
    ...balanceRoutes(deps),
    ...postingRoutes(deps),
    ...statementRoutes(deps),
    ...searchRoutes(deps),
    ...transferRoutes(deps),
    ...returnedMoneyRoutes(deps),
    ...batchRoutes(deps),
    ...groupRoutes(deps),
    ...holdRoutes(deps),
    ...holdReadRoutes(deps),
    ...eventRoutes(deps),
    ...webhookRoutes(deps),
    ...opsRoutes(deps),
    ...liveRoutes(deps),
    ...stopRoutes(deps),
    ...keyRoutes(deps),
    ...healthRoutes(deps),
    callerRoute(),
    ...consoleRoutes(),
  ];
  const document = new ApiDocument(() => all);
  const all: readonly Route[] = [...routes, ...docsRoutes(document)];
  return { routes: all, document };
}

/** An API that is not listening yet, and the sources of its metrics. */
export interface ApiServer {
  server: Server;
  loadShedding: LoadShedding;
  connections: Connections;
  /** The caller ends these when the pod shuts down; otherwise, the shutdown would wait for them. */
  streams: Streams;
  lives: LiveResponses;
  /** The caller generates it before the server listens, because generating it blocks the event loop. */
  document: ApiDocument;
}

/** Creates the server of an API. `keepAliveTimeoutMs` must exceed the idle timeout of the load balancer (usually 60 s). */
export function createApiServer(deps: ApiDependencies, keepAliveTimeoutMs: number, loop?: LoopUtilization): ApiServer {
  const { clock, limits, liveLimits, logger, onProblem, onConnectionExpired, shuttingDown } = deps;
  const refusals = new RefusalLog(logger, clock);
  const onCut = (reason: CutReason) => {
    onProblem('overloaded');
    refusals.write({
      code: 'overloaded',
      correlationId: newUuidV7(clock.now()),
      route: UNMATCHED,
      method: UNMATCHED,
      detail: reason,
    });
  };
  const connections = new Connections(clock, limits, { onCut, onExpired: onConnectionExpired });
  const closes: ClosesConnection = (request) => shuttingDown() || connections.expires(request);
  const loadShedding = new LoadShedding({ ...deps, closes }, refusals, loop);
  const streams = new Streams(clock);
  const lives = new LiveResponses(clock, liveLimits);
  const { routes, document } = apiRoutes(deps);
  const handle = createApi(deps, { routes, refusals, closes, streams, lives }).callback();
  const server = createServer({ connectionsCheckingInterval: CONNECTIONS_CHECKED_EVERY_MS }, (request, response) => {
    if (!connections.accept(request, response)) return;
    const leave = loadShedding.enter(request, response);
    if (leave) void handle(request, response).then(leave, leave);
  });
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = keepAliveTimeoutMs;
  connections.watch(server);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuseBroken(error, socket as Socket, connections.isAnswering(socket as Socket), { clock, onProblem, refusals });
  });
  return { server, loadShedding, connections, streams, lives, document };
}

const catchErrors =
  (answer: AnswerError): ApiMiddleware =>
  async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      answer(ctx, error);
    }
  };

const handle =
  (long: LongResponses): ApiMiddleware =>
  async (ctx) => {
    const { route, params, body, identity, correlationId, target } = ctx.state;
    const { headers } = ctx.req;
    if (route.scopes.length > 0) ctx.res.setHeader('Cache-Control', 'no-store');
    const answer = await route.handle({
      params,
      query: route.query === undefined ? undefined : parseQuery(target.query),
      body,
      identity,
      correlationId,
      path: shown(target.path),
      header: (name) => {
        const value = headers[name];
        return typeof value === 'string' ? value : undefined;
      },
    });
    send(ctx, answer, long);
  };
