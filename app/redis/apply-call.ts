import { placeOf } from '../domain/ids.ts';
import { type ApplyItem, CALL_TRANSFERS_MAX } from '../journal/cache-port.ts';
import { chunkEndsOf, HEAD_BYTES, RECORD_BYTES, RecordStatus, type ResultRecord } from '../journal/codec.ts';
import type { JournalEntry } from '../journal/journal-entry.ts';
import type { Keys } from './run-script.ts';

/** Fixed bytes of an item; its id follows, ended by a zero byte. */
const ITEM_BYTES = 2 + 2 + 8 + 3 + 2 + 8 + 8;
const ID_BYTES_MAX = 65;

export interface PackedCall {
  items: Buffer;
  payloads: string[];
  accountIds: string[];
  bucketKeys: string[];
  /** Where each chunk ends: the number of items up to there. */
  chunkEnds: number[];
}

let scratch = Buffer.allocUnsafe(64 * 1024);

/**
 * Packs the arguments of apply.lua, which documents the layout. @throws RangeError for more than `CALL_TRANSFERS_MAX`
 * items
 */
export function packCall(items: readonly ApplyItem[], keys: Keys): PackedCall {
  if (items.length > CALL_TRANSFERS_MAX) throw new RangeError(`${items.length} transfers are too many for one call`);
  const chunkEnds = chunkEndsOf(items.map(({ payload }) => payload));
  const bytesMax = items.length * (ITEM_BYTES + ID_BYTES_MAX) + 2 * chunkEnds.length;
  if (scratch.length < bytesMax) scratch = Buffer.allocUnsafe(bytesMax);
  const accountIndex = new Map<string, number>();
  const bucketKeys: string[] = [];
  const bucketPlaces = new Map<number, number>();
  const indexOf = (accountId: string): number => {
    let index = accountIndex.get(accountId);
    if (index === undefined) {
      index = accountIndex.size + 1;
      accountIndex.set(accountId, index);
    }
    return index;
  };
  const placeNumber = (bucket: number | null): number => {
    if (bucket === null) return 0;
    let place = bucketPlaces.get(bucket);
    if (place === undefined) {
      place = bucketKeys.push(keys.idBucket(bucket));
      bucketPlaces.set(bucket, place);
    }
    return place;
  };
  const payloads: string[] = [];
  let at = 0;
  for (const [number, end] of chunkEnds.entries()) {
    const chunk = items.slice(chunkEnds[number - 1] ?? 0, end);
    at = scratch.writeUInt16LE(chunk.length, at);
    let payload = '';
    for (const { order, payload: one, lookupCursor } of chunk) {
      const { bucket, time } = placeOf(order.transactionId);
      at = scratch.writeUInt16LE(indexOf(order.source), at);
      at = scratch.writeUInt16LE(indexOf(order.destination), at);
      at = scratch.writeDoubleLE(order.amount, at);
      at += scratch.write(order.currency, at, 3, 'latin1');
      at = scratch.writeUInt16LE(placeNumber(bucket), at);
      at = scratch.writeDoubleLE(time, at);
      at = scratch.writeDoubleLE(lookupCursor, at);
      at += scratch.write(order.transactionId, at, 'latin1');
      scratch[at++] = 0;
      payload = payload === '' ? `[${one}` : `${payload},${one}`;
    }
    payloads.push(`${payload}]`);
  }
  // A copy: the client library may still hold the bytes when the next call is packed.
  return {
    items: Buffer.from(scratch.subarray(0, at)),
    payloads,
    accountIds: [...accountIndex.keys()],
    bucketKeys,
    chunkEnds,
  };
}

/** The entries that a call wrote, assembled as they are in the journal, without reading them again. */
export function writtenEntries(
  reply: Buffer,
  records: readonly ResultRecord[],
  { payloads, chunkEnds }: PackedCall,
  acceptedAt: number,
): JournalEntry[] {
  const entries: JournalEntry[] = [];
  payloads.forEach((payload, chunk) => {
    const from = chunkEnds[chunk - 1] ?? 0;
    const to = chunkEnds[chunk] ?? records.length;
    for (let index = from; index < to; index++) {
      const record = records[index];
      if (record && (record.status === RecordStatus.POSTED || record.status === RecordStatus.REJECTED)) {
        const bytes = reply.subarray(HEAD_BYTES + from * RECORD_BYTES, HEAD_BYTES + to * RECORD_BYTES);
        entries.push({ kind: 'transfers', firstSeq: record.seq, payload, records: bytes, acceptedAt });
        return;
      }
    }
  });
  return entries;
}
