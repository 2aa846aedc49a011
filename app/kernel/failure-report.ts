import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';

/** The interval at which an unchanged failure is logged again, ms. */
const REPEAT_MS = 10_000;

/**
 * Logs failures of work that is retried: a new or different failure immediately, and an unchanged one every ten
 * seconds, with the number of failed attempts and the time since the first.
 */
export class FailureReport {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #message: string;
  #failures = 0;
  #failingSince = 0;
  #loggedAt = 0;
  #logged: string | null = null;

  constructor(clock: Clock, logger: Logger, message: string) {
    this.#clock = clock;
    this.#logger = logger;
    this.#message = message;
  }

  /** @param fields the fields of the log line @param key failures with the same key count as the same failure */
  failed(fields: object, key: string): void {
    const now = this.#clock.monotonic();
    if (this.#failures === 0) this.#failingSince = now;
    this.#failures += 1;
    if (key === this.#logged && now - this.#loggedAt < REPEAT_MS) return;
    this.#logged = key;
    this.#loggedAt = now;
    const forMs = Math.round(now - this.#failingSince);
    this.#logger.warn({ ...fields, failures: this.#failures, forMs }, this.#message);
  }

  failedWith(error: unknown): void {
    this.failed({ err: error }, error instanceof Error ? error.message : String(error));
  }

  succeeded(): void {
    this.#failures = 0;
    this.#logged = null;
  }
}
