/** Measures transfers inside a shard and between two shards, on three shards of this machine, in alternating turns. */
import { readCommandLine, wholeNumber } from '../app/config/command-line.mjs';
import { exitOnSignals, median } from '../verification/harness/command.ts';
import { PrivateStack, type StackFile } from '../verification/harness/stack.ts';
import { now, sleep } from '../verification/harness/time.ts';
import { commit, machine, round } from './measure.ts';
import { openShardAccounts, type Path, type Turn, turn, untilIdle } from './parts/crossings.ts';

const SHARDS = 3;
const WARM_UP_SECONDS = 5;
const IDLE_SECONDS = 10;

exitOnSignals();
const { values } = readCommandLine({
  name: 'npx tsx loadtest/crossings.ts',
  about: 'Measures CPU time and latency of transfers inside a shard and between two shards, on three shards.',
  options: {
    rate: wholeNumber('transfers per second', { min: 1, max: 100_000, fallback: 200 }),
    seconds: wholeNumber('length of each turn', { min: 1, max: 600, fallback: 15 }),
    rounds: wholeNumber('number of rounds, with a turn of each kind', { min: 1, max: 100, fallback: 5 }),
  },
});
const { rate, seconds, rounds } = values;

await using stack = await PrivateStack.start({ env: { SHARDS: String(SHARDS) } });
const towns = await openShardAccounts(stack.file, SHARDS);
const paths: readonly Path[] = ['inside a shard', 'between two shards'];
const turns = new Map<Path, Turn[]>(paths.map((path) => [path, []]));
const run = (path: Path, length: number, idle: Record<string, number>) =>
  turn({ stack: stack.file, towns, path, perSecond: rate, seconds: length, idle });

for (const path of paths) await run(path, WARM_UP_SECONDS, {});
const idle = await idleCost(stack.file);
for (let round = 0; round < rounds; round++) {
  for (const path of round % 2 === 0 ? paths : paths.toReversed()) {
    const found = await run(path, seconds, idle);
    turns.get(path)?.push(found);
    console.log(`round ${round + 1}, ${path}: ${JSON.stringify(found)}`);
  }
}
console.log(`\n${machine()}, commit ${commit()}, ${rate}/s, medians of ${rounds} turns of ${seconds} s\n`);
console.log(table(paths.map((path) => [path, medians(turns.get(path) ?? [])])));

/** CPU time of each part per second without requests, ms. */
async function idleCost(file: StackFile): Promise<Record<string, number>> {
  const { cpu } = await untilIdle(file);
  const since = now();
  await sleep(IDLE_SECONDS * 1000);
  const { cpu: after } = await untilIdle(file);
  const passed = (now() - since) / 1000;
  return Object.fromEntries(Object.entries(after).map(([part, ms]) => [part, (ms - (cpu[part] ?? 0)) / passed]));
}

function medians(all: readonly Turn[]): Turn {
  const names = Object.keys(all[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(all.map((one) => one[name] ?? Number.NaN))]));
}

function table(columns: readonly (readonly [Path, Turn])[]): string {
  const names = Object.keys(columns[0]?.[1] ?? {});
  const rows = names.map(
    (name) => `| ${[name, ...columns.map(([, found]) => round(found[name] ?? Number.NaN, 1))].join(' | ')} |`,
  );
  const head = ['', ...columns.map(([path]) => path)];
  return [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows].join('\n');
}
