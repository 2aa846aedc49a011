import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { MIMEType } from 'node:util';
import { Problem } from '../errors.ts';
import { LIST_MAX } from './fields.ts';
import { membersInText, membersInValue, repeatedMember, type ShapeLimits } from './json-members.ts';
import { invalid } from './validation.ts';

/** How the bytes of a body become a value. What clients really send is taken; what could be read in two ways is refused. */

/** As nearly every client writes it: not worth parsing. */
const USUAL_TYPES = new Set([
  'application/json',
  'application/json; charset=utf-8',
  'application/json; charset=UTF-8',
  'application/json;charset=utf-8',
  'application/json;charset=UTF-8',
]);
/** Parsing takes time in proportion to the length, and a header may have 16 kB. */
const TYPE_LENGTH_MAX = 256;
/** The names under which the encoding standard (WHATWG) and real clients know UTF-8. */
const UTF_8_LABELS = new Set(['utf-8', 'utf8']);

/** A batch of 1000 transfers with all their metadata has 52,000 parts; one item more than a list may have gets its pointer. */
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
 * @throws Problem validation_failed for another encoding, for what is not JSON, and for a member that is there twice
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

/** @throws Problem validation_failed for a body whose structure alone would take long to parse and to check */
function membersWithinLimits(bytes: Buffer): number {
  try {
    return membersInText(bytes, SHAPE_LIMITS);
  } catch (error) {
    if (error instanceof RangeError) throw new Problem('validation_failed', `The body ${error.message}.`);
    throw error;
  }
}

/** The mark that .NET and PowerShell write before UTF-8 (RFC 8259, section 8.1, allows to ignore it). */
function startsWithMark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

/** UTF-16 and UTF-32 have a zero among the first two bytes of any JSON text, or a mark of their own. */
function unreadable(bytes: Buffer, detail: string): Problem {
  const [first, second] = bytes;
  const isWide =
    first === 0 || second === 0 || (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return new Problem(
    'validation_failed',
    isWide ? 'The body is encoded in UTF-16 or UTF-32. Send it in UTF-8.' : detail,
  );
}
