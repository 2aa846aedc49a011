import type { Config } from '../config/config.ts';
import { type Running, startApi } from './api-role.ts';
import { createContext } from './context.ts';
import { startKeeper } from './keeper-role.ts';
import { startSearch } from './search-role.ts';
import { requireOwnLedger } from './shard-identities.ts';
import { untilAskedToStop } from './stopping.ts';
import { startWebhooks } from './webhooks-role.ts';

const ROLES = { api: startApi, keeper: startKeeper, search: startSearch, webhooks: startWebhooks } as const;

/**
 * Runs a role until SIGTERM or SIGINT, and lets it exit normally: it completes the work in progress, and the process
 * then has nothing left to do. Work that does not end within the grace period is aborted; this is allowed, because the
 * protocol is safe if a process is killed at any time.
 * @param asked settles when the signal has arrived, if a listener was installed earlier
 */
export async function runRole(config: Config, asked?: Promise<void>): Promise<void> {
  const context = await createContext(config);
  const { logger } = context;
  let running: Running;
  try {
    await requireOwnLedger(context.shards);
    running = await ROLES[config.process.role](context);
  } catch (error) {
    await context[Symbol.asyncDispose]();
    logger.flushSync();
    throw error;
  }
  process.on('unhandledRejection', (error) => {
    logger.log.error({ err: error }, 'unhandled promise rejection');
  });
  await (asked ?? untilAskedToStop());
  logger.log.info({}, 'stopping');
  const cutOff = setTimeout(() => {
    logger.log.error({}, 'the grace period is over');
    logger.flushSync();
    process.exit(1);
  }, config.process.shutdownGraceMs);
  await running.stop();
  await context[Symbol.asyncDispose]();
  clearTimeout(cutOff);
  logger.log.info({}, 'stopped');
  logger.flushSync();
}
