import type { TransitReason } from '../domain/leg-rules.ts';
import { type Counted, LIMITS, type LimitRefusal, type Limits } from '../domain/limits.ts';
import { HOLD_REFUSALS, REFUSALS, type Refusal } from '../domain/problem.ts';
import type { AccountStatus, Outcome, TransferOrder } from '../domain/types.ts';
import type { JournalEntry } from './journal-entry.ts';
import { type LegFields, legFields, legOf } from './leg-codec.ts';

/** The byte layouts shared with the Lua scripts: see lua/includes/layout.lua. Little endian. */
const STATUSES = ['ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED'] as const satisfies readonly AccountStatus[];
export const statusNumber = (status: AccountStatus): number => STATUSES.indexOf(status);
export function statusName(code: number): AccountStatus {
  const name = STATUSES[code];
  if (name === undefined) throw new RangeError(`account status ${code} is unknown`);
  return name;
}

/** Refusals that only holds and captures can have are numbered from here. */
const HOLD_REFUSAL_FIRST = 33;
const REFUSAL_NUMBERS: ReadonlyMap<Refusal, number> = new Map([
  ...REFUSALS.map((refusal, index) => [refusal, index + 1] as const),
  ...HOLD_REFUSALS.map((refusal, index) => [refusal, index + HOLD_REFUSAL_FIRST] as const),
]);
const REFUSAL_NAMES = new Map([...REFUSAL_NUMBERS].map(([refusal, code]) => [code, refusal]));

/** For a change of a hold: the hold has a different revision. This refusal is not stored. */
export const HOLD_CHANGED = 64;

export function refusalName(code: number): Refusal {
  const name = REFUSAL_NAMES.get(code);
  if (name === undefined) throw new RangeError(`refusal ${code} is unknown`);
  return name;
}
export const refusalNumber = (refusal: Refusal): number => REFUSAL_NUMBERS.get(refusal) ?? 0;

export const RECORD_BYTES = 50;
export const RecordStatus = {
  POSTED: 1,
  REJECTED: 2,
  REPLAYED: 3,
  SAME_CALL: 4,
  NEEDS_LOOKUP: 5,
  MISSING: 6,
  AHEAD: 7,
  /** For a group: a member's id already has an outcome; the detail is that member's index. */
  MEMBER_TAKEN: 8,
  /** For a hold: it already has the requested state, or is not due; nothing was written. */
  UNCHANGED: 9,
  CLOCK_UNSURE: 10,
  NO_CALENDAR: 11,
  /** For a leg: its transit account cannot take part; the detail contains the reason, as in TRANSIT_REASONS. */
  TRANSIT: 12,
  /** An operator has stopped the ledger, and the id is new; nothing was written. */
  STOPPED: 13,
} as const;

/** The details of TRANSIT, from 1. */
export const TRANSIT_REASONS = ['inactive', 'full'] as const satisfies readonly TransitReason[];

/** The result of one item of a call. The meaning of the two sides depends on the entry's kind, see includes/layout.lua. */
export interface ResultRecord {
  status: number;
  /**
   * The number of the refusal; for MISSING, which accounts are missing; for MEMBER_TAKEN, the index of the member; for
   * a POSTED transfer, which sides were counted; for a POSTED account change, 1 if the account begins to count usage.
   */
  detail: number;
  balance: number;
  version: number;
  otherBalance: number;
  otherVersion: number;
  settingsVersion: number;
  otherSettingsVersion: number;
  seq: number;
}

export function decodeRecord(bytes: Buffer, at: number): ResultRecord {
  return {
    status: bytes.readUInt8(at),
    detail: bytes.readUInt8(at + 1),
    balance: bytes.readDoubleLE(at + 2),
    version: bytes.readDoubleLE(at + 10),
    otherBalance: bytes.readDoubleLE(at + 18),
    otherVersion: bytes.readDoubleLE(at + 26),
    settingsVersion: bytes.readUInt32LE(at + 34),
    otherSettingsVersion: bytes.readUInt32LE(at + 38),
    seq: bytes.readDoubleLE(at + 42),
  };
}

export function encodeRecord(record: ResultRecord): Buffer {
  const bytes = Buffer.allocUnsafe(RECORD_BYTES);
  bytes[0] = record.status;
  bytes[1] = record.detail;
  bytes.writeDoubleLE(record.balance, 2);
  bytes.writeDoubleLE(record.version, 10);
  bytes.writeDoubleLE(record.otherBalance, 18);
  bytes.writeDoubleLE(record.otherVersion, 26);
  bytes.writeUInt32LE(record.settingsVersion, 34);
  bytes.writeUInt32LE(record.otherSettingsVersion, 38);
  bytes.writeDoubleLE(record.seq, 42);
  return bytes;
}

