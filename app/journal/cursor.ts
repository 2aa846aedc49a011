/** How far the journal has been written to MySQL. */
export interface Cursor {
  epoch: number;
  seq: number;
  /** The largest UUIDv7 time of any id that MySQL may have, ms. */
  idTimeMax: number;
}

/** The authority has moved, or another keeper was faster: not a failure, but nothing was written. */
export class CursorConflictError extends Error {
  override readonly name = 'CursorConflictError';
}

/** The snapshot of a read from MySQL: the flush had reached `cursor` of `epoch`. */
export interface Stamp {
  epoch: number;
  cursor: number;
}
