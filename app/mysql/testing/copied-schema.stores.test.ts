import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrate } from '../schema/data-source.ts';
import { copySchema } from './copied-schema.ts';
import { emptyDatabase } from './test-database.ts';

let migrated: Awaited<ReturnType<typeof emptyDatabase>>;
let copies: Awaited<ReturnType<typeof emptyDatabase>>[];
beforeAll(async () => {
  migrated = await emptyDatabase();
  copies = [await emptyDatabase(), await emptyDatabase()];
  await migrate(migrated.url);
  await Promise.all(copies.map(({ url }) => copySchema(url)));
});
afterAll(() => Promise.all([migrated, ...copies].map(({ drop }) => drop())));

async function query<Row>(url: string, sql: string): Promise<Row[]> {
  const connection = await createConnection({ uri: url, timezone: 'Z' });
  try {
    return (await connection.query<RowDataPacket[]>(sql))[0] as Row[];
  } finally {
    await connection.end();
  }
}

const identityOf = async (url: string) =>
  (await query<{ ledger_id: string }>(url, 'SELECT ledger_id FROM ledger_identity'))[0]?.ledger_id ?? '';

/** All definitions and rows. The name of the database, the id of the ledger, and times around now are replaced. */
async function contentOf(url: string): Promise<Record<string, unknown>> {
  const tables = await query<{ name: string }>(
    url,
    'SELECT `table_name` AS name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY name',
  );
  const ledgerId = await identityOf(url);
  const names: [string, string][] = [
    [new URL(url).pathname.slice(1), 'DATABASE'],
    [ledgerId, 'LEDGER'],
  ];
  const content: Record<string, unknown> = {};
  for (const { name } of tables) {
    const definition = await query<object>(url, `SHOW CREATE TABLE \`${name}\``);
    const rows = await query<object>(url, `SELECT * FROM \`${name}\``);
    let text = JSON.stringify([definition, rows]);
    for (const [own, general] of names) text = text.replaceAll(own, general);
    content[name] = text.replaceAll(/"20\d\d-\d\d-\d\dT[\d:.]+Z"/g, 'NOW');
  }
  return content;
}

it('a copied schema is the same as a migrated one, and each copy is a ledger of its own', async () => {
  const wanted = await contentOf(migrated.url);
  expect(Object.keys(wanted).length).toBeGreaterThan(30);
  const identities = new Set([await identityOf(migrated.url)]);
  for (const { url } of copies) {
    expect(await contentOf(url)).toEqual(wanted);
    expect(await identityOf(url)).toMatch(/^[0-9a-f]{32}$/);
    identities.add(await identityOf(url));
  }
  expect(identities.size).toBe(3);
});
