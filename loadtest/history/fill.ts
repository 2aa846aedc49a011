import type { createConnection } from 'mysql2/promise';

type Connection = Awaited<ReturnType<typeof createConnection>>;

const DIGITS = 1000;
const ROWS_PER_STATEMENT = 250_000;
const COUNTERPARTIES = 1000;
/** The time between two postings, ms. The last posting is an hour old. */
const APART_MS = 100;
const ENDS_BEFORE_MS = 3_600_000;

/** One account, whose postings are written by bulk SQL as if they had been posted. */
export interface FilledAccount {
  accountId: string;
  postings: number;
  /** The time of acceptance of the first posting, ms. */
  startMs: number;
}
export const timeOf = ({ startMs }: FilledAccount, version: number): number => startMs + version * APART_MS;

/**
 * Writes accounts and postings: a thousand counterparties in turn pay the account one unit each, except that in every
 * tenth transfer the account pays the counterparty. Every third transfer has a reference, and every tenth has metadata.
 * Versions are gap-free, and every balance is the sum of its postings. Existing data is not written again.
 */
export async function fill(connection: Connection, accountId: string, postings: number): Promise<FilledAccount> {
  const [rows] = await connection.query(
    `SELECT a.version, (SELECT UNIX_TIMESTAMP(accepted_at) * 1000 FROM transfers WHERE destination_account = a.account_id
       AND destination_version = 1) AS first_ms FROM accounts a WHERE a.account_id = ?`,
    [accountId],
  );
  const [found] = rows as { version: number; first_ms: number | null }[];
  if (found?.version === postings)
    return { accountId, postings, startMs: Math.round(Number(found.first_ms)) - APART_MS };
  const startMs = Math.floor((Date.now() - ENDS_BEFORE_MS) / APART_MS - postings) * APART_MS;
  await connection.query('SET SESSION unique_checks = 0, foreign_key_checks = 0');
  await connection.query('DELETE FROM transfers WHERE correlation_id = ?', [accountId]);
  await connection.query('DELETE FROM accounts WHERE opened_by = ?', [accountId]);
  await digits(connection);
  await inParts(postings, (numbers) => writePostings(connection, accountId, startMs, numbers));
  await writeAccounts(connection, accountId, postings);
  return { accountId, postings, startMs };
}

/** 0 to 999: MariaDB has sequences as tables, MySQL does not. */
async function digits(connection: Connection): Promise<void> {
  await connection.query('CREATE TABLE IF NOT EXISTS growth_digits (n INT PRIMARY KEY)');
  const rows = Array.from({ length: DIGITS }, (_, n) => `(${n})`);
  await connection.query(`INSERT IGNORE INTO growth_digits VALUES ${rows.join(',')}`);
}

async function inParts(total: number, run: (numbers: string) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < total; from += ROWS_PER_STATEMENT) {
    const count = Math.min(ROWS_PER_STATEMENT, total - from);
    await run(
      `SELECT ${from + 1} + a.n * ${DIGITS} + b.n AS v FROM growth_digits a STRAIGHT_JOIN growth_digits b
       WHERE a.n < ${Math.ceil(count / DIGITS)} AND a.n * ${DIGITS} + b.n < ${count} ORDER BY a.n, b.n`,
    );
  }
}

async function writePostings(connection: Connection, accountId: string, startMs: number, numbers: string) {
  const ms = `(${startMs} + v * ${APART_MS})`;
  const hex = `LPAD(LOWER(HEX(${ms})), 12, '0')`;
  const back = `v % 10 = 0`;
  const other = `CONCAT('${accountId}-', v % ${COUNTERPARTIES})`;
  const otherVersion = `(v + ${COUNTERPARTIES} - 1 - (v - 1) % ${COUNTERPARTIES}) DIV ${COUNTERPARTIES}`;
  const balance = '(v - 2 * (v DIV 10))';
  const pick = (ifBack: string, otherwise: string) => `IF(${back}, ${ifBack}, ${otherwise})`;
  await connection.query(
    `INSERT INTO transfers (transaction_id, kind, \`status\`, source_account, destination_account, amount, currency,
       source_version, source_balance, source_settings_version, destination_version, destination_balance,
       destination_settings_version, accepted_at, \`user\`, correlation_id, \`reference\`, metadata, epoch, seq)
     SELECT CONCAT(LEFT(${hex}, 8), '-', RIGHT(${hex}, 4), '-7000-8000-', LPAD(LOWER(HEX(v)), 12, '0')), 'TRANSFER', 'POSTED',
       ${pick(`'${accountId}'`, other)}, ${pick(other, `'${accountId}'`)}, 1, 'EUR',
       ${pick('v', otherVersion)}, ${pick(balance, `-${otherVersion}`)}, 1,
       ${pick(otherVersion, 'v')}, ${pick(otherVersion, balance)}, 1,
       FROM_UNIXTIME(${ms} / 1000), 'history', '${accountId}',
       IF(v % 3 = 0, CONCAT('Invoice ', v), NULL), IF(${back}, CONCAT('{"order":"', v, '"}'), NULL), 0, 0
     FROM (${numbers}) numbers`,
  );
}

async function writeAccounts(connection: Connection, accountId: string, postings: number): Promise<void> {
  const columns = 'account_id, currency, `external`, `name`, balance, version, opened_by';
  await connection.query(`INSERT INTO accounts (${columns}) VALUES ?`, [
    [[accountId, 'EUR', 0, 'History', postings - 2 * Math.floor(postings / 10), postings, accountId]],
  ]);
  const version = `COUNT(*)`;
  for (const [side, sign] of [
    ['source', '-'],
    ['destination', ''],
  ])
    await connection.query(
      `INSERT INTO accounts (${columns}) SELECT ${side}_account, 'EUR', 1, CONCAT('Counterparty ', ${side}_account),
         ${sign}${version}, ${version}, ? FROM transfers WHERE correlation_id = ? AND ${side}_account <> ?
       GROUP BY ${side}_account`,
      [accountId, accountId, accountId],
    );
}
