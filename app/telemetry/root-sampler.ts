import { type Attributes, type Context, type Link, SpanKind, TraceFlags } from '@opentelemetry/api';
import { tracing } from '@opentelemetry/sdk-node';

/**
 * Decides which traces begin here: a share of the requests for which the caller has not decided, and all spans that are
 * linked to a sampled trace, such as those of a flush. No others begin here, because each statement and command of
 * background work would be a trace of a single span.
 */
export class RootSampler implements tracing.Sampler {
  readonly #requests: tracing.Sampler;

  constructor(requestRatio: number) {
    this.#requests = new tracing.TraceIdRatioBasedSampler(requestRatio);
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): tracing.SamplingResult {
    if (links.some((link) => (link.context.traceFlags & TraceFlags.SAMPLED) !== 0))
      return { decision: tracing.SamplingDecision.RECORD_AND_SAMPLED };
    if (kind === SpanKind.SERVER) return this.#requests.shouldSample(context, traceId, name, kind, attributes, links);
    return { decision: tracing.SamplingDecision.NOT_RECORD };
  }

  toString(): string {
    return `RootSampler{${this.#requests}}`;
  }
}
