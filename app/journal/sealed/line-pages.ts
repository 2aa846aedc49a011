import { type PostedFields, TYPES } from './entry-codec.ts';

/**
 * Maximum size of the lines of one row, in bytes. A reader holds a whole row in memory, and a row has to fit into a
 * statement. A line is never divided; no line comes close to this length.
 */
export const ROW_BYTES_MAX = 1024 * 1024;

/** The lines of one row of the log. */
export interface LinePage {
  /** The lines, separated by line feeds, in ASCII. */
  bytes: Buffer;
  lines: number;
}

/** Initial size of a page: small, because most transactions in direct mode have one line. */
const PAGE_BYTES_MIN = 2 * 1024;
/** The maximum size of a plain line, not counting its texts: ten integers, and the characters between all fields. */
const PLAIN_BYTES_MAX = 256;
const PLAIN_BEGIN = Buffer.from(`["${TYPES.posted}"`);
const [LINE_FEED, QUOTE, COMMA, MINUS, ZERO, BACKSLASH, BRACKET] = [0x0a, 0x22, 0x2c, 0x2d, 0x30, 0x5c, 0x5d];
const [PRINTABLE_FIRST, PRINTABLE_LAST] = [0x20, 0x7e];
/** Integers are written in parts of nine digits, because V8 is fast with integers of 31 bits. */
const PART = 1_000_000_000;
const PART_DIGITS = 9;

/** The pages of these lines, which must be ASCII. */
export function pagesOf(lines: readonly string[]): LinePage[] {
  const pages = new LinePages();
  for (const line of lines) pages.add(line);
  return pages.end();
}

export const linesIn = ({ bytes }: Pick<LinePage, 'bytes'>): string[] => bytes.toString('latin1').split('\n');

/**
 * Collects lines in pages. Plain transfers, which are nearly all lines of a flush, are written byte by byte: this takes
 * half the time of creating, joining and encoding strings, and leaves no garbage.
 */
export class LinePages {
  readonly #full: LinePage[] = [];
  #bytes = Buffer.allocUnsafe(PAGE_BYTES_MIN);
  #at = 0;
  #lines = 0;
  /** Whether the line that is being written is the JSON of its fields: no character had to be escaped. */
  #isPlain = true;

  /** The pages; nothing can be added afterward. */
  end(): LinePage[] {
    this.#endPage();
    return this.#full;
  }

  /** Adds a line, which must be ASCII. */
  add(line: string): void {
    this.#reserve(line.length);
    this.#separate();
    this.#at += this.#bytes.write(line, this.#at, 'latin1');
    this.#lines += 1;
  }

  /**
   * Adds the line of a posted transfer without rare fields: the text that `encodeTransfer` returns.
   * @returns false if it was not added, because it contains something that would have to be escaped
   */
  addPlain({ order, epoch, seq, acceptedAt, source: from, destination: to }: PostedFields, digest: string): boolean {
    const { transactionId, source, destination, amount, currency } = order;
    const chars = transactionId.length + source.length + destination.length + currency.length + digest.length;
    this.#reserve(chars + PLAIN_BYTES_MAX);
    const start = this.#at;
    this.#isPlain = true;
    this.#separate();
    this.#at += PLAIN_BEGIN.copy(this.#bytes, this.#at);
    this.#integer(epoch);
    this.#integer(seq);
    this.#integer(acceptedAt);
    this.#text(transactionId);
    this.#text(source);
    this.#text(destination);
    this.#integer(amount);
    this.#text(currency);
    this.#integer(from.version);
    this.#integer(from.balance);
    this.#integer(from.settingsVersion);
    this.#integer(to.version);
    this.#integer(to.balance);
    this.#integer(to.settingsVersion);
    this.#text(digest);
    this.#bytes[this.#at++] = BRACKET;
    if (this.#isPlain) this.#lines += 1;
    else this.#at = start;
    return this.#isPlain;
  }

  /** Makes room for a line of at most this size, on a new page if the current one would become too large. */
  #reserve(lineBytes: number): void {
    const needed = this.#at + 1 + lineBytes;
    if (needed > ROW_BYTES_MAX) this.#endPage();
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + 1 + lineBytes));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  #endPage(): void {
    if (this.#lines === 0) return;
    this.#full.push({ bytes: this.#bytes.subarray(0, this.#at), lines: this.#lines });
    this.#bytes = Buffer.allocUnsafe(PAGE_BYTES_MIN);
    this.#at = 0;
    this.#lines = 0;
  }

  #separate(): void {
    if (this.#lines > 0) this.#bytes[this.#at++] = LINE_FEED;
  }

  #text(text: string): void {
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = COMMA;
    bytes[at++] = QUOTE;
    for (let index = 0; index < text.length; index++) {
      const char = text.charCodeAt(index);
      if (char < PRINTABLE_FIRST || char > PRINTABLE_LAST || char === QUOTE || char === BACKSLASH)
        this.#isPlain = false;
      bytes[at++] = char;
    }
    bytes[at++] = QUOTE;
    this.#at = at;
  }

  #integer(value: number): void {
    if (!Number.isSafeInteger(value)) {
      this.#isPlain = false;
      return;
    }
    this.#bytes[this.#at++] = COMMA;
    if (value < 0) this.#bytes[this.#at++] = MINUS;
    const absolute = Math.abs(value);
    const high = Math.floor(absolute / PART);
    const low = absolute - high * PART;
    if (high > 0) {
      this.#digits(high, digitsOf(high));
      this.#digits(low, PART_DIGITS);
    } else this.#digits(low, digitsOf(low));
  }

  /** @param value below 2^31 @param count how many digits to write */
  #digits(value: number, count: number): void {
    const bytes = this.#bytes;
    let rest = value | 0;
    for (let at = this.#at + count - 1; at >= this.#at; at--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = ZERO + rest - 10 * tenth;
      rest = tenth;
    }
    this.#at += count;
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; limit <= value; limit *= 10) digits += 1;
  return digits;
}
