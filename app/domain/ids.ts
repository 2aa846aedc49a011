import { randomBytes } from 'node:crypto';
import { Problem } from './problem.ts';

export const ID_LENGTH_MAX = 64;

/** 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte. */
export const ID_PATTERN = /^[A-Za-z0-9._:-]{1,64}$/;

/**
 * The id of an account may also contain `@`: accounts with the same text after the last `@` are in the same shard. Ids
 * of clients never contain `~`, so that ids with a `~` are free for the ledger's own accounts and transfers.
 */
export const ACCOUNT_ID_PATTERN = /^[A-Za-z0-9._:@-]{1,64}$/;
/** Separates the id of a transfer between shards from the suffix that identifies one of its legs. */
const LEG_MARK = '~';

/**
 * URL clients and proxies treat `.` and `..` as relative path segments and remove them, even when written as `%2e`: a
 * resource with such an id could never be addressed. No other id is altered in transit: three dots are an ordinary name
 * (RFC 3986, 5.2.4).
 */
export const isDotSegment = (id: string): boolean => id === '.' || id === '..';

/** Prefixes of ids that Holdfast derives. Clients must not choose such ids. */
export const REVERSAL_ID_PREFIX = 'reversal:';
export const CAPTURE_ID_PREFIX = 'capture:';
export const RESERVED_ID_PREFIXES = [REVERSAL_ID_PREFIX, CAPTURE_ID_PREFIX] as const;

/** How far ahead of the ledger's time a new UUIDv7 may be, ms: the same as AHEAD_MAX in includes/prologue.lua. */
export const ID_AHEAD_MS_MAX = 60_000;

const UUID_LENGTH = 36;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/;

/**
 * The time in a UUIDv7 (RFC 9562: the first 48 bits), ms since 1970, or null for any other id. A leg of a transfer
 * between shards has the time of the transfer: that of the UUIDv7 before the `~`. Only the lower-case form counts: ids
 * are compared byte by byte, so the upper-case form is a different id and takes the lookup path.
 *
 * Every decision that depends on the time of an id must use this function. If the place of an id in Redis and the
 * lookup horizon were based on different times, an id that only MySQL has could be posted again.
 */
export function uuidV7Time(id: string): number | null {
  if (id.length !== UUID_LENGTH && id.charAt(UUID_LENGTH) !== LEG_MARK) return null;
  if (id.charCodeAt(14) !== 0x37 || !UUID_V7.test(id)) return null;
  return hex(id, 0, 8) * 0x10000 + hex(id, 9, 13);
}

/** Parses lower-case hexadecimal digits. Three times as fast as `Number.parseInt` on a slice. */
function hex(text: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    value = value * 16 + (code < 0x61 ? code - 0x30 : code - 0x57);
  }
  return value;
}

const POOL_BYTES = 8192;
let pool = Buffer.alloc(0);
let poolOffset = 0;

/**
 * A new UUIDv7 (RFC 9562) with the given time, ms since 1970. Its 74 random bits come from a pool, because one call to
 * the random generator per id is expensive.
 */
export function newUuidV7(nowMs: number): string {
  if (poolOffset + 10 > pool.length) {
    pool = randomBytes(POOL_BYTES);
    poolOffset = 0;
  }
  const time = nowMs.toString(16).padStart(12, '0');
  const random = pool.toString('hex', poolOffset, poolOffset + 10);
  poolOffset += 10;
  const variant = ((Number.parseInt(random.charAt(3), 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

/**
 * How much UUIDv7 time one bucket of ids spans, ms. A constant rather than a setting: two pods that disagreed would
 * look for the same id in different buckets, and apply it twice.
 */
export const ID_BUCKET_MS = 10_000;

/** Where Redis stores an id: in the bucket of its UUIDv7 time, or (`bucket` null) among the other ids. */
export interface IdPlace {
  bucket: number | null;
  /** UUIDv7 time in ms; 0 for other ids. */
  time: number;
}

export function placeOf(id: string): IdPlace {
  const time = uuidV7Time(id);
  return time === null ? { bucket: null, time: 0 } : { bucket: Math.floor(time / ID_BUCKET_MS), time };
}

/**
 * The id without the mark that distinguishes its kind in Redis: `#` for changes, `+` for groups, `=` for holds. No id
 * contains such a mark.
 */
export const withoutMark = (key: string): string => (/^[#+=]/.test(key) ? key.slice(1) : key);

/** The last ms of a bucket: the value of the lookup horizon after the bucket is forgotten. */
export const bucketEnd = (bucket: number): number => (bucket + 1) * ID_BUCKET_MS - 1;

/**
 * Rejects a new UUIDv7 that is more than `ID_AHEAD_MS_MAX` ahead of the ledger's time. This is not an outcome; nothing
 * is stored.
 */
export const idAhead = (pointer = '/transactionId'): Problem =>
  new Problem('validation_failed', 'The id is too far in the future.', {
    errors: [{ pointer, detail: "is a UUIDv7 more than 60 seconds ahead of the ledger's clock" }],
  });
