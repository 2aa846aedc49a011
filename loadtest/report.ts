import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reconciliation } from './bank.ts';
import type { BatchResult } from './batch-run.ts';
import type { PacedResult } from './paced-reads.ts';
import type { WrkResult } from './wrk.ts';

export interface Report {
  at: string;
  command: string;
  machine: string;
  /** Of the last minute before: what else ran. */
  loadAverage: number;
  accounts: number;
  batch?: BatchResult;
  singles?: WrkResult & { cpuMicrosPerTransfer: Record<string, number> };
  reads?: PacedResult;
  readsMax?: WrkResult;
  reconciliation: Reconciliation;
}

type Row = [what: string, value: string];

/** As one table, for the terminal and for RESULTS.md. */
export function tableOf(report: Report): string {
  const rows = [...batchRows(report), ...singleRows(report), ...readRows(report), ...bookRows(report)];
  return ['| what | measured |', '|---|---|', ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join('\n');
}

const count = (value: number): string => value.toLocaleString('en');
const byPart = (micros: Record<string, number>): string =>
  Object.entries(micros)
    .map(([part, value]) => `${part} ${value}`)
    .join(', ');

function batchRows({ batch, accounts }: Report): Row[] {
  if (!batch) return [];
  const { lag, keeperLagMs, redisMemoryMiB: memory } = batch;
  const what = `${count(batch.transfers)} transfers over ${count(accounts)} accounts in batches of ${batch.batchSize}, ${batch.connections} connections`;
  return [
    [`${what}: accepted`, `**${count(batch.acceptedPerSecond)}/s**`],
    ['… from the first request to the last commit in MySQL', `**${count(batch.persistedPerSecond)}/s**`],
    ['… time of a batch request, p50 / p99', `${batch.requestP50Ms} / ${batch.requestP99Ms} ms`],
    ['… batches sent again', count(batch.sentAgain)],
    ['… acceptance to INSERT, p50 / p99 / max', `${lag.p50Ms} / ${lag.p99Ms} / ${lag.maxMs} ms`],
    ['… acceptance to commit by the keeper, p50 / p99', `≤ ${keeperLagMs.p50} / ≤ ${keeperLagMs.p99} ms`],
    ['… memory of Redis before / after / peak', `${memory.before} / ${memory.after} / ${memory.peak} MiB`],
    ['… CPU per transfer, µs', byPart(batch.cpuMicrosPerTransfer)],
  ];
}

function singleRows({ singles }: Report): Row[] {
  if (!singles) return [];
  const what = `Single transfers, wrk, ${singles.connections} connections, ${singles.seconds} s`;
  return [
    ...wrkRows(what, singles),
    ['… CPU per transfer, µs (generator: wrk not counted)', byPart(singles.cpuMicrosPerTransfer)],
  ];
}

function readRows({ reads, readsMax }: Report): Row[] {
  const rows: Row[] = [];
  if (reads) {
    const what = `Balance reads at a fixed ${count(reads.perSecond)}/s, ${reads.seconds} s`;
    rows.push(
      [
        `${what}: p50 / p99 / p99.9 / max from the planned moment`,
        `${reads.p50Ms} / **${reads.p99Ms}** / ${reads.p999Ms} / ${reads.maxMs} ms`,
      ],
      ['… p99 from the sending', `${reads.sentP99Ms} ms`],
      ['… answered, refused or without an answer', `${count(reads.answered)}, ${count(reads.refused)}`],
    );
  }
  if (readsMax)
    rows.push(...wrkRows(`Balance reads, wrk, ${readsMax.connections} connections, ${readsMax.seconds} s`, readsMax));
  return rows;
}

function wrkRows(what: string, result: WrkResult): Row[] {
  return [
    [what, `**${count(result.perSecond)}/s**`],
    ['… p50 / p95 / p99 / max', `${result.p50Ms} / ${result.p95Ms} / ${result.p99Ms} / ${result.maxMs} ms`],
    ['… refused, broken, timed out', `${result.refused}, ${result.broken}, ${result.timeouts}`],
  ];
}

function bookRows({ reconciliation }: Report): Row[] {
  const { clean, report, seconds } = reconciliation;
  const looked = `${count(Number(report['transfers'] ?? 0))} transfers, ${count(Number(report['cachedAccounts'] ?? 0))} cached accounts`;
  return [
    [
      `Reconciliation at the end (${seconds.toFixed(1)} s)`,
      clean ? `clean: ${looked}` : `**DRIFT**: ${JSON.stringify(report).slice(0, 300)}`,
    ],
  ];
}

export function writeReport(folder: string, report: Report): void {
  mkdirSync(join(folder, 'results'), { recursive: true });
  const name = `${report.at.slice(0, 19).replaceAll(/[:T]/g, '-')}.json`;
  writeFileSync(join(folder, 'results', name), `${JSON.stringify(report, null, 2)}\n`);
  const text = `# Load test

Written by \`${report.command}\` on ${report.at.slice(0, 10)}, on ${report.machine}. Generator, API pod, keeper, Redis (AOF always) and MariaDB (durable
commits, binlog) share that machine; before the start its load average, so what else ran there, was
${report.loadAverage}. Raw figures:
\`results/${name}\`.

${tableOf(report)}
`;
  writeFileSync(join(folder, 'RESULTS.md'), text);
}
