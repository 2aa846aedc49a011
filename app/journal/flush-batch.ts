import { type GroupOutcome, lastSeqOfGroup, membersOf } from '../domain/group.ts';
import type { HoldEvent } from '../domain/hold-events.ts';
import type { HoldAfter } from '../domain/hold-types.ts';
import { uuidV7Time } from '../domain/ids.ts';
import type { LimitsChange } from '../domain/limits.ts';
import type { AccountStatus, Outcome } from '../domain/types.ts';
import { type ChangePayload, decodeRecord, outcomesOf, statusName, timesOf } from './codec.ts';
import { groupOutcomeOf } from './group-codec.ts';
import { holdResultsOf } from './hold-codec.ts';
import { IntegrityError } from './integrity-error.ts';
import type { JournalEntry } from './journal-entry.ts';

export { IntegrityError } from './integrity-error.ts';

/** An account change as recorded in the journal. */
export interface JournaledChange extends ChangePayload {
  limits?: LimitsChange;
  /** The time of the decision by the clock of the store that made it, ms. */
  acceptedAt: number;
  /**
   * The time at which a pod received the request, by the pod's own clock; null for outcomes decided by an older
   * release, in which case `acceptedAt` is that time.
   */
  takenAt: number | null;
  seq: number;
  status: AccountStatus;
  overdraftLimit: number;
  settingsVersion: number;
}

/** An account before and after a batch. */
export interface AccountMove {
  accountId: string;
  currency: string;
  previousBalance: number;
  previousVersion: number;
  balance: number;
  version: number;
  /** The held amount before and after the batch, if the batch changes it. */
  held?: { before: number; after: number };
  /**
   * The latest acceptance by a store's clock, ms; null if an older release decided the whole batch, by the clocks of
   * pods.
   */
  acceptedAt: number | null;
}

/** A run of the journal, verified and ready to be written to MySQL in one transaction. */
export interface FlushBatch {
  epoch: number;
  /** The cursor before and after the batch. */
  afterSeq: number;
  lastSeq: number;
  /** Outcomes of transfers, including the members of groups. */
  outcomes: Outcome[];
  groups: GroupOutcome[];
  changes: JournaledChange[];
  /** Events of holds; captures are in `outcomes`. */
  holdEvents: HoldEvent[];
  moves: AccountMove[];
  /** The largest UUIDv7 time of the batch's ids, ms; 0 if none is a UUIDv7. */
  idTimeMax: number;
  /**
   * The traces (W3C `traceparent`) of the batch's transfers; not all of them if there are more than `BATCH_TRACES_MAX`.
   */
  traces: Set<string>;
}

/** OpenTelemetry keeps at most 128 links per span. */
export const BATCH_TRACES_MAX = 128;

/**
 * Collects journal entries into one batch, and verifies them: no seq is missing; the versions of each account are
 * consecutive; and its balances and amounts add up. Whether the first version follows the one in MySQL is checked in
 * MySQL.
 * @throws IntegrityError
 */
export function batchOf(entries: readonly JournalEntry[], epoch: number, afterSeq: number): FlushBatch {
  const batch = emptyBatch(epoch, afterSeq);
  for (const entry of entries) {
    if (entry.kind === 'account-change') takeChange(batch, entry);
    else if (entry.kind === 'group') takeGroup(batch, entry);
    else if (entry.kind === 'holds') takeHolds(batch, entry);
    else takeTransfers(batch, entry);
  }
  batch.moves = movesOf(batch.outcomes, batch.holdEvents);
  return batch;
}

export function emptyBatch(epoch: number, afterSeq: number): FlushBatch {
  return {
    epoch,
    afterSeq,
    lastSeq: afterSeq,
    outcomes: [],
    groups: [],
    changes: [],
    holdEvents: [],
    moves: [],
    idTimeMax: 0,
    traces: new Set(),
  };
}

function takeSeq(batch: FlushBatch, seq: number): void {
  if (seq !== batch.lastSeq + 1)
    throw new IntegrityError(`seq ${seq} follows ${batch.lastSeq} in epoch ${batch.epoch}`);
  batch.lastSeq = seq;
}

/** The later of the given time, ms, and the UUIDv7 time of an id, if it has one. */
export const laterIdTime = (time: number, id: string): number => Math.max(time, uuidV7Time(id) ?? 0);

function takeChange(batch: FlushBatch, entry: JournalEntry): void {
  const change = changeOf(entry);
  takeSeq(batch, change.seq);
  batch.idTimeMax = laterIdTime(batch.idTimeMax, change.changeId);
  batch.changes.push(change);
}

/** The change in an entry of the kind `account-change`. */
export function changeOf(entry: JournalEntry): JournaledChange {
  const record = decodeRecord(entry.records, 0);
  const { limits, ...payload } = JSON.parse(entry.payload) as ChangePayload;
  return {
    ...payload,
    ...(limits && { limits: { ...limits, begins: record.detail === 1 } }),
    ...timesOf(entry, payload.acceptedAt),
    seq: record.seq,
    status: statusName(record.otherSettingsVersion),
    overdraftLimit: record.otherBalance,
    settingsVersion: record.settingsVersion,
  };
}

