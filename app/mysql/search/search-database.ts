import { describe, readIdentity, type ShardIdentity } from '../connection/own-ledger.ts';
import type { Database } from '../connection/pool.ts';
import { SEARCH_DATABASE } from '../schema/search-database.ts';

/** A database that belongs to another ledger or shard. */
export class OtherIndex extends Error {
  override readonly name = 'OtherIndex';
}

/**
 * Prepares a separate database for the index of a shard. The database gets the identity of the shard, which is checked
 * for every connection, so that an index is never filled from two ledgers. Repeating the call changes nothing.
 * @throws OtherIndex
 */
export async function prepareIndexDatabase(database: Database, shard: ShardIdentity): Promise<void> {
  for (const statement of SEARCH_DATABASE) await database.rows(statement);
  await database.rows('INSERT IGNORE INTO ledger_identity (lone, shard, ledger_id, shards) VALUES (1, ?, ?, ?)', [
    shard.shard,
    shard.ledgerId,
    shard.shards,
  ]);
  const found = await readIdentity((sql) => database.rows(sql));
  if (found && describe(found) !== describe(shard))
    throw new OtherIndex(`the database is the index of ${describe(found)}, not of ${describe(shard)}`);
}
