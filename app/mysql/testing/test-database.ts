import { randomBytes } from 'node:crypto';
import { createConnection } from 'mysql2/promise';
import { inject } from 'vitest';
import type { Format, Mode } from '../../domain/authority.ts';
import type { BusinessDay } from '../../domain/business-calendar.ts';
import { LIMITS } from '../../domain/limits.ts';
import type { Account } from '../../domain/types.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { Sql } from '../connection/own-ledger.ts';
import { Database, type PoolOptions, Session } from '../connection/pool.ts';
import { copySchema } from './copied-schema.ts';

/** A separate, empty database on the server of the tests, or on the given server. */
export async function emptyDatabase(serverUrl = inject('mysqlUrl')): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `t_${randomBytes(6).toString('hex')}`;
  const run = async (sql: string) => {
    const connection = await createConnection(serverUrl);
    await connection.query(sql);
    await connection.end();
  };
  await run(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => run(`DROP DATABASE ${name}`) };
}

export const poolOptions = (url: string): PoolOptions => ({
  url,
  connectionsMax: 6,
  queueMax: 1000,
  connectTimeoutMs: 60_000,
  queryTimeoutMs: 60_000,
  lockWaitTimeoutS: 5,
});

/** Children before their parents. */
const EMPTIED = [
  'hold_captures',
  'hold_events',
  'holds',
  'account_changes',
  'transfer_groups',
  'crossing_turns',
  'crossings',
  'transfers',
  'accounts',
  'reconciliations',
  'authority_log',
  'pods',
  'processes',
  'lost_shards',
  'keepers',
  'drained_entries',
  'drained_doubts',
  'frozen_accounts',
  'unsettled_ids',
  'dropped_entries',
  'epoch_recovery',
  'sealed',
  'unsealed',
  'audit_runs',
  'batch_items',
  'transfer_batches',
  'search_transfers',
  'search_accounts',
  'search_cursor',
];

export interface TestDatabase {
  url: string;
  database: Database;
  /** Empties all tables, and sets the authority and the cursor. */
  reset(epoch?: number, mode?: Mode, format?: Format): Promise<void>;
  drop(): Promise<void>;
}

export async function migratedDatabase(serverUrl?: string, options: Partial<PoolOptions> = {}): Promise<TestDatabase> {
  const { url, drop } = await emptyDatabase(serverUrl);
  await copySchema(url);
  const database = new Database({ ...poolOptions(url), ...options });
  return {
    url,
    database,
    async reset(epoch = 1, mode = 'CACHE', format = 1) {
      for (const table of EMPTIED) await database.rows(`DELETE FROM ${table}`);
      const cacheEpoch = mode === 'CACHE' || mode === 'CLOSING' ? epoch : null;
      await database.rows(
        'UPDATE authority SET epoch = ?, mode = ?, cache_epoch = ?, cache_format = ?, changed_at = NOW(3)',
        [epoch, format === 1 ? mode : `${mode}_${format}`, cacheEpoch, cacheEpoch === null ? null : format],
      );
      await database.rows(
        'UPDATE authority SET redis_node = NULL, replid = NULL, marker = NULL, bound = NULL, stops = 0',
      );
      await database.rows('UPDATE flush_cursor SET epoch = ?, seq = 0, id_time_max = 0', [epoch]);
      await database.rows(
        "UPDATE sealed_head SET position = 0, hash = '', sealed_at = '1970-01-01', states_after = '', states_done_at = NULL",
      );
    },
    async drop() {
      await database[Symbol.asyncDispose]();
      await drop();
    },
  };
}

/** Writes accounts to MySQL, without any postings. */
export async function openIn(database: Database, accounts: readonly Account[]): Promise<void> {
  const rows = accounts.map((a) => [
    ...[a.accountId, a.currency, a.external, a.overdraftLimit, a.overdraftLimit],
    ...LIMITS.map((name) => a.limits?.[name] ?? null),
    a.limits?.usage.countedSince ?? 0,
  ]);
  await database.rows(
    `INSERT INTO accounts (account_id, currency, \`external\`, overdraft_limit, opening_overdraft_limit, transfer_max,
       daily_debit_max, monthly_debit_max, daily_credit_max, balance_max, counted_since_ms) VALUES ?`,
    [rows],
  );
}

/** The business calendar in MySQL. */
export async function putBusinessDays(database: Database, days: readonly BusinessDay[]): Promise<void> {
  const rows = days.map(({ day, dayStart, monthStart }) => [day, dayStart, monthStart, 'UTC', '00:00']);
  await database.rows('DELETE FROM business_days');
  await database.rows('INSERT INTO business_days (`day`, start_ms, month_start_ms, time_zone, cutoff) VALUES ?', [
    rows,
  ]);
}

/** Everything that the flush writes, for comparisons of the state before and after a call. */
export async function ledgerRows(database: Database) {
  return {
    cursor: await database.rows('SELECT epoch, seq, id_time_max FROM flush_cursor'),
    accounts: await database.rows('SELECT * FROM accounts ORDER BY account_id'),
    transfers: await database.rows('SELECT * FROM transfers ORDER BY transaction_id'),
    groups: await database.rows('SELECT * FROM transfer_groups ORDER BY group_id'),
    changes: await database.rows('SELECT * FROM account_changes ORDER BY change_id'),
  };
}

/** A database with a hook before each statement of its transactions (counted from 0, COMMIT not included). */
export class InterruptedDatabase extends Database {
  /** Tests replace this, to throw an error or to kill the connection with the given id. */
  before: (statement: number, connectionId: number) => Promise<void> = async () => {};

  /** Stops every transaction before the given statement, until the returned `open` is called. */
  pauseBefore(statement: number): { reached: Promise<void>; open(): void } {
    let arrive = () => {};
    let open = () => {};
    const reached = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.before = async (at) => {
      if (at !== statement) return;
      arrive();
      await opened;
    };
    return { reached, open };
  }

  override transaction<T>(
    work: (session: Session) => Promise<T>,
    kind?: 'read-committed' | 'snapshot',
    timeoutMs?: number,
  ): Promise<T> {
    return super.transaction(
      async (session) => {
        const [row] = await session.rows<{ id: number }>('SELECT CONNECTION_ID() AS id');
        let statement = 0;
        const interrupted: Pick<Session, 'rows' | 'run'> = {
          rows: async <Row>(sql: Sql, values?: unknown[]) => {
            await this.before(statement++, row?.id ?? 0);
            return session.rows<Row>(sql, values);
          },
          run: async (sql, values) => {
            await this.before(statement++, row?.id ?? 0);
            return session.run(sql, values);
          },
        };
        return work(Object.setPrototypeOf(interrupted, Session.prototype) as Session);
      },
      kind,
      timeoutMs,
    );
  }
}

/** InnoDB refreshes its report of transactions only if the report has not been read for 100 ms. */
const INNODB_TELLS_MS = 120;

/**
 * Whether a transaction in this database waits for a row lock in a statement that matches the given LIKE pattern. For
 * use with `until`.
 */
export async function waitsForALock(database: Database, statement = '%'): Promise<boolean> {
  await systemClock.sleep(INNODB_TELLS_MS);
  const waiting = await database.rows(
    `SELECT 1 FROM information_schema.innodb_trx t
     JOIN information_schema.processlist p ON p.\`id\` = t.trx_mysql_thread_id
     WHERE p.db = DATABASE() AND t.trx_state = 'LOCK WAIT' AND t.trx_query LIKE ?`,
    [statement],
  );
  return waiting.length > 0;
}
