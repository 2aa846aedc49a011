import type { HoldEventRow, HoldRow } from '../rows/hold-rows.ts';
import type { TransferRow } from '../rows/transfer-row.ts';

const SIDES = [
  ...(['source_version', 'source_balance', 'source_settings_version'] as const),
  ...(['destination_version', 'destination_balance', 'destination_settings_version'] as const),
];
const REFUSAL = ['refusal', 'refused_by'] as const;
const CAPTURE = ['hold_id', 'held_after', 'held_change', 'capture'] as const;
const LEG = ['client_source', 'client_destination', 'other_shard', 'counted_at_ms'] as const;

/**
 * The outcome in a row does not contain the columns that only other kinds of transfers use, but histories and lists read them
 * in all rows. @throws TypeError if one of these columns has a value
 */
export function refuseStrayColumns(row: TransferRow): void {
  const isRefused = row.status === 'REJECTED';
  refuse(row, isRefused ? SIDES : REFUSAL);
  if (isRefused && row.counted !== 0) throw stray('counted');
  if (row.kind !== 'CAPTURE') refuse(row, CAPTURE);
  if (row.leg === null) refuse(row, LEG);
}

/** The same for a hold that was placed. @throws TypeError */
export function refuseStrayHoldColumns(hold: HoldRow, placed: HoldEventRow): void {
  if (hold.status !== 'REFUSED') refuse(hold, REFUSAL);
  if (placed.event_id !== null) throw stray('event_id');
}

function refuse<Row, Name extends string & keyof Row>(row: Row, names: readonly Name[]): void {
  for (const name of names) if (row[name] !== null) throw stray(name);
}

const stray = (name: string) => new TypeError(`it must not have a value in the column ${name}`);
