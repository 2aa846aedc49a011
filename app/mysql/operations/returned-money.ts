import type { Database } from '../connection/pool.ts';

/**
 * The money of returned transfers between shards that their source accounts could not take, by currency. It waits on inner
 * accounts until an operator pays it out. @throws Problem database_unavailable
 */
export async function returnedMoney(
  database: Pick<Database, 'rows'>,
): Promise<{ currency: string; minorUnits: number }[]> {
  const rows = await database.rows<{ currency: string; balance: string | number }>(
    "SELECT currency, balance FROM accounts WHERE account_id >= '~returns:' AND account_id < '~returns;'",
  );
  return rows.map(({ currency, balance }) => ({ currency, minorUnits: Number(balance) }));
}
