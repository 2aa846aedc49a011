import { rmSync } from 'node:fs';
import { type Connection, createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startMariadb } from '../../../devstack/stores/mariadb.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { MovingName } from '../../kernel/testing/moving-name.ts';
import { until } from '../../kernel/testing/until.ts';
import { FailoverCount } from '../connection/connection-pool.ts';
import { Database, type PoolOptions } from '../connection/pool.ts';
import { emptyDatabase, poolOptions } from '../testing/test-database.ts';

const CONNECTIONS = 3;
const away = { code: 'database_unavailable' };

let server: Awaited<ReturnType<typeof startMariadb>>;
let root: Connection;
let name: MovingName;
let url: string;
let drop: () => Promise<void>;
const dir = temporaryFolder();
const opened: Database[] = [];

beforeAll(async () => {
  server = await startMariadb({ dir, relaxed: true });
  root = await createConnection(server.url);
});
afterAll(async () => {
  await root.end();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Both addresses lead to the same server: the tests check only which address a connection uses. */
beforeEach(async () => {
  const empty = await emptyDatabase(server.url);
  drop = empty.drop;
  name = await MovingName.of(server.port, server.port);
  const moving = new URL(empty.url);
  await root.query("CREATE USER client IDENTIFIED BY 'secret'");
  await root.query(`GRANT ALL ON ${moving.pathname.slice(1)}.* TO client`);
  moving.username = 'client';
  moving.password = 'secret';
  moving.hostname = name.host;
  moving.port = String(name.port);
  url = moving.href;
});
afterEach(async () => {
  name.close();
  for (const database of opened.splice(0)) await database[Symbol.asyncDispose]();
  await root.query('SET GLOBAL read_only = 0');
  await root.query('DROP USER client');
  await drop();
});

/** A pool with all its connections open. */
async function pool(options: Partial<PoolOptions> = {}): Promise<Database> {
  const database = new Database({ ...poolOptions(url), connectionsMax: CONNECTIONS, ...options });
  opened.push(database);
  const openedBefore = name.before.opened;
  await until('all connections are open', async () => {
    await Promise.all(Array.from({ length: CONNECTIONS }, () => database.rows('SELECT SLEEP(0.02)').catch(() => {})));
    return name.before.opened - openedBefore >= CONNECTIONS;
  });
  return database;
}

describe('When the host name of MySQL moves to another server', () => {
  it('connections whose server has vanished silently cost one query timeout in total, not one each', async () => {
    const database = await pool({ queryTimeoutMs: 400 });
    name.before.fallSilent();
    name.move();
    await expect(database.rows('SELECT 1')).rejects.toMatchObject(away);
    // On a busy machine, statements on new connections may time out too.
    await until('a statement is answered', () => database.rows('SELECT 1').catch(() => null));
    expect(name.before.unanswered).toBe(1);
    expect(name.after.opened).toBeGreaterThanOrEqual(1);
  });

  it('connections to a former primary are replaced in all pools once one of them refuses a write', async () => {
    const readOnly = new FailoverCount();
    const [writing, reading] = [await pool({ readOnly }), await pool({ readOnly })];
    await writing.rows('CREATE TABLE notes (id INT PRIMARY KEY)');
    await root.query('SET GLOBAL read_only = 1');
    name.move();
    await reading.rows('SELECT 1');
    expect(name.after.opened).toBe(0);
    await expect(writing.rows('INSERT INTO notes VALUES (1)')).rejects.toMatchObject(away);
    await root.query('SET GLOBAL read_only = 0');
    await reading.rows('SELECT 1');
    const { opened } = name.after;
    expect(opened).toBeGreaterThanOrEqual(1);
    await writing.rows('INSERT INTO notes VALUES (1)');
    expect(name.after.opened).toBeGreaterThan(opened);
  });
});
