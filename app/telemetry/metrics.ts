import { AggregatorRegistry, collectDefaultMetrics, Histogram } from 'prom-client';
import type { ProblemCode } from '../domain/problem.ts';
import { CrossingMetrics } from './crossing-metrics.ts';
import { LedgerMetrics } from './ledger-metrics.ts';
import { MetricSet } from './metric-set.ts';
import { WebhookMetrics } from './webhook-metrics.ts';

// Below 5 ms there is a bucket for each millisecond, because the target is 10 ms for a balance and
// 50 ms for a transfer.
const HTTP_SECONDS = [
  0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

const TRANSFERS = /^\/v1\/(transfers|holds)/;

/** The metrics of a process, and the metrics page with those of its shards. */
export class Metrics extends MetricSet {
  readonly #httpChildren = new Map<string, { observe(seconds: number): void }>();
  readonly #parts: MetricSet[] = [];
  #crossings: CrossingMetrics | null = null;

  readonly #errors = this.tally<'code', ProblemCode>('errors_total', 'Problems answered', 'code', []);
  readonly #http = new Histogram({
    name: 'holdfast_http_request_duration_seconds',
    help: 'Time from receiving the head of a request to the end of its response',
    labelNames: ['route', 'method', 'status_class'],
    buckets: HTTP_SECONDS,
    registers: [this.registry],
  });
  readonly #connectionsExpired = this.counter(
    'connections_expired_total',
    'Client connections closed because of their age',
  );
  readonly #listenersEnded = this.counter(
    'event_listeners_ended_total',
    'Streams of events that have ended, by reason',
    ['reason'],
  );
  readonly #listenersBehind = this.counter(
    'event_listeners_behind_total',
    'How often a listener fell behind, so that its events had to be read from the log again',
  );
  readonly #logDropped = this.counter(
    'log_lines_dropped_total',
    'Log lines dropped because their buffer was full or they could not be written',
  );

  constructor() {
    super();
    collectDefaultMetrics({ register: this.registry });
  }

  readonly contentType = this.registry.contentType;

  /** Creates the metrics of a shard. @param shard its number; null if there is only one */
  ofShard(shard: number | null): LedgerMetrics {
    const metrics = new LedgerMetrics(shard);
    this.#parts.push(metrics);
    return metrics;
  }

  /** The metrics of transfers between shards. They are created by the first call. */
  ofCrossings(): CrossingMetrics {
    if (!this.#crossings) {
      this.#crossings = new CrossingMetrics();
      this.#parts.push(this.#crossings);
    }
    return this.#crossings;
  }

  /** The metrics of a deliverer of webhooks. Call it once. */
  ofWebhooks(): WebhookMetrics {
    const metrics = new WebhookMetrics();
    this.#parts.push(metrics);
    return metrics;
  }

  /** The metrics page for Prometheus. */
  async text(): Promise<string> {
    const sets = await Promise.all([this, ...this.#parts].map(({ registry }) => registry.getMetricsAsJSON()));
    // The sets have no series in common, so adding them up changes no value.
    const summed = sets.map((set) => set.map((metric) => ({ ...metric, aggregator: 'sum' })));
    return AggregatorRegistry.aggregate(summed).metrics();
  }

  problemAnswered(code: ProblemCode): void {
    this.#errors.add(code, 1);
  }

  /** `route` is the pattern (`/v1/accounts/:id`), or a fixed word if no route matched, but never the path itself. */
  httpAnswered(route: string, method: string, status: number, seconds: number): void {
    const statusClass = Math.trunc(status / 100);
    const key = `${statusClass}${method} ${route}`;
    let child = this.#httpChildren.get(key);
    if (child === undefined) {
      child = this.#http.labels(route, method, `${statusClass}xx`);
      this.#httpChildren.set(key, child);
    }
    child.observe(seconds);
  }

  /**
   * How many requests for transfers, groups and holds took at most this many seconds (null: any time), since this
   * process was started.
   */
  async transferRequests(): Promise<{ leSeconds: number | null; count: number }[]> {
    const counts = new Map<number, number>();
    for (const { metricName, labels, value } of (await this.#http.get()).values) {
      const { method, route, le } = labels as Readonly<Record<string, string | number>>;
      const isTransfer = method === 'POST' && TRANSFERS.test(String(route));
      const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
      if (metricName?.endsWith('_bucket') && isTransfer) counts.set(bound, (counts.get(bound) ?? 0) + value);
    }
    return [...counts]
      .sort(([a], [b]) => a - b)
      .map(([bound, count]) => ({ leSeconds: Number.isFinite(bound) ? bound : null, count }));
  }

  connectionExpired(): void {
    this.#connectionsExpired.inc();
  }

  /** `reason` is a constant in the code. */
  listenerEnded(reason: string): void {
    this.#listenersEnded.inc({ reason });
  }

  listenerFellBehind(): void {
    this.#listenersBehind.inc();
  }

  logLinesDropped(lines: number): void {
    this.#logDropped.inc(lines);
  }
}
