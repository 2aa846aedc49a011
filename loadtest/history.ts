/**
 * Measures pages of the history of an account with a million postings and of one with ten, and statements of the whole
 * history. The data is kept in .local/history (about 1 GB), so that a second run starts to measure immediately.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { readCommandLine, wholeNumber } from '../app/config/command-line.mjs';
import type { HistoryQuery } from '../app/ledger/ports/history.ts';
import { exitOnSignals } from '../verification/harness/command.ts';
import { PrivateStack, type StackFile } from '../verification/harness/stack.ts';
import { type FilledAccount, fill } from './history/fill.ts';
import { explain, measurePage, measureStatement, PAGES } from './history/measure.ts';
import { machine } from './measure.ts';

const { values } = readCommandLine({
  name: 'npm run loadtest:history --',
  about: 'Measures the history and the statements of an account with many postings, in .local/history (about 1 GB).',
  options: { postings: wholeNumber('number of postings', { min: 10_000, max: 20_000_000, fallback: 1_000_000 }) },
});
exitOnSignals();

const dir = join(import.meta.dirname, '..', '.local', 'history');
mkdirSync(dir, { recursive: true });
await using own = await PrivateStack.start({ dir });
const stack = own.file;
const [short, long] = [await filled(stack, 10), await filled(stack, values.postings)];
const lines = [...(await pages([short, long])), '', ...(await statements(long)), '', ...(await plans(long))];
const heading = `# History\n\nWritten by \`npm run loadtest:history\` on ${new Date().toISOString().slice(0, 10)} on ${machine()}.\n`;
writeFileSync(join(import.meta.dirname, 'HISTORY.md'), `${heading}\n${lines.join('\n')}\n`);
console.log(lines.join('\n'));

async function filled({ mysql }: StackFile, postings: number): Promise<FilledAccount> {
  const { host, port, user, password, database } = mysql;
  const connection = await createConnection({ host, port, user, password, database, timezone: 'Z' });
  try {
    const since = performance.now();
    const account = await fill(connection, `history-${postings}`, postings);
    console.log(`${account.accountId}: filled (${((performance.now() - since) / 1000).toFixed(0)} s)`);
    return account;
  } finally {
    await connection.end();
  }
}

/** Pages over HTTP, p50 and p99 of 200 requests one after another. */
async function pages(accounts: readonly FilledAccount[]): Promise<string[]> {
  const head = [
    'page, ms (p50 / p99 of 200 requests)',
    ...accounts.map(({ postings }) => `${postings.toLocaleString('en')} postings`),
  ];
  const rows = [head, head.map(() => '---')];
  for (const [name, queryOf] of PAGES) {
    const latencies = await measurePage(stack, accounts, queryOf);
    rows.push([name, ...latencies.map(({ p50, p99 }) => `${p50} / ${p99}`)]);
  }
  return rows.map((cells) => `| ${cells.join(' | ')} |`);
}

async function statements(account: FilledAccount): Promise<string[]> {
  const rows = ['| statement of all postings | s | MiB | growth of the pod, MiB |', '| --- | --- | --- | --- |'];
  for (const format of ['csv', 'camt.053']) {
    const { seconds, mib, grownMib } = await measureStatement(stack, account, format);
    rows.push(`| ${format} | ${seconds} | ${mib} | ${grownMib} |`);
  }
  return rows;
}

/** The plans of the statements of some pages. */
async function plans({ accountId, postings }: FilledAccount): Promise<string[]> {
  const query = { accountId, position: postings / 2, limit: 100 } as const;
  const shown: [string, HistoryQuery][] = [
    ['A page of 100, newest first', { ...query, toward: 'older' }],
    ['A filter by amount', { ...query, toward: 'newer', filter: { amountMin: 500 } }],
  ];
  const lines: string[] = [];
  for (const [name, one] of shown) lines.push(`${name}:`, '', '```', ...(await explain(stack, one)), '```', '');
  return lines.slice(0, -1);
}
