import { uuidV7Time } from '../../domain/ids.ts';
import type { Database } from '../connection/pool.ts';

/**
 * Maximum number of rows read per table. The rows are a few MB, and cause only a short delay for a Redis server that is
 * not in use yet.
 */
const ROWS_MAX = 20_000;

/**
 * Ids whose UUIDv7 time is later than `after` and not later than `upTo`, ms: ids of account changes and of hold
 * events have the prefix '#', ids of groups '+', ids of holds '='. Null if there are more ids than can be read.
 *
 * The ids are a range of the primary key, because the hexadecimal digits of a lower-case UUIDv7 sort by time, byte by
 * byte. Other ids in the range are read and skipped.
 */
export async function idsBetween(database: Database, after: number, upTo: number): Promise<string[] | null> {
  const ids: string[] = [];
  for (const { table, column, mark } of TABLES) {
    const rows = await database.rows<{ id: string }>(
      `SELECT ${column} AS \`id\` FROM ${table} WHERE ${column} >= ? AND ${column} < ? ORDER BY ${column} LIMIT ${ROWS_MAX + 1}`,
      [prefixOf(after + 1), prefixOf(upTo + 1)],
    );
    if (rows.length > ROWS_MAX) return null;
    for (const { id } of rows) {
      const time = uuidV7Time(id);
      if (time !== null && time > after && time <= upTo) ids.push(mark + id);
    }
  }
  return ids;
}

const TABLES = [
  { table: 'transfers', column: 'transaction_id', mark: '' },
  { table: 'account_changes', column: 'change_id', mark: '#' },
  { table: 'transfer_groups', column: 'group_id', mark: '+' },
  { table: 'holds', column: 'hold_id', mark: '=' },
  { table: 'hold_events', column: 'event_id', mark: '#' },
];

/** The common prefix of all UUIDv7s of this millisecond; every earlier UUIDv7 sorts before it. */
function prefixOf(ms: number): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-`;
}
