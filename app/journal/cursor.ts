/** How far MySQL has the journal. */
export interface Cursor {
  epoch: number;
  seq: number;
  /** The largest UUIDv7 time of any id that MySQL may have, ms. */
  idTimeMax: number;
}

/** The authority is another by now, or another keeper was faster: not a failure, but nothing was written. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

/** The snapshot that something was read from MySQL in: the flush had come to `cursor` of `epoch`. */
export interface Stamp {
  epoch: number;
  cursor: number;
}
