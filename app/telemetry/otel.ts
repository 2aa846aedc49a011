import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as api from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { MySQL2Instrumentation } from '@opentelemetry/instrumentation-mysql2';
import { core, NodeSDK, resources, tracing } from '@opentelemetry/sdk-node';
import type { Config } from '../config/config.ts';
import type { Log } from './logger.ts';
import { tracingWith } from './otel-spans.ts';
import { RootSampler } from './root-sampler.ts';
import type { TracedProcess, Tracing } from './span.ts';

const EXPORT_TIMEOUT_MS = 2000;
const SHUTDOWN_MS_MAX = 3000;
const COMPLAIN_EVERY_MS = 60_000;
const QUERY_CHARS_MAX = 200;

/** Loaded only by `startTracing`, and only if an endpoint is configured. */
export function startOpenTelemetry(
  config: Config['telemetry'] & { otlpEndpoint: string },
  { role, instanceId }: TracedProcess,
  log: Log,
): Tracing {
  complainTo(log);
  const exporter = new OTLPTraceExporter({
    url: `${config.otlpEndpoint.replace(/\/+$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const sdk = new NodeSDK({
    serviceName: config.serviceName,
    // `OTEL_RESOURCE_ATTRIBUTES` adds attributes that only the deployment knows, such as the names
    // of pod and node.
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ 'service.instance.id': instanceId, 'holdfast.role': role })),
    sampler: new tracing.ParentBasedSampler({ root: new RootSampler(config.traceSampleRatio) }),
    // The queue is bounded: when the collector is down, spans that do not fit are dropped.
    spanProcessors: [new tracing.BatchSpanProcessor(exporter, { maxQueueSize: 2048, maxExportBatchSize: 512 })],
    textMapPropagator: new core.W3CTraceContextPropagator(),
    // Redis commands contain ids and SQL statements contain names: neither belongs in a trace.
    instrumentations: [
      new IORedisInstrumentation({ dbStatementSerializer: (command) => command }),
      new MySQL2Instrumentation({ maskStatement: true, maskStatementHook: queryShown }),
    ],
    // These lists are explicitly empty; otherwise the SDK would send its own metrics and logs to
    // the same collector.
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  loadInstrumented();
  return {
    ...tracingWith(api.trace.getTracer('holdfast')),
    [Symbol.asyncDispose]: () => within(SHUTDOWN_MS_MAX, sdk.shutdown()),
  };
}

/**
 * The instrumentations hook `require`, but this project uses `import`. Both share one copy of a CommonJS
 * package, so requiring a package again here also patches the prototypes for the imports, even if they were
 * loaded first.
 */
function loadInstrumented(): void {
  const require = createRequire(import.meta.url);
  require('ioredis');
  require('mysql2');
  require(join(dirname(require.resolve('mysql2/package.json')), 'lib/connection.js'));
}

/**
 * The beginning of a statement, with its literals masked. A complete insert of 2000 rows would be unreadable, and
 * expensive to mask.
 */
function queryShown(sql: string): string {
  const masked = sql
    .slice(0, QUERY_CHARS_MAX)
    .replace(/'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"/g, '?')
    .replace(/\b\d+\b/g, '?');
  return masked.replace(/['"].*$/s, '…');
}

/** Logs OpenTelemetry's own errors, such as an unreachable collector, as at most one warning per minute. */
function complainTo(log: Log): void {
  let quietUntil = 0;
  const error = (reason: string) => {
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + COMPLAIN_EVERY_MS;
    log.warn({ reason }, 'traces are not exported');
  };
  const ignore = () => {};
  const logger = { error, warn: ignore, info: ignore, debug: ignore, verbose: ignore };
  api.diag.setLogger(logger, { logLevel: api.DiagLogLevel.ERROR, suppressOverrideMessage: true });
}

/** Waits for `work`, but no longer than the limit, and ignores its result, because it is only telemetry. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), limit]);
  clearTimeout(timer);
}
