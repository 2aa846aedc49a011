import type { Clock } from '../../kernel/clock.ts';

/** How often the pods exchange the request rates of their users. */
const EXCHANGE_EVERY_MS = 1_000;
/**
 * With more users than this, the one that has not been seen for the longest time is forgotten, which only means that
 * the user then starts again with a full bucket.
 */
const USERS_MAX = 10_000;
/** Maximum number of users in an exchange; with more, those with the most requests are reported. */
const USERS_PER_EXCHANGE_MAX = 500;
/** A user below this share of the limit on this pod is not reported. */
const REPORTED_SHARE_MIN = 0.02;

/** Adds up the request rates of all pods. */
export interface DemandExchange {
  /**
   * Reports the requests per second that this pod received from each user, and returns what all pods together received.
   * @throws when the store is not available; each pod then applies the whole limit
   */
  exchange(demand: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, number>>;
}

/** One user's token bucket. */
interface Bucket {
  /** Requests left, as of `atMs`. */
  left: number;
  atMs: number;
  /** The part of the limit that applies on this pod. */
  share: number;
  /** Requests since the last exchange ended, refused ones included. */
  demand: number;
}

export interface RateLimiterDependencies {
  /** Requests that a user may make per second, on all pods together. */
  perSecondMax: number;
  clock: Clock;
  exchange: DemandExchange;
}

/**
 * Limits the requests of each user with a token bucket that holds one second's worth. No request waits for another pod: once a
 * second, in the background, the pods exchange their request rates, and each applies the part of the limit that corresponds to
 * its part of the user's requests. Until the first exchange of a burst, each pod applies the whole limit.
 */
export class RateLimiter {
  readonly perSecondMax: number;
  readonly #deps: RateLimiterDependencies;
  readonly #buckets = new Map<string, Bucket>();
  #exchangedAtMs = 0;
  #isScheduled = false;

  constructor(deps: RateLimiterDependencies) {
    this.#deps = deps;
    this.perSecondMax = deps.perSecondMax;
  }

  /** @returns false if the user has no requests left */
  take(user: string): boolean {
    const { clock } = this.#deps;
    const { perSecondMax } = this;
    const now = clock.monotonic();
    const bucket = this.#buckets.get(user) ?? { left: perSecondMax, atMs: now, share: 1, demand: 0 };
    // Inserted again, so that the Map's first user is the one that has not been seen for the longest time.
    this.#buckets.delete(user);
    this.#buckets.set(user, bucket);
    if (this.#buckets.size > USERS_MAX) this.#forgetOldest();
    this.#schedule(now);
    bucket.demand += 1;
    const rate = perSecondMax * bucket.share;
    bucket.left = Math.min(Math.max(1, rate), bucket.left + ((now - bucket.atMs) / 1000) * rate);
    bucket.atMs = now;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #forgetOldest(): void {
    for (const user of this.#buckets.keys()) {
      this.#buckets.delete(user);
      return;
    }
  }

  /** A pod without requests has no timer. */
  #schedule(nowMs: number): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#exchangedAtMs = nowMs;
    this.#deps.clock.after(EXCHANGE_EVERY_MS, () => void this.#exchange());
  }

  async #exchange(): Promise<void> {
    const { clock, exchange } = this.#deps;
    const { perSecondMax } = this;
    const seconds = (clock.monotonic() - this.#exchangedAtMs) / 1000;
    const demand = new Map<string, number>();
    for (const [user, bucket] of this.#buckets) {
      const perSecond = bucket.demand / seconds;
      if (perSecond >= perSecondMax * REPORTED_SHARE_MIN) demand.set(user, perSecond);
    }
    const reported = new Map([...demand].sort(([, a], [, b]) => b - a).slice(0, USERS_PER_EXCHANGE_MAX));
    const totals = reported.size === 0 ? null : await exchange.exchange(reported).catch(() => null);
    for (const [user, bucket] of this.#buckets) {
      const own = reported.get(user) ?? 0;
      const total = totals?.get(user) ?? 0;
      bucket.share = own > 0 && total > perSecondMax ? own / total : 1;
      // Requests during the exchange are not counted: the next period begins with the next request.
      bucket.demand = 0;
    }
    this.#isScheduled = false;
  }
}
