/**
 * Measures a stack of its own, over loopback: a million transfers in batches, single transfers, and balance reads.
 *
 *   npx tsx loadtest/run.ts [--transfers 1000000] [--accounts 10000] [--seconds 30] [--reads 5000] [--only batch,singles,reads]
 */
import { randomBytes } from 'node:crypto';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { PrivateStack } from '../resilience-tests/harness/stack.ts';
import { openAccounts, reconcile } from './bank.ts';
import { batchRun } from './batch-run.ts';
import { cpuByPart, cpuPerUnit, machine, round } from './measure.ts';
import { pacedReads } from './paced-reads.ts';
import { type Report, tableOf, writeReport } from './report.ts';
import { wrk } from './wrk.ts';

const CONNECTIONS = 64;
const BATCH = { batchSize: 500, connections: 8 };

const { values } = parseArgs({
  options: {
    transfers: { type: 'string', default: '1000000' },
    accounts: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '30' },
    reads: { type: 'string', default: '5000' },
    only: { type: 'string', default: 'batch,singles,reads' },
  },
});
const limited = (name: 'transfers' | 'accounts' | 'seconds' | 'reads', most: number): number => {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new RangeError(`--${name} must be a whole number from 1 to ${most}`);
};
const transfers = limited('transfers', 10_000_000);
const accounts = limited('accounts', 100_000);
const seconds = limited('seconds', 600);
const readsPerSecond = limited('reads', 50_000);
const wanted = new Set(values.only.split(','));

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

const loadAverage = round(loadavg()[0] ?? Number.NaN, 1);
await using own = await PrivateStack.start();
const stack = own.file;
const [url = ''] = stack.api;
const { apiKey } = stack;
console.log(`The stack is ready; opening ${accounts} accounts.`);
await openAccounts(stack, accounts);
const found: Partial<Report> = {};
if (wanted.has('batch')) {
  console.log(`${transfers} transfers in batches …`);
  found.batch = await batchRun(stack, { transfers, accounts, ...BATCH });
}
if (wanted.has('singles')) {
  console.log(`Single transfers for ${seconds} s …`);
  const before = cpuByPart(stack);
  const args = [apiKey, String(accounts), randomBytes(3).toString('hex')];
  const result = await wrk({ script: 'transfers', url, connections: CONNECTIONS, seconds, args });
  found.singles = { ...result, cpuMicrosPerTransfer: cpuPerUnit(before, cpuByPart(stack), result.requests) };
}
if (wanted.has('reads')) {
  console.log(`Balance reads at ${readsPerSecond}/s for ${seconds} s, then as many as go …`);
  const paced = { url, apiKey, accounts, perSecond: readsPerSecond, seconds, connections: CONNECTIONS };
  found.reads = await pacedReads(paced);
  const args = [apiKey, String(accounts)];
  found.readsMax = await wrk({
    script: 'balances',
    url,
    connections: CONNECTIONS,
    seconds: Math.ceil(seconds / 2),
    args,
  });
}
const command = ['npm run loadtest', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
const reconciliation = await reconcile(stack);
const report: Report = {
  at: new Date().toISOString(),
  command,
  machine: machine(),
  loadAverage,
  accounts,
  ...found,
  reconciliation,
};
writeReport(import.meta.dirname, report);
console.log(`\n${tableOf(report)}\n`);
if (!reconciliation.clean) {
  own.keep = true;
  console.error(`The books drift; kept for a look: ${own.keptAs}`);
  process.exitCode = 1;
}
