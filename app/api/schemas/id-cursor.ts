import { ID_PATTERN } from '../../domain/ids.ts';
import { invalid } from '../http/validation.ts';

/** The cursor of a list that is sorted by the ids of its items. */
const PREFIX = 'v1.';

/** Opaque to clients, so that the format may change: the id of the last item returned. */
export const encodeIdCursor = (afterId: string): string => Buffer.from(`${PREFIX}${afterId}`).toString('base64url');

/** The id after which the list continues. @throws Problem validation_failed for anything but a cursor from this API */
export function decodeIdCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const id = text.slice(PREFIX.length);
  if (text.startsWith(PREFIX) && ID_PATTERN.test(id) && encodeIdCursor(id) === cursor) return id;
  throw invalid([{ pointer: '/cursor', detail: 'is not a cursor from an earlier response' }]);
}
