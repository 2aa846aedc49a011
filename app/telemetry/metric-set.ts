import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { SAMPLED, type Sampled } from './sampled.ts';

/**
 * A set of metrics. Values that change per transfer are plain numbers until Prometheus scrapes (3 ns instead of 80); the
 * rest use prom-client.
 */
export abstract class MetricSet {
  readonly registry = new Registry();
  readonly #sources = new Map<Sampled, () => number>();
  readonly #limits = this.gauge('limit', 'Configured limit of the gauge of this name', ['name']);

  /**
   * Sets the sources of sampled gauges, which are read only when Prometheus scrapes; a later source of the same gauge
   * replaces the earlier one. A gauge exists once it has a source.
   */
  sample(sources: Readonly<Partial<Record<Sampled, () => number>>>): void {
    for (const key of Object.keys(sources) as Sampled[]) {
      const source = sources[key];
      if (source === undefined) continue;
      if (!this.#sources.has(key)) this.#sampledGauge(key);
      this.#sources.set(key, source);
    }
  }

  /** Exports the limits so that rules and dashboards can compare a gauge with its limit, whatever the settings are. */
  limits(limits: Readonly<Partial<Record<(typeof SAMPLED)[Sampled][0], number>>>): void {
    for (const [name, limit] of Object.entries(limits)) this.#limits.set({ name }, limit);
  }

  protected counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name: `holdfast_${name}`, help, labelNames, registers: [this.registry] });
  }

  protected gauge<L extends string = never>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge({ name: `holdfast_${name}`, help, labelNames, registers: [this.registry] });
  }

  protected histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `holdfast_${name}`, help, buckets, registers: [this.registry] });
  }

  #sampledGauge(key: Sampled): void {
    const [name, help] = SAMPLED[key];
    const sources = this.#sources;
    new Gauge({
      name: `holdfast_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(sources.get(key)?.() ?? 0);
      },
    });
  }

  /**
   * A counter with one label, kept in plain numbers between two scrapes; the values in `shown` are exported from the
   * start.
   */
  protected tally<L extends string, V extends string>(name: string, help: string, label: L, shown: readonly V[]) {
    const counts = new Map<V, number>(shown.map((value) => [value, 0]));
    new Counter({
      name: `holdfast_${name}`,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, count] of counts) this.labels(value).inc(count);
      },
    });
    return { add: (value: V, by: number): void => void counts.set(value, (counts.get(value) ?? 0) + by) };
  }
}
