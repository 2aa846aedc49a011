import type { HoldEvent, HoldUpdated } from '../domain/hold-events.ts';
import type { CaptureRequest, CountedHold, HoldAfter, HoldStatus } from '../domain/hold-types.ts';
import type { HoldChange, HoldOrder } from '../domain/holds.ts';
import type { Origin, Outcome, TransferOrder } from '../domain/types.ts';
import {
  decodeRecord,
  encodeRecord,
  HOLD_RECORD_BYTES,
  type OrderFields,
  orderFields,
  orderOf,
  outcomeOf,
  RECORD_BYTES,
  RecordStatus,
  type ResultRecord,
  refusalIn,
  timesOf,
  traceOf,
} from './codec.ts';
import type { JournalEntry } from './journal-entry.ts';

/**
 * Entries of hold items: captures, and the events of holds. A record is like that of a transfer, followed by the hold
 * after the item, little endian; see lua/includes/layout.lua.
 *
 *   held after d, change of held d, amount moved d, hold's amount d, captured d, expires at d, revision I4, status B,
 *   last counted at d, counted that day d, counted that month d, change of the day's usage d, of the month's usage d
 */
export interface HoldRecord extends ResultRecord, HoldAfter {
  /**
   * The amount that a capture takes; if it is refused, the amount that it requested or that was left. 0 for other
   * items.
   */
  moved: number;
}

const STATUSES = ['OPEN', 'CAPTURED', 'VOIDED', 'EXPIRED'] as const satisfies readonly HoldStatus[];
export const holdStatusNumber = (status: HoldStatus): number => STATUSES.indexOf(status);
export function holdStatusName(code: number): HoldStatus {
  const name = STATUSES[code];
  if (name === undefined) throw new RangeError(`hold status ${code} is unknown`);
  return name;
}

export function decodeHoldRecord(bytes: Buffer, start: number): HoldRecord {
  const at = start + RECORD_BYTES;
  // Fields are assigned one by one: every pod decodes every record, and building an object with a spread takes several
  // times as long.
  const record = decodeRecord(bytes, start) as HoldRecord;
  record.held = bytes.readDoubleLE(at);
  record.heldChange = bytes.readDoubleLE(at + 8);
  record.moved = bytes.readDoubleLE(at + 16);
  record.hold = {
    amount: bytes.readDoubleLE(at + 24),
    captured: bytes.readDoubleLE(at + 32),
    expiresAt: bytes.readDoubleLE(at + 40),
    revision: bytes.readUInt32LE(at + 48),
    status: holdStatusName(bytes.readUInt8(at + 52)),
  };
  const counted = countedIn(bytes, at + 53);
  if (counted) record.hold.counted = counted;
  const [day, month] = [bytes.readDoubleLE(at + 77), bytes.readDoubleLE(at + 85)];
  if (day !== 0 || month !== 0) record.usageChange = { day, month };
  return record;
}

/** Null if no window has counted the hold. */
export function countedIn(bytes: Buffer, start: number): CountedHold | null {
  const at = bytes.readDoubleLE(start);
  return at === 0 ? null : { at, day: bytes.readDoubleLE(start + 8), month: bytes.readDoubleLE(start + 16) };
}

export function encodeHoldRecord({ held, heldChange, moved, hold, usageChange, ...record }: HoldRecord): Buffer {
  const after = Buffer.allocUnsafe(HOLD_RECORD_BYTES - RECORD_BYTES);
  after.writeDoubleLE(held, 0);
  after.writeDoubleLE(heldChange, 8);
  after.writeDoubleLE(moved, 16);
  after.writeDoubleLE(hold.amount, 24);
  after.writeDoubleLE(hold.captured, 32);
  after.writeDoubleLE(hold.expiresAt, 40);
  after.writeUInt32LE(hold.revision, 48);
  after[52] = holdStatusNumber(hold.status);
  const { at, day, month } = hold.counted ?? NOT_COUNTED;
  const change = usageChange ?? NOT_COUNTED;
  for (const [n, double] of [at, day, month, change.day, change.month].entries())
    after.writeDoubleLE(double, 53 + 8 * n);
  return Buffer.concat([encodeRecord(record), after]);
}

