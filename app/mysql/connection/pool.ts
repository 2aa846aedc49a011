import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import type { PoolConnection } from 'mysql2/promise';
import { Problem } from '../../domain/problem.ts';
import { ConnectionPool, type ConnectionPoolOptions, databaseOf } from './connection-pool.ts';
import { asProblem, isUnanswered } from './mysql-errors.ts';
import { OtherLedger, OwnLedger, type OwnRow, type Sql } from './own-ledger.ts';
import type { PoolShare } from './pool-share.ts';

export interface PoolOptions extends ConnectionPoolOptions {
  /** Called after each statement or transaction, depending on whether MySQL answered or was unavailable. */
  watch?: Watch;
  /** The ledger and the shard to which its connections must lead; by default those to which the first one leads. */
  ledger?: OwnLedger;
}

interface Watch {
  succeeded(): void;
  failed(error: unknown): void;
}

interface SharedPool {
  pool: ConnectionPool;
  database: string;
  /** The share of this database in the pool; null if no other database uses it. */
  share: PoolShare | null;
  watch: Watch;
  ledger?: OwnLedger;
}

/**
 * Access to MySQL for the money path: plain SQL, UTC, READ COMMITTED, and `affectedRows` that counts changed rows
 * (mysql2 would count matched ones), because the flush's optimistic locking depends on it.
 */
export class Database implements AsyncDisposable {
  readonly #pool: ConnectionPool;
  /** Null if no other database uses the pool. */
  readonly #share: PoolShare | null;
  readonly #database: string;
  readonly #watch: Watch;
  readonly #ledger: OwnLedger;
  /** The connections that are known to lead to the database of this shard. */
  readonly #checked = new WeakSet<object>();

  /** @param options the options of a separate pool, or a shared pool, which has to be disposed of separately */
  constructor(options: PoolOptions | SharedPool) {
    this.#watch = options.watch ?? { succeeded: () => {}, failed: () => {} };
    this.#ledger = options.ledger ?? new OwnLedger();
    this.#share = 'share' in options ? options.share : null;
    this.#pool = 'share' in options ? options.pool : new ConnectionPool(options);
    this.#database = 'share' in options ? options.database : databaseOf(options.url);
  }

  /** Runs a statement and returns its rows. @throws Problem database_unavailable if MySQL cannot be reached */
  async rows<Row>(sql: Sql, values: unknown[] = []): Promise<Row[]> {
    return this.#on((session) => session.rows<Row>(sql, values), this.#pool.queryTimeoutMs);
  }

  /**
   * Runs `work` in one transaction (or on one snapshot, read-only) on one connection; rolls back if it throws. If the
   * commit fails, it is unknown whether it took effect.
   * @throws whatever `work` throws, or a Problem
   */
  async transaction<T>(
    work: (session: Session) => Promise<T>,
    kind: 'read-committed' | 'snapshot' = 'read-committed',
    timeoutMs = this.#pool.queryTimeoutMs,
  ): Promise<T> {
    return this.#on(async (session) => {
      if (kind === 'snapshot') await session.run('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await session.run(
        kind === 'snapshot' ? 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY' : 'START TRANSACTION',
      );
      try {
        const result = await work(session);
        await session.run('COMMIT');
        return result;
      } catch (error) {
        if (!isUnanswered(error)) await session.run('ROLLBACK');
        throw error;
      }
    }, timeoutMs);
  }

  async #on<T>(work: (session: Session) => Promise<T>, timeoutMs: number): Promise<T> {
    try {
      await this.#share?.enter(this.#pool.queryTimeoutMs);
      try {
        const connection = await this.#pool.lend(this.#database);
        try {
          const session = new Session(connection, timeoutMs, this.#ledger.own);
          await this.#check(connection, session);
          const result = await work(session);
          connection.release();
          this.#watch.succeeded();
          return result;
        } catch (error) {
          if (error instanceof OtherLedger) connection.destroy();
          else this.#pool.takeBack(connection, error);
          throw error;
        }
      } finally {
        this.#share?.leave();
      }
    } catch (error) {
      throw this.#seen(error);
    }
  }

  /** @throws OtherLedger if the connection leads to the database of another ledger or shard */
  async #check(connection: PoolConnection, session: Session): Promise<void> {
    if (this.#checked.has(connection.connection)) return;
    if (await this.#ledger.check((sql) => session.rows(sql))) this.#checked.add(connection.connection);
  }

  #seen(error: unknown): unknown {
    const problem = asProblem(error);
    if (problem instanceof Problem && problem.code === 'database_unavailable') this.#watch.failed(error);
    return problem;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#share) await this.#pool[Symbol.asyncDispose]();
  }
}

/** One connection inside a transaction. */
export class Session {
  readonly #connection: PoolConnection;
  readonly #timeout: number;
  readonly #own: OwnRow;
  constructor(connection: PoolConnection, timeoutMs: number, own: OwnRow = new OwnLedger().own) {
    this.#connection = connection;
    this.#timeout = timeoutMs;
    this.#own = own;
  }

  #text(sql: Sql): string {
    return typeof sql === 'string' ? sql : sql(this.#own);
  }

  async rows<Row>(sql: Sql, values: unknown[] = []): Promise<Row[]> {
    return (await this.#query<RowDataPacket[]>(sql, values)) as Row[];
  }

  /**
   * Runs a statement that returns no rows. @returns the number of rows that it changed (an upsert that updates counts
   * 2)
   */
  async run(sql: Sql, values?: unknown[]): Promise<number> {
    // The arguments are null and not undefined, because mysql2 would otherwise search for placeholders, and the flush's
    // statements are half a megabyte long.
    return (await this.#query<ResultSetHeader>(sql, values ?? null)).affectedRows ?? 0;
  }

  async #query<Result extends RowDataPacket[] | ResultSetHeader>(sql: Sql, values: unknown[] | null): Promise<Result> {
    try {
      const [result] = await this.#connection.query<Result>({ sql: this.#text(sql), values, timeout: this.#timeout });
      return result;
    } catch (error) {
      // The stack of mysql2 does not contain the caller.
      if (error instanceof Error) Error.captureStackTrace(error);
      throw error;
    }
  }
}
