import { createPool } from 'mysql2';
import type { Pool, PoolConnection } from 'mysql2/promise';
import { Problem } from '../../domain/problem.ts';
import { isBadConnection, isReadOnly, isUnanswered } from './mysql-errors.ts';

/**
 * Counts the connections that turned out not to lead to a working primary. Connections that were opened before the
 * latest such case are replaced before their next use, because they probably lead to the same server.
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

export interface ConnectionPoolOptions {
  /** The URL of the server; new connections begin with its database. */
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
   * Shared by all pools of a server, because a pool that is only used to read does not notice that the server has
   * become read-only.
   */
  readOnly?: FailoverCount;
}

/** The databases of several shards on one server share the connections to it. */
export class ConnectionPool implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #firstDatabase: string;
  /**
   * Settles when a connection has been set up, or its setup has failed. A connection is not used before then: without
   * strict mode, the flush's optimistic locking would write zeros, and mysql2 never answers statements that are queued
   * behind one that timed out.
   */
  readonly #ready = new WeakMap<object, Promise<unknown>>();
  readonly #silent = new FailoverCount();
  readonly #readOnly: FailoverCount;
  /** The values of both counts at the time when a connection was opened. */
  readonly #openedAt = new WeakMap<object, { silent: number; readOnly: number }>();
  /** The database that a connection uses, if that is not the first one. */
  readonly #database = new WeakMap<object, string>();
  readonly connectionsMax: number;
  readonly queueMax: number;
  readonly queryTimeoutMs: number;

  constructor(options: ConnectionPoolOptions) {
    this.connectionsMax = options.connectionsMax;
    this.queueMax = options.queueMax;
    this.queryTimeoutMs = options.queryTimeoutMs;
    this.#firstDatabase = databaseOf(options.url);
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
      // Otherwise mysql2 would collect a stack trace for each statement in case it fails; `Session` collects one only
      // after a failure.
      trace: false,
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

  /** A connection that has been set up, that was opened after the latest sign of a failover, and that uses the database. */
  async lend(database: string): Promise<PoolConnection> {
    for (;;) {
      const connection = await this.#anyConnection();
      const { silent, readOnly } = this.#openingOf(connection);
      if (silent === this.#silent.count && readOnly === this.#readOnly.count) {
        await this.#ready.get(connection.connection);
        await this.#use(connection, database);
        return connection;
      }
      connection.destroy();
    }
  }

  /**
   * Takes a connection back after its work has failed. A connection that did not answer, or is no longer usable, is replaced.
   */
  takeBack(connection: PoolConnection, error: unknown): void {
    const opened = this.#openingOf(connection);
    if (isUnanswered(error)) this.#silent.found(opened.silent);
    if (isReadOnly(error)) this.#readOnly.found(opened.readOnly);
    // mysql2 would keep waiting for the answer, and later statements on that connection would wait forever.
    if (isUnanswered(error) || isBadConnection(error)) connection.destroy();
    else connection.release();
  }

  /** Statements do not name a database, so a connection must be lent only to users of the database that it uses. */
  async #use(connection: PoolConnection, database: string): Promise<void> {
    if ((this.#database.get(connection.connection) ?? this.#firstDatabase) === database) return;
    try {
      await connection.query({ sql: `USE \`${database.replaceAll('`', '``')}\``, timeout: this.queryTimeoutMs });
      this.#database.set(connection.connection, database);
    } catch (error) {
      this.takeBack(connection, error);
      throw error;
    }
  }

  #counts() {
    return { silent: this.#silent.count, readOnly: this.#readOnly.count };
  }

  #openingOf(connection: PoolConnection) {
    return this.#openedAt.get(connection.connection) ?? this.#counts();
  }

  /** Waits for a connection no longer than a query may take. */
  async #anyConnection(): Promise<PoolConnection> {
    const waiting = this.#pool.getConnection();
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        waiting.then((connection) => connection.release()).catch(() => {});
        reject(new Problem('database_unavailable', 'no MySQL connection became available in time'));
      }, this.queryTimeoutMs);
    });
    return Promise.race([waiting, tooLate]).finally(() => clearTimeout(timer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }
}

/** The database that a URL names. */
export function databaseOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}
