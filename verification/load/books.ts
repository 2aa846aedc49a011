import type { RowDataPacket } from 'mysql2/promise';
import type {
  BookedAccount,
  BookedChange,
  BookedHoldEvent,
  BookedPosition,
  BookedTransfer,
  Books,
} from '../checker/books.ts';
import { checkBooks } from '../checker/check.ts';
import type { OpenedAccount } from '../checker/history.ts';
import type { Violation } from '../checker/violations.ts';
import type { Client } from '../harness/client.ts';
import { Mysql } from '../harness/mysql.ts';
import type { MysqlAddress } from '../harness/system.ts';
import { until } from '../harness/time.ts';
import { bookedHold, bookedHoldEvent, captureContentOf, holdAfterOf } from './hold-books.ts';
import { balancesOf } from './ledger.ts';

export const TRANSFER_COLUMNS = `transaction_id, correlation_id, \`status\`, refusal, source_account, destination_account,
  amount, currency, accepted_at, accepted_after_ms, source_balance, source_version, source_settings_version,
  destination_balance, destination_version, destination_settings_version, group_id, hold_id, held_after, held_change,
  capture`;
const TRANSFERS = `SELECT ${TRANSFER_COLUMNS} FROM transfers`;
const ACCOUNTS =
  'SELECT account_id, currency, balance, held, version, overdraft_limit, settings_version, `status` FROM accounts';
const CHANGES = 'SELECT account_id, correlation_id, settings_version, overdraft_limit, `status` FROM account_changes';
const HOLDS = `SELECT hold_id, correlation_id, \`status\`, refusal, account_id, destination_account, currency, placed_amount,
  asked_expires_at_ms, hold_amount, captured, expires_at_ms, revision, accepted_at FROM holds`;
const HOLD_EVENTS = `SELECT account_id, version, kind, hold_id, currency, balance_after, held_after, held_change,
  settings_version, hold_amount, captured, expires_at_ms, revision, accepted_at, correlation_id FROM hold_events`;
/** The events that placed holds, which are in the rows of the holds. A hold without a given end expires after 7 days. */
const PLACINGS = `SELECT account_id, placed_version AS version, 'PLACED' AS kind, hold_id, currency,
  placed_balance AS balance_after, placed_held AS held_after, placed_amount AS held_change,
  placed_settings_version AS settings_version, placed_amount AS hold_amount, 0 AS captured,
  COALESCE(asked_expires_at_ms, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', accepted_at) DIV 1000 + 604800000) AS expires_at_ms,
  1 AS revision, accepted_at, correlation_id FROM holds`;
const SUMS = 'SELECT currency, CAST(SUM(balance) AS CHAR) AS total FROM accounts GROUP BY currency';

/** The number of accounts per part, limited so that their rows fit into memory after a long load. */
const ACCOUNTS_PER_PART = 250;

/** The rows of the accounts with this prefix, read directly from MySQL, and what the API returns for them. */
export async function readBooks(
  address: MysqlAddress,
  client: Client,
  prefix: string,
  accounts: readonly OpenedAccount[],
): Promise<Books> {
  using mysql = await Mysql.open(address);
  const sql = `${TRANSFERS} WHERE source_account LIKE ? OR destination_account LIKE ?`;
  const { transferRows, ...books } = await readRows(mysql, prefix, { sql, patterns: 2 });
  const transfers = transferRows.map((row) => transferOf(row));
  return { ...books, transfers, views: [await balancesOf(client, accounts)] };
}

/** All rows of the accounts with this prefix, as of one moment. @param query for the rows of transfers */
export async function readRows(mysql: Mysql, prefix: string, query: { sql: string; patterns: number }) {
  const pattern = patternOf(prefix);
  await mysql.rows('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  return {
    transferRows: await mysql.rows(
      query.sql,
      Array.from({ length: query.patterns }, () => pattern),
    ),
    accounts: (await mysql.rows(`${ACCOUNTS} WHERE account_id LIKE ?`, [pattern])).map(accountOf),
    changes: (await mysql.rows(`${CHANGES} WHERE account_id LIKE ?`, [pattern])).map(changeOf),
    holds: (await mysql.rows(`${HOLDS} WHERE account_id LIKE ?`, [pattern])).map(bookedHold),
    holdEvents: await holdEventsIn(mysql, 'account_id LIKE ?', [pattern]),
    sums: await sumsIn(mysql),
  };
}

/** The events of holds, except captures; those that placed a hold come first. */
async function holdEventsIn(mysql: Mysql, condition: string, values: unknown[]): Promise<BookedHoldEvent[]> {
  const placings = await mysql.rows(`${PLACINGS} WHERE ${condition} AND placed_version IS NOT NULL`, values);
  const others = await mysql.rows(`${HOLD_EVENTS} WHERE ${condition}`, values);
  return [...placings, ...others].map(bookedHoldEvent);
}

