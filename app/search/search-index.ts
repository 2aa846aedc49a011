/** How far the index of one shard has progressed. Every change of the index is a compare-and-set of its state. */
export interface IndexState {
  /** Increases with every change of the index. */
  moves: number;
  /**
   * - `EMPTYING`: old rows are deleted
   * - `FILLING`: the books are read from the beginning, while new rows of the log are followed
   * - `READY`: the index contains everything up to `position`
   */
  state: 'EMPTYING' | 'FILLING' | 'READY';
  /** The last row of the log that the index contains; 0: none. */
  position: number;
  /** The hash of that row, hexadecimal. */
  hash: string;
}

/** A row of the log, as lines; see entry-codec.ts. */
export interface LogRow {
  position: number;
  hash: string;
  previousHash: string;
  sealedAt: number;
  lines: readonly string[];
}

/** What was committed: ids of transfers and of accounts. */
export interface Changed {
  transactionIds: readonly string[];
  accountIds: readonly string[];
}

/**
 * The index of one shard, and the books from which it is built. If another process has changed the index since its
 * state was read, methods that change it have no effect and return false. @throws Problem database_unavailable
 */
export interface SearchIndex {
  state(): Promise<IndexState>;
  /** Whether everything that is committed from now on is in the log. */
  isLogged(): Promise<boolean>;
  /** The end of the log. */
  logEnd(): Promise<Pick<IndexState, 'position' | 'hash'>>;
  /** The rows of the log after a position. */
  rowsAfter(position: number): Promise<LogRow[]>;
  /** Adds what these rows have changed, as read from the books, and moves to the last of them. */
  follow(from: IndexState, rows: readonly LogRow[], changed: Changed): Promise<boolean>;
  /** Deletes some rows; once there are none, begins to fill the index, and to follow the log from its end. */
  emptySome(from: IndexState): Promise<boolean>;
  /** Adds some rows from the books, until all have been read. */
  fillSome(from: IndexState): Promise<boolean>;
  /** Starts over from the books, either with an empty index, or keeping its rows. */
  restart(from: IndexState, how: 'EMPTYING' | 'FILLING'): Promise<boolean>;
  /**
   * Checks whether some transfers that were pending, and were accepted at or after a time, have been decided.
   * @returns the time at which to continue, 0 after the last one; or false
   */
  decideSome(from: IndexState, since: number): Promise<number | false>;
}
