import { SEARCH_TABLES } from '../migrations/1763875000000-search.ts';

/** The tables of a separate database with the search index. Every statement is idempotent. */
export const SEARCH_DATABASE: readonly string[] = [
  ...SEARCH_TABLES,
  `CREATE TABLE IF NOT EXISTS ledger_identity (
    lone TINYINT NOT NULL,
    shard INT NOT NULL,
    ledger_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    shards INT NOT NULL,
    PRIMARY KEY (lone)
  ) ENGINE=InnoDB`,
];
