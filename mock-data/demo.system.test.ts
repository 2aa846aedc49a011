import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { migrate } from '../app/mysql/schema/data-source.ts';
import { toMinor } from './money.ts';
import { FakeService } from './testing/fake-service.ts';

const ROOT = join(import.meta.dirname, '..');

let service: FakeService;
let connection: Connection;
let database: string;
let dir: string;

/** Runs the demo against the in-memory service, which persists into the real schema of a real MySQL. */
beforeEach(async () => {
  database = `t_demo_${randomBytes(4).toString('hex')}`;
  const url = new URL(inject('mysqlUrl'));
  connection = await createConnection(url.href);
  await connection.query(`CREATE DATABASE ${database}`);
  await connection.query(`USE ${database}`);
  url.pathname = `/${database}`;
  await migrate(url.href);
  service = new FakeService();
  service.persist = persist;
  dir = await mkdtemp(join(tmpdir(), 'demo-test-'));
  const mysql = {
    host: url.hostname,
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
  };
  await writeFile(join(dir, 'stack.json'), JSON.stringify({ api: [await service.listen()], apiKey: 'key', mysql }));
});
afterEach(async () => {
  await service[Symbol.asyncDispose]();
  await connection.query(`DROP DATABASE ${database}`);
  await connection.end();
  await rm(dir, { recursive: true });
});

/** Writes everything that the fake service holds to MySQL, unless an earlier call has already done so. */
async function persist(): Promise<void> {
  const [rows] = await connection.query('SELECT 1 FROM transfers LIMIT 1');
  if (Array.isArray(rows) && rows.length > 0) return;
  const accounts = [...service.accounts].map(([id, { body, balance, held, version }]) => [
    id,
    body.currency,
    String(balance),
    String(held),
    version,
  ]);
  await connection.query('INSERT INTO accounts (account_id, currency, balance, held, version) VALUES ?', [accounts]);
  const transfers = service.posted.map((body, index) => {
    const amount = String(toMinor(body.amount, body.currency));
    const now = new Date();
    return [
      body.transactionId,
      'TRANSFER',
      'POSTED',
      body.sourceAccount,
      body.destinationAccount,
      amount,
      body.currency,
      now,
      'u',
      'c',
      1,
      index,
    ];
  });
  await connection.query(
    `INSERT INTO transfers (transaction_id, kind, status, source_account, destination_account, amount, currency, accepted_at,
      user, correlation_id, epoch, seq) VALUES ?`,
    [transfers],
  );
  await persistHolds();
}

async function persistHolds(): Promise<void> {
  const { features } = service;
  if (features.holds.size === 0) return;
  const decided = [new Date(), 0, 'u', 'c', 1, 0];
  const holds = [...features.holds].map(([id, { body, status, amount, captured }]) => [
    ...[id, status, body.account, body.currency, String(amount), String(amount), String(captured)],
    ...decided,
  ]);
  await connection.query(
    `INSERT INTO holds (hold_id, status, account_id, currency, placed_amount, hold_amount, captured, accepted_at,
      accepted_after_ms, user, correlation_id, epoch, seq) VALUES ?`,
    [holds],
  );
  const events = features.holdEvents.map(({ holdId, account, version }, index) => [
    ...[account, version, 'PLACED', holdId, 'EUR', 0, 0, 0, 0, index],
    ...decided,
  ]);
  await connection.query(
    `INSERT INTO hold_events (account_id, version, kind, hold_id, currency, balance_after, held_after, held_change,
      settings_version, revision, accepted_at, accepted_after_ms, user, correlation_id, epoch, seq) VALUES ?`,
    [events],
  );
}

function run(script: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, STACK_DIR: dir };
  return new Promise((resolve) => {
    const command = ['--import', 'tsx', join('mock-data', script), ...args];
    execFile(process.execPath, command, { cwd: ROOT, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
    });
  });
}

const SMALL = ['--accounts', '100', '--transfers', '1000'];
/** Independent of data files on the machine that runs the tests. */
const GENERATED = ['--generated', ...SMALL];

describe('npm run demo', () => {
  it('verifies every balance, repeats this in a second run, and detects a difference of one cent', async () => {
    const first = await run('demo.ts', ...GENERATED);
    expect(first.output).toContain('Everything agrees, to the cent.');
    expect(first.code).toBe(0);
    const posted = service.posted.length;

    const second = await run('demo.ts', ...GENERATED);
    expect(second.output).toContain('Everything agrees, to the cent.');
    expect(second.output).toMatch(/\d+ {2}transfers 200\n/);
    expect(service.posted).toHaveLength(posted);

    await connection.query('UPDATE accounts SET balance = balance + 1 ORDER BY account_id LIMIT 1');
    const third = await run('demo.ts', ...GENERATED);
    expect(third.output).toContain('There are DIFFERENCES');
    expect(third.code).toBe(1);
  });

  it("imports the PKDD'99 file if it is given, and lists the roundings", async () => {
    const path = join(dir, 'trans.asc');
    await writeFile(
      path,
      [
        'trans_id;account_id;date;type;operation;amount;balance;k_symbol;bank;account',
        '1;7;930101;"PRIJEM";"VKLAD";1000.00;1000.00;"";;',
        '2;7;930131;"PRIJEM";"";3.40;1003.50;"UROK";;',
      ].join('\n'),
      'latin1',
    );
    const { code, output } = await run('demo.ts', '--pkdd99', path);
    expect(output).toContain('rows: 2, accounts: 1, external accounts: 2, accounts with an overdraft limit: 0');
    expect(output).toMatch(/\+0\.10 CZK, accounts: +1/);
    expect(code).toBe(0);
  });
});

describe('npm run mock-data', () => {
  it('writes a file, and posts it', async () => {
    const path = join(dir, 'bank.ndjson');
    expect((await run('cli.ts', ...SMALL, '--out', path)).code).toBe(0);
    const { code, output } = await run('cli.ts', '--in', path, '--stack', '--batch', '100');
    expect(output).toContain('unexpected outcomes: 0');
    expect(code).toBe(0);
    expect(service.outcomes.size).toBeGreaterThan(1000);
  });

  it('reports invalid options in one line', async () => {
    for (const [args, message] of [
      [['--days', '0'], '--days must be a whole number from 1 to 36500'],
      [['--ids', 'later'], '--ids must be one of now, history'],
      [['--pkdd99', 'a', '--in', 'b'], 'cannot be combined'],
      [['--post', 'http://127.0.0.1:1'], 'Posting needs --key'],
      [['--stack', '--days', '30000'], 'must be in the past'],
      [['--start', '2025-02-30x'], 'must be a date'],
    ] as const) {
      const { code, output } = await run('cli.ts', ...args);
      expect(output).toContain(message);
      expect(code).toBe(2);
    }
  });
});
