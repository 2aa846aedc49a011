import * as api from '@opentelemetry/api';
import { core } from '@opentelemetry/sdk-node';
import { NO_SPAN, type Span, type Tracing } from './span.ts';

/** OpenTelemetry keeps at most 128 links per span, so a call is shown in at most that many traces. */
const TRACES_MAX = 128;

/** Creates the spans of this service; the instrumentations of the clients add child spans. */
export function tracingWith(tracer: api.Tracer): Omit<Tracing, keyof AsyncDisposable> {
  return {
    incomingSpan(headers, name, run) {
      const parent = api.propagation.extract(api.context.active(), headers);
      return tracer.startActiveSpan(name, { kind: api.SpanKind.SERVER }, parent, (span) => followed(span, run));
    },

    withSpan(name, run) {
      if (!api.trace.getActiveSpan()?.isRecording()) return run(NO_SPAN);
      return tracer.startActiveSpan(name, (span) => followed(span, run));
    },

    currentTrace() {
      const context = api.trace.getActiveSpan()?.spanContext();
      if (!context || (context.traceFlags & api.TraceFlags.SAMPLED) === 0) return null;
      return `00-${context.traceId}-${context.spanId}-01`;
    },

    async sharedSpan(name, traces, attributes, run) {
      const options = { kind: api.SpanKind.CLIENT, attributes };
      const spans = sampledIn(traces).map((parent) => tracer.startSpan(name, options, below(parent)));
      const [first] = spans;
      const context = first ? api.trace.setSpan(api.ROOT_CONTEXT, first) : api.ROOT_CONTEXT;
      try {
        return await api.context.with(context, run);
      } catch (error) {
        for (const span of spans) failed(span, error);
        throw error;
      } finally {
        for (const span of spans) span.end();
      }
    },

    async linkedSpan(names, traces, attributes, run) {
      const parents = sampledIn(traces);
      if (parents.length === 0) return api.context.with(api.ROOT_CONTEXT, run);
      const startTime = core.hrTime();
      const links = parents.map((context) => ({ context }));
      const root = tracer.startSpan(names.root, { root: true, links, attributes });
      const result = await api.context.with(api.trace.setSpan(api.ROOT_CONTEXT, root), () => followed(root, run));
      const back = [{ context: root.spanContext() }];
      for (const parent of parents) {
        const options = { kind: api.SpanKind.CONSUMER, startTime, links: back, attributes };
        tracer.startSpan(names.inEach, options, below(parent)).end(core.hrTime());
      }
      return result;
    },
  };
}

/** The span contexts of valid and sampled `traceparent`s, each once. */
function sampledIn(traces: Iterable<string>): api.SpanContext[] {
  const contexts: api.SpanContext[] = [];
  for (const trace of new Set(traces)) {
    const context = core.parseTraceParent(trace);
    if (!context || (context.traceFlags & api.TraceFlags.SAMPLED) === 0) continue;
    contexts.push({ ...context, isRemote: true });
    if (contexts.length === TRACES_MAX) break;
  }
  return contexts;
}

const below = (parent: api.SpanContext): api.Context => api.trace.setSpanContext(api.ROOT_CONTEXT, parent);

async function followed<T>(span: api.Span, run: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await run({
      traceId: span.spanContext().traceId,
      rename: (name) => void span.updateName(name),
      set: (attribute, value) => void span.setAttribute(attribute, value),
    });
  } catch (error) {
    failed(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Records only the type of the error, because its message may repeat what the client sent. */
function failed(span: api.Span, error: unknown): void {
  span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
  span.setStatus({ code: api.SpanStatusCode.ERROR });
}
