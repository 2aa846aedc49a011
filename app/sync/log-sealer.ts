export interface LogState {
  /** The last position of the log. */
  position: number;
  /** How long the oldest entry has been waiting to be sealed, ms; null if none waits. */
  oldestWaitingMs: number | null;
  /** Whether there may be accounts whose states are not in the log. */
  mayLackStates: boolean;
}

/** The part of MySQL that the sealer needs. */
export interface LogStore {
  state(): Promise<LogState>;
  /** Seals the next entries that wait, in one transaction. @returns whether there may be more */
  sealNext(): Promise<boolean>;
  /**
   * Adds the states of the next accounts that are not in the log, in one transaction: those that are older than the log, or
   * that a process of an older release has opened. @returns how many were added
   */
  addStates(): Promise<number>;
}

export interface LogEvents {
  /** Receives the state of the log whenever a round has read it. */
  state(now: LogState): void;
  statesAdded(accounts: number): void;
}

/**
 * While Redis has the authority, the next flush usually seals the waiting entries; keepers seal only those that have
 * waited for this long, ms.
 */
const SEAL_AFTER_MS = 200;
/** Maximum number of transactions in a round, so that the states of accounts are added, too. */
const TRANSACTIONS_MAX = 100;

/**
 * Seals what no flush seals: while MySQL has the authority, everything; otherwise, openings of accounts in a ledger
 * where nothing else happens. Any number of keepers may do this at the same time.
 */
export class LogSealer {
  readonly #store: LogStore;
  readonly #events: LogEvents;

  constructor(store: LogStore, events: LogEvents) {
    this.#store = store;
    this.#events = events;
  }

  /** @throws if MySQL is unavailable */
  async round(): Promise<void> {
    const state = await this.#store.state();
    this.#events.state(state);
    if (state.oldestWaitingMs !== null && state.oldestWaitingMs >= SEAL_AFTER_MS) await this.#seal();
    if (!state.mayLackStates) return;
    const added = await this.#store.addStates();
    if (added > 0) this.#events.statesAdded(added);
  }

  async #seal(): Promise<void> {
    for (let sealed = 0; sealed < TRANSACTIONS_MAX; sealed++) if (!(await this.#store.sealNext())) return;
  }
}
