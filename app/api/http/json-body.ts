import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { MIMEType } from 'node:util';
import { Problem } from '../../domain/problem.ts';
import { invalid, pointer } from './validation.ts';

/** Parses the bytes of a body. Accepts what real clients send, and rejects anything ambiguous. */

/** Maximum number of items in a list, in a request or in a response. */
export const LIST_MAX = 1000;

/** The value that nearly every client sends; it needs no parsing. */
const USUAL_TYPES = new Set([
  'application/json',
  'application/json; charset=utf-8',
  'application/json; charset=UTF-8',
  'application/json;charset=utf-8',
  'application/json;charset=UTF-8',
]);
/** Parsing takes time proportional to the length, and a header may be as long as 16 KiB. */
const TYPE_LENGTH_MAX = 256;
/** The names of UTF-8 in the encoding standard (WHATWG) and in real clients. */
const UTF_8_LABELS = new Set(['utf-8', 'utf8']);

/**
 * A batch of 1000 transfers with all their metadata has 52,000 parts. `itemsOfList` is one more than the maximum, so
 * that the error of a list with one item too many has a JSON pointer.
 */
const SHAPE_LIMITS: ShapeLimits = { membersOfObject: 64, itemsOfList: LIST_MAX + 1, levels: 16, parts: 65_536 };

/** @throws Problem unsupported_media_type unless these are the headers of JSON in UTF-8 */
export function requireJson(headers: IncomingHttpHeaders): void {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers;
  if (!USUAL_TYPES.has(type) && !isJsonInUtf8(type)) {
    throw new Problem('unsupported_media_type', 'Send the body as application/json in UTF-8.');
  }
  if (encoding !== 'identity' && encoding.toLowerCase() !== 'identity') {
    throw new Problem('unsupported_media_type', 'Send the body without a Content-Encoding.');
  }
}

function isJsonInUtf8(type: string): boolean {
  const parsed = type.length <= TYPE_LENGTH_MAX ? mediaType(type) : null;
  if (parsed?.type !== 'application') return false;
  if (parsed.subtype !== 'json' && !parsed.subtype.endsWith('+json')) return false;
  return UTF_8_LABELS.has((parsed.params.get('charset') ?? 'utf-8').trim().toLowerCase());
}

function mediaType(text: string): MIMEType | null {
  try {
    return new MIMEType(text);
  } catch {
    return null;
  }
}

/**
 * The value of a JSON text in UTF-8, with or without a byte order mark.
 * @throws Problem validation_failed for another encoding, invalid JSON, or a duplicate member
 */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw unreadable(bytes, 'The body is not valid UTF-8.');
  const members = membersWithinLimits(bytes);
  const text = bytes.toString('utf8', startsWithMark(bytes) ? 3 : 0);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(bytes, `The body is not valid JSON: ${(error as SyntaxError).message}`);
  }
  if (members !== membersInValue(value)) {
    throw invalid([{ pointer: repeatedMember(text) ?? '', detail: 'appears more than once' }]);
  }
  return value;
}

/** @throws Problem validation_failed for a body whose structure alone would take a long time to parse and validate */
function membersWithinLimits(bytes: Buffer): number {
  try {
    return membersInText(bytes, SHAPE_LIMITS);
  } catch (error) {
    if (error instanceof RangeError) throw new Problem('validation_failed', `The body ${error.message}.`);
    throw error;
  }
}

/** The byte order mark that .NET and PowerShell write before UTF-8 (RFC 8259, section 8.1, permits ignoring it). */
function startsWithMark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

