import type { LegName } from '../domain/leg-types.ts';
import { MetricSet } from './metric-set.ts';

interface Summary {
  open: number;
  oldestAgeMs: number;
}

/** The metrics of transfers between shards, one method per event. They exist only if there are several shards. */
export class CrossingMetrics extends MetricSet {
  readonly #ended = this.counter('crossings_total', 'Transfers between shards that have ended', ['end', 'by']);
  readonly #legProblems = this.counter('crossing_leg_problems_total', 'Legs that left a transfer between shards open', [
    'leg',
    'unexpected',
  ]);
  readonly #courierFailures = this.counter(
    'courier_failures_total',
    'Failed attempts to complete a transfer between shards, which are repeated',
  );
  readonly #open = this.gauge('crossings_open', 'Open transfers between two shards', ['from', 'to']);
  readonly #oldestAge = this.gauge(
    'crossings_oldest_age_seconds',
    'Age of the oldest open transfer between two shards',
    ['from', 'to'],
  );
  readonly #differences = this.gauge(
    'crossing_differences',
    'Transfers between shards whose legs did not match in the latest comparison by this process',
  );
  readonly #comparedAt = this.gauge(
    'crossings_compared_timestamp_seconds',
    'When this process last compared the legs of transfers between shards',
  );
  /** Pairs of shards that have had open transfers: with many shards, most pairs never have one. */
  readonly #pairs = new Set<string>();

  ended(_crossing: object, end: string, by: 'request' | 'courier'): void {
    this.#ended.inc({ end, by });
  }

  legFailed(_crossing: object, leg: LegName, _code: string, isUnexpected: boolean): void {
    this.#legProblems.inc({ leg, unexpected: String(isUnexpected) });
  }

  compared(differences: number, atMs: number): void {
    this.#differences.set(differences);
    this.#comparedAt.set(atMs / 1000);
  }

  courierFailed(): void {
    this.#courierFailures.inc();
  }

  open(from: number, to: number, { open, oldestAgeMs }: Summary): void {
    const pair = `${from} ${to}`;
    if (open === 0 && !this.#pairs.has(pair)) return;
    this.#pairs.add(pair);
    const labels = { from: String(from), to: String(to) };
    this.#open.set(labels, open);
    this.#oldestAge.set(labels, open === 0 ? 0 : oldestAgeMs / 1000);
  }
}
