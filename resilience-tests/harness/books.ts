import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { FinalState, LedgerAccount, LedgerTransfer, OpenedAccount, Position } from '../checker/history.ts';
import { fieldsOf, minorUnits } from './answers.ts';
import type { Client } from './client.ts';
import type { StackFile } from './stack.ts';

const IDS_PER_REQUEST = 1000;

/** The rows of the accounts with this prefix, straight from MySQL, and what the API answers for them. */
export async function readFinalState(
  mysql: StackFile['mysql'],
  client: Client,
  prefix: string,
  accounts: readonly OpenedAccount[],
): Promise<FinalState> {
  const { host, port, user, password, database } = mysql;
  const connection = await createConnection({ host, port, user, password, database, timezone: 'Z' });
  try {
    const pattern = `${prefix.replaceAll(/[\\%_]/g, '\\$&')}%`;
    const rows = async (sql: string, values: unknown[] = []) =>
      (await connection.query<RowDataPacket[]>({ sql, values, timeout: 120_000 }))[0];
    await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    const transfers = await rows(
      `SELECT transaction_id, status, refusal, source_account, destination_account, amount, currency, source_balance,
         source_version, destination_balance, destination_version
       FROM transfers WHERE source_account LIKE ? OR destination_account LIKE ?`,
      [pattern, pattern],
    );
    const stored = await rows('SELECT account_id, currency, balance, version FROM accounts WHERE account_id LIKE ?', [
      pattern,
    ]);
    const sums = await rows('SELECT currency, CAST(SUM(balance) AS CHAR) AS total FROM accounts GROUP BY currency');
    return {
      transfers: transfers.map(transferOf),
      accounts: stored.map(accountOf),
      answered: await answeredBalances(client, accounts),
      sums: Object.fromEntries(sums.map((row) => [String(row['currency']), BigInt(row['total'])])),
    };
  } finally {
    connection.destroy();
  }
}

function transferOf(row: RowDataPacket): LedgerTransfer {
  const position = (side: string): Position | null =>
    row['status'] === 'POSTED'
      ? { balance: Number(row[`${side}_balance`]), version: Number(row[`${side}_version`]) }
      : null;
  return {
    transactionId: row['transaction_id'],
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

function accountOf(row: RowDataPacket): LedgerAccount {
  const { account_id: accountId, currency } = row;
  return { accountId, currency, balance: Number(row['balance']), version: Number(row['version']) };
}

async function answeredBalances(client: Client, accounts: readonly OpenedAccount[]): Promise<FinalState['answered']> {
  const answered: FinalState['answered'] = [];
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
