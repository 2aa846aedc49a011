import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type {
  BalanceView,
  BookedAccount,
  BookedChange,
  BookedPosition,
  BookedTransfer,
  Books,
} from '../../verification/checker/books.ts';
import type { GivenUp } from '../../verification/checker/given-up.ts';
import type { OpenedAccount } from '../../verification/checker/history.ts';
import { fieldsOf, minorUnits } from './answers.ts';
import type { Client } from './client.ts';
import type { StackFile } from './system.ts';
import { now } from './time.ts';

const IDS_PER_REQUEST = 1000;

/** The rows of the accounts with this prefix, straight from MySQL, and what the API answers for them. */
export async function readBooks(
  mysql: StackFile['mysql'],
  client: Client,
  prefix: string,
  accounts: readonly OpenedAccount[],
): Promise<Books> {
  const { host, port, user, password, database } = mysql;
  const connection = await createConnection({ host, port, user, password, database, timezone: 'Z' });
  try {
    const pattern = `${prefix.replaceAll(/[\\%_]/g, '\\$&')}%`;
    const rows = async (sql: string, values: unknown[] = []) =>
      (await connection.query<RowDataPacket[]>({ sql, values, timeout: 120_000 }))[0];
    await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    const transfers = await rows(
      `SELECT transaction_id, \`status\`, refusal, source_account, destination_account, amount, currency,
         correlation_id, accepted_at, accepted_after_ms,
         source_balance, source_version, source_settings_version, destination_balance, destination_version, destination_settings_version
       FROM transfers WHERE source_account LIKE ? OR destination_account LIKE ?`,
      [pattern, pattern],
    );
    const stored = await rows(
      `SELECT account_id, currency, balance, version, overdraft_limit, settings_version, \`status\`
       FROM accounts WHERE account_id LIKE ?`,
      [pattern],
    );
    const changes = await rows(
      `SELECT account_id, correlation_id, settings_version, overdraft_limit, \`status\`
       FROM account_changes WHERE account_id LIKE ?`,
      [pattern],
    );
    const sums = await rows('SELECT currency, CAST(SUM(balance) AS CHAR) AS total FROM accounts GROUP BY currency');
    return {
      transfers: transfers.map(transferOf),
      accounts: stored.map(accountOf),
      changes: changes.map(changeOf),
      views: [{ of: 'the API', accounts: await answeredBalances(client, accounts) }],
      sums: Object.fromEntries(sums.map((row) => [String(row['currency']), BigInt(row['total'])])),
    };
  } finally {
    connection.destroy();
  }
}

function transferOf(row: RowDataPacket): BookedTransfer {
  const position = (side: string): BookedPosition | null => {
    if (row['status'] !== 'POSTED') return null;
    return {
      balance: Number(row[`${side}_balance`]),
      version: Number(row[`${side}_version`]),
      settingsVersion: Number(row[`${side}_settings_version`]),
    };
  };
  return {
    transactionId: row['transaction_id'],
    correlationId: row['correlation_id'],
    // A release without this column wrote the time of the pod that took the request.
    acceptedAt: row['accepted_after_ms'] === null ? null : (row['accepted_at'] as Date).getTime(),
    content: {
      source: row['source_account'],
      destination: row['destination_account'],
      amount: Number(row['amount']),
      currency: row['currency'],
    },
    refusal: row['refusal'],
    source: position('source'),
    destination: position('destination'),
  };
}

function accountOf(row: RowDataPacket): BookedAccount {
  const { account_id: accountId, currency } = row;
  const position = { balance: Number(row['balance']), version: Number(row['version']) };
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

/** The transfers that an operator has accepted as lost, by the service's own account of it. */
export async function readGivenUp(mysql: StackFile['mysql']): Promise<GivenUp> {
  const { host, port, user, password, database } = mysql;
  const connection = await createConnection({ host, port, user, password, database, timezone: 'Z' });
  try {
    const [rows] = await connection.query<RowDataPacket[]>(
      "SELECT entry_id, dropped_at FROM dropped_entries WHERE kind = 'transfers'",
    );
    const ahead = Date.now() - now();
    const at = Math.max(...rows.map((row) => (row['dropped_at'] as Date).getTime() - ahead));
    return { transactionIds: new Set(rows.map((row) => String(row['entry_id']))), at };
  } finally {
    connection.destroy();
  }
}

async function answeredBalances(
  client: Client,
  accounts: readonly OpenedAccount[],
): Promise<BalanceView['accounts'][number][]> {
  const answered: BalanceView['accounts'][number][] = [];
  for (let from = 0; from < accounts.length; from += IDS_PER_REQUEST) {
    const accountIds = accounts.slice(from, from + IDS_PER_REQUEST).map(({ accountId }) => accountId);
    const { status, body } = await client.post('/v1/balances/query', { accountIds });
    const items = fieldsOf(body)['items'];
    if (status !== 200 || !Array.isArray(items))
      throw new Error(`the balances were answered ${status} ${JSON.stringify(body)}`);
    for (const item of items.map(fieldsOf)) {
      const balance = minorUnits(item['balance'], String(item['currency']));
      answered.push({ accountId: String(item['accountId']), balance, version: Number(item['version']) });
    }
  }
  return answered;
}
