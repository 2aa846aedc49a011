import { parseArgs } from 'node:util';
import { runMany } from './many.ts';
import { assemblyOf } from './mutants/all.ts';
import { type RunResult, runSeed } from './world/run-seed.ts';
import { themeNamed } from './world/themes.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    mutant: { type: 'string' },
    theme: { type: 'string' },
  },
});
const VIOLATIONS_SHOWN = 3;
const PROGRESS_EVERY_MS = 10_000;
const mutant = values.mutant ?? null;
const theme = values.theme === undefined ? null : themeNamed(values.theme);

if (values.seed === undefined) await runAll();
else await replay(Number(values.seed));

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
  const from = Number(values.from);
  const started = performance.now();
  let shownAt = started;
  const share = { from, to: from + Number(values.seeds), mutant, theme };
  const tally = await runMany(share, Number(values.workers), ({ runs, failed }) => {
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

function show({ seed, ending, violations }: RunResult, max: number): void {
  for (const { kind, what } of violations.slice(0, max)) console.log(`seed ${seed} (${ending}) ${kind}: ${what}`);
}
