import type { Database } from '../connection/pool.ts';

/**
 * The money, by currency, of transfers between shards that were returned, but whose source accounts could not take it.
 * It waits in inner accounts until an operator pays it out. @throws Problem database_unavailable
 */
export const returnedMoney = (database: Pick<Database, 'rows'>): Promise<Money[]> => moneyOn('~returns', database);

/**
 * The balances of the accounts of losses, by currency, which are never above zero: these accounts pay for transfers
 * whose debit was lost with a database.
 * @throws Problem database_unavailable
 */
export const lostMoney = (database: Pick<Database, 'rows'>): Promise<Money[]> => moneyOn('~loss', database);

interface Money {
  currency: string;
  minorUnits: number;
}

async function moneyOn(accounts: string, database: Pick<Database, 'rows'>): Promise<Money[]> {
  const rows = await database.rows<{ currency: string; balance: string | number }>(
    'SELECT currency, balance FROM accounts WHERE account_id >= ? AND account_id < ?',
    [`${accounts}:`, `${accounts};`],
  );
  return rows.map(({ currency, balance }) => ({ currency, minorUnits: Number(balance) }));
}
