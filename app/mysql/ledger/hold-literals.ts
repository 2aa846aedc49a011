/** The rows of holds, of their events, and of their captures, as literals of SQL. */
import type { HoldEvent, HoldPlaced, HoldRefused, HoldUpdated } from '../../domain/hold-events.ts';
import type { HoldState, UsageChange } from '../../domain/hold-types.ts';
import { IntegrityError } from '../../journal/flush-batch.ts';
import type { Salts } from '../../journal/sealed/sealing.ts';
import { binaryOrNull, type InsertColumn, integer, moment, text, textOrNull } from '../connection/sql.ts';
import { placedState } from '../rows/hold-rows.ts';
import { refusedByOf } from '../rows/transfer-row.ts';

/** The state of a hold after an event or a capture. */
export interface HoldStep {
  holdId: string;
  account: string;
  currency: string;
  hold: HoldState;
}
export interface CaptureStep extends HoldStep {
  transactionId: string;
  /** The version of the hold's account. */
  version: number;
  held: number;
  usageChange: UsageChange | undefined;
}

/** The columns in `STATE_COLUMNS`, with the values that most holds have. */
const STATE: readonly InsertColumn[] = [
  ['hold_amount', '0'],
  ['captured', '0'],
  ['expires_at_ms', '0'],
  ['revision', '0'],
  ['counted_at_ms', '0'],
  ['counted_day', '0'],
  ['counted_month', '0'],
];
const DECIDED = ['accepted_at', 'accepted_after_ms', '`user`', 'correlation_id', 'epoch', 'seq'] as const;
const CHANGES: readonly InsertColumn[] = [
  ['day_change', '0'],
  ['month_change', '0'],
];
const SALT: InsertColumn = ['salt', 'NULL'];

/** The columns of `holds`. */
export const HOLD_COLUMNS: readonly InsertColumn[] = [
  ...['hold_id', '`status`'],
  ['refusal', 'NULL'],
  ['refused_by', 'NULL'],
  'account_id',
  ['destination_account', 'NULL'],
  ...['currency', 'placed_amount'],
  ['asked_expires_at_ms', 'NULL'],
  ['`reference`', 'NULL'],
  ['metadata', 'NULL'],
  ['placed_version', 'NULL'],
  ['placed_balance', 'NULL'],
  ['placed_held', 'NULL'],
  ['placed_settings_version', 'NULL'],
  ['placed_counted', '0'],
  ...[...STATE, ...DECIDED, SALT],
];

export function holdLiterals(event: HoldPlaced | HoldRefused, state: HoldState | null, salts: Salts): string[] {
  const { order } = event;
  const [status, refusal, refusedBy] =
    event.kind === 'REFUSED'
      ? ['REFUSED', text(event.refusal), event.limit ? text(refusedByOf(event.limit)) : 'NULL']
      : [state?.status ?? 'OPEN', 'NULL', 'NULL'];
  return [
    ...[text(order.holdId), text(status), refusal, refusedBy, text(order.account), textOrNull(order.destination)],
    ...[text(order.currency), integer(order.amount), order.expiresAt === null ? 'NULL' : integer(order.expiresAt)],
    ...[textOrNull(order.reference), order.metadata === null ? 'NULL' : text(JSON.stringify(order.metadata))],
    ...(event.kind === 'REFUSED' ? NOT_PLACED : placedLiterals(event)),
    ...[...stateLiterals(state), ...decidedLiterals(event), binaryOrNull(salts.ofHold(event))],
  ];
}

const NOT_PLACED = ['NULL', 'NULL', 'NULL', 'NULL', '0'];

/** @throws IntegrityError if the state of the hold differs from what is read from the row */
function placedLiterals({ holdId, order, side, hold, held, heldChange, acceptedAt }: HoldPlaced): string[] {
  const isCounted = hold.counted !== undefined;
  const expected = placedState(order, acceptedAt, isCounted);
  if (heldChange !== expected.heldChange || !isSame(hold, expected.hold))
    throw new IntegrityError(`hold ${holdId} was not placed as requested`);
  const { version, balance, settingsVersion } = side;
  return [integer(version), integer(balance), integer(held), integer(settingsVersion), isCounted ? '1' : '0'];
}

/** The values in the order of `STATE_COLUMNS`. */
export const stateLiterals = (state: HoldState | null): string[] =>
  state
    ? [
        ...[integer(state.amount), integer(state.captured), integer(state.expiresAt), integer(state.revision)],
        ...countedLiterals(state),
      ]
    : ['0', '0', '0', '0', '0', '0', '0'];

const countedLiterals = ({ counted }: HoldState): string[] =>
  counted ? [integer(counted.at), integer(counted.day), integer(counted.month)] : ['0', '0', '0'];

const decidedLiterals = ({ acceptedAt, takenAt, user, correlationId, epoch, seq }: HoldEvent): string[] => [
  ...[moment(acceptedAt), integer(acceptedAt - takenAt), text(user), text(correlationId), integer(epoch), integer(seq)],
];

const isSame = (a: HoldState, b: HoldState): boolean =>
  a.status === b.status &&
  a.amount === b.amount &&
  a.captured === b.captured &&
  a.expiresAt === b.expiresAt &&
  a.revision === b.revision &&
  a.counted?.at === b.counted?.at &&
  a.counted?.day === b.counted?.day &&
  a.counted?.month === b.counted?.month;

/** Of `hold_events`. */
export const EVENT_COLUMNS: readonly InsertColumn[] = [
  ...['account_id', 'version', 'kind', 'event_id', 'hold_id', 'currency'],
  ...['balance_after', 'held_after', 'held_change', 'settings_version'],
  ...[...STATE, ...CHANGES, ...DECIDED, SALT],
];

export function eventLiterals(event: HoldUpdated, salts: Salts): string[] {
  const { side, hold, held, heldChange } = event;
  return [
    ...[text(event.account), integer(side.version), text(event.kind), text(event.eventId)],
    ...[text(event.holdId), text(event.currency), integer(side.balance), integer(held), integer(heldChange)],
    ...[integer(side.settingsVersion), ...stateLiterals(hold), ...changeLiterals(event), ...decidedLiterals(event)],
    binaryOrNull(salts.ofHold(event)),
  ];
}

/** Of `hold_captures`. */
export const CAPTURE_COLUMNS: readonly InsertColumn[] = [
  ...['hold_id', 'revision', 'transaction_id', 'account_id', 'version', 'held_after'],
  ['counted_at_ms', '0'],
  ...CHANGES,
];

export const captureLiterals = (step: CaptureStep): string[] => [
  ...[text(step.holdId), integer(step.hold.revision), text(step.transactionId), text(step.account)],
  ...[integer(step.version), integer(step.held), integer(step.hold.counted?.at ?? 0), ...changeLiterals(step)],
];

const changeLiterals = ({ usageChange }: { usageChange?: UsageChange | undefined }): string[] => [
  ...[integer(usageChange?.day ?? 0), integer(usageChange?.month ?? 0)],
];
