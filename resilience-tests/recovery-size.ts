/**
 * Tests whether a keeper with the chart's memory limit can end an epoch with the largest backlog, in every possible
 * way, and whether an operator can see its progress and what is waiting. Uses real stores and processes of its own.
 */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCommandLine, text, wholeNumber } from '../app/config/command-line.mjs';
import type { Authority } from '../app/domain/authority.ts';
import type { Recovery } from '../app/journal/recovery/recovery.ts';
import type { UnsettledReport } from '../app/mysql/authority/unsettled-store.ts';
import { temporaryFolder } from '../devstack/testing/temporary.mjs';
import { LargeEpoch } from './harness/large-epoch.ts';
import { MeasuredRole } from './harness/measured-role.ts';

const { values } = readCommandLine({
  name: 'npx tsx resilience-tests/recovery-size.ts',
  about: 'Recovers an epoch with a large backlog in every possible way, with a keeper that has little memory.',
  options: {
    outcomes: wholeNumber('outcomes in the journal', { min: 1, fallback: 2_000_000 }),
    bytes: wholeNumber('bytes of metadata of each transfer', { min: 1, fallback: 920 }),
    heap: wholeNumber('maximum heap of a process, MiB: half of its memory, the default of Node.js in a container', {
      min: 1,
      fallback: 256,
    }),
    memory: wholeNumber('total memory that a process may use, MiB', { min: 1, fallback: 512 }),
    minutes: wholeNumber('how long each way may take', { min: 1, fallback: 60 }),
    only: text('WAYS', 'only these ways, separated by commas: hand-overs, loss, given-up, held, journal'),
  },
});
const LOOK_EVERY_MS = 500;
const NO_REDIS = 'redis://127.0.0.1:1';
const POSTED = values.outcomes;
const SETTLED = values.outcomes + 1;

const opened = ({ mode }: Authority): boolean => mode === 'DIRECT';
const allRecovered = ({ mode, cacheEpoch }: Authority): boolean => mode === 'DIRECT' && cacheEpoch === null;

