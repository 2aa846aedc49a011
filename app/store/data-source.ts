import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { AccountEntity, ApiKeyEntity, ReconciliationEntity } from './entities.ts';
import { Ledger1763690000000 } from './migrations/1763690000000-ledger.ts';
import { SwitchOver1763780000000 } from './migrations/1763780000000-switch-over.ts';

/** TypeORM's side of MySQL: schema, migrations and administration. Never on the path of a transfer. */
export function createDataSource(mysqlUrl: string): DataSource {
  return new DataSource({
    type: 'mysql',
    url: mysqlUrl,
    timezone: 'Z',
    poolSize: 2,
    extra: optionsOf(mysqlUrl),
    synchronize: false,
    logging: false,
    entities: [ApiKeyEntity, ReconciliationEntity, AccountEntity],
    migrations: [Ledger1763690000000, SwitchOver1763780000000],
    migrationsTableName: 'schema_migrations',
  });
}

/**
 * What stands behind the `?`, such as `ssl={"verifyIdentity":true}`: mysql2 takes it from the URL of the pools, TypeORM drops it,
 * and a migration would then speak in plain text. Each value is JSON, or a text, as mysql2 reads it.
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
 * Brings the schema up to date; two that start together wait for one another, so it is safe to run anywhere, twice.
 * @returns the names of the migrations that were run
 */
export async function migrate(mysqlUrl: string): Promise<string[]> {
  const dataSource = await createDataSource(mysqlUrl).initialize();
  const runner = dataSource.createQueryRunner();
  try {
    const [lock] = (await runner.query('SELECT GET_LOCK(?, ?) AS held', [MIGRATION_LOCK, LOCK_WAIT_S])) as {
      held: unknown;
    }[];
    if (Number(lock?.held) !== 1) throw new Error(`another migration has been running for ${LOCK_WAIT_S} s`);
    try {
      const done = await dataSource.runMigrations({ transaction: 'each' });
      return done.map(({ name }) => name);
    } finally {
      await runner.query('SELECT RELEASE_LOCK(?)', [MIGRATION_LOCK]);
    }
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
}
