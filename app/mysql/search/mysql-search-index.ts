import { EMPTY_LOG_HASH, linesOf } from '../../journal/sealed/sealed-rows.ts';
import { isLogged } from '../../journal/sealed/sealing.ts';
import type { Changed, IndexState, LogRow, SearchIndex } from '../../search/search-index.ts';
import type { Database, Session } from '../connection/pool.ts';
import { MysqlSealedLog } from '../ledger/sealed-log-reader.ts';
import { type AuthorityColumns, authorityOf, authoritySelect } from '../rows/authority-row.ts';
import { IN_LIST_MAX, rowsByIds } from '../rows/unsettled-rows.ts';
import {
  INDEXED_COLUMNS,
  INDEXED_TABLES,
  type IndexedAccount,
  type IndexedRow,
  indexAccounts,
  indexTransfers,
  PENDING,
} from './index-rows.ts';

/** How much of the log is indexed in one transaction: up to a few thousand transfers. */
const PAGE = { rows: 16, bytes: 512 * 1024 };
/** How many rows of the books are in memory at the same time. Each may have 17 kB of metadata. */
const PAGE_MAX = IN_LIST_MAX;
/** How many rows of the index are deleted in one transaction. */
const DELETED = 10_000;

interface CursorRow {
  moves: number;
  state: IndexState['state'];
  position: number;
  hash: Buffer;
  filled_accounts: string;
  filled_transfers: string;
}

/**
 * The index of one shard. Everything in it is computed from the books, whose rows are read by id. The log shows which
 * ids have changed: once a row of the log is visible, so is everything that the same transaction changed in the books.
 */
export class MysqlSearchIndex implements SearchIndex {
  readonly #books: Database;
  readonly #index: Database;
  readonly #log: MysqlSealedLog;

  /** @param index the database with the index; it may be the same as that of the books */
  constructor({ books, index }: { books: Database; index: Database }) {
    this.#books = books;
    this.#index = index;
    this.#log = new MysqlSealedLog(books);
  }

  async state(): Promise<IndexState> {
    const row = (await this.#cursor()) ?? (await this.#created());
    return { moves: row.moves, state: row.state, position: row.position, hash: row.hash.toString('hex') };
  }

  async isLogged(): Promise<boolean> {
    return isLogged(authorityOf(await this.#books.rows<AuthorityColumns>(authoritySelect)).format);
  }

  async logEnd(): Promise<{ position: number; hash: string }> {
    const { position, hash } = await this.#log.head();
    return { position, hash };
  }

  async rowsAfter(position: number): Promise<LogRow[]> {
    const rows = await this.#log.stored(position, PAGE);
    return Promise.all(
      rows.map(async (row) => {
        const { position, hash, previousHash, sealedAt } = row;
        return { position, hash, previousHash, sealedAt, lines: await linesOf(row) };
      }),
    );
  }

  async follow(from: IndexState, rows: readonly LogRow[], { transactionIds, accountIds }: Changed): Promise<boolean> {
    const last = rows.at(-1);
    if (!last) return true;
    const to = { position: last.position, hash: last.hash, sealed_at: new Date(last.sealedAt) };
    return this.#move(from, to, async (session) => {
      await indexAccounts(session, await this.#accounts(accountIds));
      for (let first = 0; first < transactionIds.length; first += PAGE_MAX)
        await indexTransfers(session, await this.#transfers(transactionIds.slice(first, first + PAGE_MAX)));
    });
  }

  async emptySome(from: IndexState): Promise<boolean> {
    // The head is read before the books, because whatever is sealed later is then read from the log.
    const head = await this.#log.head();
    const rest = await this.#index.rows(
      '(SELECT 1 FROM search_transfers LIMIT 1) UNION ALL (SELECT 1 FROM search_accounts LIMIT 1)',
    );
    if (rest.length === 0) return this.#beginFilling(from, head);
    return this.#move(from, {}, async (session) => {
      for (const table of ['search_transfers', 'search_accounts'])
        await session.run(`DELETE FROM ${table} LIMIT ${DELETED}`);
    });
  }

  async restart(from: IndexState, how: 'EMPTYING' | 'FILLING'): Promise<boolean> {
    if (how === 'EMPTYING') return this.#move(from, { state: how });
    return this.#beginFilling(from, await this.#log.head());
  }