/**
 * The beginning of every reply: the highest seq, the published cursor, the lookup horizon, the seq "evicted up to", and
 * the time of the call.
 */
export interface Head {
  seq: number;
  cursor: number;
  lookupHorizon: number;
  evictedUpTo: number;
  /**
   * The ledger's time, ms since 1970: Redis's clock, but never earlier than a time that the ledger has already used.
   */
  time: number;
}
export const HEAD_BYTES = 40;

export function decodeHead(bytes: Buffer): Head {
  return {
    seq: bytes.readDoubleLE(0),
    cursor: bytes.readDoubleLE(8),
    lookupHorizon: bytes.readDoubleLE(16),
    evictedUpTo: bytes.readDoubleLE(24),
    time: bytes.readDoubleLE(32),
  };
}

/** An order with the time at which a pod received it, by the pod's own clock: a transfer as stored in the journal. */
export interface TakenOrder {
  order: TransferOrder;
  takenAt: number;
  /**
   * W3C `traceparent` of the request, if it is traced. Not part of the transfer: nothing but tracing may depend on it.
   */
  trace: string | null;
}

const ORDER_KINDS = ['transfer', 'reversal', 'capture'] as const satisfies readonly TransferOrder['kind'][];

/** Only sampled traces are recorded. Any other value of the field is ignored. */
const SAMPLED_TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/;

/**
 * One order as encoded in a chunk's payload: a positional JSON array, so that a journal is human-readable. Releases
 * before 0.2.0 ignore what follows the thirteenth field. Only a leg has a fifteenth field.
 */
export const encodeOrder = (order: TransferOrder, takenAt: number, trace: string | null = null): string =>
  JSON.stringify(orderFields(order, takenAt, trace));

export function orderFields(order: TransferOrder, takenAt: number, trace: string | null): unknown[] {
  const fields: unknown[] = [
    order.transactionId,
    ORDER_KINDS.indexOf(order.kind),
    order.source,
    order.destination,
    order.amount,
    order.currency,
    order.timestamp,
    takenAt,
    order.user,
    order.correlationId,
    order.reference,
    order.metadata,
    order.reverses,
  ];
  if (order.leg) fields.push(trace, legFields(order.leg));
  else if (trace !== null) fields.push(trace);
  return fields;
}

export type OrderFields = [
  string,
  number,
  string,
  string,
  number,
  string,
  number | null,
  number,
  string,
  string,
  string | null,
  Record<string, string> | null,
  string | null,
  unknown?,
  LegFields?,
];

export function decodeOrders(payload: string): TakenOrder[] {
  return (JSON.parse(payload) as OrderFields[]).map((f) => ({
    takenAt: f[7],
    trace: traceOf(f[13]),
    order: orderOf(f),
  }));
}

export const traceOf = (text: unknown): string | null =>
  typeof text === 'string' && SAMPLED_TRACEPARENT.test(text) ? text : null;

export function orderOf(f: OrderFields): TransferOrder {
  const order: TransferOrder = {
    transactionId: f[0],
    kind: ORDER_KINDS[f[1]] ?? 'transfer',
    source: f[2],
    destination: f[3],
    amount: f[4],
    currency: f[5],
    timestamp: f[6],
    user: f[8],
    correlationId: f[9],
    reference: f[10],
    metadata: f[11],
    reverses: f[12],
  };
  if (f[14]) order.leg = legOf(f[14]);
  return order;
}

/** An account change as stored in the journal. */
export interface ChangePayload {
  changeId: string;
  accountId: string;
  /** When a pod received the change, by the pod's own clock, ms. */
  acceptedAt: number;
  user: string;
  correlationId: string;
  /** Absent if the change does not affect the limits. */
  limits?: Limits;
}

/** The fields of an outcome that are not in its record. */
interface Taken {
  order: TransferOrder;
  acceptedAt: number;
  takenAt: number | null;
  epoch: number;
}

/** The outcome in a POSTED or REJECTED record of a transfer. @throws RangeError for any other record, which has none */
export function outcomeOf(record: ResultRecord, { order, acceptedAt, takenAt, epoch }: Taken): Outcome {
  const common = { order, acceptedAt, takenAt, epoch, seq: record.seq, replayed: false, persisted: false };
  if (record.status === RecordStatus.REJECTED) {
    return { ...common, status: 'REJECTED', ...refusalIn(record) };
  }
  if (record.status !== RecordStatus.POSTED) throw new RangeError(`record status ${record.status} is not an outcome`);
  return {
    ...common,
    status: 'POSTED',
    source: { balance: record.balance, version: record.version, settingsVersion: record.settingsVersion },
    destination: {
      balance: record.otherBalance,
      version: record.otherVersion,
      settingsVersion: record.otherSettingsVersion,
    },
    ...(record.detail > 0 && { counted: record.detail as Counted }),
  };
}

