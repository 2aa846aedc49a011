import type { Database } from '../connection/pool.ts';

/**
 * The money in the transit accounts of this shard, by currency: the amount that has left for other shards, minus the
 * amount that has arrived. `legs`: the number of legs that have moved this money.
 * @throws Problem database_unavailable
 */
export async function transitMoney(
  database: Pick<Database, 'rows'>,
): Promise<{ currency: string; minorUnits: number; legs: number }[]> {
  const rows = await database.rows<{ currency: string; held: string | number; legs: string | number }>(
    `SELECT currency, SUM(balance) AS held, SUM(version) AS legs FROM accounts WHERE account_id >= '~transit:' AND account_id < '~transit;'
     GROUP BY currency`,
  );
  return rows.map(({ currency, held, legs }) => ({ currency, minorUnits: Number(held), legs: Number(legs) }));
}
