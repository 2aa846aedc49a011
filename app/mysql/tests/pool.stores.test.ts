import { createServer, type Server } from 'node:net';
import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../devstack/system/ports.mjs';
import { Problem } from '../../domain/problem.ts';
import { SilentNetwork } from '../../kernel/testing/silent-network.ts';
import { until } from '../../kernel/testing/until.ts';
import { asProblem } from '../connection/mysql-errors.ts';
import { Database, type PoolOptions } from '../connection/pool.ts';
import { migratedDatabase, poolOptions, type TestDatabase } from '../testing/test-database.ts';

let db: TestDatabase;
const seen = { succeeded: 0, failed: 0 };
const watch = {
  succeeded: () => {
    seen.succeeded += 1;
  },
  failed: () => {
    seen.failed += 1;
  },
};
beforeAll(async () => {
  db = await migratedDatabase(undefined, { watch });
  await db.database.rows('CREATE TABLE notes (id INT PRIMARY KEY, note VARCHAR(20) NOT NULL)');
});
afterAll(() => db.drop());
afterEach(() => db.database.rows('DELETE FROM notes'));

const away = { code: 'database_unavailable', status: 503 };
async function using<T>(options: Partial<PoolOptions>, work: (database: Database) => Promise<T>): Promise<T> {
  const database = new Database({ ...poolOptions(db.url), ...options });
  try {
    return await work(database);
  } finally {
    await database[Symbol.asyncDispose]();
  }
}

describe('A connection', () => {
  it('uses UTC, strict mode, READ COMMITTED and short timeouts', async () => {
    const shown = await using({ lockWaitTimeoutS: 3, waitTimeoutS: 17 }, (database) =>
      database.rows<{ Variable_name: string; Value: string }>('SHOW SESSION VARIABLES'),
    );
    const variables = Object.fromEntries(shown.map((row) => [row.Variable_name, row.Value]));
    expect(variables).toMatchObject({ time_zone: '+00:00', innodb_lock_wait_timeout: '3', wait_timeout: '17' });
    // MariaDB calls it tx_isolation, MySQL transaction_isolation.
    expect(variables['transaction_isolation'] ?? variables['tx_isolation']).toBe('READ-COMMITTED');
    expect(variables['sql_mode']).toContain('STRICT_ALL_TABLES');
  });
});

describe('A connection that cannot be set up', () => {
  it("is not used: without strict mode, the flush's optimistic locking would write zeros", async () => {
    await using({ lockWaitTimeoutS: Number.NaN }, async (database) => {
      await expect(database.rows('SELECT 1')).rejects.toThrow();
      await expect(database.transaction(async (session) => session.rows('SELECT 1'))).rejects.toThrow();
    });
  });
});

describe('A transaction', () => {
  it('is committed when its work is done, and counts changed rows, not matched rows', async () => {
    const counts = await db.database.transaction(async (session) => [
      await session.run("INSERT INTO notes VALUES (1, 'a')"),
      await session.run("UPDATE notes SET note = 'a'"),
      await session.run("UPDATE notes SET note = 'b' WHERE id = ?", [1]),
    ]);
    expect(counts).toEqual([1, 0, 1]);
    expect(await db.database.rows('SELECT * FROM notes')).toEqual([{ id: 1, note: 'b' }]);
  });

  it('is rolled back if its work throws, and the error is passed on', async () => {
    const thrown = new Error('no');
    const work = db.database.transaction(async (session) => {
      await session.run("INSERT INTO notes VALUES (1, 'a')");
      throw thrown;
    });
    await expect(work).rejects.toBe(thrown);
    expect(await db.database.rows('SELECT * FROM notes')).toEqual([]);
  });

  it('on a snapshot reads the data of a single point in time, and cannot write', async () => {
    await db.database.rows("INSERT INTO notes VALUES (1, 'a')");
    await db.database.transaction(async (session) => {
      await db.database.rows("UPDATE notes SET note = 'b'");
      expect(await session.rows('SELECT note FROM notes')).toEqual([{ note: 'a' }]);
      await expect(session.run('DELETE FROM notes')).rejects.toMatchObject({
        code: 'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
      });
    }, 'snapshot');
    await db.database.transaction((session) => session.run('DELETE FROM notes'));
    expect(await db.database.rows('SELECT * FROM notes')).toEqual([]);
  });

  it('leaves nothing behind if its connection is cut, and the pool continues with another connection', async () => {
    await using({ connectionsMax: 1 }, async (database) => {
      const work = database.transaction(async (session) => {
        await session.run("INSERT INTO notes VALUES (1, 'a')");
        const [row] = await session.rows<{ id: number }>('SELECT CONNECTION_ID() AS id');
        await db.database.rows(`KILL CONNECTION ${row?.id}`);
        await session.run("INSERT INTO notes VALUES (2, 'b')");
      });
      await expect(work).rejects.toMatchObject(away);
      expect(await database.rows('SELECT * FROM notes')).toEqual([]);
    });
  });
});

