/**
 * Runs holdfast.jmx against its own stack, or against --url (with HOLDFAST_KEY), writes an HTML report, and reconciles
 * the books: a run with drift is not a valid result.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine, text, wholeNumber } from '../../app/config/command-line.mjs';
import { findProgram } from '../../devstack/install/packages.mjs';
import { PrivateStack } from '../../verification/harness/stack.ts';
import { accountId, openAccounts, reconcile, type Target } from '../bank.ts';
import { reportOf, samplesOf, summaryOf } from './report.ts';

const FOLDER = import.meta.dirname;
const RESULTS = join(FOLDER, 'results');
const DEBIAN_CLASSES = '/usr/share/jmeter/bin/ApacheJMeter.jar:/usr/share/java/bsh.jar';
const LINES = 50_000;
const SKEW = 0.99;

const { values } = readCommandLine({
  name: 'npm run jmeter --',
  about: 'Runs holdfast.jmx against its own stack or against --url, writes a report, and reconciles the books.',
  options: {
    transfers: wholeNumber('transfers per second', { min: 1, max: 100_000, fallback: 100 }),
    reads: wholeNumber('balance reads per second', { min: 1, max: 100_000, fallback: 400 }),
    seconds: wholeNumber('duration', { min: 1, max: 86_400, fallback: 30 }),
    accounts: wholeNumber('number of accounts to open', { min: 1, max: 100_000, fallback: 10_000 }),
    threads: wholeNumber('number of JMeter threads', { min: 1, max: 5000, fallback: 16 }),
    url: text('URL', 'a running service; its key is HOLDFAST_KEY', ''),
  },
  environment: { HOLDFAST_KEY: 'API key for --url' },
});
const { accounts, url: given, ...order } = values;

const jmeter = findProgram('jmeter');
if (jmeter === null)
  throw new Error('JMeter is missing: apt-get install jmeter jmeter-http, or put jmeter on the PATH');

/** Orders for the plan's CSV: both accounts by Zipf's law, so that some are hot. */
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
const [csv, samples, log] = ['accounts.csv', 'samples.jtl', 'jmeter.log'].map((name) => join(RESULTS, name)) as [
  string,
  string,
  string,
];
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
  'jmeter.save.saveservice.output_format': 'csv',
  'jmeter.save.saveservice.print_field_names': 'true',
  // It may contain commas.
  'jmeter.save.saveservice.response_message': 'false',
};
const [major] = execFileSync(jmeter, ['--version'], { encoding: 'utf8' }).match(/\d+(?=\.\d)/) ?? ['2'];
const isDebians = Number(major) < 3;
const [program, before, after] = isDebians
  ? [
      'java',
      ['-Djmeter.home=/usr/share/jmeter', '-cp', DEBIAN_CLASSES, 'bsh.Interpreter', join(FOLDER, 'debian.bsh')],
      [],
    ]
  : [jmeter, [], ['-e', '-o', join(RESULTS, 'dashboard')]];
const plan = ['-n', '-t', join(FOLDER, 'holdfast.jmx'), '-l', samples, '-j', log, '-q', secrets];
const settings = Object.entries(properties).map(([name, value]) => `-J${name}=${value}`);
const { status, error } = spawnSync(program, [...before, ...plan, ...after, ...settings], {
  stdio: 'inherit',
  timeout: (order.seconds + 300) * 1000,
});
rmSync(secrets);
if (error) throw error;
if (status !== 0) throw new Error(`JMeter ended with ${status}: see ${log}`);
const seen = samplesOf(readFileSync(samples, 'utf8'));
writeFileSync(join(RESULTS, 'report.html'), reportOf(seen));
const { clean } = await reconcile(target, accounts);
console.table(summaryOf(seen));
console.log(`Reconciliation: ${clean ? 'clean' : 'DRIFT'}. Report: ${join(RESULTS, 'report.html')}`);
if (!clean || seen.length === 0 || seen.some(({ good }) => !good)) process.exitCode = 1;
