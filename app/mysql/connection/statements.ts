/** Far below the least default of `max_allowed_packet` (16 MiB in MariaDB): one row can be 18 KB of metadata, escaped twice. */
const STATEMENT_CHARS_MAX = 2 * 1024 * 1024;

/** Rows of literals, in groups that fit one statement each. */
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
