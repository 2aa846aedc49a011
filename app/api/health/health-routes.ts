import { type Route, route } from '../http/route.ts';
import { Liveness, Readiness } from './health-schema.ts';

export interface ReadinessReport {
  ready: boolean;
  /** Why the pod is not ready, in words for an operator. Empty when it is ready. */
  reasons: readonly string[];
}

interface HealthDependencies {
  readiness: () => ReadinessReport;
  /** Absent where metrics have a port of their own. */
  metrics?: { contentType: string; text(): Promise<string> };
}

const tag = 'Health';
const headers = { 'Cache-Control': 'no-store' };

export function healthRoutes({ readiness, metrics }: HealthDependencies): Route[] {
  return [
    route({
      method: 'GET',
      path: '/livez',
      scopes: [],
      tag,
      summary: 'Whether the process is alive',
      description: 'Checks only the process itself: restarting it would fix neither Redis nor MySQL.',
      answers: { 200: { description: 'It is', schema: Liveness } },
      problems: [],
      handle: () => ({ status: 200, body: { alive: true }, headers }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      scopes: [],
      tag,
      summary: 'Whether this pod can serve requests, and if not, why',
      answers: {
        200: { description: 'The pod can serve requests', schema: Readiness },
        503: { description: 'The pod cannot serve requests', schema: Readiness },
      },
      problems: [],
      handle: () => {
        const report = readiness();
        return { status: report.ready ? 200 : 503, body: report, headers };
      },
    }),
    ...(metrics ? [metricsRoute(metrics)] : []),
  ];
}

function metricsRoute(metrics: NonNullable<HealthDependencies['metrics']>): Route {
  return route({
    method: 'GET',
    path: '/metrics',
    scopes: [],
    tag,
    summary: 'Metrics for Prometheus',
    answers: { 200: { description: 'The metrics', contentType: 'text/plain' } },
    problems: [],
    handle: async () => ({
      status: 200,
      content: { type: metrics.contentType, data: await metrics.text() },
      headers,
    }),
  });
}