/** A group is in one entry, and an entry is never divided between batches. */
function takeGroup(batch: FlushBatch, entry: JournalEntry): void {
  const outcome = groupOutcomeOf(entry, batch.epoch, tracedIn(batch));
  takeSeq(batch, outcome.seq);
  batch.lastSeq = lastSeqOfGroup(outcome);
  addGroup(batch, outcome);
  batch.idTimeMax = Math.max(batch.idTimeMax, idTimeOfGroup(outcome));
}

/** A group, and its members if it was posted: the ids of a refused group's members remain unused. */
export function addGroup({ groups, outcomes }: Pick<FlushBatch, 'groups' | 'outcomes'>, outcome: GroupOutcome): void {
  groups.push(outcome);
  if (outcome.status === 'POSTED') outcomes.push(...membersOf(outcome));
}

/** The largest UUIDv7 time of the ids that a group has taken, ms. */
export const idTimeOfGroup = ({ status, group }: GroupOutcome): number =>
  (status === 'POSTED' ? group.orders : []).reduce(
    (time, { transactionId }) => laterIdTime(time, transactionId),
    laterIdTime(0, group.groupId),
  );

const tracedIn = (batch: FlushBatch) => (trace: string) => {
  if (batch.traces.size < BATCH_TRACES_MAX) batch.traces.add(trace);
};

function takeTransfers(batch: FlushBatch, entry: JournalEntry): void {
  for (const outcome of outcomesOf(entry, batch.epoch, tracedIn(batch))) takeOutcome(batch, outcome);
}

function takeOutcome(batch: FlushBatch, outcome: Outcome): void {
  takeSeq(batch, outcome.seq);
  batch.idTimeMax = laterIdTime(batch.idTimeMax, outcome.order.transactionId);
  batch.outcomes.push(outcome);
}

function takeHolds(batch: FlushBatch, entry: JournalEntry): void {
  for (const result of holdResultsOf(entry, batch.epoch, tracedIn(batch))) {
    if ('capture' in result) takeOutcome(batch, result.capture);
    else {
      takeSeq(batch, result.event.seq);
      batch.idTimeMax = laterIdTime(batch.idTimeMax, idOfEvent(result.event));
      batch.holdEvents.push(result.event);
    }
  }
}

/** The id that an event has taken: that of the hold if it was placed or refused. */
export const idOfEvent = (event: HoldEvent): string => ('eventId' in event ? event.eventId : event.holdId);

/**
 * The effect of outcomes and of events of holds on each account, sorted by account.
 * @param outcomes in order @param holdEvents in order; if there are any, the seqs of both must be from the same journal
 * @throws IntegrityError if one of them does not follow the previous state of an account
 */
export function movesOf(outcomes: readonly Outcome[], holdEvents: readonly HoldEvent[] = []): AccountMove[] {
  const moves = new Map<string, AccountMove>();
  const all = holdEvents.length === 0 ? outcomes : [...outcomes, ...holdEvents].sort((a, b) => a.seq - b.seq);
  for (const one of all) {
    if ('status' in one) moveByOutcome(moves, one);
    else if (one.kind !== 'REFUSED') move(moves, one.account, one.currency, 0, one.side, one.acceptedAt, one);
  }
  return [...moves.values()].sort((a, b) => (a.accountId < b.accountId ? -1 : 1));
}

function moveByOutcome(moves: Map<string, AccountMove>, outcome: Outcome): void {
  if (outcome.status !== 'POSTED') return;
  const { order, source, destination, hold } = outcome;
  const acceptedAt = outcome.takenAt === null ? null : outcome.acceptedAt;
  move(moves, order.source, order.currency, -order.amount, source, acceptedAt, hold);
  move(moves, order.destination, order.currency, order.amount, destination, acceptedAt);
}

function move(
  moves: Map<string, AccountMove>,
  accountId: string,
  currency: string,
  change: number,
  after: { balance: number; version: number },
  acceptedAt: number | null,
  hold?: HoldAfter,
): void {
  const previousBalance = after.balance - change;
  const previousVersion = after.version - 1;
  const known = moves.get(accountId) ?? {
    accountId,
    currency,
    previousBalance,
    previousVersion,
    balance: previousBalance,
    version: previousVersion,
    acceptedAt,
  };
  if (known.version !== previousVersion || known.balance !== previousBalance || known.currency !== currency) {
    throw new IntegrityError(`account ${accountId} goes from version ${known.version} to ${after.version}`);
  }
  if (hold) holdMoves(known, hold);
  known.balance = after.balance;
  known.version = after.version;
  if (acceptedAt !== null && acceptedAt > (known.acceptedAt ?? 0)) known.acceptedAt = acceptedAt;
  moves.set(accountId, known);
}

function holdMoves(known: AccountMove, { held, heldChange }: HoldAfter): void {
  const before = held - heldChange;
  if (known.held && known.held.after !== before)
    throw new IntegrityError(`account ${known.accountId} holds ${known.held.after}, then ${before}`);
  known.held = { before: known.held?.before ?? before, after: held };
}
