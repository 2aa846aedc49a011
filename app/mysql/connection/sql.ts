import { escape as escapeValue } from 'mysql2';

/**
 * Literals for the multi-row statements of the flush. They are built by hand, because a `?` for each of about 40,000
 * values per transaction costs half of the client's time; text with special characters goes through mysql2's own
 * escaping.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters have to be escaped
const SPECIAL = /['\\\0\n\r\x1a"]/;

export function text(value: string): string {
  return SPECIAL.test(value) ? escapeValue(value) : `'${value}'`;
}

export const textOrNull = (value: string | null): string => (value === null ? 'NULL' : text(value));

/** Bytes, hexadecimal, as a literal. */
export const binaryOrNull = (hex: string | null): string => (hex === null ? 'NULL' : `x'${hex}'`);

/** An integer as a literal. @throws RangeError if it is not exact: a money column must never get a rounded value */
export function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an exact integer`);
  return String(value);
}

/** The last literal is cached, because neighbors in a batch often have the same time, and formatting a time is slow. */
function keepingLast(literalOf: (ms: number) => string): (ms: number) => string {
  let lastMs = Number.NaN;
  let last = '';
  return (ms) => {
    if (ms !== lastMs) {
      last = literalOf(ms);
      lastMs = ms;
    }
    return last;
  };
}

/** A time (ms since 1970) as DATETIME(3) in UTC. */
export const moment = keepingLast((ms) => `'${new Date(ms).toISOString().slice(0, 23)}'`);
/** A time (ms since 1970) as BIGINT. */
const milliseconds = keepingLast(integer);
export const millisecondsOrNull = (ms: number | null): string => (ms === null ? 'NULL' : milliseconds(ms));
export const momentOrNull = (ms: number | null): string => (ms === null ? 'NULL' : moment(ms));

/**
 * Maximum size of a statement's rows, in characters. It is far below `max_allowed_packet` (at least 16 MiB by default),
 * which counts bytes and the whole statement; a single row may have more than 18 KB, because its metadata is escaped
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

/** A column of an insert; one with a default (as a literal) is omitted if every row has that value. */
export type InsertColumn = string | readonly [name: string, defaultLiteral: string];

/**
 * The statements that insert rows of literals. Columns are omitted where possible, because parsing a literal takes the
 * server about as long as storing it, and most columns of a hold are rarely used.
 */
export function* inserts(
  table: string,
  columns: readonly InsertColumn[],
  rows: readonly (readonly string[])[],
): Iterable<string> {
  const used = columns.flatMap((column, index) =>
    typeof column === 'string' || rows.some((row) => row[index] !== column[1]) ? [index] : [],
  );
  const names = used.map((index) => nameOf(columns[index] ?? ''));
  const literals = (function* () {
    for (const row of rows) yield `(${used.map((index) => row[index]).join(',')})`;
  })();
  for (const values of statements(literals))
    yield `INSERT INTO ${table} (${names.join(', ')}) VALUES ${values.join(',')}`;
}

const nameOf = (column: InsertColumn): string => (typeof column === 'string' ? column : column[0]);
