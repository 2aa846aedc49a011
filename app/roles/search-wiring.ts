import { type Config, ConfigError } from '../config/config.ts';
import { configOfShard } from '../config/shard-config.ts';
import { requireFeature } from '../domain/features.ts';
import { Problem } from '../domain/problem.ts';
import type { Search } from '../ledger/ports/search.ts';
import { OtherLedger, OwnLedger } from '../mysql/connection/own-ledger.ts';
import { Database } from '../mysql/connection/pool.ts';
import { MysqlCrossingStore } from '../mysql/ledger/crossing-store.ts';
import { LedgerIdentity } from '../mysql/operations/ledger-identity.ts';
import { OtherIndex, prepareIndexDatabase } from '../mysql/search/search-database.ts';
import { SqlSearch } from '../mysql/search/sql-search.ts';
import { ShardMap } from '../shards/shard.ts';
import { ShardedSearch } from '../shards/sharded-search.ts';
import type { PodShard } from './pod-shard.ts';
import type { ShardContext } from './shard-context.ts';

/** Connections of a process to a separate database with the index of one shard. */
const CONNECTIONS_MAX = 5;

/** The database with the index of a shard: that of the ledger, unless another one is configured. */
export function indexDatabaseOf({ config, shard, database }: ShardContext): Database {
  const { mysqlUrl: url } = config.search;
  if (url === null) return database;
  const { shards } = config.ledger;
  return new Database({
    ...config.mysql,
    url,
    connectionsMax: CONNECTIONS_MAX,
    ledger: new OwnLedger({ shard, shards }),
  });
}

/**
 * Prepares the separate databases of the index, if there are any. The databases of the ledger are migrated already.
 * @throws ConfigError if one of them belongs to another ledger
 */
export async function prepareIndexes(config: Config): Promise<void> {
  const { shards } = config.ledger;
  for (let shard = 0; shard < shards; shard++) {
    const { mysql, search } = configOfShard(config, shard);
    if (search.mysqlUrl === null) continue;
    await using books = new Database({ ...mysql, connectionsMax: 1 });
    await using index = new Database({ ...mysql, url: search.mysqlUrl, connectionsMax: 1 });
    try {
      await prepareIndexDatabase(index, await new LedgerIdentity(books).shard());
    } catch (error) {
      throw error instanceof OtherIndex || error instanceof OtherLedger
        ? new ConfigError([`SEARCH_MYSQL_URL: ${error.message}`])
        : error;
    }
  }
}

/** The search of a pod, and the connections that it opens. */
export function createSearch(shards: readonly PodShard[]): { search: Search; close(): Promise<void> } {
  if (shards.some(({ context }) => context.config.search.enabled === 'off'))
    return { search: DISABLED, close: async () => {} };
  const separate: Database[] = [];
  const parts = shards.map(({ context, session }) => {
    const index = indexDatabaseOf(context);
    if (index !== context.database) separate.push(index);
    const search = new SqlSearch({
      books: context.database,
      index,
      requireActive: () => requireFeature(session.format(), 'events'),
    });
    return { search, crossings: new MysqlCrossingStore(context.database) };
  });
  const [only] = parts;
  return {
    search: parts.length === 1 && only ? only.search : new ShardedSearch(new ShardMap(parts)),
    async close() {
      for (const database of separate) await database[Symbol.asyncDispose]();
    },
  };
}

const disabled = async (): Promise<never> => {
  throw new Problem('search_disabled', 'the setting SEARCH is off');
};
const DISABLED: Search = { transfers: disabled, accounts: disabled };