const NOT_COUNTED: CountedHold = { at: 0, day: 0, month: 0 };

/** A hold item as a pod submits it. */
export type HoldItem =
  | { op: 'place'; order: HoldOrder }
  | { op: 'capture'; order: TransferOrder & { capture: CaptureRequest } }
  | ({ op: 'change'; wanted: HoldChange } & HoldEventItem)
  | ({ op: 'void' } & HoldEventItem)
  | ({ op: 'expire' } & HoldEventItem);

interface HoldEventItem extends Origin {
  /** A UUIDv7 that the pod has generated. */
  eventId: string;
  holdId: string;
  account: string;
  currency: string;
}

interface Taken {
  takenAt: number;
  trace: string | null;
}

const EVENT_KINDS = { change: 'CHANGED', void: 'VOIDED', expire: 'EXPIRED' } as const;
type CaptureFields = ['c', string, number | null, string | null, number, OrderFields];
type PlaceFields = ['p', ...Common, number, string | null, number | null, string | null, Record<string, string> | null];
type Common = [string, string, string, number, string, string, string | null];
type EventFields = ['v' | 'x', ...Common, string];
type ChangeFields = ['u', ...Common, string, number | null, number | null, number];
type ItemFields = CaptureFields | PlaceFields | EventFields | ChangeFields;

/** One item as encoded in a chunk's payload: a positional JSON array that begins with a letter for the operation. */
export function encodeHoldItem(item: HoldItem, takenAt: number, trace: string | null = null): string {
  if (item.op === 'capture') {
    const { holdId, amount, destination, final } = item.order.capture;
    return JSON.stringify(['c', holdId, amount, destination, final ? 1 : 0, orderFields(item.order, takenAt, trace)]);
  }
  if (item.op === 'place') {
    const { order } = item;
    return JSON.stringify([
      'p',
      order.holdId,
      order.account,
      order.currency,
      takenAt,
      order.user,
      order.correlationId,
      trace,
      order.amount,
      order.destination,
      order.expiresAt,
      order.reference,
      order.metadata,
    ]);
  }
  const { op, holdId, account, currency, user, correlationId, eventId } = item;
  const common = [holdId, account, currency, takenAt, user, correlationId, trace, eventId];
  if (op !== 'change') return JSON.stringify([op === 'void' ? 'v' : 'x', ...common]);
  const { amount, expiresAt, expectedRevision } = item.wanted;
  return JSON.stringify(['u', ...common, amount, expiresAt, expectedRevision]);
}

export function decodeHoldItems(payload: string): (HoldItem & Taken)[] {
  return (JSON.parse(payload) as ItemFields[]).map((fields) => {
    if (fields[0] === 'c') return captureItemOf(fields);
    const [, holdId, account, currency, takenAt, user, correlationId, trace] = fields;
    const common = { holdId, account, currency, user, correlationId };
    const taken = { takenAt, trace: traceOf(trace) };
    if (fields[0] === 'p') {
      const [, , , , , , , , amount, destination, expiresAt, reference, metadata] = fields;
      return { ...taken, op: 'place', order: { ...common, amount, destination, expiresAt, reference, metadata } };
    }
    if (fields[0] !== 'u')
      return { ...taken, ...common, op: fields[0] === 'v' ? 'void' : 'expire', eventId: fields[8] };
    const [, , , , , , , , eventId, amount, expiresAt, expectedRevision] = fields;
    return { ...taken, ...common, op: 'change', eventId, wanted: { amount, expiresAt, expectedRevision } };
  });
}

function captureItemOf([, holdId, amount, destination, final, order]: CaptureFields): HoldItem & Taken {
  const capture = { holdId, amount, destination, final: final === 1 };
  return { op: 'capture', takenAt: order[7], trace: traceOf(order[13]), order: { ...orderOf(order), capture } };
}

