/**
 * Far below the lowest default of `max_allowed_packet` (16 MiB in MariaDB): one row can have 18 KB of metadata, escaped
 * twice.
 */
const STATEMENT_CHARS_MAX = 2 * 1024 * 1024;

/** Rows of literals, in groups that each fit into one statement. */
export function* statements(rows: Iterable<string>): Iterable<string[]> {
  let group: string[] = [];
  let chars = 0;
  for (const row of rows) {
    if (group.length > 0 && chars + row.length > STATEMENT_CHARS_MAX) {
      yield group;
      group = [];
      chars = 0;
    }
    group.push(row);
    chars += row.length;
  }
  if (group.length > 0) yield group;
}
