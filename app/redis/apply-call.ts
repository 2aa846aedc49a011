import { LEG_ID_LENGTH_MAX } from '../domain/crossing.ts';
import { placeOf, withoutMark } from '../domain/ids.ts';
import { LEGS as LEG_NAMES, type Leg } from '../domain/leg-types.ts';
import type { TransferOrder } from '../domain/types.ts';
import {
  type ApplyItem,
  CALL_TRANSFERS_MAX,
  CacheError,
  type CallItem,
  type GroupItem,
  type HoldCallItem,
  isGroup,
  isHold,
  isLegItem,
  weightOf,
} from '../journal/cache-port.ts';
import {
  chunkEndsOf,
  decodeRecord,
  HEAD_BYTES,
  HOLD_RECORD_BYTES,
  limitFields,
  RECORD_BYTES,
  RecordStatus,
  type ResultRecord,
  refusalNumber,
} from '../journal/codec.ts';
import { decodeHoldRecord, type HoldItem, type HoldRecord, keyOfItem } from '../journal/hold-codec.ts';
import type { JournalEntry } from '../journal/journal-entry.ts';
import type { Keys } from './run-script.ts';

/** Number of fixed bytes of an item; its id and a zero byte follow them. The header of a group is shorter. */
const ITEM_BYTES = 1 + 2 + 2 + 8 + 3 + 2 + 8 + 8;
/** Number of fixed bytes of a hold item; its id and the id of its hold follow them. */
const HOLD_BYTES = ITEM_BYTES + 8 + 8 + 1 + 8;
/** Marks that are added to the count of a chunk that is a group, or that has hold items or legs. */
const GROUP = 0x8000;
const HOLDS = 0x4000;
const LEGS = 0x2000;
/** The longest id, with a mark before it and a zero byte after it. */
const ID_BYTES_MAX = LEG_ID_LENGTH_MAX + 2;
/** Number of fixed bytes that follow the item of a leg. */
const LEG_BYTES = 1 + 1 + 1 + 8 + 8 + 8;
const TRANSFER = 0;
const REVERSAL = 1;

export interface PackedCall {
  items: Buffer;
  payloads: string[];
  accountIds: string[];
  /** The keys of the buckets of the ids, and the key of the holds if there are hold items. */
  moreKeys: string[];
  /** The end of each chunk, as the number of items up to and including the chunk. */
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
  const hasHolds = items.some(isHold);
  const itemBytesMax = hasHolds ? HOLD_BYTES + 2 * ID_BYTES_MAX : ITEM_BYTES + ID_BYTES_MAX + LEG_BYTES;
  const bytesMax = 8 + (transfers + chunkEnds.length) * itemBytesMax + 2 * chunkEnds.length;
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
    const { bucket, time } = placeOf(hasHolds ? withoutMark(id) : id);
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
  const writeLeg = ({ name, refusal, counted }: Leg): void => {
    const limit = refusal?.limit ? limitFields(refusal.limit) : null;
    at = scratch.writeUInt8(LEG_NAMES.indexOf(name) + 1, at);
    at = scratch.writeUInt8(refusal ? refusalNumber(refusal.refusal) : 0, at);
    at = scratch.writeUInt8(limit?.settingsVersion ?? 0, at);
    at = scratch.writeDoubleLE(limit?.otherBalance ?? 0, at);
    at = scratch.writeDoubleLE(limit?.otherVersion ?? 0, at);
    at = scratch.writeDoubleLE(counted?.at ?? 0, at);
  };
  const writeHold = ({ hold, lookupCursor, podNow }: HoldCallItem): void => {
    const fields = holdFieldsOf(hold);
    at = scratch.writeUInt8(HOLD_OPS.indexOf(hold.op) + 1, at);
    at = scratch.writeUInt16LE(indexOf(fields.account), at);
    at = scratch.writeUInt16LE(fields.destination === null ? 0 : indexOf(fields.destination), at);
    at = scratch.writeDoubleLE(fields.amount ?? -1, at);
    at = scratch.writeDoubleLE(fields.expiresAt ?? -1, at);
    at = scratch.writeDoubleLE(fields.expectedRevision ?? -1, at);
    at = scratch.writeUInt8(fields.final ? 1 : 0, at);
    at += scratch.write(fields.currency, at, 3, 'latin1');
    at = scratch.writeDoubleLE(podNow, at);
    writeId(keyOfItem(hold), lookupCursor);
    at += scratch.write(fields.holdId, at, 'latin1');
    scratch[at++] = 0;
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
    const isHolds = first !== undefined && isHold(first);
    const areLegs = first !== undefined && isLegItem(first);
    at = scratch.writeUInt16LE(chunk.length + (isHolds ? HOLDS : 0) + (areLegs ? LEGS : 0), at);
    let payload = '';
    for (const item of chunk as (ApplyItem | HoldCallItem)[]) {
      if (isHold(item)) writeHold(item);
      else {
        writeTransfer(item.order, item.lookupCursor);
        if (item.order.leg) writeLeg(item.order.leg);
      }
      payload = payload === '' ? `[${item.payload}` : `${payload},${item.payload}`;
    }
    payloads.push(`${payload}]`);
  }
  // The items are copied, because the client library may still hold the bytes when the next call is packed.
  return {
    items: Buffer.from(scratch.subarray(0, at)),
    payloads,
    accountIds: [...accountIndex.keys()],
    moreKeys: hasHolds ? [...bucketKeys, keys.holds] : bucketKeys,
    chunkEnds,
  };
}

