import { rmSync } from 'node:fs';
import { type Connection, createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startMariadb } from '../../../devstack/stores/mariadb.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { until } from '../../kernel/testing/until.ts';
import { Database, type PoolOptions } from '../connection/pool.ts';
import { emptyDatabase, poolOptions } from '../testing/test-database.ts';

type Server = Awaited<ReturnType<typeof startMariadb>>;

/** A separate server, so that changes to it do not affect other tests. */
let server: Server;
let root: Connection;
let database: Database;
let clientUrl: string;
let drop: () => Promise<void>;
const dir = temporaryFolder();

async function connectRoot(): Promise<void> {
  root = await createConnection(server.url);
  root.on('error', () => {});
}

beforeAll(async () => {
  server = await startMariadb({ dir, relaxed: true });
  await connectRoot();
});
afterAll(async () => {
  await root.end().catch(() => {});
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A user like the one that operators create for Holdfast, with privileges on one database and none on the server. */
beforeEach(async () => {
  const empty = await emptyDatabase(server.url);
  drop = empty.drop;
  const url = new URL(empty.url);
  await root.query(`CREATE USER client IDENTIFIED BY 'first'`);
  await root.query(`GRANT ALL ON ${url.pathname.slice(1)}.* TO client`);
  url.username = 'client';
  url.password = 'first';
  clientUrl = url.href;
  database = open();
  await database.rows('CREATE TABLE notes (id INT PRIMARY KEY, note TEXT NOT NULL)');
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
  await root.query('DROP USER client');
  await drop();
});

const open = (options: Partial<PoolOptions> = {}) => new Database({ ...poolOptions(clientUrl), ...options });
const write = (id: number) =>
  database.transaction((session) => session.run('REPLACE INTO notes VALUES (?, ?)', [id, '']));

async function killClients(): Promise<void> {
  const [rows] = await root.query("SELECT id FROM information_schema.processlist WHERE user = 'client'");
  for (const { id } of rows as { id: number }[]) await root.query(`KILL CONNECTION ${id}`).catch(() => {});
}

/** @returns the MySQL error code behind the 503 */
async function refusal(work: () => Promise<unknown>): Promise<string> {
  const problem = await work().then(
    () => 'it was not refused',
    (error: unknown) => error,
  );
  expect(problem).toMatchObject({ code: 'database_unavailable', status: 503 });
  return /\((.*)\)/.exec((problem as Error).message)?.[1] ?? (problem as Error).message;
}

/** Expects the same pool to work again without a restart, whatever was wrong with its connections. */
async function heals(): Promise<void> {
  await until('it works again', () => write(1).catch(() => null));
  for (let n = 0; n < 12; n++) await write(n);
}

describe('A refusal by MySQL for a temporary reason is reported as database_unavailable, and ends when the reason ends', () => {
  it.each<[string, string, string, RegExp]>([
    [
      'a locked account',
      'ALTER USER client ACCOUNT LOCK',
      'ALTER USER client ACCOUNT UNLOCK',
      /error 4151|ER_ACCOUNT_HAS_BEEN_LOCKED|error 3118/,
    ],
    [
      'a changed password',
      "ALTER USER client IDENTIFIED BY 'second'",
      "ALTER USER client IDENTIFIED BY 'first'",
      /ER_ACCESS_DENIED_ERROR/,
    ],
    [
      'a limit on the statements of a user',
      'ALTER USER client WITH MAX_QUERIES_PER_HOUR 1',
      'ALTER USER client WITH MAX_QUERIES_PER_HOUR 0',
      /ER_USER_LIMIT_REACHED/,
    ],
    [
      'an expired password',
      'ALTER USER client PASSWORD EXPIRE',
      "ALTER USER client IDENTIFIED BY 'first'",
      /ER_MUST_CHANGE_PASSWORD/,
    ],
  ])('%s', async (_what, cause, cure, code) => {
    await write(1);
    await root.query(cause);
    await killClients();
    await expect.poll(() => refusal(() => write(2))).toMatch(code);
    expect(await refusal(() => database.rows('SELECT 1'))).toMatch(code);
    await root.query(cure);
    await heals();
  });

  it('a user without the required privilege', async () => {
    const name = new URL(clientUrl).pathname.slice(1);
    await root.query(`REVOKE INSERT, DELETE ON ${name}.* FROM client`);
    await killClients();
    await expect.poll(() => refusal(() => write(1))).toBe('ER_TABLEACCESS_DENIED_ERROR');
    await root.query(`GRANT ALL ON ${name}.* TO client`);
    await heals();
  });

  it('a limit on concurrent connections', async () => {
    await root.query('ALTER USER client WITH MAX_USER_CONNECTIONS 1');
    await write(1);
    const held = open();
    await until('the pool holds the only connection, or is refused', () => held.rows('SELECT 1').catch(() => true));
    await killClients();
    const other = await createConnection(clientUrl).catch(() => null);
    if (other) {
      expect(await refusal(() => write(2))).toMatch(
        /ER_(TOO_MANY_USER_CONNECTIONS|USER_LIMIT_REACHED)|CONNECTION_LOST/,
      );
      expect(await refusal(() => write(2))).toMatch(/ER_(TOO_MANY_USER_CONNECTIONS|USER_LIMIT_REACHED)/);
      await other.end();
    }
    await held[Symbol.asyncDispose]();
    await root.query('ALTER USER client WITH MAX_USER_CONNECTIONS 0');
    await heals();
  });

  it('too many connections to the server', async () => {
    await killClients();
    const [[{ max }]] = (await root.query('SELECT @@max_connections AS max')) as unknown as [[{ max: number }]];
    await root.query('SET GLOBAL max_connections = 10');
    const held: Connection[] = [];
    for (let n = 0; n < 12; n++) {
      const one = await createConnection(clientUrl).catch(() => null);
      if (one) held.push(one);
    }
    await expect.poll(() => refusal(() => write(1))).toBe('ER_CON_COUNT_ERROR');
    for (const one of held) await one.end();
    await root.query(`SET GLOBAL max_connections = ${max}`);
    await heals();
  });

  it('a server that has become read-only, as after a failover', async () => {
    await write(1);
    await root.query('SET GLOBAL read_only = ON');
    expect(await refusal(() => write(2))).toBe('ER_OPTION_PREVENTS_STATEMENT');
    expect(await database.rows('SELECT COUNT(*) AS n FROM notes')).toEqual([{ n: 1 }]);
    await root.query('SET GLOBAL read_only = OFF');
    await heals();
  });

  it('a statement killed by an operator', async () => {
    // On some servers, the kill only wakes the sleeping statement, which then succeeds.
    const sleeping = refusal(() => database.rows('SELECT SLEEP(20) FROM DUAL WHERE 1 = 1 /* long */')).catch(
      () => 'it slept on',
    );
    await until('it is killed', async () => {
      const [rows] = await root.query(
        "SELECT id FROM information_schema.processlist WHERE info LIKE '%/* long%' AND user = 'client'",
      );
      for (const { id } of rows as { id: number }[]) await root.query(`KILL QUERY ${id}`);
      return (rows as unknown[]).length > 0;
    });
    expect(await sleeping).toMatch(/ER_QUERY_INTERRUPTED|ER_CONNECTION_KILLED|it slept on/);
    await heals();
  });

  it('a server that stops and starts again', async () => {
    await write(1);
    const { port } = server;
    await server.stop();
    await refusal(() => write(2));
    server = await startMariadb({ dir, port, relaxed: true });
    await connectRoot();
    await heals();
  });

  it('a schema that is not migrated yet', async () => {
    expect(await refusal(() => database.rows('SELECT * FROM later'))).toBe('ER_NO_SUCH_TABLE');
    await database.rows('CREATE TABLE later (id INT)');
    expect(await database.rows('SELECT * FROM later')).toEqual([]);
  });
});

describe('An error that would occur at any time is a bug in Holdfast, and remains an internal error', () => {
  it.each([
    ['wrong SQL', 'SELEKT 1', 'ER_PARSE_ERROR'],
    ['an unknown column', 'SELECT nothing FROM notes', 'ER_BAD_FIELD_ERROR'],
    ['a missing value', 'INSERT INTO notes VALUES (1)', 'ER_WRONG_VALUE_COUNT_ON_ROW'],
    ['a value that is too large', "INSERT INTO notes VALUES (99999999999, '')", 'ER_WARN_DATA_OUT_OF_RANGE'],
    ['an invalid value', 'INSERT INTO notes VALUES (1, NULL)', 'ER_BAD_NULL_ERROR'],
    ['a duplicate value', "INSERT INTO notes VALUES (1, ''), (1, '')", 'ER_DUP_ENTRY'],
    ['an unknown function', 'SELECT HOLDFAST(1)', 'ER_SP_DOES_NOT_EXIST'],
  ])('%s', async (_what, sql, code) => {
    await expect(database.rows(sql)).rejects.toMatchObject({ code });
    await expect(database.transaction((session) => session.run(sql))).rejects.toMatchObject({ code });
  });

  it('incorrect code', async () => {
    const mistake = Object.assign(new TypeError('no'), { code: 'ERR_INVALID_ARG_TYPE' });
    await expect(database.transaction(() => Promise.reject(mistake))).rejects.toBe(mistake);
    await expect(database.transaction(() => Promise.reject(new RangeError('no')))).rejects.toThrow(RangeError);
  });
});

describe('A full table', () => {
  // InnoDB reports a full disk with the same code; a full disk may crash MariaDB, which `resilience-tests` covers
  // (`disk-full`).
  it('is reported as database_unavailable, and writes succeed again when there is space', async () => {
    const empty = await emptyDatabase(server.url);
    await using writer = new Database(poolOptions(empty.url));
    await writer.rows('CREATE TABLE notes (note VARCHAR(255) NOT NULL) ENGINE=MEMORY MAX_ROWS=100');
    const insert = () =>
      writer.transaction((session) => session.run('INSERT INTO notes (note) VALUES (?)', ['x'.repeat(255)]));
    const refused = await until('the table is full', () =>
      insert().then(
        () => null,
        (error: unknown) => error,
      ),
    );
    expect(refused).toMatchObject({ code: 'database_unavailable', cause: { code: 'ER_RECORD_FILE_FULL' } });
    await writer.rows('TRUNCATE TABLE notes');
    expect(await insert()).toBe(1);
    await empty.drop();
  });
});
