import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { startMariadb } from '../../../devstack/stores/mariadb.mjs';
import { freePort } from '../../../devstack/system/ports.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { systemClock } from '../../kernel/clock.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { emptyDatabase } from '../testing/test-database.ts';
import { WrongMysqlSetting, waitForMysql } from './server-wait.ts';

const TIMEOUTS = { connectTimeoutMs: 2_000, queryTimeoutMs: 5_000 };
let db: Awaited<ReturnType<typeof emptyDatabase>>;
let servers: Server[] = [];
beforeAll(async () => {
  db = await emptyDatabase();
});
afterAll(() => db.drop());
afterEach(() => {
  for (const server of servers) server.close();
  servers = [];
});

function at(change: (url: URL) => void): string {
  const url = new URL(db.url);
  change(url);
  return url.href;
}
const codes = (log: ReturnType<typeof keptLog>) =>
  log.lines.map(({ fields }) => (fields['err'] as { code?: string }).code);

/** Waits for at most the given time, with a clock whose sleeps return immediately. */
async function waitAt(url: string, waitMs = 120_000, timeouts = TIMEOUTS, onSleep = () => {}) {
  const clock = new TestClock();
  clock.onSleep = onSleep;
  const logger = keptLog();
  const error = await waitForMysql({ ...timeouts, url, waitMs, clock, logger }).catch((thrown: unknown) => thrown);
  return { clock, logger, error: error as Error | undefined };
}

describe('Waiting for MySQL', () => {
  it('ends as soon as a server that is started later accepts connections', async () => {
    const dir = temporaryFolder();
    const port = await freePort();
    const logger = keptLog();
    const first = await startMariadb({ dir, port, relaxed: true });
    await first.stop();
    const waiting = waitForMysql({ ...TIMEOUTS, url: first.url, waitMs: 600_000, clock: systemClock, logger });
    await until('it waits', () => logger.lines.length > 0);
    const server = await startMariadb({ dir, port, relaxed: true });
    await waiting;
    expect(codes(logger)).toContain('ECONNREFUSED');
    expect(new Set(logger.messages('warn'))).toEqual(new Set(['waiting for MySQL']));
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('survives refused connections, names that do not resolve, and a server that does not answer or closes the connection', async () => {
    const port = await freePort();
    const refused = await waitAt(
      at((url) => (url.port = String(port))),
      60_000,
    );
    expect(refused.error?.message).toMatch(/^MySQL did not accept a connection within 60 s: .*ECONNREFUSED/);
    expect(refused.clock.slept.length).toBeGreaterThan(10);

    // The label is longer than allowed, so that the resolver rejects it without a query.
    const unnamed = await waitAt(
      at((url) => (url.hostname = `${'x'.repeat(64)}.local`)),
      1_000,
    );
    expect(codes(unnamed.logger)[0]).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
    expect(unnamed.clock.slept.length).toBeGreaterThan(2);

    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    const hanging = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    servers = [silent, hanging];
    await until('they listen', () => servers.every(({ listening }) => listening));
    const [silentUrl = '', hangingUrl = ''] = servers.map((server) =>
      at((url) => (url.port = String((server.address() as { port: number }).port))),
    );
    const timedOut = await waitAt(silentUrl, 1_000, { ...TIMEOUTS, connectTimeoutMs: 50 });
    expect(codes(timedOut.logger)[0]).toBe('ETIMEDOUT');
    const hungUp = await waitAt(hangingUrl, 1_000);
    expect(codes(hungUp.logger)[0]).toMatch(/^(PROTOCOL_CONNECTION_LOST|ECONNRESET)$/);
  });

  it('survives a server without a free connection', async () => {
    const dir = temporaryFolder();
    const server = await startMariadb({ dir, relaxed: true });
    const root = await createConnection(server.url);
    await root.query('SET GLOBAL max_connections = 10');
    const others = await Promise.all(Array.from({ length: 9 }, () => createConnection(server.url)));
    // MariaDB reserves one more connection for administrators.
    const last = await createConnection(server.url).catch(() => null);
    const free = () => {
      for (const other of others) other.destroy();
    };
    const { error, logger } = await waitAt(server.url, 120_000, TIMEOUTS, free);
    expect(error).toBeUndefined();
    expect(codes(logger)).toEqual(expect.arrayContaining(['ER_CON_COUNT_ERROR']));
    last?.destroy();
    root.destroy();
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each<[string, (url: URL) => void, RegExp]>([
    ['a wrong password', (url) => (url.password = 'wrong-password'), /user or password \(ER_ACCESS_DENIED/],
    ['an unknown user', (url) => (url.username = 'nobody'), /user or password \(ER_ACCESS_DENIED/],
    ['an unknown database', (url) => (url.pathname = '/nowhere'), /does not exist; create it first \(ER_BAD_DB_ERROR/],
    ['TLS that the server lacks', (url) => url.searchParams.set('ssl', '{}'), /TLS|certificate/],
  ])('gives up immediately on %s', async (_what, change, why) => {
    const { clock, error } = await waitAt(at(change));
    expect(error).toBeInstanceOf(WrongMysqlSetting);
    expect(error?.message).toMatch(why);
    expect(error?.message).not.toMatch(/wrong-password|nobody/);
    expect(clock.slept).toEqual([]);
  });

  it('gives up immediately if the user may not use the database', async () => {
    const root = await createConnection(inject('mysqlUrl'));
    await root.query("CREATE USER stranger IDENTIFIED BY 'known'");
    const { error } = await waitAt(
      at((url) => {
        url.username = 'stranger';
        url.password = 'known';
      }),
    );
    await root.query('DROP USER stranger');
    await root.end();
    expect(error?.message).toContain('its user may not use its database, or there is no such database (ER_DBACCESS');
  });

  it('leaves no connection behind', async () => {
    let open = 0;
    const { hostname: host, port } = new URL(db.url);
    const proxy = createServer((client) => {
      open += 1;
      const mysql = connect(Number(port), host);
      client.pipe(mysql).pipe(client);
      for (const socket of [client, mysql]) socket.on('error', () => {});
      client.on('close', () => {
        open -= 1;
        mysql.destroy();
      });
    }).listen(0, '127.0.0.1');
    servers = [proxy];
    await until('it listens', () => proxy.listening);
    const { error } = await waitAt(at((url) => (url.port = String((proxy.address() as { port: number }).port))));
    expect(error).toBeUndefined();
    await until('the connection is closed', () => open === 0);
  });
});