/** The refusal in a REJECTED record. */
export function refusalIn(record: ResultRecord): { refusal: Refusal; limit?: LimitRefusal } {
  const refusal = refusalName(record.detail);
  return { refusal, ...(refusal === 'limit_exceeded' && { limit: limitIn(record) }) };
}

function limitIn({ settingsVersion, otherBalance, otherVersion }: ResultRecord): LimitRefusal {
  const limit = LIMITS[settingsVersion - 1];
  if (limit === undefined) throw new RangeError(`limit ${settingsVersion} is unknown`);
  return { limit, value: otherBalance, remaining: otherVersion };
}

/** The fields of a record that identify the limit that refused the transfer. */
export const limitFields = ({ limit, value, remaining }: LimitRefusal) => ({
  detail: refusalNumber('limit_exceeded'),
  settingsVersion: LIMITS.indexOf(limit) + 1,
  otherBalance: value,
  otherVersion: remaining,
});

/**
 * All outcomes of a journal entry of transfers, in order of seq. Items without an outcome in that call are omitted.
 * @param onTrace called with the trace of each outcome that is traced
 */
export function outcomesOf(entry: JournalEntry, epoch: number, onTrace?: (trace: string) => void): Outcome[] {
  const outcomes: Outcome[] = [];
  decodeOrders(entry.payload).forEach(({ order, takenAt, trace }, index) => {
    const record = decodeRecord(entry.records, index * RECORD_BYTES);
    if (record.status !== RecordStatus.POSTED && record.status !== RecordStatus.REJECTED) return;
    outcomes.push(outcomeOf(record, { order, ...timesOf(entry, takenAt), epoch }));
    if (trace !== null) onTrace?.(trace);
  });
  return outcomes;
}

/** An older release recorded only the pod's time. */
export const timesOf = ({ acceptedAt }: JournalEntry, takenAt: number) =>
  acceptedAt === null ? { acceptedAt: takenAt, takenAt: null } : { acceptedAt, takenAt };

/**
 * The length of the record of a hold item: the length of any record, plus the length of the state of the hold after the
 * item; see hold-codec.ts.
 */
export const HOLD_RECORD_BYTES = RECORD_BYTES + 93;

/** The last seq in an entry; items without an outcome in that call have none. */
export function lastSeqOf(entry: JournalEntry): number {
  const size = entry.kind === 'holds' ? HOLD_RECORD_BYTES : RECORD_BYTES;
  for (let at = entry.records.length - size; at >= 0; at -= size) {
    const { status, seq } = decodeRecord(entry.records, at);
    // A refused change of a hold is not an outcome, and has no seq.
    if (seq > 0 && (status === RecordStatus.POSTED || status === RecordStatus.REJECTED)) return seq;
  }
  return entry.firstSeq;
}

/**
 * Number of transfers that share one journal entry. A lookup by id returns the whole entry, so it must stay small
 * (about 15 KB); a separate entry for each transfer would cost more in Redis and in the flush.
 */
export const CHUNK_TRANSFERS = 50;
const CHUNK_CHARS_MAX = 64 * 1024;

/** What a chunk contains. */
const [TRANSFERS, HOLDS, LEGS] = [0, 1, 2];

/**
 * The positions at which the chunks of a call end. A chunk is full when it has the maximum number of items or, with
 * large metadata, the maximum size. Each group has a chunk of its own, and transfers, legs and holds are in different
 * chunks.
 */
export function chunkEndsOf(items: readonly { payload: string; order?: { leg?: unknown } }[]): number[] {
  const ends: number[] = [];
  let count = 0;
  let chars = 0;
  let content = TRANSFERS;
  items.forEach((item, index) => {
    const { length } = item.payload;
    const isAlone = 'group' in item;
    const isFull = count === CHUNK_TRANSFERS || chars + length > CHUNK_CHARS_MAX;
    const itsContent = 'hold' in item ? HOLDS : item.order?.leg ? LEGS : TRANSFERS;
    if (count > 0 && (isAlone || isFull || itsContent !== content)) {
      ends.push(index);
      count = 0;
      chars = 0;
    }
    content = itsContent;
    count = isAlone ? CHUNK_TRANSFERS : count + 1;
    chars += length;
  });
  if (count > 0) ends.push(items.length);
  return ends;
}
