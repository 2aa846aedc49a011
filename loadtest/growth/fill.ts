import { createConnection } from 'mysql2/promise';
import type { StackFile } from '../../resilience-tests/harness/stack.ts';
import type { Point } from './points.ts';

type Connection = Awaited<ReturnType<typeof createConnection>>;

const DIGITS = 1000;
const ROWS_PER_STATEMENT = 500_000;
const OVERDRAFT = 1_000_000_000;
/** Ids of the past: long before any that a run makes. */
const HISTORY_DAYS = 60;

/**
 * Accounts and history by bulk SQL, as right as if they had been posted: account 2k has paid account 2k + 1 one unit after
 * the other, so versions are gap-free, every balance is the sum of its postings, and a reconciliation means what it says.
 * What a crash has left half filled is begun anew.
 */
export async function fill({ host, port, user, password, database }: StackFile['mysql'], point: Point): Promise<void> {
  const connection = await createConnection({ host, port, user, password, database, timezone: 'Z' });
  try {
    await connection.query('CREATE TABLE IF NOT EXISTS growth_filled (`point` VARCHAR(64) PRIMARY KEY)');
    const [done] = await connection.query('SELECT `point` FROM growth_filled WHERE `point` = ?', [point.name]);
    if ((done as unknown[]).length > 0) return;
    await connection.query('SET SESSION unique_checks = 0, foreign_key_checks = 0');
    await connection.query("DELETE FROM transfers WHERE `user` = 'growth'");
    await connection.query("DELETE FROM accounts WHERE account_id LIKE 'load-%'");
    await digits(connection);
    await fillAccounts(connection, point);
    await fillHistory(connection, point);
    await connection.query('INSERT INTO growth_filled VALUES (?)', [point.name]);
  } finally {
    await connection.end();
  }
}

/** 0 to 999: MariaDB has sequences as tables, MySQL has not. */
async function digits(connection: Connection): Promise<void> {
  await connection.query('CREATE TABLE IF NOT EXISTS growth_digits (n INT PRIMARY KEY)');
  const rows = Array.from({ length: DIGITS }, (_, n) => `(${n})`);
  await connection.query(`INSERT IGNORE INTO growth_digits VALUES ${rows.join(',')}`);
}

/** As `accountId` of bank.ts writes it. */
const ID = (n: string) => `CONCAT('load-', LPAD(${n}, GREATEST(5, LENGTH(${n})), '0'))`;

/** So many numbers from one on, in order, a part at a time. */
async function inParts(total: number, run: (numbers: string) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < total; from += ROWS_PER_STATEMENT) {
    const to = Math.min(total, from + ROWS_PER_STATEMENT);
    const thousands = Math.ceil((to - from) / DIGITS);
    await run(
      `SELECT ${from} + a.n * ${DIGITS} + b.n AS i FROM growth_digits a STRAIGHT_JOIN growth_digits b
       WHERE a.n < ${thousands} AND a.n * ${DIGITS} + b.n < ${to - from} ORDER BY a.n, b.n`,
    );
  }
}

async function fillAccounts(connection: Connection, { accounts, history }: Point): Promise<void> {
  const { rounds, payers } = shape({ accounts, history });
  await inParts(accounts, (numbers) => {
    const version = `IF(i < ${2 * payers}, ${rounds}, 0)`;
    const balance = `IF(i < ${2 * payers}, IF(i % 2 = 0, -${rounds}, ${rounds}), 0)`;
    return connection.query(
      `INSERT INTO accounts (account_id, currency, balance, version, overdraft_limit, opening_overdraft_limit, opened_by)
       SELECT ${ID('i')}, 'EUR', ${balance}, ${version}, ${OVERDRAFT}, ${OVERDRAFT}, 'growth' FROM (${numbers}) numbers`,
    );
  });
}

/** Ordered by payer, then by version: both unique keys grow at their ends. */
async function fillHistory(connection: Connection, point: Point): Promise<void> {
  const { rounds } = shape(point);
  const since = Date.now() - HISTORY_DAYS * 86_400_000;
  await inParts(point.history, (numbers) => {
    const payer = `2 * FLOOR(i / ${rounds})`;
    const version = `i % ${rounds} + 1`;
    const hex = `LPAD(LOWER(HEX(${since} + i)), 12, '0')`;
    return connection.query(
      `INSERT INTO transfers (transaction_id, kind, \`status\`, source_account, destination_account, amount, currency,
         source_version, source_balance, source_settings_version, destination_version, destination_balance,
         destination_settings_version, accepted_at, \`user\`, correlation_id, epoch, seq)
       SELECT CONCAT(LEFT(${hex}, 8), '-', RIGHT(${hex}, 4), '-7000-8000-', LPAD(LOWER(HEX(i)), 12, '0')), 'TRANSFER', 'POSTED',
         ${ID(payer)}, ${ID(`${payer} + 1`)}, 1, 'EUR', ${version}, -(${version}), 1, ${version}, ${version}, 1,
         FROM_UNIXTIME((${since} + i) / 1000), 'growth', 'growth', 0, i + 1
       FROM (${numbers}) numbers`,
    );
  });
}

/** How many pay, and how often each. */
function shape({ accounts, history }: Pick<Point, 'accounts' | 'history'>): { payers: number; rounds: number } {
  const rounds = Math.max(1, history / (accounts / 2));
  if (!Number.isInteger(rounds)) throw new RangeError('the history must be a multiple of half the accounts, or fewer');
  return { rounds, payers: history / rounds };
}
