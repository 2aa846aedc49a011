import type { Clock } from '../kernel/clock.ts';
import { FailureReport } from '../kernel/failure-report.ts';
import type { Logger } from '../kernel/log.ts';
import type { WebhookGlance, WebhookLeases } from '../ledger/ports/webhook-leases.ts';
import { WEBHOOK_STATES, type WebhookState } from '../ledger/ports/webhooks.ts';
import type { WebhookLog } from './webhook-log.ts';
import { type RunDependencies, WebhookRun } from './webhook-run.ts';

/** How often a deliverer looks for changes, and for webhooks to which no process delivers, ms. */
const ROUND_MS = 1_000;
/** The same interval while there are no webhooks at all. */
const IDLE_MS = 5_000;
/** Deliverers that start together share the webhooks, because each takes only a few at a time. */
const TAKEN_PER_ROUND = 25;
/** How long a lease lasts beyond the time of a request, ms. */
const LEASE_MS = 30_000;
const RENEWALS_PER_LEASE = 4;

export interface DelivererDependencies extends Omit<RunDependencies, 'log' | 'now' | 'cut'> {
  leases: WebhookLeases;
  log: WebhookLog;
  clock: Clock;
  logger: Logger;
  /** In tests: replaces the time between two rounds. */
  roundMs?: number;
}

export interface DelivererState {
  webhooks: Readonly<Record<WebhookState, number>>;
  /** The webhooks to which this process delivers. */
  held: number;
  failing: number;
  /** How long the webhook that is furthest behind has had something to deliver, ms. */
  behindMs: number;
}

/**
 * Delivers to all webhooks whose leases it can get. Each webhook has its own requests, and they share no queue, so a
 * slow receiver does not delay the others; WEBHOOKS_MAX limits the number of webhooks.
 */
export class Deliverer {
  readonly #deps: DelivererDependencies;
  readonly #runs = new Map<string, { run: WebhookRun; ended: Promise<void> }>();
  readonly #cut = new AbortController();
  readonly #leaseMs: number;
  #time = { now: 0, atMs: 0 };
  #renewedAtMs = 0;
  #counts = countsOf([]);
  #watch: { stop(): Promise<void> } | null = null;
  #isStopping = false;

  constructor(deps: DelivererDependencies) {
    this.#deps = deps;
    this.#leaseMs = LEASE_MS + 2 * deps.requestTimeoutMs;
  }

