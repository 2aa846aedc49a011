/** A pod's connection to Redis, as far as its session needs it. */
export interface PodRedis {
  /** True while the connection can take commands. */
  ready(): boolean;
  /** @throws when Redis does not answer in time */
  probe(): Promise<void>;
  /** Destroys the connection with every command that is still in it, and opens a new one. */
  cut(): void;
}

/** Asks in the background whether Redis answers: a Redis that hangs must not block the session. */
export class RedisProbe {
  readonly #redis: PodRedis;
  #seen = false;
  #asking = false;

  constructor(redis: PodRedis) {
    this.#redis = redis;
  }

  /** Returns the result of the last probe, and starts another one. */
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
