import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { migrate } from '../schema/data-source.ts';

/** Migrated by the first test that needs a database, and then copied by all tests that use the same server. */
const PATTERN = 'holdfast_pattern';
const LOCK_WAIT_S = 600;
/** A time after all times that the schema contains as constants, and before any migration is run. */
const CONSTANTS_BEFORE = '2000-01-01';

/**
 * Gives an empty database the tables and rows of a new ledger with an identity of its own. The result is the same as
 * that of all migrations, which take many times as long.
 */
export async function copySchema(url: string): Promise<void> {
  const connection = await createConnection({ uri: url, multipleStatements: true, timezone: 'Z' });
  try {
    await connection.query((await storedScript(connection)) ?? (await newScript(connection, url)));
  } finally {
    await connection.end();
  }
}

async function rowsOf<Row>(connection: Connection, sql: string, values: unknown[] = []): Promise<Row[]> {
  const [rows] = await connection.query<RowDataPacket[]>(sql, values);
  return rows as Row[];
}

async function storedScript(connection: Connection): Promise<string | null> {
  const tables = 'SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND `table_name` = ?';
  if ((await rowsOf(connection, tables, [PATTERN, 'script'])).length === 0) return null;
  const [row] = await rowsOf<{ statements: string }>(connection, `SELECT statements FROM ${PATTERN}.script`);
  return row?.statements ?? null;
}

/** Several test processes may begin at the same time; only one of them creates the pattern. */
async function newScript(connection: Connection, url: string): Promise<string> {
  await connection.query('SELECT GET_LOCK(?, ?)', [PATTERN, LOCK_WAIT_S]);
  const stored = await storedScript(connection);
  if (stored !== null) return stored;
  await connection.query(`DROP DATABASE IF EXISTS ${PATTERN}; CREATE DATABASE ${PATTERN}`);
  const own = new URL(url);
  own.pathname = `/${PATTERN}`;
  await migrate(own.href);
  const script = await scriptFor(connection);
  await connection.query(`CREATE TABLE ${PATTERN}.script (statements MEDIUMTEXT NOT NULL)`);
  await connection.query(`INSERT INTO ${PATTERN}.script VALUES (?)`, [script]);
  return script;
}

async function scriptFor(connection: Connection): Promise<string> {
  const tables = await rowsOf<{ name: string; kind: string }>(
    connection,
    'SELECT `table_name` AS name, table_type AS kind FROM information_schema.tables WHERE table_schema = ? ORDER BY kind, name',
    [PATTERN],
  );
  const created: string[] = [];
  const filled: string[] = [];
  for (const { name, kind } of tables) {
    const isView = kind === 'VIEW';
    const [row] = await rowsOf<Record<string, string>>(
      connection,
      `SHOW CREATE ${isView ? 'VIEW' : 'TABLE'} ${PATTERN}.\`${name}\``,
    );
    created.push((row?.[isView ? 'Create View' : 'Create Table'] ?? '').replaceAll(`\`${PATTERN}\`.`, ''));
    if (!isView) filled.push(...(await rowsFor(connection, name)));
  }
  const identity = 'SET @ledger_id = REPLACE(UUID(), "-", "")';
  return ['SET FOREIGN_KEY_CHECKS = 0', identity, ...created, ...filled, 'SET FOREIGN_KEY_CHECKS = 1'].join(';\n');
}

/** Statements that copy the rows of a table. The copies get the new ledger's identity, and the time of the copy. */
async function rowsFor(connection: Connection, table: string): Promise<string[]> {
  if ((await rowsOf(connection, `SELECT 1 FROM ${PATTERN}.\`${table}\` LIMIT 1`)).length === 0) return [];
  const columns = await rowsOf<{ name: string; kind: string }>(
    connection,
    'SELECT `column_name` AS name, data_type AS kind FROM information_schema.columns WHERE table_schema = ? AND `table_name` = ?',
    [PATTERN, table],
  );
  const updates = columns.flatMap(({ name, kind }) => {
    const column = `\`${name}\``;
    if (name === 'ledger_id') return [`UPDATE \`${table}\` SET ${column} = @ledger_id`];
    if (kind !== 'datetime') return [];
    return [`UPDATE \`${table}\` SET ${column} = NOW(3) WHERE ${column} >= '${CONSTANTS_BEFORE}'`];
  });
  return [`INSERT INTO \`${table}\` SELECT * FROM ${PATTERN}.\`${table}\``, ...updates];
}
