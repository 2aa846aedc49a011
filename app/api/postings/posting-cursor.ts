import { invalid } from '../http/validation.ts';

const PREFIX = 'v1.';
const CURSOR = /^v1\.(\d{1,16})$/;

/** Opaque to clients, so that the format may change: the version of the last posting returned. */
export function encodeCursor(afterVersion: number): string {
  return Buffer.from(`${PREFIX}${afterVersion}`).toString('base64url');
}

/**
 * The version after which the list continues. @throws Problem validation_failed for anything but a cursor from this API
 */
export function decodeCursor(cursor: string): number {
  const version = Number(CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1]);
  if (Number.isSafeInteger(version) && encodeCursor(version) === cursor) return version;
  throw invalid([{ pointer: '/cursor', detail: 'is not a cursor from an earlier response' }]);
}
