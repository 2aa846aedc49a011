import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** One direction of a link between a process and a store. */
export class Way {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #cutUntilMs = 0;
  #loses = false;
  #slowUntilMs = 0;
  #slowMaxMs = 0;
  readonly #typicalMs: number;

  constructor(scheduler: Scheduler, random: Random, typicalMs: number) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#typicalMs = typicalMs;
  }

  get cut(): boolean {
    return this.#scheduler.nowMs < this.#cutUntilMs;
  }

  /**
   * Nothing is delivered for `ms`: messages that are sent during this time are lost, or arrive late, as if TCP
   * retransmitted them.
   */
  cutFor(ms: number, loses: boolean): void {
    this.#cutUntilMs = this.#scheduler.nowMs + ms;
    this.#loses = loses;
  }
  slowFor(ms: number, slowMaxMs: number): void {
    this.#slowUntilMs = this.#scheduler.nowMs + ms;
    this.#slowMaxMs = slowMaxMs;
  }
  heal(): void {
    this.#cutUntilMs = 0;
    this.#slowUntilMs = 0;
  }

  /** The time at which a message that is sent now arrives; null: never. */
  arrival(): number | null {
    const { nowMs } = this.#scheduler;
    if (nowMs < this.#cutUntilMs) {
      return this.#loses ? null : this.#cutUntilMs + this.#random.exponential(20);
    }
    let delayMs = this.#random.exponential(this.#typicalMs);
    if (this.#random.chance(0.01)) delayMs += this.#random.between(5, 80);
    if (nowMs < this.#slowUntilMs && this.#random.chance(0.5)) delayMs += this.#random.between(0, this.#slowMaxMs);
    return nowMs + delayMs;
  }
}

/** A link between one process and one store; each direction fails independently. */
export class Link {
  readonly there: Way;
  readonly back: Way;
  constructor(scheduler: Scheduler, random: Random, typicalMs: number) {
    this.there = new Way(scheduler, random, typicalMs);
    this.back = new Way(scheduler, random, typicalMs);
  }
  heal(): void {
    this.there.heal();
    this.back.heal();
  }
}
