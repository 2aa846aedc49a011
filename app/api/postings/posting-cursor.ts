import { invalid } from '../http/validation.ts';

/**
 * A place between two versions of an account, and which way to go from there: to what comes next in the requested order,
 * or to what comes before.
 */
export interface PostingCursor {
  /** The version before the place; 0 at the beginning of the history. */
  position: number;
  way: 'next' | 'previous';
}

const PREFIXES = { next: 'v1.', previous: 'p1.' } as const;
const CURSOR = /^([vp])1\.(\d{1,16})$/;

/** Opaque to clients, so that the format may change. */
export function encodeCursor({ position, way }: PostingCursor): string {
  return Buffer.from(`${PREFIXES[way]}${position}`).toString('base64url');
}

/** @throws Problem validation_failed for anything but a cursor from this API */
export function decodeCursor(cursor: string): PostingCursor {
  const [, prefix, digits] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  const decoded: PostingCursor = { position: Number(digits), way: prefix === 'p' ? 'previous' : 'next' };
  if (Number.isSafeInteger(decoded.position) && encodeCursor(decoded) === cursor) return decoded;
  throw invalid([{ pointer: '/cursor', detail: 'is not a cursor from an earlier response' }]);
}
