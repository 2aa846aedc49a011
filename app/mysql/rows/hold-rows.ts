import type { HoldEvent, HoldPlaced, HoldRefused, HoldUpdated } from '../../domain/hold-events.ts';
import type { HoldState, HoldStatus, StoredHold } from '../../domain/hold-types.ts';
import { HOLD_DEFAULT_MS, type HoldOrder } from '../../domain/holds.ts';
import type { Database, Session } from '../connection/pool.ts';
import { asRefusal, limitRefusalOf } from './transfer-row.ts';
import { rowsByIds } from './unsettled-rows.ts';

interface DecidedColumns {
  accepted_at: Date;
  accepted_after_ms: number;
  user: string;
  correlation_id: string;
  epoch: number;
  seq: number;
}
interface StateColumns {
  hold_amount: number;
  captured: number;
  expires_at_ms: number;
  revision: number;
  counted_at_ms: number;
  counted_day: number;
  counted_month: number;
}
/** The account version that was created by placing the hold. The columns are null if the hold was refused. */
interface PlacedColumns {
  placed_version: number | null;
  placed_balance: number | null;
  placed_held: number | null;
  placed_settings_version: number | null;
  /** 1 if windows counted the amount. */
  placed_counted: number;
}
const PLACED_COLUMNS = 'placed_version, placed_balance, placed_held, placed_settings_version, placed_counted';
/** The columns of a hold's state, in the order in which they are written. */
export const STATE_COLUMNS =
  'hold_amount, captured, expires_at_ms, revision, counted_at_ms, counted_day, counted_month';

/** A row of `holds` as returned by mysql2: the original order, its placing, and the current state of the hold. */
export interface HoldRow extends DecidedColumns, StateColumns, PlacedColumns {
  hold_id: string;
  status: HoldStatus | 'REFUSED';
  refusal: string | null;
  refused_by: string | null;
  account_id: string;
  destination_account: string | null;
  currency: string;
  placed_amount: number;
  asked_expires_at_ms: number | null;
  reference: string | null;
  metadata: string | null;
}
export const HOLD_COLUMNS = `h.hold_id, h.\`status\`, h.refusal, h.refused_by, h.account_id, h.destination_account, h.currency,
  h.placed_amount, h.asked_expires_at_ms, h.\`reference\`, h.metadata, ${PLACED_COLUMNS}, ${STATE_COLUMNS}, h.accepted_at, h.accepted_after_ms, h.\`user\`, h.correlation_id, h.epoch, h.seq`;

/** A row of `hold_events`. */
export interface HoldEventRow extends DecidedColumns, StateColumns {
  account_id: string;
  version: number;
  kind: 'PLACED' | HoldUpdated['kind'];
  event_id: string | null;
  hold_id: string;
  currency: string;
  balance_after: number;
  held_after: number;
  held_change: number;
  settings_version: number;
  day_change: number;
  month_change: number;
}
export const HOLD_EVENT_COLUMNS = `account_id, version, kind, event_id, hold_id, currency, balance_after, held_after,
  held_change, settings_version, ${STATE_COLUMNS}, day_change, month_change, accepted_at, accepted_after_ms, \`user\`,
  correlation_id, epoch, seq`;

export const holdOrderOfRow = (row: HoldRow): HoldOrder => ({
  holdId: row.hold_id,
  account: row.account_id,
  destination: row.destination_account,
  amount: row.placed_amount,
  currency: row.currency,
  expiresAt: row.asked_expires_at_ms,
  reference: row.reference,
  metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as Record<string, string>),
  user: row.user,
  correlationId: row.correlation_id,
});

/** The current state of the hold; null if it was refused. */
export function holdStateOfRow({ status, ...row }: HoldRow): HoldState | null {
  return status === 'REFUSED' ? null : stateOf(row, status);
}

/** The current state of the hold, with the properties that never change; null if it was refused. */
export function storedHoldOfRow(row: HoldRow): StoredHold | null {
  const state = holdStateOfRow(row);
  if (!state) return null;
  const { hold_id: holdId, account_id: account, destination_account: destination, currency } = row;
  return { holdId, account, destination, currency, ...state };
}

/**
 * The outcome of placing a hold. @param event the event that placed the hold, if the row does not contain it
 * @throws TypeError if there is neither
 */
export function placingOfRow(row: HoldRow, event: HoldEventRow | null = null): HoldPlaced | HoldRefused {
  const order = holdOrderOfRow(row);
  if (row.status === 'REFUSED') {
    const limit = row.refused_by === null ? {} : { limit: limitRefusalOf(row.refused_by) };
    return { ...commonOf(row), kind: 'REFUSED', order, refusal: asRefusal(row.refusal), ...limit };
  }
  const { placed_version: version, placed_balance: balance, placed_held: held } = row;
  const { placed_settings_version: settingsVersion } = row;
  if (version === null && event) return { ...changedOf(event, 'OPEN'), kind: 'PLACED', order };
  if (version === null || balance === null || held === null || settingsVersion === null)
    throw new TypeError('the row of the hold has no placing');
  const common = commonOf(row);
  const placed = placedState(order, common.acceptedAt, row.placed_counted === 1);
  return { ...common, kind: 'PLACED', order, side: { balance, version, settingsVersion }, held, ...placed };
}

