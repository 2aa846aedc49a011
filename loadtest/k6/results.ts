import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reconciliation } from '../bank.ts';
import { machine } from '../measure.ts';
import type { ScenarioName } from './options.ts';
import type { Figures } from './summary.ts';

export interface Result {
  name: ScenarioName;
  code: number | null;
  figures: Figures;
  cpuMicrosPerRequest: Readonly<Record<string, number>>;
  books: Reconciliation;
}

const HEADINGS = [
  'scenario',
  'requests/s',
  'transfers/s',
  'p50 / p95 / p99 / max, ms',
  'dropped',
  'refused (p95)',
  'CPU per request, µs',
  'limits',
  'books',
];

const count = (value: number): string => value.toLocaleString('en');

function rowOf({ name, figures: f, cpuMicrosPerRequest, code, books }: Result): string[] {
  // The wrapper itself only waits.
  const cpu = Object.entries(cpuMicrosPerRequest).filter(([part]) => part !== 'generator');
  return [
    name,
    count(f.perSecond),
    count(f.transfersPerSecond),
    [f.p50Ms, f.p95Ms, f.p99Ms, f.maxMs].join(' / '),
    count(f.dropped),
    f.refusals === 0 ? '0' : `${count(f.refusals)} (${f.refusalP95Ms ?? '–'} ms)`,
    cpu.map(([part, micros]) => `${part} ${Math.round(micros)}`).join(', '),
    code === 0 ? 'met' : `**missed**: ${f.broken.join('; ')}`,
    books.clean ? 'clean' : '**DRIFT**',
  ];
}

export interface Results {
  command: string;
  /** Limits with which the pod was started. */
  limits: Readonly<Record<string, string>>;
  results: readonly Result[];
}

export function writeResults(folder: string, { command, limits, results }: Results): void {
  const rows = [HEADINGS, HEADINGS.map(() => '---'), ...results.map(rowOf)];
  const table = rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const failure = results.find(({ name }) => name === 'failure')?.figures;
  const outcome = failure
    ? `\nFailure under load: ${count(failure.idsKnown)} ids have a known outcome, ${count(failure.idsUnknown)} do not; ${count(failure.idsRetried)} were sent more than once.\n`
    : '';
  const text = `# Load test with k6

Written by \`${command}\` on ${new Date().toISOString().slice(0, 10)}, on ${machine()}. k6, API pod, keeper, Redis (AOF always)
and MariaDB (durable commits) share that machine; the pod has ${Object.entries(limits)
    .map(([name, value]) => `\`${name}=${value}\``)
    .join(' and ')}. k6 measures latencies from the time of sending.
k6 is expensive: these rates are what k6 reaches on this machine, and its CPU is listed with the
service's. For the maximum rates of the service see [../RESULTS.md](../RESULTS.md).

${table}
${outcome}`;
  writeFileSync(join(folder, 'RESULTS.md'), text);
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(results, null, 1)}\n`);
}
