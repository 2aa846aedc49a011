import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { MIMEType } from 'node:util';
import { Problem } from '../../domain/problem.ts';
import { membersInText, membersInValue, repeatedMember, type ShapeLimits } from './json-members.ts';
import { invalid } from './validation.ts';

/** Parses the bytes of a body. Accepts what real clients send, and rejects anything ambiguous. */

/** Most items of a list, in a request or in a response. */
export const LIST_MAX = 1000;

/** As nearly every client writes it; needs no parsing. */
const USUAL_TYPES = new Set([
  'application/json',
  'application/json; charset=utf-8',
  'application/json; charset=UTF-8',
  'application/json;charset=utf-8',
  'application/json;charset=UTF-8',
]);
/** Parsing takes time proportional to the length, and a header may have 16 KiB. */
const TYPE_LENGTH_MAX = 256;
/** The names of UTF-8 in the encoding standard (WHATWG) and in real clients. */
const UTF_8_LABELS = new Set(['utf-8', 'utf8']);

/**
 * A batch of 1000 transfers with all their metadata has 52,000 parts; a list with one item too many still gets a JSON
 * pointer in its error.
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

/** @throws Problem validation_failed for a body whose structure alone would take long to parse and validate */
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