/** The hold after its placing, and the changes of the account, which follow from its order. */
export function placedState(
  { amount, expiresAt }: Pick<HoldOrder, 'amount' | 'expiresAt'>,
  acceptedAt: number,
  isCounted: boolean,
): Pick<HoldPlaced, 'hold' | 'heldChange' | 'usageChange'> {
  const hold: HoldState = {
    status: 'OPEN',
    amount,
    captured: 0,
    expiresAt: expiresAt ?? acceptedAt + HOLD_DEFAULT_MS,
    revision: 1,
    ...(isCounted && { counted: { at: acceptedAt, day: amount, month: amount } }),
  };
  return { hold, heldChange: amount, ...(isCounted && { usageChange: { day: amount, month: amount } }) };
}

const STATUS_AFTER = { CHANGED: 'OPEN', VOIDED: 'VOIDED', EXPIRED: 'EXPIRED' } as const;

/** Any event except the placing of a hold. @throws TypeError for a row of another kind */
export function updateOfRow(row: HoldEventRow): HoldUpdated {
  const { kind, event_id: eventId } = row;
  if (kind === 'PLACED' || eventId === null)
    throw new TypeError(`version ${row.version} is not a change, void or expiry of a hold`);
  return { ...changedOf(row, STATUS_AFTER[kind]), kind, eventId };
}

const stateOf = (row: StateColumns, status: HoldStatus): HoldState => ({
  status,
  amount: row.hold_amount,
  captured: row.captured,
  expiresAt: row.expires_at_ms,
  revision: row.revision,
  ...(row.counted_at_ms > 0 && {
    counted: { at: row.counted_at_ms, day: row.counted_day, month: row.counted_month },
  }),
});

const commonOf = (row: DecidedColumns & Pick<HoldRow, 'hold_id' | 'account_id' | 'currency'>) => ({
  holdId: row.hold_id,
  account: row.account_id,
  currency: row.currency,
  user: row.user,
  correlationId: row.correlation_id,
  acceptedAt: row.accepted_at.getTime(),
  takenAt: row.accepted_at.getTime() - row.accepted_after_ms,
  epoch: row.epoch,
  seq: row.seq,
});

const changedOf = (
  row: HoldEventRow,
  status: HoldStatus,
): Omit<Extract<HoldEvent, { side: unknown }>, 'kind' | 'order' | 'eventId'> => ({
  ...commonOf(row),
  side: { balance: row.balance_after, version: row.version, settingsVersion: row.settings_version },
  hold: stateOf(row, status),
  held: row.held_after,
  heldChange: row.held_change,
  ...((row.day_change !== 0 || row.month_change !== 0) && {
    usageChange: { day: row.day_change, month: row.month_change },
  }),
});

type Source = Pick<Session | Database, 'rows'>;

/** Whether a hold was placed before decision 070, by a build that wrote placings as rows of `hold_events`. */
export const isPlacedByEvent = (row: Pick<HoldRow, 'status' | 'placed_version'>): boolean =>
  row.status !== 'REFUSED' && row.placed_version === null;

/** For the holds whose rows do not contain their placing: the events that placed them, by hold id. */
export async function placingEventsOf(from: Source, holds: readonly HoldRow[]): Promise<Map<string, HoldEventRow>> {
  const rows = await rowsByIds<HoldEventRow>(
    from,
    `SELECT ${HOLD_EVENT_COLUMNS} FROM hold_events WHERE revision = 1 AND hold_id IN (?)`,
    holds.filter(isPlacedByEvent).map(({ hold_id }) => hold_id),
  );
  return new Map(rows.map((row) => [row.hold_id, row]));
}

/** The outcomes of placing holds, by hold id; ids that MySQL does not have are absent. */
export async function placingsOf(
  from: Source,
  holdIds: readonly string[],
): Promise<Map<string, HoldPlaced | HoldRefused>> {
  const rows = await rowsByIds<HoldRow>(from, `SELECT ${HOLD_COLUMNS} FROM holds h WHERE h.hold_id IN (?)`, holdIds);
  const events = await placingEventsOf(from, rows);
  return new Map(rows.map((row) => [row.hold_id, placingOfRow(row, events.get(row.hold_id))]));
}

/** Other events, by their ids. */
export async function holdUpdatesOf(from: Source, eventIds: readonly string[]): Promise<Map<string, HoldUpdated>> {
  const rows = await rowsByIds<HoldEventRow>(
    from,
    `SELECT ${HOLD_EVENT_COLUMNS} FROM hold_events WHERE event_id IN (?)`,
    eventIds,
  );
  return new Map(rows.map((row) => [row.event_id ?? '', updateOfRow(row)]));
}
