import type { Clock } from './clock.ts';

const RANDOM_BYTES = 10;

/**
 * A new UUIDv7 (RFC 9562) in lower case: 48 bits of time, ms since 1970, and 74 random bits. Only this form is known to
 * be new without a look-up in MySQL.
 */
export function newUuidV7(nowMs: number): string {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const time = Math.floor(nowMs).toString(16).padStart(12, '0');
  const variant = ((Number.parseInt(hex.charAt(3), 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}

/** Smaller differences are ignored: the `Date` header is a whole second, and the answer took a while to arrive. */
const DIFFERENCE_MS_MIN = 5_000;

/**
 * Makes ids with the time of the service. The service refuses UUIDv7s that are more than a minute ahead, and looks up
 * in MySQL those that are minutes old, so a wrong clock on a phone would make every transfer fail, or slow it down. The
 * `Date` header of the latest answer shows the difference. Browsers can read it only if the service is on the page's
 * own origin; otherwise the local clock is used.
 */
export class Ids {
  readonly #clock: Clock;
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param date the `Date` header of an answer that has just arrived */
  learn(date: string | null): void {
    const theirs = date === null ? Number.NaN : Date.parse(date);
    if (Number.isNaN(theirs)) return;
    const aheadMs = theirs - this.#clock.now();
    this.#aheadMs = Math.abs(aheadMs) < DIFFERENCE_MS_MIN ? 0 : aheadMs;
  }

  next(): string {
    return newUuidV7(this.#clock.now() + this.#aheadMs);
  }
}
