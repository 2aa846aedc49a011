import { isDeepStrictEqual } from 'node:util';
import { shardOfAccount } from '../../domain/account-shard.ts';
import { clientOrderOf, isInnerAccount, legIdOf, lossAccount, transactionIdOf } from '../../domain/crossing.ts';
import type { Outcome, Side, TransferOrder } from '../../domain/types.ts';
import type { Database } from '../connection/pool.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from '../rows/transfer-row.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';
import { type Position, TableReader } from './pages.ts';
import type { Row } from './split-rows.ts';
import { SALT } from './tables.ts';

export interface Compared {
  /** The number of transfers in the old shard, and the number of rows that they have become in the new shards. */
  transfers: number;
  rows: number;
  accounts: number;
  differences: string[];
}

const LISTED_MAX = 20;

/**
 * Compares an old shard with the new ones, page by page, reading rows as the ledger does: every account with all its
 * columns, and for every transfer the answer that its client would get, from the shards in which it would be looked up.
 * @param fresh all new databases, in order of their numbers
 */
export async function compareShard(old: Database, fresh: readonly Database[]): Promise<Compared> {
  const compared: Compared = { transfers: 0, rows: 0, accounts: 0, differences: [] };
  const differs = (what: string) => {
    if (compared.differences.length < LISTED_MAX) compared.differences.push(what);
  };
  await eachPage(old, 'accounts', (rows) => compareAccounts(rows, fresh, compared, differs));
  await eachPage(old, 'transfers', (rows) => compareTransfers(rows, fresh, compared, differs));
  return compared;
}

async function eachPage(old: Database, table: string, compare: (rows: Row[]) => Promise<void>): Promise<void> {
  const reader = await TableReader.of(old, table);
  let position: Position | null = null;
  for (;;) {
    const page = await reader.after(position);
    if (!page) return;
    await compare(page.rows);
    position = page.next;
  }
}

type Differs = (what: string) => void;

async function compareAccounts(rows: Row[], fresh: readonly Database[], compared: Compared, differs: Differs) {
  const own = rows.filter(({ account_id }) => !String(account_id).startsWith('~'));
  const found = await findIn(
    fresh,
    own.map(({ account_id }) => String(account_id)),
    {
      home: (id) => shardOfAccount(id, fresh.length),
      sql: 'SELECT * FROM accounts WHERE account_id IN (?)',
      idOf: (row: Row) => String(row['account_id']),
    },
  );
  compared.accounts += own.length;
  for (const row of own) {
    const there = found.get(String(row['account_id']));
    const isSame =
      there && Object.keys(row).every((column) => column === SALT || isDeepStrictEqual(row[column], there[column]));
    if (!isSame) differs(`account ${row['account_id']}`);
  }
}

async function compareTransfers(rows: Row[], fresh: readonly Database[], compared: Compared, differs: Differs) {
  const shards = fresh.length;
  const expected = (rows as unknown as TransferRow[]).map((row) => expectedOf(outcomeOfRow(row), shards));
  const wanted = expected.flatMap(({ at }) => at);
  const homes = new Map(wanted.map(({ id, shard }) => [id, shard]));
  const found = await findIn(fresh, [...homes.keys()], {
    home: (id) => homes.get(id) ?? 0,
    sql: `SELECT ${TRANSFER_COLUMNS} FROM transfers WHERE transaction_id IN (?)`,
    idOf: (row: TransferRow) => row.transaction_id,
  });
  compared.transfers += rows.length;
  compared.rows += wanted.length;
  for (const { old, at } of expected) {
    const there = at.map(({ id }) => found.get(id)).map((row) => (row ? outcomeOfRow(row) : null));
    const what = differenceOf(old, there);
    if (what) differs(`transfer ${old.order.transactionId}: ${what}`);
  }
}

interface Expected {
  old: Outcome;
  /** The rows that the transfer should have become: itself, or its legs `out` and `in`. */
  at: { id: string; shard: number }[];
}

/** Derived from the order alone, independently of the code that divided the rows. */
function expectedOf(old: Outcome, shards: number): Expected {
  const { order, status } = old;
  const { transactionId, source, destination } = clientOrderOf(order);
  const from = shardOfAccount(
    order.metadata?.['returnedFrom'] !== undefined && source.startsWith('~') ? order.metadata['returnedFrom'] : source,
    shards,
  );
  const to = shardOfAccount(destination, shards);
  if (order.leg) {
    const { name } = order.leg;
    return { old, at: [{ id: legIdOf(transactionIdOf(transactionId), name, from), shard: name === 'in' ? to : from }] };
  }
  const whole = { id: transactionId, shard: from };
  if (from === to || status === 'REJECTED') return { old, at: [whole] };
  return { old, at: [whole, { id: legIdOf(transactionId, 'in', from), shard: to }] };
}

function differenceOf(old: Outcome, there: readonly (Outcome | null)[]): string | null {
  const [first, second] = there;
  if (!first || second === null) return 'is missing';
  for (const one of second ? [first, second] : [first]) {
    const { order, acceptedAt, takenAt, epoch, seq, status } = one;
    if (!isDeepStrictEqual(clientOrderOf(order), clientOrderOf(old.order))) return 'has another content';
    if (!isDeepStrictEqual({ acceptedAt, takenAt, epoch, seq, status }, common(old))) return 'has another outcome';
  }
  if (old.status === 'REJECTED')
    return first.status === 'REJECTED' && first.refusal === old.refusal && isDeepStrictEqual(first.limit, old.limit)
      ? null
      : 'has another refusal';
  const into = second ?? first;
  if (first.status !== 'POSTED' || into.status !== 'POSTED') return 'is not posted';
  const { source, destination, currency } = old.order;
  const isLost = (order: TransferOrder) => order.source === lossAccount(currency);
  if (isLost(first.order) !== isLost(old.order)) return 'is paid by another account';
  // Inner accounts have new versions and balances.
  if (!isInnerAccount(source) && !sameSide(first.source, old.source)) return 'has another source';
  if (!isInnerAccount(destination) && !sameSide(into.destination, old.destination)) return 'has another destination';
  if ((first.counted ?? 0) + (second?.status === 'POSTED' ? (second.counted ?? 0) : 0) !== (old.counted ?? 0))
    return 'is counted otherwise';
  return isDeepStrictEqual(first.hold, old.hold) ? null : 'has another hold';
}

const common = ({ acceptedAt, takenAt, epoch, seq, status }: Outcome) => ({ acceptedAt, takenAt, epoch, seq, status });
const sameSide = (a: Side, b: Side): boolean => isDeepStrictEqual(a, b);

/** Rows by id, each from the database in which it should be. */
async function findIn<R>(
  fresh: readonly Database[],
  ids: readonly string[],
  { home, sql, idOf }: { home(id: string): number; sql: string; idOf(row: R): string },
): Promise<Map<string, R>> {
  const found = new Map<string, R>();
  for (const [shard, database] of fresh.entries()) {
    const own = ids.filter((id) => home(id) === shard);
    for (const row of await rowsByIds<R>(database, sql, own)) found.set(idOf(row), row);
  }
  return found;
}
