import { setTimeout as sleep } from 'node:timers/promises';
import 'reflect-metadata';
import { DataSource, MigrationExecutor, type MigrationInterface, type QueryRunner } from 'typeorm';
import { Ledger1763690000000 } from '../migrations/1763690000000-ledger.ts';
import { SwitchOver1763780000000 } from '../migrations/1763780000000-switch-over.ts';
import { LongerUsers1763790000000 } from '../migrations/1763790000000-longer-users.ts';
import { LedgerTime1763800000000 } from '../migrations/1763800000000-ledger-time.ts';
import { EpochRecovery1763810000000 } from '../migrations/1763810000000-epoch-recovery.ts';
import { LedgerIdentity1763820000000 } from '../migrations/1763820000000-ledger-identity.ts';
import { JobLeases1763821000000 } from '../migrations/1763821000000-job-leases.ts';
import { DrainedBytes1763822000000 } from '../migrations/1763822000000-drained-bytes.ts';
import { RuleFormat1763830000000 } from '../migrations/1763830000000-rule-format.ts';
import { Limits1763831000000 } from '../migrations/1763831000000-limits.ts';
import { Groups1763832000000 } from '../migrations/1763832000000-groups.ts';
import { Holds1763833000000 } from '../migrations/1763833000000-holds.ts';
import { LongerIds1763840000000 } from '../migrations/1763840000000-longer-ids.ts';
import { Crossings1763841000000 } from '../migrations/1763841000000-crossings.ts';
import { ShardIdentity1763842000000 } from '../migrations/1763842000000-shard-identity.ts';
import { LostShards1763846000000 } from '../migrations/1763846000000-lost-shards.ts';
import { SealedLog1763850000000 } from '../migrations/1763850000000-sealed-log.ts';
import { Batches1763854000000 } from '../migrations/1763854000000-batches.ts';
import { ApiKeyManagement1763860000000 } from '../migrations/1763860000000-api-key-management.ts';
import { LedgerStops1763864000000 } from '../migrations/1763864000000-ledger-stops.ts';
import { Webhooks1763870000000 } from '../migrations/1763870000000-webhooks.ts';
import { Search1763875000000 } from '../migrations/1763875000000-search.ts';
import { Audit1763878000000 } from '../migrations/1763878000000-audit.ts';
import { HoldPlacings1763880000000 } from '../migrations/1763880000000-hold-placings.ts';
import { AccountEntity, ApiKeyEntity, ReconciliationEntity } from './entities.ts';

type Migration = new () => MigrationInterface;

/** In the order in which they run. */
const MIGRATIONS: readonly Migration[] = [
  Ledger1763690000000,
  SwitchOver1763780000000,
  LongerUsers1763790000000,
  LedgerTime1763800000000,
  EpochRecovery1763810000000,
  LedgerIdentity1763820000000,
  JobLeases1763821000000,
  DrainedBytes1763822000000,
  RuleFormat1763830000000,
  Limits1763831000000,
  Groups1763832000000,
  Holds1763833000000,
  LongerIds1763840000000,
  Crossings1763841000000,
  ShardIdentity1763842000000,
  LostShards1763846000000,
  SealedLog1763850000000,
  Batches1763854000000,
  ApiKeyManagement1763860000000,
  LedgerStops1763864000000,
  Webhooks1763870000000,
  Search1763875000000,
  Audit1763878000000,
  HoldPlacings1763880000000,
];

/** The names under which the table `schema_migrations` lists them. */
export const MIGRATION_NAMES: readonly string[] = MIGRATIONS.map(({ name }) => name);

/** Access to MySQL through TypeORM, for schema, migrations and administration; never on the path of a transfer. */
export function createDataSource(mysqlUrl: string, more: readonly Migration[] = []): DataSource {
  return new DataSource({
    type: 'mysql',
    url: mysqlUrl,
    timezone: 'Z',
    poolSize: 2,
    extra: optionsOf(mysqlUrl),
    synchronize: false,
    logging: false,
    entities: [ApiKeyEntity, ReconciliationEntity, AccountEntity],
    migrations: [...MIGRATIONS, ...more],
    migrationsTableName: 'schema_migrations',
  });
}

/**
 * The part after the `?`, such as `ssl={"verifyIdentity":true}`: mysql2 reads it from the URL of the pools, but TypeORM
 * drops it, and a migration would then use an unencrypted connection. Each value is JSON or text, as in mysql2.
 */
function optionsOf(mysqlUrl: string): Record<string, unknown> {
  const read = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  return Object.fromEntries([...new URL(mysqlUrl).searchParams].map(([name, value]) => [name, read(value)]));
}

const MIGRATION_LOCK = 'holdfast-migrations';
const LOCK_WAIT_S = 120;
/**
 * A schema change that waits for a table blocks all other statements on that table, so it gives up before a flush
 * or a request would time out, and is retried. The operation that uses the table (a backup, a reconciliation) may
 * take minutes.
 */
const TABLE_WAIT_S = 1;
const TABLE_TRIES_MAX = 60;
const TABLE_RETRY_MS = 2_000;
const TABLE_IN_USE = 'ER_LOCK_WAIT_TIMEOUT';

/**
 * Brings the schema up to date while pods are running; if two migrations are started at the same time, one waits for
 * the other, so it is safe to run this anywhere, and more than once.
 * @param more the migrations of a future version
 * @returns the names of the migrations that were run
 */
export async function migrate(mysqlUrl: string, more: readonly Migration[] = []): Promise<string[]> {
  const dataSource = await createDataSource(mysqlUrl, more).initialize();
  const runner = dataSource.createQueryRunner();
  try {
    const [lock] = (await runner.query('SELECT GET_LOCK(?, ?) AS held', [MIGRATION_LOCK, LOCK_WAIT_S])) as {
      held: unknown;
    }[];
    if (Number(lock?.held) !== 1) throw new Error(`another migration has been running for ${LOCK_WAIT_S} s`);
    try {
      await runner.query('SET SESSION lock_wait_timeout = ?', [TABLE_WAIT_S]);
      return await runAll(dataSource, runner);
    } finally {
      await runner.query('SELECT RELEASE_LOCK(?)', [MIGRATION_LOCK]);
    }
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
}

/**
 * Runs all pending migrations on the connection of the runner. A migration that found a table in use is run again,
 * because every statement is idempotent.
 */
async function runAll(dataSource: DataSource, runner: QueryRunner): Promise<string[]> {
  const before = new Set(
    (await new MigrationExecutor(dataSource, runner).getExecutedMigrations()).map(({ name }) => name),
  );
  for (let tries = 1; ; tries++) {
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'each';
    try {
      await executor.executePendingMigrations();
      const done = await executor.getExecutedMigrations();
      return done
        .map(({ name }) => name)
        .filter((name) => !before.has(name))
        .reverse();
    } catch (error) {
      if (tries >= TABLE_TRIES_MAX || (error as { code?: unknown }).code !== TABLE_IN_USE) throw error;
      await sleep(TABLE_RETRY_MS);
    }
  }
}
