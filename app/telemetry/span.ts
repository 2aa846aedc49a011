import type { IncomingHttpHeaders } from 'node:http';

/** A span; a no-op without tracing. */
export interface Span {
  /** For log lines; null without tracing. */
  readonly traceId: string | null;
  /** Renames it once its route is known. */
  rename(name: string): void;
  set(attribute: string, value: string | number | boolean): void;
}

export const NO_SPAN: Span = { traceId: null, rename() {}, set() {} };

/** What identifies a process in its traces. */
export interface TracedProcess {
  role: string;
  /** Unique for each process: a restarted one has another. */
  instanceId: string;
}

export type SpanAttributes = Record<string, string | number>;

/** Traces are passed on as W3C `traceparent`s; only those of sampled requests are. */
export interface Tracing extends AsyncDisposable {
  /** A request: continues the caller's trace if it sent a `traceparent`. */
  incomingSpan<T>(headers: IncomingHttpHeaders, name: string, run: (span: Span) => Promise<T>): Promise<T>;
  /** Runs a part of a request as a child of its span. A rejection marks the span as failed and is passed on. */
  withSpan<T>(name: string, run: (span: Span) => Promise<T>): Promise<T>;
  /** The trace of the current request and the span in it; null if the request is not sampled. */
  currentTrace(): string | null;
  /**
   * Runs one call that serves several requests, as a span in the trace of each. Spans below it belong to the first of
   * them; without a trace there are none, whichever request happens to have started the call.
   */
  sharedSpan<T>(name: string, traces: Iterable<string>, attributes: SpanAttributes, run: () => Promise<T>): Promise<T>;
  /**
   * Runs what finishes the work of earlier requests, as a trace of its own with a link to each of theirs. When it has
   * succeeded, each of their traces receives a span `names.inEach` of the same duration, with a link back.
   */
  linkedSpan<T>(
    names: { root: string; inEach: string },
    traces: Iterable<string>,
    attributes: SpanAttributes,
    run: () => Promise<T>,
  ): Promise<T>;
}
