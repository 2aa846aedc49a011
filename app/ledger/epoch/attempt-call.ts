import type { EpochView } from './epoch-view.ts';
import type { Attempt } from './in-doubt-attempts.ts';

/** An attempt that also remembers, for the answer to its client, whether it may have been carried out. */
export interface TrackedAttempt extends Attempt {
  inDoubt: boolean;
  /** No reply came, or none that counts. @param cacheEpoch the epoch of the cache it was sent to; null: it was sent to MySQL */
  leaveInDoubt(cacheEpoch: number | null): void;
}

/**
 * One call that takes attempts to a store. They are in doubt from the moment that it leaves the pod until a reply gives their
 * outcome, or proves that nothing was written. For Redis, the view keeps them too: they are handed over with its epoch.
 */
export class AttemptCall {
  readonly #attempts: readonly TrackedAttempt[];
  /** Null: the call goes to MySQL. */
  readonly #view: EpochView | null;
  /** Earlier attempts of the same transfer may be in doubt already, and stay so whatever comes of this one. */
  readonly #inDoubtBefore: boolean[];
  #proven = false;

  /** Begins the call: in the same synchronous step it must be given to the client library. */
  constructor(attempts: readonly TrackedAttempt[], view: EpochView | null) {
    this.#attempts = attempts;
    this.#view = view;
    this.#inDoubtBefore = attempts.map((attempt) => attempt.inDoubt);
    for (const attempt of attempts) attempt.inDoubt = true;
    view?.inDoubt.begin(attempts);
  }

  /** A reply gave the outcome of each, or proved that this call wrote nothing. Repeating it changes nothing. */
  proven(): void {
    if (this.#proven) return;
    this.#proven = true;
    this.#view?.inDoubt.end(this.#attempts);
    for (const [index, attempt] of this.#attempts.entries()) attempt.inDoubt = this.#inDoubtBefore[index] ?? true;
  }

  /** No reply came, or none that counts: also one that could not be understood. */
  lost(nowMs: number): void {
    const caller = this.#view?.caller;
    if (caller) this.#view?.inDoubt.leave(this.#attempts, caller.podId, nowMs);
    for (const attempt of this.#attempts) attempt.leaveInDoubt(caller?.epoch ?? null);
  }
}
