import type { Leg, LegName } from '../../domain/leg-types.ts';
import { integer, text } from '../connection/sql.ts';

/** The columns of `transfers` that only legs of transfers between shards use; null for every other transfer. */
export interface LegColumns {
  leg: keyof typeof NAMES | null;
  client_source: string | null;
  client_destination: string | null;
  other_shard: number | null;
  counted_at_ms: number | null;
}
export const LEG_COLUMNS = 'leg, client_source, client_destination, other_shard, counted_at_ms';

const NAMES = { OUT: 'out', IN: 'in', BACK: 'back', RETURNS: 'returns' } as const satisfies Record<string, LegName>;
type Column = keyof typeof NAMES;
const COLUMNS = { out: 'OUT', in: 'IN', back: 'BACK', returns: 'RETURNS' } as const satisfies Record<LegName, Column>;

export const legNameOf = (column: Column): LegName => NAMES[column];

/** The literals of a leg's columns, in the order of `LEG_COLUMNS`. */
export const legLiterals = ({ name, source, destination, otherShard, counted }: Leg): string =>
  `'${COLUMNS[name]}',${text(source)},${text(destination)},${integer(otherShard)},${counted ? integer(counted.at) : 'NULL'}`;

export function legOf(row: LegColumns): { leg?: Leg } {
  if (row.leg === null) return {};
  const { client_source: source, client_destination: destination, other_shard: otherShard, counted_at_ms: at } = row;
  if (source === null || destination === null || otherShard === null) throw new TypeError('the row of a leg has gaps');
  return { leg: { name: NAMES[row.leg], source, destination, otherShard, ...(at !== null && { counted: { at } }) } };
}
