import { createPool, type RowDataPacket } from 'mysql2';
import type { Pool, PoolConnection } from 'mysql2/promise';
import { Problem } from '../../domain/problem.ts';
import { asProblem, isBadConnection, isReadOnly, isUnanswered } from './mysql-errors.ts';

/**
 * Counts how often a connection turned out not to lead to a working primary. Connections that were opened before
 * the latest such case are replaced before their next use, because they probably lead to the same server.
 */
export class FailoverCount {
  count = 0;

  /**
   * @param opened the count when the connection was opened; connections that were opened at the same count are counted
   * once
   */
  found(opened: number): void {
    if (opened === this.count) this.count += 1;
  }
}

/** How long a connection is idle before TCP probes it, ms. A dead connection is then closed within another 10 s. */
const KEEP_ALIVE_AFTER_MS = 10_000;

export interface PoolOptions {
  url: string;
  connectionsMax: number;
  /** Maximum number of callers that may wait for a connection. */
  queueMax: number;
  connectTimeoutMs: number;
  queryTimeoutMs: number;
  lockWaitTimeoutS: number;
  /**
   * Idle seconds after which the server closes the connection, so that a dead client does not keep the authority row locked
   * for long.
   */
  waitTimeoutS?: number;
  /**
   * Shared by all pools of a process, because a pool that only reads does not notice that its server is now read-only.
   */
  readOnly?: FailoverCount;
  /** Called after each statement or transaction, depending on whether MySQL answered or was unavailable. */
  watch?: { succeeded(): void; failed(error: unknown): void };
}

/**
 * Access to MySQL for the money path: plain SQL, UTC, READ COMMITTED, and `affectedRows` that counts changed rows
 * (mysql2 would count matched ones), because the flush's optimistic locking depends on it.
 */
export class Database implements AsyncDisposable {
  readonly #pool: Pool;
  /**
   * Settles when a connection has been set up, or its setup has failed. A connection is not used before that: without
   * strict mode the flush's optimistic locking would write zeros, and mysql2 never answers statements that are queued
   * behind one that timed out.
   */
  readonly #ready = new WeakMap<object, Promise<unknown>>();
  readonly #silent = new FailoverCount();
  readonly #readOnly: FailoverCount;
  /** The values of both counts at the time when a connection was opened. */
  readonly #openedAt = new WeakMap<object, { silent: number; readOnly: number }>();
  readonly #queryTimeoutMs: number;
  readonly #watch: NonNullable<PoolOptions['watch']>;

  constructor(options: PoolOptions) {
    this.#queryTimeoutMs = options.queryTimeoutMs;
    this.#watch = options.watch ?? { succeeded: () => {}, failed: () => {} };
    this.#readOnly = options.readOnly ?? new FailoverCount();
    const pool = createPool({
      uri: options.url,
      flags: ['-FOUND_ROWS'],
      timezone: 'Z',
      charset: 'utf8mb4',
      supportBigNumbers: true,
      connectionLimit: options.connectionsMax,
      maxIdle: options.connectionsMax,
      queueLimit: options.queueMax,
      connectTimeout: options.connectTimeoutMs,
      enableKeepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
    });
    const settings = [
      "time_zone = '+00:00'",
      "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
      `innodb_lock_wait_timeout = ${options.lockWaitTimeoutS}`,
      `wait_timeout = ${options.waitTimeoutS ?? 60}`,
    ];
    pool.on('connection', (connection) => {
      connection.on('error', () => {});
      const ask = (sql: string) => connection.promise().query({ sql, timeout: options.queryTimeoutMs });
      const ready = ask(`SET SESSION ${settings.join(', ')}`).then(() =>
        ask('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'),
      );
      ready.catch(() => connection.destroy());
      this.#ready.set(connection, ready);
      this.#openedAt.set(connection, this.#counts());
    });
    this.#pool = pool.promise();
  }

  /** Runs a statement and returns its rows. @throws Problem database_unavailable if MySQL cannot be reached */
  async rows<Row>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return this.#on((session) => session.rows<Row>(sql, values), this.#queryTimeoutMs);
  }

  /**
   * Runs `work` in one transaction (or on one snapshot, read-only) on one connection; rolls back if it throws. If the
   * commit fails, it is unknown whether it took effect.
   * @throws whatever `work` throws, or a Problem
   */
  async transaction<T>(
    work: (session: Session) => Promise<T>,
    kind: 'read-committed' | 'snapshot' = 'read-committed',
    timeoutMs = this.#queryTimeoutMs,
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

  /**
   * Lends a connection. A connection that failed to answer is destroyed immediately: mysql2 would keep waiting for
   * the answer, and later statements on that connection would wait forever.
   */
  async #on<T>(work: (session: Session) => Promise<T>, timeoutMs: number): Promise<T> {
    try {
      const connection = await this.#connection();
      try {
        const result = await work(new Session(connection, timeoutMs));
        connection.release();
        this.#watch.succeeded();
        return result;
      } catch (error) {
        const opened = this.#openingOf(connection);
        if (isUnanswered(error)) this.#silent.found(opened.silent);
        if (isReadOnly(error)) this.#readOnly.found(opened.readOnly);
        if (isUnanswered(error) || isBadConnection(error)) connection.destroy();
        else connection.release();
        throw error;
      }
    } catch (error) {
      throw this.#seen(error);
    }
  }

  #counts() {
    return { silent: this.#silent.count, readOnly: this.#readOnly.count };
  }

  #openingOf(connection: PoolConnection) {
    return this.#openedAt.get(connection.connection) ?? this.#counts();
  }

  /** A connection that has been set up, and that was opened after the latest sign of a failover. */
  async #connection(): Promise<PoolConnection> {
    for (;;) {
      const connection = await this.#anyConnection();
      const { silent, readOnly } = this.#openingOf(connection);
      if (silent === this.#silent.count && readOnly === this.#readOnly.count) {
        await this.#ready.get(connection.connection);
        return connection;
      }
      connection.destroy();
    }
  }

  /** Waits for a connection no longer than a query may take. */
  async #anyConnection(): Promise<PoolConnection> {
    const waiting = this.#pool.getConnection();
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        waiting.then((connection) => connection.release()).catch(() => {});
        reject(new Problem('database_unavailable', 'no MySQL connection became available in time'));
      }, this.#queryTimeoutMs);
    });
    return Promise.race([waiting, tooLate]).finally(() => clearTimeout(timer));
  }

  #seen(error: unknown): unknown {
    const problem = asProblem(error);
    if (problem instanceof Problem && problem.code === 'database_unavailable') this.#watch.failed(error);
    return problem;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }
}

/** One connection inside a transaction. */
export class Session {
  readonly #connection: PoolConnection;
  readonly #timeout: number;
  constructor(connection: PoolConnection, timeoutMs: number) {
    this.#connection = connection;
    this.#timeout = timeoutMs;
  }

  async rows<Row>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const [rows] = await this.#connection.query<RowDataPacket[]>({ sql, values, timeout: this.#timeout });
    return rows as Row[];
  }

  /**
   * Runs a statement that returns no rows. @returns the number of rows that it changed (an upsert that updates counts
   * 2)
   */
  async run(sql: string, values?: unknown[]): Promise<number> {
    // The arguments are null and not undefined, because mysql2 would otherwise search for placeholders, and the flush's
    // statements are half a megabyte long.
    const [result] = await this.#connection.query({ sql, timeout: this.#timeout, values: values ?? null });
    return (result as { affectedRows?: number }).affectedRows ?? 0;
  }
}
