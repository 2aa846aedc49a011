import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../devstack/system/ports.mjs';
import { until } from '../kernel/testing/until.ts';
import { emptyDatabase, migratedDatabase, type TestDatabase } from '../mysql/testing/test-database.ts';
import { OwnRedis, randomPrefix } from '../redis/testing/own-redis.ts';
import { listen } from '../roles/listen.ts';
import { runRole } from '../roles/run.ts';
import { testConfig } from '../roles/testing/test-context.ts';

let db: TestDatabase;
let redis: OwnRedis;
const children: ChildProcess[] = [];
beforeAll(async () => {
  [db, redis] = await Promise.all([migratedDatabase(), OwnRedis.start()]);
});
afterAll(async () => {
  await Promise.all([db.drop(), redis.stop()]);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** The program as a separate process: its output, and how it ended. */
function start(role: string | null, env: Record<string, string> = {}, stdout: number | 'pipe' = 'pipe') {
  const child = spawn(process.execPath, ['--import', 'tsx', 'app/main.ts', ...(role === null ? [] : [role])], {
    env: {
      PATH: process.env['PATH'] ?? '',
      REDIS_URL: redis.url,
      MYSQL_URL: db.url,
      KEY_PREFIX: randomPrefix(),
      HOST: '127.0.0.1',
      PORT: '0',
      ...env,
    },
    stdio: ['ignore', stdout, 'pipe'],
  });
  children.push(child);
  const program = { child, output: '', ended: new Promise<number | string>(() => {}) };
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (bytes: Buffer) => (program.output += bytes.toString()));
  program.ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal ?? '')));
  return program;
}
/** Writes until the pipe accepts no more. */
function fill(fd: number): void {
  try {
    for (;;) writeSync(fd, '.'.repeat(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}

const says = (program: { output: string }, text: string) =>
  until(`its output contains ${text}`, () => program.output.includes(text));

/** Reports when a process listens for SIGTERM. */
const TELLS = `process.on('newListener', (name) => name === 'SIGTERM' && console.log('listens for SIGTERM'))`;

describe('The program', () => {
  it('as api serves until SIGTERM, and then exits normally with 0', async () => {
    const port = await freePort();
    const program = start('api', { PORT: String(port), BOOTSTRAP_API_KEY: 'x'.repeat(24) });
    await says(program, 'the API is listening');
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(program.output).toContain('"msg":"stopped"');
    expect(program.output).not.toContain('x'.repeat(24));
  });

  it('handles a SIGTERM that arrives while it is still loading', async () => {
    for (const role of ['api', 'keeper']) {
      const program = start(role, { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(TELLS)}` });
      await says(program, 'listens for SIGTERM');
      expect(program.output).not.toContain('"msg"');
      program.child.kill('SIGTERM');
      expect(await program.ended).toBe(0);
      expect(program.output).toContain('"msg":"stopped"');
    }
  });

  it('as keeper works until SIGINT, and then exits normally with 0', async () => {
    const program = start('keeper');
    await says(program, '"mode":"CACHE"');
    program.child.kill('SIGINT');
    expect(await program.ended).toBe(0);
    expect(program.output).toContain('"msg":"stopped"');
  });

  it('exits normally even if its output is not read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-run-'));
    const fifo = join(folder, 'stdout');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const filler = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    // The process gets its own blocking pipe, like the output of a container.
    const stdout = openSync(fifo, constants.O_WRONLY);
    fill(filler);
    const port = await freePort();
    const program = start('api', { PORT: String(port) }, stdout);
    const alive = async () => (await fetch(`http://127.0.0.1:${port}/livez`).catch(() => null))?.status === 200;
    await until('it serves', alive);
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    for (const fd of [reader, filler, stdout]) closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  it('exits normally even while both stores are unavailable', async () => {
    const nowhere = String(await freePort());
    for (const role of ['api', 'keeper']) {
      const away = { REDIS_URL: `redis://127.0.0.1:${nowhere}`, MYSQL_URL: `mysql://u:p@127.0.0.1:${nowhere}/db` };
      const program = start(role, { ...away, BOOTSTRAP_API_KEY: 'x'.repeat(24) });
      await says(program, role === 'api' ? 'could not be stored yet' : 'authority step failed');
      program.child.kill('SIGTERM');
      expect(await program.ended).toBe(0);
    }
  });

  it('as api reports what it waits for, once it has waited for a second', async () => {
    const nowhere = String(await freePort());
    const program = start('api', { MYSQL_URL: `mysql://u:p@127.0.0.1:${nowhere}/db` });
    await says(program, '"reasons":["the authority has not been read from MySQL yet"]');
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(program.output).toContain('"msg":"not ready"');
  });

  it.each([
    ['api', 'PORT'],
    ['keeper', 'ADMIN_PORT'],
  ])('as %s reports a port that is in use, and exits with 1', async (role, variable) => {
    const other = createServer().listen(0, '127.0.0.1');
    await until('it listens', () => other.listening);
    const program = start(role, { [variable]: String((other.address() as AddressInfo).port) });
    expect(await program.ended).toBe(1);
    expect(program.output).toContain('it is in use: stop the process that uses it, or set another PORT');
    other.close();
  });
});

describe('migrate', () => {
  it('waits for MySQL, and logs that it does', async () => {
    const empty = await emptyDatabase();
    const port = await freePort();
    const there = new URL(empty.url);
    const here = new URL(empty.url);
    here.port = String(port);
    const program = start('migrate', { MYSQL_URL: here.href });
    await says(program, '"msg":"waiting for MySQL"');
    expect(program.output).toContain('ECONNREFUSED');
    const proxy = createTcpServer((client) => {
      const mysql = connect(Number(there.port), there.hostname);
      client.pipe(mysql).pipe(client);
      for (const socket of [client, mysql]) socket.on('error', () => {});
    }).listen(port, '127.0.0.1');
    expect(await program.ended).toBe(0);
    expect(program.output).toContain('Migrated: Ledger1763690000000');
    proxy.close();
    await empty.drop();
  });

  it('starts again if MySQL closes the connection during the migration', async () => {
    const empty = await emptyDatabase();
    const other = await createConnection(empty.url);
    // The lock is that of the whole server, where other tests migrate their databases.
    const [locks] = await other.query<RowDataPacket[]>("SELECT GET_LOCK('holdfast-migrations', 300) AS held");
    expect(locks[0]?.['held']).toBe(1);
    const program = start('migrate', { MYSQL_URL: empty.url });
    const found = await until('it waits for the lock', async () => {
      const [rows] = await other.query<RowDataPacket[]>(
        "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'SELECT GET_LOCK%'",
      );
      return rows[0];
    });
    await other.query(`KILL CONNECTION ${Number(found['id'] ?? found['ID'])}`);
    await says(program, 'MySQL went away during the migration: starting it again');
    await other.end();
    expect(await program.ended).toBe(0);
    expect(program.output).toContain('Migrated: Ledger1763690000000');
    await empty.drop();
  });

  it.each([
    ['a wrong password', { password: 'not-the-password' }, 'MySQL does not accept its user or password'],
    ['an unknown database', { pathname: '/nowhere' }, 'its database does not exist; create it first'],
  ])('gives up at once on %s: exits with 78, and logs the reason but no secret', async (_what, change, reason) => {
    const url = Object.assign(new URL(db.url), change);
    for (const command of ['migrate', 'renew-identity']) {
      const program = start(command, { MYSQL_URL: url.href });
      expect(await program.ended).toBe(78);
      expect(program.output).toContain(`Invalid configuration:\n  MYSQL_URL: ${reason}`);
      expect(program.output).not.toMatch(/not-the-password| at |waiting for MySQL/);
    }
  });

  it('ends at once on a SIGTERM while it is waiting', async () => {
    const nowhere = `mysql://u:p@127.0.0.1:${await freePort()}/db`;
    const program = start('migrate', { MYSQL_URL: nowhere });
    await says(program, '"msg":"waiting for MySQL"');
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(128 + 15);
  });
});

describe('main, with the role from its argument or from ROLE', () => {
  const main = async (argument: string | undefined, env: Record<string, string>) => {
    vi.resetModules();
    vi.stubEnv('ROLE', undefined);
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const argv = process.argv;
    const said: string[] = [];
    for (const method of ['log', 'error'] as const) {
      vi.spyOn(console, method).mockImplementation((text: unknown) => void said.push(String(text)));
    }
    process.argv = [argv[0] ?? '', 'main.ts', ...(argument === undefined ? [] : [argument])];
    const before = process.exitCode;
    process.exitCode = 0;
    try {
      await import('../main.ts');
      return { exitCode: process.exitCode, said: said.join('\n') };
    } finally {
      process.argv = argv;
      process.exitCode = before;
    }
  };

  it('migrates, and the second time reports that there is nothing to do', async () => {
    const empty = await emptyDatabase();
    const env = { MYSQL_URL: empty.url, REDIS_URL: redis.url };
    const first = await main('migrate', env);
    const connection = await createConnection(empty.url);
    const [migrations] = await connection.query<RowDataPacket[]>('SELECT name FROM schema_migrations ORDER BY id');
    await connection.end();
    expect(migrations.length).toBeGreaterThan(10);
    const names = migrations.map(({ name }) => name).join(', ');
    expect(first).toEqual({ exitCode: 0, said: `Migrated: ${names}.` });
    expect(await main('migrate', env)).toEqual({ exitCode: 0, said: 'The schema is up to date.' });
    await empty.drop();
  });

  it('lists the roles if it gets none, or an unknown one', async () => {
    for (const role of [null, 'queen', '--no-such-option']) {
      const program = start(role);
      expect(await program.ended).toBe(2);
      expect(program.output).toMatch(/ROLE must be|not one of api, keeper, |Unknown option/);
    }
  });

  it('reports configuration errors without a stack trace, and exits with 78', async () => {
    const { exitCode, said } = await main('api', { MYSQL_URL: 'nonsense', REDIS_URL: redis.url });
    expect(exitCode).toBe(78);
    expect(said).toContain('MYSQL_URL must be');
    expect(said).not.toContain(' at ');
  });

  it('exits with 1 if MySQL was not reachable in time', async () => {
    const nowhere = `mysql://u:p@127.0.0.1:${await freePort()}/db`;
    const env = { MYSQL_URL: nowhere, REDIS_URL: redis.url, MYSQL_COMMAND_WAIT_MS: '300', LOG_LEVEL: 'silent' };
    expect(await main('migrate', env)).toMatchObject({
      exitCode: 1,
      said: expect.stringMatching(/did not accept a connection within 0\.3 s: .*ECONNREFUSED/),
    });
  });

  it('runs a role', async () => {
    const stop = setInterval(() => process.emit('SIGTERM'), 50);
    const env = { MYSQL_URL: db.url, REDIS_URL: redis.url, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' };
    expect(await main(undefined, { ...env, ROLE: 'api', KEY_PREFIX: randomPrefix() })).toEqual({
      exitCode: 0,
      said: '',
    });
    clearInterval(stop);
  });
});

describe('runRole', () => {
  const config = (env: Record<string, string>) => testConfig(db.url, { REDIS_URL: redis.url, ...env });

  it('runs until a signal, for either role', async () => {
    for (const role of ['api', 'keeper']) {
      const before = process.listenerCount('SIGTERM');
      const running = runRole(config({ ROLE: role }));
      await until('it waits for a signal', () => process.listenerCount('SIGTERM') > before);
      process.emit('SIGTERM');
      await running;
    }
  });

  it('aborts what does not end within the grace period', async () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    const env = { PRE_STOP_DELAY_MS: '300', REQUEST_TIMEOUT_MS: '10000' };
    const whole = config({ ROLE: 'api', ...env });
    const before = process.listenerCount('SIGINT');
    const running = runRole({ ...whole, process: { ...whole.process, shutdownGraceMs: 20 } });
    await until('it waits for a signal', () => process.listenerCount('SIGINT') > before);
    process.emit('SIGINT');
    await running;
    expect(exit).toHaveBeenCalledWith(1);
  });

  it('logs an unhandled rejection, and continues', async () => {
    const before = process.listenerCount('SIGTERM');
    const known = new Set(process.listeners('unhandledRejection'));
    const running = runRole(config({ ROLE: 'api' }));
    await until('it waits for a signal', () => process.listenerCount('SIGTERM') > before);
    for (const listener of process.listeners('unhandledRejection')) {
      if (!known.has(listener)) expect(() => listener(new Error('lost'), Promise.resolve())).not.toThrow();
    }
    process.emit('SIGTERM');
    await running;
  });

  it('disposes of everything if startup fails', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await until('it listens', () => server.listening);
    const port = String((server.address() as AddressInfo).port);
    await expect(runRole(config({ ROLE: 'api', PORT: port }))).rejects.toThrow('cannot listen');
    server.close();
  });
});

describe('listen', () => {
  it('reports any error other than a port in use', async () => {
    await expect(listen(createServer(), 1, '203.0.113.1')).rejects.toThrow(
      /cannot listen on 203\.0\.113\.1:1: listen EADDRNOTAVAIL/,
    );
  });
});
