import type { IncomingHttpHeaders } from 'node:http';

/** A span; a no-op without tracing. */
export interface Span {
  /** For log lines; null without tracing. */
  readonly traceId: string | null;
  /** Renames it once its route is known. */
  rename(name: string): void;
  set(attribute: string, value: string | number | boolean): void;
}

export interface Tracing extends AsyncDisposable {
  /** A request: continues the caller's trace if it sent a `traceparent`. */
  incomingSpan<T>(headers: IncomingHttpHeaders, name: string, run: (span: Span) => Promise<T>): Promise<T>;
  /** Runs a part of the work as a child of the active span. A rejection marks the span as failed and is passed on. */
  withSpan<T>(name: string, run: (span: Span) => Promise<T>): Promise<T>;
}
