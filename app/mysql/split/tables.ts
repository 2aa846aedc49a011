import { shardOfAccount } from '../../domain/account-shard.ts';
import type { Database } from '../connection/pool.ts';
import type { Row } from './split-rows.ts';

/** A new shard. The new shards of one old shard have consecutive numbers. */
export interface Target {
  /** The number of the new shard, and the number of new shards. */
  shard: number;
  shards: number;
  /** The number of the old shard that it comes from, and how many new ones come from it. */
  parent: number;
  parts: number;
}

/** Whether a new shard gets a row of a table whose rows do not change. */
type Belongs = (row: Row, target: Target) => boolean;
const ofAccount: Belongs = ({ account_id }, { shard, shards }) => shardOfAccount(String(account_id), shards) === shard;
const inAll: Belongs = () => true;
/** Rows that belong to no account: only the first new shard gets them, from the first old one. */
const inFirst: Belongs = (_, { shard }) => shard === 0;
/** Records that only people read. */
const inFirstPart: Belongs = (_, { shard, parts }) => shard % parts === 0;

/**
 * Tables whose rows are copied as they are, in an order that violates no foreign key; a ledger may lack some of these
 * tables.
 */
export const COPIED_BEFORE: Readonly<Record<string, Belongs>> = {
  business_days: inAll,
  authority_log: inAll,
  ledger_stops: inFirstPart,
  api_keys: inFirst,
  api_key_log: inFirst,
  transfer_batches: inFirst,
  batch_items: inFirst,
  webhooks: inFirst,
  webhook_deliveries: inFirst,
  dropped_entries: inFirstPart,
  reconciliations: inFirstPart,
  accounts: (row, target) => !String(row['account_id']).startsWith('~') && ofAccount(row, target),
  account_changes: ofAccount,
};
export const COPIED_AFTER: Readonly<Record<string, Belongs>> = {
  holds: ofAccount,
  hold_events: ofAccount,
  hold_captures: ofAccount,
};
/** Tables whose rows depend on several accounts. */
export const DIVIDED = ['transfers', 'crossings', 'transfer_groups'] as const;

/**
 * Tables that are not copied, because a ledger at rest does not need them, or because every database has its own. The
 * sealed log stays in the old database, because it is one chain. A new log begins in each new database with the states
 * of its accounts. An account that has no salt is not in the log yet.
 */
const LEFT = [
  'authority',
  'flush_cursor',
  'ledger_identity',
  'schema_migrations',
  'pods',
  'processes',
  'keepers',
  'lost_shards',
  'job_leases',
  'audit_runs',
  'crossing_turns',
  'drained_entries',
  'drained_doubts',
  'frozen_accounts',
  'unsettled_ids',
  'epoch_recovery',
  'sealed',
  'sealed_head',
  'unsealed',
  // Rebuilt from the books.
  'search_transfers',
  'search_accounts',
  'search_cursor',
];
/** A column of the sealed log, in several tables. */
export const SALT = 'salt';

/** The tables with rows that a split does not know; their rows would be lost. */
export async function unknownTables(database: Database): Promise<string[]> {
  const known = new Set([...Object.keys(COPIED_BEFORE), ...DIVIDED, ...Object.keys(COPIED_AFTER), ...LEFT, PROGRESS]);
  const unknown: string[] = [];
  for (const table of await tablesOf(database)) {
    if (known.has(table)) continue;
    const rows = await database.rows(`SELECT 1 FROM \`${table}\` LIMIT 1`);
    if (rows.length > 0) unknown.push(table);
  }
  return unknown.sort();
}

export async function tablesOf(database: Database): Promise<Set<string>> {
  const tables = await database.rows<{ name: string }>(
    "SELECT `table_name` AS `name` FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
  );
  return new Set(tables.map(({ name }) => name));
}

/** The columns of the primary key of a table, in order. */
export async function keyOf(database: Database, table: string): Promise<string[]> {
  const rows = await database.rows<{ name: string }>(
    `SELECT \`column_name\` AS \`name\` FROM information_schema.statistics
     WHERE table_schema = DATABASE() AND \`table_name\` = ? AND index_name = 'PRIMARY' ORDER BY seq_in_index`,
    [table],
  );
  if (rows.length === 0) throw new Error(`table ${table} has no primary key`);
  return rows.map(({ name }) => name);
}

/** The table of a new database that records the progress of the copy. It is dropped when the split is final. */
export const PROGRESS = 'split_progress';
