import type { IncomingHttpHeaders } from 'node:http';

/** A span, or without tracing nothing that behaves like one. */
export interface Span {
  /** For log lines; null without tracing. */
  readonly traceId: string | null;
  /** Names it once its route is known. */
  rename(name: string): void;
  set(attribute: string, value: string | number | boolean): void;
}

export interface Tracing extends AsyncDisposable {
  /** A request: continues the caller's trace when its `traceparent` says so. */
  incomingSpan<T>(headers: IncomingHttpHeaders, name: string, run: (span: Span) => Promise<T>): Promise<T>;
  /** A part of the work under whatever span is active. A rejection marks the span as failed and is passed on. */
  withSpan<T>(name: string, run: (span: Span) => Promise<T>): Promise<T>;
}
