/**
 * Measures how long a killed pod is unavailable under load: from the start of its process to the first 200 of
 * `/readyz`.
 */

import { setMaxListeners } from 'node:events';
import { readCommandLine } from '../app/config/command-line.mjs';
import { Client } from '../verification/harness/client.ts';
import { Cluster } from '../verification/harness/cluster.ts';
import { median } from '../verification/harness/command.ts';
import type { Service } from '../verification/harness/service.ts';
import { now, sleep, until } from '../verification/harness/time.ts';
import { openAccounts } from '../verification/load/ledger.ts';
import { Load, STEADY_LOAD } from '../verification/load/load.ts';
import { smallTown } from '../verification/load/population.ts';
import { Recorder } from '../verification/load/recorder.ts';

readCommandLine({
  name: 'npx tsx resilience-tests/restart-time.ts',
  about: 'Measures how long a killed pod is unavailable, nine times in each mode.',
  options: {},
});

const TIMES = 9;
const READY_MS_MAX = 30_000;
const RETIRED_MS_MAX = 90_000;
const LOOK_EVERY_MS = 5;

async function restartMs(pod: Service): Promise<number> {
  await pod.kill();
  const since = now();
  pod.launch();
  while (!(await isReady(pod))) {
    if (now() - since > READY_MS_MAX) throw new Error(`${pod.name} was not ready within ${READY_MS_MAX} ms`);
    await sleep(LOOK_EVERY_MS);
  }
  return now() - since;
}

const isReady = (pod: Service): Promise<boolean> =>
  fetch(`${pod.url}/readyz`).then(
    async (response) => {
      await response.text();
      return response.ok;
    },
    () => false,
  );

async function measure(what: string, pod: Service): Promise<void> {
  const times: number[] = [];
  for (let time = 0; time < TIMES; time++) times.push(await restartMs(pod));
  const [least, middle, most] = [Math.min(...times), median(times), Math.max(...times)].map(Math.round);
  console.log(`${what}: median ${middle} ms, from ${least} to ${most} ms, in ${TIMES} restarts`);
}

await using cluster = await Cluster.start();
using client = new Client(() => cluster.addresses, cluster.file.apiKey);
const population = smallTown('restart:');
await openAccounts(client, population.accounts);
const stop = new AbortController();
setMaxListeners(0, stop.signal); // every worker adds a listener
const running = new Load(client, new Recorder(population.accounts), population).run(STEADY_LOAD, stop.signal);
await measure('Redis has the authority, 400 requests/s', cluster.pod(0));
// A pod that died just before Redis did would keep the ledger closed, so the killed pods' ids must be retired first.
await until(
  'the killed pods are retired',
  RETIRED_MS_MAX,
  async () => (await cluster.query('SELECT 1 FROM pods')).length === 3,
);
await cluster.redis.kill();
await cluster.untilMode('DIRECT', READY_MS_MAX);
await until('all serve', READY_MS_MAX, () => isReady(cluster.pod(1)));
await measure('Redis is unavailable, 400 requests/s on MySQL', cluster.pod(0));
stop.abort();
await running;