const dir = temporaryFolder();
const failures: string[] = [];
try {
  await run();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
if (failures.length > 0) console.error(`FAILED:\n${failures.join('\n')}`);
process.exitCode = failures.length > 0 ? 1 : 0;

async function run(): Promise<void> {
  const since = performance.now();
  await using epoch = await LargeEpoch.make({ dir, outcomes: values.outcomes, metadataBytes: values.bytes });
  const [size] = await epoch.database.rows<{ mb: number }>(
    'SELECT ROUND(SUM(payload_bytes) / 1e6) AS mb FROM drained_entries',
  );
  console.log(
    `${values.outcomes} outcomes with ${size?.mb} MB of payload, written and handed over in ${seconds(since)} s`,
  );
  await using api = await start('api', epoch, NO_REDIS);
  const ways = { 'hand-overs': fromHandOvers, loss, 'given-up': givenUp, held, journal };
  const wanted = values.only?.split(',') ?? Object.keys(ways);
  for (const [name, way] of Object.entries(ways)) {
    if (wanted.includes(name)) await way(epoch, api);
  }
}

/** Recovers from what was handed over. Then Redis comes back, and its journal contains the one missing outcome. */
async function fromHandOvers(epoch: LargeEpoch, api: MeasuredRole): Promise<void> {
  await epoch.close();
  await recovered(epoch, api, { what: 'from hand-overs', redisUrl: NO_REDIS, until: opened, posted: POSTED });
  await recovered(epoch, api, {
    what: 'late, all posted',
    redisUrl: epoch.redisUrl,
    until: allRecovered,
    posted: SETTLED,
  });
}

/** Accepts the loss while the ledger is closed. */
async function loss(epoch: LargeEpoch, api: MeasuredRole): Promise<void> {
  await epoch.close();
  await epoch.acceptLoss();
  await recovered(epoch, api, { what: 'accepted loss', redisUrl: NO_REDIS, until: allRecovered, posted: POSTED });
}

/** Like `loss`, but nothing that was handed over follows the state of the books, so all of it is given up. */
async function givenUp(epoch: LargeEpoch, api: MeasuredRole): Promise<void> {
  await epoch.close();
  await epoch.turnSettingsBack();
  await epoch.acceptLoss();
  await recovered(epoch, api, {
    what: 'accepted loss, all given up',
    redisUrl: NO_REDIS,
    until: allRecovered,
    posted: 0,
  });
  await listed(api, { dropped: values.outcomes + 2 });
}

/** Everything that was handed over is held; then Redis comes back, and its journal resolves it. */
async function held(epoch: LargeEpoch, api: MeasuredRole): Promise<void> {
  await epoch.close();
  await epoch.turnSettingsBack();
  await recovered(epoch, api, { what: 'from hand-overs, all held', redisUrl: NO_REDIS, until: opened, posted: 0 });
  await listed(api, { ids: SETTLED });
  await epoch.restoreSettings();
  await recovered(epoch, api, {
    what: 'late, all held',
    redisUrl: epoch.redisUrl,
    until: allRecovered,
    posted: SETTLED,
  });
}

/** Recovers from the journal, because a pod is missing and has not handed over. */
async function journal(epoch: LargeEpoch, api: MeasuredRole): Promise<void> {
  await epoch.close();
  await epoch.forgetHandOver();
  await recovered(epoch, api, { what: 'journal', redisUrl: epoch.redisUrl, until: allRecovered, posted: SETTLED });
}

interface Way {
  what: string;
  redisUrl: string;
  until(now: Authority): boolean;
  posted: number;
}

/** Runs a keeper until the ledger has reached the given state, and collects what the status shows during that time. */
async function recovered(epoch: LargeEpoch, api: MeasuredRole, { what, redisUrl, until, posted }: Way): Promise<void> {
  const since = performance.now();
  await using keeper = await start('keeper', epoch, redisUrl);
  const seen = new Map<string, number>();
  while (!until(await epoch.authority.read())) {
    if (!keeper.alive) {
      failures.push(`${what}: the keeper died after ${seconds(since)} s`);
      console.error(keeper.log.slice(-2_000));
      return;
    }
    if (performance.now() - since > values.minutes * 60_000) {
      failures.push(`${what}: not finished after ${values.minutes} min`);
      return;
    }
    const { recovery } = (await api.get('/v1/ops/status')).json as { recovery: Recovery | null };
    if (recovery) seen.set(recovery.phase, (seen.get(recovery.phase) ?? 0) + 1);
    await sleep(LOOK_EVERY_MS);
  }
  const tookS = seconds(since);
  const said = keeper.log.split('"the epoch is being recovered"').length - 1;
  const phases = [...seen.keys()].join(', ') || 'nothing';
  console.log(
    `${what}: ${tookS} s, ${posted} posted, keeper ${keeper.peakMiB} MiB and ${keeper.cpuSeconds} s of CPU; status showed ${phases}; ${said} lines of progress`,
  );
  const wrong = await epoch.wrongWith(posted);
  if (wrong) failures.push(`${what}: ${wrong}`);
  if (keeper.peakMiB > values.memory) failures.push(`${what}: peak ${keeper.peakMiB} MiB, limit ${values.memory}`);
}

/**
 * Requests the list of unsettled items, as an operator would, and measures the time and memory that it costs the pod.
 */
async function listed(api: MeasuredRole, expected: Partial<Record<keyof UnsettledReport, number>>): Promise<void> {
  const beforeMiB = api.forgetPeak();
  const since = performance.now();
  const { status, bytes, json } = await api.get('/v1/ops/unsettled');
  const report = json as UnsettledReport;
  const [name = 'ids', total] = Object.entries(expected)[0] as [keyof UnsettledReport, number];
  const { items, total: found } = report[name] ?? { items: [], total: 0 };
  console.log(
    `listing: ${items.length} of ${found} ${name} in ${seconds(since)} s, ${bytes} bytes, pod ${api.peakMiB} MiB (${beforeMiB} MiB before)`,
  );
  if (status !== 200 || found !== total) failures.push(`the listing: ${status}, ${found} of ${total} ${name}`);
  if (api.peakMiB > values.memory) failures.push(`the listing: peak ${api.peakMiB} MiB, limit ${values.memory}`);
}

function start(role: 'api' | 'keeper', epoch: LargeEpoch, redisUrl: string): Promise<MeasuredRole> {
  return MeasuredRole.start(role, { dir, mysqlUrl: epoch.mysqlUrl, redisUrl, heapMiB: values.heap });
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
