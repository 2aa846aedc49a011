import type { CountedHold, StoredHold } from '../domain/hold-types.ts';
import type { CachedHold } from './cache-port.ts';
import { countedIn, holdStatusName, holdStatusNumber } from './hold-codec.ts';

/** The bytes of a hold in Redis, shared with the Lua scripts: see lua/includes/holds.lua. Little endian. */
const FIXED_BYTES = 41;
const COUNTED_BYTES = 24;

export function encodeHold(hold: StoredHold, seq = 0, modified = false): Buffer {
  const fixed = Buffer.allocUnsafe(FIXED_BYTES);
  fixed.writeDoubleLE(hold.amount, 0);
  fixed.writeDoubleLE(hold.captured, 8);
  fixed.writeDoubleLE(hold.expiresAt, 16);
  fixed.writeUInt32LE(hold.revision, 24);
  fixed[28] = holdStatusNumber(hold.status);
  fixed[29] = modified ? 1 : 0;
  fixed.write(hold.currency, 30, 3, 'latin1');
  fixed.writeDoubleLE(seq, 33);
  const texts = Buffer.from(`${hold.account}\0${hold.destination ?? ''}\0`, 'latin1');
  return Buffer.concat(hold.counted ? [fixed, texts, doublesOf(hold.counted)] : [fixed, texts]);
}

function doublesOf({ at, day, month }: CountedHold): Buffer {
  const bytes = Buffer.allocUnsafe(COUNTED_BYTES);
  for (const [n, double] of [at, day, month].entries()) bytes.writeDoubleLE(double, 8 * n);
  return bytes;
}

export function decodeHold(holdId: string, bytes: Buffer): CachedHold {
  const accountEnd = bytes.indexOf(0, FIXED_BYTES);
  const destinationEnd = bytes.indexOf(0, accountEnd + 1);
  const account = bytes.toString('latin1', FIXED_BYTES, accountEnd);
  const destination = bytes.toString('latin1', accountEnd + 1, destinationEnd);
  const counted = bytes.length > destinationEnd + 1 ? countedIn(bytes, destinationEnd + 1) : null;
  return {
    holdId,
    account,
    destination: destination === '' ? null : destination,
    amount: bytes.readDoubleLE(0),
    captured: bytes.readDoubleLE(8),
    expiresAt: bytes.readDoubleLE(16),
    revision: bytes.readUInt32LE(24),
    status: holdStatusName(bytes.readUInt8(28)),
    modified: bytes.readUInt8(29) === 1,
    currency: bytes.toString('latin1', 30, 33),
    seq: bytes.readDoubleLE(33),
    ...(counted && { counted }),
  };
}
