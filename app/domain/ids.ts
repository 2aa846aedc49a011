import { randomBytes } from 'node:crypto';

export const ID_LENGTH_MAX = 64;

/** 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte. */
export const ID_PATTERN = /^[A-Za-z0-9._:-]{1,64}$/;

/**
 * URL clients and proxies take these for steps in a path and remove them, also when they are written as `%2e`: what has such an id
 * could never be asked for again. No other id is changed on its way: three dots are a name like any other (RFC 3986, 5.2.4).
 */
export const isDotSegment = (id: string): boolean => id === '.' || id === '..';

/** Ids that begin so are made by Holdfast itself; clients may not choose them. */
export const RESERVED_ID_PREFIX = 'reversal:';

/** A new UUIDv7 may be so far ahead of the ledger's time, ms: the same as AHEAD_MAX in includes/ids.lua. */
export const ID_AHEAD_MS_MAX = 60_000;

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * The time in a UUIDv7 (RFC 9562: the first 48 bits), ms since 1970, or null for any other id. Only the lower-case form
 * counts: ids are compared byte by byte, so the upper-case form is another id, and takes the looked-up path.
 */
export function uuidV7Time(id: string): number | null {
  if (id.length !== 36 || id.charCodeAt(14) !== 0x37 || !UUID_V7.test(id)) return null;
  return hex(id, 0, 8) * 0x10000 + hex(id, 9, 13);
}

/** The number that lower-case hexadecimal digits give. Three times as fast as `Number.parseInt` on a slice. */
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

/** A new UUIDv7 (RFC 9562) with the given time, ms since 1970. Its 74 random bits come from a pool, as one call per id costs. */
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
