import { createConnection } from 'mysql2/promise';
import type { Clock } from '../../kernel/clock.ts';
import { FailureReport } from '../../kernel/failure-report.ts';
import type { Logger } from '../../kernel/log.ts';
import { retriedUntil } from '../../kernel/retry.ts';
import { wrongSettingOf } from '../connection/mysql-errors.ts';

/**
 * Connections of a new pod are refused for seconds, until its network policy is in force; DNS and a starting server
 * take a little longer.
 */
const RETRY_BASE_MS = 200;
const RETRY_MAX_MS = 5_000;

export interface ServerWait {
  url: string;
  connectTimeoutMs: number;
  queryTimeoutMs: number;
  waitMs: number;
  clock: Clock;
  logger: Logger;
}

/** MySQL refuses the connection, and will do so until someone changes the configuration. */
export class WrongMysqlSetting extends Error {
  override readonly name = 'WrongMysqlSetting';
}

/**
 * Waits until MySQL accepts this user in its database, for processes that start at the same time as MySQL or the
 * network.
 */
export async function waitForMysql({ waitMs, clock, logger, ...server }: ServerWait): Promise<void> {
  const report = new FailureReport(clock, logger, 'waiting for MySQL');
  const plan = {
    clock,
    deadlineMs: waitMs,
    baseMs: RETRY_BASE_MS,
    maxMs: RETRY_MAX_MS,
    when: (error: unknown) => wrongSettingOf(error) === null,
    onFailure: (error: unknown) => report.failedWith(error),
  };
  try {
    await retriedUntil(plan, () => connectOnce(server));
  } catch (error) {
    const wrong = wrongSettingOf(error);
    if (wrong !== null) throw new WrongMysqlSetting(wrong, { cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`MySQL did not accept a connection within ${waitMs / 1000} s: ${reason}`, { cause: error });
  }
}

async function connectOnce(server: Pick<ServerWait, 'url' | 'connectTimeoutMs' | 'queryTimeoutMs'>): Promise<void> {
  const connection = await createConnection({ uri: server.url, connectTimeout: server.connectTimeoutMs });
  // Without a listener, the process would end if this connection broke later.
  connection.on('error', () => {});
  try {
    await connection.query({ sql: 'SELECT 1', timeout: server.queryTimeoutMs });
  } finally {
    connection.destroy();
  }
}
