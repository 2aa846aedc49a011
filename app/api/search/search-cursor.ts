import { ACCOUNT_ID_PATTERN, ID_PATTERN } from '../../domain/ids.ts';
import type { TransferPlace } from '../../ledger/ports/search.ts';
import { invalid } from '../http/validation.ts';

// Cursors are opaque to clients, so that their format may change.

const PLACE = /^t1\.(\d{1,16})\.(.+)$/;
const ACCOUNT = 'a1.';

const encoded = (text: string): string => Buffer.from(text).toString('base64url');
const decoded = (cursor: string): string => Buffer.from(cursor, 'base64url').toString('latin1');
const wrong = () => invalid([{ pointer: '/cursor', detail: 'is not a cursor from an earlier response' }]);

export const encodePlace = ({ at, transactionId }: TransferPlace): string => encoded(`t1.${at}.${transactionId}`);

/** @throws Problem validation_failed for anything but a cursor from this API */
export function decodePlace(cursor: string): TransferPlace {
  const [, digits, transactionId = ''] = PLACE.exec(decoded(cursor)) ?? [];
  const place = { at: Number(digits), transactionId };
  if (Number.isSafeInteger(place.at) && ID_PATTERN.test(transactionId) && encodePlace(place) === cursor) return place;
  throw wrong();
}

export const encodeAccount = (accountId: string): string => encoded(`${ACCOUNT}${accountId}`);

/** @throws Problem validation_failed for anything but a cursor from this API */
export function decodeAccount(cursor: string): string {
  const text = decoded(cursor);
  const id = text.slice(ACCOUNT.length);
  if (text.startsWith(ACCOUNT) && ACCOUNT_ID_PATTERN.test(id) && encodeAccount(id) === cursor) return id;
  throw wrong();
}
