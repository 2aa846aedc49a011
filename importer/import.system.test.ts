import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../app/kernel/testing/until.ts';
import { API_KEY, type Role, RolesUnderTest } from '../app/roles/testing/roles-under-test.ts';
import { painMessage, transaction } from './testing/pain-message.ts';
import { temporaryFile } from './testing/temporary-file.ts';

const ROOT = join(import.meta.dirname, '..');
const ROWS = 4_000;
const ACCOUNTS = 20;
const KILLS = 6;
/** Some rows must fail: their account does not exist, or has no money. */
const isUnknown = (row: number) => row % 1000 === 500;
const isRefused = (row: number) => row % 1000 === 700;

let roles: RolesUnderTest;
let pod: Role;
let url: string;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper();
  pod = await roles.api();
  await pod.ready();
  await pod.worksIn('CACHE');
  url = `http://127.0.0.1:${(pod.server.address() as AddressInfo).port}`;
  await pod.request('POST', '/v1/accounts', { accountId: 'world', currency: 'EUR', external: true });
  const accounts = Array.from({ length: ACCOUNTS }, (_, i) => ({ accountId: `a${i}`, currency: 'EUR' }));
  await pod.request('POST', '/v1/accounts/batch', { accounts: [...accounts, { accountId: 'poor', currency: 'EUR' }] });
});
afterAll(() => roles.stop());

/** Cents, different in neighboring rows, so that a row that is paid twice or not at all changes a balance. */
const cents = (row: number) => 1 + ((row * 7_919) % 10_007);
const euros = (amount: number) => `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, '0')}`;
const csv = () =>
  [
    'sourceAccount;destinationAccount;amount;currency;reference',
    ...Array.from({ length: ROWS }, (_, i) => {
      const row = i + 1;
      const source = isRefused(row) ? 'poor' : 'world';
      return `${source};${isUnknown(row) ? 'nobody' : `a${row % ACCOUNTS}`};${euros(cents(row))};EUR;"row; ${row}"`;
    }),
  ].join('\r\n');

interface Ended {
  code: number | null;
  output: string;
}
function start(args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const tsx = join(ROOT, 'node_modules/.bin/tsx');
  const env = { ...process.env, HOLDFAST_API_KEY: API_KEY };
  // A process group of its own, because tsx starts Node.js as a child.
  const child = spawn(tsx, ['importer/cli.ts', '--url', url, ...args], { cwd: ROOT, env, detached: true });
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  child.stderr.on('data', (data) => (output += String(data)));
  return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, output })) };
}
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    // The process group has just ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const run = (...args: string[]) => start(args).ended;

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
const results = (path: string) =>
  readFileSync(`${path}.results.csv`, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','));
const balance = async (accountId: string) =>
  (await pod.request('GET', `/v1/accounts/${accountId}/balance`)).json['balance'];
const transfersInMysql = async () => {
  const [row] = await roles.db.database.rows<{ n: number }>(
    "SELECT COUNT(*) AS n FROM transfers WHERE `status` = 'POSTED' AND source_account = 'world'",
  );
  return Number(row?.n);
};

