import type { Database, Session } from '../connection/pool.ts';
import type { Row } from './split-rows.ts';
import { keyOf, SALT } from './tables.ts';

/** A row of `transfers` may have 17 kB of metadata. */
const PAGE_ROWS = 1000;
/** A row of these tables may contain a hundred transfers. */
const LARGE_ROWS = new Set(['transfer_groups', 'dropped_entries', 'reconciliations']);
const LARGE_PAGE_ROWS = 20;
/** Approximate maximum length of a statement that writes rows of a page. */
const STATEMENT_CHARS_MAX = 2 * 1024 * 1024;
/** The rows of a page may be scattered among millions of rows of other accounts. */
export const PAGE_TIMEOUT_MS = 10 * 60_000;

export type Position = readonly (string | number)[];
export interface Page {
  rows: Row[];
  /** Where the next page begins. */
  next: Position;
}

/** Reads a table in the order of its primary key. */
export class TableReader {
  readonly #database: Database;
  readonly #table: string;
  readonly #key: readonly string[];

  private constructor(database: Database, table: string, key: readonly string[]) {
    this.#database = database;
    this.#table = table;
    this.#key = key;
  }

  static async of(database: Database, table: string): Promise<TableReader> {
    return new TableReader(database, table, await keyOf(database, table));
  }

  /** @returns null at the end of the table */
  async after(
    position: Position | null,
    limit = LARGE_ROWS.has(this.#table) ? LARGE_PAGE_ROWS : PAGE_ROWS,
  ): Promise<Page | null> {
    const columns = this.#key.map((column) => `\`${column}\``);
    const { condition, values } = afterIn(columns, position);
    const sql = `SELECT * FROM \`${this.#table}\` ${condition} ORDER BY ${columns.join(', ')} LIMIT ?`;
    const rows = await this.#database.transaction(
      (session) => session.rows<Row>(sql, [...values, limit]),
      'snapshot',
      PAGE_TIMEOUT_MS,
    );
    const last = rows.at(-1);
    return last ? { rows, next: this.#key.map((column) => last[column] as string | number) } : null;
  }
}

/** The comparison is written out, because for `(a, b) > (?, ?)` servers read the whole index. */
function afterIn(columns: readonly string[], position: Position | null): { condition: string; values: unknown[] } {
  if (!position) return { condition: '', values: [] };
  const parts = columns.map((column, at) =>
    [...columns.slice(0, at).map((equal) => `${equal} = ?`), `${column} > ?`].join(' AND '),
  );
  const values = columns.flatMap((_, at) => position.slice(0, at + 1));
  return { condition: `WHERE ${parts.map((part) => `(${part})`).join(' OR ')}`, values };
}

/** Inserts rows that all have the same columns. None of them is in the sealed log of this database. */
export async function insertRows(session: Session, table: string, rows: readonly Row[]): Promise<void> {
  const [first] = rows;
  if (!first) return;
  const columns = Object.keys(first);
  const sql = `INSERT INTO \`${table}\` (${columns.map((column) => `\`${column}\``).join(', ')}) VALUES ?`;
  let [chunk, chars] = [[] as unknown[][], 0];
  const send = async () => {
    if (chunk.length > 0) await session.run(sql, [chunk]);
    [chunk, chars] = [[], 0];
  };
  for (const row of rows) {
    const values = columns.map((column) => (column === SALT ? null : (row[column] ?? null)));
    chunk.push(values);
    chars += values.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 24), 0);
    if (chars >= STATEMENT_CHARS_MAX) await send();
  }
  await send();
}
