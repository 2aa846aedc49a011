/**
 * Runs a k6 scenario against its own stack, or against --url (with HOLDFAST_KEY), and reconciles the books: a run with
 * drift is not a valid result.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { exitOnSignals } from '../../verification/harness/command.ts';
import { PrivateStack } from '../../verification/harness/stack.ts';
import { openAccounts, type Reconciliation, reconcile, type Target } from '../bank.ts';
import { cpuByPart, cpuPerUnit } from '../measure.ts';
import { breakThings } from './faults.ts';
import { asked, type ScenarioName } from './options.ts';
import { findK6, runK6 } from './program.ts';
import { type Result, writeResults } from './results.ts';
import { type Figures, readFigures } from './summary.ts';

const FOLDER = import.meta.dirname;
/**
 * Low enough that a stack on this machine sheds load before k6 runs out of connections: k6 needs more CPU than the
 * service.
 */
const LIMITS = { REQUESTS_IN_FLIGHT_MAX: '256', REQUESTS_IN_FLIGHT_BUSY_MAX: '200' };

exitOnSignals();

const order = asked(process.argv.slice(2));
const k6 = findK6();
await using own = order.urls.length > 0 ? null : await PrivateStack.start({ env: LIMITS });
const target = (): Target => own?.file ?? { api: [...order.urls], apiKey: process.env['HOLDFAST_KEY'] ?? '' };
console.log(`Opening ${order.accounts} accounts at ${target().api.join(', ')}.`);
await openAccounts(target(), order.accounts);
mkdirSync(join(FOLDER, 'results'), { recursive: true });

const results: Result[] = [];
let best = 0;
for (const name of order.scenarios) {
  const result = await measure(name);
  results.push(result);
  if (name === 'capacity') best = result.figures.transfersPerSecond;
}
const command = `npm run k6 -- ${process.argv.slice(2).join(' ')}`;
if (order.all && !own) console.log('Not written to RESULTS.md: the service may run elsewhere.');
else if (order.all) writeResults(FOLDER, { command, limits: LIMITS, results });
for (const { name, figures, code, books } of results) {
  const verdict =
    code === 0
      ? 'met all its limits'
      : `exited with code ${code}; limits exceeded: ${figures.broken.join('; ') || 'none'}`;
  console.log(`${name}: ${verdict}; reconciliation: ${books.clean ? 'clean' : 'DRIFT'}`);
}
if (results.some(({ code, books }) => code !== 0 || !books.clean)) process.exitCode = 1;
if (own && results.some(({ books }) => !books.clean)) {
  own.keep = true;
  console.error(`Kept for inspection: ${own.keptAs}`);
}

async function measure(name: ScenarioName): Promise<Result> {
  console.log(`\n== ${name}`);
  const file = join(FOLDER, 'results', name);
  const env = {
    // The measured best rate comes first, so that the caller's `--best` overrides it.
    ...(name === 'overload' && best > 0 ? { BEST: String(best) } : {}),
    ...order.env,
    ACCOUNTS: String(order.accounts),
    HOLDFAST_URL: target().api.join(','),
    HOLDFAST_KEY: target().apiKey,
    SUMMARY_JSON: `${file}.json`,
    K6_WEB_DASHBOARD: 'true',
    // -1: k6 starts no web server and writes the report at the end.
    K6_WEB_DASHBOARD_PORT: '-1',
    K6_WEB_DASHBOARD_PERIOD: '1s',
    K6_WEB_DASHBOARD_EXPORT: `${file}.html`,
    K6_NO_USAGE_REPORT: 'true',
  };
  const before = own && cpuByPart(own.file);
  using _faults = own && name === 'failure' ? breakThings(own, Number(order.env['SECONDS'] ?? 30)) : null;
  const { code, cpuMs } = await runK6(
    k6,
    ['run', '--quiet', '--log-output', `file=${file}.log`, join(FOLDER, 'scenarios', `${name}.ts`)],
    env,
  );
  // 99 is a missed threshold; with any other code there is no result to read.
  if (code !== 0 && code !== 99) throw new Error(`k6 exited with code ${code} in ${name}`);
  const figures: Figures = readFigures(`${file}.json`);
  const k6Micros = Math.round((cpuMs * 1000) / figures.requests);
  // The CPU time of a killed process is lost.
  const parts = before && own && name !== 'failure' ? cpuPerUnit(before, cpuByPart(own.file), figures.requests) : null;
  const books: Reconciliation = await reconcile(target(), order.accounts);
  return { name, code, figures, cpuMicrosPerRequest: { k6: k6Micros, ...parts }, books };
}
