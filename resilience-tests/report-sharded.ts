import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { entriesOf, type Findings, tableOf, today } from './report.ts';

const TITLE = '## Several shards';
const INTRO = `Each row is from the last run of its experiment, with three shards, about 120 requests per second (40 % of the transfers
between two shards, with holds and groups inside shards), and the same columns as above. \`valid\` also means: every \`in\` has its
\`out\`, every \`out\` has ended once, all crossings are closed, nothing is left in the transit accounts, and the reconciliation of every
shard is clean. The *time to switch* is that of the first shard that moved.`;

export const isSharded = (name: string): boolean => name.startsWith('shards-');

/** Replaces the rows of experiments with several shards, and keeps those of the others. */
export function saveSharded(path: string, findings: Findings): void {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const at = text.indexOf(TITLE);
  const [before, section] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at)];
  const entries = new Map<string, { row: string; details: string }>();
  for (const [row, name] of section.matchAll(/^\| (shards-\S+) \|.*$/gm)) {
    const [details = ''] = new RegExp(`^- \\*\\*${name}\\*\\*.*(\\n  - .*)*`, 'm').exec(section) ?? [];
    entries.set(name ?? '', { row, details });
  }
  for (const [name, { row, details }] of entriesOf(findings)) {
    if (!isSharded(name)) continue;
    const run = `  - run by \`npm run resilience -- ${name}\` on ${today()}`;
    entries.set(name, { row, details: `${details}\n${run}` });
  }
  if (entries.size === 0) return;
  const all = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  const table = tableOf(all.map(({ row }) => row));
  const details = all.map((entry) => entry.details).join('\n');
  writeFileSync(path, `${before.trimEnd()}\n\n${TITLE}\n\n${INTRO}\n\n${table}\n\n${details}\n`);
}
