/** A pod's connection to Redis, as far as its seat needs it. */
export interface PodRedis {
  /** True while the connection can take commands. */
  ready(): boolean;
  /** @throws when Redis does not answer in time */
  probe(): Promise<void>;
  /** Destroys the connection with all that still sits in it, and makes a new one. */
  cut(): void;
}

/** Whether Redis answers, found out beside other work: a Redis that hangs must hold up nobody. */
export class RedisProbe {
  readonly #redis: PodRedis;
  #seen = false;
  #asking = false;

  constructor(redis: PodRedis) {
    this.#redis = redis;
  }

  /** What the last answer said; and asks again. */
  seen(): boolean {
    if (!this.#redis.ready()) this.#seen = false;
    else if (!this.#asking) void this.#ask();
    return this.#seen;
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    try {
      await this.#redis.probe();
      this.#seen = true;
    } catch {
      this.#seen = false;
    }
    this.#asking = false;
  }
}
