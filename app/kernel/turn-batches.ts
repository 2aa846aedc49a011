import type { Clock } from './clock.ts';

interface TurnBatchesPlan<Item> {
  clock: Clock;
  batchesInFlightMax: number;
  /** A batch is full when the weights of its items reach this; a single item may weigh more. */
  batchWeightMax: number;
  weightOf(item: Item): number;
  /** Processes one batch. Must not reject: it reports the result to the callers itself. */
  work(batch: readonly Item[]): Promise<void>;
}

/**
 * Collects the items added in a turn of the event loop and processes them in batches, with a limit on batches in
 * flight: batches grow with the load.
 */
export class TurnBatches<Item> {
  readonly #plan: TurnBatchesPlan<Item>;
  #waiting: Item[] = [];
  #weight = 0;
  #inFlight = 0;
  #scheduled = false;

  constructor(plan: TurnBatchesPlan<Item>) {
    this.#plan = plan;
  }

  /** Total weight of the queued items, for load limits. */
  get weight(): number {
    return this.#weight;
  }

  add(item: Item): void {
    this.#waiting.push(item);
    this.#weight += this.#plan.weightOf(item);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#inFlight >= this.#plan.batchesInFlightMax) return;
    this.#scheduled = true;
    this.#plan.clock.endOfTurn(() => {
      this.#scheduled = false;
      void this.#work(this.#take());
      this.#schedule();
    });
  }

  #take(): readonly Item[] {
    const { batchWeightMax, weightOf } = this.#plan;
    let weight = 0;
    let count = 0;
    for (const item of this.#waiting) {
      if (count > 0 && weight >= batchWeightMax) break;
      weight += weightOf(item);
      count += 1;
    }
    this.#weight -= weight;
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }

  async #work(batch: readonly Item[]): Promise<void> {
    this.#inFlight += 1;
    await this.#plan.work(batch);
    this.#inFlight -= 1;
    this.#schedule();
  }
}
