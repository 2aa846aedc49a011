import type { Database } from '../connection/pool.ts';

const ROWS_PER_STATEMENT = 5_000;

/**
 * Writes an account with a long history of transfers, as if they had been posted: with every version, one per second,
 * `ada` gets one unit from `world`, except that every tenth transfer goes in the opposite direction.
 * @param fields SQL for further columns of a row, by version
 */
export async function writeLongHistory(
  database: Database,
  versions: number,
  { startMs, kindOf = () => 'TRANSFER' }: { startMs: number; kindOf?: (version: number) => 'TRANSFER' | 'REVERSAL' },
): Promise<void> {
  let balance = 0;
  for (let from = 1; from <= versions; from += ROWS_PER_STATEMENT) {
    const rows: unknown[][] = [];
    for (let version = from; version < Math.min(from + ROWS_PER_STATEMENT, versions + 1); version++) {
      const sign = version % 10 === 0 ? -1 : 1;
      balance += sign;
      const world = ['world', version, -balance, 1];
      const ada = ['ada', version, balance, 1];
      const id = `01890000-0000-7000-8000-${String(version).padStart(12, '0')}`;
      const time = new Date(startMs + version * 1000);
      rows.push([
        id,
        kindOf(version),
        'POSTED',
        1,
        'EUR',
        ...(sign > 0 ? [...world, ...ada] : [...ada, ...world]),
        time,
      ]);
    }
    await database.rows(
      `INSERT INTO transfers (transaction_id, kind, \`status\`, amount, currency, source_account, source_version,
         source_balance, source_settings_version, destination_account, destination_version, destination_balance,
         destination_settings_version, accepted_at, \`user\`, correlation_id, epoch, seq)
       VALUES ${rows.map(() => "(?, 'tester', 'c', 0, 0)").join(', ')}`,
      rows,
    );
  }
  await database.rows("UPDATE accounts SET version = ?, balance = IF(account_id = 'ada', ?, ?)", [
    versions,
    balance,
    -balance,
  ]);
}
