import { SCOPES } from '../domain/identity.ts';
import { FailureReport } from '../kernel/failure-report.ts';
import type { ApiKeyManagement } from '../mysql/operations/api-key-management.ts';
import type { ApiKeyStore } from '../mysql/operations/api-keys.ts';
import type { Context } from './context.ts';
import { repeat } from './repeat.ts';
import { readSeededKeys } from './seeded-keys.ts';
import type { ShardContext } from './shard-context.ts';

const RETRY_MS = 1_000;
/** Every pod rejects a revoked key after this time plus the duration of a query. */
const CHANGES_EVERY_MS = 1_000;
const USES_EVERY_MS = 60_000;

/** The keys that a deployment provides. */
interface FirstKeys {
  readonly areStored: boolean;
  /** Stores them, and retries until MySQL is available, because the pod may start before MySQL. */
  store(stopped: AbortSignal): Promise<void>;
}

/** The bootstrap key, and the keys of a file. @throws ConfigError if the file is invalid */
export function firstKeysOf(
  { config, clock, logger }: Context,
  keys: ApiKeyStore,
  management: Pick<ApiKeyManagement, 'seed'>,
): FirstKeys {
  const { bootstrapApiKey, apiKeysFile } = config.auth;
  const seeded = apiKeysFile === null ? [] : readSeededKeys(apiKeysFile, clock);
  let areStored = bootstrapApiKey === null && seeded.length === 0;
  return {
    get areStored() {
      return areStored;
    },
    async store(stopped) {
      const report = new FailureReport(clock, logger.log, 'the first API keys could not be stored yet');
      while (!stopped.aborted && !areStored) {
        try {
          if (bootstrapApiKey !== null) await keys.add(bootstrapApiKey, 'bootstrap', SCOPES);
          if (seeded.length > 0) await management.seed(seeded);
          areStored = true;
        } catch (error) {
          report.failedWith(error);
          await clock.sleep(RETRY_MS * (0.5 + clock.random()), stopped);
        }
      }
    },
  };
}

/** Watches for keys that have changed, and records which keys were used, until `stopped` aborts. */
export async function watchKeys(context: ShardContext, keys: ApiKeyStore, stopped: AbortSignal): Promise<void> {
  const changes = { everyMs: CHANGES_EVERY_MS, failure: 'changes of API keys cannot be read', stopped };
  const uses = { everyMs: USES_EVERY_MS, failure: 'uses of API keys could not be recorded', stopped };
  await Promise.all([
    repeat(context, changes, () => keys.forgetChanged()),
    repeat(context, uses, () => keys.recordUses()),
  ]);
}
