import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { charts } from '../report/svg.ts';
import type { Measured } from './measure-point.ts';

const CPU = ['cpu api, µs', 'cpu keeper, µs', 'cpu redis, µs', 'cpu mysql, µs'];
const SHOWN = [
  '/s',
  'p95, ms',
  'p99, ms',
  ...CPU,
  'persisted including catch-up, /s',
  'flush lag p99, ms',
  'accounts in Redis',
  'accounts loaded into Redis, /s',
  'Redis memory per cached account, bytes',
  'ids in the window',
  'Redis memory per id, bytes',
];

/** Writes GROWTH.md and its charts from the points measured so far. */
export function writeGrowth(folder: string, command: string, machine: string, points: readonly Measured[]): void {
  const byAccounts = points.filter(({ history }) => history === 100_000);
  const byHistory = points.filter(({ accounts }) => accounts === 100_000);
  picture(
    folder,
    'growth-accounts',
    'Cost of a transfer by number of accounts',
    byAccounts,
    ({ accounts }) => accounts,
  );
  picture(folder, 'growth-history', 'Cost of a transfer by rows of history', byHistory, ({ history }) => history);
  const head = ['accounts / rows of history', ...points.map((p) => `${power(p.accounts)} / ${power(p.history)}`)];
  const rows = SHOWN.map((name) => [
    name === '/s' ? 'single transfers, /s' : name,
    ...points.map(({ figures }) => figures[name]?.toLocaleString('en') ?? ''),
  ]);
  const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const dates = [...new Set(points.map(({ at }) => at.slice(0, 10)))].join(', ');
  writeFileSync(
    join(folder, 'GROWTH.md'),
    `# Growth

Written by \`${command}\`, measured on ${dates} on ${machine}, which also ran the
generator and all processes. Single transfers between uniformly distributed accounts, 64 connections. Accounts and history were
inserted by bulk SQL, with the same rows that posting would have created. CPU times are per transfer.

${table}

[README.md](README.md#growth) explains the results.

![Cost by accounts](results/growth-accounts.svg)

![Cost by history](results/growth-history.svg)
`,
  );
}

const power = (value: number): string => `10^${Math.round(Math.log10(value))}`;

function picture(
  folder: string,
  name: string,
  title: string,
  points: readonly Measured[],
  x: (point: Measured) => number,
): void {
  if (points.length < 2) return;
  const line = (figure: string) => ({
    name: figure.replace(/^cpu |, µs$/g, ''),
    points: points.map((point) => [x(point), point.figures[figure] ?? Number.NaN] as const),
  });
  const axis = { title: name === 'growth-accounts' ? 'accounts' : 'rows of history', logarithmic: true };
  const panels = [
    { title: 'CPU per transfer, µs', lines: CPU.map(line) },
    { title: 'single transfers, /s', lines: [{ ...line('/s'), name: 'transfers' }] },
  ];
  writeFileSync(join(folder, 'results', `${name}.svg`), charts(title, axis, panels));
}
