import { writeFileSync } from 'node:fs';
import type { Result } from './harness/experiment.ts';

/** A test that did not come to a verdict. */
export interface Broken {
  name: string;
  reason: string;
}

/** For the terminal. */
export function textOf(result: Result): string {
  const { name, verdict, passed, requests, ok, failed, onceUnknown, pauseMs, lost, doubled, overdrawn, seconds } =
    result;
  const line = [
    `${passed ? 'passed' : 'FAILED'}  ${name}: ${verdict} (${Math.round(seconds)} s)`,
    `${requests} requests; ids: ${ok} ok, ${failed} failed, ${onceUnknown} once unknown`,
    `lost ${lost}, doubled ${doubled}, overdrawn ${overdrawn}; at most ${inSeconds(pauseMs)} s without a success`,
  ];
  const violations = result.violations.slice(0, 20).map(({ kind, what }) => `${kind}: ${what}`);
  return [...line, ...result.notes, ...violations].join('\n        ');
}

const inSeconds = (ms: number): string => (ms / 1000).toFixed(1);

/** RESULTS.md: replaced by each run of all. */
export function writeResults(
  path: string,
  { results, broken, command }: { results: readonly Result[]; broken: readonly Broken[]; command: string },
): void {
  const rows = results.map((result) => {
    const { name, requests, ok, failed, onceUnknown, unknown, pauseMs, lost, doubled, overdrawn, reconciled } = result;
    const cells = [name, requests, ok, failed, onceUnknown, unknown, inSeconds(pauseMs), lost, doubled, overdrawn];
    return `| ${[...cells, reconciled ? 'clean' : 'drift', verdictOf(result)].join(' | ')} |`;
  });
  for (const { name } of broken) rows.push(`| ${name} |${' – |'.repeat(10)} **not run to its end** |`);
  const details = results.map(({ name, expectation, pauseMsMax, notes }) => {
    const limit = `At most ${pauseMsMax / 1000} s without a success are expected.`;
    return [`- **${name}**: ${expectation} ${limit}`, ...notes.map((note) => `  - ${note}`)].join('\n');
  });
  for (const { name, reason } of broken) details.push(`- **${name}** was not run to its end: ${reason}`);
  const text = `# Faults for real

Written by \`${command}\` on ${new Date().toISOString().slice(0, 10)}${results.some(({ short }) => short) ? ' (short runs)' : ''}. Ids: *ok* have a known outcome (posted, or refused by a rule),
*failed* were refused in every attempt and so must not be in MySQL, *once unknown* were answered by no outcome at first, *unknown* still at
the end. Then the longest time without a posted transfer under load, and what the checker found. \`valid\` means: nothing lost,
doubled or overdrawn, no gap, right arithmetic, no stale answer, and every outcome known.

| fault | requests | ok | failed | once unknown | unknown | s without a success | lost | doubled | overdrawn | books | verdict |
|---|---|---|---|---|---|---|---|---|---|---|---|
${rows.join('\n')}

${details.join('\n')}
`;
  writeFileSync(path, text);
}

function verdictOf({ verdict, passed, counts }: Result): string {
  if (passed) return verdict;
  const found = Object.entries(counts).map(([kind, count]) => `${kind} ${count}`);
  return `**${found.length > 0 ? `${verdict}: ${found.join(', ')}` : `${verdict}, not as expected`}**`;
}
