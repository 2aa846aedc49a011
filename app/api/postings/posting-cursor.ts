import { invalid } from '../http/validation.ts';

const PREFIX = 'v1.';
const CURSOR = /^v1\.(\d{1,16})$/;

/** Opaque to clients, so that it may change: the version of the last posting that was shown. */
export function encodeCursor(afterVersion: number): string {
  return Buffer.from(`${PREFIX}${afterVersion}`).toString('base64url');
}

/** The version after which the list goes on. @throws Problem validation_failed for anything we did not make */
export function decodeCursor(cursor: string): number {
  const version = Number(CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1]);
  if (Number.isSafeInteger(version) && encodeCursor(version) === cursor) return version;
  throw invalid([{ pointer: '/cursor', detail: 'is not a cursor of an answer' }]);
}
