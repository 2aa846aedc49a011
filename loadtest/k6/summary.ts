import { readFileSync } from 'node:fs';
import { round } from '../measure.ts';

type Values = Readonly<Record<string, number>>;
interface Metric {
  values: Values;
  thresholds?: Record<string, { ok: boolean }>;
}

/** The figures that k6 has written (`handleSummary`), for a row of the results. */
export interface Figures {
  requests: number;
  perSecond: number;
  transfers: number;
  transfersPerSecond: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  maxMs: number;
  dropped: number;
  refusals: number;
  refusalP95Ms: number | null;
  /** Only in the scenario of failure under load. */
  idsKnown: number;
  idsUnknown: number;
  idsRetried: number;
  broken: readonly string[];
}

export function readFigures(file: string): Figures {
  const { metrics } = JSON.parse(readFileSync(file, 'utf8')) as { metrics: Record<string, Metric> };
  const value = (metric: string, what: string) => metrics[metric]?.values[what] ?? 0;
  const ms = (what: string) => round(value('http_req_duration', what), 2);
  return {
    requests: value('http_reqs', 'count'),
    perSecond: round(value('http_reqs', 'rate')),
    transfers: value('transfers_posted', 'count') || value('ids_known', 'count'),
    transfersPerSecond: round(value('transfers_posted', 'rate') || value('ids_known', 'rate')),
    p50Ms: ms('med'),
    p95Ms: ms('p(95)'),
    p99Ms: ms('p(99)'),
    maxMs: ms('max'),
    dropped: value('dropped_iterations', 'count'),
    refusals: value('refusals', 'count'),
    refusalP95Ms: metrics['refusal_duration'] ? round(value('refusal_duration', 'p(95)'), 2) : null,
    idsKnown: value('ids_known', 'count'),
    idsUnknown: value('ids_unknown', 'count'),
    idsRetried: value('ids_retried', 'count'),
    broken: Object.entries(metrics).flatMap(([name, { thresholds = {} }]) =>
      Object.entries(thresholds)
        .filter(([, { ok }]) => !ok)
        .map(([limit]) => `${name}: ${limit}`),
    ),
  };
}
