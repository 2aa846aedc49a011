import type { IncomingHttpHeaders } from 'node:http';

/** A span; a no-op without tracing. */
export interface Span {
  /** The trace id, for log lines; null without tracing. */
  readonly traceId: string | null;
  /** Renames the span once the route of its request is known. */
  rename(name: string): void;
  set(attribute: string, value: string | number | boolean): void;
}

export const NO_SPAN: Span = { traceId: null, rename() {}, set() {} };

/** The attributes that identify a process in its traces. */
export interface TracedProcess {
  role: string;
  /** Unique for each process: a restarted process has another id. */
  instanceId: string;
}

export type SpanAttributes = Record<string, string | number>;

/** Traces are passed on as W3C `traceparent`s, but only for sampled requests. */
export interface Tracing extends AsyncDisposable {
  /** Runs a request in a span, which continues the caller's trace if the caller sent a `traceparent`. */
  incomingSpan<T>(headers: IncomingHttpHeaders, name: string, run: (span: Span) => Promise<T>): Promise<T>;
  /** Runs a part of a request as a child of its span. A rejection marks the span as failed and is passed on. */
  withSpan<T>(name: string, run: (span: Span) => Promise<T>): Promise<T>;
  /** The trace of the current request and the span in it; null if the request is not sampled. */
  currentTrace(): string | null;
  /**
   * Runs one call that serves several requests, as a span in the trace of each of them. Child spans belong to the
   * first of these traces. If no trace is given, there are no child spans, even if the request that started the call
   * is traced.
   */
  sharedSpan<T>(name: string, traces: Iterable<string>, attributes: SpanAttributes, run: () => Promise<T>): Promise<T>;
  /**
   * Runs a step that completes earlier requests, as a separate trace with a link to the trace of each request. If the
   * step succeeds, each of these traces receives a span `names.inEach` of the same duration, with a link back.
   */
  linkedSpan<T>(
    names: { root: string; inEach: string },
    traces: Iterable<string>,
    attributes: SpanAttributes,
    run: () => Promise<T>,
  ): Promise<T>;
}
