import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Result } from './harness/experiment.ts';
import { isSharded, saveSharded } from './report-sharded.ts';

/** A test without a verdict. */
export interface Broken {
  name: string;
  reason: string;
}

/** A test that cannot run on this machine. */
export interface Skipped {
  name: string;
  reason: string;
}

/** For the terminal. */
export function textOf(result: Result): string {
  const { name, verdict, passed, requests, ok, failed, onceUnknown, lost, doubled, overdrawn } = result;
  const line = [
    `${passed ? 'passed' : 'FAILED'}  ${name}: ${verdict} (${Math.round(result.seconds)} s)`,
    `${requests} requests, ${Math.round(result.steadyRate)} transfers/s before; ids: ${ok} ok, ${failed} failed, ${onceUnknown} once unknown`,
    `lost ${lost}, doubled ${doubled}, overdrawn ${overdrawn}; ${result.errors} responses without an outcome`,
    `at most ${inSeconds(result.pauseMs)} s without a success; the longest wait ${inSeconds(result.waitMsMax)} s; time to switch ${inSeconds(result.switchMs)}`,
  ];
  const violations = result.violations.slice(0, 20).map(({ kind, what }) => `${kind}: ${what}`);
  return [
    ...line,
    ...result.wrongs.map((wrong) => `WRONG: ${wrong}`),
    ...result.late.map((late) => `LATE: ${late}`),
    ...result.notes,
    ...violations,
  ].join('\n        ');
}

const inSeconds = (ms: number | null): string => (ms === null ? '–' : (ms / 1000).toFixed(1));

const COLUMNS = [
  'fault',
  'transfers/s before',
  'requests',
  'ok',
  'failed',
  'once unknown',
  'unknown',
  'errors',
  'longest wait, s',
  's without a success',
  'time to switch, s',
  'lost',
  'doubled',
  'overdrawn',
  'books',
  'verdict',
];

function cellsOf(result: Result): (string | number)[] {
  return [
    result.name,
    Math.round(result.steadyRate),
    result.requests,
    result.ok,
    result.failed,
    result.onceUnknown,
    result.unknown,
    result.errors,
    inSeconds(result.waitMsMax),
    inSeconds(result.pauseMs),
    inSeconds(result.switchMs),
    result.lost,
    result.doubled,
    result.overdrawn,
    result.reconciled ? 'clean' : 'drift',
    verdictOf(result),
  ];
}

const rowOf = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
const emptyRow = (name: string, verdict: string): string =>
  rowOf([name, ...Array.from({ length: COLUMNS.length - 2 }, () => '–'), verdict]);

/** What a run found out. */
export interface Findings {
  results: readonly Result[];
  broken: readonly Broken[];
  skipped: readonly Skipped[];
  command: string;
}

/** The row and the details of each experiment, by its name. */
export function entriesOf({ results, broken, skipped }: Findings): Map<string, { row: string; details: string }> {
  const entries = new Map<string, { row: string; details: string }>();
  for (const result of results) {
    const { name, expectation, pauseMsMax, notes, wrongs, late } = result;
    const limit = `Expected: at most ${pauseMsMax / 1000} s without a success.`;
    const lines = [...[...wrongs, ...late].map((wrong) => `**not as expected**: ${wrong}`), ...notes];
    const details = [`- **${name}**: ${expectation} ${limit}`, ...lines.map((line) => `  - ${line}`)].join('\n');
    entries.set(name, { row: rowOf(cellsOf(result)), details });
  }
  for (const { name, reason } of skipped)
    entries.set(name, { row: emptyRow(name, 'skipped'), details: `- **${name}** was skipped: ${reason}` });
  for (const { name, reason } of broken)
    entries.set(name, {
      row: emptyRow(name, '**not completed**'),
      details: `- **${name}** was not completed: ${reason}`,
    });
  return entries;
}

/** Writes RESULTS.md, which each complete run replaces. */
export function writeResults(path: string, findings: Findings): void {
  const { command, results } = findings;
  const all = entriesOf(findings);
  const own = [...all].flatMap(([name, entry]) => (isSharded(name) ? [] : [entry]));
  const text = `# Resilience test results

Written by \`${command}\` on ${today()}${results.some(({ short }) => short) ? ' (short runs)' : ''}, on ${availableParallelism()} cores shared by the load, the pods and the stores.

Ids: *ok* have a known outcome (posted, or refused by a rule). *Failed* ids were refused in every attempt, so they must not be in
MySQL. *Once unknown* ids had no known outcome at first; *unknown* ids still have none at the end. *Errors* are attempts (a batch of
ten counts ten times) that got a response without an outcome, except for errors that the client caused itself. The *longest wait* is the longest
time until any response, for clients that wait up to 15 s. *Time to switch* is the time from the fault to the first mode in which
balances can change again, if the authority moved. \`valid\` means: nothing is lost, doubled or overdrawn, versions have no gaps, the
arithmetic is correct, limits were enforced, no response was outdated, and every outcome is known.

${tableOf(own.map(({ row }) => row))}

${own.map(({ details }) => details).join('\n')}
`;
  writeFileSync(path, text);
  saveSharded(path, findings);
}

export const tableOf = (rows: readonly string[]): string =>
  [rowOf(COLUMNS), rowOf(COLUMNS.map(() => '---')), ...rows].join('\n');
export const today = (): string => new Date().toISOString().slice(0, 10);

function verdictOf({ verdict, passed, counts }: Result): string {
  if (passed) return verdict;
  const found = Object.entries(counts).map(([kind, count]) => `${kind} ${count}`);
  return `**${found.length > 0 ? `${verdict}: ${found.join(', ')}` : `${verdict}, not as expected`}**`;
}
