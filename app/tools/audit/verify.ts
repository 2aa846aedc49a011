import type { AuditSource } from '../../audit/audit-source.ts';
import type { Config } from '../../config/config.ts';
import { configOfShard } from '../../config/shard-config.ts';
import { MysqlAuditBooks } from '../../mysql/audit/audit-books.ts';
import { OwnLedger } from '../../mysql/connection/own-ledger.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { readKey } from './manifest.ts';
import { type VerifyOptions, type VerifyResult, verified } from './verify-export.ts';

/** The view of accounts and holds occupies one connection, while the log is read over another one. */
const CONNECTIONS_MAX = 3;
/** A page of a large table may take long on a busy server. */
const QUERY_TIMEOUT_MS = 10 * 60_000;

/** The databases of all shards, or of one. */
export async function forDatabases<T>(
  config: Config,
  shard: number | null,
  work: (source: AuditSource, shard: number) => Promise<T>,
): Promise<T[]> {
  const { shards } = config.ledger;
  const wanted = shard === null ? Array.from({ length: shards }, (_, number) => number) : [shard];
  const results: T[] = [];
  for (const number of wanted) {
    const { mysql } = configOfShard(config, number);
    const ledger = new OwnLedger({ shard: number, shards });
    const connections = { connectionsMax: CONNECTIONS_MAX, queryTimeoutMs: QUERY_TIMEOUT_MS };
    await using database = new Database({ ...mysql, ...connections, ledger });
    results.push(await work(new MysqlAuditBooks(database), number));
  }
  return results;
}

export async function verifyDatabases(
  config: Config,
  shard: number | null,
  options: VerifyOptions,
): Promise<VerifyResult[]> {
  const key = options.key === null ? null : await readKey(options.key, 'public');
  return forDatabases(config, shard, (source) => verified(source, options, key, null));
}
