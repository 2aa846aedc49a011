import type { Caller } from '../../journal/cache-port.ts';
import type { Head } from '../../journal/codec.ts';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import { type Attempt, EpochMemory, type InDoubtAttempts, type Tail } from './epoch-memory.ts';

/** One epoch of the cache as a pod sees it while it is registered there. A new epoch, or a new pod id, is a new view. */
export class EpochView {
  readonly caller: Caller;
  readonly #memory: EpochMemory;

  constructor(caller: Caller, before?: EpochView) {
    this.caller = caller;
    this.#memory = before ? before.#memory : new EpochMemory();
  }

  /** The same epoch under another pod id: what is known stays known. */
  renewed(podId: string): EpochView {
    return new EpochView({ ...this.caller, podId }, this);
  }

  get tail(): Tail {
    return this.#memory.tail;
  }
  get inDoubt(): InDoubtAttempts {
    return this.#memory.inDoubt;
  }
  /** The highest seq that any answer passed on by this pod depends on. */
  get observed(): number {
    return this.#memory.seq;
  }
  get cursor(): number {
    return this.#memory.cursor;
  }
  /** UUIDv7 times up to this need a look-up in MySQL. */
  get m(): number {
    return this.#memory.m;
  }
  get dropped(): number {
    return this.#memory.dropped;
  }
  /** Outcomes that are in the journal and not known to be in MySQL. */
  get backlog(): number {
    return this.#memory.seq - this.#memory.cursor;
  }
  /** True when MySQL has everything that this pod has received up to this seq, and no attempt is in doubt. */
  hasNothingToHandOver(upTo: number): boolean {
    const { tail, inDoubt, cursor } = this.#memory;
    return tail.size === 0 && inDoubt.none && cursor >= upTo;
  }

  /** Takes in the head of a reply; replies may arrive in any order, so the highest wins. */
  observe(head: Head): void {
    const memory = this.#memory;
    if (head.seq > memory.seq) memory.seq = head.seq;
    if (head.m > memory.m) memory.m = head.m;
    if (head.dropped > memory.dropped) memory.dropped = head.dropped;
    if (head.cursor > memory.cursor) {
      memory.cursor = head.cursor;
      memory.tail.advance(head.cursor);
      memory.inDoubt.advance(head.cursor);
    }
  }

  keep(entries: readonly JournalEntry[], nowMs: number): void {
    for (const entry of entries) this.#memory.tail.keep(entry, nowMs);
  }
}

/** Why a pod holds requests for changes. */
export type HoldReason = 'ledger_switching' | 'ledger_closed' | 'database_unavailable';

/** A pod's session: which store decides, and whether this pod may use it. */
export interface Session {
  /** The epoch of the cache that the pod may work in, or null. */
  view(): EpochView | null;
  /** The authority's epoch while MySQL decides, or null. Never both. */
  direct(): number | null;
  /** Receives every error of a script, with the view that it ran in, and decides what the error means. */
  suspect(error: unknown, view: EpochView): void;
  /** A direct transaction found that the authority has moved. */
  moved(directEpoch: number): void;
  /** Runs when the pod may work again, with whichever store. */
  onOpen(listener: () => void): void;
  /** The reason for holding, for the answer to a request that was held too long. */
  holdReason(): HoldReason;
}

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
