import type {
  AuditedAccount,
  AuditedHold,
  AuditScope,
  AuditSource,
  IndexedSource,
  MomentView,
} from '../../audit/audit-source.ts';
import type { Windows } from '../../domain/limits.ts';
import type { LogHead } from '../../journal/sealed/sealed-rows.ts';
import { readIdentity } from '../connection/own-ledger.ts';
import type { Database, Session } from '../connection/pool.ts';
import { MysqlSealedLog } from '../ledger/sealed-log-reader.ts';
import { ACCOUNT_COLUMNS, type AccountColumns, accountOfRow } from '../rows/account-row.ts';
import { HOLD_COLUMNS, type HoldRow, holdStateOfRow } from '../rows/hold-rows.ts';
import { IN_LIST_MAX } from '../rows/unsettled-rows.ts';
import { bookItemsOf, bookPages } from './book-pages.ts';

const PAGE = 2_000;
/** A view stays open for as long as it takes to read all accounts and holds. */
const VIEW_TIMEOUT_MS = 30 * 60_000;
/** Normally, at most a second's worth of entries wait to be sealed; more than that means that no keeper is running. */
const WAITING_MAX = 20_000;

interface HeadColumns {
  position: number;
  hash: Buffer;
  sealed_at: Date;
}

/** The books and the log in MySQL. */
export class MysqlAuditBooks implements IndexedSource {
  readonly #database: Database;
  readonly #log: MysqlSealedLog;

  constructor(database: Database) {
    this.#database = database;
    this.#log = new MysqlSealedLog(database);
  }

  async begin(): Promise<AuditScope> {
    const identity = await readIdentity((sql) => this.#database.rows(sql));
    const [row] = await this.#database.rows<HeadColumns & { now_at: Date; is_complete: number }>(
      (own) => `SELECT \`position\`, \`hash\`, sealed_at, NOW(3) AS now_at, states_done_at IS NOT NULL AS is_complete
       FROM sealed_head WHERE ${own()}`,
    );
    if (!row || !identity) throw new Error('sealed_head has no row: the schema is not migrated');
    const { ledgerId, shard, shards } = identity;
    const head = headOf(row);
    // If the clock of the database was set back, rows that are in the log may be from the future.
    const at = Math.max(row.now_at.getTime(), head.sealedAt);
    return { ledgerId, shard, shards, head, at, isComplete: row.is_complete === 1 };
  }

  stored: AuditSource['stored'] = (after, max) => this.#log.stored(after, max);

  items: AuditSource['items'] = (upTo) => bookPages(this.#database, new Date(upTo));

  itemsOf: IndexedSource['itemsOf'] = (entries) => bookItemsOf(this.#database, entries);

  async calendar(): Promise<Windows[]> {
    const rows = await this.#database.rows<{ start_ms: number; month_start_ms: number }>(
      'SELECT start_ms, month_start_ms FROM business_days ORDER BY start_ms',
    );
    return rows.map((row) => ({ dayStart: row.start_ms, monthStart: row.month_start_ms }));
  }

  atOneMoment<T>(work: (view: MomentView) => Promise<T>): Promise<T> {
    return this.#database.transaction(async (session) => work(await viewOf(session)), 'snapshot', VIEW_TIMEOUT_MS);
  }
}

async function viewOf(session: Session): Promise<MomentView> {
  const [row] = await session.rows<HeadColumns>(
    (own) => `SELECT \`position\`, \`hash\`, sealed_at FROM sealed_head WHERE ${own()}`,
  );
  if (!row) throw new Error('sealed_head has no row: the schema is not migrated');
  const [beyond] = await session.rows<{ position: number }>(
    'SELECT `position` FROM sealed WHERE `position` > ? ORDER BY `position` LIMIT 1',
    [row.position],
  );
  const waiting = await session.rows<{ payload: Buffer }>(
    `SELECT payload FROM unsealed ORDER BY \`id\` LIMIT ${WAITING_MAX + 1}`,
  );
  if (waiting.length > WAITING_MAX) throw new Error('too many entries wait to be sealed: no keeper is sealing them');
  return {
    head: headOf(row),
    beyond: beyond?.position ?? null,
    waiting: waiting.flatMap(({ payload }) => payload.toString('latin1').split('\n')),
    accounts: (ids) => (ids ? accountsOf(session, ids) : accountPages(session)),
    holds: () => holdPages(session),
  };
}

interface AccountRow extends AccountColumns {
  opening_overdraft_limit: number;
  opening_limits: string | null;
  last_accepted_ms: number | null;
  is_logged: number;
  opened_at: Date;
}

const ACCOUNTS_SELECT = `SELECT ${ACCOUNT_COLUMNS}, a.opening_overdraft_limit, a.opening_limits, a.last_accepted_ms,
  a.opened_at, a.salt IS NOT NULL AS is_logged FROM accounts a`;

async function* accountPages(session: Session): AsyncIterable<AuditedAccount[]> {
  for (let after = ''; ; ) {
    const rows = await session.rows<AccountRow>(
      `${ACCOUNTS_SELECT} WHERE a.account_id > ? ORDER BY a.account_id LIMIT ${PAGE}`,
      [after],
    );
    const last = rows.at(-1);
    if (!last) return;
    yield rows.map(auditedAccount);
    after = last.account_id;
  }
}

async function* accountsOf(session: Session, ids: readonly string[]): AsyncIterable<AuditedAccount[]> {
  for (let first = 0; first < ids.length; first += IN_LIST_MAX) {
    const page = ids.slice(first, first + IN_LIST_MAX);
    const rows = await session.rows<AccountRow>(`${ACCOUNTS_SELECT} WHERE a.account_id IN (?)`, [page]);
    yield rows.map(auditedAccount);
  }
}

const auditedAccount = (row: AccountRow): AuditedAccount => ({
  account: accountOfRow(row),
  openingOverdraftLimit: row.opening_overdraft_limit,
  openingLimits: row.opening_limits,
  lastAcceptedAt: row.last_accepted_ms,
  isLogged: row.is_logged === 1,
  openedAt: row.opened_at.getTime(),
});

async function* holdPages(session: Session): AsyncIterable<AuditedHold[]> {
  for (let after = ''; ; ) {
    const rows = await session.rows<HoldRow>(
      `SELECT ${HOLD_COLUMNS} FROM holds h WHERE h.hold_id > ? AND h.salt IS NOT NULL AND h.\`status\` <> 'REFUSED'
       ORDER BY h.hold_id LIMIT ${PAGE}`,
      [after],
    );
    const last = rows.at(-1);
    if (!last) return;
    yield rows.flatMap((row) => {
      const hold = holdStateOfRow(row);
      return hold ? [{ holdId: row.hold_id, account: row.account_id, currency: row.currency, hold }] : [];
    });
    after = last.hold_id;
  }
}

const headOf = (row: HeadColumns): LogHead => ({
  position: row.position,
  hash: row.hash.toString('hex'),
  sealedAt: row.sealed_at.getTime(),
});
