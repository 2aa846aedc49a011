import type { Database } from '../connection/pool.ts';

/**
 * What the transit accounts of this shard hold, by currency: what has left toward other shards, minus what has arrived.
 * @throws Problem database_unavailable
 */
export async function transitMoney(
  database: Pick<Database, 'rows'>,
): Promise<{ currency: string; minorUnits: number }[]> {
  const rows = await database.rows<{ currency: string; held: string | number }>(
    `SELECT currency, SUM(balance) AS held FROM accounts WHERE account_id >= '~transit:' AND account_id < '~transit;'
     GROUP BY currency`,
  );
  return rows.map(({ currency, held }) => ({ currency, minorUnits: Number(held) }));
}
