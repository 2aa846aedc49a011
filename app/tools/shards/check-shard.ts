import { isRecovering } from '../../mysql/connection/own-ledger.ts';
import type { Database } from '../../mysql/connection/pool.ts';
import { MIGRATION_NAMES } from '../../mysql/schema/data-source.ts';
import type { ShardStores } from './shard-stores.ts';

/** The facts that the stores of one shard report. A value is null if it could not be read. */
export interface ShardFacts {
  shard: number;
  ledgerId: string | null;
  /** The shard whose database this is, and the number of shards, according to the database. */
  identity: { shard: number; shards: number } | null;
  mode: string | null;
  /** Whose Redis it is: `own`, `free`, `foreign` or `unclaimed`. */
  redis: string | null;
  faults: string[];
}

/** @param shards how many the configuration has */
export async function factsOf(stores: ShardStores, shards: number): Promise<ShardFacts> {
  const facts: ShardFacts = {
    ...{ shard: stores.shard, ledgerId: null, identity: null, mode: null, redis: null, faults: [] },
  };
  try {
    await readDatabase(stores, shards, facts);
  } catch (error) {
    facts.faults.push(`MySQL: ${reasonOf(error)}`);
    return facts;
  }
  try {
    const { state, owner } = await stores.owner();
    facts.redis = state;
    if (state === 'foreign') facts.faults.push(`Redis belongs to another ledger: ${owner}`);
    if (state === 'unclaimed') facts.faults.push('Redis has keys, but cannot be proven to belong to this ledger');
    if (state === 'free' && facts.mode === 'CACHE')
      facts.faults.push('Redis is empty, but this shard is in CACHE: it is not the Redis of its epoch');
  } catch (error) {
    facts.faults.push(`Redis: ${reasonOf(error)}`);
  }
  return facts;
}

interface IdentityRow {
  ledger_id: string;
  shard: number;
  shards: number;
}

async function readDatabase({ database, shard }: ShardStores, shards: number, facts: ShardFacts): Promise<void> {
  const missing = await lackOfMigrations(database);
  if (missing) {
    facts.faults.push(missing);
    return;
  }
  const [identity] = await database.rows<IdentityRow>('SELECT ledger_id, shard, shards FROM ledger_identity');
  if (!identity) {
    facts.faults.push('MySQL has no identity: run migrate');
    return;
  }
  facts.ledgerId = identity.ledger_id;
  facts.identity = { shard: identity.shard, shards: identity.shards };
  if (isRecovering(identity.shard))
    facts.faults.push('the recovery of this database has not finished: run recover again');
  else if (identity.shard !== shard || identity.shards !== shards)
    facts.faults.push(`MySQL is shard ${identity.shard} of ${identity.shards}, not ${shard} of ${shards}`);
  const [authority] = await database.rows<{ mode: string }>('SELECT `mode` FROM authority');
  facts.mode = authority?.mode.replace(/_\d$/, '') ?? null;
}

/** Null if the database is up to date. */
export async function lackOfMigrations(database: Database): Promise<string | null> {
  const done = await database.rows<{ name: string }>('SELECT `name` FROM schema_migrations');
  const names = new Set(done.map(({ name }) => name));
  const missing = MIGRATION_NAMES.filter((name) => !names.has(name));
  if (missing.length === 0) return null;
  return `MySQL lacks ${missing.length} migrations, beginning with ${missing[0]}: run migrate`;
}

/** The innermost cause is more specific than the errors that wrap it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}
