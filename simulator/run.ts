import { flag, readCommandLine, text, wholeNumber } from '../app/config/command-line.mjs';
import { runMany, runManySharded } from './many.ts';
import { assemblyOf, shardedAssemblyOf } from './mutants/all.ts';
import { runSharded } from './shards/run-sharded.ts';
import { type RunResult, runSeed } from './world/run-seed.ts';
import { themeNamed } from './world/themes.ts';

const { values } = readCommandLine({
  name: 'npm run simulate --',
  about:
    'Runs the protocol against models of Redis and MySQL, one world per seed. Exit code 1 if an invariant is violated.',
  options: {
    seeds: wholeNumber('number of seeds', { min: 1, fallback: 2000 }),
    from: wholeNumber('the first seed', { min: 0, fallback: 1 }),
    workers: wholeNumber('threads', { min: 1, max: 1024, fallback: 2 }),
    seed: wholeNumber('replay one seed', { min: 0 }),
    trace: flag('with --seed: print every step'),
    theme: text('NAME', 'the theme of the worlds, instead of a random one'),
    sharded: flag('worlds with several shards; they have no themes'),
    mutant: text('NAME', 'break one rule of the protocol on purpose'),
  },
});
const VIOLATIONS_SHOWN = 3;
const PROGRESS_EVERY_MS = 10_000;
const mutant = values.mutant ?? null;
const theme = values.theme === undefined ? null : themeNamed(values.theme);

if (values.sharded) await (values.seed === undefined ? runAllSharded() : replaySharded(values.seed));
else if (values.seed === undefined) await runAll();
else await replay(values.seed);

async function replay(seed: number): Promise<void> {
  const run = await runSeed(seed, {
    assembly: assemblyOf(mutant),
    theme,
    trace: values.trace ? (line) => console.log(line) : null,
  });
  show(run, run.violations.length);
  console.log(`seed ${seed}: ${run.ending}, hash ${run.hash}, ${run.steps} steps, ${run.violations.length} violations`);
  process.exitCode = run.violations.length > 0 ? 1 : 0;
}

async function runAll(): Promise<void> {
  assemblyOf(mutant);
  const { from } = values;
  const started = performance.now();
  let shownAt = started;
  const share = { from, to: from + values.seeds, mutant, theme };
  const tally = await runMany(share, values.workers, ({ runs, failed }) => {
    if (performance.now() - shownAt < PROGRESS_EVERY_MS) return;
    shownAt = performance.now();
    console.log(`${runs} seeds, ${failed.length} failed`);
  });
  const seconds = (performance.now() - started) / 1000;
  for (const run of tally.failed) show(run, VIOLATIONS_SHOWN);
  const { runs, failed, endings, steps, transfers, epochs } = tally;
  console.log(
    `${runs} seeds in ${seconds.toFixed(0)} s (${((seconds * 1000) / runs).toFixed(1)} ms each), ${failed.length} failed; ` +
      `endings ${JSON.stringify(endings)}; on average ${(steps / runs).toFixed(0)} steps, ` +
      `${(transfers / runs).toFixed(0)} transfers, ${(epochs / runs).toFixed(1)} epochs`,
  );
  process.exitCode = failed.length > 0 ? 1 : 0;
}

async function replaySharded(seed: number): Promise<void> {
  const trace = values.trace ? (line: string) => console.log(line) : null;
  const run = await runSharded(seed, { assembly: shardedAssemblyOf(mutant), trace });
  show({ ...run, ending: `${run.shards} shards` }, run.violations.length);
  console.log(`seed ${seed}: hash ${run.hash}, ${run.steps} steps, ${run.violations.length} violations`);
  process.exitCode = run.violations.length > 0 ? 1 : 0;
}

async function runAllSharded(): Promise<void> {
  shardedAssemblyOf(mutant);
  const { from } = values;
  const started = performance.now();
  let shownAt = started;
  const share = { from, to: from + values.seeds, mutant };
  const tally = await runManySharded(share, values.workers, (so) => {
    if (performance.now() - shownAt < PROGRESS_EVERY_MS) return;
    shownAt = performance.now();
    console.log(`${so.runs} seeds, ${so.failed.length} failed`);
  });
  const { runs, failed, crossings, transfers, losses, reversals, epilogues } = tally;
  const seconds = (performance.now() - started) / 1000;
  for (const run of failed) show({ ...run, ending: `${run.shards} shards` }, VIOLATIONS_SHOWN);
  console.log(
    `${runs} seeds in ${seconds.toFixed(0)} s (${((seconds * 1000) / runs).toFixed(1)} ms each), ${failed.length} failed; ` +
      `${transfers} transfers inside shards, transfers between shards ${JSON.stringify(crossings)}; ${losses} accepted losses, ${reversals} reversals, ` +
      `epilogues ${JSON.stringify(epilogues)}`,
  );
  process.exitCode = failed.length > 0 ? 1 : 0;
}

function show(
  { seed, ending, violations }: Pick<RunResult, 'seed' | 'violations'> & { ending: string },
  max: number,
): void {
  for (const { kind, what } of violations.slice(0, max)) console.log(`seed ${seed} (${ending}) ${kind}: ${what}`);
}
