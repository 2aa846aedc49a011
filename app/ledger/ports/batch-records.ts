import type { FieldError, ProblemCode } from '../../domain/problem.ts';

/**
 * The records of batches: the outcome of each transfer that was sent under a batch id, including items that never
 * became a transfer. A record contains what a response contained, so it never reveals more than the client could have
 * learned from the response.
 */
export interface BatchRecords {
  /**
   * Records the results of items of a batch. The latest result counts, but an outcome that the ledger keeps (`POSTED`,
   * `REJECTED`) is replaced only by another outcome. Repeating it changes nothing.
   * @throws Problem database_unavailable if recording takes too long (the results may be recorded nevertheless),
   * BatchFull
   */
  record(batch: BatchName, items: readonly BatchItem[]): Promise<void>;
  /** Null if there is no such batch. @throws Problem database_unavailable */
  summary(batch: BatchName): Promise<BatchSummary | null>;
  /** Recorded items in the order of their ids. @throws Problem database_unavailable */
  items(batch: BatchName, page: BatchPage): Promise<RecordedItem[]>;
}

/** The ids of batches belong to the user who posts them. */
export interface BatchName {
  postedBy: string;
  batchId: string;
}

/**
 * `POSTED` and `REJECTED` are outcomes, which the ledger has under the same id. `FAILED`: the item was not accepted, and
 * sending it again unchanged does not help by itself. `UNDECIDED`: its outcome was not known, or it had to wait; send it
 * again with the same id.
 */
export const BATCH_STATES = ['POSTED', 'REJECTED', 'FAILED', 'UNDECIDED'] as const;
export type BatchState = (typeof BATCH_STATES)[number];

export interface BatchItem {
  transactionId: string;
  state: BatchState;
  /** Absent if it was posted. */
  problem?: ItemProblem;
  /** The source account that the item names, if it is a valid id. */
  sourceAccount?: string;
}

/** Why an item was not posted. The code may be one that only a later release knows. */
export interface ItemProblem {
  code: ProblemCode | (string & {});
  detail: string;
  errors?: readonly FieldError[];
}

export interface RecordedItem extends BatchItem {
  /** ms since 1970, by MySQL's clock. */
  recordedAt: number;
}

/** The number of items in each state, and when they were recorded (ms since 1970, by MySQL's clock). */
export interface BatchSummary {
  counts: Readonly<Record<BatchState, number>>;
  firstRecordedAt: number;
  lastRecordedAt: number;
}

export interface BatchPage {
  state: BatchState | null;
  afterTransactionId: string;
  limit: number;
}

/** The maximum number of items in a batch. */
export const BATCH_ITEMS_MAX = 10_000_000;

/** Thrown for items beyond the size of a batch; none of them is recorded. */
export class BatchFull extends Error {
  override readonly name = 'BatchFull';
}

const isOutcome = (state: BatchState): boolean => state === 'POSTED' || state === 'REJECTED';

/**
 * Whether a new result replaces the recorded one. Two requests with the same item may be recorded in either order, so a
 * result without an outcome never replaces an outcome.
 */
export const replaces = (answered: BatchState, recorded: BatchState): boolean =>
  isOutcome(answered) || !isOutcome(recorded);
