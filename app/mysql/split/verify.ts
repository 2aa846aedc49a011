import { checkHistory, checkHolds } from '../../jobs/check-history.ts';
import { checkCrossings } from '../../jobs/crossing-check.ts';
import type { Database } from '../connection/pool.ts';
import { SqlCrossingPages } from '../ledger/crossing-pages.ts';
import { FlushStore } from '../ledger/flush-store.ts';
import { SqlLedgerPages } from '../ledger/ledger-pages.ts';
import { LedgerReader } from '../ledger/ledger-reader.ts';
import { compareShard } from './compare.ts';
import { copiedRows } from './split-state.ts';
import { COPIED_AFTER, COPIED_BEFORE, tablesOf } from './tables.ts';

const LISTED_MAX = 20;
const COUNT_TIMEOUT_MS = 60 * 60_000;

/** The faults that a reconciliation of a shard finds, in its history, holds, groups and sums. */
export async function booksOf(database: Database, shard: number): Promise<string[]> {
  const ledger = new SqlLedgerPages({ database, reader: new LedgerReader(database), flush: new FlushStore(database) });
  const { drift } = await checkHistory(ledger);
  const faults = drift.slice(0, LISTED_MAX).map(({ accountId, what }) => `${accountId} ${what}`);
  for (const [currency, sum] of Object.entries(await ledger.sums()))
    if (sum !== '0') faults.push(`${currency} sums to ${sum}`);
  for await (const groups of ledger.groupsInPart()) faults.push(...groups.map((id) => `group ${id} lacks transfers`));
  const { inconsistent } = await checkHolds(ledger);
  faults.push(...inconsistent.slice(0, LISTED_MAX).map((id) => `hold ${id} is inconsistent`));
  return faults.slice(0, LISTED_MAX).map((fault) => `shard ${shard}: ${fault}`);
}

/** The faults found by comparing the legs of all shards by id. @param shards in order of their numbers */
export async function crossingsOf(shards: readonly Database[]): Promise<string[]> {
  const { listed, open, unverifiedShards } = await checkCrossings(
    shards.map((database) => new SqlCrossingPages(database)),
  );
  const faults = listed.map(({ transactionId, from, to, what }) => `${transactionId} from ${from} to ${to}: ${what}`);
  if (open > 0) faults.push(`${open} transfers between shards are open`);
  if (unverifiedShards.length > 0) faults.push(`shards ${unverifiedShards.join(', ')} could not be read`);
  return faults.slice(0, LISTED_MAX);
}

/**
 * Compares an old shard with the new ones: every account, the answer that the client of every transfer would get, and
 * the number of rows of every table.
 * @param parts the new shards that come from it @param all all new shards, in order of their numbers
 */
export async function sameAs(old: Database, parts: readonly Database[], all: readonly Database[]): Promise<string[]> {
  const { differences, transfers, rows } = await compareShard(old, all);
  const faults = [...differences];
  const copied = await Promise.all(parts.map(copiedRows));
  const sumOf = (table: string) => copied.reduce((sum, counts) => sum + (counts.get(table) ?? 0), 0);
  const tables = await tablesOf(old);
  for (const table of ['transfer_groups', 'account_changes', ...Object.keys(COPIED_AFTER), ...RECORDS]) {
    const there = await countOf(old, table);
    if (there !== sumOf(table)) faults.push(`${table} has ${there} rows, but ${sumOf(table)} were copied`);
  }
  if (sumOf('transfers') !== rows)
    faults.push(`${transfers} transfers should be ${rows} rows, but ${sumOf('transfers')} rows were copied`);
  for (const [part, database] of parts.entries()) {
    for (const table of ['transfers', ...Object.keys(COPIED_BEFORE), ...Object.keys(COPIED_AFTER)]) {
      if (table === 'accounts' || !tables.has(table)) continue;
      const [now, expected] = [await countOf(database, table), copied[part]?.get(table) ?? 0];
      if (now !== expected) faults.push(`part ${part} has ${now} rows in ${table}, not ${expected}`);
    }
  }
  return faults.slice(0, LISTED_MAX);
}
/** Tables whose rows all go to one of the parts. */
const RECORDS = ['dropped_entries', 'reconciliations'];

async function countOf(database: Database, table: string): Promise<number> {
  const [row] = await database.transaction(
    (session) => session.rows<{ count: number }>(`SELECT COUNT(*) AS count FROM \`${table}\``),
    'snapshot',
    COUNT_TIMEOUT_MS,
  );
  return Number(row?.count);
}
