import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Probe, type Probed, timeoutOf } from '../../scripts/chart/replacement.mjs';
import type { Service } from '../../verification/harness/service.ts';
import { now, sleep } from '../../verification/harness/time.ts';

const MANIFESTS = join(import.meta.dirname, '..', '..', 'k8s', 'base');
/** The kubelet checks once a second whether its containers are still running. */
const RELIST_MS = 1000;

/** The probes that a pod or keeper has in Kubernetes. */
export function probesOf(part: 'api' | 'keeper'): Probed {
  const manifest = parse(readFileSync(join(MANIFESTS, `deployment-holdfast-${part}.yaml`), 'utf8'));
  return manifest.spec.template.spec.containers[0];
}

/**
 * Does for one process what the kubelet does for a container: probes it as defined in the manifest, kills it, and
 * restarts it.
 */
export class Kubelet {
  readonly #service: Service;
  readonly #probes: Probed;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  /** The times at which the process was restarted, ms. */
  readonly restarts: number[] = [];
  /** The slowest answer of /livez within the timeout, ms. */
  slowestMs = 0;
  failures = 0;

  constructor(service: Service, part: 'api' | 'keeper') {
    this.#service = service;
    this.#probes = probesOf(part);
  }

  get name(): string {
    return this.#service.name;
  }

  /** Begins to probe the process, which must have been started already. */
  start(): void {
    this.#running = this.#watch().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #watch(): Promise<void> {
    for (;;) {
      await this.#untilFailed(this.#probes.livenessProbe);
      await this.#replace(this.#probes.livenessProbe);
      // No other probe runs until the startup probe has succeeded.
      while (!(await this.#untilStarted())) await this.#replace(this.#probes.startupProbe);
    }
  }

  async #untilFailed(probe: Probe): Promise<void> {
    for (let failed = 0; failed < probe.failureThreshold; ) {
      const next = now() + probe.periodSeconds * 1000;
      const good = await this.#ask(probe);
      if (!good) this.failures += 1;
      failed = good ? 0 : failed + 1;
      // If a probe took longer than the period, the next one follows immediately, as in kubelet.
      if (failed < probe.failureThreshold) await this.#pause(next - now());
    }
  }

  async #untilStarted(): Promise<boolean> {
    const { startupProbe: probe } = this.#probes;
    for (let failed = 0; failed < probe.failureThreshold; failed++) {
      const next = now() + probe.periodSeconds * 1000;
      if (await this.#ask(probe)) return true;
      await this.#pause(next - now());
    }
    return false;
  }

  async #replace({ terminationGracePeriodSeconds = 30 }: Probe): Promise<void> {
    this.#service.signal('SIGTERM');
    if (!(await this.#service.ended(terminationGracePeriodSeconds * 1000))) await this.#service.kill();
    await this.#pause(RELIST_MS);
    this.#service.launch();
    this.restarts.push(now());
  }

  async #ask(probe: Probe): Promise<boolean> {
    const since = now();
    try {
      const response = await fetch(`${this.#service.url}${probe.httpGet.path}`, {
        signal: AbortSignal.timeout(timeoutOf(probe) * 1000),
        headers: { connection: 'close' },
      });
      await response.arrayBuffer();
      this.slowestMs = Math.max(this.slowestMs, now() - since);
      return response.ok;
    } catch {
      return false;
    } finally {
      this.#stop.signal.throwIfAborted();
    }
  }

  #pause(ms: number): Promise<void> {
    return sleep(Math.max(0, ms), undefined, { signal: this.#stop.signal });
  }
}
