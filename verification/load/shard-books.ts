import type { RowDataPacket } from 'mysql2/promise';
import type { BookedCrossing, BookedTransfer, Books } from '../checker/books.ts';
import type { OpenedAccount } from '../checker/history.ts';
import type { Client } from '../harness/client.ts';
import { Mysql } from '../harness/mysql.ts';
import type { MysqlAddress } from '../harness/system.ts';
import { until } from '../harness/time.ts';
import { accountOf, readRows, type Side, TRANSFER_COLUMNS, transferOf } from './books.ts';
import { balancesOf } from './ledger.ts';

const QUERY = {
  sql: `SELECT ${TRANSFER_COLUMNS}, leg, client_source, client_destination FROM transfers
    WHERE source_account LIKE ? OR destination_account LIKE ? OR client_source LIKE ?`,
  patterns: 3,
};
const CROSSINGS = `SELECT transaction_id, state, destination_version, destination_balance, refusal FROM crossings
  WHERE transaction_id IN (?)`;
const TRANSIT = `SELECT account_id, currency, balance, held, version, overdraft_limit, settings_version, \`status\`
  FROM accounts WHERE account_id LIKE '~transit:%'`;

const CLOSED_MS_MAX = 120_000;

/**
 * The books of several shards, with the rows of all shards. The ids of a load are unique across all shards, because its
 * source accounts are.
 */
export async function readShardBooks(
  addresses: readonly MysqlAddress[],
  client: Client,
  prefix: string,
  accounts: readonly OpenedAccount[],
): Promise<Books> {
  const shards = await Promise.all(addresses.map((address, shard) => readShard(address, prefix, shard)));
  return {
    transfers: shards.flatMap(({ transfers }) => transfers),
    crossings: shards.flatMap(({ crossings }) => crossings),
    accounts: shards.flatMap(({ accounts }) => accounts),
    changes: shards.flatMap(({ changes }) => changes),
    holds: shards.flatMap(({ holds }) => holds),
    holdEvents: shards.flatMap(({ holdEvents }) => holdEvents),
    sums: Object.assign({}, ...shards.map(({ sums }) => sums)) as Books['sums'],
    views: [await balancesOf(client, accounts)],
  };
}

async function readShard(address: MysqlAddress, prefix: string, shard: number) {
  using mysql = await Mysql.open(address);
  const { transferRows, sums, accounts, ...books } = await readRows(mysql, prefix, QUERY);
  const left = transferRows.filter(({ leg }) => leg === 'OUT').map((row) => String(row['transaction_id']));
  const crossings = left.length === 0 ? [] : await mysql.rows(CROSSINGS, [left]);
  const transit = (await mysql.rows(TRANSIT)).map(accountOf);
  return {
    ...books,
    transfers: transferRows.map(transferOrLegOf),
    crossings: crossings.map(crossingOf),
    // Every shard has accounts with these names.
    accounts: [...accounts, ...transit.map((one) => ({ ...one, accountId: `${one.accountId} of shard ${shard}` }))],
    sums: Object.fromEntries(Object.entries(sums).map(([currency, sum]) => [`${currency} of shard ${shard}`, sum])),
  };
}

const SIDES: Readonly<Record<LegName, readonly Side[]>> = {
  out: ['source'],
  in: ['destination'],
  back: ['destination'],
  returns: [],
};
type LegName = NonNullable<BookedTransfer['leg']>['name'];

/** The books contain only postings to the accounts of the load, so the side of a transit account is left out. */
function transferOrLegOf(row: RowDataPacket): BookedTransfer {
  if (row['leg'] === null) return transferOf(row);
  const name = String(row['leg']).toLowerCase() as LegName;
  const transfer = transferOf(row, SIDES[name]);
  const [of = ''] = transfer.transactionId.split('~');
  const client = { source: String(row['client_source']), destination: String(row['client_destination']) };
  return { ...transfer, leg: { name, of, content: { ...transfer.content, ...client } } };
}

function crossingOf(row: RowDataPacket): BookedCrossing {
  const { transaction_id: transactionId, state, refusal, destination_version: version } = row;
  const destination =
    version === null ? null : { balance: Number(row['destination_balance']), version: Number(version) };
  return { transactionId, state, refusal, destination };
}

/** Waits until the couriers have ended every transfer between shards. */
export async function untilClosed(addresses: readonly MysqlAddress[]): Promise<void> {
  let open: string[] = [];
  await until('all transfers between shards have ended', CLOSED_MS_MAX, async () => {
    open = (await Promise.all(addresses.map(openIn))).flat();
    return open.length === 0;
  }).catch((error: unknown) => {
    throw new Error(`${open.length} are still open, for example ${open[0]}`, { cause: error });
  });
}

async function openIn(address: MysqlAddress): Promise<string[]> {
  using mysql = await Mysql.open(address);
  const rows = await mysql.rows("SELECT transaction_id FROM crossings WHERE state = 'OPEN'");
  return rows.map((row) => String(row['transaction_id']));
}
