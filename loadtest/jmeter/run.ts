/**
 * Runs holdfast.jmx against its own stack, or against --url (with HOLDFAST_KEY), lets JMeter generate its dashboard, and
 * reconciles the books: a run with drift is not a valid result.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine, text, wholeNumber } from '../../app/config/command-line.mjs';
import { PrivateStack } from '../../verification/harness/stack.ts';
import { accountId, openAccounts, reconcile, type Target } from '../bank.ts';
import { installJmeter } from './install.ts';

const FOLDER = import.meta.dirname;
const RESULTS = join(FOLDER, 'results');
const LINES = 50_000;
const SKEW = 0.99;
const JVM = ['-Xms1g', '-Xmx1g', '-XX:+UseParallelGC', '-Djava.awt.headless=true'];

const { values } = readCommandLine({
  name: 'npm run jmeter --',
  about:
    'Runs holdfast.jmx against its own stack or against --url, generates the dashboard of JMeter, and reconciles the books.',
  options: {
    transfers: wholeNumber('transfers per second', { min: 1, max: 100_000, fallback: 100 }),
    reads: wholeNumber('balance reads per second', { min: 0, max: 100_000, fallback: 400 }),
    seconds: wholeNumber('duration', { min: 1, max: 86_400, fallback: 30 }),
    accounts: wholeNumber('number of accounts to open', { min: 1, max: 100_000, fallback: 10_000 }),
    threads: wholeNumber('number of JMeter threads for each kind of request', { min: 1, max: 5000, fallback: 16 }),
    url: text('URL', 'a running service; HOLDFAST_KEY must be its API key', ''),
    remote: text('HOST[:PORT],…', 'JMeter servers that generate the load, each at these rates', ''),
  },
  environment: { HOLDFAST_KEY: 'API key for --url' },
});
const { accounts, url: given, remote, ...order } = values;
const home = installJmeter();

/** The orders for the plan's CSV file. Both accounts are chosen by Zipf's law, so that some are hot. */
function ordersByZipf(): string {
  const sums = new Float64Array(accounts);
  let sum = 0;
  for (let index = 0; index < accounts; index++) sums[index] = sum += (index + 1) ** -SKEW;
  const any = () => {
    const wanted = Math.random() * sum;
    let [low, high] = [0, accounts - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? sum) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const line = () => {
    const source = any();
    const destination = (source + 1 + Math.floor(Math.random() * (accounts - 1))) % accounts;
    return `${accountId(source)},${accountId(destination)},${((1 + Math.floor(Math.random() * 999)) / 100).toFixed(2)}\n`;
  };
  return Array.from({ length: LINES }, line).join('');
}

await using own = given === '' ? await PrivateStack.start() : null;
const target: Target = own?.file ?? { api: [given], apiKey: process.env['HOLDFAST_KEY'] ?? '' };
const url = new URL(target.api[0] ?? '');
await openAccounts(target, accounts);
rmSync(RESULTS, { recursive: true, force: true });
mkdirSync(RESULTS, { recursive: true });
const csv = join(RESULTS, 'accounts.csv');
const log = join(RESULTS, 'jmeter.log');
const dashboard = join(RESULTS, 'dashboard');
writeFileSync(csv, ordersByZipf());
// The key is passed in a file that is deleted afterwards: arguments are visible to every user of the machine.
const secrets = join(RESULTS, 'key.properties');
writeFileSync(secrets, `key=${target.apiKey}\n`, { mode: 0o600 });
const properties = {
  host: url.hostname,
  port: url.port || (url.protocol === 'https:' ? '443' : '80'),
  protocol: url.protocol.slice(0, -1),
  accounts: csv,
  ...order,
  readThreads: order.reads === 0 ? 0 : order.threads,
};
// -J sets a property of this JMeter, -G a property of all its servers; both also accept a file of properties.
const define = remote === '' ? '-J' : '-G';
const { status, error } = spawnSync(
  'java',
  [
    ...JVM,
    `-Djava.util.prefs.userRoot=${home}`,
    ...['-jar', join(home, 'bin', 'ApacheJMeter.jar'), '-n', '-t', join(FOLDER, 'holdfast.jmx'), '-j', log],
    ...['-l', join(RESULTS, 'samples.jtl'), '-e', '-o', dashboard],
    ...(remote === '' ? ['-q', secrets] : ['-G', secrets, '-R', remote, '-X', '-Jserver.rmi.ssl.disable=true']),
    ...Object.entries(properties).map(([name, value]) => `${define}${name}=${value}`),
  ],
  { stdio: 'inherit', timeout: (order.seconds + 600) * 1000 },
);
rmSync(secrets);
if (error) throw error;
if (status !== 0) throw new Error(`JMeter exited with code ${status}: see ${log}`);

/** The part of the dashboard's statistics that is printed, by kind of request; times in ms. */
interface Statistics {
  sampleCount: number;
  errorCount: number;
  throughput: number;
  medianResTime: number;
  pct2ResTime: number;
  pct3ResTime: number;
  maxResTime: number;
}
const statistics = JSON.parse(readFileSync(join(dashboard, 'statistics.json'), 'utf8')) as Record<string, Statistics>;
console.table(
  Object.fromEntries(
    Object.entries(statistics).map(([label, one]) => [
      label,
      {
        requests: one.sampleCount,
        wrong: one.errorCount,
        'per second': Math.round(one.throughput),
        p50: one.medianResTime,
        p95: Math.round(one.pct2ResTime),
        p99: Math.round(one.pct3ResTime),
        max: one.maxResTime,
      },
    ]),
  ),
);
const { clean } = await reconcile(target, accounts);
console.log(`Reconciliation: ${clean ? 'clean' : 'DRIFT'}. Dashboard: ${join(dashboard, 'index.html')}`);
const total = statistics['Total'];
if (!clean || !total || total.sampleCount === 0 || total.errorCount > 0) process.exitCode = 1;