describe('An import that is killed at random', () => {
  const bad = Array.from({ length: ROWS }, (_, i) => i + 1).filter((row) => isUnknown(row) || isRefused(row));
  const posted = ROWS - bad.length;

  it('continues where it stopped, and posts each row exactly once', async () => {
    const path = temporaryFile(csv());
    for (let kill = 0; kill < KILLS; kill++) {
      const { child, ended } = start(['--batch-size', '50', '--concurrency', '3', path]);
      // A random point in the next part of the results, or before the first one.
      const target = sizeOf(`${path}.results.csv`) + Math.random() * 60_000;
      let isOver = false;
      void ended.then(() => {
        isOver = true;
      });
      await until('some rows have been sent', () => isOver || sizeOf(`${path}.results.csv`) >= target);
      signalGroup(child, 'SIGKILL');
      await ended;
    }
    const last = await run(path);
    expect(last).toMatchObject({
      code: 4,
      output: expect.stringContaining(`${posted.toLocaleString('en-US')} of 4,000`),
    });

    const lines = results(path);
    expect(lines.map(([row]) => Number(row))).toEqual(Array.from({ length: ROWS }, (_, i) => i + 1));
    for (const [row, , result, , code] of lines) {
      const wanted = isUnknown(Number(row))
        ? ['FAILED', 'account_not_found']
        : isRefused(Number(row))
          ? ['REJECTED', 'insufficient_funds']
          : ['POSTED', ''];
      expect([row, result, code]).toEqual([row, ...wanted]);
    }
    for (let account = 0; account < ACCOUNTS; account++) {
      const own = lines.filter(([row, , result]) => result === 'POSTED' && Number(row) % ACCOUNTS === account);
      expect(await balance(`a${account}`)).toBe(euros(own.reduce((sum, [row]) => sum + cents(Number(row)), 0)));
    }
    await until('all are in MySQL', async () => (await transfersInMysql()) >= posted);
    expect(await transfersInMysql()).toBe(posted);

    // The service has recorded the failures, too.
    const batchId = /Batch: (\S+)\./.exec(last.output)?.[1];
    expect((await pod.request('GET', `/v1/batches/${batchId}`)).json).toMatchObject({
      ...{ items: ROWS, posted, rejected: 4, failed: 4, undecided: 0 },
    });
    const failed = await pod.request('GET', `/v1/batches/${batchId}/transfers?status=FAILED`);
    expect(
      (failed.json['items'] as { transactionId: string }[]).map(({ transactionId }) => transactionId).sort(),
    ).toEqual(lines.flatMap(([, id = '', result]) => (result === 'FAILED' ? [id] : [])).sort());

    // A run without the files of the earlier runs moves no money.
    rmSync(`${path}.results.csv`);
    rmSync(`${path}.results.csv.state.json`);
    expect(await run(path)).toMatchObject({ code: 4, output: expect.stringContaining('the ledger already had') });
    expect(results(path).map(([row, id, result]) => [row, id, result])).toEqual(
      lines.map(([row, id, result]) => [row, id, result]),
    );
    expect(await transfersInMysql()).toBe(posted);
  });
});

describe('The command', () => {
  it('imports a pain.001 message', async () => {
    const before = Number(await balance('a1'));
    const message = painMessage([{ debtor: 'world', transactions: [transaction('2.5', '<Othr><Id>a1</Id></Othr>')] }]);
    const path = temporaryFile(message, 'payments.xml');
    expect(await run('--dry-run', path)).toMatchObject({
      code: 0,
      output: '1 of 1 rows are valid: 2.50 EUR. Nothing was sent.\n',
    });
    expect(await run(path)).toMatchObject({ code: 0 });
    expect(Number(await balance('a1'))).toBeCloseTo(before + 2.5, 5);
  });

  it('reports the line on which a file is wrong, and sends nothing', async () => {
    const path = temporaryFile(
      'sourceAccount,destinationAccount,amount,currency\nworld,a1,1.00,EUR\nworld,a1,1.001,EUR\n',
    );
    const { code, output } = await run(path);
    expect(code).toBe(3);
    expect(output).toContain(`${path}:3: row 2: amount has 3 decimals, but EUR allows at most 2`);
  });

  it('refuses to import a file twice at the same time, or a file that does not exist', async () => {
    const path = temporaryFile(csv());
    const first = start(['--batch-size', '1', path]);
    await until('some rows have been sent', () => sizeOf(`${path}.results.csv`) > 200);
    expect(await run(path)).toMatchObject({ code: 1, output: expect.stringMatching(/^Process \d+ is writing/) });
    signalGroup(first.child, 'SIGTERM');
    expect((await first.ended).code).not.toBe(0);
    expect((await run()).code).toBe(2);
    expect((await run(`${path}.none`)).code).toBe(3);
  });
});
