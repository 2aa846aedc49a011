import type { SealedRow } from '../../journal/sealed/sealed-entry.ts';
import { type LogHead, linesOf, openedRow, type StoredRow } from '../../journal/sealed/sealed-rows.ts';
import type { PersonalData, SealedLines, SealedLog } from '../../ledger/ports/sealed-log.ts';
import type { Database } from '../connection/pool.ts';
import { personalData } from './personal-data.ts';

interface Columns {
  position: number;
  format: number;
  epoch: number;
  first_seq: number;
  last_seq: number;
  entries: number;
  bytes: number;
  payload: Buffer;
  previous_hash: Buffer;
  hash: Buffer;
  sealed_at: Date;
}

interface PageLimits {
  rows: number;
  /** The size before compression. */
  bytes: number;
}

/** Reads the log. If a row is visible, all rows before it are visible, too, because rows are committed in order. */
export class MysqlSealedLog implements SealedLog {
  readonly #database: Pick<Database, 'rows'>;
  constructor(database: Pick<Database, 'rows'>) {
    this.#database = database;
  }

  async bounds(): Promise<{ oldest: number; newest: number }> {
    const [row] = await this.#database.rows<{ oldest: number | null; newest: number | null }>(
      'SELECT MIN(`position`) AS oldest, MAX(`position`) AS newest FROM sealed',
    );
    return { oldest: row?.oldest ?? 1, newest: row?.newest ?? 0 };
  }

  async read(after: number, max: PageLimits): Promise<SealedRow[]> {
    return Promise.all((await this.stored(after, max)).map(openedRow));
  }

  async readLines(after: number, max: PageLimits): Promise<SealedLines[]> {
    const rows = await this.stored(after, max);
    return Promise.all(
      rows.map(async (row) => ({ position: row.position, hash: row.hash, lines: await linesOf(row) })),
    );
  }

  /** The rows as they are stored, with their hashes. @throws Problem database_unavailable */
  async stored(after: number, { rows: rowsMax, bytes: bytesMax }: PageLimits): Promise<StoredRow[]> {
    const sizes = await this.#database.rows<{ bytes: number }>(
      'SELECT bytes FROM sealed WHERE `position` > ? ORDER BY `position` LIMIT ?',
      [after, rowsMax],
    );
    const count = countWithin(sizes, bytesMax);
    if (count === 0) return [];
    const rows = await this.#database.rows<Columns>(
      `SELECT \`position\`, \`format\`, epoch, first_seq, last_seq, entries, bytes, payload, previous_hash, \`hash\`, sealed_at
       FROM sealed WHERE \`position\` > ? ORDER BY \`position\` LIMIT ?`,
      [after, count],
    );
    return rows.map(storedRow);
  }

  /** The end of the log as the last transaction left it. @throws Problem database_unavailable */
  async head(): Promise<LogHead> {
    const [row] = await this.#database.rows<Pick<Columns, 'position' | 'hash' | 'sealed_at'>>(
      (own) => `SELECT \`position\`, \`hash\`, sealed_at FROM sealed_head WHERE ${own()}`,
    );
    if (!row) throw new Error('sealed_head has no row: the schema is not migrated');
    return { position: row.position, hash: row.hash.toString('hex'), sealedAt: row.sealed_at.getTime() };
  }

  async personal(entries: Parameters<SealedLog['personal']>[0]): Promise<(PersonalData | null)[]> {
    return personalData(this.#database, entries);
  }
}

/** How many rows, counted from the first, fit within the limit; at least one. */
function countWithin(sizes: readonly { bytes: number }[], bytesMax: number): number {
  let total = 0;
  const end = sizes.findIndex(({ bytes }, index) => {
    total += bytes;
    return index > 0 && total > bytesMax;
  });
  return end < 0 ? sizes.length : end;
}

const storedRow = (row: Columns): StoredRow => ({
  position: row.position,
  format: row.format,
  epoch: row.epoch,
  firstSeq: row.first_seq,
  lastSeq: row.last_seq,
  entries: row.entries,
  bytes: row.bytes,
  payload: row.payload,
  previousHash: row.previous_hash.toString('hex'),
  hash: row.hash.toString('hex'),
  sealedAt: row.sealed_at.getTime(),
});