/** In the order of their numbers in includes/holds.lua, starting from 1. */
const HOLD_OPS = ['place', 'capture', 'change', 'void', 'expire'] as const satisfies readonly HoldItem['op'][];

interface HoldFields {
  holdId: string;
  account: string;
  destination: string | null;
  currency: string;
  amount?: number | null;
  expiresAt?: number | null;
  expectedRevision?: number;
  final?: boolean;
}

function holdFieldsOf(item: HoldItem): HoldFields {
  if (item.op === 'place') return item.order;
  if (item.op === 'change') return { ...item, ...item.wanted, destination: null };
  if (item.op !== 'capture') return { ...item, destination: null };
  const { source: account, destination, currency, capture } = item.order;
  return { account, destination, currency, holdId: capture.holdId, amount: capture.amount, final: capture.final };
}

/**
 * The first record of each item, and the journal entries that a call wrote, assembled from the call and its reply
 * without reading the journal.
 */
export function writtenBy(
  reply: Buffer,
  items: readonly CallItem[],
  { payloads, chunkEnds }: PackedCall,
  acceptedAt: number,
): { records: (ResultRecord | HoldRecord)[]; entries: JournalEntry[] } {
  const records: (ResultRecord | HoldRecord)[] = [];
  const entries: JournalEntry[] = [];
  let at = HEAD_BYTES;
  payloads.forEach((payload, chunk) => {
    const from = at;
    let firstSeq = 0;
    const end = chunkEnds[chunk] ?? items.length;
    const kind = kindAt(items, end - 1);
    for (let index = chunkEnds[chunk - 1] ?? 0; index < end; index++) {
      const record = kind === 'holds' ? decodeHoldRecord(reply, at) : decodeRecord(reply, at);
      records.push(record);
      const isPosted = record.status === RecordStatus.POSTED;
      if (firstSeq === 0 && (isPosted || record.status === RecordStatus.REJECTED)) firstSeq = record.seq;
      const count = kind === 'group' && isPosted ? weightOf(items[index] as GroupItem) : 1;
      at += (kind === 'holds' ? HOLD_RECORD_BYTES : RECORD_BYTES) * count;
    }
    if (firstSeq > 0) entries.push({ kind, firstSeq, payload, records: reply.subarray(from, at), acceptedAt });
  });
  return { records, entries };
}

function kindAt(items: readonly CallItem[], index: number): JournalEntry['kind'] {
  const item = items[index];
  if (item && isGroup(item)) return 'group';
  return item && isHold(item) ? 'holds' : 'transfers';
}

/** An entry of the journal as Redis returns it. */
export type RawEntry = [id: Buffer, fields: Buffer[]];

const ENTRY_KINDS: Record<string, JournalEntry['kind']> = { c: 'account-change', g: 'group', h: 'holds' };

export function decodeEntry([id, fields]: RawEntry): JournalEntry {
  // Fields are read by position: an older release ignores the fields after the records.
  const [, kind, , payload, , records, , time] = fields;
  if (!kind || !payload || !records) throw new CacheError('in_doubt', 'a journal entry has an unknown format');
  return {
    kind: ENTRY_KINDS[kind.toString('latin1')] ?? 'transfers',
    firstSeq: Number.parseInt(id.toString('latin1'), 10),
    payload: payload.toString('utf8'),
    records,
    acceptedAt: time ? Number(time.toString('latin1')) : null,
  };
}
