import { get, type IncomingMessage } from 'node:http';
import type { HistoryQuery } from '../../app/ledger/ports/history.ts';
import { Database } from '../../app/mysql/connection/pool.ts';
import { SqlHistory } from '../../app/mysql/ledger/history.ts';
import { Client } from '../../verification/harness/client.ts';
import type { StackFile } from '../../verification/harness/stack.ts';
import { memoryBytes } from '../../verification/harness/usage.ts';
import { quantile, round } from '../measure.ts';
import { type FilledAccount, timeOf } from './fill.ts';

const REQUESTS = 200;
const WARM_UP = 20;
const MIB = 1024 * 1024;

const cursorAt = (version: number): string => Buffer.from(`v1.${version}`).toString('base64url');
const time = (ms: number): string => encodeURIComponent(new Date(ms).toISOString());

/** The pages that are measured: the same requests for every account. */
export const PAGES: readonly [name: string, queryOf: (account: FilledAccount) => string][] = [
  ['oldest first, 10 items', () => 'limit=10'],
  ['newest first, 10 items', () => 'limit=10&order=desc'],
  ['from the middle, 10 items', ({ postings }) => `limit=10&cursor=${cursorAt(postings / 2)}`],
  [
    'a time range in the middle, 10 items',
    (account) =>
      `limit=10&from=${time(timeOf(account, account.postings / 2))}&to=${time(timeOf(account, account.postings))}`,
  ],
  ['the balance at a given time', (account) => `at=${time(timeOf(account, account.postings / 2))}`],
  ['only debits, newest first, 10 items', () => 'limit=10&order=desc&direction=debit'],
  ['newest first, 100 items', () => 'limit=100&order=desc'],
  ['newest first, 1000 items', () => 'limit=1000&order=desc'],
  ['a kind that matches nothing', () => 'limit=10&kind=reversal'],
  ['an amount that matches nothing', () => 'limit=10&minAmount=5.00&order=desc'],
];

export interface Latency {
  p50: number;
  p99: number;
}

/**
 * The latency of one kind of page over HTTP, one request after another, ms. The accounts take turns, so that other load
 * on the machine slows down all of them.
 */
export async function measurePage(
  stack: StackFile,
  accounts: readonly FilledAccount[],
  queryOf: (account: FilledAccount) => string,
): Promise<Latency[]> {
  using client = new Client(() => stack.api, stack.apiKey, { timeoutMs: 60_000 });
  const times = accounts.map((): number[] => []);
  for (let n = 0; n < WARM_UP + REQUESTS; n++)
    for (const [index, account] of accounts.entries()) {
      const began = performance.now();
      const { status, body } = await client.get(`/v1/accounts/${account.accountId}/postings?${queryOf(account)}`);
      if (status !== 200) throw new Error(JSON.stringify(body).slice(0, 300));
      if (n >= WARM_UP) times[index]?.push(performance.now() - began);
    }
  return times.map((own) => {
    const sorted = Float64Array.from(own).sort();
    return { p50: round(quantile(sorted, 0.5), 2), p99: round(quantile(sorted, 0.99), 2) };
  });
}

/** A database that records its statements. */
class RecordingDatabase extends Database {
  readonly asked: { sql: string; values: unknown[] }[] = [];
  override rows<Row>(sql: string, values: unknown[] = []): Promise<Row[]> {
    this.asked.push({ sql, values });
    return super.rows(sql, values);
  }
}

/** The execution plans of the statements of a page, one line per table. */
export async function explain({ mysql }: StackFile, query: HistoryQuery): Promise<string[]> {
  const { host, port, user, password, database } = mysql;
  const url = `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  const limits = { connectionsMax: 1, queueMax: 10, connectTimeoutMs: 10_000, queryTimeoutMs: 60_000 };
  await using recording = new RecordingDatabase({ url, ...limits, lockWaitTimeoutS: 5 });
  await new SqlHistory({ database: recording }).page(query);
  const lines: string[] = [];
  for (const { sql, values } of [...recording.asked]) {
    lines.push(sql.replace(/\s+/g, ' ').slice(0, 120));
    const rows = await recording.rows<Record<string, unknown>>(`EXPLAIN ${sql}`, values);
    for (const { table, type, key, rows: estimate, Extra } of rows)
      if (table !== null) lines.push(`  ${table}: ${type}, key ${key}, ${estimate ?? '-'} rows, ${Extra ?? ''}`);
  }
  return lines;
}

export interface Download {
  seconds: number;
  mib: number;
  /** The maximum growth of the pod's memory, MiB. */
  grownMib: number;
}

/** Downloads a statement of the whole history. */
export async function measureStatement(stack: StackFile, account: FilledAccount, format: string): Promise<Download> {
  const [pod] = stack.pods.filter(({ role }) => role === 'api');
  const pid = pod?.pid ?? 0;
  const before = memoryBytes(pid);
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, memoryBytes(pid));
  }, 50);
  const period = `from=${time(timeOf(account, 0))}&to=${time(timeOf(account, account.postings + 1))}`;
  const url = `${stack.api[0]}/v1/accounts/${account.accountId}/statement?${period}&format=${format}`;
  const began = performance.now();
  const { bytes, end } = await download(url, stack.apiKey);
  clearInterval(timer);
  if (!/closing_balance,.*\r\n$|<\/Document>\n$/.test(end)) throw new Error(`incomplete: ${end}`);
  return {
    seconds: round((performance.now() - began) / 1000, 1),
    mib: round(bytes / MIB, 1),
    grownMib: round((peak - before) / MIB, 1),
  };
}

function download(url: string, apiKey: string): Promise<{ bytes: number; end: string }> {
  return new Promise((resolve, reject) => {
    const sent = get(
      url,
      { headers: { authorization: `Bearer ${apiKey}` }, agent: false },
      (response: IncomingMessage) => {
        let bytes = 0;
        let end = '';
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          end = (end + chunk.toString('latin1')).slice(-200);
        });
        response.on('end', () => resolve({ bytes, end }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
  });
}