/** In UTF-16 and UTF-32, the first two bytes of any JSON text contain a zero or belong to a byte order mark. */
function unreadable(bytes: Buffer, detail: string): Problem {
  const [first, second] = bytes;
  const isWide =
    first === 0 || second === 0 || (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return new Problem(
    'validation_failed',
    isWide ? 'The body is encoded in UTF-16 or UTF-32. Send it in UTF-8.' : detail,
  );
}

/**
 * Finds duplicate members in a JSON text. `JSON.parse` silently keeps the last one, while another parser that handles the same
 * request may keep the first. I-JSON (RFC 7493) forbids duplicates, and an amount must not depend on the parser.
 *
 * The check costs one pass over the bytes and one over the parsed value: the text has more members than the value exactly when
 * `JSON.parse` has dropped one. Only then does a slower pass find out which.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Maximum number of levels in a pointer: a hostile body can nest a hundred thousand. */
const POINTER_LEVELS_MAX = 8;

/** How much structure a text may have. Valid requests have far less. */
export interface ShapeLimits {
  membersOfObject: number;
  itemsOfList: number;
  levels: number;
  /** Members, items, objects and lists in total. */
  parts: number;
}

const NO_LIMITS: ShapeLimits = { membersOfObject: Infinity, itemsOfList: Infinity, levels: Infinity, parts: Infinity };

/**
 * Counts the members of all objects in a JSON text in UTF-8. In a text that is not JSON, it counts the colons outside of quotes.
 * @throws RangeError, with a message for the client, as soon as a limit is exceeded, before such a text is parsed
 */
export function membersInText(bytes: Uint8Array, limits: ShapeLimits = NO_LIMITS): number {
  const { length } = bytes;
  let members = 0;
  let parts = 0;
  let level = 0;
  // Colons and commas so far in each open object or list.
  const colons: number[] = [0];
  const commas: number[] = [0];
  for (let i = 0; i < length; i++) {
    switch (bytes[i]) {
      case QUOTE:
        // Skip to the closing quote. No byte of a multi-byte UTF-8 sequence looks like a quote or a backslash.
        for (i++; i < length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
        break;
      case COLON:
        members++;
        parts++;
        if (count(colons, level) > limits.membersOfObject)
          throw tooMany(`${limits.membersOfObject} members in an object`);
        break;
      case COMMA:
        parts++;
        if (count(commas, level) >= limits.itemsOfList) throw tooMany(`${limits.itemsOfList} items in a list`);
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        parts++;
        level++;
        colons[level] = 0;
        commas[level] = 0;
        if (level > limits.levels) throw tooMany(`${limits.levels} levels`);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (level > 0) level--;
        break;
    }
    if (parts > limits.parts) throw tooMany(`${limits.parts} members and items`);
  }
  return members;
}

function count(counts: number[], level: number): number {
  const now = (counts[level] ?? 0) + 1;
  counts[level] = now;
  return now;
}

function tooMany(limit: string): RangeError {
  return new RangeError(`may have at most ${limit}`);
}

/** Counts the members of all objects in a value from `JSON.parse`. Not recursive, because the value may be nested to any depth. */
export function membersInValue(value: unknown): number {
  if (!isContainer(value)) return 0;
  const open: object[] = [value];
  let members = 0;
  for (let container = open.pop(); container !== undefined; container = open.pop()) {
    if (Array.isArray(container)) {
      for (const item of container) if (isContainer(item)) open.push(item);
      continue;
    }
    // for-in visits own members only, because Object.prototype has no enumerable members. It is three times as fast as
    // Object.keys here.
    for (const name in container) {
      members++;
      const item = (container as Record<string, unknown>)[name];
      if (isContainer(item)) open.push(item);
    }
  }
  return members;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

interface Level {
  /** The names so far; null in an array. */
  names: Set<string> | null;
  /** The current member or index. */
  step: string | number;
}

/**
 * The first duplicate member of a valid JSON text, as a JSON pointer (RFC 6901); null when there is none. Linear in the length of
 * the text.
 */
export function repeatedMember(text: string): string | null {
  const levels: Level[] = [];
  for (let i = 0; i < text.length; i++) {
    const level = levels.at(-1);
    switch (text.charAt(i)) {
      case '{':
        levels.push({ names: new Set(), step: '' });
        break;
      case '[':
        levels.push({ names: null, step: 0 });
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        if (typeof level?.step === 'number') level.step++;
        break;
      case '"': {
        const end = endOfString(text, i);
        if (level?.names && isName(text, end)) {
          level.step = JSON.parse(text.slice(i, end)) as string;
          if (level.names.has(level.step)) return pointer(levels.slice(0, POINTER_LEVELS_MAX).map(({ step }) => step));
          level.names.add(level.step);
        }
        i = end - 1;
      }
    }
  }
  return null;
}

/** The index after the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i + 1;
}

/** In valid JSON, only the name of a member is followed by a colon. */
function isName(text: string, end: number): boolean {
  let i = end;
  while (' \t\r\n'.includes(text.charAt(i))) i++;
  return text.charCodeAt(i) === COLON;
}