/** The id that an item takes, as Redis stores it. No id of a client contains the marks `=` and `#`. */
export function keyOfItem(item: HoldItem): string {
  if (item.op === 'capture') return item.order.transactionId;
  return item.op === 'place' ? `=${item.order.holdId}` : `#${item.eventId}`;
}

/** The id that an event has taken, as Redis stores it. */
export const keyOfEvent = (event: HoldEvent): string => ('eventId' in event ? `#${event.eventId}` : `=${event.holdId}`);

export function holdIdOf(item: HoldItem): string {
  if (item.op === 'capture') return item.order.capture.holdId;
  return item.op === 'place' ? item.order.holdId : item.holdId;
}

export const currencyOf = (item: HoldItem): string => ('order' in item ? item.order.currency : item.currency);

/** The hold's account, then the destination that a capture or a new hold names, if there is one. */
export function accountsOfItem(item: HoldItem): string[] {
  if (item.op === 'capture') return [item.order.source, item.order.destination];
  if (item.op !== 'place') return [item.account];
  return item.order.destination === null ? [item.order.account] : [item.order.account, item.order.destination];
}

/** The result in one record of an entry of holds: the outcome of a capture, or an event. */
export type HoldResult = { capture: Outcome } | { event: HoldEvent };

/**
 * All results in an entry of holds, in order of seq. Items that wrote nothing in that call are omitted.
 * @param onTrace called with the trace of each result that is traced
 */
export function holdResultsOf(entry: JournalEntry, epoch: number, onTrace?: (trace: string) => void): HoldResult[] {
  const results: HoldResult[] = [];
  for (const [index, item] of decodeHoldItems(entry.payload).entries()) {
    const record = decodeHoldRecord(entry.records, index * HOLD_RECORD_BYTES);
    if (record.seq === 0 || (record.status !== RecordStatus.POSTED && record.status !== RecordStatus.REJECTED))
      continue;
    const { takenAt, trace, ...done } = item;
    const { acceptedAt } = timesOf(entry, takenAt);
    results.push(holdResultOf(done, record, { acceptedAt, takenAt, epoch }));
    if (trace !== null) onTrace?.(trace);
  }
  return results;
}

/** The result in a POSTED or REJECTED record of an item. @throws RangeError for any other record, which has none */
export function holdResultOf(
  item: HoldItem,
  record: HoldRecord,
  when: { acceptedAt: number; takenAt: number; epoch: number },
): HoldResult {
  const { held, heldChange, usageChange, hold, seq } = record;
  if (item.op === 'capture') {
    const order = { ...item.order, amount: record.moved };
    const { acceptedAt, takenAt, epoch } = when;
    const outcome = outcomeOf(record, { order, acceptedAt, takenAt, epoch });
    if (outcome.status === 'REJECTED') return { capture: outcome };
    outcome.hold = { hold, held, heldChange };
    if (usageChange) outcome.hold.usageChange = usageChange;
    return { capture: outcome };
  }
  const { holdId, account, currency, user, correlationId } = item.op === 'place' ? item.order : item;
  const common = { holdId, account, currency, user, correlationId, ...when, seq };
  if (item.op === 'place' && record.status === RecordStatus.REJECTED)
    return { event: { ...common, kind: 'REFUSED', order: item.order, ...refusalIn(record) } };
  if (record.status !== RecordStatus.POSTED) throw new RangeError(`record status ${record.status} is not an event`);
  const { balance, version, settingsVersion } = record;
  const side = { balance, version, settingsVersion };
  const after = { ...common, side, hold, held, heldChange, ...(usageChange && { usageChange }) };
  if (item.op === 'place') return { event: { ...after, kind: 'PLACED', order: item.order } };
  const updated: HoldUpdated = { ...after, kind: EVENT_KINDS[item.op], eventId: item.eventId };
  return { event: updated };
}