  get state(): DelivererState {
    const runs = [...this.#runs.values()].map(({ run }) => run);
    return {
      webhooks: this.#counts,
      held: runs.length,
      failing: runs.filter(({ isFailing }) => isFailing).length,
      behindMs: Math.max(0, ...runs.map(({ behindMs }) => behindMs)),
    };
  }

  /** Runs until the signal aborts; then call `stop`. */
  async run(stopped: AbortSignal): Promise<void> {
    const { clock, logger, roundMs = ROUND_MS } = this.#deps;
    const report = new FailureReport(clock, logger, 'webhooks cannot be read');
    while (!stopped.aborted) {
      let isIdle = false;
      try {
        isIdle = (await this.#round()) === 0;
        report.succeeded();
      } catch (error) {
        report.failedWith(error);
      }
      await clock.sleep(isIdle ? Math.max(IDLE_MS, roundMs) : roundMs, stopped);
    }
  }

  /**
   * Lets requests in progress end, and hands over the webhooks to other deliverers.
   * @param graceMs requests that take longer are aborted; their events are delivered again
   */
  async stop(graceMs: number): Promise<void> {
    const { clock, leases, holder } = this.#deps;
    this.#isStopping = true;
    const cancel = clock.after(graceMs, () => this.#cut.abort());
    for (const { run } of this.#runs.values()) run.end();
    await Promise.all([...this.#runs.values()].map(({ ended }) => ended));
    cancel();
    await this.#watch?.stop();
    // If this fails, the leases expire.
    await leases.release(holder).catch(() => {});
  }

  /** @returns the number of webhooks */
  async #round(): Promise<number> {
    const { clock, holder, leases } = this.#deps;
    const atMs = clock.monotonic();
    const { now, webhooks } = await leases.glance(holder);
    this.#time = { now, atMs };
    this.#counts = countsOf(webhooks);
    await this.#follow(webhooks.some(({ state }) => state === 'ACTIVE'));
    this.#tell(webhooks);
    await this.#renew();
    const free = webhooks.filter(({ isFree, webhookId }) => isFree && !this.#runs.has(webhookId));
    for (const webhook of shuffled(free, clock).slice(0, TAKEN_PER_ROUND)) await this.#take(webhook);
    // Leases that this process no longer uses, but still holds because an earlier attempt to release them failed.
    const unused = webhooks.filter(({ isMine, webhookId }) => isMine && !this.#runs.has(webhookId));
    await leases.release(
      holder,
      unused.map(({ webhookId }) => webhookId),
    );
    return webhooks.length;
  }

  /** Reads the ends of the logs only while there are active webhooks. */
  async #follow(isWanted: boolean): Promise<void> {
    if (isWanted === (this.#watch !== null) || this.#isStopping) return;
    if (this.#watch) {
      const watch = this.#watch;
      this.#watch = null;
      return watch.stop();
    }
    const ending = new AbortController();
    const ended = this.#deps.log.watch(ending.signal);
    this.#watch = {
      stop: () => {
        ending.abort();
        return ended;
      },
    };
  }

  /** Notifies the runs of changes to their webhooks. */
  #tell(webhooks: readonly WebhookGlance[]): void {
    const byId = new Map(webhooks.map((webhook) => [webhook.webhookId, webhook]));
    for (const [webhookId, { run }] of this.#runs) {
      const found = byId.get(webhookId);
      if (!found?.isMine || found.fence !== run.fence) run.end();
      else if (found.isKeyRevoked && found.state === 'ACTIVE') run.stopFor('key_revoked');
      else if (found.revision > run.revision) run.reload();
    }
  }

  async #renew(): Promise<void> {
    const { clock, holder, leases } = this.#deps;
    const now = clock.monotonic();
    if (this.#runs.size === 0 || now - this.#renewedAtMs < this.#leaseMs / RENEWALS_PER_LEASE) return;
    const runs = [...this.#runs.values()];
    await leases.renew(holder, this.#leaseMs);
    // If a lease was lost earlier, the next round notices this, and so does every attempt to record a delivery.
    this.#renewedAtMs = now;
    for (const { run } of runs) run.renewed(now + this.#leaseMs);
  }

  async #take({ webhookId, isKeyRevoked, state }: WebhookGlance): Promise<void> {
    const { clock, holder, leases } = this.#deps;
    if (this.#isStopping) return;
    const validUntilMs = clock.monotonic() + this.#leaseMs;
    const webhook = await leases.take(webhookId, holder, this.#leaseMs);
    if (!webhook) return;
    const run = new WebhookRun(webhook, validUntilMs, isKeyRevoked && state === 'ACTIVE' ? 'key_revoked' : null, {
      ...this.#deps,
      cut: this.#cut.signal,
      now: () => this.#now(),
    });
    const ended = run.run().finally(() => this.#ended(webhookId));
    this.#runs.set(webhookId, { run, ended });
    if (this.#isStopping) run.end();
  }

  async #ended(webhookId: string): Promise<void> {
    const { holder, leases } = this.#deps;
    await leases.release(holder, [webhookId]).catch(() => {});
    this.#runs.delete(webhookId);
  }

  #now(): number {
    return this.#time.now + (this.#deps.clock.monotonic() - this.#time.atMs);
  }
}

function countsOf(webhooks: readonly WebhookGlance[]): Record<WebhookState, number> {
  const count = (wanted: WebhookState) => webhooks.filter(({ state }) => state === wanted).length;
  return Object.fromEntries(WEBHOOK_STATES.map((state) => [state, count(state)])) as Record<WebhookState, number>;
}

/** Deliverers that look for webhooks at the same time try to take different ones. */
function shuffled<T>(list: readonly T[], clock: Clock): T[] {
  return list
    .map((one) => ({ one, at: clock.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
