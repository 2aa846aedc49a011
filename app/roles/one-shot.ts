import { randomBytes } from 'node:crypto';
import { type Config, ConfigError } from '../config/config.ts';
import { configOfShard } from '../config/shard-config.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { backoffMs } from '../kernel/retry.ts';
import { isServerLost } from '../mysql/connection/mysql-errors.ts';
import { WrongMysqlSetting, waitForMysql } from '../mysql/operations/server-wait.ts';
import { migrate } from '../mysql/schema/data-source.ts';
import { linesTo } from '../telemetry/lines.ts';
import { createLogger } from '../telemetry/logger.ts';
import { renewIdentity } from './renew-identity.ts';
import { prepareIndexes } from './search-wiring.ts';
import { adoptIdentities } from './shard-identities.ts';

const STDOUT = 1;
/**
 * A migration is started again if MySQL restarts or fails over while it runs. The number of rounds is limited, because
 * the migration may be the cause.
 */
const ROUNDS_MAX = 5;
const ROUND_BASE_MS = 500;

/**
 * Commands that run once and end. They wait until MySQL is reachable.
 * @returns a message for the operator
 * @throws ConfigError if MySQL refuses the connection until someone changes the configuration
 */
export const ONE_SHOT = {
  async migrate(config: Config): Promise<string> {
    const said: string[] = [];
    for (const shard of shardsOf(config)) {
      const done = await withLog(config, (logger) => migrateWhenReachable(shard, systemClock, logger));
      said.push(done.length === 0 ? 'The schema is up to date.' : `Migrated: ${done.join(', ')}.`);
    }
    await adoptIdentities(config);
    await prepareIndexes(config);
    if (said.length === 1) return said.join();
    return said.map((text, shard) => `Shard ${shard}: ${text}`).join('\n');
  },
  async 'renew-identity'(config: Config): Promise<string> {
    const ledgerId = randomBytes(16).toString('hex');
    for (const shard of shardsOf(config)) {
      await withLog(config, (logger) => untilReachable(shard, systemClock, logger));
      await renewIdentity(shard.mysql, ledgerId);
    }
    return `This database is now a separate ledger: ${ledgerId}.`;
  },
};

/** The configuration of each shard, in order. */
function shardsOf(config: Config): Config[] {
  return Array.from({ length: config.ledger.shards }, (_, shard) => configOfShard(config, shard));
}

async function migrateWhenReachable(config: Config, clock: Clock, logger: Logger): Promise<string[]> {
  for (let round = 1; ; round++) {
    await untilReachable(config, clock, logger);
    try {
      return await migrate(config.mysql.url);
    } catch (error) {
      if (round >= ROUNDS_MAX || !isServerLost(error)) throw error;
      logger.warn({ err: error }, 'MySQL went away during the migration: starting it again');
      await clock.sleep(backoffMs(round, ROUND_BASE_MS, clock));
    }
  }
}

async function untilReachable({ mysql }: Config, clock: Clock, logger: Logger): Promise<void> {
  try {
    await waitForMysql({ ...mysql, waitMs: mysql.commandWaitMs, clock, logger });
  } catch (error) {
    throw error instanceof WrongMysqlSetting ? new ConfigError([`MYSQL_URL: ${error.message}`]) : error;
  }
}

/** Uses the log of the roles to report what the command waits for. */
async function withLog<T>({ telemetry }: Config, work: (logger: Logger) => Promise<T>): Promise<T> {
  const logger = createLogger(
    telemetry.logLevel,
    { service: 'holdfast' },
    linesTo(STDOUT, () => {}),
  );
  try {
    return await work(logger.log);
  } finally {
    logger.flushSync();
  }
}
