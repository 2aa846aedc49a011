/**
 * `npx tsx resilience-tests/alerts.ts`: tests the chart's alerts in a real Prometheus and Alertmanager, with real
 * faults.
 */

import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine, some } from '../app/config/command-line.mjs';
import { Client, silence } from '../verification/harness/client.ts';
import { Cluster } from '../verification/harness/cluster.ts';
import { exitOnSignals } from '../verification/harness/command.ts';
import { now, sleep, until } from '../verification/harness/time.ts';
import { openAccounts } from '../verification/load/ledger.ts';
import { FAULTS, type Fault, NOT_TRIED, type Scene } from './alerts/faults.ts';
import { FASTER, Monitoring } from './harness/monitoring.ts';

const PAGE = join(import.meta.dirname, 'ALERTS.md');
const WORKERS = 12;
const ACCOUNTS = 40;
const FIRES_MS_MAX = 120_000;
const CLEARS_MS_MAX = 240_000;
/** After a fault, data in the windows of the rules can still trigger an alert. */
const QUIET_MS = 15_000;

const { values } = readCommandLine({
  name: 'npx tsx resilience-tests/alerts.ts',
  about:
    "Loads the chart's alerts into Prometheus and Alertmanager, injects faults, and compares the alerts that arrive at a receiver with the expected ones. A complete run writes ALERTS.md.",
  options: {
    only: some(
      FAULTS.map(({ name }) => name),
      'some faults only',
    ),
  },
});

interface Outcome {
  fault: Fault;
  fired: readonly [alert: string, seconds: number][];
  wrong: readonly string[];
}

exitOnSignals();
const faults = FAULTS.filter(({ name }) => values.only?.includes(name) ?? true);
await using cluster = await Cluster.start({
  pods: 2,
  env: { BACKLOG_ENTRIES_MAX: '3000', PRE_STOP_DELAY_MS: '200' },
});
await using monitoring = await Monitoring.start(cluster);
using client = new Client(() => cluster.addresses, cluster.file.apiKey);
const id = (n: number) => `alerts-${n % ACCOUNTS}`;
const accounts = Array.from({ length: ACCOUNTS }, (_, n) => ({
  ...{ accountId: id(n), currency: 'EUR', overdraftLimit: 0, external: true },
}));
await openAccounts(client, accounts);
const stop = new AbortController();
const load = Promise.all(Array.from({ length: WORKERS }, (_, worker) => post(worker)));
const outcomes: Outcome[] = [];
for (const fault of faults) {
  outcomes.push(await tried(fault));
  if (values.only === undefined) writeFileSync(PAGE, report(outcomes, await checkLinks()));
}
stop.abort();
await load;
const brokenLinks = await checkLinks();
const page = report(outcomes, brokenLinks);
console.log(`\n${page}`);
process.exitCode = outcomes.some(({ wrong }) => wrong.length > 0) || brokenLinks.length > 0 ? 1 : 0;

/** Generates constant traffic, because several alerts depend on the responses that clients get. */
async function post(worker: number): Promise<void> {
  for (let n = worker; !stop.signal.aborted; n++) {
    const order = { sourceAccount: id(n), destinationAccount: id(n * 7 + 1), amount: '0.01', currency: 'EUR' };
    await client.post('/v1/transfers', order).catch(silence);
    await sleep(100);
  }
}

async function tried(fault: Fault): Promise<Outcome> {
  const { inbox } = monitoring;
  await until(`nothing fires before ${fault.name}`, CLEARS_MS_MAX, () => inbox.firing.length === 0);
  inbox.forget();
  const wrong: string[] = [];
  const since = now();
  const scene: Scene = { cluster, monitoring, client, id: randomUUID() };
  console.log(`${fault.name}: ${fault.what}`);
  await using undo = await fault.begin(scene);
  const missing = () => fault.must.filter((alert) => !inbox.seen.has(alert));
  await until('', FIRES_MS_MAX, () => missing().length === 0).catch(() =>
    wrong.push(`did not fire: ${missing().join(', ')}`),
  );
  await undo[Symbol.asyncDispose]();
  await sleep(QUIET_MS);
  await until('', CLEARS_MS_MAX, () => inbox.firing.length === 0).catch(() =>
    wrong.push(`did not clear: ${inbox.firing.join(', ')}`),
  );
  const allowed = new Set([...fault.must, ...fault.may]);
  for (const alert of inbox.seen.keys()) if (!allowed.has(alert)) wrong.push(`fired unexpectedly: ${alert}`);
  const fired = [...inbox.seen].map(([alert, at]) => [alert, (at - since) / 1000] as [string, number]);
  console.log(
    `  fired: ${fired.map(([alert, seconds]) => `${alert} ${seconds.toFixed(0)} s`).join(', ') || 'nothing'}`,
  );
  for (const text of wrong) console.error(`  WRONG ${text}`);
  return { fault, fired, wrong };
}

/** Follows every link in the alerts. Each must lead to a page with the alert's heading. */
async function checkLinks(): Promise<string[]> {
  const broken = [];
  for (const [alert, link] of monitoring.inbox.links) {
    const text = await fetch(link).then(
      (response) => (response.ok ? response.text() : ''),
      () => '',
    );
    if (!link.endsWith(`#${alert.toLowerCase()}`) || !text.includes(`\n## ${alert}\n`))
      broken.push(`${alert}: ${link}`);
  }
  return broken;
}

function report(all: readonly Outcome[], broken: readonly string[]): string {
  const rows = all.map(({ fault, fired, wrong }) => {
    const list = fired.map(([alert, seconds]) => `${alert} (${seconds.toFixed(0)} s)`).join(', ') || 'nothing';
    return `| ${fault.name} | ${fault.what} | ${fault.must.join(', ') || 'nothing'} | ${list} | ${wrong.join('; ') || 'as expected'} |`;
  });
  const firedBy = (alert: string) =>
    all.filter(({ fired }) => fired.some(([name]) => name === alert)).map(({ fault }) => fault.name);
  const alerts = monitoring.rules.map(({ alert, severity }) => {
    const by = firedBy(alert);
    const how =
      by.length > 0
        ? `fired by ${by.join(', ')}, and cleared`
        : `promtool only: ${NOT_TRIED[alert] ?? 'did not fire in this run'}`;
    return `| ${alert} | ${severity} | ${how} |`;
  });
  return `# Alert test results

Written by \`npx tsx resilience-tests/alerts.ts\` on ${new Date().toISOString().slice(0, 10)}. Debian's Prometheus and Alertmanager ran the chart's rules,
rendered by Helm, against two pods, two keepers, Redis and MariaDB with traffic and real faults. The table shows the alerts that
arrived at a webhook. Windows and waits of a minute or more, and the scrape interval, are ${FASTER} times shorter than in production; shorter waits and
all thresholds are unchanged. Times are from the fault to the arrival of the alert.

| fault | description | must fire | fired | verdict |
|---|---|---|---|---|
${rows.join('\n')}

Links checked: ${monitoring.inbox.links.size}; broken: ${broken.join(', ') || 'none'}.

| alert | severity | how it was tested |
|---|---|---|
${alerts.join('\n')}

Every alert also has a test case with its real durations in \`scripts/monitoring/alerts*.test.yaml\`, which promtool runs in \`npm test\`.
`;
}
