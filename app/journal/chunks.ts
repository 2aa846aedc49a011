/**
 * Number of transfers that share one journal entry. A lookup by id returns the whole entry, so it must stay small
 * (about 15 KB); a separate entry for each transfer would cost more in Redis and in the flush.
 */
export const CHUNK_TRANSFERS = 50;
const CHUNK_CHARS_MAX = 64 * 1024;

/** Where the chunks of a call end: each is full by count or, with large metadata, by size. */
export function chunkEndsOf(payloads: readonly string[]): number[] {
  const ends: number[] = [];
  let count = 0;
  let chars = 0;
  payloads.forEach((payload, index) => {
    if (count > 0 && (count === CHUNK_TRANSFERS || chars + payload.length > CHUNK_CHARS_MAX)) {
      ends.push(index);
      count = 0;
      chars = 0;
    }
    count += 1;
    chars += payload.length;
  });
  if (count > 0) ends.push(payloads.length);
  return ends;
}
