import { clientOrderOf } from '../../domain/crossing.ts';
import { Problem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import type {
  AccountQuery,
  FoundAccount,
  FoundPage,
  FoundTransfer,
  Search,
  TransferFilter,
  TransferPlace,
  TransferQuery,
} from '../../ledger/ports/search.ts';
import type { Database } from '../connection/pool.ts';
import { PoolShare } from '../connection/pool-share.ts';
import { ACCOUNT_COLUMNS, type AccountColumns, accountOfRow } from '../rows/account-row.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from '../rows/transfer-row.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';
import { foundAccounts, foundTransfers } from './index-pages.ts';

/** How many searches of a shard a pod runs at the same time, how many more may wait, and for how long. */
const SEARCHES_MAX = 4;
const WAITING_MAX = 100;
const WAIT_MS = 2_000;
/**
 * The maximum time between the sealing and the commit of a transaction. It is subtracted if the time up to which the
 * index is complete is taken from the log.
 */
const COMMIT_MS_MAX = 1_000;

interface Dependencies {
  books: Database;
  /** The database with the index. */
  index: Database;
  /** @throws Problem if not everything that is committed is in the log */
  requireActive(): void;
}

interface LogEnd {
  position: number;
  hash: Buffer;
}

/** Searches one shard: finds ids in the index, and reads what it returns from the books. */
export class SqlSearch implements Search {
  readonly #deps: Dependencies;
  readonly #share = new PoolShare(SEARCHES_MAX, WAITING_MAX);

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  transfers(query: TransferQuery): Promise<FoundPage<FoundTransfer, TransferPlace>> {
    return this.#limited(async () => {
      const asOf = await this.#asOf();
      const { places, next } = await foundTransfers(this.#deps.index, query);
      const rows = await rowsByIds<TransferRow & { crossing: keyof typeof STATES | null }>(
        this.#deps.books,
        `SELECT t.*, c.state AS crossing FROM (SELECT ${TRANSFER_COLUMNS} FROM transfers WHERE transaction_id IN (?)) t
         LEFT JOIN crossings c ON t.leg = 'OUT' AND c.transaction_id = t.transaction_id`,
        places.map(({ transactionId }) => transactionId),
      );
      const byId = new Map(rows.map((row) => [row.transaction_id, row]));
      const items = places.flatMap((place) => {
        const row = byId.get(place.transactionId);
        if (!row) return [];
        const outcome = outcomeOfRow(row);
        return meets(outcome, query.filter) ? [{ place, outcome, state: STATES[row.crossing ?? 'DONE'] }] : [];
      });
      return { items, next, asOf };
    });
  }

  accounts(query: AccountQuery): Promise<FoundPage<FoundAccount, string>> {
    return this.#limited(async () => {
      const asOf = await this.#asOf();
      const { ids, next } = await foundAccounts(this.#deps.index, query);
      const rows = await rowsByIds<AccountColumns & { name: string | null; opened_at: Date }>(
        this.#deps.books,
        `SELECT ${ACCOUNT_COLUMNS}, a.\`name\`, a.opened_at FROM accounts a WHERE a.account_id IN (?)`,
        ids,
      );
      const byId = new Map(rows.map((row) => [row.account_id, row]));
      const items = ids.flatMap((id) => {
        const row = byId.get(id);
        // The status may have changed since the index was written.
        if (!row || (query.status !== undefined && row.status !== query.status)) return [];
        const { limits: _, ...account } = accountOfRow(row);
        return [{ ...account, name: row.name, openedAt: row.opened_at.getTime() }];
      });
      return { items, next, asOf };
    });
  }

  async #limited<T>(search: () => Promise<T>): Promise<T> {
    this.#deps.requireActive();
    try {
      await this.#share.enter(WAIT_MS);
    } catch {
      throw new Problem('overloaded', 'too many searches are running');
    }
    try {
      return await search();
    } finally {
      this.#share.leave();
    }
  }

  /**
   * The time up to which the index is complete. The end of the log is read before the index, so that everything that
   * was in the log by then is in the index.
   */
  async #asOf(): Promise<number> {
    const { books, index } = this.#deps;
    const [log] = await books.rows<{ position: number; hash: Buffer; waits: number; now_ms: number }>(
      (own) => `SELECT \`position\`, \`hash\`, EXISTS (SELECT 1 FROM unsealed) AS waits,
         CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms FROM sealed_head WHERE ${own()}`,
    );
    const [cursor] = await index.rows<{ position: number; hash: Buffer; state: string; sealed_at: Date }>(
      (own) => `SELECT \`position\`, \`hash\`, state, sealed_at FROM search_cursor WHERE ${own()}`,
    );
    if (!log || cursor?.state !== 'READY' || (await this.#isOfOtherLog(log, cursor)))
      throw new Problem('search_not_ready', 'the index of transfers and accounts is not complete yet', {
        retryAfterSeconds: 10,
      });
    if (cursor.position >= log.position && log.waits === 0) return log.now_ms;
    return Math.max(0, cursor.sealed_at.getTime() - COMMIT_MS_MAX);
  }

  /**
   * Whether the ledger was restored from a backup, but the index, in another database, still follows the log from
   * before the restore.
   */
  async #isOfOtherLog(log: LogEnd, cursor: LogEnd): Promise<boolean> {
    if (cursor.position < log.position) return false;
    if (cursor.position === log.position) return log.position > 0 && !log.hash.equals(cursor.hash);
    // The index may have moved since the end of the log was read.
    const [now] = await this.#deps.books.rows<LogEnd>(
      (own) => `SELECT \`position\`, \`hash\` FROM sealed_head WHERE ${own()}`,
    );
    return now === undefined || now.position < cursor.position;
  }
}

/** How a transfer between shards ended, by the state of its row in `crossings`. */
const STATES = { OPEN: 'pending', DONE: 'decided', RETURNED: 'returned' } as const;

/** Compares with the books: two texts may have the same digest, and personal data may have been erased. */
function meets(outcome: Outcome, { account, counterparty, reference, metadata }: TransferFilter): boolean {
  const order = clientOrderOf(outcome.order);
  const ends = [order.source, order.destination];
  if (account !== undefined && !ends.includes(account)) return false;
  if (counterparty !== undefined && !ends.includes(counterparty)) return false;
  if (reference !== undefined && order.reference !== reference) return false;
  return metadata === undefined || order.metadata?.[metadata.key] === metadata.value;
}
