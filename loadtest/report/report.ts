import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reconciliation } from '../bank.ts';
import type { Found, Part } from '../parts/part.ts';
import type { Second } from '../watch.ts';
import { goalsOf } from './goals.ts';
import { charts, type Panel } from './svg.ts';

export interface Report {
  at: string;
  command: string;
  commit: string;
  machine: string;
  podNode: string;
  /** The load average over the minute before the start, which shows other load on the machine. */
  loadAverage: number;
  accounts: number;
  seconds: number;
  turnSeconds: number;
  parts: readonly Pick<Part, 'name' | 'title'>[];
  found: ReadonlyMap<string, Found>;
  reconciliation: Reconciliation;
}

/** Writes RESULTS.md, the charts and the raw figures. */
export function writeReport(folder: string, report: Report): void {
  const results = join(folder, 'results');
  mkdirSync(results, { recursive: true });
  const raw = `${report.at.slice(0, 19).replaceAll(/[:T]/g, '-')}.json`;
  const figures = Object.fromEntries(report.found);
  writeFileSync(join(results, raw), `${JSON.stringify({ ...report, found: figures }, null, 1)}\n`);
  for (const { name, title } of report.parts) {
    const seconds = report.found.get(name)?.seconds ?? [];
    if (seconds.length > 1) writeFileSync(join(results, `${name}.svg`), picture(title, seconds));
  }
  writeFileSync(join(folder, 'RESULTS.md'), textOf(report, raw));
}

function textOf(report: Report, raw: string): string {
  const { at, command, commit, machine, podNode, loadAverage, accounts, seconds, turnSeconds, parts, found } = report;
  const sections = parts.map(({ name, title }) => section(name, title, found.get(name)));
  return `# Load test

Written by \`${command}\` on ${at.slice(0, 10)}, at commit ${commit}, on ${machine}; pods under Node.js ${podNode}. The
generator, API pod, keeper, Redis (AOF always) and MariaDB (durable commits, binlog) share that machine. Its load average before the
start was ${loadAverage}. ${accounts.toLocaleString('en')} accounts; ${seconds} s per part, ${turnSeconds} s per turn when variants are compared. Raw figures: \`results/${raw}\`.

${goalTable(found)}

${coresNeeded(found)}

${booksLine(report.reconciliation)}

For the cost by number of accounts and length of history see [GROWTH.md](GROWTH.md).

${sections.join('\n')}`;
}

export function goalTable(found: ReadonlyMap<string, Found>): string {
  const word = (met: boolean | null) => (met === null ? '' : met ? 'met' : '**missed**');
  const rows = goalsOf(found).map(
    ({ what, goal, measured, met }) => `| ${what} | ${goal} | ${measured} | ${word(met)} |`,
  );
  return ['| what | goal | measured | |', '|---|---|---|---|', ...rows].join('\n');
}

const CORE_MICROS = 1e6;
const GOALS = { single: 10_000, batch100: 50_000 };

/** Computes how many cores the goal requires, from the CPU time of every process. */
function coresNeeded(found: ReadonlyMap<string, Found>): string {
  const lines = Object.entries(GOALS).flatMap(([name, goal]) => {
    const { figures } = found.get(name) ?? { figures: {} };
    const parts = Object.entries(figures).filter(([figure]) => figure.startsWith('cpu '));
    if (parts.length === 0) return [];
    const micros = parts.reduce((sum, [, value]) => sum + value, 0);
    const named = parts.map(([figure, value]) => `${figure.slice('cpu '.length, -', µs'.length)} ${value}`).join(', ');
    return [
      `- ${name}: ${micros.toFixed(1)} µs of CPU per transfer (${named}), so ${goal.toLocaleString('en')}/s, persisted without delay, require ${((micros * goal) / CORE_MICROS).toFixed(1)} cores.`,
    ];
  });
  return lines.join('\n');
}

function booksLine({ clean, report, seconds }: Reconciliation): string {
  const number = (key: string) => Number(report[key] ?? 0).toLocaleString('en');
  if (!clean)
    return `**The reconciliation found drift, so this result is invalid**: ${JSON.stringify(report).slice(0, 300)}`;
  return `Reconciliation at the end (${seconds.toFixed(1)} s): no drift, ${number('transfers')} transfers, ${number('cachedAccounts')} cached accounts.`;
}

function section(name: string, title: string, found: Found | undefined): string {
  if (!found) return '';
  const rows = Object.entries(found.figures)
    .filter(([what]) => what !== '/s' || !('Holdfast, /s' in found.figures))
    .map(
      ([what, value]) =>
        `| ${what === '/s' ? '**successful, /s**' : what} | ${Number.isFinite(value) ? value.toLocaleString('en') : ''} |`,
    );
  const image = (found.seconds?.length ?? 0) > 1 ? `\n![${title}](results/${name}.svg)\n` : '';
  return `## ${name}: ${title}\n\n| | |\n|---|---|\n${rows.join('\n')}\n${image}`;
}

function picture(title: string, seconds: readonly Second[]): string {
  const line = (name: string, value: (second: Second) => number) => ({
    name,
    points: seconds.map((second) => [second.atS, value(second)] as const),
  });
  const panels: Panel[] = [
    { title: 'requests answered per second', lines: [line('answered', (s) => s.perSecond)] },
    { title: 'latency measured by the pods, ms', lines: [line('p50', (s) => s.p50Ms), line('p99', (s) => s.p99Ms)] },
    {
      title: 'time from acceptance to commit, ms',
      lines: [line('p50', (s) => s.lagP50Ms), line('p99', (s) => s.lagP99Ms)],
    },
  ];
  const drawn = panels.filter(({ lines }) => lines.some(({ points }) => points.some(([, y]) => Number.isFinite(y))));
  return charts(title, { title: 'seconds' }, drawn);
}
