import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { charts, type Panel } from '../../loadtest/report/svg.ts';
import type { Result } from './conduct.ts';

/** The results, for the terminal and as a page with pictures. */

const PICTURES = 'results-kubernetes';
const inSeconds = (ms: number | null): string => (ms === null ? 'not in time' : `${(ms / 1000).toFixed(1)} s`);

export function textOf({ name, passed, seconds, load, verdict, reconciled, measured, notes, wrongs }: Result): string {
  const lines = [
    `${passed ? 'passed' : 'FAILED'}  ${name} (${Math.round(seconds)} s): ${verdict.verdict}, books ${reconciled ? 'clean' : 'with drift'}`,
    `${load.requests} requests, ${load.failedFirst} first attempts failed; ${countsOf(load.failures)}`,
    `at most ${inSeconds(load.longestGapMs)} without a success; the longest wait of a client ${inSeconds(load.longestWaitMs)}; p50 ${load.p50Ms} ms, p99 ${load.p99Ms} ms`,
    `lost ${verdict.lost}, doubled ${verdict.doubled}, overdrawn ${verdict.overdrawn}`,
    ...measured.map(([what, ms]) => `${what}: ${inSeconds(ms)}`),
    ...notes,
    ...wrongs.map((wrong) => `WRONG: ${wrong}`),
    ...verdict.violations.slice(0, 10).map(({ kind, what }) => `${kind}: ${what}`),
  ];
  return lines.join('\n        ');
}

const countsOf = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([what, count]) => `${what} ${count}`)
    .join('; ') || 'no failures';

const COLUMNS = [
  'experiment',
  'requests',
  'first attempts failed',
  's without a success',
  'longest wait, s',
  'measured',
  'lost',
  'doubled',
  'overdrawn',
  'books',
  'verdict',
];
const rowOf = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

interface Report {
  results: readonly Result[];
  others: readonly { name: string; reason: string; skipped: boolean }[];
  /** Output of `kubectl version`. */
  version: string;
  nodes: number;
  command: string;
}

/** Writes the page, and a picture for each experiment in a folder next to it. */
export function writeReport(file: string, { results, others, version, nodes, command }: Report): void {
  const rows = results.map(({ name, load, measured, verdict, reconciled, passed }) =>
    rowOf([
      name,
      load.requests,
      load.failedFirst,
      (load.longestGapMs / 1000).toFixed(1),
      (load.longestWaitMs / 1000).toFixed(1),
      measured.map(([what, ms]) => `${what} ${inSeconds(ms)}`).join('; '),
      verdict.lost,
      verdict.doubled,
      verdict.overdrawn,
      reconciled ? 'clean' : 'drift',
      passed ? verdict.verdict : `**${verdict.verdict}, not as expected**`,
    ]),
  );
  const { gitVersion = 'unknown' } = JSON.parse(version).serverVersion ?? {};
  const [first] = results;
  const sections = results.map((result) => {
    writeFileSync(join(dirname(file), PICTURES, `${result.name}.svg`), pictureOf(result));
    return sectionOf(result);
  });
  const rest = others.map(
    ({ name, reason, skipped }) => `- **${name}** was ${skipped ? 'skipped' : 'not completed'}: ${reason}`,
  );
  writeFileSync(
    file,
    `# Results on Kubernetes

Written by \`${command}\` on ${new Date().toISOString().slice(0, 10)}, on Kubernetes ${gitVersion} with ${nodes} nodes; ${first?.rate ?? 0} requests per second
by ${first?.generator === 'k6' ? 'k6 in the cluster, half of them with `Connection: close`' : 'the recorder in the cluster, half of them over a new connection each'}. An attempt without an answer is given up
after 3 s and repeated under the same id. *First attempts failed*: transfers whose first attempt got no outcome, and reads without a balance. *Longest wait*: from
the first attempt of a transfer to its outcome, for a client that retries. *Verdict*: the checker compared every answer with MySQL.

${rowOf(COLUMNS)}
${rowOf(COLUMNS.map(() => '---'))}
${rows.join('\n')}

${rest.join('\n')}

${sections.join('\n\n')}
`,
  );
}

function sectionOf({ name, expectation, timeline, notes, wrongs, load }: Result): string {
  const lines = [
    ...wrongs.map((wrong) => `**not as expected**: ${wrong}`),
    `timeline: ${timeline.map(([what, seconds]) => `${seconds.toFixed(1)} s ${what}`).join('; ')}`,
    ...(load.failedFirst > 0 ? [`failed first attempts: ${countsOf(load.failures)}`] : []),
    ...notes,
  ];
  return `## ${name}\n\n${expectation}\n\n${lines.map((line) => `- ${line}`).join('\n')}\n\n![${name}](${PICTURES}/${name}.svg)`;
}

function pictureOf({ name, samples, successes }: Result): string {
  const line = (title: string, points: readonly (readonly [number, number])[]) => ({ name: title, points });
  const pods = [
    line(
      'ready',
      samples.map(({ seconds, ready }) => [seconds, ready] as const),
    ),
    line(
      'endpoints',
      samples.map(({ seconds, endpoints }) => [seconds, endpoints] as const),
    ),
  ];
  const desired = samples.flatMap(({ seconds, desired: count }) => (count === null ? [] : [[seconds, count] as const]));
  if (desired.length > 0) pods.push(line('desired by the HPA', desired));
  const panels: Panel[] = [
    { title: 'API pods', lines: pods },
    {
      title: 'transfers with an outcome per second',
      lines: [
        line(
          'transfers',
          successes.map((count, second) => [second, count] as const),
        ),
      ],
    },
  ];
  return charts(name, { title: 'seconds' }, panels);
}