describe('A call that fails', () => {
  it('returns database_unavailable if a row stays locked too long, and is rolled back', async () => {
    await db.database.rows("INSERT INTO notes VALUES (1, 'a')");
    const holder = await createConnection(db.url);
    await holder.query('START TRANSACTION');
    await holder.query("UPDATE notes SET note = 'held'");
    const waiting = using({ lockWaitTimeoutS: 1 }, (database) =>
      database.transaction((session) => session.run("UPDATE notes SET note = 'mine'")),
    );
    await expect(waiting).rejects.toMatchObject({ ...away, message: 'MySQL is unavailable (ER_LOCK_WAIT_TIMEOUT)' });
    await holder.query('ROLLBACK');
    await holder.end();
  });

  it('returns database_unavailable if a statement takes too long', async () => {
    await using({ queryTimeoutMs: 100 }, async (database) => {
      await expect(database.rows('SELECT SLEEP(600)')).rejects.toMatchObject(away);
      const work = database.transaction((session) => session.rows('SELECT SLEEP(600)'));
      await expect(work).rejects.toMatchObject(away);
    });
  });

  it('returns database_unavailable and is counted if nothing listens, for statements and transactions', async () => {
    const url = new URL(db.url);
    url.port = String(await freePort());
    seen.failed = 0;
    await using({ url: url.href, watch }, async (database) => {
      await expect(database.rows('SELECT 1')).rejects.toMatchObject(away);
      await expect(database.transaction(async () => 1)).rejects.toMatchObject(away);
    });
    expect(seen.failed).toBe(2);
  });

  it('returns database_unavailable if the server never responds', async () => {
    const server: Server = createServer(() => {}).listen(0, '127.0.0.1');
    await until('it listens', () => server.listening);
    const url = new URL(db.url);
    url.port = String((server.address() as { port: number }).port);
    await using({ url: url.href, connectTimeoutMs: 100 }, async (database) => {
      await expect(database.rows('SELECT 1')).rejects.toMatchObject(away);
    });
    server.close();
  });

  it('returns database_unavailable if the server stops responding just after it accepted the connection', async () => {
    const network = await SilentNetwork.before(db.url, 'SET SESSION');
    await using({ url: network.url, queryTimeoutMs: 150, connectionsMax: 1 }, async (database) => {
      await expect(database.rows('SELECT 1')).rejects.toMatchObject(away);
      await expect(database.transaction(async () => 1)).rejects.toMatchObject(away);
    });
    network.close();
  });

  it('returns database_unavailable if too many callers wait for a connection, or the pool is closed', async () => {
    await using({ connectionsMax: 1, queueMax: 1 }, async (database) => {
      const ends = await Promise.allSettled([1, 2, 3, 4].map(() => database.rows('SELECT SLEEP(0.05)')));
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
      for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject(away);
    });
    const closed = new Database(poolOptions(db.url));
    await closed[Symbol.asyncDispose]();
    await expect(closed.rows('SELECT 1')).rejects.toMatchObject(away);
  });

  it('returns database_unavailable if no connection becomes free in time; a connection that becomes free later is not lost', async () => {
    await using({ connectionsMax: 1, queryTimeoutMs: 150 }, async (database) => {
      await until('it has its connection', () => database.rows('SELECT 1').catch(() => null));
      let free = () => {};
      const held = new Promise<void>((resolve) => {
        free = resolve;
      });
      let begun = false;
      const work = async () => {
        begun = true;
        await held;
      };
      const holding = database.transaction(work, 'read-committed', 600_000);
      await until('the transaction has begun', () => begun);
      await expect(database.rows('SELECT 1')).rejects.toMatchObject({
        ...away,
        message: 'no MySQL connection became available in time',
      });
      free();
      await holding;
      await expect.poll(() => database.rows('SELECT 2 AS two').catch(() => null)).toEqual([{ two: 2 }]);
    });
  });

  it('loses its connection if it took too long, and the next statement gets another one', async () => {
    await using({ connectionsMax: 1, queryTimeoutMs: 200 }, async (database) => {
      // On a busy machine, even this short statement may take too long.
      const id = () =>
        until('a statement is answered in time', async () => {
          const [row] = await database.rows<{ id: number }>('SELECT CONNECTION_ID() AS id').catch(() => []);
          return row?.id;
        });
      const before = await id();
      await expect(database.rows('SELECT SLEEP(600)')).rejects.toMatchObject(away);
      expect(await id()).not.toBe(before);
    });
  });

  it('throws an error whose stack shows which code sent the statement', async () => {
    async function sendNonsense() {
      await db.database.transaction(async (session) => session.run('SELEC 1'));
    }
    const error = await sendNonsense().catch((failed: Error) => failed);
    expect(error).toMatchObject({ code: 'ER_PARSE_ERROR', stack: expect.stringContaining('sendNonsense') });
    expect(error?.stack).toMatch(/^Error: You have an error in your SQL syntax/);
  });

  it('does not hide errors caused by bugs in Holdfast, because waiting does not fix them', async () => {
    seen.failed = 0;
    await expect(db.database.rows('SELECT nothing')).rejects.toMatchObject({ code: 'ER_BAD_FIELD_ERROR' });
    expect(seen.failed).toBe(0);
    const problem = new Problem('account_not_found', 'x');
    expect(asProblem(problem)).toBe(problem);
    expect(asProblem('text')).toBe('text');
    expect(asProblem(new Error('Pool is closed.'))).toMatchObject({
      ...away,
      message: 'MySQL is unavailable (closed)',
    });
  });
});
