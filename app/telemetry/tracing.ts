import type { Config } from '../config/config.ts';
import type { Log } from './logger.ts';
import { NO_SPAN, type TracedProcess, type Tracing } from './span.ts';

const NO_TRACING: Tracing = {
  incomingSpan: (_headers, _name, run) => run(NO_SPAN),
  withSpan: (_name, run) => run(NO_SPAN),
  currentTrace: () => null,
  sharedSpan: (_name, _traces, _attributes, run) => run(),
  linkedSpan: (_names, _traces, _attributes, run) => run(),
  async [Symbol.asyncDispose]() {},
};

/**
 * Starts tracing if a collector is configured. Otherwise OpenTelemetry is not loaded, because it would use memory, and
 * time at every `await`. Call this before the first connection to Redis or MySQL is used, so that all connections are
 * traced.
 */
export async function startTracing(config: Config['telemetry'], process: TracedProcess, log: Log): Promise<Tracing> {
  if (config.otlpEndpoint === null) return NO_TRACING;
  const { startOpenTelemetry } = await import('./otel.ts');
  return startOpenTelemetry({ ...config, otlpEndpoint: config.otlpEndpoint }, process, log);
}
