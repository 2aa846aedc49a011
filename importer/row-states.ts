import { createHash } from 'node:crypto';

/**
 * What is known about a row: nothing; that it was posted; that a business rule refused it; that it was not accepted as
 * a transfer; that its outcome is not known; or that it is not valid, and was not sent.
 */
export const STATES = ['', 'POSTED', 'REJECTED', 'FAILED', 'UNDECIDED', 'INVALID'] as const;
export type RowState = (typeof STATES)[number];

/** Maximum number of rows in a file: as many as a batch of the service may have. */
export const ROWS_MAX = 10_000_000;
const FIRST_SIZE = 65_536;

/** What is known about each row of a file, in 9 bytes for each: its state, and a digest of its transaction id. */
export class RowStates {
  #states = new Uint8Array(FIRST_SIZE);
  #digests = new BigUint64Array(FIRST_SIZE);
  readonly #counts = new Map<RowState, number>();

  state(row: number): RowState {
    return STATES[this.#states[row] ?? 0] ?? '';
  }

  count(state: RowState): number {
    return this.#counts.get(state) ?? 0;
  }

  /** Whether the row had this id when its state was set. */
  hasId(row: number, transactionId: string): boolean {
    return this.#digests[row] === digestOf(transactionId);
  }

  /** The last row in one of these states; 0 if there is none. */
  last(...states: RowState[]): number {
    return Math.max(0, ...states.map((state) => this.#states.lastIndexOf(STATES.indexOf(state))));
  }

  /** The first of the rows 1 to `rows` without a state; 0 if there is none. */
  firstOpen(rows: number): number {
    const row = this.#states.subarray(0, rows + 1).indexOf(0, 1);
    if (row !== -1) return row;
    return rows < this.#states.length ? 0 : this.#states.length;
  }

  set(row: number, state: RowState, transactionId: string): void {
    if (row > ROWS_MAX) throw new RangeError(`row ${row} is beyond ${ROWS_MAX}`);
    if (row >= this.#states.length) this.#grow(row);
    const before = this.state(row);
    this.#counts.set(before, this.count(before) - 1);
    this.#counts.set(state, this.count(state) + 1);
    this.#states[row] = STATES.indexOf(state);
    this.#digests[row] = digestOf(transactionId);
  }

  #grow(row: number): void {
    const size = Math.max(row + 1, this.#states.length * 2);
    const [states, digests] = [new Uint8Array(size), new BigUint64Array(size)];
    states.set(this.#states);
    digests.set(this.#digests);
    [this.#states, this.#digests] = [states, digests];
  }
}

/** Finds duplicate ids in a file, with 8 bytes for each row. */
export class RepeatedIds {
  #digests = new BigUint64Array(FIRST_SIZE);
  #rows = 0;

  add(row: number, transactionId: string): void {
    if (row >= this.#digests.length) {
      const digests = new BigUint64Array(Math.max(row + 1, this.#digests.length * 2));
      digests.set(this.#digests);
      this.#digests = digests;
    }
    this.#digests[row] = digestOf(transactionId);
    this.#rows = Math.max(this.#rows, row);
  }

  /** Pairs of rows with the same id: a row, and the next one with its id. */
  pairs(max: number): [number, number][] {
    const sorted = this.#digests.slice(1, this.#rows + 1).sort();
    const repeated = new Set<bigint>();
    for (let i = 1; i < sorted.length && repeated.size < max; i++) {
      const digest = sorted[i];
      if (digest !== undefined && digest !== 0n && digest === sorted[i - 1]) repeated.add(digest);
    }
    const pairs: [number, number][] = [];
    const seen = new Map<bigint, number>();
    for (let row = 1; row <= this.#rows && pairs.length < max; row++) {
      const digest = this.#digests[row];
      if (digest === undefined || !repeated.has(digest)) continue;
      const before = seen.get(digest);
      if (before !== undefined) pairs.push([before, row]);
      seen.set(digest, row);
    }
    return pairs;
  }
}

function digestOf(transactionId: string): bigint {
  return createHash('sha256').update(transactionId).digest().readBigUInt64LE(0);
}
