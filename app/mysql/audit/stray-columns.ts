import type { HoldEventRow, HoldRow } from '../rows/hold-rows.ts';
import type { TransferRow } from '../rows/transfer-row.ts';

const SIDES = [
  ...(['source_version', 'source_balance', 'source_settings_version'] as const),
  ...(['destination_version', 'destination_balance', 'destination_settings_version'] as const),
];
const REFUSAL = ['refusal', 'refused_by'] as const;
const CAPTURE = ['hold_id', 'held_after', 'held_change', 'capture'] as const;
const PLACED = ['placed_version', 'placed_balance', 'placed_held', 'placed_settings_version'] as const;
/** What a placing that is stored as an event has in both rows. */
const REPEATED = [
  ...(['account_id', 'currency', 'accepted_at', 'accepted_after_ms', 'user', 'correlation_id'] as const),
  ...(['epoch', 'seq'] as const),
];
const LEG = ['client_source', 'client_destination', 'other_shard', 'counted_at_ms'] as const;

/**
 * Checks the columns that only other kinds of transfers use: the outcome that is read from a row does not contain them,
 * but histories and lists read them in all rows. @throws TypeError if one of these columns has a value
 */
export function refuseStrayColumns(row: TransferRow): void {
  const isRefused = row.status === 'REJECTED';
  refuse(row, isRefused ? SIDES : REFUSAL);
  if (isRefused && row.counted !== 0) throw stray('counted');
  if (row.kind !== 'CAPTURE') refuse(row, CAPTURE);
  if (row.leg === null) refuse(row, LEG);
}

/** The same for a hold. @param event that placed it, if it is not in the row @throws TypeError */
export function refuseStrayHoldColumns(hold: HoldRow, event: HoldEventRow | undefined): void {
  const isRefused = hold.status === 'REFUSED';
  if (!isRefused) refuse(hold, REFUSAL);
  const isInRow = !isRefused && hold.placed_version !== null;
  if (!isInRow) refuse(hold, PLACED);
  // Any other value would be read like 0.
  if (hold.placed_counted !== 0 && !(isInRow && hold.placed_counted === 1)) throw stray('placed_counted');
  if (event) compareWithEvent(hold, event);
}

function compareWithEvent(hold: HoldRow, event: HoldEventRow): void {
  if (event.event_id !== null) throw stray('event_id');
  for (const name of REPEATED)
    if (hold[name].valueOf() !== event[name].valueOf())
      throw new TypeError(`it differs from its event in the column ${name}`);
}

function refuse<Row, Name extends string & keyof Row>(row: Row, names: readonly Name[]): void {
  for (const name of names) if (row[name] !== null) throw stray(name);
}

const stray = (name: string) => new TypeError(`it must not have a value in the column ${name}`);
