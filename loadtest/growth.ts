/**
 * Measures how the cost of a transfer grows with the number of accounts and with the length of the history. Each point
 * has its own folder in .local/growth, which is kept: a point that has been filled is not filled again, and one that
 * has been measured is not measured again (unless --again), so a run can be interrupted and continued later. Needs
 * about 15 GB of disk; delete .local/growth afterwards.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flag, readCommandLine, some, wholeNumber } from '../app/config/command-line.mjs';
import { exitOnSignals } from '../verification/harness/command.ts';
import { PrivateStack } from '../verification/harness/stack.ts';
import { reconcile } from './bank.ts';
import { fill } from './growth/fill.ts';
import { type Measured, measurePoint } from './growth/measure-point.ts';
import { POINTS, type Point } from './growth/points.ts';
import { writeGrowth } from './growth/write.ts';
import { machine } from './measure.ts';

const { values } = readCommandLine({
  name: 'npm run loadtest:growth --',
  about:
    'Measures how the cost of a transfer grows with the number of accounts and the length of the history, in .local/growth (about 15 GB).',
  options: {
    points: some(
      POINTS.map(({ name }) => name),
      'some points only',
    ),
    fill: flag('only fill the databases'),
    again: flag('also measure points that were already measured'),
    seconds: wholeNumber('for each point', { min: 1, max: 600, fallback: 15 }),
    reconcile: flag('also reconcile the books of each point'),
  },
});
const { seconds } = values;
const wanted = POINTS.filter(({ name }) => values.points?.includes(name) ?? true);
exitOnSignals();

const RESULTS = join(import.meta.dirname, 'results', 'growth.json');
const measured = new Map(readMeasured().map((one) => [one.name, one]));
for (const point of wanted) {
  if (!values.again && !values.fill && !values.reconcile && measured.has(point.name)) {
    console.log(`${point.name} has already been measured.`);
    continue;
  }
  await visit(point);
}
const all = POINTS.flatMap(({ name }) => measured.get(name) ?? []);
if (all.length > 0) writeGrowth(import.meta.dirname, 'npm run loadtest:growth', machine(), all);

async function visit(point: Point): Promise<void> {
  const dir = join(import.meta.dirname, '..', '.local', 'growth', point.name);
  mkdirSync(dir, { recursive: true });
  await using own = await PrivateStack.start({ dir });
  const since = performance.now();
  await fill(own.file.mysql, point);
  console.log(`${point.name}: filled (${((performance.now() - since) / 1000).toFixed(0)} s)`);
  if (values.reconcile) {
    const { clean, report, seconds: took } = await reconcile(own.file);
    console.log(`${point.name}: ${clean ? 'clean' : JSON.stringify(report).slice(0, 500)} (${took.toFixed(1)} s)`);
    if (!clean) process.exitCode = 1;
  }
  if (values.fill) return;
  const found = await measurePoint(own.file, point, seconds);
  measured.set(point.name, found);
  writeFileSync(RESULTS, `${JSON.stringify([...measured.values()], null, 1)}\n`);
  console.log(`${point.name}: ${found.figures['/s']}/s, ${JSON.stringify(found.figures)}`);
}

function readMeasured(): Measured[] {
  try {
    return JSON.parse(readFileSync(RESULTS, 'utf8')) as Measured[];
  } catch {
    return [];
  }
}