  #beginFilling(from: IndexState, head: { position: number; hash: string; sealedAt: number }): Promise<boolean> {
    return this.#move(from, {
      state: 'FILLING',
      position: head.position,
      hash: head.position === 0 ? EMPTY_LOG_HASH : head.hash,
      sealed_at: new Date(head.sealedAt),
      filled_accounts: '',
      filled_transfers: '',
    });
  }

  async fillSome(from: IndexState): Promise<boolean> {
    const cursor = await this.#cursor();
    if (!cursor || cursor.moves !== from.moves) return false;
    const [accounts, transfers] = await Promise.all([
      this.#books.rows<IndexedAccount>(
        `SELECT account_id, currency, \`status\` FROM accounts WHERE account_id > ? ORDER BY account_id LIMIT ${PAGE_MAX}`,
        [cursor.filled_accounts],
      ),
      this.#books.rows<IndexedRow>(
        `SELECT ${INDEXED_COLUMNS} FROM (SELECT * FROM transfers WHERE transaction_id > ? ORDER BY transaction_id
           LIMIT ${PAGE_MAX}) t LEFT JOIN crossings c ON t.leg = 'OUT' AND c.transaction_id = t.transaction_id
         ORDER BY t.transaction_id`,
        [cursor.filled_transfers],
      ),
    ]);
    const to = {
      state: accounts.length + transfers.length === 0 ? 'READY' : 'FILLING',
      filled_accounts: accounts.at(-1)?.account_id ?? cursor.filled_accounts,
      filled_transfers: transfers.at(-1)?.transaction_id ?? cursor.filled_transfers,
    } as const;
    return this.#move(from, to, async (session) => {
      await indexAccounts(session, accounts);
      await indexTransfers(session, transfers);
    });
  }

  async decideSome(from: IndexState, since: number): Promise<number | false> {
    const pending = await this.#index.rows<{ transaction_id: string; at_ms: number }>(
      `SELECT at_ms, transaction_id FROM search_transfers WHERE term = x'${PENDING}' AND at_ms >= ?
       ORDER BY at_ms, transaction_id LIMIT ${PAGE_MAX}`,
      [since],
    );
    const found = await this.#transfers(pending.map(({ transaction_id }) => transaction_id));
    const decided = found.filter(({ crossing }) => crossing !== 'OPEN');
    if (decided.length > 0 && !(await this.#move(from, {}, (session) => indexTransfers(session, decided))))
      return false;
    const last = pending.at(-1);
    if (!last || pending.length < PAGE_MAX) return 0;
    return last.at_ms > since ? last.at_ms : since + 1;
  }

  #transfers(ids: readonly string[]): Promise<IndexedRow[]> {
    return rowsByIds(
      this.#books,
      `SELECT ${INDEXED_COLUMNS} FROM ${INDEXED_TABLES} WHERE t.transaction_id IN (?)`,
      ids,
    );
  }

  #accounts(ids: readonly string[]): Promise<IndexedAccount[]> {
    return rowsByIds(this.#books, 'SELECT account_id, currency, `status` FROM accounts WHERE account_id IN (?)', ids);
  }

  async #cursor(): Promise<CursorRow | undefined> {
    const [row] = await this.#index.rows<CursorRow>(
      (own) =>
        `SELECT moves, state, \`position\`, \`hash\`, filled_accounts, filled_transfers FROM search_cursor WHERE ${own()}`,
    );
    return row;
  }

  async #created(): Promise<CursorRow> {
    await this.#index.transaction((session) =>
      session.run('INSERT IGNORE INTO search_cursor (ledger_id, shard) SELECT ledger_id, shard FROM ledger_identity'),
    );
    const row = await this.#cursor();
    if (!row) throw new Error('search_cursor has no row');
    return row;
  }

  /** The compare-and-set comes first: it locks the row, so that two projectors never write at the same time. */
  async #move(
    from: IndexState,
    to: Partial<Omit<CursorRow, 'moves' | 'hash'>> & { hash?: string; sealed_at?: Date },
    work: (session: Session) => Promise<void> = async () => {},
  ): Promise<boolean> {
    const { hash, ...plain } = to;
    const columns = Object.entries({ ...plain, ...(hash !== undefined && { hash: Buffer.from(hash, 'hex') }) });
    try {
      await this.#index.transaction(async (session) => {
        const changed = await session.run(
          (own) =>
            `UPDATE search_cursor SET moves = moves + 1${columns.map(([name]) => `, \`${name}\` = ?`).join('')}
             WHERE ${own()} AND moves = ?`,
          [...columns.map(([, value]) => value), from.moves],
        );
        if (changed === 0) throw new Moved();
        await work(session);
      });
      return true;
    } catch (error) {
      if (error instanceof Moved) return false;
      throw error;
    }
  }
}

/** Another process has changed the index in the meantime. */
class Moved extends Error {}
