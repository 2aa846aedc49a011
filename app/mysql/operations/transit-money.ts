import type { Database } from '../connection/pool.ts';

/**
 * What the transit accounts of this shard hold, by currency: what has left toward other shards, minus what has arrived.
 * `legs`: how many legs have moved it.
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
