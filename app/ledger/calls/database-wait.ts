import type { Pending } from './pending.ts';

export interface DatabaseWaitLimits {
  /** Maximum number of requests, and of transfers in them, that may wait for MySQL at the same time. */
  requestsMax: number;
  transfersMax: number;
}

/**
 * Counts the transfers that wait for MySQL (for the lookup of an id, for an account, or for MySQL to return), so that
 * they cannot crowd out the transfers that Redis can decide alone. Without this limit, clients whose transfers all need
 * MySQL would fill a pod's queue within seconds of an outage, and the pod would refuse every client.
 */
export class DatabaseWait {
  readonly #limits: DatabaseWaitLimits;
  #transfers = 0;
  #requests = 0;

  constructor(limits: DatabaseWaitLimits) {
    this.#limits = limits;
  }

  /** Number of requests that wait; they use memory, but no CPU. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Returns false if too many are waiting already. A waiting transfer is counted once, until `end` is called. An answered
   * transfer is not counted, because `end` has already been called for it and would not be called again.
   */
  begin(pending: Pending): boolean {
    if (pending.answered) return false;
    if (pending.waitsForDatabase) return true;
    const { submission } = pending;
    const isFirst = submission.waitingForDatabase === 0;
    if (this.#transfers >= this.#limits.transfersMax) return false;
    if (isFirst && this.#requests >= this.#limits.requestsMax) return false;
    pending.waitsForDatabase = true;
    submission.waitingForDatabase += 1;
    this.#transfers += pending.weight;
    if (isFirst) this.#requests += 1;
    return true;
  }

  end(pending: Pending): void {
    if (!pending.waitsForDatabase) return;
    const { submission } = pending;
    pending.waitsForDatabase = false;
    submission.waitingForDatabase -= 1;
    this.#transfers -= pending.weight;
    if (submission.waitingForDatabase === 0) this.#requests -= 1;
  }
}