/**
 * How soon the holds of a load expire if they do not have the default expiry, ms, and how long to wait until they have
 * expired.
 */
const SOON_MS = 60_000;
const EXPIRED_MS_MAX = 120_000;

/**
 * Waits until every hold of these accounts that expires soon has ended; otherwise, held amounts would change while they
 * are read.
 */
export async function untilExpired(address: MysqlAddress, prefix: string): Promise<void> {
  using mysql = await Mysql.open(address);
  await until('the holds have expired', EXPIRED_MS_MAX, async () => {
    const open = await mysql.rows(
      "SELECT 1 FROM holds WHERE `status` = 'OPEN' AND account_id LIKE ? AND expires_at_ms < ? LIMIT 1",
      [patternOf(prefix), Date.now() + SOON_MS],
    );
    return open.length === 0;
  });
}

/** Checks the books of accounts whose load was not recorded, some accounts at a time. */
export async function violationsInBooks(
  address: MysqlAddress,
  client: Client,
  accounts: readonly OpenedAccount[],
): Promise<Violation[]> {
  using mysql = await Mysql.open(address);
  const violations: Violation[] = [];
  for (let from = 0; from < accounts.length; from += ACCOUNTS_PER_PART) {
    const part = accounts.slice(from, from + ACCOUNTS_PER_PART);
    const ids = [part.map(({ accountId }) => accountId)];
    const sides = async (side: Side) =>
      (await mysql.rows(`${TRANSFERS} WHERE ${side}_account IN (?)`, ids)).map((row) => transferOf(row, [side]));
    const books: Books = {
      transfers: (await Promise.all([sides('source'), sides('destination')])).flat(),
      accounts: (await mysql.rows(`${ACCOUNTS} WHERE account_id IN (?)`, ids)).map(accountOf),
      changes: (await mysql.rows(`${CHANGES} WHERE account_id IN (?)`, ids)).map(changeOf),
      holds: (await mysql.rows(`${HOLDS} WHERE account_id IN (?)`, ids)).map(bookedHold),
      holdEvents: await holdEventsIn(mysql, 'account_id IN (?)', ids),
      sums: await sumsIn(mysql),
      views: [await balancesOf(client, part)],
    };
    violations.push(...checkBooks(part, books));
  }
  return violations;
}

const patternOf = (prefix: string): string => `${prefix.replaceAll(/[\\%_]/g, '\\$&')}%`;

async function sumsIn(mysql: Mysql): Promise<Books['sums']> {
  const sums = await mysql.rows(SUMS);
  return Object.fromEntries(sums.map((row) => [String(row['currency']), BigInt(row['total'])]));
}

export type Side = 'source' | 'destination';

export function transferOf(row: RowDataPacket, sides: readonly Side[] = ['source', 'destination']): BookedTransfer {
  const position = (side: Side): BookedPosition | null => {
    if (row['status'] !== 'POSTED' || !sides.includes(side)) return null;
    return {
      balance: Number(row[`${side}_balance`]),
      version: Number(row[`${side}_version`]),
      settingsVersion: Number(row[`${side}_settings_version`]),
    };
  };
  return {
    transactionId: row['transaction_id'],
    correlationId: row['correlation_id'],
    // A release without this column stored the time of the pod that received the request.
    acceptedAt: row['accepted_after_ms'] === null ? null : (row['accepted_at'] as Date).getTime(),
    content: {
      source: row['source_account'],
      destination: row['destination_account'],
      amount: Number(row['amount']),
      currency: row['currency'],
      ...(row['group_id'] !== null && { groupId: row['group_id'] }),
      ...captureContentOf(row),
    },
    refusal: row['refusal'],
    source: position('source'),
    destination: position('destination'),
    ...(sides.includes('source') && holdAfterOf(row)),
  };
}

export function accountOf(row: RowDataPacket): BookedAccount {
  const { account_id: accountId, currency } = row;
  const position = { balance: Number(row['balance']), version: Number(row['version']), held: Number(row['held']) };
  return { accountId, currency, ...position, ...settingsOf(row) };
}

const changeOf = (row: RowDataPacket): BookedChange => ({
  accountId: row['account_id'],
  correlationId: row['correlation_id'],
  ...settingsOf(row),
});

const settingsOf = (row: RowDataPacket) => ({
  overdraftLimit: Number(row['overdraft_limit']),
  settingsVersion: Number(row['settings_version']),
  status: row['status'],
});
