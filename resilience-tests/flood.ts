/**
 * Floods a pod with pipelined requests without an API key, without reading the answers, while a well-behaved client
 * also sends requests. The pod's maximum heap is the same as in the chart's container of 1 GiB.
 */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCommandLine, text, wholeNumber } from '../app/config/command-line.mjs';
import { openAccounts } from '../loadtest/bank.ts';
import { PrivateStack, type StackFile } from '../verification/harness/stack.ts';
import { memoryBytes } from '../verification/harness/usage.ts';

const { values } = readCommandLine({
  name: 'npx tsx resilience-tests/flood.ts',
  about:
    'Floods a pod with pipelined requests without an API key, and measures its memory and the latency of a well-behaved client.',
  options: {
    seconds: wholeNumber('duration', { min: 5, max: 600, fallback: 60 }),
    connections: wholeNumber('of the flood', { min: 1, max: 1_000, fallback: 12 }),
    root: text('FOLDER', 'another checkout, for a comparison'),
  },
});

const MIB = 2 ** 20;
const HEAP_MIB = 512;
const RSS_MIB_MAX = 512;
const P99_MS_MAX = 500;
const HONEST_EVERY_MS = 50;

await using stack = await PrivateStack.start({
  env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` },
  ...(values.root && { root: values.root }),
});
const { file } = stack;
await openAccounts(file, 2);
const pid = file.pods.find(({ role }) => role === 'api')?.pid ?? 0;
const url = file.api[0] ?? '';
const flood = spawn(
  process.execPath,
  [join(import.meta.dirname, 'harness', 'flood-clients.mjs'), new URL(url).port, String(values.connections)],
  { stdio: 'inherit' },
);
process.once('exit', () => flood.kill());

let rssMiB = 0;
const latenciesMs: number[] = [];
const answers: Record<string, number> = {};
const until = performance.now() + values.seconds * 1_000;
while (performance.now() < until) {
  rssMiB = Math.max(rssMiB, Math.round(memoryBytes(pid) / MIB));
  const since = performance.now();
  const answer = await transfer(file);
  latenciesMs.push(performance.now() - since);
  answers[answer] = (answers[answer] ?? 0) + 1;
  await sleep(HONEST_EVERY_MS);
}
flood.kill();
latenciesMs.sort((a, b) => a - b);
const p99Ms = Math.round(latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0);
const isAlive = stack.file.pods.some((pod) => pod.pid === pid) && memoryBytes(pid) > 0;
const passed = isAlive && rssMiB < RSS_MIB_MAX && p99Ms < P99_MS_MAX;
console.log(
  `${values.connections} connections, ${values.seconds} s: the pod is ${isAlive ? 'alive' : 'dead'}, ${rssMiB} MiB at most (limit ${RSS_MIB_MAX}); ` +
    `well-behaved client: p99 ${p99Ms} ms (limit ${P99_MS_MAX}), answers ${JSON.stringify(answers)}: ${passed ? 'passed' : 'FAILED'}`,
);
process.exitCode = passed ? 0 : 1;

async function transfer({ apiKey }: StackFile): Promise<string> {
  try {
    const response = await fetch(`${url}/v1/transfers`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({
        sourceAccount: 'load-00000',
        destinationAccount: 'load-00001',
        amount: '0.01',
        currency: 'EUR',
      }),
      signal: AbortSignal.timeout(10_000),
    });
    await response.text();
    return String(response.status);
  } catch {
    return 'no answer';
  }
}
