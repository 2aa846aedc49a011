import type { Database } from '../connection/pool.ts';

/** The whole content of a database at one moment. */
export type Backup = ReadonlyMap<string, readonly Record<string, unknown>[]>;

export function backupOf(database: Database): Promise<Backup> {
  return database.transaction(async (session) => {
    const tables = await session.rows<{ name: string }>(
      `SELECT \`table_name\` AS \`name\` FROM information_schema.tables
       WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'`,
    );
    const rows = new Map<string, Record<string, unknown>[]>();
    for (const { name } of tables) rows.set(name, await session.rows(`SELECT * FROM \`${name}\``));
    return rows;
  }, 'snapshot');
}

/** Replaces the content of the database with a backup. */
export async function restore(database: Database, backup: Backup): Promise<void> {
  await database.transaction(async (session) => {
    await session.run('SET FOREIGN_KEY_CHECKS = 0');
    for (const [name, rows] of backup) {
      await session.run(`DELETE FROM \`${name}\``);
      const columns = Object.keys(rows[0] ?? {}).map((column) => `\`${column}\``);
      if (rows.length > 0)
        await session.run(`INSERT INTO \`${name}\` (${columns.join(',')}) VALUES ?`, [
          rows.map((row) => Object.values(row)),
        ]);
    }
    await session.run('SET FOREIGN_KEY_CHECKS = 1');
  });
}
