import { placeOf } from '../domain/ids.ts';
import type { TransferOrder } from '../domain/types.ts';
import {
  type ApplyItem,
  CALL_TRANSFERS_MAX,
  type CallItem,
  type GroupItem,
  isGroup,
  weightOf,
} from '../journal/cache-port.ts';
import {
  chunkEndsOf,
  decodeRecord,
  HEAD_BYTES,
  RECORD_BYTES,
  RecordStatus,
  type ResultRecord,
} from '../journal/codec.ts';
import type { JournalEntry } from '../journal/journal-entry.ts';
import type { Keys } from './run-script.ts';

/** Fixed bytes of an item; its id follows, ended by a zero byte. A group itself has fewer. */
const ITEM_BYTES = 1 + 2 + 2 + 8 + 3 + 2 + 8 + 8;
/** Marks the count of a chunk that is a group. */
const GROUP = 0x8000;
const ID_BYTES_MAX = 65;
const TRANSFER = 0;
const REVERSAL = 1;

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
 * transfers
 */
export function packCall(items: readonly CallItem[], keys: Keys, podNow: number): PackedCall {
  const transfers = items.reduce((sum, item) => sum + weightOf(item), 0);
  if (transfers > CALL_TRANSFERS_MAX) throw new RangeError(`${transfers} transfers are too many for one call`);
  const chunkEnds = chunkEndsOf(items);
  // A group is alone in its chunk.
  const bytesMax = 8 + (transfers + chunkEnds.length) * (ITEM_BYTES + ID_BYTES_MAX) + 2 * chunkEnds.length;
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
  let at = scratch.writeDoubleLE(podNow, 0);
  const writeId = (id: string, lookupCursor: number): void => {
    const { bucket, time } = placeOf(id);
    at = scratch.writeUInt16LE(placeNumber(bucket), at);
    at = scratch.writeDoubleLE(time, at);
    at = scratch.writeDoubleLE(lookupCursor, at);
    at += scratch.write(id, at, 'latin1');
    scratch[at++] = 0;
  };
  const writeTransfer = (
    { kind, source, destination, amount, currency, transactionId }: TransferOrder,
    cursor: number,
  ): void => {
    scratch[at++] = kind === 'reversal' ? REVERSAL : TRANSFER;
    at = scratch.writeUInt16LE(indexOf(source), at);
    at = scratch.writeUInt16LE(indexOf(destination), at);
    at = scratch.writeDoubleLE(amount, at);
    at += scratch.write(currency, at, 3, 'latin1');
    writeId(transactionId, cursor);
  };
  for (const [number, end] of chunkEnds.entries()) {
    const chunk = items.slice(chunkEnds[number - 1] ?? 0, end);
    const [first] = chunk;
    if (first && isGroup(first)) {
      const { groupId, orders } = first.group;
      at = scratch.writeUInt16LE(GROUP + orders.length, at);
      writeId(groupId, first.lookupCursor);
      for (const order of orders) writeTransfer(order, first.lookupCursor);
      payloads.push(first.payload);
      continue;
    }
    at = scratch.writeUInt16LE(chunk.length, at);
    let payload = '';
    for (const { order, payload: one, lookupCursor } of chunk as ApplyItem[]) {
      writeTransfer(order, lookupCursor);
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

/**
 * The first record of each item, and the entries that a call wrote, assembled as they are in the journal, without reading them
 * again.
 */
export function writtenBy(
  reply: Buffer,
  items: readonly CallItem[],
  { payloads, chunkEnds }: PackedCall,
  acceptedAt: number,
): { records: ResultRecord[]; entries: JournalEntry[] } {
  const records: ResultRecord[] = [];
  const entries: JournalEntry[] = [];
  let at = HEAD_BYTES;
  payloads.forEach((payload, chunk) => {
    const from = at;
    let firstSeq = 0;
    const end = chunkEnds[chunk] ?? items.length;
    const kind = isGroupAt(items, end - 1) ? 'group' : 'transfers';
    for (let index = chunkEnds[chunk - 1] ?? 0; index < end; index++) {
      const record = decodeRecord(reply, at);
      records.push(record);
      const isPosted = record.status === RecordStatus.POSTED;
      if (firstSeq === 0 && (isPosted || record.status === RecordStatus.REJECTED)) firstSeq = record.seq;
      at += RECORD_BYTES * (kind === 'group' && isPosted ? weightOf(items[index] as GroupItem) : 1);
    }
    if (firstSeq > 0) entries.push({ kind, firstSeq, payload, records: reply.subarray(from, at), acceptedAt });
  });
  return { records, entries };
}

function isGroupAt(items: readonly CallItem[], index: number): boolean {
  const item = items[index];
  return item !== undefined && isGroup(item);
}
